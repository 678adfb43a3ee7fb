//! Statements, rows and values against a real server.

mod support;

use ormkit_core::driver::{Batch, Connection, Driver, Health, Row, RowSink, Statement, StatementText};
use ormkit_core::error::{Error, ErrorClass, ErrorKind, Result};
use ormkit_core::value::{
    Date, Inet, Interval, Numeric, ParamType, Params, SqlType, Time, TimeTz, Timestamp, ValueRef,
};
use support::{Recorder, block_on, connect, connect_to, driver, raw, row, run, script, typed, url};

#[test]
fn cold_and_warm_statement_give_the_same_rows() {
    let mut connection = connect();
    let types = [SqlType::Integer, SqlType::Text];
    let query = [typed(
        "SELECT $1 + n, $2 FROM generate_series(1, 2) n",
        &types,
        &types,
        &[ValueRef::Int(10), ValueRef::Text("ä")],
    )];
    for _ in 0..3 {
        let answer = run(&mut *connection, &[], &query).unwrap();
        assert_eq!(answer.rows, [["11", "ä"], ["12", "ä"]]);
        assert_eq!(answer.events, ["row 0", "row 0", "done 0 2"]);
        assert!(answer.columns.is_empty());
    }
    assert_eq!(connection.health(), Health::Idle);
}

#[test]
fn every_type_comes_back_as_it_was_bound() {
    let mut connection = connect();
    let number = Numeric::parse("-12345678901234567890.1250").unwrap();
    for (name, sql_type, value) in [
        ("bool", SqlType::Bool, ValueRef::Bool(true)),
        ("int2", SqlType::SmallInt, ValueRef::Int(-32_768)),
        ("int4", SqlType::Integer, ValueRef::Int(2_147_483_647)),
        ("int8", SqlType::BigInt, ValueRef::Int(i64::MIN)),
        ("float4", SqlType::Real, ValueRef::Float(0.5)),
        ("float8", SqlType::Double, ValueRef::Float(-1e-300)),
        ("text", SqlType::Text, ValueRef::Text("grüße")),
        ("bytea", SqlType::Bytes, ValueRef::Bytes(b"\0\xff")),
        ("numeric", SqlType::Numeric, ValueRef::Numeric(number)),
        ("date", SqlType::Date, ValueRef::Date(Date(-719_162))),
        ("time", SqlType::Time, ValueRef::Time(Time(86_399_999_999))),
        ("timestamp", SqlType::Timestamp, ValueRef::Timestamp(Timestamp(1_700_000_000_123_456))),
        ("timestamptz", SqlType::TimestampTz, ValueRef::TimestampTz(Timestamp(-1))),
        ("interval", SqlType::Interval, ValueRef::Interval(Interval { months: 14, days: -3, micros: 5 })),
        ("uuid", SqlType::Uuid, ValueRef::Uuid([0xab; 16])),
        ("json", SqlType::Json, ValueRef::Json("{\"a\": 1}")),
        ("jsonb", SqlType::Jsonb, ValueRef::Json("{\"a\": 1}")),
        ("timetz", SqlType::TimeTz, ValueRef::TimeTz(TimeTz { time: Time(1), offset: -19_807 })),
        ("inet", SqlType::Inet, ValueRef::Inet(Inet::new([10, 0, 0, 1].into(), 8).unwrap())),
        ("cidr", SqlType::Cidr, ValueRef::Cidr(Inet::new([10, 0, 0, 0].into(), 8).unwrap())),
        ("text", SqlType::Text, ValueRef::Null),
    ] {
        let mut same = Same { value, seen: 0 };
        let named = typed(&format!("SELECT $1::{name}, NULL"), &[sql_type], &[sql_type, sql_type], &[value]);
        let inferred = raw(&format!("SELECT $1::{name}, NULL::{name}"), &[value]);
        let statements = [named, inferred];
        block_on(connection.run(Batch { before: &[], statements: &statements }, &mut same)).unwrap();
        assert_eq!(same.seen, 2, "{name}");
    }
}

struct Same<'a> {
    value: ValueRef<'a>,
    seen: usize,
}

impl RowSink for Same<'_> {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        assert_eq!(row.cell(0)?, self.value);
        assert_eq!(row.cell(1)?, ValueRef::Null);
        self.seen += 1;
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {}
}

