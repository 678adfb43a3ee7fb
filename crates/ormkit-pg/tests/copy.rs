//! COPY on a real server: rows and bytes both ways, failures in the middle, futures that are dropped.

mod support;

use ormkit_core::driver::{BulkCopy, Connection, CopyStatement, Health, Row, RowSink};
use ormkit_core::error::{Error, ErrorClass, Result};
use ormkit_core::value::ValueRef;
use ormkit_pg::{CopyFormat, CopyOptions, CopyTarget, copy_in, copy_out};
use support::{begin, block_on, commit, connect, connect_to, poll_times, raw, row, run, script, url};

fn table(name: &str) -> CopyTarget {
    CopyTarget::Table { schema: None, name: name.into(), columns: Vec::new() }
}

fn into(name: &str, format: CopyFormat) -> CopyStatement {
    copy_in(&table(name), format, &CopyOptions::default()).unwrap()
}

fn out_of(target: &CopyTarget, format: CopyFormat) -> CopyStatement {
    copy_out(target, format, &CopyOptions::default()).unwrap()
}

/// A connection with a temporary table.
fn connected(step: Option<usize>) -> Box<dyn Connection> {
    let mut connection = connect_to(&url(), step).unwrap();
    script(&mut *connection, &["CREATE TEMP TABLE t (n int PRIMARY KEY, word text)"]);
    connection
}

/// Copies `count` rows in.
async fn fill(connection: &mut dyn Connection, count: i64) -> Result<u64> {
    let copy = connection.bulk_copy()?;
    copy.begin(&into("t", CopyFormat::Rows)).await?;
    for n in 0..count {
        let values = [ValueRef::Int(n), ValueRef::Text("some text in each of the rows")];
        copy.push_row(&mut |index, sink| sink(values[index]))?;
        if copy.buffered() > 20_000 {
            copy.send().await?;
        }
    }
    copy.finish().await
}

#[derive(Default)]
struct Words(Vec<(i64, String)>);

