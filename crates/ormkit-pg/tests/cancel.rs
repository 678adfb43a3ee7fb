//! Futures that are dropped half way, and CancelRequest, against a real server.

mod support;

use std::sync::mpsc;
use std::time::Duration;

use ormkit_core::driver::{Batch, Connection, Health, NoRows, Statement};
use ormkit_core::error::ErrorClass;
use support::{begin, block_on, commit, connect, connect_to, poll_times, raw, row, run, script, typed, url};

/// A connection that moves a few bytes with each poll, so that dropping meets every state between.
fn slow() -> Box<dyn Connection> {
    let mut connection = connect_to(&url(), Some(5)).unwrap();
    script(&mut *connection, &["CREATE TEMP TABLE t (a int)"]);
    connection
}

/// Drops `run` after one poll, two, three … until it completes; `check` looks at the connection after each cleaning.
fn sweep(
    before: &[Statement],
    statements: &[Statement],
    prepare: impl Fn(&mut dyn Connection),
    check: impl Fn(&mut dyn Connection, bool),
) {
    let mut connection = slow();
    for count in 1.. {
        assert!(count < 5000, "it never completes");
        prepare(&mut *connection);
        let batch = Batch { before, statements };
        let done = poll_times(count, connection.run(batch, &mut NoRows));
        if !done {
            assert_eq!(connection.health(), Health::Dirty, "after {count} polls");
        }
        block_on(connection.clean()).unwrap();
        assert_eq!(connection.health(), Health::Idle);
        let marker = [raw("SELECT $1::int", &[ormkit_core::value::ValueRef::Int(count as i64)])];
        assert_eq!(run(&mut *connection, &[], &marker).unwrap().rows, [[count.to_string()]]);
        check(&mut *connection, done);
        if done {
            return;
        }
    }
}

#[test]
fn query_dropped_at_any_point_leaves_a_clean_connection() {
    let query =
        [raw("SELECT n, repeat('x', 20) FROM generate_series(1, 5) n", &[]), raw("SELECT 'last'", &[])];
    sweep(&[], &query, |_| {}, |_, _| {});
}

#[test]
fn query_that_is_prepared_each_time_survives_too() {
    let query = [raw("SELECT $1::int", &[ormkit_core::value::ValueRef::Int(7)])];
    sweep(&[], &query, |connection| script(connection, &["DISCARD PLANS", "DEALLOCATE ALL"]), |_, _| {});
}

#[test]
fn insert_behind_begin_is_rolled_back_wherever_it_was_dropped() {
    let insert = [typed("INSERT INTO t VALUES (1)", &[], &[], &[])];
    sweep(
        &[begin()],
        &insert,
        |_| {},
        |connection, _| {
            assert_eq!(row(connection, "SELECT count(*) FROM t"), ["0"]);
        },
    );
}

#[test]
fn commit_dropped_at_any_point_is_kept_or_undone_as_a_whole() {
    let prepare = |connection: &mut dyn Connection| {
        script(connection, &["TRUNCATE t"]);
        run(connection, &[begin()], &[raw("INSERT INTO t VALUES (1), (2)", &[])]).unwrap();
    };
    sweep(&[], &[commit()], prepare, |connection, done| {
        let rows = row(connection, "SELECT count(*) FROM t").remove(0);
        assert!(rows == "2" || (rows == "0" && !done), "{rows} rows");
    });
}

#[test]
fn future_that_was_never_polled_has_done_nothing() {
    let mut connection = connect();
    let statements = [raw("SELECT 1", &[])];
    drop(connection.run(Batch { before: &[], statements: &statements }, &mut NoRows));
    assert_eq!(connection.health(), Health::Idle);
    assert_eq!(row(&mut *connection, "SELECT 2"), ["2"]);
}

#[test]
fn dirty_connection_runs_nothing() {
    let mut connection = connect();
    let statements = [raw("SELECT pg_sleep(60)", &[])];
    assert!(!poll_times(3, connection.run(Batch { before: &[], statements: &statements }, &mut NoRows)));
    let error = run(&mut *connection, &[], &[raw("SELECT 1", &[])]).err().unwrap();
    assert_eq!(error.class(), ErrorClass::InvalidRequestError);
    assert_eq!(connection.health(), Health::Dirty);
    block_on(connection.clean()).unwrap();
    assert_eq!(row(&mut *connection, "SELECT 1"), ["1"]);
}

#[test]
fn cleaning_that_is_dropped_can_be_begun_again() {
    let mut connection = connect();
    for count in [1, 2, 5, 20, 40, 60, 80, 100] {
        let statements = [raw("SELECT pg_sleep(60)", &[])];
        let batch = Batch { before: &[begin()], statements: &statements };
        assert!(!poll_times(4, connection.run(batch, &mut NoRows)));
        let _ = poll_times(count, connection.clean());
        block_on(connection.clean()).unwrap();
        assert_eq!(connection.health(), Health::Idle);
        assert_eq!(row(&mut *connection, "SELECT 'next'"), ["next"]);
    }
}

#[test]
fn canceller_stops_what_runs() {
    let mut connection = connect();
    let canceller = connection.canceller();
    let (running, wait) = mpsc::channel();
    let cancelling = std::thread::spawn(move || {
        wait.recv().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        block_on(canceller.cancel())
    });
    running.send(()).unwrap();
    let error = run(&mut *connection, &[], &[raw("SELECT pg_sleep(60)", &[])]).err().unwrap();
    assert_eq!(error.class(), ErrorClass::QueryCanceled);
    cancelling.join().unwrap().unwrap();
    assert_eq!(row(&mut *connection, "SELECT 1"), ["1"]);
}

#[test]
fn cancelling_an_idle_connection_does_not_touch_the_next_statement() {
    let mut connection = connect();
    for _ in 0..20 {
        block_on(connection.canceller().cancel()).unwrap();
        assert_eq!(row(&mut *connection, "SELECT 1"), ["1"]);
    }
}
