//! Where statements run, in which order, and what a given-up one leaves behind.

mod support;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ormkit_core::driver::{Batch, Connection, Driver, Effect, Health, Statement};
use ormkit_core::error::{ErrorClass, ErrorKind};
use ormkit_core::value::{Params, Value};
use ormkit_sqlite::{Config, SqliteDriver};
use support::*;

fn table(connection: &mut Box<dyn Connection>) {
    sql(connection, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)").unwrap();
}

fn insert(id: i64) -> Statement {
    write(&format!("INSERT INTO t (id) VALUES ({id})"), true, Params::new())
}

#[test]
fn read_over_budget_starts_again_on_the_worker_and_is_complete() {
    let file = File::new();
    let mut connection = connect(&file.driver());
    let first = run(&mut connection, &[counting(100_000)]).unwrap();
    assert_eq!((first.restarts, first.rows.len()), (1, 100_000));
    assert_eq!(first.rows[99_999][0], Value::Int(100_000));
    let second = run(&mut connection, &[counting(100_000)]).unwrap();
    assert_eq!((second.restarts, second.rows.len()), (0, 100_000), "remembered as slow");
    assert_eq!(second.done, [(0, 100_000)]);
}

#[test]
fn read_that_yields_no_rows_is_stopped_by_its_operations() {
    let file = File::new();
    let mut connection = connect(&file.driver());
    let mut counted = counting(500_000);
    let sql = counted.text.sql.replace("SELECT x FROM c", "SELECT count(*) FROM c");
    counted = read(&sql, &[ormkit_core::value::SqlType::BigInt]);
    let kept = run(&mut connection, &[counted]).unwrap();
    assert_eq!((kept.restarts, &kept.rows[0][0]), (1, &Value::Int(500_000)));
}

#[test]
fn transaction_survives_a_read_over_budget() {
    let mut connection = connect(&memory());
    table(&mut connection);
    run(&mut connection, &[begin(), insert(1)]).unwrap();
    let kept = run(&mut connection, &[counting(100_000)]).unwrap();
    assert_eq!((kept.restarts, connection.health()), (1, Health::InTransaction));
    run(&mut connection, &[commit()]).unwrap();
    assert_eq!(int(&mut connection, "SELECT count(*) FROM t"), 1);
}

#[test]
fn read_in_a_transaction_sees_its_writes_and_others_do_not() {
    let file = File::new();
    let driver = file.driver();
    let (mut one, mut two) = (connect(&driver), connect(&driver));
    table(&mut one);
    run(&mut one, &[begin(), insert(1)]).unwrap();
    assert_eq!(int(&mut one, "SELECT count(*) FROM t"), 1);
    assert_eq!(int(&mut two, "SELECT count(*) FROM t"), 0);
    run(&mut one, &[commit()]).unwrap();
    assert_eq!(int(&mut two, "SELECT count(*) FROM t"), 1);
}

#[test]
fn raw_select_does_not_wait_for_the_writer() {
    let file = File::new();
    let driver = file.driver();
    let (mut one, mut two) = (connect(&driver), connect(&driver));
    table(&mut one);
    run(&mut one, &[begin(), insert(1)]).unwrap();
    let kept = sql(&mut two, "SELECT count(*) AS n FROM t").unwrap();
    assert_eq!((kept.columns, kept.rows), (vec!["n".to_owned()], vec![vec![Value::Int(0)]]));
}

#[test]
fn raw_insert_that_begins_like_a_read_is_written() {
    let file = File::new();
    let mut connection = connect(&file.driver());
    table(&mut connection);
    sql(&mut connection, "WITH n(x) AS (VALUES (7)) INSERT INTO t (id) SELECT x FROM n").unwrap();
    assert_eq!(int(&mut connection, "SELECT id FROM t"), 7);
}

#[test]
fn writer_is_lent_in_the_order_of_asking() {
    let file = File::new();
    let driver = file.driver();
    let mut connections: Vec<_> = (0..3).map(|_| connect(&driver)).collect();
    table(&mut connections[0]);
    let [one, two, three] = &mut connections[..] else { panic!("three connections") };
    run(one, &[begin()]).unwrap();
    let (statement, mut kept, waker) = ([insert(2)], Kept::default(), waker());
    let mut cx = Context::from_waker(&waker);
    let mut second = two.run(Batch { before: &[], statements: &statement }, &mut kept);
    assert!(second.as_mut().poll(&mut cx).is_pending());
    let (statement, mut kept) = ([insert(3)], Kept::default());
    let mut third = three.run(Batch { before: &[], statements: &statement }, &mut kept);
    assert!(third.as_mut().poll(&mut cx).is_pending());
    run(one, &[commit()]).unwrap();
    assert!(third.as_mut().poll(&mut cx).is_pending(), "the second comes first");
    assert!(matches!(second.as_mut().poll(&mut cx), Poll::Ready(Ok(()))));
    assert!(matches!(third.as_mut().poll(&mut cx), Poll::Ready(Ok(()))));
}

