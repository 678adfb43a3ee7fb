//! Values for SQL of the caller's own: their types follow from the Python values alone.

mod nested;

use std::sync::Arc;

use ormkit_core::driver::StatementText;
use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::model::ColumnType;
use ormkit_core::query::Expr as CoreExpr;
use ormkit_core::sql::{DialectName, placeholder};
use ormkit_core::value::{Params, Value};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyBytes, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString, PyTime, PyTuple,
    PyType,
};

use crate::codec;
use crate::convert::{self, Border};
use crate::errors::to_py;
use crate::fields::is_json_null;
use crate::range::Range;

/// The text of SQL.
///
/// # Errors
/// `DataError` for a lone surrogate.
pub(super) fn sql<'a>(text: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    text.to_str().map_err(|_| to_py(text.py(), Error::data(None, "the SQL text holds a lone surrogate")))
}

/// The statement and its values: a list or tuple for native placeholders, a dict for `:name`.
///
/// # Errors
/// A name without a value, a value of a type that no column has, another kind of container.
pub(crate) fn bind(
    sql: &str,
    values: Option<&Bound<'_, PyAny>>,
    border: &Border,
) -> PyResult<(Arc<StatementText>, Params)> {
    let Some(values) = values else {
        return Ok((Arc::new(StatementText::raw(sql)), Params::new()));
    };
    Repeated::new(sql, border).bind(values)
}

/// A `text(..)` and its values: those that are given beside it, or those of its `bindparams(..)`.
///
/// # Errors
/// As [`bind`]; `TypeError` where it has values of its own and is given some.
fn bind_text(
    py: Python<'_>,
    text: &CoreExpr,
    values: Option<&Bound<'_, PyAny>>,
    border: &Border,
) -> PyResult<(Arc<StatementText>, Params)> {
    match text {
        CoreExpr::Text(sql) => {
            // SQLite would take NULL for a parameter without a value.
            if values.is_none_or(|values| values.is_none())
                && let Some(name) = placeholder::named(sql, border.dialect).1.first()
            {
                return Err(to_py(
                    py,
                    Error::new(ErrorKind::Programming(format!(
                        "a value is required for the parameter {name:?}: execute(text(..), {{{name:?}: ..}})"
                    ))),
                ));
            }
            bind(sql, values, border)
        }
        _ if values.is_some() => {
            Err(PyTypeError::new_err("the text has its values by bindparams(..): give none beside it"))
        }
        _ => {
            let (sql, params) =
                text.to_sql(border.dialect, Some(border)).map_err(|error| to_py(py, error))?;
            Ok((Arc::new(StatementText::raw(sql)), params))
        }
    }
}

/// The same, once for each of several sets of `:name` values.
///
/// # Errors
/// As [`bind_text`].
pub(crate) fn bind_texts(
    py: Python<'_>,
    text: &CoreExpr,
    values: Option<&Bound<'_, PyAny>>,
    border: &Border,
) -> PyResult<Vec<(Arc<StatementText>, Params)>> {
    let (CoreExpr::Text(sql), Some(sets)) = (text, values.filter(|values| are_sets(values))) else {
        return Ok(vec![bind_text(py, text, values, border)?]);
    };
    if !names_values(sql, border) {
        return Ok(vec![bind(sql, values, border)?]);
    }
    let mut repeated = Repeated::new(sql, border);
    sets.try_iter()?.map(|set| repeated.bind(&set?)).collect()
}

/// True for a list of dicts.
fn are_sets(values: &Bound<'_, PyAny>) -> bool {
    values
        .cast::<PyList>()
        .is_ok_and(|sets| !sets.is_empty() && sets.iter().all(|set| set.is_instance_of::<PyDict>()))
}

/// True where the text has `:name` placeholders.
fn names_values(sql: &str, border: &Border) -> bool {
    !placeholder::named(sql, border.dialect).1.is_empty()
}

/// SQL that is bound to one set of values after the other: what follows from its text is found once.
pub(super) struct Repeated<'a> {
    sql: &'a str,
    border: &'a Border,
    plain: Option<Arc<StatementText>>,
    named: Option<(Arc<StatementText>, Vec<String>)>,
}

impl<'a> Repeated<'a> {
    pub(super) fn new(sql: &'a str, border: &'a Border) -> Self {
        Self { sql, border, plain: None, named: None }
    }

    /// The statement with these values.
    ///
    /// # Errors
    /// As [`bind`].
    pub(super) fn bind(&mut self, values: &Bound<'_, PyAny>) -> PyResult<(Arc<StatementText>, Params)> {
        let py = values.py();
        let mut params = Params::new();
        if let Ok(given) = values.cast::<PyDict>() {
            let (text, names) = self.named.get_or_insert_with(|| {
                let (sql, names) = placeholder::named(self.sql, self.border.dialect);
                (Arc::new(StatementText::raw(sql)), names)
            });
            for name in &*names {
                let value = given.get_item(name)?.ok_or_else(|| unbound(py, name, given))?;
                push(&value, self.border, &|| format!(":{name}"), &mut params)?;
            }
            return Ok((Arc::clone(text), params));
        }
        if !values.is_instance_of::<PyList>() && !values.is_instance_of::<PyTuple>() {
            let found = values.get_type().name()?;
            let error = Error::new(ErrorKind::Programming(format!(
                "params must be a list, a tuple or a dict, not {found}"
            )));
            return Err(to_py(py, error));
        }
        if are_sets(values) && names_values(self.sql, self.border) {
            let error = Error::new(ErrorKind::Programming(
                "params is a list of dicts, and the text names its values: give one dict, or run it by execute_many()"
                    .into(),
            ));
            return Err(to_py(py, error));
        }
        for (index, value) in values.try_iter()?.enumerate() {
            push(&value?, self.border, &|| format!("parameter {}", index + 1), &mut params)?;
        }
        let text = self.plain.get_or_insert_with(|| Arc::new(StatementText::raw(self.sql)));
        Ok((Arc::clone(text), params))
    }
}

