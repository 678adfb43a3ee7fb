use super::*;
use crate::model::{ColumnType, EnumType, Field, ModelDef, NativeType, Registry, TableName};
use crate::value::SqlType;

fn schema() -> Arc<Schema> {
    let mut registry = Registry::new();
    let mood =
        Arc::new(EnumType { schema: None, name: "mood".into(), labels: vec!["good".into(), "bad".into()] });
    let fields = vec![
        Field::new("id", ColumnType::Integer).key().numbered(),
        Field::new("name", ColumnType::Text).required(),
        Field::new("mood", ColumnType::Enum(mood)),
    ];
    let pair = vec![
        Field::new("a", ColumnType::Integer).key(),
        Field::new("b", ColumnType::Text).key(),
        Field::new("order", ColumnType::Text),
    ];
    for (name, table, fields) in [("User", "users", fields), ("Pair", "pairs", pair)] {
        let def = ModelDef { module: "app".into(), ..ModelDef::new(name, table, fields) };
        registry.declare(def).unwrap();
    }
    registry.freeze().unwrap()
}

fn plans() -> [Plans; 2] {
    [Plans::new(&Dialect::POSTGRES), Plans::new(&Dialect::SQLITE)]
}

#[test]
fn one_row_is_written_with_values() {
    let schema = schema();
    let user = schema.model(ModelId(0));
    let [postgres, sqlite] = plans();
    let fields = [FieldId(1), FieldId(2)];
    let text = postgres.insert(user, &fields, false, &[FieldId(0)]);
    assert_eq!(text.sql, "INSERT INTO users (name, mood) VALUES ($1, $2) RETURNING id");
    assert_eq!(text.columns.as_deref(), Some(&[SqlType::Integer][..]));
    let text = sqlite.insert(user, &fields, false, &[FieldId(0)]);
    assert_eq!(text.sql, "INSERT INTO users (name, mood) VALUES (?, ?) RETURNING id");
    assert_eq!(sqlite.insert(user, &[], false, &[]).sql, "INSERT INTO users DEFAULT VALUES");
}

#[test]
fn many_rows_are_one_array_per_column() {
    let schema = schema();
    let user = schema.model(ModelId(0));
    let [postgres, sqlite] = plans();
    let fields = [FieldId(1), FieldId(2)];
    let text = postgres.insert(user, &fields, true, &[FieldId(0)]);
    assert_eq!(
        text.sql,
        "INSERT INTO users (name, mood) SELECT c0, c1::mood FROM unnest($1::text[], $2::text[]) \
         WITH ORDINALITY AS r(c0, c1, n) ORDER BY n RETURNING id"
    );
    assert!(text.params.iter().all(|param| param.array && param.element == SqlType::Text));
    let text = sqlite.insert(user, &fields, true, &[FieldId(0)]);
    assert_eq!(text.sql, "INSERT INTO users (name, mood) VALUES (?, ?) RETURNING id");
    assert!(text.per_row);
    assert_eq!(text.unreturning.as_deref(), Some("INSERT INTO users (name, mood) VALUES (?, ?)"));
    let text = sqlite.insert(user, &[FieldId(2)], true, &[FieldId(0), FieldId(1)]);
    assert_eq!(text.unreturning, None, "more than the number is returned");
    assert_eq!(postgres.insert(user, &[], true, &[]).sql, "INSERT INTO users SELECT FROM unnest($1::int4[])");
    assert_eq!(sqlite.insert(user, &[], true, &[]).sql, "INSERT INTO users (id) VALUES (?)");
}