#[test]
fn place_in_the_queue_of_a_dropped_future_passes_on() {
    let file = File::new();
    let driver = file.driver();
    let (mut one, mut two, mut three) = (connect(&driver), connect(&driver), connect(&driver));
    table(&mut one);
    run(&mut one, &[begin()]).unwrap();
    let statements = [insert(2)];
    let mut kept = Kept::default();
    assert!(poll_times(two.run(Batch { before: &[], statements: &statements }, &mut kept), 1).is_none());
    // Granted, and dropped before it came for it.
    {
        let mut kept = Kept::default();
        let mut third = pin!(three.run(Batch { before: &[], statements: &statements }, &mut kept));
        assert!(third.as_mut().poll(&mut Context::from_waker(&waker())).is_pending());
        run(&mut one, &[commit()]).unwrap();
    }
    run(&mut one, &[insert(1)]).unwrap();
    for connection in [&mut two, &mut three] {
        assert_eq!(connection.health(), Health::Dirty);
        block_on(connection.clean()).unwrap();
        assert_eq!(int(connection, "SELECT count(*) FROM t"), 1);
    }
}

#[test]
fn memory_database_is_one_for_all_connections() {
    let driver = memory();
    let (mut one, mut two) = (connect(&driver), connect(&driver));
    table(&mut one);
    run(&mut one, &[insert(1)]).unwrap();
    drop(one);
    assert_eq!(int(&mut two, "SELECT count(*) FROM t"), 1);
    assert_eq!(connect(&memory()).health(), Health::Idle);
}

/// A batch with everything in it: BEGIN, a bounded and an unbounded write, a long read, COMMIT.
fn mixed() -> Vec<Statement> {
    let many = "INSERT INTO t (id) WITH RECURSIVE c(x) AS (SELECT 10 UNION ALL SELECT x + 1 FROM c WHERE x < 5000) SELECT x FROM c";
    vec![begin(), insert(1), write(many, false, Params::new()), counting(8_000), commit()]
}

#[test]
fn batch_dropped_after_any_poll_is_kept_or_undone_as_a_whole() {
    for url in [None, Some("sqlite::memory:")] {
        for polls in 0.. {
            let file = File::new();
            let driver = url.map_or_else(|| file.driver(), driver);
            let (mut connection, mut other) = (connect(&driver), connect(&driver));
            table(&mut connection);
            let (statements, mut kept) = (mixed(), Kept::default());
            let batch = Batch { before: &[], statements: &statements };
            let finished = poll_times(connection.run(batch, &mut kept), polls).is_some();
            if !finished && polls > 0 {
                assert_eq!(connection.health(), Health::Dirty);
            }
            block_on(connection.clean()).unwrap();
            assert_eq!(connection.health(), Health::Idle);
            run(&mut other, &[write("INSERT INTO t (id) VALUES (-1)", true, Params::new())]).unwrap();
            let count = int(&mut connection, "SELECT count(*) FROM t");
            assert!(count == 1 || count == 4993, "{count} rows after {polls} polls");
            if finished {
                break;
            }
        }
    }
}

#[test]
fn connection_dropped_in_flight_gives_the_writer_on() {
    let file = File::new();
    let driver = file.driver();
    let (mut one, mut two) = (connect(&driver), connect(&driver));
    table(&mut one);
    let (statements, mut kept) = ([begin(), insert(1), counting(10_000_000)], Kept::default());
    assert!(poll_times(one.run(Batch { before: &[], statements: &statements }, &mut kept), 2).is_none());
    drop(one);
    run(&mut two, &[insert(2)]).unwrap();
    assert_eq!(int(&mut two, "SELECT id FROM t"), 2);
}

#[test]
fn writer_that_stays_away_is_an_error_and_nobody_hangs() {
    let file = File::new();
    for url in ["sqlite::memory:".to_owned(), format!("sqlite:///{}", file.0.display())] {
        let config = Config { busy_timeout: Duration::ZERO, ..Config::parse(&url).unwrap() };
        let driver = SqliteDriver::new(config, Arc::new(Threads));
        let (mut one, mut two) = (connect(&driver), connect(&driver));
        table(&mut one);
        run(&mut one, &[begin(), insert(1)]).unwrap();
        let error = run(&mut two, &[insert(2)]).err().unwrap();
        assert_eq!(error.class(), ErrorClass::LockNotAvailable);
        assert_eq!(two.health(), Health::Idle);
        run(&mut one, &[commit()]).unwrap();
        run(&mut two, &[insert(2)]).unwrap();
        assert_eq!(int(&mut two, "SELECT count(*) FROM t"), 2);
    }
}

