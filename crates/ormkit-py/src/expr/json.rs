//! JSON in expressions: `Book.meta["tags"][0].as_string()`.

use ormkit_core::model::ColumnType;
use ormkit_core::query::{Expr as CoreExpr, JsonRead, JsonStep, OperationKind};
use ormkit_core::value::Value;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PySlice, PyString, PyTuple};

use super::operand::typed_operand;
use super::typing::column_type_of;
use super::{Condition, Expr, condition, expression};
use crate::errors::to_py;
use crate::model::{conversion, unsupported};

/// An element or a part of an array; None for what is no array.
fn part_of_array(this: &CoreExpr, step: &Bound<'_, PyAny>) -> PyResult<Option<CoreExpr>> {
    let (array, before) = match this {
        CoreExpr::Operation(node) => match (&node.kind, &node.args[..]) {
            (OperationKind::Element(places), [array]) => (array, places.to_vec()),
            _ => (this, Vec::new()),
        },
        _ => (this, Vec::new()),
    };
    if !matches!(column_type_of(array), Some(ColumnType::Array(_))) {
        return Ok(None);
    }
    if let CoreExpr::Column(column) = array
        && conversion(step.py(), column.source.model, column.field).is_some()
    {
        return Err(unsupported(
            "an element of an array whose values are converted",
            "read the array and take it in Python",
        ));
    }
    let place = |given: &Bound<'_, PyAny>| -> PyResult<i64> {
        given
            .extract()
            .map_err(|_| PyTypeError::new_err("the places of an array are numbers, from 1 on: Book.tags[1]"))
    };
    let Ok(slice) = step.cast::<PySlice>() else {
        let places = before.into_iter().chain([place(step)?]).collect();
        return Ok(Some(array.clone().element(places)));
    };
    if !slice.getattr("step")?.is_none() || !before.is_empty() {
        return Err(PyTypeError::new_err(
            "a part of an array is taken once, and without a step: Book.tags[1:2]",
        ));
    }
    let end = |name: &str| -> PyResult<Option<i64>> {
        let end = slice.getattr(name)?;
        if end.is_none() { Ok(None) } else { place(&end).map(Some) }
    };
    Ok(Some(array.clone().slice(end("start")?, end("stop")?)))
}

#[pymethods]
impl Expr {
    /// Of an array: the element at a place, counted from 1, or the part between two places (`[1:2]`, both included; PostgreSQL).
    /// Of HSTORE: the text of a key, NULL where there is none. What lies in a JSON value: by the key of an object, by the place in a list (from its end where negative), or by a
    /// tuple of them. NULL where there is nothing; JSON's null is a value. As in PostgreSQL a scalar is a list of itself:
    /// its places 0 and -1 are the scalar.
    fn __getitem__<'py>(&self, step: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let this = self.core()?.clone();
        if self.is_hstore()? {
            let key = typed_operand(step, ColumnType::Text)?;
            let found = this.operator("->", key, false).map_err(|error| to_py(step.py(), error))?;
            return expression(step.py(), found.cast(ColumnType::Text));
        }
        if let Some(part) = part_of_array(&this, step)? {
            return expression(step.py(), part);
        }
        if !matches!(column_type_of(&this), Some(ColumnType::Json)) {
            return Err(PyTypeError::new_err(
                "only JSON columns, what lies in them, and arrays have parts: Book.meta[\"key\"], Book.tags[1]",
            ));
        }
        let steps = match step.cast::<PyTuple>() {
            Ok(steps) => steps.iter().map(|step| step_of(&step)).collect::<PyResult<Vec<_>>>()?,
            Err(_) => vec![step_of(step)?],
        };
        expression(step.py(), this.json(steps, JsonRead::Json))
    }

    /// JSON as text: of a JSON text its value, of anything else its JSON; NULL for JSON's null.
    fn as_string<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.read_as(py, "as_string()", JsonRead::Text)
    }

    /// The same as `as_string()`.
    #[getter]
    fn astext<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.read_as(py, "astext", JsonRead::Text)
    }

    /// A JSON number, rounded to an integer; anything else is NULL.
    fn as_integer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.read_as(py, "as_integer()", JsonRead::Integer)
    }

    /// A JSON number as a float; anything else is NULL.
    fn as_float<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.read_as(py, "as_float()", JsonRead::Float)
    }

    /// A JSON number as a Decimal, exactly; anything else is NULL.
    fn as_numeric<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.read_as(py, "as_numeric()", JsonRead::Numeric)
    }

    /// JSON's true or false; anything else is NULL.
    fn as_boolean<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.read_as(py, "as_boolean()", JsonRead::Bool)
    }

    /// JSON as JSON: what it is without being said.
    fn as_json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.json_core("as_json()")?;
        expression(py, self.core()?.clone())
    }

    /// A JSON object or HSTORE has a key, a JSON list has a text, or it is that text.
    fn has_key<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        let this = self.keyed_core("has_key()")?;
        condition(key.py(), this.json_has(typed_operand(key, ColumnType::Text)?))
    }

    /// It has any of the keys.
    fn has_any<'py>(&self, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        condition(keys.py(), self.keyed_core("has_any()")?.json_has_keys(key_list(keys)?, false))
    }

    /// It has all of the keys.
    fn has_all<'py>(&self, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        condition(keys.py(), self.keyed_core("has_all()")?.json_has_keys(key_list(keys)?, true))
    }
}

