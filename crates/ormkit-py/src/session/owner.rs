//! What objects ask of their session.

use std::sync::Arc;

use ormkit_core::model::ModelId;
use ormkit_core::session::{Home, Key};
use ormkit_core::value::Value;
use pyo3::prelude::*;

use super::{SessionLink, nothing, on_session, raise};
use crate::convert::Border;
use crate::host::{Owner, PyHost};

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

    fn write_now(self: Arc<Self>, py: Python<'_>, objects: Vec<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let operation = on_session!(py, self, "Change.__await__", |session| {
            session.insert(&objects).await.map_err(raise)?;
            Ok(nothing())
        })?;
        Ok(operation.into_any())
    }
}
