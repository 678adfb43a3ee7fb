//! What models want is what `create_all` makes, as the database tells it: every type and option that can be declared.

use std::sync::Arc;

use ormkit_conformance::{Database, on_both, on_postgres};
use ormkit_core::driver::Scope;
use ormkit_core::error::Result;
use ormkit_core::model::{
    ColumnType, Constraint, EnumType, Field, FieldDefault, Index, KeyCheck, ModelDef, ModelId, NativeType,
    Registry, Schema, ServerDefault, TableName,
};
use ormkit_core::schema::{Catalog, create_all, introspect, wanted};
use ormkit_core::session::Link;
use ormkit_core::sql::DialectName;

on_both!(
    the_librarys_tables_are_wanted_as_they_are_made,
    every_type_and_option_is_wanted_as_it_is_made,
    trying_leaves_nothing_behind,
);

fn model(name: &str, fields: Vec<Field>) -> ModelDef {
    ModelDef { module: "wanted".into(), ..ModelDef::new(name, name, fields) }
}

fn given(mut field: Field, postgres: &str, sqlite: &str) -> Field {
    field.default =
        FieldDefault::Server(ServerDefault { postgres: postgres.into(), sqlite: sqlite.into(), unfit: None });
    field
}

fn types(is_postgres: bool) -> Vec<ColumnType> {
    use ColumnType as C;
    let label = |text: &str| text.to_owned();
    let mood =
        EnumType { schema: None, name: "Mood of day".into(), labels: vec![label("sad"), label("it's")] };
    let mood = C::Enum(Arc::new(mood));
    let mut types = vec![
        C::Bool,
        C::SmallInt,
        C::Integer,
        C::BigInt,
        C::Double,
        C::Text,
        C::VarChar(20),
        C::Bytes,
        C::Numeric(None),
        C::Numeric(Some((10, 2))),
        C::Date,
        C::Time,
        C::Timestamp,
        C::TimestampTz,
        C::Interval,
        C::Uuid,
        C::Json,
        mood.clone(),
        C::Array(C::Integer.into()),
        C::Array(C::VarChar(5).into()),
    ];
    if is_postgres {
        types.extend([C::TimeTz, C::Inet, C::Cidr, C::Array(mood.into())]);
        let native =
            [NativeType::MacAddr, NativeType::Bit(3), NativeType::VarBit(None), NativeType::Tsvector];
        types.extend(native.map(C::Native));
    }
    types
}

fn everything(dialect: DialectName) -> (Arc<Schema>, Vec<ModelId>) {
    let types = types(dialect == DialectName::Postgres);
    let columns = types.iter().enumerate().map(|(at, kind)| Field::new(format!("c{at}"), kind.clone()));
    let typed = model(
        "typed",
        [Field::new("id", ColumnType::BigInt).key().numbered()].into_iter().chain(columns).collect(),
    );
    let mut code = given(Field::new("code", ColumnType::VarChar(10)).required(), "'a' || 'b'", "'a' || 'b'");
    (code.unique, code.comment) = (true, Some("a code".into()));
    let mut at = given(Field::new("at", ColumnType::TimestampTz), "now()", "CURRENT_TIMESTAMP");
    at.index = true;
    let mut boss = Field::new("boss_id", ColumnType::Integer).references("people", "id");
    boss.foreign_key.as_mut().unwrap().on_delete = Some("SET NULL");
    let mut people =
        model("people", vec![Field::new("id", ColumnType::Integer).key().numbered(), code, at, boss]);
    people.comment = Some("it's people".into());
    let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    people.constraints = vec![
        Constraint::Check { name: Some("long".into()), condition: "length(code) > 1 AND code <> 'x'".into() },
        Constraint::Check { name: None, condition: "boss_id > 0".into() },
    ];
    people.indexes = vec![
        Index::on(None, ["code", "at"], true),
        Index { include: vec!["at".into()], ..Index::on(Some("ix_boss".into()), ["boss_id"], false) },
    ];
    let mut order = model(
        "order",
        vec![
            Field::new("Group", ColumnType::Text).key(),
            Field::new("number", ColumnType::Integer).key(),
            Field::new("by", ColumnType::Integer).references("people", "id"),
        ],
    );
    order.constraints = vec![Constraint::ForeignKey {
        name: Some("again".into()),
        columns: columns(&["by"]),
        table: TableName { schema: None, name: "people".into() },
        referred: columns(&["id"]),
        on_delete: Some("CASCADE"),
        on_update: Some("NO ACTION"),
        check: KeyCheck { deferrable: Some(true), deferred: Some(true), full: true, alter: false },
    }];
    let mut registry = Registry::new();
    let ids = [typed, people, order].map(|def| registry.declare(def).expect("the model is well-formed"));
    (registry.freeze().expect("the models fit"), ids.to_vec())
}

