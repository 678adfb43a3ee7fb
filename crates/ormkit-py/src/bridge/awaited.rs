//! Code of the caller's own inside a future of the core: a function that is called, and awaited when it is `async`.
//!
//! What it returns becomes a task of the loop that polls; the task's end wakes the future. A future that is dropped
//! cancels its task on the loop's next turn.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::executor::LoopRuntime;
use super::locked;

/// Runs `call` in the poll that awaits this, and awaits what it returns where that can be awaited.
///
/// # Errors
/// What the call, or its task, raised; `CancelledError` when somebody cancelled the task.
pub(crate) async fn call(
    call: impl FnOnce(Python<'_>) -> PyResult<Bound<'_, PyAny>> + Send,
) -> PyResult<Py<PyAny>> {
    let started = Python::attach(|py| {
        let answer = call(py)?;
        if answer.hasattr(intern!(py, "__await__"))? {
            Ok::<_, PyErr>(Err(Awaited::start(&answer)?))
        } else {
            Ok(Ok(answer.unbind()))
        }
    })?;
    match started {
        Ok(answer) => Ok(answer),
        Err(task) => task.await,
    }
}

/// A task of the loop, awaited from Rust.
struct Awaited {
    runtime: Arc<LoopRuntime>,
    /// None when it has ended.
    task: Option<Py<PyAny>>,
    end: Arc<Mutex<End>>,
}

#[derive(Default)]
struct End {
    outcome: Option<PyResult<Py<PyAny>>>,
    waker: Option<Waker>,
}

impl Awaited {
    fn start(awaitable: &Bound<'_, PyAny>) -> PyResult<Self> {
        static ENSURE_FUTURE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = awaitable.py();
        let runtime = LoopRuntime::current(py)?;
        let task = ENSURE_FUTURE.import(py, "asyncio", "ensure_future")?.call1((awaitable,))?;
        let end: Arc<Mutex<End>> = Arc::default();
        let ended = Ended { runtime: runtime.weak(), end: Arc::clone(&end) };
        task.call_method1(intern!(py, "add_done_callback"), (ended,))?;
        Ok(Self { runtime, task: Some(task.unbind()), end })
    }
}

impl Future for Awaited {
    type Output = PyResult<Py<PyAny>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = cx.waker().clone();
        let mut end = locked(&self.end);
        let Some(outcome) = end.outcome.take() else {
            let replaced = end.waker.replace(waker);
            drop(end);
            drop(replaced);
            return Poll::Pending;
        };
        drop(end);
        self.task = None;
        Poll::Ready(outcome)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.runtime.cancel_later(task);
        }
    }
}

/// What the task calls at its end, from the loop.
#[pyclass(frozen, name = "TaskEnded", module = "ormkit._ormkit")]
struct Ended {
    runtime: Weak<LoopRuntime>,
    end: Arc<Mutex<End>>,
}

#[pymethods]
impl Ended {
    fn __call__(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = task.py();
        let outcome = task.call_method0(intern!(py, "result")).map(Bound::unbind);
        let waker = {
            let mut end = locked(&self.end);
            end.outcome = Some(outcome);
            end.waker.take()
        };
        self.runtime.upgrade().map_or(Ok(()), |runtime| runtime.wake_and_drain(py, waker))
    }
}