#[test]
fn types_without_a_codec_are_text_in_raw_queries() {
    let mut connection = connect();
    let sql = "SELECT '0/1'::pg_lsn, '{{0/1},{NULL}}'::pg_lsn[], '1.50'::money::numeric, '(1,2)'::point, 'a'::name, 7::oid";
    for _ in 0..2 {
        assert_eq!(row(&mut *connection, sql), ["0/1", "Array([2 × unknown])", "1.50", "(1,2)", "a", "7"]);
    }
    let answer =
        run(&mut *connection, &[], &[raw("SELECT 1 AS n, '::1'::inet::text AS t WHERE false", &[])]).unwrap();
    let expected = [("n".to_owned(), SqlType::Integer), ("t".to_owned(), SqlType::Text)];
    assert_eq!((answer.columns, answer.rows.len()), (expected.to_vec(), 0));
}

/// Takes the single cell, an array, for a parameter.
#[derive(Default)]
struct Taken(Params);

impl RowSink for Taken {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        self.0.push(row.cell(0)?);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {}
}

#[test]
fn arrays_of_several_dimensions_are_sent_back_as_they_came() {
    let mut connection = connect();
    for text in [
        "'{{1,NULL},{3,4}}'::int[]",
        "'{{{a},{\"{,}\"}},{{NULL},{\"\"}}}'::text[]",
        "'[5:6][0:0]={{1.50},{NaN}}'::numeric[]",
        "'{}'::date[]",
        "'{2024-02-29}'::date[]",
    ] {
        let mut taken = Taken::default();
        let ask = [raw(&format!("SELECT {text}"), &[])];
        block_on(connection.run(Batch { before: &[], statements: &ask }, &mut taken)).unwrap();
        let cast = text.rsplit("::").next().unwrap();
        let same = format!(
            "SELECT (array_to_json($1::{cast})::text = array_to_json({text})::text)::text,
                (array_ndims($1::{cast}) IS NOT DISTINCT FROM array_ndims({text}))::text"
        );
        let back = raw(&same, &[taken.0.get(0)]);
        assert_eq!(run(&mut *connection, &[], &[back]).unwrap().rows, [["true", "true"]], "{text}");
    }
}

#[test]
fn raw_values_take_the_type_that_the_server_infers() {
    let mut connection = connect();
    let sql = "SELECT $1::text, $2::date, $3::inet::text, $4::numeric, $5::float8";
    let values = [
        ValueRef::Int(5),
        ValueRef::Text("2024-02-29"),
        ValueRef::Text("::1"),
        ValueRef::Float(0.5),
        ValueRef::Int(2),
    ];
    for _ in 0..2 {
        let answer = run(&mut *connection, &[], &[raw(sql, &values)]).unwrap();
        assert_eq!(answer.rows, [["5", "2024-02-29", "::1/128", "0.5", "Float(2.0)"]]);
    }
    let error =
        run(&mut *connection, &[], &[raw("SELECT $1::int2", &[ValueRef::Int(70_000)])]).err().unwrap();
    assert_eq!(error.class(), ErrorClass::DataError);
    let error = run(&mut *connection, &[], &[raw("SELECT $1::int2", &[])]).err().unwrap();
    assert_eq!(error.class(), ErrorClass::ProgrammingError);
    assert_eq!(row(&mut *connection, "SELECT 1"), ["1"]);
}

#[test]
fn arrays_are_bound_in_bulk() {
    let mut connection = connect();
    script(&mut *connection, &["CREATE TEMP TABLE t (a int, b text, c text)"]);
    let mut params = Params::new();
    params.push_array(SqlType::Integer, (0..1000).map(ValueRef::Int));
    params.push_array(
        SqlType::Text,
        (0..1000).map(|n| if n % 2 == 0 { ValueRef::Null } else { ValueRef::Text("x") }),
    );
    params.push_array(SqlType::Enum, (0..1000).map(|_| ValueRef::Text("a\"b\\")));
    let types = vec![
        ParamType::array(SqlType::Integer),
        ParamType::array(SqlType::Text),
        ParamType::array(SqlType::Enum),
    ];
    let sql = "INSERT INTO t SELECT * FROM unnest($1, $2, $3::text[]) RETURNING a";
    let text = StatementText::new(
        sql.into(),
        types,
        Some(vec![SqlType::Integer]),
        ormkit_core::driver::Effect::Unknown,
    );
    let answer = run(&mut *connection, &[], &[Statement::new(text.into(), params)]).unwrap();
    assert_eq!((answer.rows.len(), answer.events.last().unwrap().as_str()), (1000, "done 0 1000"));
    let sums = row(&mut *connection, "SELECT sum(a), count(b), min(c) FROM t");
    assert_eq!(sums, ["499500", "500", "a\"b\\"]);
}

