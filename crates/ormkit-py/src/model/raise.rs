//! The core's errors as Python exceptions, where a class statement fails.
use ormkit_core::error::{Error, ErrorKind};
use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;

/// The exception of an error of the core.
pub(crate) fn to_python(error: Error) -> PyErr {
    let text = error.to_string();
    match error.into_kind() {
        ErrorKind::Host(host) => match host.downcast::<PyErr>() {
            Ok(raised) => *raised,
            Err(other) => PyRuntimeError::new_err(other.to_string()),
        },
        ErrorKind::Unsupported { .. } => PyNotImplementedError::new_err(text),
        ErrorKind::UnknownName { .. } => PyTypeError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

/// The refusal of a feature that is not implemented, naming what to use instead.
pub(crate) fn unsupported(feature: impl Into<String>, instead: impl Into<String>) -> PyErr {
    to_python(Error::unsupported(feature, instead))
}

/// A mistake in a class body.
pub(crate) fn mapping(text: impl Into<String>) -> PyErr {
    to_python(Error::new(ErrorKind::Mapping(text.into())))
}
