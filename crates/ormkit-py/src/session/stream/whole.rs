//! Reading what a stream has left: all of it, its only row, so many rows.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::{Rows, Shown, Stream, locked, size};
use crate::bridge::Operation;
use crate::result::{Wanted, check};

impl Rows {
    async fn take_all(&self) -> PyResult<Vec<Py<PyAny>>> {
        self.check()?;
        while let Some(rows) = self.read().await? {
            locked(&self.waiting).extend(rows);
        }
        Ok(std::mem::take(&mut *locked(&self.waiting)).into())
    }

    /// At most `size` rows.
    pub(super) async fn take_some(&self, size: usize) -> PyResult<Vec<Py<PyAny>>> {
        self.check()?;
        while locked(&self.waiting).len() < size {
            match self.read().await? {
                Some(rows) => locked(&self.waiting).extend(rows),
                None => break,
            }
        }
        let mut waiting = locked(&self.waiting);
        let length = size.min(waiting.len());
        Ok(waiting.drain(..length).collect())
    }

    /// The only row; the stream is over.
    async fn single(&self, wanted: Wanted) -> PyResult<Py<PyAny>> {
        let rows = self.take_some(2).await?;
        self.close().await?;
        Python::attach(|py| {
            check(py, rows.len(), wanted)?;
            Ok(rows.into_iter().next().unwrap_or_else(|| py.None()))
        })
    }
}

#[pymethods]
impl Stream {
    /// The rows that are left, in a list.
    fn all(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let rows = Arc::clone(&self.rows);
        Operation::start(py, "Stream.all", async move {
            let all = rows.take_all().await?;
            Python::attach(|py| Ok(PyList::new(py, all)?.into_any().unbind()))
        })
    }

    /// The next row, or None; the stream is over.
    fn first(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let rows = Arc::clone(&self.rows);
        Operation::start(py, "Stream.first", async move {
            let first = rows.take_some(1).await?.pop();
            rows.close().await?;
            Ok(first.unwrap_or_else(|| Python::attach(|py| py.None())))
        })
    }

    /// The only row; the stream is over.
    ///
    /// Raises:
    ///     NoResultFound: There is none.
    ///     MultipleResultsFound: There are more.
    fn one(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let rows = Arc::clone(&self.rows);
        Operation::start(py, "Stream.one", async move { rows.single(Wanted::One).await })
    }

    /// The only row, or None; the stream is over.
    ///
    /// Raises:
    ///     MultipleResultsFound: There are more.
    fn one_or_none(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let rows = Arc::clone(&self.rows);
        Operation::start(py, "Stream.one_or_none", async move { rows.single(Wanted::OneOrNone).await })
    }

    /// The next rows in a list, `size` of them or as many as are read at a time; an empty one behind the last.
    ///
    /// Raises:
    ///     ValueError: `size` is less than 1.
    #[pyo3(signature = (size = None))]
    fn fetchmany(&self, py: Python<'_>, size: Option<i64>) -> PyResult<Py<Operation>> {
        let size = match size {
            Some(rows) => self::size(rows, "the size of fetchmany")?,
            None => *locked(&self.rows.batch_size),
        };
        let rows = Arc::clone(&self.rows);
        Operation::start(py, "Stream.fetchmany", async move {
            let some = rows.take_some(size.get() as usize).await?;
            Python::attach(|py| Ok(PyList::new(py, some)?.into_any().unbind()))
        })
    }

    /// The same stream, of dicts instead of rows.
    ///
    /// Raises:
    ///     InvalidRequestError: Rows were read from it before, or it has none.
    fn mappings(&self) -> PyResult<Self> {
        self.shown_as("mappings()", Shown::Mappings)
    }

    /// The stream itself: rows are tuples.
    fn tuples(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Accepted and without effect: objects are not repeated.
    fn unique(slf: Py<Self>) -> Py<Self> {
        slf
    }
}