/// How a value goes to its database, and its name on the way.
#[derive(Clone, Copy)]
struct Way<'a> {
    border: &'a Border,
    place: &'a dyn Fn() -> String,
}

/// Appends a value: a scalar as it is read, without a copy of its own.
pub(super) fn push(
    value: &Bound<'_, PyAny>,
    border: &Border,
    place: &dyn Fn() -> String,
    params: &mut Params,
) -> PyResult<()> {
    let Some(column_type) = scalar_type(value)? else {
        untyped(value, border, place)?.push_to(params);
        return Ok(());
    };
    let bound = convert::bind(value, &column_type, None, place, &mut |value| {
        params.push(value);
        Ok(())
    });
    bound.map_err(|error| to_py(value.py(), error))
}

fn unbound(py: Python<'_>, name: &str, given: &Bound<'_, PyDict>) -> PyErr {
    let known: Vec<String> = given.keys().iter().map(|key| key.to_string()).collect();
    to_py(py, Error::unknown_name("value for placeholder", name, "params", known.iter().map(String::as_str)))
}

/// A value in the form that its Python type stands for. Lists, tuples and dicts are what the server asks for; SQLite stores
/// them as JSON.
pub(super) fn untyped(
    value: &Bound<'_, PyAny>,
    border: &Border,
    place: &dyn Fn() -> String,
) -> PyResult<Value> {
    let has_parts = value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>();
    let way = Way { border, place };
    match border.dialect.name {
        DialectName::Sqlite if has_parts => nested::json(value, way),
        _ => nested::part(value, 0, way),
    }
}

/// A value that is neither a list nor a tuple nor a dict; None where its type has no form in SQL and no codec can give it
/// one. An enum's member is its value.
fn scalar(value: &Bound<'_, PyAny>, way: Way<'_>) -> PyResult<Option<Value>> {
    let place = way.place;
    if let Some(column_type) = scalar_type(value)? {
        return convert::to_value(value, &column_type, place).map(Some);
    }
    if let Ok(range) = value.cast::<Range>() {
        let (ends, bounds) = range.get().parts(value.py());
        if let Some(inner) = ends.into_iter().find(|end| end.is_instance_of::<Range>()) {
            return Err(nested::unbound(inner, place));
        }
        let [lower, upper] = ends.map(|end| nested::part(end, nested::MAX_DEPTH, way));
        return Ok(Some(Value::Range(Box::new([lower?, upper?]), bounds)));
    }
    if is_enum_member(value)? {
        let label = value.getattr(intern!(value.py(), "value"))?.str()?;
        return convert::to_value(&label, &ColumnType::Text, place).map(Some);
    }
    Ok(codec::object(value, || nested::unbound_text(value)))
}

fn is_enum_member(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static ENUM: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    value.is_instance(ENUM.import(value.py(), "enum", "Enum")?)
}

/// The column type that the Python type of a scalar stands for.
fn scalar_type(value: &Bound<'_, PyAny>) -> PyResult<Option<ColumnType>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = value.py();
    Ok(Some(if value.is_none() || value.is_instance_of::<PyString>() {
        ColumnType::Text
    } else if value.is_instance_of::<PyBool>() {
        ColumnType::Bool
    } else if value.is_instance_of::<PyInt>() {
        ColumnType::BigInt
    } else if value.is_instance_of::<PyFloat>() {
        ColumnType::Double
    } else if value.is_instance_of::<PyBytes>() {
        ColumnType::Bytes
    } else if value.is_instance_of::<PyDateTime>() {
        match value.getattr(intern!(py, "tzinfo"))?.is_none() {
            true => ColumnType::Timestamp,
            false => ColumnType::TimestampTz,
        }
    } else if value.is_instance_of::<PyDate>() {
        ColumnType::Date
    } else if value.is_instance_of::<PyTime>() {
        match value.getattr(intern!(py, "tzinfo"))?.is_none() {
            true => ColumnType::Time,
            false => ColumnType::TimeTz,
        }
    } else if value.is_instance_of::<PyDelta>() {
        ColumnType::Interval
    } else if value.is_instance(DECIMAL.import(py, "decimal", "Decimal")?)? {
        ColumnType::Numeric(None)
    } else if value.is_instance(UUID.import(py, "uuid", "UUID")?)? {
        ColumnType::Uuid
    } else if is_json_null(value) {
        ColumnType::Json
    } else {
        return convert::net_type(value);
    }))
}
