//! What a session does without IO.

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::{AsyncSession, raise};
use crate::instance;

#[pymethods]
impl AsyncSession {
    /// Take an object in: the next flush writes it, and the new objects that it relates to.
    ///
    /// Raises:
    ///     InvalidRequestError: The object belongs to another session.
    fn add(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let object = mapped(object)?;
        self.link.lease(py)?.add(&object).map_err(raise)
    }

    /// Take several objects in.
    fn add_all(&self, py: Python<'_>, objects: &Bound<'_, PyAny>) -> PyResult<()> {
        let objects = mapped_all(objects)?;
        let mut session = self.link.lease(py)?;
        objects.iter().try_for_each(|object| session.add(object)).map_err(raise)
    }

    /// Let an object go; its unsaved changes stay with it and are not written.
    fn expunge(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let object = mapped(object)?;
        self.link.lease(py)?.expunge(&object).map_err(raise)
    }

    /// True between BEGIN and its end.
    fn in_transaction(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.link.lease(py)?.in_transaction())
    }

    /// Objects that wait for their INSERT, with the new ones that cascades reach.
    ///
    /// Like `dirty`, `deleted`, `in` and `in_transaction()` it raises `ConcurrentSessionUse` while another task's
    /// operation is under way: what it would show is on the move.
    #[getter(new)]
    fn new_objects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.pending(py, 0)
    }

    /// Objects whose changes wait for their UPDATE.
    #[getter]
    fn dirty<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.pending(py, 1)
    }

    /// Objects that wait for their DELETE.
    #[getter]
    fn deleted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.pending(py, 2)
    }

    fn __contains__(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        let object = mapped(object)?;
        self.link.lease(py)?.contains(&object).map_err(raise)
    }
}

impl AsyncSession {
    fn pending<'py>(&self, py: Python<'py>, which: usize) -> PyResult<Bound<'py, PyList>> {
        let pending = self.link.lease(py)?.pending().map_err(raise)?;
        PyList::new(py, &pending[which])
    }
}

/// An instance of a mapped class.
///
/// # Errors
/// `TypeError` naming what was given.
pub(super) fn mapped(object: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    instance::table_of(object)?;
    Ok(object.clone().unbind())
}

/// Instances of mapped classes, from any iterable.
pub(super) fn mapped_all(objects: &Bound<'_, PyAny>) -> PyResult<Vec<Py<PyAny>>> {
    objects.try_iter()?.map(|object| mapped(&object?)).collect()
}
