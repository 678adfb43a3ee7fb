//! A session that a binding hands out to callers who cannot be told to borrow it exclusively.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use super::Session;
use crate::host::Host;

/// A boxed session that one operation at a time takes out.
///
/// The mutex covers the move of a pointer (13 ns); nothing runs or drops under it. `W` says who holds the session: a
/// task's handle, turned into words only when somebody collides.
pub struct Shared<H: Host, W> {
    slot: Mutex<Slot<H, W>>,
}

enum Slot<H: Host, W> {
    Free(Box<Session<H>>),
    Lent(W),
}

impl<H: Host, W: Clone> Shared<H, W> {
    /// Shares `session`.
    pub fn new(session: Session<H>) -> Arc<Self> {
        Arc::new(Self { slot: Mutex::new(Slot::Free(Box::new(session))) })
    }

    /// The session, when this is its last owner and nobody has it on lease.
    pub fn into_session(self: Arc<Self>) -> Option<Box<Session<H>>> {
        let slot = Arc::into_inner(self)?.slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        match slot {
            Slot::Free(session) => Some(session),
            Slot::Lent(_) => None,
        }
    }

    /// Takes the session out until the lease is dropped. To be called on an operation's first poll, so that one that
    /// nobody awaits locks nobody out.
    ///
    /// # Errors
    /// Who holds it, when somebody does.
    pub fn lease(self: &Arc<Self>, holder: W) -> Result<Lease<H, W>, W> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *slot, Slot::Lent(holder)) {
            Slot::Free(session) => Ok(Lease { shared: Arc::clone(self), session: Some(session) }),
            Slot::Lent(other) => {
                let answer = other.clone();
                *slot = Slot::Lent(other);
                Err(answer)
            }
        }
    }
}

/// The session, taken out.
pub struct Lease<H: Host, W> {
    shared: Arc<Shared<H, W>>,
    /// None only while being put back.
    session: Option<Box<Session<H>>>,
}

impl<H: Host, W> Deref for Lease<H, W> {
    type Target = Session<H>;

    fn deref(&self) -> &Session<H> {
        self.session.as_ref().expect("the session is put back by drop alone")
    }
}

impl<H: Host, W> DerefMut for Lease<H, W> {
    fn deref_mut(&mut self) -> &mut Session<H> {
        self.session.as_mut().expect("the session is put back by drop alone")
    }
}

impl<H: Host, W> Drop for Lease<H, W> {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let mut slot = self.shared.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = std::mem::replace(&mut *slot, Slot::Free(session));
        drop(slot);
        drop(holder);
    }
}
