//! The link of a connection that is lent for longer than one operation.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::session::{Lease, Link, Shared};
use pyo3::prelude::*;

use super::EngineHandle;
use crate::bridge::Caller;
use crate::errors::to_py;
use crate::session::raise;

/// What operations hold of a connection.
pub(crate) struct Pinned {
    engine: EngineHandle,
    shared: Arc<Shared<Link, Caller>>,
    /// Blocks of `begin()` that are open.
    blocks: Mutex<u32>,
    /// Ends the copy that has the connection.
    recall: Mutex<Option<Recall>>,
}

type Recall = Box<dyn Fn(Python<'_>) + Send + Sync>;

impl Pinned {
    pub(super) fn new(engine: EngineHandle, link: Link) -> Self {
        Self { engine, shared: Shared::new(link), blocks: Mutex::new(0), recall: Mutex::default() }
    }

    pub(super) fn engine(&self) -> &EngineHandle {
        &self.engine
    }

    /// A copy has the connection, and `recall` ends it.
    pub(super) fn lend(&self, recall: impl Fn(Python<'_>) + Send + Sync + 'static) {
        *self.recall.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(recall));
    }

    /// The transaction ends, and with it a copy that has not come to its end: nobody's server waits for it.
    pub(super) fn recall(&self, py: Python<'_>) {
        let recall = self.recall.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(recall) = recall {
            recall(py);
        }
    }

    /// Takes the link out for `caller`.
    ///
    /// # Errors
    /// Who has it.
    pub(super) fn lease_as(&self, caller: Caller) -> Result<Lease<Link, Caller>, Caller> {
        self.shared.lease(caller)
    }

    /// Takes the link out for one operation.
    ///
    /// # Errors
    /// `ConcurrentSessionUse` with both tasks' names.
    pub(crate) fn lease(&self, py: Python<'_>) -> PyResult<Lease<Link, Caller>> {
        self.lease_as(Caller::current(py)?).map_err(|holder| {
            let second = match Caller::current(py) {
                Ok(second) => second.name(py),
                Err(error) => return error,
            };
            let kind = ErrorKind::ConcurrentUse { what: "connection", holder: holder.name(py), second };
            to_py(py, Error::new(kind))
        })
    }

    /// How many blocks of `begin()` are open.
    pub(super) fn blocks(&self) -> MutexGuard<'_, u32> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who runs now, for the pool's list of holders.
pub(super) fn caller() -> Option<Arc<str>> {
    Python::attach(|py| Some(Caller::current(py).ok()?.name(py).into()))
}

/// Begins a transaction where none is open, in the name of the task that runs.
pub(super) fn open_transaction(link: &mut Link) -> PyResult<()> {
    if !link.in_transaction() {
        link.begin().map_err(raise)?;
        link.set_holder(caller());
    }
    Ok(())
}
