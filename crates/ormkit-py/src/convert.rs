//! Python values ↔ [`ValueRef`]: one file a family.
//!
//! Reading takes what the driver decoded and trusts its variant; binding checks the Python value against the column's
//! type, because nothing behind it does. Errors name the place and the Python type, never the value.
mod array;
mod border;
mod conversion;
mod json;
mod nested;
mod net;
mod number;
mod range;
mod temporal;
mod text;
mod user;
mod uuid;

pub(crate) use self::uuid::uuid7;
pub(crate) use border::Border;
pub(crate) use conversion::{Beyond, Conversion};
pub(crate) use json::JsonCodec;
pub(crate) use net::column_type as net_type;
pub(crate) use user::{Decorator, Document, User};

use crate::codec;
use crate::errors::to_py;
use ormkit_core::error::{Error, Result};
use ormkit_core::model::ColumnType;
use ormkit_core::value::{Value, ValueRef};
use pyo3::prelude::*;

/// Takes a value on its way to the database.
pub(crate) type Sink<'a> = dyn FnMut(ValueRef<'_>) -> Result<()> + 'a;

/// Names the column or parameter that an error speaks of.
pub(crate) type Place<'a> = dyn Fn() -> String + 'a;

/// The largest text or bytes that are sent: PostgreSQL's limit for one value.
const MAX_SIZE: usize = 1 << 30;

/// Shows `value` to `sink` in the form of `column_type`. None is NULL.
///
/// Without the members of an enum column's class any enum member or string with a label of the type is taken. What a
/// class of the user's makes of values is the [`Border`]'s affair.
///
/// # Errors
/// `DataError` for another type, a value out of range or one that some database cannot hold; an exception that the
/// value itself raises, unchanged.
pub(crate) fn bind(
    value: &Bound<'_, PyAny>,
    column_type: &ColumnType,
    conversion: Option<&Conversion>,
    place: &Place<'_>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    if value.is_none() {
        return sink(ValueRef::Null);
    }
    let sql_type = column_type.sql_type();
    match column_type {
        ColumnType::Bool => sink(number::boolean(value, place)?),
        ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt => {
            sink(number::integer(value, sql_type, place)?)
        }
        ColumnType::Double => sink(number::float(value, place)?),
        ColumnType::Numeric(size) => number::decimal(value, *size, place, sink),
        ColumnType::Text => text::string(value, None, place, sink),
        ColumnType::VarChar(length) => match conversion::members(conversion) {
            Some(members) => text::text_of_member(value, members, place, sink),
            None => text::string(value, Some(*length), place, sink),
        },
        ColumnType::Bytes => text::bytes(value, place, sink),
        ColumnType::Enum(labels) => text::label(value, labels, conversion::members(conversion), place, sink),
        ColumnType::Date => sink(temporal::date(value, place)?),
        ColumnType::Time => sink(temporal::time(value, place)?),
        ColumnType::Array(element) => array::list(value, element, conversion, place, sink),
        ColumnType::Native(_) => text::string(value, None, place, sink),
        ColumnType::TimeTz => sink(temporal::time_tz(value, place)?),
        ColumnType::Inet => sink(net::address(value, place)?),
        ColumnType::Cidr => sink(net::network(value, place)?),
        ColumnType::Timestamp => sink(temporal::timestamp(value, false, place)?),
        ColumnType::TimestampTz => sink(temporal::timestamp(value, true, place)?),
        ColumnType::Interval => sink(temporal::interval(value, place)?),
        ColumnType::Uuid => sink(uuid::bytes(value, place)?),
        ColumnType::Range(of) => range::one(value, *of, place, sink),
        ColumnType::MultiRange(of) => range::several(value, *of, place, sink),
        ColumnType::Hstore => range::map(value, place, sink),
        ColumnType::Json => sink(ValueRef::Json(&json::text(value, conversion::json(conversion), place)?)),
    }
}

