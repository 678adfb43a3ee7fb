//! The value of a job that runs away from the thread that polls.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::Runtime;

/// Runs a blocking `job` away from the thread that polls and completes with its value; None when it did not run to its end.
pub fn elsewhere<T: Send + 'static>(
    runtime: &(impl Runtime + ?Sized),
    job: impl FnOnce() -> T + Send + 'static,
) -> Answer<T> {
    let slot = Arc::new(Mutex::new(Slot { value: None, ended: false, waker: None }));
    let teller = Teller(Arc::clone(&slot));
    runtime.offload(Box::new(move || {
        let value = job();
        locked(&teller.0).value = Some(value);
    }));
    Answer(slot)
}

/// See [`elsewhere`].
pub struct Answer<T>(Arc<Mutex<Slot<T>>>);

struct Slot<T> {
    value: Option<T>,
    ended: bool,
    waker: Option<Waker>,
}

/// The job's side: dropped at its end, however it ends.
struct Teller<T>(Arc<Mutex<Slot<T>>>);

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        let mut slot = locked(&self.0);
        slot.ended = true;
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = locked(&self.0);
        if slot.ended {
            return Poll::Ready(slot.value.take());
        }
        let replaced = slot.waker.replace(cx.waker().clone());
        drop(slot);
        drop(replaced);
        Poll::Pending
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