impl RowSink for Words {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        match (row.cell(0)?, row.cell(1)?) {
            (ValueRef::Int(n), ValueRef::Text(word)) => self.0.push((n, word.to_owned())),
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {}
}

async fn rows(copy: &mut dyn BulkCopy, target: &CopyTarget) -> Result<Words> {
    let mut words = Words::default();
    copy.begin(&out_of(target, CopyFormat::Rows)).await?;
    while copy.receive().await? {
        copy.take_rows(&mut words)?;
    }
    assert_eq!(copy.finish().await?, words.0.len() as u64);
    Ok(words)
}

fn count(connection: &mut dyn Connection) -> String {
    row(connection, "SELECT count(*) FROM t").remove(0)
}

#[test]
fn rows_go_in_and_come_out_in_any_pieces() {
    for (step, size) in [(None, 20_000), (Some(1000), 2_000), (Some(1), 20)] {
        let mut connection = connected(step);
        assert_eq!(block_on(fill(&mut *connection, size)).unwrap(), size as u64);
        assert_eq!(connection.health(), Health::Idle);
        let query = CopyTarget::Query("SELECT n, word FROM t ORDER BY n".into());
        for target in [&query, &table("t")] {
            let found = block_on(rows(connection.bulk_copy().unwrap(), target)).unwrap();
            assert!(found.0.iter().map(|(n, _)| *n).eq(0..size));
            assert!(found.0.iter().all(|(_, word)| word.starts_with("some text")));
        }
        assert_eq!(count(&mut *connection), size.to_string());
    }
}

#[test]
fn bytes_go_as_they_are() {
    let mut connection = connected(None);
    let options = CopyOptions { header: Some(true), delimiter: Some(";".into()), ..Default::default() };
    let copy = connection.bulk_copy().unwrap();
    let moved = block_on(async {
        copy.begin(&copy_in(&table("t"), CopyFormat::Csv, &options)?).await?;
        copy.push_bytes(b"n;word\n1;o")?;
        copy.send().await?;
        copy.push_bytes(b"ne\n2;\"t;wo\"\n")?;
        copy.finish().await
    });
    assert_eq!(moved.unwrap(), 2);
    let mut text = Vec::new();
    let statement = copy_out(&table("t"), CopyFormat::Csv, &options).unwrap();
    block_on(async {
        copy.begin(&statement).await?;
        while copy.receive().await? {
            copy.take_bytes(&mut |bytes| {
                text.extend_from_slice(bytes);
                Ok(())
            })?;
        }
        copy.finish().await
    })
    .unwrap();
    assert_eq!(text, b"n;word\n1;one\n2;\"t;wo\"\n");
}

#[test]
fn value_that_does_not_fit_is_named_and_undone() {
    let mut connection = connected(None);
    let copy = connection.bulk_copy().unwrap();
    let error = block_on(async {
        copy.begin(&into("t", CopyFormat::Rows)).await?;
        copy.push_row(&mut |index, sink| sink([ValueRef::Int(1), ValueRef::Null][index]))?;
        let bad = copy.push_row(&mut |index, sink| sink([ValueRef::Int(1 << 40), ValueRef::Null][index]));
        copy.give_up().await?;
        bad
    })
    .unwrap_err();
    assert!(error.class() == ErrorClass::DataError && error.to_string().contains('n'), "{error}");
    assert_eq!((connection.health(), count(&mut *connection).as_str()), (Health::Idle, "0"));
}

#[test]
fn error_of_the_server_ends_the_copy_at_once() {
    for step in [None, Some(500)] {
        let mut connection = connected(step);
        script(&mut *connection, &["INSERT INTO t VALUES (7, 'there')"]);
        let error = block_on(fill(&mut *connection, 1_000_000_000)).unwrap_err();
        assert_eq!(error.class(), ErrorClass::UniqueViolation);
        assert_eq!((connection.health(), count(&mut *connection).as_str()), (Health::Idle, "1"));
    }
}

#[test]
fn copy_that_cannot_begin_leaves_the_connection_whole() {
    let mut connection = connected(None);
    script(
        &mut *connection,
        &["CREATE TEMP TABLE odd (n int, twice int GENERATED ALWAYS AS (n * 2) STORED, a point)"],
    );
    let columns = |names: &[&str]| CopyTarget::Table {
        schema: None,
        name: "odd".into(),
        columns: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut begun = |statement: &CopyStatement| -> Error {
        let error = block_on(connection.bulk_copy().unwrap().begin(statement)).unwrap_err();
        assert_eq!(connection.health(), Health::Idle);
        error
    };
    let nowhere = begun(&into("no_such_table", CopyFormat::Rows));
    assert_eq!(nowhere.diagnostics().unwrap().sqlstate.as_str(), "42P01");
    let nowhere = begun(&into("no_such_table", CopyFormat::Csv));
    assert_eq!(nowhere.diagnostics().unwrap().sqlstate.as_str(), "42P01");
    let point = begun(&into("odd", CopyFormat::Rows));
    assert!(point.to_string().contains("column \"a\""), "{point}");
    let generated = copy_in(&columns(&["n", "twice"]), CopyFormat::Rows, &CopyOptions::default()).unwrap();
    assert!(begun(&generated).diagnostics().is_some());
    script(&mut *connection, &["ALTER TABLE odd DROP COLUMN a"]);
    let mut begun = |statement: &CopyStatement| block_on(connection.bulk_copy().unwrap().begin(statement));
    let error = begun(&into("odd", CopyFormat::Rows)).unwrap_err();
    assert!(error.to_string().contains("name the columns"), "{error}");
    begun(&copy_in(&columns(&["n"]), CopyFormat::Rows, &CopyOptions::default()).unwrap()).unwrap();
}

#[test]
fn statements_inside_of_a_query_do_not_run_as_copies() {
    let mut connection = connected(None);
    for sql in
        ["SELECT 1) TO STDOUT; COPY t FROM STDIN; COPY (SELECT 1", "SELECT 1) TO STDOUT; COPY (SELECT 2"]
    {
        let statement = out_of(&CopyTarget::Query(sql.into()), CopyFormat::Text);
        let copy = connection.bulk_copy().unwrap();
        let outcome = block_on(async {
            copy.begin(&statement).await?;
            while copy.receive().await? {
                copy.take_bytes(&mut |_| Ok(()))?;
            }
            copy.finish().await
        });
        assert!(outcome.is_err(), "{sql}");
        if connection.health() != Health::Closed {
            block_on(connection.clean()).unwrap();
            assert_eq!(count(&mut *connection), "0");
        }
        connection = connected(None);
    }
}

#[test]
fn enums_and_domains_are_rows_too() {
    let mut connection = connect();
    let name = "copy_mood";
    script(
        &mut *connection,
        &[
            &format!("DROP TYPE IF EXISTS {name} CASCADE"),
            &format!("CREATE TYPE {name} AS ENUM ('glad', 'sad')"),
            &format!("CREATE TEMP TABLE t (n int, word {name})"),
        ],
    );
    let copy = connection.bulk_copy().unwrap();
    let moved = block_on(async {
        copy.begin(&into("t", CopyFormat::Rows)).await?;
        copy.push_row(&mut |index, sink| sink([ValueRef::Int(1), ValueRef::Text("sad")][index]))?;
        copy.finish().await?;
        rows(copy, &table("t")).await
    });
    assert_eq!(moved.unwrap().0, [(1, "sad".to_owned())]);
    script(&mut *connection, &[&format!("DROP TYPE {name} CASCADE")]);
}

#[test]
fn copy_inside_of_a_transaction_belongs_to_it() {
    let mut connection = connected(None);
    run(&mut *connection, &[begin()], &[raw("SELECT 1", &[])]).unwrap();
    block_on(fill(&mut *connection, 100)).unwrap();
    assert_eq!(connection.health(), Health::InTransaction);
    block_on(connection.clean()).unwrap();
    assert_eq!(count(&mut *connection), "0");
    run(&mut *connection, &[begin()], &[raw("SELECT 1", &[])]).unwrap();
    block_on(fill(&mut *connection, 100)).unwrap();
    run(&mut *connection, &[], &[commit()]).unwrap();
    assert_eq!(count(&mut *connection), "100");
}

#[test]
fn copy_in_that_is_dropped_anywhere_is_undone_or_done() {
    for polls in (0..60).chain([80, 120, 200]) {
        let mut connection = connected(Some(700));
        let done = poll_times(polls, fill(&mut *connection, 400));
        block_on(connection.clean()).unwrap();
        assert_eq!(connection.health(), Health::Idle);
        let kept = count(&mut *connection);
        assert!(kept == "400" || (kept == "0" && !done), "{polls}: {kept}");
    }
}

#[test]
fn copy_out_that_is_dropped_anywhere_leaves_a_clean_connection() {
    let query = CopyTarget::Query("SELECT n, 'a word'::text FROM generate_series(1, 2000000) n".into());
    for polls in (0..30).chain([60, 100]) {
        let mut connection = connected(None);
        assert!(!poll_times(polls, rows(connection.bulk_copy().unwrap(), &query)));
        block_on(connection.clean()).unwrap();
        assert_eq!((connection.health(), count(&mut *connection).as_str()), (Health::Idle, "0"));
    }
}

#[test]
fn copy_out_is_given_up_with_its_rest_read() {
    let mut connection = connected(None);
    run(&mut *connection, &[begin()], &[raw("SELECT 1", &[])]).unwrap();
    let query = CopyTarget::Query("SELECT n, 'a word'::text FROM generate_series(1, 300000) n".into());
    let copy = connection.bulk_copy().unwrap();
    block_on(async {
        copy.begin(&out_of(&query, CopyFormat::Text)).await?;
        assert!(copy.receive().await?);
        copy.give_up().await
    })
    .unwrap();
    assert_eq!(connection.health(), Health::InTransaction);
    assert_eq!(count(&mut *connection), "0");
}

#[test]
fn copy_out_holds_one_block_at_a_time() {
    let mut connection = connected(None);
    let query = CopyTarget::Query("SELECT n, repeat('x', 100) FROM generate_series(1, 300000) n".into());
    let copy = connection.bulk_copy().unwrap();
    let largest = block_on(async {
        let mut largest = 0;
        copy.begin(&out_of(&query, CopyFormat::Text)).await?;
        while copy.receive().await? {
            copy.take_bytes(&mut |bytes| {
                largest = largest.max(bytes.len());
                Ok(())
            })?;
        }
        assert_eq!(copy.finish().await?, 300_000);
        Ok::<_, Error>(largest)
    })
    .unwrap();
    assert!(largest <= 512 * 1024, "{largest}");
}

#[test]
fn nothing_is_taken_when_nothing_has_begun() {
    let mut connection = connected(None);
    let copy = connection.bulk_copy().unwrap();
    assert!(copy.push_bytes(b"1").is_err());
    assert!(!block_on(copy.receive()).unwrap());
    assert_eq!(copy.buffered(), 0);
    assert_eq!(count(&mut *connection), "0");
}
