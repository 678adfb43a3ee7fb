//! `Operation`: what an async method returns, and what its task parks on.

mod coroutine;
mod future;

use std::ffi::CString;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use pin_project_lite::pin_project;

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;

use super::context::Entered;
use super::executor::{LoopRuntime, poll};
use super::pending::without_pending_exception;
use super::site::{self, FirstOrigin, Origin};
use super::task::Task;
use super::{locked, panicked};

type Work = Pin<Box<dyn Future<Output = PyResult<Py<PyAny>>> + Send>>;

/// One call of an async method: await it once, or hand it to `asyncio.create_task`, `gather`, `wait_for` and the like.
///
/// Nothing happens before it is awaited. Cancelling its task, or closing it, drops the work where it stands.
#[pyclass(frozen, weakref, name = "Operation", module = "ormkit")]
pub(crate) struct Operation {
    name: &'static str,
    /// True when it may be dropped without having been awaited.
    optional: AtomicBool,
    /// Where it was begun, if somebody wants to know.
    origin: Option<Arc<Origin>>,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    /// Where the work is polled; None before the first poll.
    link: Option<Link>,
    /// The task that waits.
    parked: Option<Parked>,
    /// The task was told that it is cancelled, and will throw that in.
    cancelled: Option<Option<Py<PyAny>>>,
    /// asyncio's mark that the operation was awaited, not just yielded.
    blocking: bool,
}

/// The start of work that is often over at once.
type Start = Box<dyn FnOnce(Python<'_>) -> PyResult<Started> + Send>;

/// What the start of an operation came to.
pub(crate) enum Started {
    /// The result.
    Done(Py<PyAny>),
    /// The rest has to be awaited.
    Going(Work),
}

impl Started {
    /// Work that has to be awaited.
    pub(crate) fn going<F, T>(future: F) -> Self
    where
        F: Future<Output = PyResult<T>> + Send + 'static,
        T: for<'py> IntoPyObject<'py> + Send,
    {
        Self::Going(Box::pin(Converted { future }))
    }
}

pin_project! {
    /// A future whose value becomes a Python object. As an async block it would hold the future twice.
    struct Converted<F> {
        #[pin]
        future: F,
    }
}

impl<F, T> Future for Converted<F>
where
    F: Future<Output = PyResult<T>>,
    T: for<'py> IntoPyObject<'py>,
{
    type Output = PyResult<Py<PyAny>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = ready!(self.project().future.poll(cx))?;
        Poll::Ready(Python::attach(|py| value.into_py_any(py)))
    }
}

enum Stage {
    New(Work),
    /// Not awaited yet, and perhaps no future is needed.
    Unstarted(Start),
    Waiting(Work),
    /// Its work is on the stack of a poll.
    Polled,
    /// The work is done; the task has still to fetch the result.
    Ready(PyResult<Py<PyAny>>),
    Ended,
}

#[derive(Clone)]
struct Link {
    runtime: Arc<LoopRuntime>,
    task: Arc<Task>,
}

struct Parked {
    callback: Py<PyAny>,
    context: Py<PyAny>,
}

/// What a step of the coroutine comes to.
enum Step {
    /// The result.
    Return(Py<PyAny>),
    /// The task is to park on the operation.
    Park,
    /// The task is to come back after the loop's turn.
    Pause,
}

/// Work that was taken out for a poll; `first`: it was not polled before.
struct Taken {
    work: Work,
    link: Link,
    first: bool,
}

enum Polled {
    Ready(PyResult<Py<PyAny>>),
    Pending(Work),
}

impl Operation {
    /// An operation that runs `future` when it is awaited. `name` is the method, as `AsyncSession.flush`.
    ///
    /// The future is polled with the GIL held, on the thread of the loop that runs when it is first awaited. It may be
    /// dropped at any await, and on any thread.
    pub(crate) fn start<F, T>(py: Python<'_>, name: &'static str, future: F) -> PyResult<Py<Self>>
    where
        F: Future<Output = PyResult<T>> + Send + 'static,
        T: for<'py> IntoPyObject<'py> + Send,
    {
        Self::staged(py, name, Stage::New(Box::pin(Converted { future })), false)
    }

    /// The same, for one more step of work that began elsewhere.
    pub(crate) fn go_on<F, T>(
        py: Python<'_>,
        name: &'static str,
        first: &FirstOrigin,
        future: F,
    ) -> PyResult<Py<Self>>
    where
        F: Future<Output = PyResult<T>> + Send + 'static,
        T: for<'py> IntoPyObject<'py> + Send,
    {
        Self::staged_at(py, name, Stage::New(Box::pin(Converted { future })), false, first.of(py))
    }

