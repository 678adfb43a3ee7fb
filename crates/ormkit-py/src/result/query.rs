//! `QueryResult`: rows of SQL text, decoded when they are read.
use super::{Wanted, check, tuple};
use crate::convert::{self, Border};
use crate::errors::to_py;
use ormkit_core::driver::KeptRows;
use ormkit_core::error::Error;
use ormkit_core::value::SqlType;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString, PyTuple};
use smallvec::SmallVec;

/// The rows of `engine.execute`. They stay as the database sent them until they are read; reading needs no await.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct QueryResult {
    pub(super) names: Vec<String>,
    /// The types of the columns, as far as the driver knows them.
    pub(super) types: Vec<SqlType>,
    pub(super) rows: KeptRows,
    affected: u64,
    /// The engine that the values come from.
    pub(super) border: Border,
}

impl QueryResult {
    pub(crate) fn new(
        names: Vec<String>,
        types: Vec<SqlType>,
        rows: KeptRows,
        affected: u64,
        border: &Border,
    ) -> Self {
        Self { names, types, rows, affected, border: border.clone() }
    }

    /// Rows that were written.
    pub(crate) fn affected(&self) -> u64 {
        self.affected
    }

    fn cell<'py>(&self, py: Python<'py>, row: usize, column: usize) -> PyResult<Bound<'py, PyAny>> {
        let cell =
            self.rows.cell(row, column).and_then(|cell| convert::read(py, cell, self.border.conversion()));
        cell.map_err(|error| to_py(py, error.at(|| self.names[column].clone())))
    }

    /// Decodes a row: the number of each column, and its value.
    fn each<'py>(
        &self,
        py: Python<'py>,
        row: usize,
        mut take: impl FnMut(usize, Bound<'py, PyAny>) -> PyResult<()>,
    ) -> PyResult<()> {
        let (mut column, mut raised) = (0, Ok(()));
        let read = self.rows.cells(row, &mut |cell| {
            let value = convert::read(py, cell, self.border.conversion())?;
            raised = take(column, value);
            column += 1;
            if raised.is_ok() { Ok(()) } else { Err(Error::interface("stopped by an exception")) }
        });
        raised?;
        read.map_err(|error| to_py(py, error.at(|| self.names.get(column).cloned().unwrap_or_default())))
    }

    fn tuple<'py>(&self, py: Python<'py>, row: usize) -> PyResult<Bound<'py, PyTuple>> {
        let mut cells = SmallVec::<[Bound<'py, PyAny>; 16]>::new();
        self.each(py, row, |_, value| {
            cells.push(value);
            Ok(())
        })?;
        tuple::of(py, cells.into_iter())
    }

    fn dict<'py>(
        &self,
        py: Python<'py>,
        row: usize,
        names: &[Bound<'py, PyString>],
    ) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        self.each(py, row, |column, value| dict.set_item(&names[column], value))?;
        Ok(dict)
    }

    fn keys<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyString>> {
        self.names.iter().map(|name| PyString::new(py, name)).collect()
    }

    /// The first row where there is one, after the check.
    fn single<'py>(&self, py: Python<'py>, wanted: Wanted) -> PyResult<Option<Bound<'py, PyDict>>> {
        match check(py, self.rows.len(), wanted)? {
            true => self.first(py),
            false => Ok(None),
        }
    }

    fn position(&self, py: Python<'_>, name: &str) -> PyResult<usize> {
        let found = self.names.iter().position(|known| known == name);
        found.ok_or_else(|| {
            let known = self.names.iter().map(String::as_str);
            to_py(py, Error::unknown_name("column", name, "the result", known))
        })
    }

    fn values<'py>(&self, py: Python<'py>, column: usize) -> PyResult<Bound<'py, PyList>> {
        let cells = (0..self.rows.len()).map(|row| self.cell(py, row, column));
        PyList::new(py, cells.collect::<PyResult<Vec<_>>>()?)
    }
}

#[pymethods]
impl QueryResult {
    /// All rows as dicts. Of several columns of one name the last one is kept: `tuples()` has them all.
    pub(crate) fn all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let names = self.keys(py);
        let rows = (0..self.rows.len()).map(|row| self.dict(py, row, &names));
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
    }

    /// The first row as a dict, or None.
    fn first<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        match self.rows.is_empty() {
            true => Ok(None),
            false => self.dict(py, 0, &self.keys(py)).map(Some),
        }
    }

    /// The only row as a dict.
    ///
    /// Raises:
    ///     NoResultFound: There is none.
    ///     MultipleResultsFound: There are more.
    fn one<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.single(py, Wanted::One)
    }

    /// The only row as a dict, or None.
    ///
    /// Raises:
    ///     MultipleResultsFound: There are more.
    fn one_or_none<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.single(py, Wanted::OneOrNone)
    }

    /// All rows as tuples.
    pub(crate) fn tuples<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let rows = (0..self.rows.len()).map(|row| self.tuple(py, row));
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
    }

    /// The values of one column.
    ///
    /// Raises:
    ///     FieldError: The result has no such column.
    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        self.values(py, self.position(py, name)?)
    }

    /// The values of some columns, a tuple for each row.
    ///
    /// Raises:
    ///     FieldError: The result has no such column.
    fn columns_as_tuples<'py>(&self, py: Python<'py>, names: Vec<String>) -> PyResult<Bound<'py, PyList>> {
        let columns = names.iter().map(|name| self.position(py, name)).collect::<PyResult<Vec<_>>>()?;
        let row = |row| {
            let cells = columns.iter().map(|column| self.cell(py, row, *column));
            PyTuple::new(py, cells.collect::<PyResult<Vec<_>>>()?)
        };
        PyList::new(py, (0..self.rows.len()).map(row).collect::<PyResult<Vec<_>>>()?)
    }

    /// The first column of the first row, or None without rows.
    fn scalar<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.rows.is_empty() || self.names.is_empty() {
            true => Ok(None),
            false => self.cell(py, 0, 0).map(Some),
        }
    }

    /// The first column of all rows.
    fn scalars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match self.names.is_empty() {
            true => Ok(PyList::empty(py)),
            false => self.values(py, 0),
        }
    }

    /// The names of the columns.
    #[getter]
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.names)
    }

    /// The names of the columns, as a list.
    fn column_names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// Rows that a query returned, or that an INSERT, UPDATE or DELETE wrote.
    #[getter]
    fn rowcount(&self) -> u64 {
        if self.names.is_empty() { self.affected } else { self.rows.len() as u64 }
    }

    /// True without rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    fn __bool__(&self) -> bool {
        !self.rows.is_empty()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.all(py)?.try_iter()
    }

    fn __repr__(&self) -> String {
        format!("<QueryResult {} row(s) of {}>", self.rows.len(), self.names.join(", "))
    }
}
