//! Values of every type come back as they were written.

use std::sync::Arc;

use ormkit_conformance::{Database, SAMPLE, on_both};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::model::ColumnType;
use ormkit_core::query::{ArithmeticOp, CompareOp, Expr, Order, Select};
use ormkit_core::record::Record;
use ormkit_core::value::{Date, Interval, Numeric, SqlType, Time, Timestamp, Value, ValueRef};

on_both!(
    values_come_back_as_they_were_written,
    nulls_come_back_as_null,
    values_can_be_looked_for,
    decimals_are_exact_and_compare_as_numbers,
    decimals_are_computed_exactly,
    decimals_have_the_digits_of_their_column,
    integers_out_of_range_are_refused_before_anything_is_sent,
    text_with_a_nul_is_refused,
);

fn numeric(text: &str) -> Value {
    ValueRef::Numeric(Numeric::parse(text).expect("a decimal")).into()
}

/// One value and one extreme of every type.
fn values() -> Vec<(&'static str, [Value; 2])> {
    let timestamp = |text| Timestamp::parse(text).expect("a timestamp");
    vec![
        ("flag", [Value::Bool(true), Value::Bool(false)]),
        ("small", [Value::Int(7), Value::Int(i16::MIN.into())]),
        ("number", [Value::Int(-7), Value::Int(i32::MAX.into())]),
        ("big", [Value::Int(1 << 40), Value::Int(i64::MIN)]),
        ("real", [Value::Float(0.1), Value::Float(-1.797_693_134_862_315_7e308)]),
        ("text", [Value::from("Grüße, 世界 🎈"), Value::from("")]),
        ("short", [Value::from("it's"), Value::from("a\"b\\c%_")]),
        ("bytes", [Value::Bytes([0, 255, 39][..].into()), Value::Bytes([][..].into())]),
        ("exact", [numeric("12345678901234567890.123456789"), numeric("-0.000000000000000000000001")]),
        ("money", [numeric("12.30"), numeric("-99999999.99")]),
        (
            "day",
            [
                Value::Date(Date::parse("2024-02-29").expect("a date")),
                Value::Date(Date::parse("0001-01-01").expect("a date")),
            ],
        ),
        ("clock", [Value::Time(Time::parse("23:59:59.999999").expect("a time")), Value::Time(Time(0))]),
        (
            "local",
            [
                Value::Timestamp(timestamp("2024-02-29 12:34:56.789012")),
                Value::Timestamp(timestamp("1969-12-31 23:59:59")),
            ],
        ),
        (
            "moment",
            [
                Value::TimestampTz(timestamp("2024-02-29 12:34:56.789012")),
                Value::TimestampTz(timestamp("0001-01-01 00:00:00")),
            ],
        ),
        (
            "span",
            [
                Value::Interval(Interval { months: 0, days: 0, micros: 90_061_000_001 }),
                Value::Interval(Interval { months: 0, days: 0, micros: -1 }),
            ],
        ),
        ("token", [Value::Uuid([0xAB; 16]), Value::Uuid([0; 16])]),
        ("colour", [Value::from("red"), Value::from("dark blue")]),
    ]
}

fn sample(database: &Database, which: usize) -> Result<Record> {
    let sample = Record::new(database.schema.model(SAMPLE));
    values().into_iter().try_for_each(|(name, values)| sample.set(name, values[which].clone()))?;
    Ok(sample)
}

async fn values_come_back_as_they_were_written(database: Database) -> Result<()> {
    let samples = [sample(&database, 0)?, sample(&database, 1)?];
    database.session().insert(&samples).await?;
    let id = database.schema.model(SAMPLE).field_named("id")?;
    let query = Select::entity(SAMPLE).order_by(Order::asc(Expr::column(SAMPLE, id)));
    let found = database.session().select(&query).await?.into_objects();
    assert_eq!(found.len(), 2);
    for (name, written) in values() {
        let read = [found[0].get(name)?, found[1].get(name)?];
        assert_eq!(read, written, "{name}");
    }
    Ok(())
}

async fn nulls_come_back_as_null(database: Database) -> Result<()> {
    database.session().insert(&[Record::new(database.schema.model(SAMPLE))]).await?;
    let found = database.session().select(&Select::entity(SAMPLE)).await?.into_objects();
    for (name, _) in values() {
        assert_eq!(found[0].get(name)?, Value::Null, "{name}");
    }
    Ok(())
}

async fn values_can_be_looked_for(database: Database) -> Result<()> {
    database.session().insert(&[sample(&database, 0)?, sample(&database, 1)?]).await?;
    let model = database.schema.model(SAMPLE);
    for (name, [value, _]) in values() {
        let field = model.field_named(name)?;
        let bound = Expr::value(value, model.field(field).column_type.sql_type());
        let query =
            Select::entity(SAMPLE).filter(Expr::compare(Expr::column(SAMPLE, field), CompareOp::Eq, bound));
        assert_eq!(database.session().count(&query).await?, 1, "{name}");
    }
    Ok(())
}