    /// As [`start`](Self::start), for work that is often over at once: `first` runs when the operation is awaited,
    /// without the cost of a future, and says whether one is needed.
    pub(crate) fn attempt<F>(py: Python<'_>, name: &'static str, first: F) -> PyResult<Py<Self>>
    where
        F: FnOnce(Python<'_>) -> PyResult<Started> + Send + 'static,
    {
        Self::staged(py, name, Stage::Unstarted(Box::new(first)), false)
    }

    /// An operation that has its result already: nothing is polled, and no loop is asked for.
    pub(crate) fn ready(py: Python<'_>, name: &'static str, result: Py<PyAny>) -> PyResult<Py<Self>> {
        Self::staged(py, name, Stage::Ready(Ok(result)), true)
    }

    fn staged(py: Python<'_>, name: &'static str, stage: Stage, optional: bool) -> PyResult<Py<Self>> {
        Self::staged_at(py, name, stage, optional, site::here(py))
    }

    fn staged_at(
        py: Python<'_>,
        name: &'static str,
        stage: Stage,
        optional: bool,
        origin: Option<Arc<Origin>>,
    ) -> PyResult<Py<Self>> {
        let state = State { stage, link: None, parked: None, cancelled: None, blocking: false };
        let optional = AtomicBool::new(optional);
        Py::new(py, Self { name, optional, origin, state: Mutex::new(state) })
    }

    /// Dropping it without awaiting is no mistake: what it does happens otherwise.
    pub(crate) fn need_not_be_awaited(&self) {
        self.optional.store(true, Ordering::Relaxed);
    }

    /// A step that a task makes: polls, or fetches the result.
    fn step(&self, py: Python<'_>) -> PyResult<Step> {
        let Taken { work, link, first } = match self.take_for_step(py)? {
            Ok(taken) => taken,
            Err(result) => return result.map(Step::Return),
        };
        let began = Instant::now();
        let origin = self.origin.as_ref();
        let polled = link.runtime.turn(py, || site::at(origin, || poll_work(work, &link.task, began)));
        match polled {
            Polled::Pending(work) => {
                let mut state = locked(&self.state);
                state.stage = Stage::Waiting(work);
                state.blocking = true;
                Ok(Step::Park)
            }
            // Operations that never suspend would keep the loop from everybody else.
            Polled::Ready(result) if first && link.runtime.inline_work(began.elapsed()) => {
                locked(&self.state).stage = Stage::Ready(result);
                Ok(Step::Pause)
            }
            Polled::Ready(result) => {
                locked(&self.state).stage = Stage::Ended;
                result.map(Step::Return)
            }
        }
    }

    /// Takes the work for a poll, or a result that is ready.
    fn take_for_step(&self, py: Python<'_>) -> PyResult<Result<Taken, PyResult<Py<PyAny>>>> {
        let mut state = locked(&self.state);
        match std::mem::replace(&mut state.stage, Stage::Ended) {
            Stage::Ready(result) => Ok(Err(result)),
            Stage::Ended => {
                Err(PyRuntimeError::new_err(format!("cannot reuse already awaited '{}'", self.name)))
            }
            Stage::Polled => {
                state.stage = Stage::Polled;
                Err(PyValueError::new_err(format!("'{}' is already executing", self.name)))
            }
            Stage::Waiting(work) if state.parked.is_some() => {
                state.stage = Stage::Waiting(work);
                Err(PyRuntimeError::new_err(format!("'{}' is being awaited already", self.name)))
            }
            Stage::Waiting(work) => match &state.link {
                Some(link) => {
                    let link = link.clone();
                    state.stage = Stage::Polled;
                    Ok(Ok(Taken { work, link, first: false }))
                }
                None => Err(PyRuntimeError::new_err("a waiting operation has no loop")),
            },
            Stage::New(work) => {
                state.stage = Stage::Polled;
                drop(state);
                self.enter(py, work)
            }
            Stage::Unstarted(start) => {
                state.stage = Stage::Polled;
                drop(state);
                let started = catch_unwind(AssertUnwindSafe(|| site::at(self.origin.as_ref(), || start(py))));
                match started.unwrap_or_else(|panic| Err(panicked(py, &*panic))) {
                    Ok(Started::Going(work)) => self.enter(py, work),
                    Ok(Started::Done(result)) => self.over(Ok(result)),
                    Err(error) => self.over(Err(error)),
                }
            }
        }
    }

    /// The first poll of `work`, on the loop that runs now. The stage is Polled.
    fn enter(&self, py: Python<'_>, work: Work) -> PyResult<Result<Taken, PyResult<Py<PyAny>>>> {
        let runtime = match LoopRuntime::current(py) {
            Ok(runtime) => runtime,
            Err(error) => {
                // Outside of a loop nothing has happened: it can still be awaited on one.
                locked(&self.state).stage = Stage::New(work);
                return Err(error);
            }
        };
        let link = Link { task: Task::operation(&runtime), runtime };
        locked(&self.state).link = Some(link.clone());
        Ok(Ok(Taken { work, link, first: true }))
    }

    fn over(&self, result: PyResult<Py<PyAny>>) -> PyResult<Result<Taken, PyResult<Py<PyAny>>>> {
        locked(&self.state).stage = Stage::Ended;
        Ok(Err(result))
    }

    /// Polls a woken operation from a callback of its loop and, when it is ready, steps the task that is parked on it.
    /// There MUST be no current task.
    ///
    /// # Errors
    /// What the task let out: `KeyboardInterrupt`, `SystemExit`.
    pub(super) fn resume(this: &Bound<'_, Self>, runtime: &LoopRuntime) -> PyResult<()> {
        let py = this.py();
        let operation = this.get();
        let (work, link, parked) = {
            let mut state = locked(&operation.state);
            let (Some(link), Some(parked)) = (&state.link, &state.parked) else { return Ok(()) };
            if !matches!(state.stage, Stage::Waiting(_)) {
                return Ok(());
            }
            let (link, parked) = (link.clone(), parked.clone_ref(py));
            let Stage::Waiting(work) = std::mem::replace(&mut state.stage, Stage::Polled) else {
                return Ok(());
            };
            (work, link, parked)
        };
        // Code of the caller's that runs in a poll (a default, a converter) sees the variables of its task.
        let context = parked.context.bind(py);
        let entered = Entered::new(context);
        let polled = site::at(operation.origin.as_ref(), || poll_work(work, &link.task, Instant::now()));
        let result = match polled {
            Polled::Pending(work) => {
                locked(&operation.state).stage = Stage::Waiting(work);
                return Ok(());
            }
            Polled::Ready(result) => result,
        };
        let waiting = {
            let mut state = locked(&operation.state);
            state.stage = Stage::Ready(result);
            state.parked.take()
        };
        runtime.unpark(&link.task);
        // Cancelled by its own poll: the loop steps the task already.
        let Some(waiting) = waiting else { return Ok(()) };
        match entered {
            Ok(entered) => {
                let stepped = waiting.callback.call1(py, (this,));
                drop(entered);
                stepped.map(drop)
            }
            // Somebody further up the stack is in this context: the loop enters it when that one is done.
            Err(_) => waiting.step_soon(this, runtime),
        }
    }

    /// The asyncio task that is parked, if it is one: its callback is a method of the task.
    pub(super) fn waiting<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let callback = locked(&self.state).parked.as_ref()?.callback.clone_ref(py);
        callback.into_bound(py).getattr(intern!(py, "__self__")).ok()
    }

