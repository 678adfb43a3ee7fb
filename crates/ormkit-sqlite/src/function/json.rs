//! Functions of JSON: ways into values, containment, keys, and the collation that puts values in order.

use std::borrow::Cow;
use std::cmp::Ordering;

use rusqlite::functions::Context;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Result};

use super::tree::{Json, Step, at};
use super::{decimal, define, output, text, utf8, wrong};

pub(super) fn install(connection: &Connection) -> Result<()> {
    define(connection, "ormkit_json", 1, |context| {
        Ok(output(parsed(context, 0)?.map(|json| written(&json, true))))
    })?;
    define(connection, "ormkit_json_get", -1, |context| {
        reading(context, |json| Ok(Value::Text(written(&json, false))))
    })?;
    define(connection, "ormkit_json_text", -1, |context| {
        reading(context, |json| {
            Ok(match json {
                Json::Null => Value::Null,
                Json::String(text) => Value::Text(text),
                other => Value::Text(written(&other, false)),
            })
        })
    })?;
    define(connection, "ormkit_json_string", -1, |context| {
        reading(context, |json| match json {
            Json::String(text) => Ok(Value::Text(text)),
            _ => Ok(Value::Null),
        })
    })?;
    define(connection, "ormkit_json_bool", -1, |context| {
        reading(context, |json| match json {
            Json::Bool(value) => Ok(Value::Integer(value.into())),
            _ => Ok(Value::Null),
        })
    })?;
    number(connection, "ormkit_json_numeric", |text| Ok(Value::Text(decimal::shown(text))))?;
    number(connection, "ormkit_json_integer", |text| {
        decimal::rounded(text)
            .map(Value::Integer)
            .ok_or_else(|| wrong("out of range: a JSON number for BIGINT"))
    })?;
    number(connection, "ormkit_json_float", |text| match text.parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(Value::Real(float)),
        _ => Err(wrong("out of range: a JSON number for DOUBLE PRECISION")),
    })?;
    define(connection, "ormkit_json_contains", 2, |context| {
        let (Some(whole), Some(part)) = (parsed(context, 0)?, parsed(context, 1)?) else { return Ok(None) };
        Ok(Some(whole.contains(&part)))
    })?;
    define(connection, "ormkit_json_has", 2, |context| {
        let (Some(json), Some(key)) = (parsed(context, 0)?, text(context, 1)?) else { return Ok(None) };
        Ok(Some(json.has(&key)))
    })?;
    keys(connection, "ormkit_json_has_any", |json, keys| keys.iter().any(|key| json.has(key)))?;
    keys(connection, "ormkit_json_has_all", |json, keys| keys.iter().all(|key| json.has(key)))?;
    connection.create_collation("ormkit_json", |left: &str, right: &str| {
        match (Json::parse(left), Json::parse(right)) {
            (Ok(left), Ok(right)) => left.compare_top(&right),
            // The function `ormkit_json` lets no other text pass.
            (Err(_), Err(_)) => left.cmp(right),
            (Err(_), Ok(_)) => Ordering::Less,
            (Ok(_), Err(_)) => Ordering::Greater,
        }
    })
}

/// A function that reads numbers, and NULL of anything else.
fn number(
    connection: &Connection,
    name: &str,
    read: impl Fn(&str) -> Result<Value> + Send + 'static,
) -> Result<()> {
    define(connection, name, -1, move |context| {
        reading(context, |json| match json {
            Json::Number(text) => read(&text),
            _ => Ok(Value::Null),
        })
    })
}

/// A function of a value and a JSON list of keys.
fn keys(
    connection: &Connection,
    name: &str,
    test: impl Fn(&Json, &[Cow<'_, str>]) -> bool + Send + 'static,
) -> Result<()> {
    define(connection, name, 2, move |context| {
        let (Some(json), Some(list)) = (parsed(context, 0)?, parsed(context, 1)?) else { return Ok(None) };
        let Json::Array(items) = list else {
            return Err(wrong("malformed JSON: a list of keys is expected"));
        };
        let keys: Vec<Cow<'_, str>> = items
            .iter()
            .filter_map(|item| match item {
                Json::String(key) => Some(Cow::Borrowed(key.as_str())),
                _ => None,
            })
            .collect();
        Ok(Some(test(&json, &keys)))
    })
}

/// The value of the first argument at the end of the path of the others; NULL where there is none.
fn reading(context: &Context<'_>, read: impl FnOnce(Json) -> Result<Value>) -> Result<ToSqlOutput<'static>> {
    let null = ToSqlOutput::Owned(Value::Null);
    let Some(value) = text(context, 0)? else { return Ok(null) };
    let mut path = Vec::with_capacity(context.len());
    for index in 1..context.len() {
        path.push(match context.get_raw(index) {
            ValueRef::Integer(place) => Step::Place(place),
            ValueRef::Text(key) => Step::Key(utf8(key)?),
            _ => return Ok(null),
        });
    }
    match at(&value, &path)? {
        Some(found) => read(Json::parse(found)?).map(ToSqlOutput::Owned),
        None => Ok(null),
    }
}

fn parsed(context: &Context<'_>, index: usize) -> Result<Option<Json>> {
    text(context, index)?.map(|text| Json::parse(&text)).transpose()
}

fn written(json: &Json, canonical: bool) -> String {
    let mut out = String::new();
    json.write(canonical, &mut out);
    out
}
