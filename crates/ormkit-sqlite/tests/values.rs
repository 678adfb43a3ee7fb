//! What is written comes back, from the statement and from kept rows.

mod support;

use std::sync::Arc;

use ormkit_core::driver::{Batch, Effect, KeptRows, Row, RowSink, Statement, StatementText};
use ormkit_core::error::Result;
use ormkit_core::value::{
    Date, Interval, Numeric, ParamType, Params, SqlType, Time, Timestamp, Value, ValueRef,
};
use support::*;

fn all() -> Vec<(ValueRef<'static>, SqlType, &'static str)> {
    let noon = Timestamp::parse("2024-03-01 12:00:00.5").unwrap();
    vec![
        (ValueRef::Null, SqlType::Text, "null"),
        (ValueRef::Bool(true), SqlType::Bool, "integer"),
        (ValueRef::Int(i64::MIN), SqlType::BigInt, "integer"),
        (ValueRef::Float(0.1), SqlType::Double, "real"),
        (ValueRef::Text("grüße\0!"), SqlType::Text, "text"),
        (ValueRef::Bytes(b"\0\xff"), SqlType::Bytes, "blob"),
        (ValueRef::Numeric(Numeric::parse("12345678901234567890.10").unwrap()), SqlType::Numeric, "text"),
        (ValueRef::Date(Date(19_000)), SqlType::Date, "text"),
        (ValueRef::Time(Time(1_000_000)), SqlType::Time, "text"),
        (ValueRef::Timestamp(noon), SqlType::Timestamp, "text"),
        (ValueRef::TimestampTz(noon), SqlType::TimestampTz, "text"),
        (ValueRef::Interval(Interval { months: 0, days: 0, micros: -7 }), SqlType::Interval, "integer"),
        (ValueRef::Uuid([7; 16]), SqlType::Uuid, "blob"),
        (ValueRef::Json("{\"a\": 1}"), SqlType::Jsonb, "text"),
    ]
}

fn select_all() -> Statement {
    let values = all();
    let marks = vec!["?"; values.len()].join(", ");
    let types = values.iter().map(|(_, sql_type, _)| *sql_type);
    let text = StatementText::new(
        format!("SELECT {marks}"),
        types.clone().map(ParamType::scalar).collect(),
        Some(types.collect()),
        Effect::Read,
    );
    Statement::new(Arc::new(text), params(values.into_iter().map(|(value, _, _)| value)))
}

#[test]
fn every_type_comes_back_as_it_was_bound() {
    let kept = run(&mut connect(&memory()), &[select_all()]).unwrap();
    let expected: Vec<Value> = all().into_iter().map(|(value, _, _)| value.into()).collect();
    assert_eq!(kept.rows, [expected]);
}

#[test]
fn every_type_has_its_storage_class() {
    let mut connection = connect(&memory());
    for (value, _, class) in all() {
        let text = StatementText::new("SELECT typeof(?)".into(), Vec::new(), None, Effect::Read);
        let kept = run(&mut connection, &[Statement::new(Arc::new(text), params([value]))]).unwrap();
        assert_eq!(kept.rows[0][0], Value::from(class));
    }
}

struct Keeps(KeptRows);

impl RowSink for Keeps {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        row.keep(&mut self.0);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0.clear();
    }
}

#[test]
fn kept_rows_decode_like_fresh_ones() {
    let mut connection = connect(&memory());
    let (statements, mut sink) = ([select_all(), select_all()], Keeps(KeptRows::new()));
    block_on(connection.run(Batch { before: &[], statements: &statements }, &mut sink)).unwrap();
    assert_eq!(sink.0.len(), 2);
    for (index, (value, _, _)) in all().into_iter().enumerate() {
        assert_eq!(sink.0.cell(1, index).unwrap(), value);
    }
    assert!(sink.0.cell(0, all().len()).is_err());
}

#[test]
fn text_for_rows_runs_once_per_element() {
    for count in [0, 1, 2_000] {
        for bounded in [true, false] {
            let mut connection = connect(&memory());
            sql(&mut connection, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)").unwrap();
            let mut params = Params::new();
            params.push_array(SqlType::BigInt, (0..count).map(ValueRef::Int));
            params.push_array(SqlType::Text, (0..count).map(|_| ValueRef::Text("x")));
            let text = StatementText::new(
                "INSERT INTO t VALUES (?, ?) RETURNING id".into(),
                vec![ParamType::array(SqlType::BigInt), ParamType::array(SqlType::Text)],
                Some(vec![SqlType::BigInt]),
                Effect::Write { bounded },
            );
            let kept = run(&mut connection, &[Statement::new(Arc::new(text.per_row()), params)]).unwrap();
            assert_eq!(kept.rows, (0..count).map(|id| vec![Value::Int(id)]).collect::<Vec<_>>());
            assert_eq!(kept.done, [(0, count as u64)]);
        }
    }
}

