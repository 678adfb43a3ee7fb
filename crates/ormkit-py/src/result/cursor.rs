//! `fetchone`, `fetchmany` and `fetchall`: each goes on where the last one has stopped (PEP 249). All other ways of reading
//! see the whole result, as often as they are asked.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::{ExecuteResult, MappingResult, ScalarResult};

/// How many rows were fetched.
#[derive(Debug, Default)]
pub(super) struct Cursor(AtomicUsize);

impl Cursor {
    /// The next rows of `all`: at most `most`.
    fn next(&self, all: usize, most: usize) -> Range<usize> {
        let to = |from: usize| from.saturating_add(most).min(all);
        let from = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |from| Some(to(from)));
        let from = from.unwrap_or(all);
        from..to(from)
    }
}

#[pymethods]
impl ExecuteResult {
    /// The next row; None behind the last one.
    fn fetchone<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.rows(py, self.cursor.next(self.len(), 1))?.iter().next())
    }

    /// The next rows, at most `size`; an empty list behind the last one.
    #[pyo3(signature = (size = 1))]
    fn fetchmany<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyList>> {
        self.rows(py, self.cursor.next(self.len(), size))
    }

    /// The rows that are left.
    fn fetchall<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.fetchmany(py, usize::MAX)
    }
}

#[pymethods]
impl MappingResult {
    /// The next row; None behind the last one.
    fn fetchone<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let rows = self.rows.get();
        self.cursor.next(rows.len(), 1).next().map(|at| rows.mapping(py, at)).transpose()
    }

    /// The next rows, at most `size`; an empty list behind the last one.
    #[pyo3(signature = (size = 1))]
    fn fetchmany<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyList>> {
        self.dicts(py, self.cursor.next(self.rows.get().len(), size))
    }

    /// The rows that are left.
    fn fetchall<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.fetchmany(py, usize::MAX)
    }
}

#[pymethods]
impl ScalarResult {
    /// The next values, at most `size`; an empty list behind the last one.
    #[pyo3(signature = (size = 1))]
    fn fetchmany<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, &self.values[self.cursor.next(self.values.len(), size)])
    }

    /// The values that are left.
    fn fetchall<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.fetchmany(py, usize::MAX)
    }
}
