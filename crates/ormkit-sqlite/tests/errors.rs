//! What SQLite refuses, as classes with SQLSTATE, table, columns and constraint.

mod support;

use ormkit_core::driver::{Connection, Driver, Health};
use ormkit_core::error::{Error, ErrorClass};
use ormkit_core::value::{Params, SqlType, ValueRef};
use support::*;

fn schema() -> Box<dyn Connection> {
    let mut connection = connect(&memory());
    for text in [
        "CREATE TABLE orgs (id INTEGER PRIMARY KEY)",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, org INTEGER REFERENCES orgs, age INTEGER,
            CONSTRAINT grown CHECK (age > 17), UNIQUE (email, org))",
        "CREATE UNIQUE INDEX ux_lower ON users (lower(email))",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, org INTEGER REFERENCES orgs DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO orgs VALUES (1)",
        "INSERT INTO users VALUES (1, 'a', 1, 20)",
    ] {
        sql(&mut connection, text).unwrap();
    }
    connection
}

fn refused(text: &str) -> Error {
    let mut connection = schema();
    let error = sql(&mut connection, text).err().unwrap();
    assert_eq!(connection.health(), Health::Idle);
    assert_eq!(error.statement(), Some(text));
    error
}

/// Class, SQLSTATE, table, columns, constraint.
fn parts(error: &Error) -> (ErrorClass, &str, Option<&str>, Vec<&str>, Option<&str>) {
    let diagnostics = error.diagnostics().unwrap();
    (
        error.class(),
        diagnostics.sqlstate.as_str(),
        diagnostics.table.as_deref(),
        diagnostics.columns.iter().map(String::as_str).collect(),
        diagnostics.constraint.as_deref(),
    )
}

#[test]
fn unique_violation_names_table_and_columns() {
    let error = refused("INSERT INTO users VALUES (1, 'b', 1, 20)");
    assert_eq!(parts(&error), (ErrorClass::UniqueViolation, "23505", Some("users"), vec!["id"], None));
    let error = refused("INSERT INTO users VALUES (2, 'a', 1, 20)");
    let (class, _, table, columns, constraint) = parts(&error);
    assert_eq!((class, constraint), (ErrorClass::UniqueViolation, Some("ux_lower")));
    assert_eq!((table, columns.len()), (None, 0), "an index over expressions has no columns");
}

#[test]
fn unique_violation_of_two_columns_names_both() {
    let mut connection = schema();
    sql(&mut connection, "DROP INDEX ux_lower").unwrap();
    let error = sql(&mut connection, "INSERT INTO users VALUES (2, 'a', 1, 20)").err().unwrap();
    assert_eq!(
        parts(&error),
        (ErrorClass::UniqueViolation, "23505", Some("users"), vec!["email", "org"], None)
    );
}

#[test]
fn foreign_keys_are_enforced_and_an_insert_names_its_table() {
    let error = refused("INSERT INTO users VALUES (2, 'b', 9, 20)");
    assert_eq!(parts(&error), (ErrorClass::ForeignKeyViolation, "23503", Some("users"), vec![], None));
    let error = refused("DELETE FROM orgs");
    assert_eq!(parts(&error), (ErrorClass::ForeignKeyViolation, "23503", None, vec![], None));
}

#[test]
fn not_null_violation_names_the_column() {
    let error = refused("INSERT INTO users VALUES (2, NULL, 1, 20)");
    assert_eq!(parts(&error), (ErrorClass::NotNullViolation, "23502", Some("users"), vec!["email"], None));
}

#[test]
fn check_violation_names_the_constraint() {
    let error = refused("INSERT INTO users VALUES (2, 'b', 1, 3)");
    assert_eq!(parts(&error), (ErrorClass::CheckViolation, "23514", Some("users"), vec![], Some("grown")));
}

#[test]
fn text_that_is_no_sql_is_a_programming_error_with_its_position() {
    for (text, state) in [
        ("SELEC 1", "42601"),
        ("SELECT 'x", "42601"),
        ("SELECT (", "42601"),
        ("SELECT * FROM nowhere", "42P01"),
        ("SELECT wrong FROM users", "42703"),
        ("INSERT INTO users (wrong) VALUES (1)", "42703"),
        ("SELECT wrong()", "42883"),
        ("SELECT \"text\" FROM users", "42703"),
    ] {
        let error = refused(text);
        assert_eq!((error.class(), parts(&error).1), (ErrorClass::ProgrammingError, state), "{text}");
    }
    assert_eq!(refused("SELECT 'ü', wrong FROM users").diagnostics().unwrap().position, Some(13));
}

