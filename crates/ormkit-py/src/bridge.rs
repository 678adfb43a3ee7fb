//! The border to asyncio: futures of the core are polled on the event loop's thread, inside the coroutine that awaits
//! them.
//!
//! ```text
//!  task ──send──▶ Operation ──poll──▶ future ──▶ connection ──▶ Socket ─┐
//!    ▲               │ parks (a waker is left in the socket)            │ IoState: readable, wakers
//!    └──── step ─────┘◀── LoopRuntime::drain ◀── reader callback ◀──────┘ one persistent add_reader
//! ```
//!
//! An [`Operation`] is what every async method returns. Awaited, it polls its future there and then; a future that is
//! ready at once never suspends the task. A pending one parks the task on the operation itself, which speaks the
//! protocol of asyncio's futures. When the socket becomes readable, the reader callback polls the future *inside the
//! callback*, and when it is ready steps the parked task right there: no thread, no hop through the loop's queue.
//!
//! A [`LoopRuntime`] stands for one running event loop and is the core's `Runtime` there. Rules that the files below
//! keep:
//!
//! - A waker runs no Python and takes no lock that is held while Python runs: it puts its task into a queue, and where
//!   nobody is about to look at the queue, one write to an eventfd wakes the loop. So wakers may fire on any thread, and
//!   a foreign thread never takes the GIL.
//! - No `Drop` in here calls the loop: sockets that are dropped are unregistered and closed on the loop's next turn.
//!   Python handles that are dropped without the GIL are kept by pyo3 until the next time that it is held.
//! - Everything that a loop keeps alive (parked operations, background tasks, timers) is reachable through one Python
//!   object, the anchor, which the loop holds as a reader callback. A loop that is closed or collected frees it, and all
//!   connections with it.
//! - A forked child sees every runtime of its parent as closed, and never touches the parent's descriptors other than to
//!   close its copies: an `epoll` registration is shared with the parent.
//!
//! asyncio's selector loops and uvloop are supported, on Unix. A loop without `add_reader` is refused by name.
//!
//! Measured: one round trip of 100 bytes to an echo server on the other CPU (TCP, CPython 3.12, a build without
//! optimisation across crates and with its checks on; medians of 30 interleaved rounds of 300, µs):
//!
//! | | blocking socket | this bridge | asyncio streams | `loop.sock_sendall`, `sock_recv` |
//! |---|---|---|---|---|
//! | asyncio | 27.5 | **41** | 83 | 65 |
//! | uvloop | 34.7 | **47** | 50 | 70 |

mod alarm;
mod awaited;
mod connect;
mod context;
mod executor;
mod fallback;
mod fork;
#[cfg(feature = "test-hooks")]
mod hooks;
mod offload;
mod operation;
mod pending;
mod site;
mod socket;
mod steps;
mod tags;
mod task;
mod timer;

use std::any::Any;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ormkit_core::error::Error;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::errors::to_py;

pub(crate) use awaited::call;
pub(crate) use executor::LoopRuntime;
pub(crate) use fork::Process;
pub(crate) use operation::{Operation, Started};
pub(crate) use pending::at_drop;
pub(crate) use site::{FirstOrigin, Site, SitesWanted, current_comment, current_site};
pub(crate) use steps::{Coroutine, Next, Steps};
pub(crate) use tags::QueryTags;
use task::TaskId;

/// Adds the bridge's classes to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    fork::watch(module.py())?;
    module.add_class::<Operation>()?;
    let coroutine = module.py().import("collections.abc")?.getattr("Coroutine")?;
    coroutine.call_method1("register", (module.py().get_type::<Operation>(),))?;
    coroutine.call_method1("register", (module.py().get_type::<Coroutine>(),))?;
    #[cfg(feature = "test-hooks")]
    hooks::register(module)?;
    Ok(())
}

/// Who runs now. It costs next to nothing, and is turned into words only when two collide.
#[derive(Clone)]
pub(crate) struct Caller {
    runtime: Arc<LoopRuntime>,
    polled: Option<TaskId>,
}

impl Caller {
    /// Whoever runs on the running loop.
    ///
    /// # Errors
    /// `RuntimeError`: no event loop is running.
    pub(crate) fn current(py: Python<'_>) -> PyResult<Self> {
        Ok(Self { runtime: LoopRuntime::current(py)?, polled: executor::polled() })
    }

    /// The caller's name: its task waits for what it called, or runs now.
    pub(crate) fn name(&self, py: Python<'_>) -> String {
        let waiting = self.polled.and_then(|polled| self.runtime.waiting_for(py, polled));
        let name = match waiting {
            Some(task) => Ok(task),
            None => current_task(py, &self.runtime),
        }
        .and_then(|task| task.call_method0("get_name")?.extract::<String>());
        match name {
            Ok(name) => format!("task {name:?}"),
            Err(_) => "code outside of a task".to_owned(),
        }
    }
}

/// The task that runs on a loop, or None.
fn current_task<'py>(py: Python<'py>, runtime: &LoopRuntime) -> PyResult<Bound<'py, PyAny>> {
    static CURRENT_TASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CURRENT_TASK.import(py, "asyncio", "current_task")?.call1((runtime.event_loop(py)?,))
}

/// A panic as `InternalError`. Its text and place went to stderr.
fn panicked(py: Python<'_>, panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    let text =
        format!("a defect in ormkit, please report it: {}", text.unwrap_or("a panic without a message"));
    to_py(py, Error::host(io::Error::other(text)))
}

/// Locks, whether or not a holder has panicked: every section leaves its data whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
