//! A session or link that a binding hands out to callers who cannot be told to borrow it exclusively.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// A boxed value that one operation at a time takes out.
///
/// The mutex covers the move of a pointer (13 ns); nothing runs or drops under it. `W` says who holds it: a
/// task's handle, turned into words only when somebody collides.
pub struct Shared<T, W> {
    slot: Mutex<Slot<T, W>>,
}

enum Slot<T, W> {
    Free(Box<T>),
    Lent(W),
}

impl<T, W: Clone> Shared<T, W> {
    /// Shares `value`.
    pub fn new(value: T) -> Arc<Self> {
        Arc::new(Self { slot: Mutex::new(Slot::Free(Box::new(value))) })
    }

    /// The value, when this is its last owner and nobody has it on lease.
    pub fn into_inner(self: Arc<Self>) -> Option<Box<T>> {
        let slot = Arc::into_inner(self)?.slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        match slot {
            Slot::Free(value) => Some(value),
            Slot::Lent(_) => None,
        }
    }

    /// Takes the value out until the lease is dropped. To be called on an operation's first poll, so that one that
    /// nobody awaits locks nobody out.
    ///
    /// # Errors
    /// Who holds it, when somebody does.
    pub fn lease(self: &Arc<Self>, holder: W) -> Result<Lease<T, W>, W> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *slot, Slot::Lent(holder)) {
            Slot::Free(value) => Ok(Lease { shared: Arc::clone(self), value: Some(value) }),
            Slot::Lent(other) => {
                let answer = other.clone();
                *slot = Slot::Lent(other);
                Err(answer)
            }
        }
    }
}

/// The value, taken out.
pub struct Lease<T, W> {
    shared: Arc<Shared<T, W>>,
    /// None only while being put back.
    value: Option<Box<T>>,
}

impl<T, W> Deref for Lease<T, W> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("the value is put back by drop alone")
    }
}

impl<T, W> DerefMut for Lease<T, W> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("the value is put back by drop alone")
    }
}

impl<T, W> Drop for Lease<T, W> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else { return };
        let mut slot = self.shared.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = std::mem::replace(&mut *slot, Slot::Free(value));
        drop(slot);
        drop(holder);
    }
}
