//! `MappingResult`: the rows of a result as dicts.
use super::cursor::Cursor;
use super::{ExecuteResult, Wanted, check, not_a_list, parts};
use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList};

/// The rows of a statement as dicts by the names of the columns. Reading needs no await.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct MappingResult {
    pub(super) rows: Py<ExecuteResult>,
    pub(super) cursor: Cursor,
}

impl MappingResult {
    /// Of these rows.
    pub(super) fn new(rows: Py<ExecuteResult>) -> Self {
        Self { rows, cursor: Cursor::default() }
    }

    pub(super) fn dicts<'py>(&self, py: Python<'py>, range: Range<usize>) -> PyResult<Bound<'py, PyList>> {
        let rows = self.rows.get();
        let dicts = range.map(|at| rows.mapping(py, at));
        PyList::new(py, dicts.collect::<PyResult<Vec<_>>>()?)
    }

    fn single<'py>(&self, py: Python<'py>, wanted: Wanted) -> PyResult<Option<Bound<'py, PyDict>>> {
        match check(py, self.rows.get().len(), wanted)? {
            true => self.first(py),
            false => Ok(None),
        }
    }
}

#[pymethods]
impl MappingResult {
    /// All rows.
    fn all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.dicts(py, 0..self.rows.get().len())
    }

    /// The first row, or None.
    fn first<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        match self.rows.get().len() {
            0 => Ok(None),
            _ => self.rows.get().mapping(py, 0).map(Some),
        }
    }

    /// The only row.
    ///
    /// Raises:
    ///     NoResultFound: There is none.
    ///     MultipleResultsFound: There are more.
    fn one<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.single(py, Wanted::One)
    }

    /// The only row, or None.
    ///
    /// Raises:
    ///     MultipleResultsFound: There are more.
    fn one_or_none<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.single(py, Wanted::OneOrNone)
    }

    /// Accepted and without effect: objects are not repeated.
    fn unique(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// The rows in lists of at most `size`; by default of what the statement's `yield_per` says, or in one.
    ///
    /// Raises:
    ///     ValueError: The size is 0.
    #[pyo3(signature = (size = None))]
    fn partitions<'py>(&self, py: Python<'py>, size: Option<usize>) -> PyResult<Bound<'py, PyIterator>> {
        let rows = self.rows.get();
        let parts = parts(rows.len(), size.unwrap_or(rows.piece))?;
        PyList::new(py, parts.map(|part| self.dicts(py, part)).collect::<PyResult<Vec<_>>>()?)?.try_iter()
    }

    /// The names of the columns: a class's name for its objects.
    fn keys(&self) -> Vec<String> {
        self.rows.get().keys()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.all(py)?.try_iter()
    }

    fn __len__(&self) -> PyResult<usize> {
        Err(not_a_list("len()", "a MappingResult"))
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(not_a_list("a truth value", "a MappingResult"))
    }

    fn __contains__(&self, _value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Err(not_a_list("`in`", "a MappingResult"))
    }

    fn __getitem__(&self, _index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Err(not_a_list("indexing", "a MappingResult"))
    }

    fn __repr__(&self) -> String {
        format!("<MappingResult {} row(s) of {}>", self.rows.get().len(), self.keys().join(", "))
    }
}
