//! Open sessions by the home of their objects: for what objects ask of their session.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ormkit_core::host::HomeId;
use ormkit_core::model::ModelId;
use ormkit_core::session::Key;
use ormkit_core::value::Value;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::{SessionLink, nothing, on_session, raise};
use crate::{host, relation};

static KNOWN: Mutex<Option<FxHashMap<HomeId, Weak<SessionLink>>>> = Mutex::new(None);

/// Gives objects their ways to their session.
pub(super) fn register() {
    host::set_lookup(held);
    relation::set_write_now(write_now);
}

/// Notes an open session.
pub(super) fn insert(home: HomeId, link: &Arc<SessionLink>) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.get_or_insert_default().insert(home, Arc::downgrade(link));
}

/// Forgets a session that is gone.
pub(super) fn remove(home: HomeId) {
    if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        known.remove(&home);
    }
}

fn find(home: HomeId) -> Option<Arc<SessionLink>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&home)?.upgrade()
}

/// The object of a key, where the session holds it and nobody else has the session.
fn held(py: Python<'_>, home: HomeId, model: ModelId, key: &[Value]) -> Option<Py<PyAny>> {
    let key: Key = key.iter().cloned().collect();
    find(home)?.lease(py).ok()?.held(model, &key).ok()?
}

/// Writes objects and the changes of their relations at once.
fn write_now(py: Python<'_>, home: HomeId, objects: Vec<Py<PyAny>>) -> PyResult<Py<PyAny>> {
    let link = find(home).ok_or_else(|| {
        raise(ormkit_core::error::Error::new(ormkit_core::error::ErrorKind::Detached(
            "the session of this list is gone".to_owned(),
        )))
    })?;
    let operation = on_session!(py, link, "Change.__await__", |session| {
        session.insert(&objects).await.map_err(raise)?;
        Ok(nothing())
    })?;
    Ok(operation.into_any())
}
