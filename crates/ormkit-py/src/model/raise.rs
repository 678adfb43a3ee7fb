//! The errors of class statements.
use crate::errors::to_py;
use ormkit_core::error::{Error, ErrorKind};
use pyo3::prelude::*;

/// The exception of an error of the core.
pub(crate) fn to_python(error: Error) -> PyErr {
    Python::attach(|py| to_py(py, error))
}

/// The refusal of a feature that is not implemented, naming what to use instead.
pub(crate) fn unsupported(feature: impl Into<String>, instead: impl Into<String>) -> PyErr {
    to_python(Error::unsupported(feature, instead))
}

/// A mistake in a class body.
pub(crate) fn mapping(text: impl Into<String>) -> PyErr {
    to_python(Error::new(ErrorKind::Mapping(text.into())))
}
