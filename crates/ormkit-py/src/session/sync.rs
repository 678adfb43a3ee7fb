//! What a session does without IO.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ormkit_core::model::FieldId;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::{AsyncSession, raise};
use crate::engine::Connection;
use crate::host::class_info;
use crate::instance;
use crate::model::schema;

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

    /// Let an object go, and those that relations with the expunge cascade hold; their unsaved changes stay with them and are
    /// not written.
    fn expunge(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let object = mapped(object)?;
        self.link.lease(py)?.expunge(&object).map_err(raise)
    }

    /// Let all objects go: new ones are transient, stored ones detached, with their unsaved changes. The transaction goes
    /// on; its rollback does not touch them any more.
    fn expunge_all(&self, py: Python<'_>) -> PyResult<()> {
        self.link.lease(py)?.let_go();
        Ok(())
    }

    /// True where an object differs from its row, as far as the session knows, and for a new one with a value.
    fn is_modified(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        let object = mapped(object)?;
        self.link.lease(py)?.is_modified(&object).map_err(raise)
    }

    /// The stored objects that the session holds, as a dict: `{(User, (7,)): <User id=7>}`. It shows this moment; objects
    /// that nobody else holds and that are unchanged leave the session.
    #[getter]
    fn identity_map<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let held = self.link.lease(py)?.identity_map();
        let map = PyDict::new(py);
        for (model, _, object) in held {
            let info = class_info(py, model);
            let read = |field: &FieldId| instance::read(object.bind(py), field.index());
            let schema = schema(py)?;
            let key: Vec<_> = schema.model(model).key.iter().map(read).collect::<PyResult<_>>()?;
            map.set_item((info.class(py), PyTuple::new(py, key)?), object)?;
        }
        Ok(map)
    }

    /// A block in which queries do not flush first: `with session.no_autoflush:`.
    #[getter]
    fn no_autoflush(slf: PyRef<'_, Self>) -> NoAutoflush {
        NoAutoflush { session: slf.into() }
    }

    /// Notes of your own, as a dict.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> Bound<'py, PyDict> {
        self.info.get_or_init(py, || PyDict::new(py).unbind()).bind(py).clone()
    }

    /// The connection of the session's transaction, for SQL of your own beside it: `execute`, `stream`, `copy_from`, `run_sync`,
    /// `create_all`. It can be awaited, which answers itself.
    ///
    /// Its first statement begins the transaction where none is open; what it does is committed and rolled back by the
    /// session, and it flushes nothing. A rollback makes objects unloaded, since SQL may have changed their rows.
    ///
    /// Raises:
    ///     RuntimeError: No event loop is running.
    fn connection(&self, py: Python<'_>) -> PyResult<Connection> {
        self.link.opened(py)?;
        Ok(Connection::of_session(self.link.bind.engine.clone(), Arc::clone(&self.link)))
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

/// `with session.no_autoflush:`.
#[pyclass(frozen, name = "NoAutoflush", module = "ormkit")]
pub(crate) struct NoAutoflush {
    session: Py<AsyncSession>,
}

#[pymethods]
impl NoAutoflush {
    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<AsyncSession>> {
        self.session.get().link.opened(py)?.pauses.fetch_add(1, Ordering::Relaxed);
        Ok(self.session.clone_ref(py))
    }

    #[pyo3(signature = (_exc_type, _exc_value, _traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _exc_type: &Bound<'_, PyAny>,
        _exc_value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.session.get().link.opened(py)?.pauses.fetch_sub(1, Ordering::Relaxed);
        Ok(())
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
