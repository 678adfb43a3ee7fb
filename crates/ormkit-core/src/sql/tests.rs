//! Golden texts of SELECT.

mod derived;
mod family;
mod property;
mod tombstone;

use std::sync::Arc;

use super::*;
use crate::model::{
    ColumnType, Field, FieldId, ModelDef, ModelId, Registry, RelationDef, RelationId, Schema, Target,
};
use crate::query::{ArithmeticOp, CompareOp, Expr, Item, JoinKind, Load, Order, Pattern, Source, Strategy};
use crate::value::{SqlType, Value, ValueRef};

const AUTHOR: ModelId = ModelId(0);
const BOOK: ModelId = ModelId(1);
const BOOKS: RelationId = RelationId(0);
const WRITER: RelationId = RelationId(0);

/// `authors(id, name)` with `books`, `books(id, title, year, author_id, price)` with `author`.
fn schema() -> Arc<Schema> {
    schema_with(&[])
}

/// The same with more columns in both tables.
fn schema_with(more: &[Field]) -> Arc<Schema> {
    let mut registry = Registry::new();
    let id = || Field::new("id", ColumnType::Integer).key().numbered();
    let mut books = RelationDef::new("books", Target::Name("Book".into()));
    books.many = Some(true);
    books.order_by = vec!["-year".into()];
    let author = RelationDef::new("author", Target::Name("Author".into()));
    let def = |name: &str, table: &str, fields: Vec<Field>, relations| ModelDef {
        module: "app".into(),
        relations,
        ..ModelDef::new(name, table, [fields, more.to_vec()].concat())
    };
    let authors = vec![id(), Field::new("name", ColumnType::Text)];
    registry.declare(def("Author", "authors", authors, vec![books])).unwrap();
    let fields = vec![
        id(),
        Field::new("title", ColumnType::Text),
        Field::new("year", ColumnType::Integer),
        Field::new("author_id", ColumnType::Integer).references("authors", "id"),
        Field::new("price", ColumnType::Numeric(None)),
    ];
    registry.declare(def("Book", "books", fields, vec![author])).unwrap();
    registry.freeze().unwrap()
}

fn title() -> Expr {
    Expr::column(BOOK, FieldId(1))
}

fn year() -> Expr {
    Expr::column(BOOK, FieldId(2))
}

fn text(value: &str) -> Expr {
    Expr::value(value, SqlType::Text)
}

fn int(value: i64) -> Expr {
    Expr::value(value, SqlType::Integer)
}

fn columns(exprs: impl IntoIterator<Item = Expr>) -> Select {
    Select::values(exprs)
}

fn both(select: &Select) -> [String; 2] {
    let schema = schema();
    [&Dialect::POSTGRES, &Dialect::SQLITE].map(|dialect| select.to_sql(&schema, dialect).unwrap().0)
}

/// The text behind WHERE on both databases.
fn condition(expr: Expr) -> [String; 2] {
    both(&columns([title()]).filter(expr))
        .map(|text| text.split_once(" WHERE ").map(|(_, condition)| condition.to_owned()).unwrap_or(text))
}

#[test]
fn one_table_has_bare_columns_and_directions_are_spelled_out() {
    let select = columns([Expr::column(BOOK, FieldId(0)), title()])
        .filter(title().eq(text("x")))
        .filter(Expr::compare(year(), CompareOp::Ge, int(1999)))
        .order_by(Order::desc(year()))
        .limit(10)
        .offset(20);
    assert_eq!(
        both(&select),
        [
            "SELECT id, title FROM books WHERE title = $1 AND year >= $2 ORDER BY year DESC LIMIT 10 OFFSET 20",
            "SELECT id, title FROM books WHERE title = ? AND year >= ? ORDER BY year DESC LIMIT 10 OFFSET 20",
        ]
    );
}

#[test]
fn offset_alone_needs_a_limit_on_sqlite() {
    let [postgres, sqlite] = both(&columns([title()]).offset(5));
    assert_eq!(postgres, "SELECT title FROM books OFFSET 5");
    assert_eq!(sqlite, "SELECT title FROM books LIMIT -1 OFFSET 5");
}

#[test]
fn several_tables_have_qualified_columns() {
    let select = columns([title()])
        .join(JoinKind::Inner, BOOK.into(), WRITER, AUTHOR.into())
        .filter(Expr::column(AUTHOR, FieldId(1)).eq(text("Eco")));
    assert_eq!(
        both(&select)[0],
        "SELECT books.title FROM books JOIN authors ON authors.id = books.author_id WHERE authors.name = $1"
    );
}

