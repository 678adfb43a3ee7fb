//! Sleeping: all timers of a loop share one `call_later`.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;

use super::executor::LoopRuntime;
use super::locked;

/// Later than any process lives; what a sleep that overflows the clock waits for.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The timers of one loop.
#[derive(Default)]
pub(super) struct Timers(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// Wakers by deadline; the number tells equal deadlines apart.
    wakers: BTreeMap<(Instant, u64), Waker>,
    next: u64,
    /// The loop's timer and when it fires.
    armed: Option<(Instant, Py<PyAny>)>,
}

impl Timers {
    /// Completes `time` after now.
    pub(super) fn sleep(&self, runtime: Weak<LoopRuntime>, time: Duration) -> Sleep {
        let now = Instant::now();
        let deadline = now.checked_add(time).unwrap_or_else(|| now + FOREVER);
        let mut waiting = locked(&self.0);
        waiting.next += 1;
        Sleep { runtime, key: (deadline, waiting.next), waits: false }
    }

    /// Sets the waker of a sleep; true when the loop's timer would fire too late for it.
    fn wait(&self, key: (Instant, u64), waker: &Waker) -> bool {
        let mut waiting = locked(&self.0);
        let replaced = waiting.wakers.insert(key, waker.clone());
        let late = waiting.armed.as_ref().is_none_or(|(at, _)| *at > key.0);
        drop(waiting);
        drop(replaced);
        late
    }

    fn forget(&self, key: (Instant, u64)) {
        let forgotten = locked(&self.0).wakers.remove(&key);
        drop(forgotten);
    }

    /// The wakers of what is due at `now`. The loop's timer has fired.
    pub(super) fn due(&self, now: Instant) -> Vec<Waker> {
        let mut waiting = locked(&self.0);
        let fired = waiting.armed.take();
        let later = waiting.wakers.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut waiting.wakers, later);
        drop(waiting);
        drop(fired);
        due.into_values().collect()
    }

    /// Makes the loop's timer fire for the earliest deadline.
    pub(super) fn arm(&self, event_loop: &Bound<'_, PyAny>, runtime: &Weak<LoopRuntime>) -> PyResult<()> {
        let py = event_loop.py();
        let (first, too_late) = {
            let mut waiting = locked(&self.0);
            let Some((&(first, _), _)) = waiting.wakers.first_key_value() else { return Ok(()) };
            if waiting.armed.as_ref().is_some_and(|(at, _)| *at <= first) {
                return Ok(());
            }
            (first, waiting.armed.take())
        };
        if let Some((_, handle)) = too_late {
            handle.call_method0(py, intern!(py, "cancel"))?;
        }
        // Loops count in milliseconds: rounded up, or the timer fires early and again and again.
        let wait = first.saturating_duration_since(Instant::now());
        let seconds = (wait.as_secs_f64() * 1e3).ceil().max(1.0) / 1e3;
        let tick = Tick { runtime: Weak::clone(runtime) };
        let handle = event_loop.call_method1(intern!(py, "call_later"), (seconds, tick))?;
        let replaced = locked(&self.0).armed.replace((first, handle.unbind()));
        drop(replaced);
        Ok(())
    }

    /// Lets everything go: the loop is closed.
    pub(super) fn clear(&self) {
        let mut waiting = locked(&self.0);
        let gone = (std::mem::take(&mut waiting.wakers), waiting.armed.take());
        drop(waiting);
        drop(gone);
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.try_lock() {
            Ok(waiting) => waiting.armed.as_ref().map_or(Ok(()), |(_, handle)| visit.call(handle)),
            Err(_) => Ok(()),
        }
    }
}

/// See [`Timers::sleep`].
pub(super) struct Sleep {
    runtime: Weak<LoopRuntime>,
    key: (Instant, u64),
    /// True while a waker is kept under the key.
    waits: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.key.0 {
            return Poll::Ready(());
        }
        if let Some(runtime) = self.runtime.upgrade() {
            if runtime.timers().wait(self.key, cx.waker()) {
                runtime.unsettle();
            }
            self.waits = true;
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if self.waits
            && let Some(runtime) = self.runtime.upgrade()
        {
            runtime.timers().forget(self.key);
        }
    }
}

/// The callback of the loop's timer.
#[pyclass(frozen, name = "TimerTick", module = "ormkit._ormkit")]
struct Tick {
    runtime: Weak<LoopRuntime>,
}

#[pymethods]
impl Tick {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.runtime.upgrade().map_or(Ok(()), |runtime| runtime.tick(py))
    }
}
