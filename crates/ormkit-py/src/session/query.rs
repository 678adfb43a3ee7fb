//! The end verbs of a fluent query: what runs it.

use std::sync::Arc;

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::query::Select;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::{AsyncSession, SessionLink, nothing, on_session, raise};
use crate::bridge::Operation;
use crate::query::Query;

#[pymethods]
impl Query {
    /// All objects, as a list.
    fn all(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let select = self.core().clone();
        on_session!(py, self.link(py)?, "Query.all", |session| {
            let objects = session.select(&select).await.map_err(raise)?.into_objects();
            Python::attach(|py| Ok(PyList::new(py, objects)?.into_any().unbind()))
        })
    }

    /// The first object, or None.
    fn first(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let select = at_most(self.core(), 1);
        on_session!(py, self.link(py)?, "Query.first", |session| {
            let first = session.select(&select).await.map_err(raise)?.into_objects().into_iter().next();
            Ok(first.unwrap_or_else(nothing))
        })
    }

    /// The only object.
    ///
    /// Raises:
    ///     NoResultFound: There is none.
    ///     MultipleResultsFound: There are more.
    fn one(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.only(py, true)
    }

    /// The only object, or None.
    ///
    /// Raises:
    ///     MultipleResultsFound: There are more.
    fn one_or_none(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.only(py, false)
    }

    /// `filter(..)` and `one()`.
    ///
    /// Raises:
    ///     TypeError: A bare key was given: that is `session.get(Model, key)`.
    #[pyo3(signature = (*conditions, **lookups))]
    fn get(
        slf: &Bound<'_, Self>,
        conditions: &Bound<'_, PyTuple>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        slf.call_method("filter", conditions.clone(), lookups)?.cast::<Self>()?.get().only(slf.py(), true)
    }

    /// `filter(..)` and `one_or_none()`.
    #[pyo3(signature = (*conditions, **lookups))]
    fn get_or_none(
        slf: &Bound<'_, Self>,
        conditions: &Bound<'_, PyTuple>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        slf.call_method("filter", conditions.clone(), lookups)?.cast::<Self>()?.get().only(slf.py(), false)
    }

    /// Number of rows, with respect to filters, limit and offset.
    fn count(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let select = self.core().clone();
        on_session!(py, self.link(py)?, "Query.count", |session| {
            let count = session.count(&select).await.map_err(raise)?;
            Python::attach(|py| Ok(count.into_pyobject(py)?.into_any().unbind()))
        })
    }

    /// True when there is a row.
    fn exists(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let select = self.core().clone();
        on_session!(py, self.link(py)?, "Query.exists", |session| {
            let exists = session.exists(&select).await.map_err(raise)?;
            Python::attach(|py| Ok(exists.into_pyobject(py)?.to_owned().into_any().unbind()))
        })
    }

    fn __await__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.all(py)
    }
}

impl Query {
    fn link(&self, py: Python<'_>) -> PyResult<Arc<SessionLink>> {
        Ok(Arc::clone(&self.session()?.bind(py).cast::<AsyncSession>()?.get().link))
    }

    fn only(&self, py: Python<'_>, required: bool) -> PyResult<Py<Operation>> {
        // A limit of the caller's own stays: two rows are enough to see that one is not alone.
        let select = at_most(self.core(), 2);
        on_session!(py, self.link(py)?, "Query.one", |session| {
            let mut objects = session.select(&select).await.map_err(raise)?.into_objects();
            match (objects.len(), required) {
                (0, true) => Err(raise(Error::new(ErrorKind::NoResult("one() found no row".to_owned())))),
                (0, false) => Ok(nothing()),
                (1, _) => Ok(objects.remove(0)),
                _ => Err(raise(Error::new(ErrorKind::MultipleResults(
                    "one row was asked for, there are more".to_owned(),
                )))),
            }
        })
    }
}

/// The same query with a limit of `rows` or less.
fn at_most(select: &Arc<Select>, rows: u64) -> Select {
    let mut select = Select::clone(select);
    select.limit = Some(select.limit.map_or(rows, |limit| limit.min(rows)));
    select
}
