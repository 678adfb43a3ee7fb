//! `json_dumps` and `json_loads`: functions of the user's between JSON text and Python values.
use super::data;
use crate::convert::type_name;
use crate::errors::{from_py, to_py};
use ormkit_core::error::{Error, Result};
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use std::sync::atomic::{AtomicBool, Ordering};

/// True once there was an engine with `json_dumps`: values of statements wait for theirs from then on.
static ANY_DUMPS: AtomicBool = AtomicBool::new(false);

/// The functions of one engine. What is not given is ormkit's own.
pub(crate) struct JsonCodec {
    dumps: Option<Py<PyAny>>,
    loads: Option<Py<PyAny>>,
}

impl JsonCodec {
    /// The functions that were given; None where none were.
    ///
    /// # Errors
    /// `TypeError` for what is no function, or an `async` one.
    pub(crate) fn new(
        dumps: Option<Bound<'_, PyAny>>,
        loads: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Option<Self>> {
        let dumps = dumps.map(|given| function("json_dumps", given)).transpose()?;
        let loads = loads.map(|given| function("json_loads", given)).transpose()?;
        if dumps.is_none() && loads.is_none() {
            return Ok(None);
        }
        ANY_DUMPS.fetch_or(dumps.is_some(), Ordering::Relaxed);
        Ok(Some(Self { dumps, loads }))
    }

    /// True where some engine of the process writes JSON by a function of the user's.
    pub(crate) fn any_dumps() -> bool {
        ANY_DUMPS.load(Ordering::Relaxed)
    }

    /// True where `json_dumps` was given.
    pub(crate) fn has_dumps(&self) -> bool {
        self.dumps.is_some()
    }

    /// A Python value as JSON text.
    ///
    /// # Errors
    /// `DataError` without a place: what `json_dumps` raises is its cause; an answer that is no `str`, `bytes` or no JSON.
    pub(super) fn write(&self, value: &Bound<'_, PyAny>) -> Result<String> {
        let py = value.py();
        let Some(dumps) = &self.dumps else { return super::write(value, None) };
        let form = dumps.bind(py).call1((value,)).map_err(|raised| failed(py, "json_dumps", raised))?;
        let text = if let Ok(text) = form.cast::<PyString>() {
            text.to_str().map_err(|_| data("json_dumps returned a str with a lone surrogate"))?
        } else if let Ok(bytes) = form.cast::<PyBytes>() {
            std::str::from_utf8(bytes.as_bytes())
                .map_err(|_| data("json_dumps returned bytes that are not UTF-8"))?
        } else {
            let found = type_name(&form);
            return Err(data(format!("json_dumps returned a value of type {found}, not str or bytes")));
        };
        super::read::Reader::new(py, text)
            .document()
            .map_err(|error| data("json_dumps returned text that is no JSON").caused_by(to_py(py, error)))?;
        Ok(text.to_owned())
    }

    /// JSON text as `json_loads` reads it.
    ///
    /// # Errors
    /// `DataError` without a place, caused by what it raises.
    pub(super) fn read<'py>(&self, py: Python<'py>, text: &str) -> Result<Bound<'py, PyAny>> {
        match &self.loads {
            None => super::read(py, text, None),
            Some(loads) => loads.bind(py).call1((text,)).map_err(|raised| failed(py, "json_loads", raised)),
        }
    }
}

fn function(what: &str, given: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    if !given.is_callable() {
        let found = given.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{what} must be a callable, not {found}")));
    }
    if given.py().import("inspect")?.call_method1("iscoroutinefunction", (&given,))?.is_truthy()? {
        return Err(PyTypeError::new_err(format!(
            "{what} must not be async: it runs while values are converted"
        )));
    }
    Ok(given.unbind())
}

/// What a function of the user's raised, as the cause of a `DataError`; what ends a program, or a task, passes as it is.
pub(crate) fn failed(py: Python<'_>, what: &str, raised: PyErr) -> Error {
    if !raised.is_instance_of::<PyException>(py) {
        return from_py(raised);
    }
    // Only its class: what it says could hold the value. It is the cause, for whoever looks.
    let class =
        raised.get_type(py).name().map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
    data(format!("{what} raised {class}")).caused_by(raised)
}
