//! BEGIN, SAVEPOINT, COMMIT and ROLLBACK against a real server.

mod support;

use ormkit_core::driver::{Connection, Effect, Health, Statement};
use ormkit_core::error::{ErrorClass, ErrorKind};
use support::{begin, block_on, commit, connect, raw, row, run, script};

fn with_table() -> Box<dyn Connection> {
    let mut connection = connect();
    script(&mut *connection, &["CREATE TEMP TABLE t (a int)"]);
    connection
}

fn insert(value: i32) -> [Statement; 1] {
    [raw(&format!("INSERT INTO t VALUES ({value})"), &[])]
}

#[test]
fn failing_begin_leaves_nothing_executed() {
    for sql in [
        "BEGIN ISOLATION LEVEL nonsense",
        "SAVEPOINT outside_of_a_transaction",
        "SET TRANSACTION SNAPSHOT 'x'",
    ] {
        let mut connection = with_table();
        let before = [Statement::command(sql, Effect::Begin { read_only: false })];
        let error = run(&mut *connection, &before, &insert(1)).err().expect(sql);
        assert_eq!(error.statement(), Some(sql));
        assert_eq!(connection.health(), Health::Idle);
        assert_eq!(row(&mut *connection, "SELECT count(*) FROM t"), ["0"], "{sql}");
    }
}

#[test]
fn begin_travels_with_the_first_statement() {
    let mut connection = with_table();
    let answer = run(&mut *connection, &[begin()], &insert(1)).unwrap();
    assert_eq!((answer.events, connection.health()), (vec!["done 0 1".to_owned()], Health::InTransaction));
    run(&mut *connection, &[], &[commit()]).unwrap();
    assert_eq!(connection.health(), Health::Idle);
    assert_eq!(row(&mut *connection, "SELECT count(*) FROM t"), ["1"]);
}

#[test]
fn commit_of_a_failed_transaction_is_an_error() {
    let mut connection = with_table();
    run(&mut *connection, &[begin()], &insert(1)).unwrap();
    assert!(run(&mut *connection, &[], &[raw("SELECT 1 / 0", &[])]).is_err());
    assert_eq!(connection.health(), Health::Failed);
    let refused = run(&mut *connection, &[], &[raw("SELECT 1", &[])]).err().unwrap();
    assert_eq!(refused.class(), ErrorClass::PendingRollbackError);
    let error = run(&mut *connection, &[], &[commit()]).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::CommitRolledBack));
    assert_eq!(connection.health(), Health::Idle);
    assert_eq!(row(&mut *connection, "SELECT count(*) FROM t"), ["0"]);
}

#[test]
fn commit_that_fails_on_a_deferred_constraint_says_so() {
    let mut connection = connect();
    script(&mut *connection, &["CREATE TEMP TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)"]);
    run(&mut *connection, &[begin()], &[insert(1), insert(1)].concat()).unwrap();
    let error = run(&mut *connection, &[], &[commit()]).err().unwrap();
    assert_eq!((error.class(), error.statement()), (ErrorClass::UniqueViolation, Some("COMMIT")));
    assert_eq!(connection.health(), Health::Idle);
}

#[test]
fn commit_may_end_the_flight_of_its_statements() {
    let mut connection = with_table();
    run(&mut *connection, &[begin()], &[insert(1)[0].clone(), commit()]).unwrap();
    assert_eq!(connection.health(), Health::Idle);
    let failing = [raw("SELECT 1 / 0", &[]), commit()];
    assert!(run(&mut *connection, &[begin()], &failing).is_err());
    assert_eq!(connection.health(), Health::Failed);
    block_on(connection.clean()).unwrap();
    assert_eq!(row(&mut *connection, "SELECT count(*) FROM t"), ["1"]);
}

#[test]
fn savepoint_saves_a_transaction() {
    let mut connection = with_table();
    let savepoint = |sql: &str| Statement::command(sql, Effect::Savepoint);
    run(&mut *connection, &[begin()], &insert(1)).unwrap();
    assert!(run(&mut *connection, &[savepoint("SAVEPOINT s1")], &[raw("SELECT 1 / 0", &[])]).is_err());
    assert_eq!(connection.health(), Health::Failed);
    run(&mut *connection, &[], &[savepoint("ROLLBACK TO SAVEPOINT s1")]).unwrap();
    assert_eq!(connection.health(), Health::InTransaction);
    run(&mut *connection, &[], &insert(2)).unwrap();
    run(&mut *connection, &[], &[commit()]).unwrap();
    assert_eq!(row(&mut *connection, "SELECT count(*) FROM t"), ["2"]);
}

#[test]
fn cleaning_rolls_back() {
    let mut connection = with_table();
    run(&mut *connection, &[begin()], &insert(1)).unwrap();
    block_on(connection.clean()).unwrap();
    assert_eq!(connection.health(), Health::Idle);
    assert_eq!(row(&mut *connection, "SELECT count(*) FROM t"), ["0"]);
    block_on(connection.clean()).unwrap();
}
