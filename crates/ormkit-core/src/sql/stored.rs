//! Constants as columns of SQLite hold them: PostgreSQL reads the text of a default by the column's type, SQLite keeps it
//! as it stands.

use super::quote;
use crate::error::Result;
use crate::model::ColumnType;
use crate::query::Expr;
use crate::value::{Interval, Time, Timestamp, Value, ValueRef};

/// The literal of a constant in a column of that type. `Some(Err)` where it is none of the type's values; None where it is
/// no constant, or of a type whose constants SQLite takes as they are.
pub(super) fn literal(expr: &Expr, column_type: &ColumnType) -> Option<Result<String>> {
    let Expr::Value(bound) = expr else { return None };
    let has_own_form = matches!(
        column_type,
        ColumnType::Bool
            | ColumnType::Numeric(_)
            | ColumnType::Date
            | ColumnType::Time
            | ColumnType::Timestamp
            | ColumnType::TimestampTz
            | ColumnType::Interval
            | ColumnType::Uuid
            | ColumnType::Array(_)
    );
    if !has_own_form || bound.value.is_null() {
        return None;
    }
    let value = match (&bound.value, column_type) {
        (Value::Text(text), ColumnType::Bool) => boolean(text).unwrap_or_else(|| bound.value.clone()),
        (Value::Text(text), ColumnType::Array(_)) if text.trim() == "{}" => Value::from("[]"),
        (value, _) => value.clone(),
    };
    Some(match (column_type, &value) {
        (ColumnType::Array(_), Value::Text(text)) => checked_array(column_type, text),
        _ => column_type.fitted(&value).and_then(|fitted| written(&fitted)),
    })
}

/// PostgreSQL's words for truth values (section 8.6 of its documentation).
fn boolean(text: &str) -> Option<Value> {
    let word = text.trim().to_ascii_lowercase();
    match &*word {
        "t" | "true" | "y" | "yes" | "on" | "1" => Some(Value::Bool(true)),
        "f" | "false" | "n" | "no" | "off" | "0" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// A list in the form of JSON.
fn checked_array(column_type: &ColumnType, text: &str) -> Result<String> {
    crate::value::coerce(ValueRef::Text(text), column_type.sql_type())?;
    quote::literal(ValueRef::Text(text), &super::Dialect::SQLITE)
}

fn written(value: &Value) -> Result<String> {
    let text = match value {
        Value::Bool(value) => return Ok(if *value { "1" } else { "0" }.into()),
        Value::Interval(Interval { months: 0, days, micros }) => {
            return Ok(quote::integer(i64::from(*days) * 86_400_000_000 + micros));
        }
        Value::Uuid(bytes) => return quote::literal(ValueRef::Bytes(bytes), &super::Dialect::SQLITE),
        Value::Numeric(number) => number.as_numeric().to_string(),
        Value::Date(date) => date.to_string(),
        Value::Time(at) => time(*at),
        Value::Timestamp(at) => timestamp(*at),
        Value::TimestampTz(at) => format!("{}+00:00", timestamp(*at)),
        other => {
            return other.as_ref().map_or_else(
                || Err(crate::error::Error::data(None, "the value has no literal")),
                |value| quote::literal(value, &super::Dialect::SQLITE),
            );
        }
    };
    Ok(format!("'{text}'"))
}

fn timestamp(at: Timestamp) -> String {
    let (date, clock) = at.to_parts();
    format!("{date} {}", time(clock))
}

/// With all six digits.
fn time(at: Time) -> String {
    let (hour, minute, second, micros) = at.to_hms();
    format!("{hour:02}:{minute:02}:{second:02}.{micros:06}")
}
