//! Dialects by the names that users know.

use ormkit_core::sql::Dialect;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The dialect of a name: `"postgresql"`, also as `"postgres"`, or `"sqlite"`.
///
/// # Errors
/// `ValueError` for another one.
pub(crate) fn dialect_of(name: &str) -> PyResult<&'static Dialect> {
    match name {
        "postgresql" | "postgres" => Ok(&Dialect::POSTGRES),
        "sqlite" => Ok(&Dialect::SQLITE),
        other => {
            Err(PyValueError::new_err(format!("the dialect is \"postgresql\" or \"sqlite\", not {other:?}")))
        }
    }
}
