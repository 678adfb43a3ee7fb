//! Types that only the server's catalog knows, against a real server.

mod support;

use std::sync::Arc;

use ormkit_core::driver::{
    Batch, Connection, Driver, Health, NoRows, Row, RowSink, Statement, StatementText,
};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::value::{Bounds, Params, SqlType, Value, ValueRef};
use ormkit_pg::{Config, PgDriver};
use support::{StdRuntime, begin, block_on, connect, poll_times, raw, row, run, script, url};

/// A driver for a new schema with an enum, a composite and a table.
fn driver(schema: &str, step: Option<usize>) -> PgDriver {
    let mut admin = connect();
    script(
        &mut *admin,
        &[
            &format!("DROP SCHEMA IF EXISTS {schema} CASCADE"),
            &format!("CREATE SCHEMA {schema}"),
            &format!("CREATE TYPE {schema}.mood AS ENUM ('sad', 'happy')"),
            &format!("CREATE TYPE {schema}.spot AS (x int, m {schema}.mood)"),
            &format!("CREATE TABLE {schema}.t (id int, p {schema}.spot)"),
            &format!("INSERT INTO {schema}.t VALUES (1, (2, 'sad'))"),
        ],
    );
    let config = Config::parse(&url()).unwrap().with_setting("search_path", schema).unwrap();
    PgDriver::new(config, Arc::new(StdRuntime { step }))
}

fn open(driver: &PgDriver) -> Box<dyn Connection> {
    block_on(driver.connect()).unwrap()
}

#[derive(Default)]
struct Values(Vec<Value>);

impl RowSink for Values {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        for index in 0..row.len() {
            self.0.push(row.cell(index)?.into());
        }
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0.clear();
    }
}

fn bound(sql: &str, values: &[Value]) -> Statement {
    let mut params = Params::new();
    values.iter().for_each(|value| value.push_to(&mut params));
    Statement::new(Arc::new(StatementText::raw(sql)), params)
}

fn ask(connection: &mut dyn Connection, sql: &str, values: &[Value]) -> Result<Vec<Value>> {
    let mut found = Values::default();
    let statements = [bound(sql, values)];
    block_on(connection.run(Batch { before: &[], statements: &statements }, &mut found))?;
    Ok(found.0)
}

fn spot(x: i64, mood: &str) -> Value {
    Value::Record(vec![Value::Int(x), Value::from(mood)])
}

fn list(items: Vec<Value>) -> Value {
    Value::Array(SqlType::Unknown, items)
}

#[test]
fn values_of_the_catalogs_types_come_back_as_they_were_bound() {
    let driver = driver("named_values", None);
    let mut connection = open(&driver);
    let bounds = Bounds { empty: false, lower: true, upper: false };
    let range = Value::Range(Box::new([Value::Int(1), Value::Int(5)]), bounds);
    for (name, value) in [
        ("mood", Value::from("happy")),
        ("spot", spot(3, "sad")),
        ("spot[]", list(vec![spot(3, "sad"), Value::Null])),
        ("int4range", range.clone()),
        ("int4range[]", list(vec![range.clone()])),
        ("int4multirange", list(vec![range])),
        ("t", Value::Record(vec![Value::Int(1), spot(2, "happy")])),
    ] {
        for _ in 0..2 {
            let same = ask(
                &mut *connection,
                &format!("SELECT $1::{name}, NULL::{name}"),
                std::slice::from_ref(&value),
            );
            assert_eq!(same.unwrap(), [value.clone(), Value::Null], "{name}");
        }
    }
}

