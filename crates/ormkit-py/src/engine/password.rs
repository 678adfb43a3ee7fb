//! `password=`: a text, or a function that is asked for each new connection.

use std::sync::Arc;

use ormkit_core::error::{Error, ErrorKind};
use ormkit_pg::PasswordSource;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::bridge;
use crate::errors::{caused_by, from_py, to_py};

/// The value of `password=`.
pub(super) enum Password {
    Fixed(String),
    Asked(PasswordSource),
}

impl Password {
    /// # Errors
    /// `TypeError`: it is neither a text nor a function.
    pub(super) fn of(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = given.py();
        if let Ok(text) = given.cast::<PyString>() {
            let surrogate = |_| to_py(py, Error::interface("the password holds a lone surrogate"));
            return Ok(Self::Fixed(text.to_str().map_err(surrogate)?.to_owned()));
        }
        if !given.is_callable() {
            let found = given.get_type().name()?;
            return Err(PyTypeError::new_err(format!("password must be a str or a callable, not {found}")));
        }
        let function = Arc::new(given.clone().unbind());
        Ok(Self::Asked(Arc::new(move || {
            let function = Arc::clone(&function);
            Box::pin(async move { ask(&function).await.map_err(from_py) })
        })))
    }
}

async fn ask(function: &Py<PyAny>) -> PyResult<String> {
    let answer = bridge::call(|py| function.bind(py).call0()).await;
    Python::attach(|py| match answer {
        Ok(answer) => read(answer.bind(py)),
        Err(error) if is_plain(py, &error) => {
            // Only its class: what it says could hold a secret. It is the cause, for whoever looks.
            let class = error.get_type(py).name()?;
            let kind = ErrorKind::Operational(format!("the password callable raised {class}"));
            Err(caused_by(py, Error::new(kind), error))
        }
        Err(error) => Err(error),
    })
}

/// False for what ends a program, which nobody may hide.
fn is_plain(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyException>(py) || error.is_instance_of::<CancelledError>(py)
}

fn read(answer: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = answer.py();
    let Ok(text) = answer.cast::<PyString>() else {
        let found = answer.get_type().name()?;
        return Err(to_py(py, Error::interface(format!("the password callable answered {found}, not str"))));
    };
    let surrogate = |_| to_py(py, Error::interface("the password callable's answer holds a lone surrogate"));
    Ok(text.to_str().map_err(surrogate)?.to_owned())
}
