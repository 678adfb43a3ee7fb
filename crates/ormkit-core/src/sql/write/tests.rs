//! Golden texts of INSERT, UPDATE and DELETE.

use std::sync::Arc;

use crate::model::{ColumnType, Field, FieldId, ModelDef, ModelId, Registry, Schema};
use crate::plan::{Output, Plans};
use crate::query::{
    ArithmeticOp, Conflict, ConflictTarget, Delete, Expr, Insert, Item, Order, Select, Source, Update, Write,
};
use crate::sql::Dialect;
use crate::value::{Params, SqlType};

const BOOK: ModelId = ModelId(0);

fn schema() -> Arc<Schema> {
    let mut registry = Registry::new();
    let fields = vec![
        Field::new("id", ColumnType::Integer).key().numbered(),
        Field::new("title", ColumnType::Text),
        Field::new("year", ColumnType::Integer),
        Field::new("isbn", ColumnType::Text),
    ];
    let def = ModelDef { module: "app".into(), ..ModelDef::new("Book", "books", fields) };
    registry.declare(def).unwrap();
    registry.freeze().unwrap()
}

fn field(index: u16) -> Expr {
    Expr::column(BOOK, FieldId(index))
}

fn text(value: &str) -> Expr {
    Expr::value(value, SqlType::Text)
}

fn int(value: i64) -> Expr {
    Expr::value(value, SqlType::Integer)
}

fn sql(statement: Write) -> String {
    statement.to_sql(&schema(), &Dialect::POSTGRES).unwrap().0
}

fn returning_id() -> Vec<Item> {
    vec![Item::Value { expr: field(0), label: None }]
}

#[test]
fn insert_takes_several_rows_of_the_same_columns() {
    let schema = schema();
    let book = schema.model(BOOK);
    let insert = Insert::new(BOOK)
        .row(book, vec![(FieldId(1), text("a")), (FieldId(2), int(1))])
        .and_then(|insert| insert.row(book, vec![(FieldId(2), int(2)), (FieldId(1), text("b"))]))
        .unwrap();
    let statement = Write::Insert(Insert { returning: returning_id(), ..insert.clone() });
    assert_eq!(sql(statement), "INSERT INTO books (title, year) VALUES ($1, $2), ($3, $4) RETURNING id");
    let error = insert.row(book, vec![(FieldId(1), text("c"))]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rows of one INSERT give the same columns: Book.year is in some of them only"
    );
}

#[test]
fn conflict_updates_what_was_to_be_inserted() {
    let schema = schema();
    let row = vec![(FieldId(3), text("i")), (FieldId(1), text("t"))];
    let mut insert = Insert::new(BOOK).row(schema.model(BOOK), row).unwrap();
    let target = ConflictTarget::Columns(vec![FieldId(3)], None);
    insert.conflict = Some(Conflict::update_inserted(schema.model(BOOK), &insert.columns, target));
    assert_eq!(
        sql(Write::Insert(insert.clone())),
        "INSERT INTO books (isbn, title) VALUES ($1, $2) ON CONFLICT (isbn) DO UPDATE SET title = EXCLUDED.title"
    );
    insert.conflict = Some(Conflict::nothing(ConflictTarget::Any));
    assert!(sql(Write::Insert(insert.clone())).ends_with(" ON CONFLICT DO NOTHING"));
    insert.conflict = Some(Conflict::nothing(ConflictTarget::Constraint("uq".into())));
    let error = Write::Insert(insert).to_sql(&schema, &Dialect::SQLITE).unwrap_err();
    assert!(error.to_string().contains("ON CONSTRAINT on sqlite is not supported"), "{error}");
}

#[test]
fn update_sets_values_and_expressions() {
    let mut update = Update::new(BOOK, vec![(FieldId(1), text("t"))]);
    update.filter.push(field(0).eq(int(7)));
    assert_eq!(sql(Write::Update(update)), "UPDATE books SET title = $1 WHERE id = $2");
    let next = field(2).arithmetic(ArithmeticOp::Add, int(1));
    assert_eq!(
        sql(Write::Update(Update::new(BOOK, vec![(FieldId(2), next)]))),
        "UPDATE books SET year = year + $1"
    );
    let error = Write::Update(Update::new(BOOK, Vec::new())).to_sql(&schema(), &Dialect::POSTGRES);
    assert!(error.is_err());
}

#[test]
fn delete_answers_what_it_deleted() {
    let schema = schema();
    let mut delete = Delete::new(BOOK);
    delete.filter.push(field(2).eq(int(1)));
    delete.returning.push(Item::Entity { source: Source::plain(BOOK), fields: None });
    let mut params = Params::new();
    let plan = Plans::new(&Dialect::SQLITE).write(&schema, &Write::Delete(delete), &mut params).unwrap();
    assert_eq!(plan.text.sql, "DELETE FROM books WHERE year = ? RETURNING id, title, year, isbn");
    assert!(matches!(plan.outputs[..], [Output::Entity { from: 0, .. }]));
}

#[test]
fn limited_rows_are_found_by_their_keys() {
    let schema = schema();
    let select = Select::entity(BOOK).filter(field(2).eq(int(1)));
    assert_eq!(select.as_filter(schema.model(BOOK)).unwrap(), select.filter);
    let select = select.order_by(Order::asc(field(1))).limit(3);
    let mut delete = Delete::new(BOOK);
    delete.filter = select.as_filter(schema.model(BOOK)).unwrap();
    assert_eq!(
        sql(Write::Delete(delete)),
        "DELETE FROM books WHERE id IN \
         (SELECT books.id FROM books WHERE books.year = $1 ORDER BY books.title ASC LIMIT 3)"
    );
}
