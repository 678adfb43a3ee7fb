//! Values for SQL of the caller's own: their types follow from the Python values alone.

use std::sync::Arc;

use ormkit_core::driver::StatementText;
use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::model::ColumnType;
use ormkit_core::sql::{Dialect, placeholder};
use ormkit_core::value::{Params, Value};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString, PyTime, PyTuple,
};

use crate::convert;
use crate::errors::to_py;

/// The statement and its values: a list or tuple for native placeholders, a dict for `:name`.
///
/// # Errors
/// A name without a value, a value of a type that no column has, another kind of container.
pub(super) fn bind(
    sql: &str,
    values: Option<&Bound<'_, PyAny>>,
    dialect: &Dialect,
) -> PyResult<(Arc<StatementText>, Params)> {
    let mut params = Params::new();
    let Some(values) = values else {
        return Ok((Arc::new(StatementText::raw(sql)), params));
    };
    let py = values.py();
    if let Ok(named) = values.cast::<PyDict>() {
        let (sql, names) = placeholder::named(sql, dialect);
        for name in &names {
            let value = named.get_item(name)?.ok_or_else(|| unbound(py, name, named))?;
            untyped(&value, &|| format!(":{name}"))?.push_to(&mut params);
        }
        return Ok((Arc::new(StatementText::raw(sql)), params));
    }
    if !values.is_instance_of::<PyList>() && !values.is_instance_of::<PyTuple>() {
        let found = values.get_type().name()?;
        let error = Error::new(ErrorKind::Programming(format!(
            "params must be a list, a tuple or a dict, not {found}"
        )));
        return Err(to_py(py, error));
    }
    for (index, value) in values.try_iter()?.enumerate() {
        untyped(&value?, &|| format!("parameter {}", index + 1))?.push_to(&mut params);
    }
    Ok((Arc::new(StatementText::raw(sql)), params))
}

fn unbound(py: Python<'_>, name: &str, given: &Bound<'_, PyDict>) -> PyErr {
    let known: Vec<String> = given.keys().iter().map(|key| key.to_string()).collect();
    to_py(py, Error::unknown_name("value for placeholder", name, "params", known.iter().map(String::as_str)))
}

/// A value as the column type that its Python type stands for.
fn untyped(value: &Bound<'_, PyAny>, place: &dyn Fn() -> String) -> PyResult<Value> {
    let py = value.py();
    let Some(column_type) = column_type_of(value)? else {
        let found = value.get_type().name()?.to_string();
        let problem = format!("a value of type {found} cannot be bound");
        return Err(to_py(py, Error::data(Some(place()), problem)));
    };
    convert::to_value(value, &column_type, place)
}

fn column_type_of(value: &Bound<'_, PyAny>) -> PyResult<Option<ColumnType>> {
    if value.is_none() || value.is_instance_of::<PyString>() {
        return Ok(Some(ColumnType::Text));
    }
    if value.is_instance_of::<PyBool>() {
        return Ok(Some(ColumnType::Bool));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Some(ColumnType::BigInt));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Some(ColumnType::Double));
    }
    if value.is_instance_of::<PyBytes>() {
        return Ok(Some(ColumnType::Bytes));
    }
    if value.is_instance_of::<PyDateTime>() {
        let aware = !value.getattr("tzinfo")?.is_none();
        return Ok(Some(if aware { ColumnType::TimestampTz } else { ColumnType::Timestamp }));
    }
    if value.is_instance_of::<PyDate>() {
        return Ok(Some(ColumnType::Date));
    }
    if value.is_instance_of::<PyTime>() {
        let aware = !value.getattr("tzinfo")?.is_none();
        return Ok(Some(if aware { ColumnType::TimeTz } else { ColumnType::Time }));
    }
    if value.is_instance_of::<PyDelta>() {
        return Ok(Some(ColumnType::Interval));
    }
    if value.is_instance_of::<PyDict>() || value.is_instance_of::<PyList>() {
        return Ok(Some(ColumnType::Json));
    }
    let py = value.py();
    if value.is_instance(&py.import("decimal")?.getattr("Decimal")?)? {
        return Ok(Some(ColumnType::Numeric(None)));
    }
    if value.is_instance(&py.import("uuid")?.getattr("UUID")?)? {
        return Ok(Some(ColumnType::Uuid));
    }
    convert::net_type(value)
}