#[test]
fn enums_are_labels() {
    let mut connection = connect();
    script(
        &mut *connection,
        &["CREATE TYPE pg_temp.mood AS ENUM ('sad', 'happy')", "CREATE TEMP TABLE t (m mood)"],
    );
    let label = [ValueRef::Text("happy")];
    let insert = typed("INSERT INTO t VALUES ($1) RETURNING m", &[SqlType::Enum], &[SqlType::Enum], &label);
    for _ in 0..2 {
        assert_eq!(run(&mut *connection, &[], std::slice::from_ref(&insert)).unwrap().rows, [["happy"]]);
    }
    assert_eq!(row(&mut *connection, "SELECT m FROM t"), ["happy"]);
}

#[test]
fn statements_of_a_batch_answer_in_order_and_stop_at_the_first_error() {
    let mut connection = connect();
    let fine = [raw("SELECT 1", &[]), raw("SELECT $1::int", &[ValueRef::Int(2)]), raw("SELECT 1", &[])];
    let answer = run(&mut *connection, &[], &fine).unwrap();
    assert_eq!(answer.events, ["row 0", "done 0 1", "row 1", "done 1 1", "row 2", "done 2 1"]);
    script(&mut *connection, &["CREATE TEMP TABLE t (a int)"]);
    let failing = [
        raw("INSERT INTO t VALUES (1)", &[]),
        raw("SELECT 1 / 0", &[]),
        raw("INSERT INTO t VALUES (2)", &[]),
    ];
    let mut sink = Recorder::default();
    let error = block_on(connection.run(Batch { before: &[], statements: &failing }, &mut sink)).unwrap_err();
    assert_eq!(error.statement(), Some("SELECT 1 / 0"));
    assert_eq!(error.diagnostics().unwrap().sqlstate.as_str(), "22012");
    assert_eq!(connection.health(), Health::Idle);
    let rows: i64 = row(&mut *connection, "SELECT count(*) FROM t")[0].parse().unwrap();
    assert!(rows <= 1, "the statement behind the error was executed");
}

#[test]
fn batch_may_use_what_it_creates() {
    let mut connection = connect();
    let batch = [
        raw("CREATE TEMP TABLE t (a int)", &[]),
        raw("INSERT INTO t VALUES ($1)", &[ValueRef::Int(7)]),
        raw("SELECT a FROM t", &[]),
    ];
    assert_eq!(run(&mut *connection, &[], &batch).unwrap().rows, [["7"]]);
}

#[test]
fn large_pipeline_does_not_stop_both_sides() {
    let mut connection = connect();
    let text = "x".repeat(200_000);
    let echo = typed("SELECT $1", &[SqlType::Text], &[SqlType::Text], &[ValueRef::Text(&text)]);
    let batch = vec![echo; 100];
    let answer = run(&mut *connection, &[], &batch).unwrap();
    assert_eq!(answer.rows.len(), 100);
    assert!(answer.rows.iter().all(|row| row[0].len() == text.len()));
}

#[test]
fn large_batch_inside_a_transaction_is_sent_while_it_is_written() {
    for step in [None, Some(1000)] {
        let mut connection = connect_to(&url(), step).unwrap();
        script(&mut *connection, &["CREATE TEMP TABLE t (a int, b text)"]);
        let text = "x".repeat(200);
        let insert = |value: i64| {
            let values = [ValueRef::Int(value), ValueRef::Text(&text)];
            typed("INSERT INTO t VALUES ($1, $2)", &[SqlType::BigInt, SqlType::Text], &[], &values)
        };
        let batch: Vec<Statement> = (0..3000).map(insert).collect();
        let answer = run(&mut *connection, &[support::begin()], &batch).unwrap();
        assert_eq!(answer.events.len(), 3000);
        assert_eq!(row(&mut *connection, "SELECT count(*), sum(a) FROM t"), ["3000", "4498500"]);
        // A value that does not fit comes behind what was sent; the transaction is the caller's to roll back.
        let mut batch = batch;
        batch.push(raw("SELECT $1::int4", &[ValueRef::Int(i64::MAX)]));
        let error = run(&mut *connection, &[], &batch).err().unwrap();
        assert_eq!(error.class(), ErrorClass::DataError);
        assert_eq!(connection.health(), Health::InTransaction);
        block_on(connection.clean()).unwrap();
        assert_eq!(row(&mut *connection, "SELECT count(*) FROM t"), ["0"]);
    }
}

