//! The text of a statement, without a connection.

use ormkit_core::error::Result;
use ormkit_core::model::Schema;
use ormkit_core::sql::Dialect;
use ormkit_core::value::Params;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert;
use crate::errors::to_py;
use crate::model::schema;

/// The dialect of a public word.
pub(super) fn dialect_of(name: &str) -> PyResult<&'static Dialect> {
    match name {
        "postgresql" | "postgres" => Ok(&Dialect::POSTGRES),
        "sqlite" => Ok(&Dialect::SQLITE),
        other => {
            Err(PyValueError::new_err(format!("the dialect is \"postgresql\" or \"sqlite\", not {other:?}")))
        }
    }
}

/// Text and values of a statement that `write` gives.
pub(crate) fn shown<'py>(
    py: Python<'py>,
    dialect: &str,
    write: impl FnOnce(&Schema, &'static Dialect) -> Result<(String, Params)>,
) -> PyResult<(String, Bound<'py, PyList>)> {
    let (sql, params) = write(&*schema(py)?, dialect_of(dialect)?).map_err(|error| to_py(py, error))?;
    let values = params.iter().map(|value| convert::read(py, value, None).map_err(|error| to_py(py, error)));
    Ok((sql, PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?))
}