    /// Drops the work: nobody waits for it any more.
    pub(super) fn abandon(&self) {
        let mut state = locked(&self.state);
        if matches!(state.stage, Stage::Polled) {
            return;
        }
        let stage = std::mem::replace(&mut state.stage, Stage::Ended);
        let parked = state.parked.take();
        let link = state.link.take();
        let cancelled = state.cancelled.take();
        drop(state);
        if let Some(link) = &link {
            link.runtime.unpark(&link.task);
        }
        // A panic of the work's own Drop has nowhere to go.
        let _ = catch_unwind(AssertUnwindSafe(|| site::at(self.origin.as_ref(), || drop(stage))));
        drop((parked, link, cancelled));
    }

    fn end(&self) -> PyResult<()> {
        if matches!(locked(&self.state).stage, Stage::Polled) {
            return Err(PyValueError::new_err(format!("'{}' is already executing", self.name)));
        }
        self.abandon();
        Ok(())
    }

    fn warn_unless_awaited(&self, py: Python<'_>) {
        if self.optional.load(Ordering::Relaxed)
            || !matches!(locked(&self.state).stage, Stage::New(_) | Stage::Unstarted(_))
        {
            return;
        }
        let text = CString::new(format!("coroutine '{}' was never awaited", self.name)).unwrap_or_default();
        if let Err(error) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1) {
            error.write_unraisable(py, None);
        }
    }
}

/// Polls once. A panic ends the work with an error.
fn poll_work(mut work: Work, task: &Arc<Task>, began: Instant) -> Polled {
    let panic = match poll(work.as_mut(), task, began) {
        Ok(Poll::Pending) => return Polled::Pending(work),
        Ok(Poll::Ready(result)) => match catch_unwind(AssertUnwindSafe(|| drop(work))) {
            Ok(()) => return Polled::Ready(result),
            Err(panic) => panic,
        },
        Err(panic) => {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(work))); // the first panic is the one to tell of
            panic
        }
    };
    Polled::Ready(Err(Python::attach(|py| panicked(py, &*panic))))
}

impl Parked {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self { callback: self.callback.clone_ref(py), context: self.context.clone_ref(py) }
    }

    /// Has the loop step the task.
    fn step_soon(self, operation: &Bound<'_, Operation>, runtime: &LoopRuntime) -> PyResult<()> {
        runtime.call_soon(operation.py(), (&self.callback, operation.as_any()), &self.context)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if matches!(state.stage, Stage::Ended) && state.parked.is_none() {
            return; // as nearly all are; nobody can be parked in the runtime without being parked here
        }
        Python::try_attach(|py| {
            without_pending_exception(py, || {
                self.warn_unless_awaited(py);
                self.abandon();
            });
        });
    }
}
