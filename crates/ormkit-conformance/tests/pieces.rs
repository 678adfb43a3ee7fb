//! Results that are read in pieces: all rows once and in order, other statements in between, and nothing left behind.

use std::num::NonZeroU32;
use std::sync::Arc;

use ormkit_conformance::{Database, on_both, polled};
use ormkit_core::driver::{Batch, Column, NoRows, Row, RowSink, Statement, StatementText};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::session::{Link, Pieces};
use ormkit_core::value::{Params, ValueRef};

on_both!(
    rows_come_once_and_in_order,
    two_results_and_other_statements_take_turns,
    writes_change_nothing_of_a_result_that_is_half_read,
    result_ends_with_its_transaction,
    result_needs_a_transaction,
    failing_row_fails_the_transaction,
    result_can_be_dropped_anywhere,
    writes_return_rows_in_pieces,
);

/// The first cells of rows, and the names of the columns.
#[derive(Default)]
struct First {
    cells: Vec<i64>,
    names: Vec<String>,
}

impl RowSink for First {
    fn columns(&mut self, _statement: usize, columns: &[Column<'_>]) -> Result<()> {
        self.names.extend(columns.iter().map(|column| column.name.to_owned()));
        Ok(())
    }

    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        if let ValueRef::Int(number) = row.cell(0)? {
            self.cells.push(number);
        }
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        panic!("pieces do not come again");
    }
}

fn statement(database: &Database, sql: &str, values: &[i64]) -> Statement {
    let sql = match database.pool.dialect().arrays {
        true => sql.to_owned(),
        false => sql.replace("$1", "?").replace("$2", "?"),
    };
    let mut params = Params::new();
    values.iter().for_each(|value| params.push(ValueRef::Int(*value)));
    Statement::new(Arc::new(StatementText::raw(sql)), params)
}

/// The numbers from `$1` to `$2`.
const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
                       SELECT i FROM n";

fn rows(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

async fn run(link: &mut Link, statement: Statement) -> Result<First> {
    let mut sink = First::default();
    link.run(Batch::of(&statement), &mut sink).await?;
    Ok(sink)
}

/// Reads one piece.
async fn piece(link: &mut Link, pieces: &mut Pieces) -> Result<Vec<i64>> {
    let mut sink = First::default();
    link.read_piece(pieces, &mut sink).await?;
    Ok(sink.cells)
}

async fn rows_come_once_and_in_order(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    for (count, size) in [(1, 1), (10, 3), (9, 3), (1000, 1000), (5000, 700), (3, 1000)] {
        link.begin()?;
        let mut pieces = link.pieces(statement(&database, NUMBERS, &[1, count]), rows(size))?;
        let mut sink = First::default();
        let mut reads = 0;
        while !pieces.is_ended() {
            link.read_piece(&mut pieces, &mut sink).await?;
            reads += 1;
            assert!(sink.cells.len() as i64 <= reads * i64::from(size));
        }
        assert_eq!(sink.cells, (1..=count).collect::<Vec<_>>());
        assert_eq!(sink.names, ["i"]);
        assert!(piece(&mut link, &mut pieces).await?.is_empty());
        link.commit().await?;
    }
    Ok(())
}

async fn two_results_and_other_statements_take_turns(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    link.begin()?;
    let mut first = link.pieces(statement(&database, NUMBERS, &[1, 7]), rows(3))?;
    let mut second = link.pieces(statement(&database, NUMBERS, &[101, 105]), rows(2))?;
    assert_eq!(piece(&mut link, &mut first).await?, [1, 2, 3]);
    assert_eq!(piece(&mut link, &mut second).await?, [101, 102]);
    run(&mut link, statement(&database, "INSERT INTO authors (name) VALUES ('between')", &[])).await?;
    link.savepoint()?;
    assert_eq!(piece(&mut link, &mut first).await?, [4, 5, 6]);
    link.close_pieces(&mut first);
    assert!(piece(&mut link, &mut first).await?.is_empty());
    link.release()?;
    assert_eq!(piece(&mut link, &mut second).await?, [103, 104]);
    let mut third = link.pieces(statement(&database, NUMBERS, &[1, 2]), rows(5))?;
    assert_eq!(piece(&mut link, &mut third).await?, [1, 2]);
    assert_eq!(piece(&mut link, &mut second).await?, [105]);
    assert!(second.is_ended());
    link.commit().await?;
    assert_eq!(database.number("SELECT count(*) FROM authors WHERE name = 'between'").await?, 1);
    Ok(())
}

async fn writes_change_nothing_of_a_result_that_is_half_read(database: Database) -> Result<()> {
    for sql in [
        "CREATE TABLE people (id integer PRIMARY KEY, age integer)",
        "CREATE INDEX ix_age ON people (age)",
        "INSERT INTO people (id, age) SELECT i, i FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
            WHERE i < 5000) SELECT i FROM n) AS n",
    ] {
        database.rows(sql).await?;
    }
    let mut link = Link::new(database.pool.clone());
    // Along an index, and along the keys.
    for order in ["age", "id"] {
        link.begin()?;
        let sql = format!("SELECT age FROM people WHERE age > 0 ORDER BY {order}");
        let mut pieces = link.pieces(statement(&database, &sql, &[]), rows(1000))?;
        let mut ages = Vec::new();
        while !pieces.is_ended() {
            let read = piece(&mut link, &mut pieces).await?;
            if let (Some(first), Some(last)) = (read.first(), read.last()) {
                for sql in [
                    format!("UPDATE people SET age = age + 10000 WHERE age BETWEEN {first} AND {last}"),
                    format!("INSERT INTO people (id, age) VALUES ({last} + 5000, 20000)"),
                    "DELETE FROM people WHERE age = 3500".to_owned(),
                ] {
                    run(&mut link, statement(&database, &sql, &[])).await?;
                }
            }
            ages.extend(read);
        }
        assert_eq!(ages, (1..=5000).collect::<Vec<_>>(), "by {order}");
        link.rollback().await;
    }
    Ok(())
}

