//! Values of records and columns: what a column cannot hold is refused on both databases before anything is sent.

use std::sync::Arc;

use ormkit_conformance::{AUTHOR, BOOK, Database, SAMPLE, on_both};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::model::{ColumnType, Field, ModelDef, Registry};
use ormkit_core::query::Select;
use ormkit_core::record::Record;
use ormkit_core::schema::create_all;
use ormkit_core::value::{Date, Interval, SqlType, Value};

on_both!(
    values_that_do_not_fit_are_refused,
    values_in_another_form_are_written_in_that_of_the_column,
    arrays_are_written_and_read,
    lookups_by_name_take_values,
    lookups_by_name_refuse_what_they_cannot_take,
);

async fn values_that_do_not_fit_are_refused(database: Database) -> Result<()> {
    let misfits = [
        ("number", Value::from("text"), "expected INTEGER, found a value of type text"),
        ("number", Value::from(1_i64 << 40), "out of its range"),
        ("number", Value::from(1.5), "found a value of type float"),
        ("number", Value::from(true), "found a value of type bool"),
        ("number", Value::Array(SqlType::Integer, vec![]), "found an array of INTEGER"),
        ("small", Value::from(70_000), "out of its range"),
        ("text", Value::from(7), "expected TEXT, found a value of type int"),
        ("text", Value::from("a\0b"), "NUL"),
        ("short", Value::from("é".repeat(21)), "at most 20 characters"),
        ("flag", Value::from(7), "expected BOOLEAN"),
        ("exact", Value::from(1.5), "expected NUMERIC, found a value of type float"),
        ("money", Value::from("1.555"), "2 digit(s) behind the point"),
        ("day", Value::from("2020-02-30"), "expected DATE"),
        ("moment", Value::from("noon"), "expected TIMESTAMP WITH TIME ZONE"),
        ("token", Value::from("x"), "expected UUID"),
        ("document", Value::Json("{".into()), "is not JSON"),
        ("colour", Value::from("green"), "it has red, dark blue"),
    ];
    for (name, value, text) in misfits {
        let mut session = database.session();
        session.add(&Record::new(database.schema.model(SAMPLE)).with(name, value.clone())?)?;
        let error = session.flush().await.expect_err(name);
        assert_eq!(error.class(), ErrorClass::DataError, "{name} {value:?}: {error}");
        let said = error.to_string();
        assert!(said.starts_with(&format!("Sample.{name}")) && said.contains(text), "{said}");
        session.rollback().await?;
    }
    assert_eq!(database.number("SELECT count(*) FROM samples").await?, 0);
    Ok(())
}

async fn values_in_another_form_are_written_in_that_of_the_column(database: Database) -> Result<()> {
    let given = [
        ("real", Value::from(3), Value::from(3.0)),
        ("exact", Value::from("1.50"), Value::Numeric(ormkit_core::value::Numeric::parse("1.50")?.into())),
        ("day", Value::from("2020-01-01"), Value::from(Date::parse("2020-01-01")?)),
        ("span", Value::from(3), Value::from(Interval { months: 0, days: 0, micros: 3 })),
        ("short", Value::from("é".repeat(20)), Value::from("é".repeat(20))),
        ("token", Value::from("00000000-0000-0000-0000-000000000001"), {
            let mut token = [0; 16];
            token[15] = 1;
            Value::from(token)
        }),
    ];
    let mut session = database.session();
    let sample = Record::new(database.schema.model(SAMPLE));
    for (name, value, _) in &given {
        sample.set(name, value.clone())?;
    }
    session.insert(&[sample]).await?;
    let mut session = database.session();
    let found = session.select(&Select::entity(SAMPLE)).await?.into_objects();
    for (name, _, read) in given {
        assert_eq!(found[0].get(name)?, read, "{name}");
    }
    Ok(())
}

