//! Where objects of a session report their first change.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::host::{HomeId, Host};

/// The mailbox of one session.
///
/// The identity map is weak, yet a clean object that nobody holds and that was changed must be written
/// (`(await s.get(User, 1)).name = "x"; await s.commit()`): on its first change it puts a strong handle here. The
/// session empties the box before each operation. Objects know their home by number, a host keeps the way from the
/// number to a `Weak` of this.
pub struct Home<H: Host> {
    id: HomeId,
    changed: Mutex<Vec<H::Object>>,
    watched: Mutex<Vec<H::Object>>,
}

impl<H: Host> Home<H> {
    /// A home with a number of its own.
    pub fn new() -> Arc<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let mut id = NEXT.fetch_add(1, Ordering::Relaxed);
        if id == HomeId::NONE.0 {
            id = NEXT.fetch_add(1, Ordering::Relaxed);
        }
        Arc::new(Self { id: HomeId(id), changed: Mutex::new(Vec::new()), watched: Mutex::new(Vec::new()) })
    }

    /// Its number.
    pub fn id(&self) -> HomeId {
        self.id
    }

    /// Notes an object that was changed for the first time since it was clean.
    pub fn note(&self, object: H::Object) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).push(object);
    }

    /// Notes an object that may change without a word: somebody has looked at a value that can be changed in place. The
    /// session asks it before each operation.
    pub fn watch(&self, object: H::Object) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).push(object);
    }

    /// Takes out what is to be watched.
    pub(super) fn take_watched(&self) -> Vec<H::Object> {
        std::mem::take(&mut *self.watched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes out what was noted. The objects are handed out, so nothing of the host runs under the lock.
    pub(super) fn take(&self) -> Vec<H::Object> {
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
