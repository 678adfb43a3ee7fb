//! What a waker wakes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Wake;

use ormkit_core::runtime::BoxFuture;

use super::executor::LoopRuntime;

/// A place in a loop's queue of what can go on.
///
/// The task of an operation holds neither its future nor the Python object: a waker that somebody forgot keeps nothing
/// alive.
pub(super) struct Task {
    runtime: Weak<LoopRuntime>,
    /// True while it is in the queue, so that it is there once.
    queued: AtomicBool,
    /// True when it was woken while nobody was parked on its operation.
    missed: AtomicBool,
    /// The future of a background task, except while it is polled; None for an operation.
    pub(super) background: Option<Mutex<Option<BoxFuture<'static, ()>>>>,
}

/// A task's identity while somebody holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TaskId(usize);

impl Task {
    /// The task of an operation.
    pub(super) fn operation(runtime: &LoopRuntime) -> Arc<Self> {
        Arc::new(Self {
            runtime: runtime.weak(),
            queued: AtomicBool::new(false),
            missed: AtomicBool::new(false),
            background: None,
        })
    }

    /// A future that runs by itself.
    pub(super) fn background(runtime: &LoopRuntime, future: BoxFuture<'static, ()>) -> Arc<Self> {
        let background = Some(Mutex::new(Some(future)));
        Arc::new(Self {
            runtime: runtime.weak(),
            queued: AtomicBool::new(false),
            missed: AtomicBool::new(false),
            background,
        })
    }

    pub(super) fn id(self: &Arc<Self>) -> TaskId {
        TaskId(Arc::as_ptr(self) as usize)
    }

    /// Marks it as taken from the queue: from now on a wake puts it there again, and what a wake before told is seen by
    /// the poll that follows.
    pub(super) fn taken(&self) {
        self.queued.swap(false, Ordering::AcqRel);
    }

    /// Its turn came and there was nobody to go on.
    pub(super) fn missed(&self) {
        self.missed.store(true, Ordering::Relaxed);
    }

    /// True when a turn was missed; asked once.
    pub(super) fn take_missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed) && self.missed.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(runtime) = self.runtime.upgrade() {
            runtime.push(self);
        }
    }
}
