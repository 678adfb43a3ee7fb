//! Action verbs: they write at once.

use ormkit_core::host::Host;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::sync::{mapped, mapped_all};
use super::{AsyncSession, nothing, on_session, raise};
use crate::bridge::Operation;
use crate::host::PyHost;

#[pymethods]
impl AsyncSession {
    /// Insert an object, and the new objects that it relates to, parents first. Answers the object.
    ///
    /// It joins the open transaction; without one it runs in one of its own, committed before it returns. Everything
    /// else that is pending stays pending.
    ///
    /// Raises:
    ///     IntegrityError, DataError: What the database or a value says; the object is as it was before the call.
    fn insert(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let object = mapped(object)?;
        on_session!(py, self.link, "AsyncSession.insert", |session| {
            session.insert(std::slice::from_ref(&object)).await.map_err(raise)?;
            Ok(object)
        })
    }

    /// Insert objects with one statement per table. Answers them as a list in the same order.
    fn insert_all(&self, py: Python<'_>, objects: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let objects = mapped_all(objects)?;
        on_session!(py, self.link, "AsyncSession.insert_all", |session| {
            session.insert(&objects).await.map_err(raise)?;
            Python::attach(|py| Ok(PyList::new(py, &objects)?.into_any().unbind()))
        })
    }

    /// Set attributes and write all unsaved changes of an object. Answers the object.
    ///
    /// Raises:
    ///     AttributeError: The model has no such attribute.
    ///     InvalidRequestError: The object was never stored, or was deleted.
    ///     IntegrityError, DataError: The object is as it was before the call, its unsaved changes included.
    #[pyo3(signature = (object, /, **values))]
    fn update(
        &self,
        py: Python<'_>,
        object: &Bound<'_, PyAny>,
        values: Option<Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        let object = mapped(object)?;
        let values = values.map(Bound::unbind);
        on_session!(py, self.link, "AsyncSession.update", |session| {
            let before = PyHost::BARE.snapshot(&object);
            let set =
                Python::attach(|py| set_all(object.bind(py), values.as_ref().map(|values| values.bind(py))));
            let updated = match set {
                Ok(()) => session.update(std::slice::from_ref(&object)).await.map_err(raise),
                Err(error) => Err(error),
            };
            if let Err(error) = updated {
                PyHost::BARE.revert(&object, before);
                return Err(error);
            }
            Ok(object)
        })
    }

    /// Write all unsaved changes of objects, with one statement per table and set of attributes. Answers them as a list in
    /// the same order.
    ///
    /// Raises:
    ///     InvalidRequestError: One was never stored, or was deleted.
    ///     IntegrityError, DataError: The objects are as they were before the call, with their unsaved changes.
    fn update_all(&self, py: Python<'_>, objects: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let objects = mapped_all(objects)?;
        on_session!(py, self.link, "AsyncSession.update_all", |session| {
            session.update(&objects).await.map_err(raise)?;
            Python::attach(|py| Ok(PyList::new(py, &objects)?.into_any().unbind()))
        })
    }

    /// Delete the row of an object, and of what its cascades reach.
    fn remove(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let object = mapped(object)?;
        on_session!(py, self.link, "AsyncSession.remove", |session| {
            session.remove(std::slice::from_ref(&object)).await.map_err(raise)?;
            Ok(nothing())
        })
    }

    /// Delete the rows of objects with one statement per table.
    fn remove_all(&self, py: Python<'_>, objects: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let objects = mapped_all(objects)?;
        on_session!(py, self.link, "AsyncSession.remove_all", |session| {
            session.remove(&objects).await.map_err(raise)?;
            Ok(nothing())
        })
    }

    /// Mark an object for deletion by the next flush. Awaiting the answer is allowed and changes nothing: the verb that
    /// deletes at once is `remove`.
    ///
    /// Raises:
    ///     InvalidRequestError: The object is pending, was never stored, or belongs to another session.
    fn delete(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let object = mapped(object)?;
        self.link.lease(py)?.delete(&object).map_err(raise)?;
        let operation = Operation::start(py, "AsyncSession.delete", async move { Ok(nothing()) })?;
        operation.get().need_not_be_awaited();
        Ok(operation)
    }
}

/// Sets attributes as the program would: unknown names raise with a near match.
pub(super) fn set_all(object: &Bound<'_, PyAny>, values: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    for (name, value) in values.into_iter().flatten() {
        object.setattr(name.cast::<pyo3::types::PyString>()?, value)?;
    }
    Ok(())
}