async fn decimals_are_exact_and_compare_as_numbers(database: Database) -> Result<()> {
    let mut session = database.session();
    for text in ["9", "10", "-1", "0.5"] {
        session.insert(&[Record::new(database.schema.model(SAMPLE)).with("exact", numeric(text))?]).await?;
    }
    let exact = Expr::column(SAMPLE, database.schema.model(SAMPLE).field_named("exact")?);
    let query = Select::entity(SAMPLE).order_by(Order::asc(exact));
    let found: Vec<Value> = session
        .select(&query)
        .await?
        .into_objects()
        .iter()
        .map(|sample| sample.get("exact"))
        .collect::<Result<_>>()?;
    assert_eq!(found, ["-1", "0.5", "9", "10"].map(numeric));
    Ok(())
}

async fn decimals_are_computed_exactly(database: Database) -> Result<()> {
    let mut session = database.session();
    for text in ["12345678901234567890.01", "0.2", "-1.50"] {
        session.insert(&[Record::new(database.schema.model(SAMPLE)).with("exact", numeric(text))?]).await?;
    }
    let field = database.schema.model(SAMPLE).field_named("exact")?;
    let exact = || Expr::column(SAMPLE, field);
    let tenth = || Expr::value(numeric("0.1"), SqlType::Numeric);
    let is = |text| Expr::compare(exact(), CompareOp::Eq, Expr::value(numeric(text), SqlType::Numeric));
    let by = |op| exact().arithmetic(op, tenth());
    let call = |name| Expr::call(name, vec![exact()]).expect("a function");
    let answers = [
        (by(ArithmeticOp::Add), "0.2", "0.3"),
        (by(ArithmeticOp::Multiply), "12345678901234567890.01", "1234567890123456789.001"),
        (by(ArithmeticOp::Divide), "-1.5", "-15.0000000000000000"),
        (by(ArithmeticOp::Modulo), "-1.5", "0.00"),
        (Expr::Negative(Arc::new(exact())), "12345678901234567890.01", "-12345678901234567890.01"),
        (call("round"), "-1.5", "-2"),
    ];
    for (expr, of, expected) in answers {
        let select = Select::entity(SAMPLE).filter(is(of)).filter(reads(expr, expected));
        assert_eq!(session.count(&select).await?, 1, "{expected}");
    }
    let all = |name| Expr::Scalar(Arc::new(Select::values([call(name)])));
    let sums = [
        ("sum", "12345678901234567888.71"),
        ("avg", "4115226300411522629.5700"),
        ("max", "12345678901234567890.01"),
    ];
    for (name, expected) in sums {
        let sum = Expr::compare(all(name), CompareOp::Eq, Expr::value(numeric(expected), SqlType::Numeric));
        assert_eq!(session.count(&Select::entity(SAMPLE).filter(sum)).await?, 3, "{name}");
    }
    Ok(())
}

/// True where a decimal has those digits.
fn reads(decimal: Expr, digits: &str) -> Expr {
    decimal.cast(ColumnType::Text).eq(Expr::value(digits, SqlType::Text))
}

async fn decimals_have_the_digits_of_their_column(database: Database) -> Result<()> {
    let mut session = database.session();
    let sample = || Record::new(database.schema.model(SAMPLE));
    let error = session.insert(&[sample().with("money", numeric("0.001"))?]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::DataError);
    session.insert(&[sample().with("money", numeric("2"))?]).await?;
    let money = database.schema.model(SAMPLE).field_named("money")?;
    let stored = Select::entity(SAMPLE).filter(reads(Expr::column(SAMPLE, money), "2.00"));
    assert_eq!(session.count(&stored).await?, 1);
    Ok(())
}

async fn integers_out_of_range_are_refused_before_anything_is_sent(database: Database) -> Result<()> {
    let mut session = database.session();
    let sample = Record::new(database.schema.model(SAMPLE)).with("small", 40_000_i64)?;
    let error = session.insert(&[sample]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::DataError);
    assert_eq!(error.to_string(), "Sample.small: expected SMALLINT, the int is out of its range");
    assert!(!session.in_transaction());
    Ok(())
}

async fn text_with_a_nul_is_refused(database: Database) -> Result<()> {
    let mut session = database.session();
    let sample = Record::new(database.schema.model(SAMPLE)).with("text", "a\0b")?;
    let error = session.insert(&[sample]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::DataError);
    assert_eq!(error.to_string(), "Sample.text: TEXT cannot hold a NUL character");
    Ok(())
}
