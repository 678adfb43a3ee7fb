//! `quote_identifier` and `quote_literal`: parts of SQL text.

use ormkit_core::sql::quote;
use ormkit_core::value::Params;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::params;
use crate::convert::Border;
use crate::dialect::dialect_of;
use crate::errors::to_py;

/// A name as a part of SQL, in quotes where it needs them: `quote_identifier("shop", "a b")` is `shop."a b"`.
///
/// Args:
///     name, more: The name, or the parts of a qualified one; a dot belongs to its part.
///     dialect: "postgresql" or "sqlite", as `engine.dialect` says.
///
/// Raises:
///     InterfaceError: A part is empty, has a NUL, or is longer than the 63 bytes that PostgreSQL keeps.
///     DataError: A part holds a lone surrogate.
#[pyfunction]
#[pyo3(signature = (name, /, *more, dialect = "postgresql"))]
pub(crate) fn quote_identifier(
    py: Python<'_>,
    name: Bound<'_, PyString>,
    more: Vec<Bound<'_, PyString>>,
    dialect: &str,
) -> PyResult<String> {
    let dialect = dialect_of(dialect)?;
    let parts = std::iter::once(&name).chain(&more).map(params::sql).collect::<PyResult<Vec<_>>>()?;
    quote::identifier(parts, dialect).map_err(|error| to_py(py, error))
}

/// A value as a literal, for statements that take no parameters; elsewhere bind it.
///
/// Negative numbers stand in parentheses, so that a sign in front of one begins no comment; what else has a type is cast to
/// it. None is NULL.
///
/// Args:
///     value: A bool, int, float, str or bytes; for PostgreSQL also a date, time, datetime, timedelta, Decimal, UUID, dict (as
///         JSON) or an address of `ipaddress`.
///     dialect: "postgresql" or "sqlite", as `engine.dialect` says.
///
/// Raises:
///     DataError: A text with a NUL or a lone surrogate, an integer of more than 64 bits, NaN for SQLite.
///     NotSupportedError: The type has no literal there.
#[pyfunction]
#[pyo3(signature = (value, /, *, dialect = "postgresql"))]
pub(crate) fn quote_literal(value: &Bound<'_, PyAny>, dialect: &str) -> PyResult<String> {
    let dialect = dialect_of(dialect)?;
    let mut bound = Params::new();
    params::push(value, Border::plain(dialect.name), &|| "the value".to_owned(), &mut bound)?;
    quote::literal(bound.get(0), dialect).map_err(|error| to_py(value.py(), error))
}
