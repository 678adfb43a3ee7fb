//! Numbers: `bool`, `int`, `float`, `Decimal`.
use super::{Place, Sink, refused, unfit, unreadable};
use crate::errors::from_py;
use ormkit_core::error::Result;
use ormkit_core::value::{Numeric, SqlType, ValueRef};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString, PyType};

/// Above this not every integer is a float.
const EXACT_FLOAT: i64 = 1 << 53;

pub(super) fn boolean<'a>(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<ValueRef<'a>> {
    match value.cast::<PyBool>() {
        Ok(value) => Ok(ValueRef::Bool(value.is_true())),
        Err(_) => Err(unfit(value, "bool", place)),
    }
}

pub(super) fn integer<'a>(
    value: &Bound<'_, PyAny>,
    sql_type: SqlType,
    place: &Place<'_>,
) -> Result<ValueRef<'a>> {
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(unfit(value, "int", place));
    }
    let (least, greatest) = sql_type.int_range().unwrap_or((i64::MIN, i64::MAX));
    match value.extract::<i64>() {
        Ok(int) if (least..=greatest).contains(&int) => Ok(ValueRef::Int(int)),
        _ => Err(refused(format!("expected an int from {least} to {greatest}, got one out of range"), place)),
    }
}

/// A float, or an int that one holds exactly.
pub(super) fn float<'a>(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<ValueRef<'a>> {
    if let Ok(value) = value.cast::<PyFloat>() {
        return Ok(ValueRef::Float(value.value()));
    }
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(unfit(value, "float", place));
    }
    match value.extract::<i64>() {
        Ok(int) if (-EXACT_FLOAT..=EXACT_FLOAT).contains(&int) => Ok(ValueRef::Float(int as f64)),
        _ => Err(refused("expected a float, got an int that no float holds exactly", place)),
    }
}

/// A Decimal, or an int. Never a float: its digits are not those that were written.
///
/// Of a `size` in digits and digits behind the point, it has to fit as it is: one database would round, the other not.
pub(super) fn decimal(
    value: &Bound<'_, PyAny>,
    size: Option<(u32, u32)>,
    place: &Place<'_>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let py = value.py();
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        if let Ok(int) = value.extract::<i64>() {
            return sized(Numeric::from(int), size, place, sink);
        }
    } else if !value.is_instance(decimal_class(py)?).map_err(from_py)? {
        return Err(unfit(value, "Decimal", place));
    }
    let text = value.str().map_err(from_py)?;
    let text = text.to_str().map_err(from_py)?;
    if text.contains("sNaN") {
        return Err(refused("a signalling NaN has no form in SQL", place));
    }
    // NaN may carry a payload, which no database keeps
    let text = if text.contains("NaN") { "NaN" } else { text };
    let numeric =
        Numeric::parse(text).map_err(|_| refused("the Decimal has too large an exponent", place))?;
    sized(numeric, size, place, sink)
}

/// Of a size with the digits that it has.
fn sized(
    numeric: Numeric<'_>,
    size: Option<(u32, u32)>,
    place: &Place<'_>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let Some(size) = size else { return sink(ValueRef::Numeric(numeric)) };
    let mut scratch = String::new();
    let fitted = numeric.fitted(size, &mut scratch).map_err(|error| error.at(place))?;
    sink(ValueRef::Numeric(fitted))
}

fn decimal_class(py: Python<'_>) -> Result<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Ok(CLASS.import(py, "decimal", "Decimal").map_err(from_py)?.as_any())
}

pub(super) fn read_boolean(py: Python<'_>, value: bool) -> Result<Bound<'_, PyAny>> {
    Ok(PyBool::new(py, value).to_owned().into_any())
}

#[inline]
pub(super) fn read_integer(py: Python<'_>, value: i64) -> Result<Bound<'_, PyAny>> {
    Ok(PyInt::new(py, value).into_any())
}

#[inline]
pub(super) fn read_float(py: Python<'_>, value: f64) -> Result<Bound<'_, PyAny>> {
    Ok(PyFloat::new(py, value).into_any())
}

pub(super) fn read_decimal<'py>(py: Python<'py>, value: Numeric<'_>) -> Result<Bound<'py, PyAny>> {
    let mut text = String::with_capacity(32);
    value.write_to(&mut text);
    decimal_class(py)?
        .call1((PyString::new(py, &text),))
        .map_err(|_| unreadable("the database holds a NUMERIC with more digits than a Decimal takes"))
}