#[test]
fn large_batch_can_be_dropped_while_it_is_written() {
    let mut connection = connect_to(&url(), Some(50_000)).unwrap();
    script(&mut *connection, &["CREATE TEMP TABLE t (a int, b text)"]);
    let text = "x".repeat(1000);
    let values = [ValueRef::Int(1), ValueRef::Text(&text)];
    let insert = typed("INSERT INTO t VALUES ($1, $2)", &[SqlType::Integer, SqlType::Text], &[], &values);
    let batch = vec![insert; 600];
    let before = [support::begin()];
    for polls in 0..100 {
        let mut sink = Recorder::default();
        let whole = Batch { before: &before, statements: &batch };
        let done = support::poll_times(polls, connection.run(whole, &mut sink));
        block_on(connection.clean()).unwrap();
        assert_eq!(row(&mut *connection, "SELECT count(*) FROM t"), ["0"]);
        if done {
            return;
        }
    }
    panic!("the batch never came to an end");
}

#[test]
fn many_rows_arrive_in_small_pieces() {
    let mut connection = connect_to(&url(), Some(13)).unwrap();
    let answer =
        run(&mut *connection, &[], &[raw("SELECT n, n::text FROM generate_series(1, 300) n", &[])]).unwrap();
    assert!(
        answer
            .rows
            .iter()
            .enumerate()
            .all(|(index, row)| row[0] == (index + 1).to_string() && row[0] == row[1])
    );
    assert_eq!(answer.rows.len(), 300);
}

#[test]
fn constraint_violations_say_table_column_and_constraint() {
    let mut connection = connect();
    script(
        &mut *connection,
        &[
            "CREATE TEMP TABLE t (a int CONSTRAINT a_key UNIQUE, b int NOT NULL, CONSTRAINT b_pos CHECK (b > 0))",
        ],
    );
    script(&mut *connection, &["INSERT INTO t VALUES (1, 1)"]);
    for (values, class, constraint) in [
        ("(1, 1)", ErrorClass::UniqueViolation, Some("a_key")),
        ("(2, NULL)", ErrorClass::NotNullViolation, None),
        ("(2, -1)", ErrorClass::CheckViolation, Some("b_pos")),
    ] {
        let sql = format!("INSERT INTO t VALUES {values}");
        let error = run(&mut *connection, &[], &[raw(&sql, &[])]).err().unwrap();
        let said = error.diagnostics().unwrap();
        assert_eq!((error.class(), said.constraint.as_deref()), (class, constraint));
        assert_eq!((said.table.as_deref(), error.statement()), (Some("t"), Some(&*sql)));
    }
    let error = run(&mut *connection, &[], &[raw("SELEC 1", &[])]).err().unwrap();
    assert_eq!(
        (error.class(), error.diagnostics().unwrap().position),
        (ErrorClass::ProgrammingError, Some(1))
    );
}

#[test]
fn error_of_the_sink_comes_back_after_the_replies_are_read() {
    struct Full(usize);
    impl RowSink for Full {
        fn row(&mut self, _statement: usize, _row: &Row<'_>) -> Result<()> {
            self.0 += 1;
            if self.0 < 3 { Ok(()) } else { Err(Error::interface("full")) }
        }
        fn restart(&mut self, _statement: usize) {}
    }
    let mut connection = connect();
    let mut sink = Full(0);
    let statements = [raw("SELECT generate_series(1, 50000)", &[]), raw("SELECT 1", &[])];
    let error =
        block_on(connection.run(Batch { before: &[], statements: &statements }, &mut sink)).unwrap_err();
    assert_eq!((error.to_string().as_str(), sink.0), ("full", 3));
    assert_eq!(connection.health(), Health::Idle);
    assert_eq!(row(&mut *connection, "SELECT 2"), ["2"]);
}

