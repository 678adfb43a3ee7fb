//! `ExecuteResult`: the rows of `session.execute`.
use super::cursor::Cursor;
use super::{MappingResult, QueryResult, ScalarResult, Wanted, check, not_a_list, parts, row};
use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple, PyType};

/// The rows of a statement: objects and values. Reading needs no await.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct ExecuteResult {
    names: Vec<String>,
    class: Py<PyType>,
    /// Row after row.
    values: Vec<Py<PyAny>>,
    /// Rows that were written.
    written: Option<u64>,
    /// The key of the one row that was inserted.
    key: Option<Vec<Py<PyAny>>>,
    /// Rows of one partition where nobody says how many.
    pub(super) piece: usize,
    pub(super) cursor: Cursor,
}

impl ExecuteResult {
    /// A result of rows with a value for each name.
    ///
    /// # Errors
    /// What Python raises when the class of the rows cannot be made.
    pub(crate) fn new(py: Python<'_>, names: Vec<String>, values: Vec<Py<PyAny>>) -> PyResult<Self> {
        let names = row::told_apart(names);
        let class = row::class(py, &names)?.unbind();
        let (written, key, piece, cursor) = (None, None, usize::MAX, Cursor::default());
        Ok(Self { names, class, values, written, key, piece, cursor })
    }

    /// The rows of SQL text.
    ///
    /// # Errors
    /// As [`new`](Self::new); a value that Python cannot hold.
    pub(crate) fn of_query(py: Python<'_>, names: Vec<String>, result: &QueryResult) -> PyResult<Self> {
        let mut values = Vec::new();
        for row in result.tuples(py)?.iter() {
            values.extend(row.cast::<PyTuple>()?.iter().map(Bound::unbind));
        }
        let is_query = !names.is_empty();
        let this = Self::new(py, names, values)?;
        Ok(if is_query { this } else { Self { written: Some(result.affected()), ..this } })
    }

    /// Of a statement that has written rows; `key`: of the one that was inserted.
    pub(crate) fn written(self, rows: u64, key: Option<Vec<Py<PyAny>>>) -> Self {
        Self { written: Some(rows), key, ..self }
    }

    /// The same, whose partitions are of so many rows.
    pub(crate) fn in_pieces(self, piece: usize) -> Self {
        Self { piece, ..self }
    }

    fn width(&self) -> usize {
        self.names.len().max(1)
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.width()
    }

    fn row<'py>(&self, class: &Bound<'py, PyType>, at: usize) -> PyResult<Bound<'py, PyAny>> {
        row::row(class, &self.values[at * self.width()..(at + 1) * self.width()])
    }

    /// A row as a dict.
    pub(crate) fn mapping<'py>(&self, py: Python<'py>, at: usize) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let row = &self.values[at * self.width()..(at + 1) * self.width()];
        for (name, value) in self.names.iter().zip(row) {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    pub(super) fn rows<'py>(&self, py: Python<'py>, range: Range<usize>) -> PyResult<Bound<'py, PyList>> {
        let class = self.class.bind(py);
        let rows = range.map(|at| self.row(class, at));
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
    }

    fn single<'py>(&self, py: Python<'py>, wanted: Wanted) -> PyResult<Option<Bound<'py, PyAny>>> {
        match check(py, self.len(), wanted)? {
            true => self.first(py),
            false => Ok(None),
        }
    }

    fn single_value(&self, py: Python<'_>, wanted: Wanted) -> PyResult<Option<Py<PyAny>>> {
        match check(py, self.len(), wanted)? {
            true => Ok(self.scalar(py)),
            false => Ok(None),
        }
    }
}

#[pymethods]
impl ExecuteResult {
    /// All rows.
    pub(crate) fn all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.rows(py, 0..self.len())
    }

    /// The first row, or None.
    fn first<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.len() {
            0 => Ok(None),
            _ => self.row(self.class.bind(py), 0).map(Some),
        }
    }

    /// The only row.
    ///
    /// Raises:
    ///     NoResultFound: There is none.
    ///     MultipleResultsFound: There are more.
    fn one<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.single(py, Wanted::One)
    }

    /// The only row, or None.
    ///
    /// Raises:
    ///     MultipleResultsFound: There are more.
    fn one_or_none<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.single(py, Wanted::OneOrNone)
    }

    /// The first column of each row.
    pub(crate) fn scalars(&self, py: Python<'_>) -> ScalarResult {
        let first = self.values.iter().step_by(self.width());
        ScalarResult::new(first.map(|value| value.clone_ref(py)).collect(), self.piece)
    }

    /// The first column of the first row, or None.
    pub(crate) fn scalar(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.values.first().map(|value| value.clone_ref(py))
    }

    /// The first column of the only row.
    ///
    /// Raises:
    ///     NoResultFound: There is no row.
    ///     MultipleResultsFound: There are more.
    fn scalar_one(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.single_value(py, Wanted::One)
    }

    /// The first column of the only row, or None.
    ///
    /// Raises:
    ///     MultipleResultsFound: There are more.
    fn scalar_one_or_none(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.single_value(py, Wanted::OneOrNone)
    }

    /// The rows as dicts: read them with `all()`, `first()`, `one()` or by iterating.
    fn mappings(slf: Py<Self>) -> MappingResult {
        MappingResult::new(slf)
    }

    /// All rows as plain tuples.
    fn tuples<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let tuples = self.values.chunks(self.width()).map(|row| PyTuple::new(py, row));
        PyList::new(py, tuples.collect::<PyResult<Vec<_>>>()?)
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
        let parts = parts(self.len(), size.unwrap_or(self.piece))?;
        PyList::new(py, parts.map(|part| self.rows(py, part)).collect::<PyResult<Vec<_>>>()?)?.try_iter()
    }

    /// Rows that were returned, or written where none are returned.
    #[getter]
    fn rowcount(&self) -> u64 {
        self.written.unwrap_or(self.len() as u64)
    }

    /// The primary key of the one row that `insert(..)` made, as a tuple; None for other statements, for several rows, and where
    /// ON CONFLICT left the row alone.
    #[getter]
    fn inserted_primary_key<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.key.as_ref().map(|key| PyTuple::new(py, key)).transpose()
    }

    /// The names of the columns: a class's name for its objects.
    pub(super) fn keys(&self) -> Vec<String> {
        self.names.clone()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.all(py)?.try_iter()
    }

    fn __len__(&self) -> PyResult<usize> {
        Err(not_a_list("len()", "an ExecuteResult"))
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(not_a_list("a truth value", "an ExecuteResult"))
    }

    fn __contains__(&self, _value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Err(not_a_list("`in`", "an ExecuteResult"))
    }

    fn __getitem__(&self, _index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Err(not_a_list("indexing", "an ExecuteResult"))
    }

    fn __repr__(&self) -> String {
        format!("<ExecuteResult {} row(s) of {}>", self.len(), self.names.join(", "))
    }
}