#[test]
fn canceller_stops_what_runs_and_nothing_later() {
    let file = File::new();
    let mut connection = connect(&file.driver());
    let canceller = connection.canceller();
    let mut count = counting(2_000_000_000);
    count = read(
        &count.text.sql.replace("SELECT x FROM c", "SELECT count(*) FROM c"),
        &[ormkit_core::value::SqlType::BigInt],
    );
    let (statements, mut kept, waker) = ([count], Kept::default(), waker());
    let mut running = connection.run(Batch { before: &[], statements: &statements }, &mut kept);
    assert!(running.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    block_on(canceller.cancel()).unwrap();
    let error = block_on(running).unwrap_err();
    assert_eq!(error.class(), ErrorClass::QueryCanceled);
    block_on(canceller.cancel()).unwrap();
    assert_eq!(int(&mut connection, "SELECT 1"), 1);
}

#[test]
fn error_in_a_transaction_leaves_only_rollback() {
    let mut connection = connect(&memory());
    table(&mut connection);
    run(&mut connection, &[begin(), insert(1)]).unwrap();
    run(&mut connection, &[insert(1)]).err().unwrap();
    assert_eq!(connection.health(), Health::Failed);
    let error = run(&mut connection, &[insert(2)]).err().unwrap();
    assert_eq!(error.class(), ErrorClass::PendingRollbackError);
    run(&mut connection, &[rollback()]).unwrap();
    assert_eq!(connection.health(), Health::Idle);
    assert_eq!(int(&mut connection, "SELECT count(*) FROM t"), 0);
}

#[test]
fn commit_of_a_failed_transaction_says_that_nothing_was_kept() {
    let mut connection = connect(&memory());
    table(&mut connection);
    run(&mut connection, &[begin(), insert(1)]).unwrap();
    run(&mut connection, &[insert(1)]).err().unwrap();
    let error = run(&mut connection, &[commit()]).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::CommitRolledBack));
    assert_eq!(int(&mut connection, "SELECT count(*) FROM t"), 0);
}

#[test]
fn rollback_to_a_savepoint_mends_a_failed_transaction() {
    let mut connection = connect(&memory());
    table(&mut connection);
    let savepoint = |sql: &str| Statement::command(sql, Effect::Savepoint);
    run(&mut connection, &[begin(), insert(1), savepoint("SAVEPOINT a")]).unwrap();
    run(&mut connection, &[insert(1)]).err().unwrap();
    run(&mut connection, &[savepoint("ROLLBACK TO SAVEPOINT a"), insert(2), commit()]).unwrap();
    assert_eq!(int(&mut connection, "SELECT count(*) FROM t"), 2);
}

#[test]
fn several_writes_outside_a_transaction_are_kept_together_or_not_at_all() {
    let mut connection = connect(&memory());
    table(&mut connection);
    run(&mut connection, &[insert(1), insert(1)]).err().unwrap();
    assert_eq!(connection.health(), Health::Idle);
    assert_eq!(int(&mut connection, "SELECT count(*) FROM t"), 0);
}

#[test]
fn failing_statement_in_front_keeps_the_rest_from_running() {
    let mut connection = connect(&memory());
    table(&mut connection);
    run(&mut connection, &[begin()]).unwrap();
    let (before, statements, mut kept) = ([begin()], [insert(1)], Kept::default());
    block_on(connection.run(Batch { before: &before, statements: &statements }, &mut kept)).unwrap_err();
    run(&mut connection, &[rollback()]).unwrap();
    assert_eq!(int(&mut connection, "SELECT count(*) FROM t"), 0);
}

#[test]
fn error_of_the_sink_comes_out_inline_and_from_the_worker() {
    let file = File::new();
    let mut connection = connect(&file.driver());
    for refuse_at in [3, 50_000] {
        let mut kept = Kept { refuse_at: Some(refuse_at), ..Kept::default() };
        let statements = [counting(200_000)];
        let error =
            block_on(connection.run(Batch { before: &[], statements: &statements }, &mut kept)).unwrap_err();
        assert_eq!(error.to_string(), "refused by the sink");
        assert_eq!(connection.health(), Health::Idle);
    }
    assert_eq!(int(&mut connection, "SELECT 1"), 1);
}

#[test]
fn no_thread_is_left_after_the_drop() {
    let threads = || {
        let named = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default()
        };
        std::fs::read_dir("/proc/self/task")
            .unwrap()
            .map(named)
            .filter(|name| name.trim() == "ormkit-sqlite")
            .count()
    };
    if std::env::var_os("ORMKIT_ALONE").is_none() {
        // Other tests of this process have workers of their own.
        let alone = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "no_thread_is_left_after_the_drop"])
            .env("ORMKIT_ALONE", "1")
            .status();
        assert!(alone.unwrap().success());
        return;
    }
    let file = File::new();
    let driver = file.driver();
    let mut connection = connect(&driver);
    table(&mut connection);
    run(&mut connection, &[counting(100_000)]).unwrap();
    assert!(threads() >= 2);
    drop((connection, driver));
    while threads() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn driver_is_sqlite() {
    assert_eq!(memory().dialect().name.as_str(), "sqlite");
}