#[test]
fn values_that_do_not_fit_are_refused_before_a_byte_is_written() {
    let mut connection = connect();
    script(&mut *connection, &["CREATE TEMP TABLE t (a int)"]);
    let insert = typed("INSERT INTO t VALUES ($1)", &[SqlType::Integer], &[], &[ValueRef::Int(1)]);
    let large = typed("INSERT INTO t VALUES ($1)", &[SqlType::Integer], &[], &[ValueRef::Int(1 << 40)]);
    let nul = typed("SELECT $1", &[SqlType::Text], &[SqlType::Text], &[ValueRef::Text("a\0b")]);
    for bad in [large, nul] {
        let error = run(&mut *connection, &[], &[insert.clone(), bad]).err().unwrap();
        assert_eq!(error.class(), ErrorClass::DataError);
        assert!(error.to_string().starts_with("parameter 1: "), "{error}");
    }
    let many = vec![ValueRef::Int(1); 65_536];
    let error = run(&mut *connection, &[], &[raw("SELECT 1", &many)]).err().unwrap();
    assert_eq!(error.class(), ErrorClass::DataError);
    assert_eq!(row(&mut *connection, "SELECT count(*) FROM t"), ["0"]);
    assert_eq!(run(&mut *connection, &[], &[insert]).unwrap().events, ["done 0 1"]);
}

#[test]
fn dates_that_no_host_holds_are_data_errors_with_the_columns_name() {
    let mut connection = connect();
    for value in ["'0044-03-15 BC'::timestamp AS d", "'10000-01-01'::date AS d", "'24:00'::time AS d"] {
        let error = run(&mut *connection, &[], &[raw(&format!("SELECT {value}"), &[])]).err().unwrap();
        assert_eq!(error.class(), ErrorClass::DataError);
        assert!(error.to_string().starts_with("d: "), "{error}");
    }
    // A host may hold infinity.
    assert_eq!(
        row(&mut *connection, "SELECT 'infinity'::date, '-infinity'::timestamptz"),
        ["infinity", "-infinity"]
    );
    assert_eq!(connection.health(), Health::Idle);
}

#[test]
fn statements_are_evicted_and_closed() {
    let mut connection = connect_to(&format!("{}?statement_cache_size=3", url()), None).unwrap();
    for round in 0..40 {
        let n = round % 10;
        assert_eq!(row(&mut *connection, &format!("SELECT {n}")), [n.to_string()]);
    }
    let open: usize =
        row(&mut *connection, "SELECT count(*) FROM pg_prepared_statements")[0].parse().unwrap();
    assert!(open <= 4, "{open} statements are open");
}

#[test]
fn statement_whose_parameters_alone_are_inferred_is_prepared_once() {
    let mut connection = connect();
    let query = [typed("SELECT $1::int + 1", &[], &[SqlType::Integer], &[ValueRef::Int(1)])];
    for _ in 0..3 {
        assert_eq!(run(&mut *connection, &[], &query).unwrap().rows, [["2"]]);
    }
    let count = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%+ 1'";
    assert_eq!(row(&mut *connection, count), ["1"]);
}

#[test]
fn connection_without_a_cache_prepares_nothing() {
    let mut connection = connect_to(&format!("{}?statement_cache_size=0", url()), None).unwrap();
    let batch = [raw("SELECT $1::int", &[ValueRef::Int(1)]), raw("SELECT $1::text", &[ValueRef::Text("b")])];
    for _ in 0..2 {
        assert_eq!(run(&mut *connection, &[], &batch).unwrap().rows, [["1"], ["b"]]);
    }
    assert_eq!(row(&mut *connection, "SELECT count(*) FROM pg_prepared_statements"), ["0"]);
}

/// Changes a table where no command tag tells.
const ALTER_UNSEEN: &str = "DO $$ BEGIN ALTER TABLE t ADD c text DEFAULT 'new'; END $$";

#[test]
fn stale_statements_are_prepared_again_outside_a_transaction() {
    let mut connection = connect();
    script(&mut *connection, &["CREATE TEMP TABLE t (a int)", "INSERT INTO t VALUES (1)"]);
    let batch = [typed("SELECT 5", &[], &[SqlType::Integer], &[]), typed("SELECT * FROM t", &[], &[], &[])];
    assert_eq!(run(&mut *connection, &[], &batch).unwrap().rows.len(), 2);
    script(&mut *connection, &[ALTER_UNSEEN]);
    let answer = run(&mut *connection, &[], &batch).unwrap();
    assert_eq!(answer.rows.last().unwrap(), &["1", "new"]);
    assert!(answer.events.contains(&"restart 0".to_owned()), "{:?}", answer.events);
    script(&mut *connection, &["DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"]);
    assert_eq!(run(&mut *connection, &[], &batch).unwrap().rows.len(), 2);
    script(&mut *connection, &["DISCARD ALL"]);
    assert_eq!(row(&mut *connection, "SELECT 5"), ["5"]);
}

