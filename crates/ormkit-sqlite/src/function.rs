//! Functions and a collation that every connection has, so that conditions mean on SQLite what they mean on PostgreSQL.
//!
//! | name | what the SQL of ormkit-core uses it for |
//! |---|---|
//! | `like(pattern, text, escape)` | `LIKE … ESCAPE`: letters of every script without regard to case; LIKE without ESCAPE stays SQLite's own |
//! | `ormkit_lower(text)` | the same for texts that are compared |
//! | `regexp(pattern, text)` | `REGEXP` |
//! | collation `ormkit_decimal` | comparisons and the order of decimals, which are stored as text |
//! | `ormkit_decimal(number)` | one text for equal decimals |
//! | `ormkit_add`, `ormkit_round(number, digits)`, … | what is computed with decimals, as PostgreSQL's NUMERIC |
//! | `ormkit_sum`, `ormkit_avg`, `ormkit_avg_span` | aggregates of decimals, and of microseconds, also over windows |
//! | `ormkit_numeric(number[, precision, scale])`, `ormkit_integer` | a number as a column of that type holds it |
//! | `ormkit_json…`, collation `ormkit_json` | ways into JSON values, containment, keys, equality, order |
//! | `ormkit_extract(part, time)`, `ormkit_shift`, `ormkit_span` | parts and arithmetic of times |
//! | `ormkit_text(value, type)`, `ormkit_to_json`, `ormkit_json_key`, `ormkit_hex` | values as PostgreSQL spells them in texts and in JSON |
//! | `ormkit_cast(value, from, to)` | casts between types that SQLite keeps alike |
//! | `ormkit_rint(float)` | rounding of floats, a half to the even number |
//! | `floor`, `ceil`, `ceiling`, `mod` | what SQLite has where it is built with its mathematical functions |

mod decimal;
mod json;
mod like;
mod regex;
mod spelling;
mod temporal;
mod tree;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, Result, ToSql};

/// Gives a new connection all of them.
pub(crate) fn install(connection: &Connection) -> Result<()> {
    like::install(connection)?;
    regex::install(connection)?;
    json::install(connection)?;
    temporal::install(connection)?;
    decimal::install(connection)?;
    spelling::install(connection)?;
    define(connection, "floor", 1, |context| rounded(context.get_raw(0), f64::floor))?;
    define(connection, "ceil", 1, |context| rounded(context.get_raw(0), f64::ceil))?;
    define(connection, "ceiling", 1, |context| rounded(context.get_raw(0), f64::ceil))?;
    define(connection, "ormkit_rint", 1, |context| rounded(context.get_raw(0), f64::round_ties_even))?;
    define(connection, "mod", 2, modulo)
}

/// Defines a function of its arguments alone. `arguments` is their number, -1 for any.
fn define<T: ToSql>(
    connection: &Connection,
    name: &str,
    arguments: i32,
    function: impl Fn(&Context<'_>) -> Result<T> + Send + 'static,
) -> Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function(name, arguments, flags, move |context| function(context))
}

/// What is wrong with a value; [`crate::error`] knows the class of an error by how its message begins.
#[cold]
fn wrong(message: impl Into<String>) -> Error {
    Error::UserFunctionError(message.into().into())
}

/// The text of an argument: a number is written out. None for NULL.
fn text<'a>(context: &'a Context<'_>, index: usize) -> Result<Option<std::borrow::Cow<'a, str>>> {
    Ok(match context.get_raw(index) {
        ValueRef::Null => None,
        ValueRef::Text(bytes) => Some(utf8(bytes)?.into()),
        ValueRef::Integer(number) => Some(number.to_string().into()),
        ValueRef::Real(number) => Some(number.to_string().into()),
        ValueRef::Blob(bytes) => Some(utf8(bytes)?.into()),
    })
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| wrong("invalid text: bytes that are not UTF-8"))
}

fn rounded(value: ValueRef<'_>, round: fn(f64) -> f64) -> Result<Value> {
    Ok(match value {
        ValueRef::Integer(number) => Value::Integer(number),
        other => number(other).map_or(Value::Null, |number| Value::Real(round(number))),
    })
}

/// The rest of a division, with the sign of what is divided. NULL for a division by zero, as SQLite has it.
fn modulo(context: &Context<'_>) -> Result<Value> {
    Ok(match (context.get_raw(0), context.get_raw(1)) {
        (ValueRef::Integer(left), ValueRef::Integer(right)) => {
            left.checked_rem(right).map_or(Value::Null, Value::Integer)
        }
        (left, right) => match (number(left), number(right)) {
            (Some(_), Some(0.0)) => Value::Null,
            (Some(left), Some(right)) => Value::Real(left % right),
            _ => Value::Null,
        },
    })
}

fn number(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Integer(number) => Some(number as f64),
        ValueRef::Real(number) => Some(number),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok()?.trim().parse().ok(),
        _ => None,
    }
}

/// A text as a result.
fn output(text: Option<String>) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(text.map_or(Value::Null, Value::Text))
}