#[test]
fn types_are_looked_up_inside_of_the_callers_transaction_and_never_in_a_failed_one() {
    let driver = driver("named_transactions", None);
    let mut connection = open(&driver);
    let create = raw("CREATE TYPE pair AS (a int, b spot)", &[]);
    run(&mut *connection, &[begin()], &[create]).unwrap();
    let pair = Value::Record(vec![Value::Int(1), spot(2, "sad")]);
    assert_eq!(ask(&mut *connection, "SELECT (1, (2, 'sad')::spot)::pair", &[]).unwrap(), [pair]);
    assert_eq!(connection.health(), Health::InTransaction);
    assert!(ask(&mut *connection, "SELECT 1 / 0", &[]).is_err());
    assert_eq!(connection.health(), Health::Failed);
    let error = ask(&mut *connection, "SELECT ARRAY['sad']::mood[]", &[]).unwrap_err();
    assert_eq!(error.diagnostics().unwrap().sqlstate.as_str(), "25P02");
    block_on(connection.clean()).unwrap();
    let moods = list(vec![Value::from("sad")]);
    let read = ask(&mut *connection, "SELECT ARRAY['sad']::mood[]", &[]).unwrap();
    assert_eq!(format!("{read:?}"), format!("{:?}", [Value::Array(SqlType::Text, vec![Value::from("sad")])]));
    assert_eq!(ask(&mut *connection, "SELECT $1::mood[] = '{sad}'", &[moods]).unwrap(), [Value::Bool(true)]);
}

#[test]
fn what_one_connection_learned_the_others_know() {
    let driver = driver("named_shared", None);
    let (mut first, mut second) = (open(&driver), open(&driver));
    let lookups =
        "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'pg_range'::regclass";
    let sql = "SELECT ARRAY['sad']::mood[]";
    for (connection, count) in [(&mut first, "1"), (&mut second, "0")] {
        run(&mut **connection, &[begin()], &[raw("SELECT 1", &[])]).unwrap();
        ask(&mut **connection, sql, &[]).unwrap();
        assert_eq!(row(&mut **connection, lookups), [count]);
    }
}

#[test]
fn lookup_that_is_dropped_anywhere_leaves_a_connection_that_can_be_cleaned() {
    let driver = driver("named_dropped", Some(100));
    let sql = "SELECT p, ARRAY[p], ROW(1, p) FROM t WHERE p = $1::spot";
    let mut connection = open(&driver);
    for polls in 0..2000 {
        // An altered table is a reason to look composites up anew.
        script(&mut *connection, &["ALTER TABLE t SET (fillfactor = 100)"]);
        let statements = [bound(sql, &[spot(2, "sad")])];
        let batch = Batch { before: &[begin()], statements: &statements };
        let done = poll_times(polls, connection.run(batch, &mut NoRows));
        block_on(connection.clean()).unwrap();
        assert_eq!(connection.health(), Health::Idle);
        let found = ask(&mut *connection, sql, &[spot(2, "sad")]).unwrap();
        assert_eq!(found[0], spot(2, "sad"), "dropped after {polls} polls");
        if done {
            assert!(polls > 20, "the lookup was not cut in pieces");
            return;
        }
    }
    panic!("the statement never came to an end");
}

#[test]
fn composite_that_this_connection_altered_is_read_as_it_is() {
    let driver = driver("named_altered", None);
    let mut connection = open(&driver);
    for (alter, fields) in [("ADD ATTRIBUTE y text", 3), ("DROP ATTRIBUTE m", 2)] {
        let before = ask(&mut *connection, "SELECT NULL::spot, p FROM t", &[]).unwrap();
        assert!(matches!(&before[1], Value::Record(found) if found.len() != fields));
        script(&mut *connection, &[&format!("ALTER TYPE spot {alter} CASCADE")]);
        let after = ask(&mut *connection, "SELECT NULL::spot, p FROM t", &[]).unwrap();
        assert!(matches!(&after[1], Value::Record(found) if found.len() == fields), "{after:?}");
    }
}

