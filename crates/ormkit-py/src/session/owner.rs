//! What objects ask of their session.

use std::sync::Arc;

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::host::Host;
use ormkit_core::model::ModelId;
use ormkit_core::session::{Home, Key};
use ormkit_core::value::Value;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{SessionLink, nothing, on_session, raise};
use crate::convert::Border;
use crate::errors::to_py;
use crate::event::SessionEvent;
use crate::host::{Hearers, Owner, PyHost, owner};
use crate::instance;
use crate::query::paths_of;

impl Owner for SessionLink {
    fn home(&self) -> Option<&Home<PyHost>> {
        self.open.get().map(|open| &*open.home)
    }

    fn held(self: Arc<Self>, py: Python<'_>, model: ModelId, key: &[Value]) -> Option<Py<PyAny>> {
        let key: Key = key.iter().cloned().collect();
        self.lease(py).ok()?.held(model, &key).ok()?
    }

    fn border(&self) -> &Arc<Border> {
        self.bind.engine.border()
    }

    fn session(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.face(py).map(|face| face.map(|face| face.unbind().into_any()))
    }

    fn listeners(&self, py: Python<'_>, event: SessionEvent) -> PyResult<Option<Hearers>> {
        Ok(self.heard(py, event)?.map(|(session, listeners)| (session.into_any(), listeners)))
    }

    fn write_now(self: Arc<Self>, py: Python<'_>, objects: Vec<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let operation = on_session!(py, self, "Change.__await__", |session| {
            session.insert(&objects).await.map_err(raise)?;
            Ok(nothing())
        })?;
        Ok(operation.into_any())
    }

    fn load_now(self: Arc<Self>, py: Python<'_>, object: Py<PyAny>, name: &str) -> PyResult<Py<PyAny>> {
        let path = PyTuple::new(py, [name])?;
        let wanted = paths_of(py, PyHost::BARE.model(&object), &path)?;
        let operation = on_session!(py, self, "awaitable_attrs", |session| {
            session.load(&[object], &wanted.fields, &wanted.loads).await.map_err(raise)?;
            Ok(nothing())
        })?;
        Ok(operation.into_any())
    }
}

/// Loads one attribute of an object by its session: what `awaitable_attrs` does for one that is not loaded.
///
/// Raises:
///     DetachedInstanceError: The object belongs to no session.
#[pyfunction]
#[pyo3(name = "_load_attribute")]
pub(crate) fn load_attribute(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Py<PyAny>> {
    let py = object.py();
    match owner(instance::home(object)?) {
        Some(owner) => owner.load_now(py, object.clone().unbind(), name),
        None => {
            let text = format!("{name} is not loaded, and {} belongs to no session", object.repr()?);
            Err(to_py(py, Error::new(ErrorKind::Detached(text))))
        }
    }
}