#[test]
fn parentheses_stand_only_where_they_change_the_meaning() {
    let [a, b, c] = [1, 2, 3].map(|n| year().eq(int(n)));
    assert_eq!(
        condition(a.clone().or(b.clone()).and(c.clone()))[0],
        "(year = $1 OR year = $2) AND year = $3"
    );
    assert_eq!(condition(a.clone().or(b.clone().and(c)))[0], "year = $1 OR year = $2 AND year = $3");
    assert_eq!(condition(a.or(b).negate())[0], "NOT (year = $1 OR year = $2)");
    let sum = year().arithmetic(ArithmeticOp::Add, int(1)).arithmetic(ArithmeticOp::Multiply, int(2));
    assert_eq!(condition(sum.eq(int(4)))[0], "(year + $1) * $2 = $3");
    let rest = year().arithmetic(ArithmeticOp::Subtract, year().arithmetic(ArithmeticOp::Subtract, int(1)));
    assert_eq!(condition(rest.eq(int(1)))[0], "year - (year - $1) = $2");
}

#[test]
fn null_is_compared_with_is() {
    assert_eq!(condition(title().eq(Expr::Null))[0], "title IS NULL");
    assert_eq!(condition(title().ne(Expr::value(Value::Null, SqlType::Text)))[1], "title IS NOT NULL");
    assert_eq!(condition(title().distinct_from(text("x"))), ["title IS DISTINCT FROM $1", "title IS NOT ?"]);
}

#[test]
fn like_tells_cases_apart_on_both() {
    let schema = schema();
    let starts = title().like(Pattern::StartsWith, text("50%"), false);
    assert_eq!(condition(starts.clone()), ["title LIKE $1", "title GLOB ?"]);
    let (_, params) = columns([title()]).filter(starts.clone()).to_sql(&schema, &Dialect::POSTGRES).unwrap();
    assert_eq!(params.get(0), ValueRef::Text("50\\%%"));
    let (_, params) = columns([title()]).filter(starts).to_sql(&schema, &Dialect::SQLITE).unwrap();
    assert_eq!(params.get(0), ValueRef::Text("50%*"));
    let any_case = title().like(Pattern::Contains, text("a"), true).negate();
    assert_eq!(condition(any_case), ["title NOT ILIKE $1", "title NOT LIKE ? ESCAPE '\\'"]);
}

#[test]
fn lists_are_one_array_when_sent_and_spread_when_shown() {
    let schema = schema();
    let select =
        columns([title()]).filter(year().in_values(vec![1.into(), Value::Null, 2.into()], SqlType::Integer));
    assert_eq!(both(&select)[0], "SELECT title FROM books WHERE year IN ($1, $2)");
    let sent = |dialect| {
        let mut params = crate::value::Params::new();
        let plan = crate::plan::Plans::new(dialect).select(&schema, &select, &mut params).unwrap();
        assert_eq!(params.len(), 1);
        plan.text.sql.clone()
    };
    assert_eq!(sent(&Dialect::POSTGRES), "SELECT title FROM books WHERE year = ANY($1)");
    assert_eq!(
        sent(&Dialect::SQLITE),
        "SELECT title FROM books WHERE year IN (SELECT value FROM json_each(?))"
    );
}

#[test]
fn empty_list_matches_nothing() {
    assert_eq!(condition(year().in_values(Vec::new(), SqlType::Integer))[0], "FALSE");
    assert_eq!(
        both(&columns([title()]).filter(year().in_values(vec![], SqlType::Integer).negate()))[0],
        "SELECT title FROM books"
    );
}

#[test]
fn decimals_are_compared_as_numbers_on_sqlite() {
    let price = Expr::column(BOOK, FieldId(4));
    let cheap = Expr::compare(price.clone(), CompareOp::Lt, Expr::value(9, SqlType::Numeric));
    assert_eq!(condition(cheap), ["price < $1", "price COLLATE ormkit_decimal < ?"]);
    let total = columns([Expr::call("sum", vec![price]).unwrap()]);
    assert_eq!(both(&total), ["SELECT sum(price) FROM books", "SELECT ormkit_sum(price) FROM books"]);
}

#[test]
fn relation_is_asked_by_exists() {
    let target = Source { model: BOOK, alias: 1 };
    let condition = Expr::column(target, FieldId(1)).eq(text("x"));
    let select = Select::entity(AUTHOR).filter(Expr::related(AUTHOR.into(), BOOKS, target, Some(condition)));
    assert_eq!(
        both(&select)[0],
        "SELECT id, name FROM authors WHERE EXISTS \
         (SELECT 1 FROM books AS books_1 WHERE books_1.author_id = authors.id AND books_1.title = $1)"
    );
}