/// Three rows into `t` of this shape, of which the database gives the number `id`.
fn numbered(schema: &str, bounded: bool) -> Vec<Vec<Value>> {
    let mut connection = connect(&memory());
    for statement in schema.split(";;") {
        sql(&mut connection, statement).unwrap();
    }
    let mut params = Params::new();
    params.push_array(SqlType::Text, ["a", "b", "c"].map(ValueRef::Text));
    let text = StatementText::new(
        "INSERT INTO t (name) VALUES (?) RETURNING id".into(),
        vec![ParamType::array(SqlType::Text)],
        Some(vec![SqlType::BigInt]),
        Effect::Write { bounded },
    );
    let text = text.per_row().unreturning("INSERT INTO t (name) VALUES (?)".into());
    let kept = run(&mut connection, &[Statement::new(Arc::new(text), params)]).unwrap();
    assert_eq!(kept.done[0].1 as usize, kept.rows.len());
    let stored = run(&mut connection, &[read("SELECT id FROM t ORDER BY name", &[SqlType::BigInt])]).unwrap();
    assert_eq!(kept.rows, stored.rows, "what is answered is what is stored");
    kept.rows
}

#[test]
fn numbers_of_rows_are_answered_without_returning() {
    let rows = |ids: &[i64]| ids.iter().map(|id| vec![Value::Int(*id)]).collect::<Vec<_>>();
    for bounded in [true, false] {
        let plain = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)";
        assert_eq!(numbered(plain, bounded), rows(&[1, 2, 3]));
        let logged = "CREATE TABLE log (id INTEGER PRIMARY KEY);;INSERT INTO log VALUES (90);;\
                      CREATE TRIGGER log AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NULL); END";
        assert_eq!(
            numbered(&format!("{plain};;{logged}"), bounded),
            rows(&[1, 2, 3]),
            "not the log's numbers"
        );
        let picky = "CREATE TRIGGER p BEFORE INSERT ON t WHEN new.name = 'b' BEGIN SELECT RAISE(IGNORE); END";
        assert_eq!(numbered(&format!("{plain};;{picky}"), bounded), rows(&[1, 2]), "one was not inserted");
    }
}

#[test]
fn column_that_is_not_the_number_of_the_row_is_returned() {
    let null = || vec![Value::Null];
    let other = "CREATE TABLE t (id INT PRIMARY KEY, name TEXT)";
    assert_eq!(numbered(other, true), [null(), null(), null()]);
}

#[test]
fn text_for_rows_that_fails_half_way_writes_nothing() {
    let mut connection = connect(&memory());
    sql(&mut connection, "CREATE TABLE t (id INTEGER PRIMARY KEY)").unwrap();
    let mut params = Params::new();
    params.push_array(SqlType::BigInt, [ValueRef::Int(1), ValueRef::Int(1)]);
    let text = StatementText::new(
        "INSERT INTO t VALUES (?)".into(),
        vec![ParamType::array(SqlType::BigInt)],
        Some(Vec::new()),
        Effect::Write { bounded: true },
    );
    run(&mut connection, &[Statement::new(Arc::new(text.per_row()), params)]).err().unwrap();
    assert_eq!(int(&mut connection, "SELECT count(*) FROM t"), 0);
}

#[test]
fn array_is_unfolded_by_json_each() {
    let mut connection = connect(&memory());
    let mut params = Params::new();
    params.push_array(SqlType::Text, [ValueRef::Text("a\"\n"), ValueRef::Null, ValueRef::Text("ü")]);
    let text = StatementText::new("SELECT value FROM json_each(?)".into(), Vec::new(), None, Effect::Read);
    let kept = run(&mut connection, &[Statement::new(Arc::new(text), params)]).unwrap();
    assert_eq!(kept.rows, [[Value::from("a\"\n")], [Value::Null], [Value::from("ü")]]);
    assert_eq!(kept.columns, ["value"]);
}

#[test]
fn affected_rows_are_those_of_the_statement() {
    let mut connection = connect(&memory());
    let done = |connection: &mut _, text: &str| sql(connection, text).unwrap().done;
    assert_eq!(done(&mut connection, "CREATE TABLE t (id INTEGER)"), [(0, 0)]);
    assert_eq!(done(&mut connection, "INSERT INTO t VALUES (1), (2)"), [(0, 2)]);
    assert_eq!(done(&mut connection, "UPDATE t SET id = 3 WHERE id = 9"), [(0, 0)]);
    assert_eq!(done(&mut connection, "CREATE INDEX ix ON t (id)"), [(0, 0)]);
    assert_eq!(done(&mut connection, "SELECT * FROM t"), [(0, 2)]);
}

#[test]
fn result_without_rows_tells_its_columns_and_follows_the_schema() {
    let mut connection = connect(&memory());
    sql(&mut connection, "CREATE TABLE t (a INTEGER)").unwrap();
    assert_eq!(sql(&mut connection, "SELECT * FROM t").unwrap().columns, ["a"]);
    sql(&mut connection, "ALTER TABLE t ADD COLUMN b TEXT").unwrap();
    sql(&mut connection, "INSERT INTO t VALUES (1, 'x')").unwrap();
    let kept = sql(&mut connection, "SELECT * FROM t").unwrap();
    assert_eq!((kept.columns.len(), kept.rows[0].len()), (2, 2));
}
