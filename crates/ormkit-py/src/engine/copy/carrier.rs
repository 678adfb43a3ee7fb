//! The connection that a copy runs on: borrowed for it, or that of a transaction.

use std::sync::Arc;

use ormkit_core::driver::{BulkCopy, StatementText};
use ormkit_core::error::{Error, Result};
use ormkit_core::pool::Lent;
use ormkit_core::session::{Lease, Link};
use pyo3::prelude::*;

use super::super::EngineHandle;
use super::super::pinned::{Pinned, open_transaction};
use crate::bridge::Caller;
use crate::errors::to_py;
use crate::session::raise;

/// Where a copy is to run.
#[derive(Clone)]
pub(super) enum Place {
    Engine(EngineHandle),
    Connection(Arc<Pinned>),
}

impl Place {
    pub(super) fn engine(&self) -> &EngineHandle {
        match self {
            Self::Engine(engine) => engine,
            Self::Connection(pinned) => pinned.engine(),
        }
    }

    /// # Errors
    /// `Unsupported` on SQLite.
    pub(super) fn require(&self, py: Python<'_>, function: &str) -> PyResult<()> {
        let postgres = self.engine().0.target.postgres(function, "insert rows, or read them by a query");
        postgres.map(drop).map_err(|error| to_py(py, error))
    }

    /// Borrows a connection, or takes that of the transaction, which is begun where none is open.
    pub(super) async fn open(&self, text: &Arc<StatementText>) -> PyResult<Carrier> {
        match self {
            Self::Engine(engine) => {
                let pool = Python::attach(|py| engine.pool(py))?;
                let lent = pool.acquire().await.map_err(raise)?;
                lent.note(text);
                Ok(Carrier { engine: engine.clone(), lent, link: None })
            }
            Self::Connection(pinned) => {
                let mut link = Python::attach(|py| pinned.lease(py))?;
                link.check().map_err(raise)?;
                open_transaction(&mut link)?;
                let lent = link.take().await.map_err(|error| pinned.engine().explained(error))?;
                lent.note(text);
                Ok(Carrier { engine: pinned.engine().clone(), lent, link: Some(link) })
            }
        }
    }
}

/// A connection with a copy on it. Dropped, the copy is cancelled: the pool cleans the connection, and a transaction is
/// over.
pub(super) struct Carrier {
    engine: EngineHandle,
    lent: Lent,
    link: Option<Lease<Link, Caller>>,
}

impl Carrier {
    pub(super) fn copy(&mut self) -> Result<&mut dyn BulkCopy> {
        self.lent.bulk_copy()
    }

    /// True when the connection goes on after the copy: what is left of it is read then, and not cancelled.
    pub(super) fn is_transaction(&self) -> bool {
        self.link.is_some()
    }

    /// Gives the connection back.
    pub(super) fn end<T>(self, outcome: Result<T>) -> PyResult<T> {
        let Self { engine, lent, link } = self;
        let explained = |error: Error| engine.explained(error);
        let Some(mut link) = link else {
            drop(lent);
            return outcome.map_err(explained);
        };
        match outcome {
            Ok(value) => link.give_back(lent, Ok(())).map(|()| value).map_err(explained),
            Err(error) => match link.give_back(lent, Err(error)) {
                Ok(()) => Err(raise(Error::invalid_request("the copy has failed"))),
                Err(error) => Err(explained(error)),
            },
        }
    }
}