async fn arrays_are_written_and_read(database: Database) -> Result<()> {
    let mut registry = Registry::new();
    let list = |name: &str, of: ColumnType| Field::new(name, ColumnType::Array(Arc::new(of)));
    let fields = vec![
        Field::new("id", ColumnType::Integer).key().numbered(),
        list("words", ColumnType::VarChar(3)),
        list("grid", ColumnType::Integer),
    ];
    let page = registry.declare(ModelDef::new("Page", "pages", fields))?;
    let schema = registry.freeze()?;
    create_all(&database.pool, &schema, &[page]).await?;

    let row = |numbers: &[i64]| {
        Value::Array(SqlType::Integer, numbers.iter().map(|number| Value::from(*number)).collect())
    };
    let grid = Value::Array(SqlType::Integer, vec![row(&[1, 2]), row(&[3, 4])]);
    let words = Value::Array(SqlType::Text, vec![Value::from("a b"), Value::Null]);
    let new = || Record::new(schema.model(page));
    let mut session = database.session_of(&schema);
    session.insert(&[new().with("words", words.clone())?.with("grid", grid.clone())?]).await?;
    let mut session = database.session_of(&schema);
    let found = session.select(&Select::entity(page)).await?.into_objects();
    assert_eq!((found[0].get("words")?, found[0].get("grid")?), (words, grid));

    let longer = Value::Array(SqlType::Text, vec![Value::from("four")]);
    let other = Value::Array(SqlType::Text, vec![Value::from("1")]);
    let ragged = Value::Array(SqlType::Integer, vec![row(&[1, 2]), row(&[3])]);
    for (name, value, text) in [
        ("words", longer, "at most 3 characters"),
        ("words", Value::from("abc"), "expected an array, found a value of type text"),
        ("grid", other, "expected an array, found an array of TEXT"),
        ("grid", ragged, "differ in length"),
    ] {
        let error = session.insert(&[new().with(name, value)?]).await.expect_err(text);
        assert_eq!(error.class(), ErrorClass::DataError);
        assert!(error.to_string().contains(text), "{error}");
    }
    Ok(())
}

async fn lookups_by_name_take_values(database: Database) -> Result<()> {
    let mut session = database.session();
    let written = |title: &str, year: i64| database.book(title).with("year", year);
    let ende = database.author("Ende");
    ende.relate("books", vec![written("Momo", 1973)?, written("Jim Knopf", 1960)?])?;
    session.insert(&[ende.clone(), database.author("Lem")]).await?;
    let id = ende.get("id")?;
    let schema = &database.schema;
    for (model, name, values, count) in [
        (BOOK, "year", vec![Value::from(1960)], 1),
        (BOOK, "year__between", vec![Value::from(1960), Value::from(1972)], 1),
        (BOOK, "year__in", vec![Value::from(1960), Value::from(1973), Value::from(1)], 2),
        (BOOK, "year__in", vec![], 0),
        (BOOK, "title__icontains", vec![Value::from("mO")], 1),
        (BOOK, "title__isnull", vec![Value::from(false)], 2),
        (BOOK, "author", vec![id.clone()], 2),
        (BOOK, "author", vec![Value::Null], 0),
        (BOOK, "author__in", vec![id.clone()], 2),
        (BOOK, "author__name__startswith", vec![Value::from("E")], 2),
        (AUTHOR, "books__year__gt", vec![Value::from(1900)], 1),
        (AUTHOR, "books", vec![Value::Null], 1),
        (AUTHOR, "born", vec![Value::Null], 2),
        (AUTHOR, "pk", vec![id], 1),
    ] {
        let query = Select::entity(model).filter_by(schema, name, values.clone())?;
        assert_eq!(session.count(&query).await?, count, "{name} {values:?}");
    }
    let titles = Select::entity(BOOK).order_by_name(schema, "-year")?.order_by_name(schema, "title")?;
    let found = session.select(&titles).await?.into_objects();
    assert_eq!(found[0].get("title")?, Value::from("Momo"));
    Ok(())
}

async fn lookups_by_name_refuse_what_they_cannot_take(database: Database) -> Result<()> {
    let refused = |model, name, values: Vec<Value>| {
        Select::entity(model).filter_by(&database.schema, name, values).expect_err(name)
    };
    for (model, name, values, text) in [
        (BOOK, "year", vec![Value::from("MCM")], "year: expected INTEGER, found a value of type text"),
        (BOOK, "year", vec![], "year: expected 1 value(s), found 0"),
        (BOOK, "year__between", vec![Value::from(1)], "expected 2 value(s), found 1"),
        (BOOK, "title__isnull", vec![Value::from(1)], "expected true or false"),
        (BOOK, "author__in", vec![Value::Null], "NULL is no Author.id"),
        (AUTHOR, "name__contains", vec![Value::from(7)], "expected TEXT"),
    ] {
        let error = refused(model, name, values);
        assert_eq!(error.class(), ErrorClass::DataError);
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(refused(BOOK, "yaer", vec![Value::from(1)]).class(), ErrorClass::FieldError);
    let error = Select::values([]).order_by_name(&database.schema, "title").unwrap_err();
    assert!(error.to_string().contains("the statement reads none"), "{error}");
    Ok(())
}
