//! Lists, tuples and dicts as values for SQL of the caller's own. Only the server knows whether a list is an array or JSON, a
//! tuple a composite or another list, a dict an `hstore` or JSON: what they are stays open until it has said so.

use std::sync::Arc;

use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::model::ColumnType;
use ormkit_core::value::{Object, SqlType, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyList, PyTuple};

use super::{Way, is_enum_member, scalar, scalar_type};
use crate::codec;
use crate::convert::{self, JsonCodec};
use crate::errors::to_py;
use crate::range::Range;

/// The most dimensions of an array: deeper lists are JSON.
const MAX_DIMENSIONS: usize = 6;

/// Levels of tuples in each other; deeper ones are JSON, which refuses those that hold themselves.
pub(super) const MAX_DEPTH: usize = 32;

/// A value of any kind.
///
/// # Errors
/// `DataError` for one that no database holds.
pub(super) fn part(value: &Bound<'_, PyAny>, depth: usize, way: Way<'_>) -> PyResult<Value> {
    if depth > MAX_DEPTH || value.is_instance_of::<PyDict>() {
        return json_or_scalar(value, way);
    }
    if depth > 0 && is_big(value) {
        return json(value, way);
    }
    if value.is_instance_of::<PyList>() {
        return list(value, depth, way).map(|made| hosted(value, made, way));
    }
    match value.cast::<PyTuple>() {
        Ok(tuple) => record(tuple, depth, way).map(|made| hosted(value, made, way)),
        Err(_) => scalar(value, way)?.ok_or_else(|| unbound(value, way.place)),
    }
}

/// A list or tuple beside the object itself: of that the engine's `json_dumps` makes the text, should the parameter turn
/// out to be JSON.
fn hosted(value: &Bound<'_, PyAny>, made: Value, way: Way<'_>) -> Value {
    let has_parts = matches!(made, Value::Array(..) | Value::Record(_));
    match way.border.conversion.as_ref().and_then(|conversion| conversion.json.as_ref()) {
        Some(codec) if has_parts && codec.has_dumps() => {
            let own = (value.clone().unbind(), Arc::clone(codec));
            Value::Hosted(Box::new(made), Object::json(own, own_json))
        }
        _ => made,
    }
}

fn own_json(object: &Object) -> Result<String> {
    let own = object.host::<(Py<PyAny>, Arc<JsonCodec>)>().ok_or_else(|| object.refused())?;
    Python::attach(|py| convert::json_text(own.0.bind(py), &own.1))
}

/// A value as JSON text; as it is where that has no form for it and a codec may have one.
pub(super) fn json(value: &Bound<'_, PyAny>, way: Way<'_>) -> PyResult<Value> {
    let mut bound = Value::Null;
    let outcome = convert::bind(value, &ColumnType::Json, way.border.conversion(), way.place, &mut |json| {
        bound = Value::from(json);
        Ok(())
    });
    let Err(error) = outcome else { return Ok(bound) };
    if let ErrorKind::Data { problem, .. } = error.kind()
        && let Some(object) = codec::object(value, || problem.clone())
    {
        return Ok(object);
    }
    Err(to_py(value.py(), error))
}

/// A value at which the levels end.
fn json_or_scalar(value: &Bound<'_, PyAny>, way: Way<'_>) -> PyResult<Value> {
    let has_parts = value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>();
    if has_parts {
        return json(value, way);
    }
    scalar(value, way)?.ok_or_else(|| unbound(value, way.place))
}

fn record(tuple: &Bound<'_, PyTuple>, depth: usize, way: Way<'_>) -> PyResult<Value> {
    let fields = tuple.iter().map(|field| part(&field, depth + 1, way));
    fields.collect::<PyResult<_>>().map(Value::Record)
}