#[test]
fn update_and_delete_find_rows_by_key() {
    let schema = schema();
    let [postgres, sqlite] = plans();
    let pair = schema.model(ModelId(1));
    assert_eq!(
        postgres.update(pair, &[FieldId(2)], false).sql,
        "UPDATE pairs SET \"order\" = $1 WHERE a = $2 AND b = $3"
    );
    assert_eq!(
        postgres.update(pair, &[FieldId(2)], true).sql,
        "UPDATE pairs SET \"order\" = r.c0 FROM unnest($1::text[], $2::int4[], $3::text[]) AS r(c0, k0, k1) \
         WHERE pairs.a = r.k0 AND pairs.b = r.k1"
    );
    assert_eq!(
        sqlite.update(pair, &[FieldId(2)], true).sql,
        "UPDATE pairs SET \"order\" = ? WHERE a = ? AND b = ?"
    );
    assert_eq!(
        postgres.delete(schema.model(ModelId(0)), true).sql,
        "DELETE FROM users WHERE id = ANY($1::int4[])"
    );
    assert_eq!(
        postgres.delete(pair, true).sql,
        "DELETE FROM pairs USING unnest($1::int4[], $2::text[]) AS r(k0, k1) WHERE pairs.a = r.k0 AND pairs.b = r.k1"
    );
    assert!(sqlite.delete(pair, true).per_row);
}

#[test]
fn columns_of_arrays_and_of_native_types_travel_as_text_in_many_rows() {
    let mood = Arc::new(EnumType { schema: None, name: "Mood".into(), labels: vec!["good".into()] });
    let array = |element| ColumnType::Array(Arc::new(element));
    let fields = vec![
        Field::new("id", ColumnType::Integer).key(),
        Field::new("tags", array(ColumnType::VarChar(5))),
        Field::new("moods", array(ColumnType::Enum(mood))),
        Field::new("flags", ColumnType::Native(NativeType::Bit(3))),
        Field::new("macs", array(ColumnType::Native(NativeType::MacAddr))),
    ];
    let mut registry = Registry::new();
    let table = TableName { schema: None, name: "t".into() };
    let (name, module) = ("T".to_owned(), "app".to_owned());
    let def = ModelDef {
        name,
        module,
        table,
        fields,
        relations: Vec::new(),
        constraints: Vec::new(),
        indexes: Vec::new(),
        comment: None,
        renamed_from: None,
    };
    registry.declare(def).unwrap();
    let schema = registry.freeze().unwrap();
    let model = schema.model(ModelId(0));
    let [postgres, sqlite] = plans();
    let fields: Vec<FieldId> = (1..5).map(FieldId).collect();
    let text = postgres.insert(model, &fields, true, &[]);
    assert_eq!(
        text.sql,
        "INSERT INTO t (tags, moods, flags, macs) SELECT c0::text[], c1::\"Mood\"[], c2::varbit, c3::macaddr[] \
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS r(c0, c1, c2, c3, n) ORDER BY n"
    );
    assert!(text.params.iter().all(|param| param.array && param.element == SqlType::Text));
    let check = |text: Arc<StatementText>| Statement::new(text, Params::new()).check();
    check(text).unwrap();
    check(sqlite.insert(model, &fields[..2], true, &[])).unwrap();
    for text in [
        sqlite.insert(model, &fields, false, &[]),
        sqlite.insert(model, &[], false, &fields),
        sqlite.update(model, &fields[2..], true),
    ] {
        let error = check(text).unwrap_err();
        assert!(error.to_string().starts_with("T.flags: BIT(3) on sqlite is not supported"), "{error}");
    }
}

#[test]
fn rows_go_by_another_name_beside_a_table_of_theirs() {
    let mut registry = Registry::new();
    let def = ModelDef {
        module: "app".into(),
        ..ModelDef::new(
            "R",
            "r",
            vec![Field::new("id", ColumnType::Integer).key(), Field::new("a", ColumnType::Integer)],
        )
    };
    registry.declare(def).unwrap();
    let schema = registry.freeze().unwrap();
    let [postgres, _] = plans();
    assert_eq!(
        postgres.update(schema.model(ModelId(0)), &[FieldId(1)], true).sql,
        "UPDATE r SET a = r_1.c0 FROM unnest($1::int4[], $2::int4[]) AS r_1(c0, k0) WHERE r.id = r_1.k0"
    );
}

#[test]
fn repeated_shape_gets_the_same_plan_and_its_own_values() {
    let schema = schema();
    let user = schema.model(ModelId(0));
    let [postgres, _] = plans();
    let mut params = Params::new();
    let first = postgres.select(&schema, &Select::by_key(user, [7_i64.into()]), &mut params).unwrap();
    assert_eq!(first.text.sql, "SELECT id, name, mood FROM users WHERE id = $1");
    let second = postgres.select(&schema, &Select::by_key(user, [8_i64.into()]), &mut params).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(params.len(), 2);
    assert_eq!(params.get(1), crate::value::ValueRef::Int(8));
    let all = Output::Entity { model: ModelId(0), fields: user.field_ids().collect(), from: 0, kinds: None };
    assert_eq!(first.outputs, [all]);
}