/// Tables and enums in an order that both sides have.
fn sorted(mut catalog: Catalog) -> Catalog {
    catalog.tables.sort_by_key(|table| table.name.to_string());
    for table in &mut catalog.tables {
        table.uniques.sort_by(|one, other| one.name.cmp(&other.name));
        table.checks.sort_by(|one, other| one.name.cmp(&other.name));
        table.foreign_keys.sort_by(|one, other| one.name.cmp(&other.name));
        table.indexes.sort_by(|one, other| one.name.cmp(&other.name));
    }
    catalog.enums.sort_by_key(|kind| kind.name.to_string());
    catalog
}

async fn assert_wanted(database: &Database, schema: &Schema, models: &[ModelId]) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let wanted = sorted(wanted(&mut link, schema, models).await?);
    create_all(&database.pool, schema, models).await?;
    let found = sorted(introspect(&mut link, &Scope::Default).await?);
    assert_eq!(wanted.tables.len(), models.len());
    for table in &wanted.tables {
        assert_eq!(Some(table), found.table(&table.name));
    }
    assert!(wanted.enums.iter().all(|kind| found.enums.contains(kind)));
    Ok(())
}

async fn the_librarys_tables_are_wanted_as_they_are_made(database: Database) -> Result<()> {
    let schema = Arc::clone(&database.schema);
    let models: Vec<ModelId> = (0..3).map(ModelId).collect();
    assert_wanted(&database, &schema, &models).await
}

async fn every_type_and_option_is_wanted_as_it_is_made(database: Database) -> Result<()> {
    let (schema, models) = everything(database.pool.dialect().name);
    assert_wanted(&database, &schema, &models).await
}

async fn trying_leaves_nothing_behind(database: Database) -> Result<()> {
    let (schema, models) = everything(database.pool.dialect().name);
    let mut link = Link::new(database.pool.clone());
    link.pin().await?;
    let before = introspect(&mut link, &Scope::Default).await?;
    wanted(&mut link, &schema, &models).await?;
    assert!(!link.in_transaction());
    assert_eq!(introspect(&mut link, &Scope::Default).await?, before);
    assert!(introspect(&mut link, &Scope::Temporary).await?.tables.is_empty());
    Ok(())
}

#[test]
fn postgres_tables_of_two_schemas_may_have_one_name() {
    on_postgres(async |database| {
        let there = TableName { schema: Some("app".into()), name: "items".into() };
        let mut far = model("items", vec![Field::new("id", ColumnType::Integer).key()]);
        far.table = there.clone();
        let near = model("items", vec![Field::new("id", ColumnType::Text).key()]);
        let mut registry = Registry::new();
        let ids = [registry.declare(near)?, registry.declare(far)?];
        let schema = registry.freeze()?;
        let wanted = wanted(&mut Link::new(database.pool.clone()), &schema, &ids).await?;
        let types: Vec<&str> = wanted.tables.iter().map(|table| &*table.columns[0].data_type).collect();
        assert_eq!((types, wanted.schemas), (vec!["text", "integer"], vec!["app".to_owned()]));
        assert_eq!(wanted.tables[1].name, there);
        Ok(())
    });
}