async fn result_ends_with_its_transaction(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    for commit in [true, false] {
        link.begin()?;
        let mut pieces = link.pieces(statement(&database, NUMBERS, &[1, 100]), rows(3))?;
        piece(&mut link, &mut pieces).await?;
        if commit {
            link.commit().await?
        } else {
            link.rollback().await
        }
        link.begin()?;
        run(&mut link, statement(&database, "SELECT 1", &[])).await?;
        let error = piece(&mut link, &mut pieces).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::InvalidRequestError);
        // The transaction that is open now has nothing to do with it.
        assert_eq!(run(&mut link, statement(&database, "SELECT 2", &[])).await?.cells, [2]);
        link.commit().await?;
    }
    Ok(())
}

async fn result_needs_a_transaction(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    let refused = link.pieces(statement(&database, "SELECT 1", &[]), rows(3)).err().unwrap();
    assert_eq!(refused.class(), ErrorClass::InvalidRequestError);
    Ok(())
}

async fn failing_row_fails_the_transaction(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    link.begin()?;
    let sql = match database.pool.dialect().arrays {
        true => NUMBERS.replace("SELECT i FROM n", "SELECT 1 / (i - 5) FROM n"),
        // SQLite divides by 0 without a word.
        false => NUMBERS.replace(
            "SELECT i FROM n",
            "SELECT abs(CASE i WHEN 5 THEN -9223372036854775807 - 1 ELSE i END) FROM n",
        ),
    };
    let mut pieces = link.pieces(statement(&database, &sql, &[1, 10]), rows(3))?;
    assert_eq!(piece(&mut link, &mut pieces).await?.len(), 3);
    assert!(piece(&mut link, &mut pieces).await.is_err());
    assert!(pieces.is_ended());
    assert!(link.check().is_err());
    link.rollback().await;
    assert_eq!(run(&mut link, statement(&database, "SELECT 2", &[])).await?.cells, [2]);
    Ok(())
}

async fn result_can_be_dropped_anywhere(database: Database) -> Result<()> {
    for polls in 0..200 {
        let mut link = Link::new(database.pool.clone());
        let read = async {
            link.begin()?;
            let mut pieces = link.pieces(statement(&database, NUMBERS, &[1, 4]), rows(2))?;
            while !pieces.is_ended() {
                link.read_piece(&mut pieces, &mut NoRows).await?;
            }
            link.commit().await
        };
        let done = polled(polls, read).await;
        drop(link);
        assert_eq!(database.number("SELECT 1").await?, 1);
        if let Some(done) = done {
            return done;
        }
    }
    panic!("the result never came to an end");
}

async fn writes_return_rows_in_pieces(database: Database) -> Result<()> {
    let mut link = Link::new(database.pool.clone());
    link.begin()?;
    let insert = "INSERT INTO authors (name) VALUES ('a'), ('b'), ('c') RETURNING id";
    let mut pieces = link.pieces(statement(&database, insert, &[]), rows(2))?;
    let mut sink = First::default();
    while !pieces.is_ended() {
        link.read_piece(&mut pieces, &mut sink).await?;
    }
    assert_eq!(sink.cells.len(), 3);
    link.commit().await?;
    assert_eq!(database.number("SELECT count(*) FROM authors").await?, 3);
    Ok(())
}