#[test]
fn select_in_binds_all_keys_as_one_array() {
    use crate::model::{RelationDef, Target};
    let mut registry = Registry::new();
    let def = |name: &str, table: &str, fields, relations| ModelDef {
        module: "app".into(),
        relations,
        ..ModelDef::new(name, table, fields)
    };
    let id = || Field::new("id", ColumnType::Integer).key().numbered();
    let mut posts = RelationDef::new("posts", Target::Name("Post".into()));
    posts.many = Some(true);
    posts.order_by = vec!["id".into()];
    registry.declare(def("User", "users", vec![id()], vec![posts])).unwrap();
    let key = Field::new("user_id", ColumnType::Integer).references("users", "id");
    registry.declare(def("Post", "posts", vec![id(), key], vec![])).unwrap();
    let schema = registry.freeze().unwrap();
    let user = schema.model(ModelId(0));
    let keys = vec![vec![1.into(), 2.into()]];
    let load = crate::query::Load::new(RelationId(0), crate::query::Strategy::SelectIn);
    let select = select_in(&schema, user.relation(load.relation), keys, &load, &[]);
    let texts = plans().map(|plans| {
        plans.select(&schema, &select, &mut Params::new()).map(|plan| plan.text.sql.clone()).unwrap()
    });
    assert_eq!(
        texts,
        [
            "SELECT id, user_id FROM posts WHERE user_id = ANY($1) ORDER BY id ASC",
            "SELECT id, user_id FROM posts WHERE user_id IN (SELECT value FROM json_each(?)) ORDER BY id ASC",
        ]
    );
}

#[test]
fn keys_of_several_columns_are_rows() {
    use crate::query::Expr;
    let schema = schema();
    let key = [FieldId(0), FieldId(1)].map(|field| Expr::column(ModelId(1), field)).to_vec();
    let lists =
        vec![(SqlType::Integer, vec![1.into(), 2.into()]), (SqlType::Text, vec!["a".into(), "b".into()])];
    let select = Select::values([key[0].clone()]).filter(Expr::in_rows(key, lists));
    let [postgres, sqlite] = plans().map(|plans| {
        let mut params = Params::new();
        let plan = plans.select(&schema, &select, &mut params).unwrap();
        (plan.text.sql.clone(), params.len())
    });
    assert_eq!(postgres, ("SELECT a FROM pairs WHERE (a, b) IN (SELECT * FROM unnest($1, $2))".into(), 2));
    let rows = "SELECT a FROM pairs WHERE (a, b) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))";
    assert_eq!(sqlite, (rows.into(), 1));
    let shown = select.to_sql(&schema, &Dialect::POSTGRES).unwrap().0;
    assert_eq!(shown, "SELECT a FROM pairs WHERE (a = $1 AND b = $2 OR a = $3 AND b = $4)");
}

#[test]
fn tables_and_types_are_in_the_schemas_of_a_tenant() {
    let schema = schema();
    let user = schema.model(ModelId(0));
    let names = SchemaNames::new([(None, Some("tenant 7"))]);
    let [postgres, _] = plans();
    let postgres = postgres.in_schemas(names);
    assert_eq!(
        postgres.insert(user, &[FieldId(2)], true, &[]).sql,
        "INSERT INTO \"tenant 7\".users (mood) SELECT c0::\"tenant 7\".mood FROM unnest($1::text[]) \
         WITH ORDINALITY AS r(c0, n) ORDER BY n"
    );
    assert_eq!(postgres.delete(user, false).sql, "DELETE FROM \"tenant 7\".users WHERE id = $1");
    let plan = postgres.by_key(&schema, user, &[Value::Int(1)], &mut Params::new()).unwrap();
    assert_eq!(plan.text.sql, "SELECT id, name, mood FROM \"tenant 7\".users WHERE id = $1");
}