#[test]
fn stale_statement_behind_begin_is_recovered_and_inside_a_transaction_reported() {
    let mut connection = connect();
    script(&mut *connection, &["CREATE TEMP TABLE t (a int)", "SELECT * FROM t", ALTER_UNSEEN]);
    let query = [raw("SELECT * FROM t", &[])];
    let answer = run(&mut *connection, &[support::begin()], &query).unwrap();
    assert_eq!((answer.columns.len(), connection.health()), (2, Health::InTransaction));
    script(&mut *connection, &[&ALTER_UNSEEN.replace("ADD c", "ADD d")]);
    let error = run(&mut *connection, &[], &query).err().unwrap();
    assert_eq!(error.diagnostics().unwrap().sqlstate.as_str(), "0A000");
    assert_eq!(connection.health(), Health::Failed);
    block_on(connection.clean()).unwrap();
    assert_eq!(run(&mut *connection, &[], &query).unwrap().columns.len(), 2);
}

#[test]
fn own_change_of_a_table_is_known_inside_its_transaction() {
    let mut connection = connect();
    script(&mut *connection, &["CREATE TEMP TABLE t (a int)", "SELECT * FROM t"]);
    let query = [raw("SELECT * FROM t", &[])];
    run(&mut *connection, &[support::begin()], &query).unwrap();
    script(&mut *connection, &["ALTER TABLE t ADD b int"]);
    assert_eq!(run(&mut *connection, &[], &query).unwrap().columns.len(), 2);
    script(&mut *connection, &["DROP TABLE t", "CREATE TEMP TABLE t (a text, b text, c text)"]);
    assert_eq!(run(&mut *connection, &[], &query).unwrap().columns.len(), 3);
}

#[test]
fn change_of_a_table_that_one_connection_has_met_is_known_to_all() {
    let driver = driver(&url());
    let connect = || block_on(driver.connect()).unwrap();
    let (mut first, mut second, mut third) = (connect(), connect(), connect());
    let table = format!("changed_{}", std::process::id());
    let query = [raw(&format!("SELECT * FROM {table}"), &[])];
    script(&mut *first, &[&format!("CREATE TABLE {table} (a int)")]);
    for connection in [&mut first, &mut second, &mut third] {
        run(&mut **connection, &[], &query).unwrap();
    }
    // Committed by another driver: the first that meets it recovers, and inside a transaction nobody meets it again.
    script(&mut *connect_to(&url(), None).unwrap(), &[&format!("ALTER TABLE {table} ADD b int")]);
    assert_eq!(run(&mut *first, &[], &query).unwrap().columns.len(), 2);
    script(&mut *second, &["BEGIN"]);
    assert_eq!(run(&mut *second, &[], &query).unwrap().columns.len(), 2);
    script(&mut *second, &["COMMIT"]);
    // By one of the same driver, in a transaction: known when it is committed.
    script(&mut *first, &["BEGIN", &format!("ALTER TABLE {table} ADD c int"), "COMMIT"]);
    script(&mut *third, &["BEGIN"]);
    assert_eq!(run(&mut *third, &[], &query).unwrap().columns.len(), 3);
    script(&mut *third, &["COMMIT"]);
    script(&mut *first, &[&format!("DROP TABLE {table}")]);
}

/// The statements that the server keeps prepared for this connection, but for this question.
fn prepared(connection: &mut dyn Connection) -> Vec<String> {
    let question = "SELECT name FROM pg_prepared_statements WHERE statement NOT LIKE '%pg_prep%' ORDER BY 1";
    run(connection, &[], &[raw(question, &[])]).unwrap().rows.concat()
}

#[test]
fn names_that_are_taken_are_avoided() {
    let mut connection = connect();
    row(&mut *connection, "SELECT 39");
    row(&mut *connection, "SELECT 40");
    let [name] = &prepared(&mut *connection)[..] else { panic!("one statement is prepared") };
    // The question was the second, the block is the third.
    let next = format!("{}_4", name.strip_suffix("_1").unwrap());
    script(&mut *connection, &[&format!("DO $$ BEGIN EXECUTE 'PREPARE {next} AS SELECT 0'; END $$")]);
    assert_eq!(row(&mut *connection, "SELECT 41"), ["41"]);
    assert_eq!(row(&mut *connection, "SELECT 42"), ["42"]);
}

