//! Golden texts of statements over classes that share rows.

use super::*;
use crate::model::{Kinship, Mark, OwnTable};
use crate::query::{Lock, Update, Write};

const EMPLOYEE: ModelId = ModelId(0);

fn def(name: &str, table: &str, fields: Vec<Field>) -> ModelDef {
    ModelDef { module: "app".into(), ..ModelDef::new(name, table, fields) }
}

fn base() -> Vec<Field> {
    vec![Field::new("id", ColumnType::Integer).key().numbered(), Field::new("type", ColumnType::Text)]
}

fn with(name: &str) -> Vec<Field> {
    let mut fields = base();
    fields.push(Field::new(name, ColumnType::Integer).required());
    fields
}

fn kin(parent: ModelId, mark: &str, joined: Option<OwnTable>) -> Kinship {
    Kinship { parent: Some(parent), mark: Some(Mark::Text(mark.into())), joined, ..Kinship::default() }
}

/// Employees, and managers in their table or, `joined`, in one of their own.
fn family(joined: bool) -> (Arc<Schema>, ModelId) {
    let mut registry = Registry::new();
    let first = Kinship {
        discriminator: Some(FieldId(1)),
        mark: Some(Mark::Text("employee".into())),
        ..Kinship::default()
    };
    let employee =
        registry.declare_kin(Default::default(), def("Employee", "employees", base()), first).unwrap();
    let key = Field::new("id", ColumnType::Integer).key().references("employees", "id");
    let own = OwnTable {
        def: def("Manager", "managers", vec![key, Field::new("bonus", ColumnType::Integer)]),
        key: vec![FieldId(0)],
    };
    let (table, own) = if joined { ("managers", Some(own)) } else { ("employees", None) };
    let manager = def("Manager", table, with("bonus"));
    let manager =
        registry.declare_kin(Default::default(), manager, kin(employee, "it's a manager", own)).unwrap();
    (registry.freeze().unwrap(), manager)
}

fn sql(schema: &Schema, select: &Select) -> String {
    select.to_sql(schema, &Dialect::POSTGRES).unwrap().0
}

#[test]
fn classes_of_one_table_are_told_apart_by_their_marks() {
    let (schema, manager) = family(false);
    assert_eq!(sql(&schema, &Select::entity(EMPLOYEE)), "SELECT id, type, bonus FROM employees");
    assert_eq!(
        sql(&schema, &Select::entity(manager)),
        "SELECT id, type, bonus FROM employees WHERE type IN ('it''s a manager')"
    );
    let full = Select::entity(EMPLOYEE).join_on(
        JoinKind::Full,
        Source { model: manager, alias: 1 },
        Expr::column(Source { model: manager, alias: 1 }, FieldId(0)).eq(Expr::column(EMPLOYEE, FieldId(0))),
    );
    assert!(sql(&schema, &full).ends_with(
        "FULL OUTER JOIN (SELECT * FROM employees AS employees_1 WHERE type IN ('it''s a manager')) \
         AS employees_1 ON employees_1.id = employees.id"
    ));
}

#[test]
fn tables_of_a_class_are_read_as_one() {
    let (schema, manager) = family(true);
    let own = "(SELECT employees.id, employees.type, managers.bonus FROM employees JOIN managers ON \
               managers.id = employees.id) AS managers";
    assert_eq!(sql(&schema, &Select::entity(manager)), format!("SELECT id, type, bonus FROM {own}"));
    assert_eq!(
        sql(&schema, &Select::entity(EMPLOYEE)),
        "SELECT id, type, managers_bonus FROM (SELECT employees.id, employees.type, managers.bonus AS managers_bonus \
         FROM employees LEFT OUTER JOIN managers ON managers.id = employees.id) AS employees"
    );
}

#[test]
fn tables_below_are_read_only_where_they_are_needed() {
    let (schema, manager) = family(true);
    let kind = Expr::column(EMPLOYEE, FieldId(1));
    assert_eq!(sql(&schema, &columns([kind.clone()])), "SELECT type FROM employees");
    let locked = Select { lock: Some(Lock::default()), ..Select::entity(EMPLOYEE) };
    assert_eq!(sql(&schema, &locked), "SELECT id, type FROM employees FOR UPDATE");
    let bonus = Expr::column(manager, FieldId(2)).is_null();
    assert_eq!(
        sql(&schema, &columns([kind]).filter(bonus)),
        "SELECT type FROM (SELECT employees.id, employees.type, managers.bonus AS managers_bonus FROM employees \
         LEFT OUTER JOIN managers ON managers.id = employees.id) AS employees WHERE managers_bonus IS NULL"
    );
}

#[test]
fn statements_that_write_are_of_one_table() {
    let (schema, manager) = family(false);
    let set = vec![(FieldId(2), Expr::Null)];
    let update = |model| Write::Update(Update::new(model, set.clone()));
    let text = update(manager).to_sql(&schema, &Dialect::SQLITE).unwrap().0;
    assert_eq!(text, "UPDATE employees SET bonus = NULL WHERE type IN ('it''s a manager')");
    let (schema, manager) = family(true);
    let error = update(manager).to_sql(&schema, &Dialect::SQLITE).unwrap_err();
    assert!(error.to_string().contains("several tables"));
}

#[test]
fn a_table_that_is_shared_has_the_columns_of_all_and_takes_null() {
    let (schema, _) = family(false);
    let table = schema.models().last().unwrap();
    assert!(table.bare);
    assert_eq!(table.table().name, "employees");
    assert!(table.field(table.find_field("bonus").unwrap()).nullable);
}

#[test]
fn mistakes_are_found_when_a_class_is_declared() {
    let mut registry = Registry::new();
    let alone = registry.declare(def("Alone", "alone", base())).unwrap();
    let below = |parent, fields| (def("Below", "alone", fields), kin(parent, "below", None));
    let (model, kinship) = below(alone, with("bonus"));
    let error = registry.declare_kin(Default::default(), model, kinship).unwrap_err();
    assert!(error.to_string().contains("no column that tells"));
    let first = Kinship { discriminator: Some(FieldId(1)), ..Kinship::default() };
    let top = registry.declare_kin(Default::default(), def("Top", "tops", base()), first).unwrap();
    let (model, kinship) = below(top, vec![Field::new("id", ColumnType::Integer).key()]);
    let error = registry.declare_kin(Default::default(), model, kinship).unwrap_err();
    assert!(error.to_string().contains("declared again"));
    registry.declare_kin(Default::default(), def("One", "tops", base()), kin(top, "one", None)).unwrap();
    let twice = registry.declare_kin(Default::default(), def("Two", "tops", base()), kin(top, "one", None));
    assert!(twice.unwrap_err().to_string().contains("polymorphic_identity 'one', too"));
}
