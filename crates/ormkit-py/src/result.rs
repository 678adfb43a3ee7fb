//! What statements answer: rows that are read without await.
mod arrow;
mod cursor;
mod execute;
mod kept;
mod mapping;
mod model;
mod query;
mod row;
mod scalar;
mod tuple;

pub(crate) use execute::ExecuteResult;
pub(crate) use kept::Kept;
pub(crate) use mapping::MappingResult;
pub(crate) use query::QueryResult;
pub(crate) use row::{composite, make_row, register};
pub(crate) use scalar::ScalarResult;

use crate::errors::to_py;
use ormkit_core::error::{Error, ErrorKind};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::ops::Range;

/// How many rows a reader insists on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Exactly one.
    One,
    /// One or none.
    OneOrNone,
}

/// Checks the number of rows; true where there is a first one.
///
/// # Errors
/// `NoResultFound`, `MultipleResultsFound`.
pub(crate) fn check(py: Python<'_>, rows: usize, wanted: Wanted) -> PyResult<bool> {
    let kind = match (rows, wanted) {
        (0, Wanted::One) => ErrorKind::NoResult("one row was expected, there is none".to_owned()),
        (0, Wanted::OneOrNone) => return Ok(false),
        (1, _) => return Ok(true),
        (rows, Wanted::One) => ErrorKind::MultipleResults(format!("one row was expected, there are {rows}")),
        (rows, Wanted::OneOrNone) => {
            ErrorKind::MultipleResults(format!("one row or none was expected, there are {rows}"))
        }
    };
    Err(to_py(py, Error::new(kind)))
}

/// `len` rows in parts of `size`; the last may be shorter.
///
/// # Errors
/// `ValueError`: the size is 0.
fn parts(len: usize, size: usize) -> PyResult<impl Iterator<Item = Range<usize>>> {
    if size == 0 {
        return Err(PyValueError::new_err("partitions() takes a size of 1 or more"));
    }
    Ok((0..len).step_by(size).map(move |from| from..len.min(from.saturating_add(size))))
}

/// The refusal of what a list can do and a result cannot.
fn not_a_list(what: &str, result: &str) -> PyErr {
    PyTypeError::new_err(format!("{what} is not possible with {result}: read the rows with .all()"))
}