#[test]
fn who_answers_is_asked_after_the_first_flight_and_outside_of_transactions() {
    let mut connection = connect();
    let pid = connection.backend_pid().unwrap();
    let mut other = connect();
    let mut last =
        move || row(&mut *other, &format!("SELECT query FROM pg_stat_activity WHERE pid = {pid}")).remove(0);
    run(&mut *connection, &[support::begin()], &[raw("SELECT 40", &[])]).unwrap();
    assert_eq!(last(), "SELECT 40");
    script(&mut *connection, &["SET TRANSACTION READ ONLY"]);
    assert_eq!(prepared(&mut *connection), [""; 0], "nothing has a name yet");
    script(&mut *connection, &["COMMIT"]);
    row(&mut *connection, "SELECT 40");
    row(&mut *connection, "SELECT 40");
    assert_eq!(prepared(&mut *connection).len(), 1);
}

#[test]
fn tables_of_another_schema_are_met_by_statements_prepared_for_them() {
    let mut connection = connect();
    let [one, two] = ["one", "two"].map(|name| format!("path_{name}_{}", std::process::id()));
    let tables = [
        format!("CREATE SCHEMA {one}"),
        format!("CREATE SCHEMA {two}"),
        format!("CREATE TABLE {one}.t (x int)"),
        format!("CREATE TABLE {two}.t (x text, y int)"),
        format!("INSERT INTO {one}.t VALUES (1)"),
        format!("INSERT INTO {two}.t VALUES ('a', 2)"),
        format!("SET search_path = {one}"),
    ];
    script(&mut *connection, &tables.each_ref().map(String::as_str));
    let mut read_after = |sql: &str| {
        script(&mut *connection, &[sql]);
        run(&mut *connection, &[], &[raw("SELECT * FROM t", &[])]).unwrap().rows.concat()
    };
    assert_eq!(read_after("SELECT 1"), ["1"]);
    // Inside a transaction the server's error about a changed plan would be its end.
    assert_eq!(read_after("BEGIN"), ["1"]);
    assert_eq!(read_after("SAVEPOINT s"), ["1"]);
    assert_eq!(read_after(&format!("SET LOCAL search_path = {two}")), ["a", "2"]);
    assert_eq!(read_after("ROLLBACK TO SAVEPOINT s"), ["1"]);
    assert_eq!(read_after(&format!("SELECT set_config('search_path', '{two}', true)")), ["a", "2"]);
    assert_eq!(read_after("COMMIT"), ["1"]);
    assert_eq!(read_after("BEGIN"), ["1"]);
    assert_eq!(read_after(&format!("SET search_path = {two}")), ["a", "2"]);
    assert_eq!(read_after("ROLLBACK"), ["1"]);
    assert_eq!(read_after("BEGIN"), ["1"]);
    read_after("COMMIT");
    script(&mut *connection, &[&format!("DROP SCHEMA {one} CASCADE"), &format!("DROP SCHEMA {two} CASCADE")]);
}

#[test]
fn names_of_two_connections_differ() {
    let names = [(); 2].map(|()| {
        let mut connection = connect();
        row(&mut *connection, "SELECT 39");
        row(&mut *connection, "SELECT 40");
        prepared(&mut *connection).remove(0)
    });
    assert_ne!(names[0], names[1]);
}

#[test]
fn prepare_modes_give_the_same_rows_and_leave_what_they_say() {
    for (mode, left) in [("auto", 6), ("named", 6), ("unnamed", 0), ("never", 0)] {
        let mut connection = connect_to(&format!("{}?prepared={mode}", url()), None).unwrap();
        let types = [SqlType::Integer, SqlType::Text];
        let one = typed("SELECT $1 + 1, $2", &types, &types, &[ValueRef::Int(1), ValueRef::Text("ä")]);
        let two = typed("SELECT $1 + 2, $2", &types, &types, &[ValueRef::Int(1), ValueRef::Null]);
        let raw_one = raw("SELECT $1::int8, $2::date", &[ValueRef::Int(7), ValueRef::Text("2024-02-29")]);
        let raw_two = raw("SELECT now() - now(), 1.5", &[]);
        let write = raw("CREATE TEMP TABLE IF NOT EXISTS t (a int)", &[]);
        let batch = [&one, &one, &two, &raw_one, &raw_one, &one, &raw_two, &raw_one, &write];
        let batch: Vec<Statement> = batch.into_iter().cloned().collect();
        let first = run(&mut *connection, &[], &batch).unwrap();
        assert_eq!(first.rows[..3], [["2", "ä"], ["2", "ä"], ["3", "Null"]], "{mode}");
        assert_eq!(first.rows[3], ["7", "2024-02-29"], "{mode}");
        for before in [&[][..], &[support::begin()]] {
            let again = run(&mut *connection, before, &batch).unwrap();
            assert_eq!((again.rows, again.events), (first.rows.clone(), first.events.clone()), "{mode}");
        }
        assert_eq!(prepared(&mut *connection).len(), left, "{mode}");
    }
}