impl Expr {
    fn json_core(&self, method: &str) -> PyResult<CoreExpr> {
        if self.is_json()? {
            return Ok(self.core()?.clone());
        }
        Err(PyTypeError::new_err(format!("{method} is for JSON columns and what lies in them")))
    }

    fn keyed_core(&self, method: &str) -> PyResult<CoreExpr> {
        match self.is_hstore()? {
            true => self.core().cloned(),
            false => self.json_core(method),
        }
    }

    fn read_as<'py>(&self, py: Python<'py>, method: &str, read: JsonRead) -> PyResult<Bound<'py, Self>> {
        expression(py, self.json_core(method)?.json([], read))
    }
}

fn step_of(step: &Bound<'_, PyAny>) -> PyResult<JsonStep> {
    if let Ok(key) = step.cast::<PyString>() {
        return Ok(JsonStep::Key(key.to_str()?.into()));
    }
    if step.is_instance_of::<PyInt>() && !step.is_instance_of::<PyBool>() {
        return Ok(JsonStep::Place(step.extract::<i32>()?));
    }
    let found = step.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "a step into JSON is a key or a place in a list, not a value of type {found}"
    )))
}

fn key_list(keys: &Bound<'_, PyAny>) -> PyResult<Vec<Value>> {
    if keys.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("a list of keys is expected here, not one text"));
    }
    keys.try_iter()?
        .map(|key| {
            let key = key?;
            let text =
                key.cast::<PyString>().map_err(|_| PyTypeError::new_err("the keys of JSON are texts"))?;
            Ok(Value::Text(text.to_str()?.into()))
        })
        .collect()
}

/// A number or a text, which JSON values of the same kind are compared with.
///
/// # Errors
/// `TypeError` for anything else: other kinds have no order here.
pub(crate) fn ordered_json(value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    if value.is_instance_of::<PyString>() {
        return typed_operand(value, ColumnType::Text);
    }
    let is_number = (value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>())
        || value.is_instance_of::<PyFloat>()
        || value.is_instance(&value.py().import("decimal")?.getattr("Decimal")?)?;
    if !is_number {
        let found = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "JSON is put in order beside a number or a text, not beside a value of type {found}"
        )));
    }
    let value = match value.cast::<PyFloat>() {
        Ok(float) => value.py().import("decimal")?.getattr("Decimal")?.call1((float.repr()?,))?,
        Err(_) => value.clone(),
    };
    typed_operand(&value, ColumnType::Numeric(None))
}
