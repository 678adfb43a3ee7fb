//! The connection that a copy runs on: borrowed for it, or that of a transaction.

use std::sync::Arc;

use ormkit_core::driver::{BulkCopy, StatementText};
use ormkit_core::error::{Error, Result};
use ormkit_core::pool::{Lent, TracedCopy};
use pyo3::prelude::*;

use super::super::EngineHandle;
use super::super::pinned::{Pinned, open_transaction};
use crate::convert::Border;
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
        let postgres = self.engine().inner.target.postgres(function, "insert rows, or read them by a query");
        postgres.map(drop).map_err(|error| to_py(py, error))
    }

    /// Borrows a connection, or takes that of the transaction, which is begun where none is open.
    pub(super) async fn open(&self, text: &Arc<StatementText>) -> PyResult<Carrier> {
        match self {
            Self::Engine(engine) => {
                let pool = Python::attach(|py| engine.pool(py))?;
                let lent = pool.acquire().await.map_err(raise)?;
                Ok(Carrier::new(engine.clone(), lent, None, text))
            }
            Self::Connection(pinned) => {
                let mut link = Python::attach(|py| pinned.lease(py))?;
                link.check().map_err(raise)?;
                open_transaction(&mut link)?;
                let lent = link.take().await.map_err(|error| pinned.engine().explained(error))?;
                Ok(Carrier::new(self.engine().clone(), lent, Some(Arc::clone(pinned)), text))
            }
        }
    }
}

/// A connection with a copy on it. Dropped, the copy is cancelled: the pool cleans the connection, and only the rollback is
/// left of a transaction.
///
/// It does not lease the connection of a block, which can end while somebody still holds a copy.
pub(super) struct Carrier {
    engine: EngineHandle,
    lent: Lent,
    /// Whose transaction it is.
    pinned: Option<Arc<Pinned>>,
    /// Who is to be told of its end.
    traced: Option<TracedCopy>,
    /// Rows that were moved, once it is known.
    moved: u64,
}

impl Carrier {
    fn new(
        engine: EngineHandle,
        mut lent: Lent,
        pinned: Option<Arc<Pinned>>,
        text: &Arc<StatementText>,
    ) -> Self {
        lent.note(text);
        let traced = lent.trace_copy(text);
        Self { engine, lent, pinned, traced, moved: 0 }
    }

    /// What the conversion of values has to know.
    pub(super) fn border(&self) -> &Arc<Border> {
        self.engine.border()
    }

    /// Notes how many rows were moved.
    pub(super) fn note_moved(&mut self, rows: u64) {
        self.moved = rows;
    }

    /// Nobody waits for the end of the copy.
    pub(super) fn note_given_up(&mut self) {
        self.traced = None;
    }

    /// Gives the connection back, of a copy that counts its rows.
    pub(super) fn end_counted(mut self, moved: Result<u64>) -> PyResult<u64> {
        self.moved = moved.as_ref().map_or(0, |rows| *rows);
        self.end(moved)
    }

    pub(super) fn copy(&mut self) -> Result<&mut dyn BulkCopy> {
        self.lent.bulk_copy()
    }

    /// True when the connection goes on after the copy: what is left of it is read then, and not cancelled.
    pub(super) fn is_transaction(&self) -> bool {
        self.pinned.is_some()
    }

    /// Gives the connection back.
    pub(super) fn end<T>(self, outcome: Result<T>) -> PyResult<T> {
        let Self { engine, lent, pinned, traced, moved } = self;
        if let Some(traced) = traced {
            traced.end(outcome.as_ref().map(|_| moved));
        }
        let Some(pinned) = pinned else {
            drop(lent);
            return outcome.map_err(|error| engine.explained(error));
        };
        let mut link = Python::attach(|py| pinned.lease(py))?;
        let (value, outcome) = match outcome {
            Ok(value) => (Some(value), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let settled = link.give_back(lent, outcome).map_err(|error| engine.explained(error));
        match (settled, value) {
            (Ok(()), Some(value)) => Ok(value),
            (Ok(()), None) => Err(raise(Error::invalid_request("the copy has failed"))),
            (Err(error), _) => Err(error),
        }
    }
}