/// A list as an array of mixed elements, lists in it as further dimensions; as JSON where the lists of one level differ in
/// length or are empty, where lists stand beside other values, or where an element has no form in an array.
fn list(value: &Bound<'_, PyAny>, depth: usize, way: Way<'_>) -> PyResult<Value> {
    if holds_lists_of_ranges(value)? {
        return multiranges(value, depth, way);
    }
    let mut dimensions = Vec::new();
    if measure(value, &mut dimensions)? && is_rectangular(value, &dimensions)? {
        let mut elements = Elements { depth, holds_members: false, way };
        if let Some(Value::Array(_, values)) = elements.level(value)? {
            let element = if elements.holds_members { SqlType::Enum } else { SqlType::Unknown };
            return Ok(Value::Array(element, values));
        }
    }
    json(value, way)
}

fn holds_lists_of_ranges(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    for item in value.try_iter()? {
        if let Ok(list) = item?.cast::<PyList>()
            && !list.is_empty()
            && list.get_item(0)?.is_instance_of::<Range>()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A list of lists of ranges: each may be a multirange, so that they need not be of one length.
fn multiranges(value: &Bound<'_, PyAny>, depth: usize, way: Way<'_>) -> PyResult<Value> {
    let each = |item: PyResult<Bound<'_, PyAny>>| {
        let item = item?;
        match item.cast::<PyList>() {
            Ok(list) => record(&list.to_tuple(), depth + 1, way),
            Err(_) => part(&item, depth + 1, way),
        }
    };
    let values = value.try_iter()?.map(each).collect::<PyResult<_>>()?;
    Ok(Value::Array(SqlType::Unknown, values))
}

/// The lengths of the first list of each level. False where there are too many levels, or one is empty below the first.
fn measure(value: &Bound<'_, PyAny>, dimensions: &mut Vec<usize>) -> PyResult<bool> {
    let mut level = value.clone();
    while level.is_instance_of::<PyList>() {
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
    let is_list = value.is_instance_of::<PyList>();
    let Some((length, inner)) = dimensions.split_first() else { return Ok(!is_list) };
    if !is_list || value.len()? != *length {
        return Ok(false);
    }
    for item in value.try_iter()? {
        if !is_rectangular(&item?, inner)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The elements of one array on their way.
struct Elements<'a> {
    /// Levels of tuples around the array.
    depth: usize,
    /// One of them is an enum's member, for which JSON has no form.
    holds_members: bool,
    way: Way<'a>,
}

impl Elements<'_> {
    /// A list of one level, or an element. None where the element has no form in an array.
    fn level(&mut self, value: &Bound<'_, PyAny>) -> PyResult<Option<Value>> {
        if !value.is_instance_of::<PyList>() {
            return self.element(value);
        }
        let mut values = Vec::with_capacity(value.len()?);
        for item in value.try_iter()? {
            match self.level(&item?)? {
                Some(item) => values.push(item),
                None => return Ok(None),
            }
        }
        Ok(Some(Value::Array(SqlType::Unknown, values)))
    }

    fn element(&mut self, value: &Bound<'_, PyAny>) -> PyResult<Option<Value>> {
        if value.is_instance_of::<PyTuple>() {
            return part(value, self.depth + 1, self.way).map(Some);
        }
        if is_big(value) || value.is_instance_of::<PyDict>() {
            return json(value, self.way).map(Some);
        }
        self.holds_members |= is_enum_member(value)? && scalar_type(value)?.is_none();
        scalar(value, self.way)
    }
}

/// True for an int of more than 64 bits. Inside of other values it goes as JSON text: its exact digits, whatever the server
/// makes of them.
fn is_big(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() && value.extract::<i64>().is_err()
}

/// The refusal of a value that has no form in SQL.
pub(super) fn unbound(value: &Bound<'_, PyAny>, place: &dyn Fn() -> String) -> PyErr {
    to_py(value.py(), Error::data(Some(place()), unbound_text(value)))
}

pub(super) fn unbound_text(value: &Bound<'_, PyAny>) -> String {
    format!("a value of type {} cannot be bound", convert::type_name(value))
}
