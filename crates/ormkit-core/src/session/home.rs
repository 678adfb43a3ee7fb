//! Where objects of a session report their first change.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::host::{HomeId, Host};

/// The mailbox of one session.
///
/// The identity map is weak, yet a clean object that nobody holds and that was changed must be written
/// (`(await s.get(User, 1)).name = "x"; await s.commit()`): on its first change it puts a strong handle here. The
/// session empties the box before each operation. Objects know their home by number, a host keeps the way from the
/// number to a `Weak` of this.
pub struct Home<H: Host> {
    id: HomeId,
    mail: Mutex<Mail<H>>,
}

/// What objects have reported since the box was emptied.
pub(super) struct Mail<H: Host> {
    /// Changed for the first time since they were clean.
    pub(super) changed: Vec<H::Object>,
    /// To be asked before each operation.
    pub(super) watched: Vec<H::Object>,
}

impl<H: Host> Default for Mail<H> {
    fn default() -> Self {
        Self { changed: Vec::new(), watched: Vec::new() }
    }
}

impl<H: Host> Home<H> {
    /// A home with a number of its own.
    pub fn new() -> Arc<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let mut id = NEXT.fetch_add(1, Ordering::Relaxed);
        if id == HomeId::NONE.0 {
            id = NEXT.fetch_add(1, Ordering::Relaxed);
        }
        Arc::new(Self { id: HomeId(id), mail: Mutex::default() })
    }

    /// Its number.
    pub fn id(&self) -> HomeId {
        self.id
    }

    /// Notes an object that was changed for the first time since it was clean.
    pub fn note(&self, object: H::Object) {
        self.mail().changed.push(object);
    }

    /// Notes an object that may change without a word: somebody has looked at a value that can be changed in place. The
    /// session asks it before each operation.
    pub fn watch(&self, object: H::Object) {
        self.mail().watched.push(object);
    }

    /// Empties the box, if there is something in it. The objects are handed out, so nothing of the host runs under the
    /// lock.
    pub(super) fn take(&self) -> Option<Mail<H>> {
        let mut mail = self.mail();
        let empty = mail.changed.is_empty() && mail.watched.is_empty();
        (!empty).then(|| std::mem::take(&mut *mail))
    }

    /// True when nothing was reported since it was emptied.
    pub(super) fn is_empty(&self) -> bool {
        let mail = self.mail();
        mail.changed.is_empty() && mail.watched.is_empty()
    }

    fn mail(&self) -> MutexGuard<'_, Mail<H>> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