#[test]
fn result_that_has_changed_is_described_anew_without_a_name() {
    let mut connection = connect_to(&format!("{}?prepared=unnamed", url()), None).unwrap();
    let read = [raw("SELECT * FROM t", &[])];
    let insert = [raw("INSERT INTO t VALUES ($1) RETURNING *", &[ValueRef::Int(2)])];
    script(&mut *connection, &["CREATE TEMP TABLE t (a int)"]);
    assert_eq!(run(&mut *connection, &[], &insert).unwrap().rows, [["2"]]);
    assert_eq!(run(&mut *connection, &[], &read).unwrap().rows, [["2"]]);
    // More columns; then another type of column and parameter; then a column in another format.
    script(&mut *connection, &[ALTER_UNSEEN]);
    assert_eq!(run(&mut *connection, &[], &read).unwrap().rows, [["2", "new"]]);
    assert_eq!(run(&mut *connection, &[], &insert).unwrap().rows, [["2", "new"]]);
    script(&mut *connection, &["DO $$ BEGIN ALTER TABLE t ALTER a TYPE text; END $$"]);
    assert_eq!(run(&mut *connection, &[], &insert).unwrap().rows, [["2", "new"]]);
    assert_eq!(run(&mut *connection, &[], &read).unwrap().rows.len(), 3);
    script(&mut *connection, &["DO $$ BEGIN ALTER TABLE t ALTER a TYPE point USING '(1,2)'; END $$"]);
    let unread = run(&mut *connection, &[], &read).err().unwrap();
    assert!(unread.to_string().contains("have changed"), "{unread}");
    assert_eq!(run(&mut *connection, &[], &read).unwrap().rows[0][0], "(1,2)");
}

#[test]
fn messages_that_nobody_asked_for_do_no_harm() {
    let mut connection = connect();
    script(
        &mut *connection,
        &[
            "DO $$ BEGIN RAISE NOTICE 'hello'; RAISE WARNING 'hello'; END $$",
            "LISTEN c",
            "NOTIFY c, 'payload'",
            "SET application_name = 'other'",
        ],
    );
    let mut other = connect();
    script(&mut *other, &["NOTIFY c, 'from elsewhere'"]);
    assert!(connection.check());
    assert_eq!(row(&mut *connection, "SELECT 3"), ["3"]);
    assert!(connection.check());
    let error = run(&mut *connection, &[], &[raw("SET client_encoding = 'LATIN1'", &[])]).err().unwrap();
    assert_eq!((error.class(), connection.health()), (ErrorClass::NotSupportedError, Health::Closed));
}

#[test]
fn copy_is_refused() {
    let mut connection = connect();
    let error = run(&mut *connection, &[], &[raw("COPY (SELECT 1) TO STDOUT", &[])]).err().unwrap();
    assert_eq!((error.class(), connection.health()), (ErrorClass::NotSupportedError, Health::Idle));
    script(&mut *connection, &["CREATE TEMP TABLE t (a int)"]);
    let error = run(&mut *connection, &[], &[raw("COPY t FROM STDIN", &[])]).err().unwrap();
    assert_eq!((error.class(), connection.health()), (ErrorClass::NotSupportedError, Health::Closed));
}

#[test]
fn empty_statement_and_empty_batch_are_done_at_once() {
    let mut connection = connect();
    assert_eq!(run(&mut *connection, &[], &[raw("", &[])]).unwrap().events, ["done 0 0"]);
    assert!(run(&mut *connection, &[], &[]).unwrap().events.is_empty());
}

#[test]
fn connection_that_the_server_ends_is_closed_and_says_why() {
    let mut connection = connect();
    let suicide = [raw("SELECT pg_terminate_backend(pg_backend_pid())", &[])];
    let error = run(&mut *connection, &[], &suicide).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::ConnectionEnded(_)), "{error}");
    assert_eq!(error.class(), ErrorClass::ConnectionLost);
    assert!(error.to_string().contains("terminating connection"), "{error}");
    assert_eq!(connection.health(), Health::Closed);
    let error = run(&mut *connection, &[], &[raw("SELECT 1", &[])]).err().unwrap();
    assert!(error.to_string().contains("terminating connection"), "{error}");
    assert!(block_on(connection.clean()).is_err());
}
