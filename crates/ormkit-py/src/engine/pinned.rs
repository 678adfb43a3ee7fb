//! The link of a connection that is lent for longer than one operation.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::session::{BorrowedLink, Lease, LendLink, Link, Shared};
use pyo3::prelude::*;

use super::EngineHandle;
use crate::bridge::Caller;
use crate::errors::{from_py, to_py};
use crate::session::{CoreLease, SessionLink, raise};

/// What operations hold of a connection.
pub(crate) struct Pinned {
    engine: EngineHandle,
    place: Place,
    /// Blocks of `begin()` that are open.
    blocks: Mutex<u32>,
    /// Ends the copy that has the connection.
    recall: Mutex<Option<Recall>>,
    /// A flush has begun its transaction and ends it.
    in_flush: bool,
}

/// Where the link is.
enum Place {
    Own(Arc<Shared<Link, Caller>>),
    /// It is that of a session.
    Session(Arc<SessionLink>),
}

/// The link, taken out for one operation.
pub(crate) enum LinkLease {
    Own(Lease<Link, Caller>),
    Session(CoreLease),
}

impl Deref for LinkLease {
    type Target = Link;

    fn deref(&self) -> &Link {
        match self {
            Self::Own(link) => link,
            Self::Session(session) => session.link(),
        }
    }
}

impl DerefMut for LinkLease {
    fn deref_mut(&mut self) -> &mut Link {
        match self {
            Self::Own(link) => link,
            Self::Session(session) => session.link_mut(),
        }
    }
}

type Recall = Box<dyn Fn(Python<'_>) + Send + Sync>;

impl Pinned {
    pub(super) fn new(engine: EngineHandle, link: Link) -> Self {
        let place = Place::Own(Shared::new(link));
        Self { engine, place, blocks: Mutex::new(0), recall: Mutex::default(), in_flush: false }
    }

    /// The link of a session.
    pub(crate) fn of_session(engine: EngineHandle, session: Arc<SessionLink>) -> Self {
        let place = Place::Session(session);
        Self { engine, place, blocks: Mutex::new(0), recall: Mutex::default(), in_flush: false }
    }

    /// The link of a flush, for its listeners; [`take_link`](Self::take_link) ends that.
    pub(crate) fn of_flush(engine: EngineHandle, link: Link) -> Arc<Self> {
        Arc::new(Self { in_flush: true, ..Self::new(engine, link) })
    }

    /// Takes the link of a flush back, and refuses later use; None when somebody runs a statement on it.
    pub(crate) fn take_link(&self) -> Option<Link> {
        let Place::Own(shared) = &self.place else { return None };
        let caller = Python::attach(Caller::current).ok()?;
        let mut lease = shared.lease(caller).ok()?;
        let mut spent = lease.apart();
        spent.abandon();
        Some(std::mem::replace(&mut *lease, spent))
    }

    /// True when a session begins and ends its transactions.
    pub(super) fn is_of_session(&self) -> bool {
        self.in_flush || matches!(self.place, Place::Session(_))
    }

    /// What lends it to the core.
    pub(crate) fn lender(this: &Arc<Self>) -> LendLink {
        let this = Arc::clone(this);
        Arc::new(move || {
            let lease = Python::attach(|py| this.lease(py)).map_err(from_py)?;
            Ok(Box::new(lease) as BorrowedLink)
        })
    }

    pub(crate) fn engine(&self) -> &EngineHandle {
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
    pub(super) fn lease_as(&self, caller: Caller) -> Result<LinkLease, Caller> {
        match &self.place {
            Place::Own(shared) => shared.lease(caller).map(LinkLease::Own),
            Place::Session(session) => session.lease_as(caller).map(LinkLease::Session),
        }
    }

    /// Takes the link out for one operation.
    ///
    /// # Errors
    /// `ConcurrentSessionUse` with both tasks' names.
    pub(crate) fn lease(&self, py: Python<'_>) -> PyResult<LinkLease> {
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
