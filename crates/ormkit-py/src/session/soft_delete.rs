//! Rows that count as deleted and stay: `soft_delete`, `restore`, and `force_delete`, which deletes them.

use ormkit_core::host::Host;
use ormkit_core::model::FieldId;
use ormkit_core::session::Session;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::sync::mapped;
use super::{AsyncSession, nothing, on_session, raise};
use crate::bridge::Operation;
use crate::host::PyHost;
use crate::instance;
use crate::model::schema;

#[pymethods]
impl AsyncSession {
    /// Mark an object's row as deleted at once, with the client's current time (UTC), and write its other unsaved changes.
    /// From then on statements, joins, eager loads and `get` leave it out; relations that are loaded keep it. One that is
    /// marked already keeps its time. Its relatives stay as they are: no cascade follows. Answers the object.
    ///
    /// It joins the open transaction; without one it runs in one of its own, committed before it returns.
    ///
    /// Raises:
    ///     TypeError: The class has no soft deletion: give it `SoftDeleteMixin`.
    ///     InvalidRequestError: The object was never stored, or was deleted.
    fn soft_delete(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let (object, tombstone) = markable(py, object, "soft_delete")?;
        on_session!(py, self.link, "AsyncSession.soft_delete", |session| {
            mark(&mut session, object, tombstone, true).await
        })
    }

    /// Take the mark of `soft_delete` back at once, and write the object's other unsaved changes. Answers the object.
    ///
    /// Raises:
    ///     TypeError: The class has no soft deletion: give it `SoftDeleteMixin`.
    ///     InvalidRequestError: The object was never stored, or was deleted.
    fn restore(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let (object, tombstone) = markable(py, object, "restore")?;
        on_session!(py, self.link, "AsyncSession.restore", |session| {
            mark(&mut session, object, tombstone, false).await
        })
    }

    /// Delete the row of an object, as `remove` does, whether its class has soft deletion or not.
    fn force_delete(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let object = mapped(object)?;
        on_session!(py, self.link, "AsyncSession.force_delete", |session| {
            session.remove(std::slice::from_ref(&object)).await.map_err(raise)?;
            Ok(nothing())
        })
    }
}

/// The object, and the column that marks its row.
///
/// # Errors
/// `TypeError` naming `verb` where its class has none.
fn markable(py: Python<'_>, object: &Bound<'_, PyAny>, verb: &str) -> PyResult<(Py<PyAny>, FieldId)> {
    let object = mapped(object)?;
    let schema = schema(py)?;
    let model = schema.model(PyHost::BARE.model(&object));
    match model.tombstone {
        Some(tombstone) => Ok((object, tombstone)),
        None => Err(PyTypeError::new_err(format!(
            "{verb}() needs a class with SoftDeleteMixin, or __soft_delete__ = \"column\": {} has none; remove() deletes \
             the row",
            model.name()
        ))),
    }
}

/// Sets the mark or takes it off, and writes the object; after an error it is as before.
async fn mark(
    session: &mut Session<PyHost>,
    object: Py<PyAny>,
    tombstone: FieldId,
    deleted: bool,
) -> PyResult<Py<PyAny>> {
    let before = PyHost::BARE.snapshot(&object);
    let marked = match Python::attach(|py| set_mark(object.bind(py), tombstone, deleted)) {
        Ok(()) => session.update(std::slice::from_ref(&object)).await.map_err(raise),
        Err(error) => Err(error),
    };
    if marked.is_err() {
        PyHost::BARE.revert(&object, before);
    }
    marked.map(|()| object)
}

/// Sets the mark or takes it off, where that makes a difference.
fn set_mark(object: &Bound<'_, PyAny>, tombstone: FieldId, deleted: bool) -> PyResult<()> {
    let py = object.py();
    let is_set = instance::slot(object, tombstone.index())?.is_some_and(|value| !value.is_none());
    if deleted && is_set {
        return Ok(());
    }
    let value = match deleted {
        true => {
            let time = py.import("datetime")?;
            time.getattr("datetime")?.call_method1("now", (time.getattr("timezone")?.getattr("utc")?,))?
        }
        false => py.None().into_bound(py),
    };
    instance::set(object, tombstone.index(), &value)
}