#[test]
fn several_statements_in_one_text_are_refused() {
    let error = refused("DELETE FROM users; DELETE FROM orgs");
    assert_eq!(error.class(), ErrorClass::ProgrammingError);
    assert!(error.to_string().contains("several statements"), "{error}");
    sql(&mut schema(), "SELECT 1; -- the end").unwrap();
}

#[test]
fn wrong_number_of_values_is_refused_with_both_numbers() {
    let mut connection = schema();
    let statement = write("DELETE FROM users WHERE id = ?", true, Params::new());
    let error = run(&mut connection, &[statement]).err().unwrap();
    assert_eq!(error.to_string(), "the statement has 1 placeholder(s), 0 value(s) were given");
}

#[test]
fn failing_commit_keeps_nothing_and_ends_the_transaction() {
    let mut connection = schema();
    run(&mut connection, &[begin(), write("INSERT INTO notes VALUES (1, 9)", true, Params::new())]).unwrap();
    let error = run(&mut connection, &[commit()]).err().unwrap();
    assert_eq!(error.class(), ErrorClass::ForeignKeyViolation);
    assert_eq!(connection.health(), Health::Idle);
    assert_eq!(int(&mut connection, "SELECT count(*) FROM notes"), 0);
}

#[test]
fn bytes_in_text_that_are_not_utf8_are_a_data_error_of_their_column() {
    let file = File::new();
    for mut connection in [connect(&memory()), connect(&file.driver())] {
        sql(&mut connection, "CREATE TABLE t AS SELECT CAST(x'66ff' AS TEXT) AS name").unwrap();
        for statement in [read("SELECT name FROM t", &[SqlType::Text]), raw("SELECT name FROM t")] {
            let error = run(&mut connection, &[statement]).err().unwrap();
            assert_eq!(error.class(), ErrorClass::DataError);
            assert!(error.to_string().starts_with("name: expected text"), "{error}");
        }
    }
}

#[test]
fn value_of_another_type_is_a_data_error_of_its_column() {
    let statement = read("SELECT email AS born FROM users", &[SqlType::Date]);
    let error = run(&mut schema(), &[statement]).err().unwrap();
    assert!(error.to_string().starts_with("born: expected a date"), "{error}");
}

#[test]
fn value_without_a_form_is_a_data_error_of_its_parameter() {
    let statement = write("UPDATE users SET age = ?", true, params([ValueRef::Float(f64::NAN)]));
    let error = run(&mut schema(), &[statement]).err().unwrap();
    assert!(error.to_string().starts_with("parameter 1: "), "{error}");
}

#[test]
fn missing_file_and_file_of_another_kind_are_refused_when_opened() {
    let file = File::new();
    let error = block_on(driver(&format!("sqlite:///{}?mode=rw", file.0.display())).connect()).err().unwrap();
    assert_eq!((error.class(), parts(&error).1), (ErrorClass::OperationalError, "58030"));
    std::fs::write(&file.0, "this is no database, but it is long enough to be looked at as one".repeat(99))
        .unwrap();
    let error = block_on(file.driver().connect()).err().unwrap();
    assert_eq!(parts(&error).1, "XX001");
}

#[test]
fn read_only_database_refuses_writes() {
    let file = File::new();
    sql(&mut connect(&file.driver()), "CREATE TABLE t (id INTEGER)").unwrap();
    let mut connection = connect(&driver(&format!("sqlite:///{}?mode=ro", file.0.display())));
    assert_eq!(int(&mut connection, "SELECT count(*) FROM t"), 0);
    let error = sql(&mut connection, "INSERT INTO t VALUES (1)").err().unwrap();
    assert_eq!(parts(&error).1, "25006");
}

#[test]
fn lock_of_another_engine_is_waited_for_and_then_reported() {
    let file = File::new();
    let mut holder = connect(&file.driver());
    sql(&mut holder, "CREATE TABLE t (id INTEGER)").unwrap();
    let mut config = ormkit_sqlite::Config::parse(&format!("sqlite:///{}", file.0.display())).unwrap();
    config.busy_timeout = std::time::Duration::from_millis(20);
    let other = ormkit_sqlite::SqliteDriver::new(config, std::sync::Arc::new(Threads));
    let mut waiter = connect(&other);
    run(&mut holder, &[begin()]).unwrap();
    let insert = [write("INSERT INTO t VALUES (1)", true, Params::new())];
    let error = run(&mut waiter, &insert).err().unwrap();
    assert_eq!((error.class(), parts(&error).1), (ErrorClass::LockNotAvailable, "55P03"));
    run(&mut holder, &[commit()]).unwrap();
    run(&mut waiter, &insert).unwrap();
}