#[test]
fn subquery_sees_the_tables_around_it() {
    let inner =
        columns([title()]).filter(Expr::column(BOOK, FieldId(3)).eq(Expr::column(AUTHOR, FieldId(0))));
    let select = Select::entity(AUTHOR).filter(Expr::exists(inner));
    assert_eq!(
        both(&select)[0],
        "SELECT id, name FROM authors WHERE EXISTS (SELECT books.title FROM books WHERE books.author_id = authors.id)"
    );
}

#[test]
fn joined_load_adds_the_relatives_columns_and_order() {
    let select = Select::entity(AUTHOR).load(Load::new(BOOKS, Strategy::Joined));
    assert_eq!(
        both(&select)[0],
        "SELECT authors.id, authors.name, books_1.id, books_1.title, books_1.year, books_1.author_id, books_1.price \
         FROM authors LEFT OUTER JOIN books AS books_1 ON books_1.author_id = authors.id ORDER BY books_1.year DESC"
    );
}

#[test]
fn limit_of_a_joined_list_limits_the_parents() {
    let load = Load::new(BOOKS, Strategy::Joined);
    let name = Expr::column(AUTHOR, FieldId(1));
    let select = Select::entity(AUTHOR).order_by(Order::desc(name.clone())).limit(2).load(load.clone());
    let text = &both(&select)[0];
    assert!(
        text.ends_with(
            "FROM (SELECT id, name FROM authors ORDER BY name DESC LIMIT 2) AS authors \
             LEFT OUTER JOIN books AS books_1 ON books_1.author_id = authors.id \
             ORDER BY authors.name DESC, books_1.year DESC"
        ),
        "{text}"
    );
    let length = Expr::call("length", vec![name]).unwrap();
    let text = &both(&Select::entity(AUTHOR).order_by(length).limit(2).load(load))[0];
    assert!(
        text.contains("row_number() OVER (ORDER BY length(name) ASC) AS ormkit_row FROM authors ORDER BY")
            && text.ends_with("ORDER BY authors.ormkit_row ASC, books_1.year DESC"),
        "{text}"
    );
}

#[test]
fn count_respects_limit_and_distinct() {
    let schema = schema();
    let count = |select: &Select| {
        let mut params = crate::value::Params::new();
        let plan = crate::plan::Plans::new(&Dialect::POSTGRES).count(&schema, select, &mut params).unwrap();
        plan.text.sql.clone()
    };
    let books = Select::entity(BOOK).filter(year().eq(int(1))).order_by(year());
    assert_eq!(count(&books), "SELECT count(*) FROM books WHERE year = $1");
    assert_eq!(
        count(&columns([year()]).distinct().limit(3)),
        "SELECT count(*) FROM (SELECT DISTINCT year FROM books LIMIT 3) AS counted"
    );
}

#[test]
fn exists_asks_for_one_row() {
    let schema = schema();
    let mut params = crate::value::Params::new();
    let select = Select::entity(BOOK).filter(year().eq(int(1)));
    let plan = crate::plan::Plans::new(&Dialect::SQLITE).exists(&schema, &select, &mut params).unwrap();
    assert_eq!(plan.text.sql, "SELECT EXISTS (SELECT 1 FROM books WHERE year = ?)");
}

#[test]
fn groups_have_conditions_and_labels() {
    let total = Item::Value { expr: Expr::count_star(), label: Some("total".into()) };
    let select = columns([year()]).item(total).group_by(year()).having(Expr::compare(
        Expr::count_star(),
        CompareOp::Gt,
        Expr::value(1, SqlType::BigInt),
    ));
    assert_eq!(
        both(&select)[0],
        "SELECT year, count(*) AS total FROM books GROUP BY year HAVING count(*) > $1"
    );
}

#[test]
fn case_and_cast_are_written_out() {
    let case = Expr::case(vec![(year().eq(int(1)), text("old"))], Some(text("new")));
    assert_eq!(both(&columns([case]))[0], "SELECT CASE WHEN year = $1 THEN $2 ELSE $3 END FROM books");
    assert_eq!(
        both(&columns([year().cast(ColumnType::Double)])),
        ["SELECT CAST(year AS DOUBLE PRECISION) FROM books", "SELECT CAST(year AS REAL) FROM books",]
    );
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let error = Expr::call("no; drop", vec![]).unwrap_err();
    assert!(error.to_string().contains("is no name of a function"));
    let limited = columns([title()]).item(Item::Entity { source: AUTHOR.into(), fields: None });
    let limited = limited.join(JoinKind::Inner, BOOK.into(), WRITER, AUTHOR.into()).limit(1);
    let error =
        limited.load(Load::new(BOOKS, Strategy::Joined)).to_sql(&schema(), &Dialect::SQLITE).unwrap_err();
    assert!(error.to_string().contains("use selectinload"), "{error}");
}