#[test]
fn composite_that_was_altered_elsewhere_fails_once_and_is_then_right() {
    let driver = driver("named_elsewhere", None);
    let (mut connection, mut admin) = (open(&driver), connect());
    let (read, write) = ("SELECT p FROM t", "UPDATE t SET p = $1");
    ask(&mut *connection, write, &[spot(7, "sad")]).unwrap();
    assert_eq!(ask(&mut *connection, read, &[]).unwrap(), [spot(7, "sad")]);
    script(&mut *admin, &["ALTER TYPE named_elsewhere.spot ADD ATTRIBUTE y text CASCADE"]);
    let error = ask(&mut *connection, read, &[]).unwrap_err();
    assert_eq!(error.class(), ErrorClass::DataError);
    assert!(error.to_string().contains("spot"), "{error}");
    let wide = Value::Record(vec![Value::Int(7), Value::from("sad"), Value::Null]);
    assert_eq!(ask(&mut *connection, read, &[]).unwrap(), std::slice::from_ref(&wide));
    script(&mut *admin, &["ALTER TYPE named_elsewhere.spot ADD ATTRIBUTE z int CASCADE"]);
    let wider = Value::Record(vec![Value::Int(8), Value::from("sad"), Value::from("y"), Value::Null]);
    let error = ask(&mut *connection, write, std::slice::from_ref(&wider)).unwrap_err();
    assert_eq!(error.class(), ErrorClass::DataError, "the tuple has more fields than the type had");
    ask(&mut *connection, write, std::slice::from_ref(&wider)).unwrap();
    assert_eq!(ask(&mut *connection, read, &[]).unwrap(), std::slice::from_ref(&wider));
    script(
        &mut *admin,
        &[
            "ALTER TYPE named_elsewhere.spot DROP ATTRIBUTE z CASCADE",
            "ALTER TYPE named_elsewhere.spot ADD ATTRIBUTE z text CASCADE",
        ],
    );
    // The server refuses the old form before anything is executed: the statement is run again with the new one.
    ask(&mut *connection, write, &[wider]).unwrap();
    let stored = row(&mut *admin, "SELECT p::text FROM named_elsewhere.t");
    assert_eq!(stored, ["(8,sad,y,)"]);
}

#[test]
fn records_hold_values_of_any_type_from_the_second_time_on() {
    let driver = driver("named_records", None);
    let mut connection = open(&driver);
    let nested = "SELECT ROW(1, 'x'::text, ROW(NULL, 2.5), ARRAY[ROW(1)])";
    let one = Value::Record(vec![Value::Int(1)]);
    let ValueRef::Numeric(number) = ValueRef::Numeric(ormkit_core::value::Numeric::parse("2.5").unwrap())
    else {
        panic!("not a number")
    };
    let expected = Value::Record(vec![
        Value::Int(1),
        Value::from("x"),
        Value::Record(vec![Value::Null, Value::Numeric(number.into())]),
        list(vec![one]),
    ]);
    assert_eq!(ask(&mut *connection, nested, &[]).unwrap(), [expected]);
    let error = ask(&mut *connection, "SELECT ROW('sad'::mood)", &[]).unwrap_err();
    assert!(error.to_string().contains("run the statement again"), "{error}");
    let happy = Value::Record(vec![Value::from("sad")]);
    assert_eq!(ask(&mut *connection, "SELECT ROW('sad'::mood)", &[]).unwrap(), [happy]);
    let error = ask(&mut *connection, "SELECT ROW('(1,2)'::pg_catalog.point)", &[]).unwrap_err();
    assert_eq!(error.class(), ErrorClass::DataError);
    let error = ask(&mut *connection, "SELECT ROW('(1,2)'::pg_catalog.point)", &[]).unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotSupportedError);
}

#[test]
fn type_without_a_binary_form_is_text_with_all_that_holds_it() {
    let driver = driver("named_opaque", None);
    let mut connection = open(&driver);
    script(&mut *connection, &["CREATE TYPE place AS (at pg_catalog.point, name text)"]);
    let sql = "SELECT '(1,2)'::pg_catalog.point, ARRAY['(1,2)'::pg_catalog.point], ('(1,2)', 'x')::place";
    let texts = |texts: &[&str]| list(texts.iter().map(|text| Value::from(*text)).collect());
    let found = ask(&mut *connection, sql, &[]).unwrap();
    assert_eq!(found, [Value::from("(1,2)"), texts(&["(1,2)"]), Value::from(r#"("(1,2)",x)"#)]);
    let places = "SELECT ARRAY[('(1,2)', 'x')::place, NULL], '{(1,2),(0,0);(3,4),(0,0)}'::box[]";
    let many = list(vec![Value::from(r#"("(1,2)",x)"#), Value::Null]);
    assert_eq!(ask(&mut *connection, places, &[]).unwrap(), [many, texts(&["(1,2),(0,0)", "(3,4),(0,0)"])]);
    let place = Value::Record(vec![Value::from("(3,4)"), Value::from("y")]);
    let back = ask(&mut *connection, "SELECT $1::place::text", &[place]).unwrap();
    assert_eq!(back, [Value::from(r#"("(3,4)",y)"#)]);
}
