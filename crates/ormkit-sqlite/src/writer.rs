//! The engine's one writer, lent in the order of asking.
//!
//! SQLite has one writer at a time. Waiting for it inside SQLite means sleeping and trying again, in no order and with a
//! thread held; here those who wait stand in a queue and are woken one by one.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use ormkit_core::error::Result;

use crate::handle::Handle;
use crate::locked;

/// The writer's handle; None until it is opened, and again when it was lost.
type Content = Option<Box<Handle>>;

/// A database as seen by all who write it.
#[derive(Default)]
pub(crate) struct Database {
    pub(crate) writer: Arc<WriterLock>,
    /// True once the writer has been opened: the file exists and is a database.
    pub(crate) opened: AtomicBool,
}

/// Lends the writer.
#[derive(Default)]
pub(crate) struct WriterLock {
    state: Mutex<State>,
}

struct State {
    /// The writer when nobody has it: then the queue is empty.
    free: Option<Content>,
    /// Given to the one of this number, who has not come for it yet.
    granted: Option<(u64, Content)>,
    queue: VecDeque<(u64, Waker)>,
    next: u64,
}

impl Default for State {
    fn default() -> Self {
        Self { free: Some(None), granted: None, queue: VecDeque::new(), next: 0 }
    }
}

impl WriterLock {
    /// Asks for the writer. Dropping the future gives the place in the queue back.
    pub(crate) fn acquire(self: &Arc<Self>) -> Acquire {
        Acquire { lock: Arc::clone(self), number: None }
    }

    fn grant(self: &Arc<Self>, handle: Content) -> Grant {
        Grant { lock: Arc::clone(self), handle, bounded: true, rebuilds: false }
    }

    fn release(&self, content: Content) {
        let mut state = locked(&self.state);
        let Some((number, waker)) = state.queue.pop_front() else {
            state.free = Some(content);
            return;
        };
        state.granted = Some((number, content));
        drop(state);
        waker.wake();
    }
}

/// The future of [`WriterLock::acquire`].
pub(crate) struct Acquire {
    lock: Arc<WriterLock>,
    /// The number in the queue, from the first poll on.
    number: Option<u64>,
}

impl Future for Acquire {
    type Output = Grant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Grant> {
        let lock = Arc::clone(&self.lock);
        let mut state = locked(&lock.state);
        let Some(number) = self.number else {
            if let Some(content) = state.free.take() {
                drop(state);
                return Poll::Ready(lock.grant(content));
            }
            let number = state.next;
            state.next += 1;
            state.queue.push_back((number, cx.waker().clone()));
            self.number = Some(number);
            return Poll::Pending;
        };
        if let Some((_, content)) = state.granted.take_if(|(granted, _)| *granted == number) {
            drop(state);
            self.number = None;
            return Poll::Ready(lock.grant(content));
        }
        let mut place = state.queue.iter_mut().find(|(waiting, _)| *waiting == number);
        let old = place.as_mut().map(|(_, waker)| std::mem::replace(waker, cx.waker().clone()));
        drop(state);
        drop(old); // dropping a waker may run the executor's code: never under the lock
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = locked(&self.lock.state);
        let granted = state.granted.take_if(|(granted, _)| *granted == number);
        let place = state.queue.iter().position(|(waiting, _)| *waiting == number);
        let left = place.and_then(|place| state.queue.remove(place));
        drop(state);
        drop(left);
        if let Some((_, content)) = granted {
            self.lock.release(content);
        }
    }
}

/// The writer, lent. Dropping it undoes an open transaction and lends it to the next.
pub(crate) struct Grant {
    lock: Arc<WriterLock>,
    handle: Content,
    /// True while the open transaction has done little: undoing it is then quick too.
    pub(crate) bounded: bool,
    /// Foreign keys are not checked: brought back before the writer goes to the next.
    rebuilds: bool,
}

impl Grant {
    /// False when the writer has to be opened first.
    pub(crate) fn is_open(&self) -> bool {
        self.handle.is_some()
    }

    /// Puts the opened writer in.
    pub(crate) fn put(&mut self, handle: Box<Handle>) {
        self.handle = Some(handle);
    }

    /// The writer's handle.
    pub(crate) fn handle(&self) -> &Handle {
        self.handle.as_deref().expect("Engine::writer opens the handle before it hands a grant out")
    }

    /// The same, to start its worker.
    pub(crate) fn handle_mut(&mut self) -> &mut Handle {
        self.handle.as_deref_mut().expect("Engine::writer opens the handle before it hands a grant out")
    }
}

impl Grant {
    /// Prepares for a transaction that rebuilds tables.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn begin_rebuild(&mut self) -> Result<()> {
        self.rebuilds = true;
        self.handle().rebuilding(true)
    }

    /// The handle as others expect it; None when it cannot be made so.
    fn settled(&self, handle: Content) -> Content {
        handle.filter(|handle| !self.rebuilds || handle.rebuilding(false).is_ok())
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        let Some(mut handle) = self.handle.take() else {
            return self.lock.release(None);
        };
        if !handle.is_ours() || !handle.in_transaction() {
            return self.lock.release(self.settled(Some(handle)));
        }
        if !self.bounded
            && let Ok(worker) = handle.worker()
        {
            // Undoing much takes long; this may be the polling thread. The second grant is dropped over there.
            let (lock, rebuilds) = (Arc::clone(&self.lock), self.rebuilds);
            let grant = Grant { lock, handle: Some(handle), bounded: true, rebuilds };
            return worker.submit(move || drop(grant));
        }
        // A handle that cannot leave its transaction is closed; the next one to come opens another.
        let undone = handle.rollback().is_ok() && !handle.in_transaction();
        self.lock.release(self.settled(undone.then_some(handle)));
    }
}
