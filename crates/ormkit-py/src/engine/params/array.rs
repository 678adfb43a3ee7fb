//! Lists as values for SQL of the caller's own: an array, or JSON. Only the server knows which of the two a parameter is,
//! so that both stay possible until it has said so.

use ormkit_core::error::Error;
use ormkit_core::value::{SqlType, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyList, PyTuple};

use super::{is_enum_member, scalar, scalar_type};
use crate::convert;
use crate::errors::to_py;

/// The most dimensions of an array: deeper lists are JSON.
const MAX_DIMENSIONS: usize = 6;

/// A list or tuple as an array of mixed elements, nested lists as further dimensions; as JSON where the lists of one level
/// differ in length or are empty, where lists stand beside other values, or where an element has no form in an array.
///
/// # Errors
/// `DataError` for an element that no database holds.
pub(super) fn list(value: &Bound<'_, PyAny>, place: &dyn Fn() -> String) -> PyResult<Value> {
    let mut dimensions = Vec::new();
    if measure(value, &mut dimensions)? && is_rectangular(value, &dimensions)? {
        let mut holds_members = false;
        let array = level(value, &mut holds_members, place)?;
        if let Some(Value::Array(_, values)) = array {
            let element = if holds_members { SqlType::Enum } else { SqlType::Unknown };
            return Ok(Value::Array(element, values));
        }
    }
    json(value, place)
}

/// A value as JSON text.
pub(super) fn json(value: &Bound<'_, PyAny>, place: &dyn Fn() -> String) -> PyResult<Value> {
    convert::to_value(value, &ormkit_core::model::ColumnType::Json, place)
}

fn is_list(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

/// The lengths of the first list of each level. False where there are too many levels, or one is empty below the first.
fn measure(value: &Bound<'_, PyAny>, dimensions: &mut Vec<usize>) -> PyResult<bool> {
    let mut level = value.clone();
    while is_list(&level) {
        let length = level.len()?;
        dimensions.push(length);
        if dimensions.len() > MAX_DIMENSIONS || (length == 0 && dimensions.len() > 1) {
            return Ok(false);
        }
        if length == 0 {
            break;
        }
        level = level.get_item(0)?;
    }
    Ok(true)
}

fn is_rectangular(value: &Bound<'_, PyAny>, dimensions: &[usize]) -> PyResult<bool> {
    let Some((length, inner)) = dimensions.split_first() else { return Ok(!is_list(value)) };
    if !is_list(value) || value.len()? != *length {
        return Ok(false);
    }
    for item in value.try_iter()? {
        if !is_rectangular(&item?, inner)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A list of one level, or an element. None where the element has no form in an array.
fn level(
    value: &Bound<'_, PyAny>,
    holds_members: &mut bool,
    place: &dyn Fn() -> String,
) -> PyResult<Option<Value>> {
    if !is_list(value) {
        return element(value, holds_members, place);
    }
    let mut values = Vec::with_capacity(value.len()?);
    for item in value.try_iter()? {
        match level(&item?, holds_members, place)? {
            Some(item) => values.push(item),
            None => return Ok(None),
        }
    }
    Ok(Some(Value::Array(SqlType::Unknown, values)))
}

fn element(
    value: &Bound<'_, PyAny>,
    holds_members: &mut bool,
    place: &dyn Fn() -> String,
) -> PyResult<Option<Value>> {
    let is_big = value.is_instance_of::<PyInt>()
        && !value.is_instance_of::<PyBool>()
        && value.extract::<i64>().is_err();
    if is_big || value.is_instance_of::<PyDict>() {
        // JSON text is the exact digits of an integer, whatever it becomes
        return json(value, place).map(Some);
    }
    *holds_members |= is_enum_member(value)? && scalar_type(value)?.is_none();
    scalar(value, place)
}

/// The refusal of a value that has no form in SQL.
pub(super) fn unbound(value: &Bound<'_, PyAny>, place: &dyn Fn() -> String) -> PyErr {
    let found = value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    to_py(value.py(), Error::data(Some(place()), format!("a value of type {found} cannot be bound")))
}
