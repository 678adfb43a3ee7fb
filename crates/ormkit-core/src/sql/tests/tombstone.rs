//! Golden texts of statements over tables whose rows may count as deleted.

use super::*;
use crate::query::{Deleted, Update, Write};

fn marked() -> Arc<Schema> {
    let mark = Field { tombstone: true, ..Field::new("gone", ColumnType::TimestampTz) };
    schema_with(&[mark])
}

fn sql(select: &Select) -> String {
    select.to_sql(&marked(), &Dialect::POSTGRES).unwrap().0
}

fn joined(kind: JoinKind) -> Select {
    columns([title()]).join(kind, BOOK.into(), WRITER, AUTHOR.into())
}

#[test]
fn tables_of_from_say_it_in_where_and_joined_ones_in_on() {
    let either = Expr::any([title().eq(text("a")), title().eq(text("b"))]);
    assert_eq!(
        sql(&columns([title()]).filter(either)),
        "SELECT title FROM books WHERE (title = $1 OR title = $2) AND gone IS NULL"
    );
    assert_eq!(
        sql(&joined(JoinKind::Left)),
        "SELECT books.title FROM books LEFT OUTER JOIN authors ON authors.id = books.author_id \
         AND authors.gone IS NULL WHERE books.gone IS NULL"
    );
    let on = Expr::any([title().eq(text("a")), title().eq(text("b"))]);
    assert_eq!(
        sql(&columns([title()]).join_on(JoinKind::Inner, Source::plain(AUTHOR), on)),
        "SELECT books.title FROM books JOIN authors ON (books.title = $1 OR books.title = $2) \
         AND authors.gone IS NULL WHERE books.gone IS NULL"
    );
}

#[test]
fn full_join_reads_from_living_rows_on_both_sides() {
    assert_eq!(
        sql(&joined(JoinKind::Full)),
        "SELECT books.title FROM (SELECT * FROM books WHERE gone IS NULL) AS books FULL OUTER JOIN \
         (SELECT * FROM authors WHERE gone IS NULL) AS authors ON authors.id = books.author_id"
    );
}

#[test]
fn included_says_nothing_and_only_means_the_first_table() {
    let with = |deleted| Select { deleted, ..joined(JoinKind::Inner) };
    assert_eq!(
        sql(&with(Deleted::Included)),
        "SELECT books.title FROM books JOIN authors ON authors.id = books.author_id"
    );
    assert_eq!(
        sql(&with(Deleted::Only)),
        "SELECT books.title FROM books JOIN authors ON authors.id = books.author_id AND authors.gone IS NULL \
         WHERE books.gone IS NOT NULL"
    );
    let error = Select { deleted: Deleted::Only, ..columns([title()]) }.to_sql(&schema(), &Dialect::SQLITE);
    assert!(error.unwrap_err().to_string().contains("Book"));
}

#[test]
fn scope_of_a_statement_is_that_of_its_lookups_and_not_of_its_subqueries() {
    let lookup = Expr::related(BOOK.into(), WRITER, Source { model: AUTHOR, alias: 1 }, None);
    let inner = columns([Expr::column(AUTHOR, FieldId(0))]);
    let select = Select { deleted: Deleted::Included, ..columns([title()]) }
        .filter(lookup)
        .filter(Expr::column(BOOK, FieldId(3)).in_select(inner));
    assert_eq!(
        sql(&select),
        "SELECT title FROM books WHERE EXISTS (SELECT 1 FROM authors AS authors_1 WHERE \
         authors_1.id = books.author_id) AND author_id IN (SELECT authors.id FROM authors WHERE authors.gone IS NULL)"
    );
}

#[test]
fn load_by_join_and_its_limited_parents_leave_them_out() {
    let select = Select::entity(AUTHOR).load(Load::new(BOOKS, Strategy::Joined)).limit(2);
    let text = sql(&select);
    assert!(text.contains("FROM authors WHERE gone IS NULL LIMIT 2) AS authors LEFT OUTER JOIN"), "{text}");
    assert!(text.contains("AND books_1.gone IS NULL"), "{text}");
    assert_eq!(text.matches("IS NULL").count(), 2, "{text}");
}

#[test]
fn update_writes_living_rows_of_living_partners() {
    let mut update = Update::new(BOOK, vec![(FieldId(1), Expr::column(AUTHOR, FieldId(1)))]);
    update.filter.push(Expr::column(AUTHOR, FieldId(0)).eq(Expr::column(BOOK, FieldId(3))));
    assert_eq!(
        Write::Update(update).to_sql(&marked(), &Dialect::POSTGRES).unwrap().0,
        "UPDATE books SET title = authors.name FROM authors WHERE authors.id = books.author_id \
         AND books.gone IS NULL AND authors.gone IS NULL"
    );
}
