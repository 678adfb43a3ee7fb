//! `ScalarResult`: one value of each row.
use super::cursor::Cursor;
use super::{Wanted, check, not_a_list, parts};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList};

/// The first column of a result. Reading needs no await.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct ScalarResult {
    pub(super) values: Vec<Py<PyAny>>,
    /// Values of one partition where nobody says how many.
    piece: usize,
    pub(super) cursor: Cursor,
}

impl ScalarResult {
    pub(crate) fn new(values: Vec<Py<PyAny>>, piece: usize) -> Self {
        Self { values, piece, cursor: Cursor::default() }
    }

    fn single(&self, py: Python<'_>, wanted: Wanted) -> PyResult<Option<Py<PyAny>>> {
        match check(py, self.values.len(), wanted)? {
            true => Ok(self.first(py)),
            false => Ok(None),
        }
    }
}

#[pymethods]
impl ScalarResult {
    /// All values.
    fn all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, &self.values)
    }

    /// The values in lists of at most `size`; by default of what the statement's `yield_per` says, or in one.
    ///
    /// Raises:
    ///     ValueError: The size is 0.
    #[pyo3(signature = (size = None))]
    fn partitions<'py>(&self, py: Python<'py>, size: Option<usize>) -> PyResult<Bound<'py, PyIterator>> {
        let parts = parts(self.values.len(), size.unwrap_or(self.piece))?;
        let lists = parts.map(|part| PyList::new(py, &self.values[part]));
        PyList::new(py, lists.collect::<PyResult<Vec<_>>>()?)?.try_iter()
    }

    /// The first value, or None.
    fn first(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.values.first().map(|value| value.clone_ref(py))
    }

    /// The only value.
    ///
    /// Raises:
    ///     NoResultFound: There is none.
    ///     MultipleResultsFound: There are more.
    fn one(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.single(py, Wanted::One)
    }

    /// The only value, or None.
    ///
    /// Raises:
    ///     MultipleResultsFound: There are more.
    fn one_or_none(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.single(py, Wanted::OneOrNone)
    }

    /// Accepted and without effect: objects are not repeated.
    fn unique(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.all(py)?.try_iter()
    }

    fn __len__(&self) -> PyResult<usize> {
        Err(not_a_list("len()", "a ScalarResult"))
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(not_a_list("a truth value", "a ScalarResult"))
    }

    fn __contains__(&self, _value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Err(not_a_list("`in`", "a ScalarResult"))
    }

    fn __getitem__(&self, _index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Err(not_a_list("indexing", "a ScalarResult"))
    }

    fn __repr__(&self) -> String {
        format!("<ScalarResult {} value(s)>", self.values.len())
    }
}