/// The value of a column of `column_type`, owned.
///
/// # Errors
/// As [`bind`], as exceptions.
pub(crate) fn to_value(
    value: &Bound<'_, PyAny>,
    column_type: &ColumnType,
    place: &Place<'_>,
) -> PyResult<Value> {
    let mut bound = Value::Null;
    bind(value, column_type, None, place, &mut |value| {
        bound = Value::from(value);
        Ok(())
    })
    .map_err(|error| to_py(value.py(), error))?;
    Ok(bound)
}

/// A cell as a Python value.
///
/// # Errors
/// `DataError` without a place, for values that Python's types cannot hold: years outside of 1 to 9999, infinite
/// dates, spans of months, labels that no member has.
#[inline]
pub(crate) fn read<'py>(
    py: Python<'py>,
    cell: ValueRef<'_>,
    conversion: Option<&Conversion>,
) -> Result<Bound<'py, PyAny>> {
    match cell {
        ValueRef::Null => Ok(py.None().into_bound(py)),
        ValueRef::Int(value) => number::read_integer(py, value),
        ValueRef::Text(value) => match conversion::members(conversion) {
            None => text::read_string(py, value),
            Some(members) => text::read_label(py, value, members),
        },
        ValueRef::Bool(value) => number::read_boolean(py, value),
        ValueRef::Float(value) => number::read_float(py, value),
        ValueRef::Bytes(value) => text::read_bytes(py, value),
        ValueRef::Numeric(value) => number::read_decimal(py, value),
        ValueRef::Date(value) => temporal::read_date(py, value, conversion),
        ValueRef::Time(value) => temporal::read_time(py, value),
        ValueRef::Timestamp(value) => temporal::read_timestamp(py, value, false, conversion),
        ValueRef::TimestampTz(value) => temporal::read_timestamp(py, value, true, conversion),
        ValueRef::Interval(value) => temporal::read_interval(py, value, conversion),
        ValueRef::Uuid(value) => uuid::read(py, value),
        ValueRef::Json(value) => json::read(py, value, conversion::json(conversion)),
        ValueRef::TimeTz(value) => temporal::read_time_tz(py, value),
        ValueRef::Inet(value) => net::read_address(py, value),
        ValueRef::Cidr(value) => net::read_network(py, value),
        ValueRef::Encoded(value) => match value.decode().as_ref() {
            Some(value) => read(py, value, conversion),
            None => Err(unreadable("an element of an array holds an array")),
        },
        ValueRef::Array(array) if conversion.is_some_and(|conversion| conversion.is_multirange) => {
            nested::read_tuple(py, array)
        }
        ValueRef::Array(array) => nested::read_array(py, array, conversion),
        ValueRef::Record(record) => nested::read_record(py, record, conversion),
        ValueRef::Range(range) => nested::read_range(py, range, conversion),
        ValueRef::Map(map) => nested::read_map(py, map),
        ValueRef::Custom(cell) => codec::read(py, cell),
        ValueRef::Object(object) => codec::carried(py, object),
    }
}

/// A Python value as the JSON text that a codec makes of it.
///
/// # Errors
/// `DataError` without a place.
pub(crate) fn json_text(value: &Bound<'_, PyAny>, codec: &JsonCodec) -> Result<String> {
    json::write(value, Some(codec))
}

/// The name of a value's Python type.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string())
}

/// The error for a value of another type.
#[cold]
fn unfit(value: &Bound<'_, PyAny>, expected: &str, place: &Place<'_>) -> Error {
    let found = match value.hasattr("__await__").unwrap_or(false) {
        true => format!("a {} that was not awaited: write await before it", type_name(value)),
        false => format!("a value of type {}", type_name(value)),
    };
    Error::data(Some(place()), format!("expected {expected}, got {found}"))
}

/// The error for a value of the right type that does not fit.
#[cold]
fn refused(problem: impl Into<String>, place: &Place<'_>) -> Error {
    Error::data(Some(place()), problem)
}

/// The error for a cell that Python's types cannot hold.
#[cold]
fn unreadable(problem: impl Into<String>) -> Error {
    Error::data(None, problem)
}
