//! `engine.listen()`: notifications as an asynchronous iterator.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use ormkit_core::driver::NoticeLevel;
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::session::{Lease, Shared};
use ormkit_pg::{Channels, Heard};
use pyo3::exceptions::{PyResourceWarning, PyStopAsyncIteration};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::target::postgres_driver;
use super::{EngineHandle, notices};
use crate::bridge::{Caller, LoopRuntime, Operation, Process, Started, at_drop};
use crate::errors::to_py;
use crate::session::{nothing, raise};

/// What somebody told a channel.
#[pyclass(frozen, get_all, eq, hash, name = "Notification", module = "ormkit")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Notification {
    /// The channel.
    channel: String,
    /// What was said; empty for a NOTIFY without it.
    payload: String,
    /// The process id of the server's backend that said so; 0 where `missed` is True.
    pid: u32,
    /// True for the one that each channel gets, with an empty payload, when a lost connection is restored: what was said in
    /// between is lost.
    missed: bool,
}

#[pymethods]
impl Notification {
    fn __repr__(&self) -> String {
        let Self { channel, pid, missed, .. } = self;
        match missed {
            true => format!("<Notification {channel}: some may have been missed>"),
            false => format!("<Notification {channel} from {pid}>"),
        }
    }
}

/// Channels that are listened to, on a connection of its own that is not of the pool.
///
/// `async with` connects, `async for` waits for notifications, without end. Breaking off or cancelling a wait loses
/// nothing; leaving the block or `close()` closes the connection, and ends the `async for` that waits. One task at a time.
///
/// A lost connection is opened again: at once, then after waits that double up to 30 s, each of them logged. Then each
/// channel gets a notification with an empty payload and `missed=True`, for what was said in between is lost: look at
/// the tables that the notifications are about. What does not pass by itself, such as a password that was changed, is raised.
///
/// No more is read from the socket than is asked for: a listener that is slow does not grow, and the server keeps what
/// it has not taken. A server that is gone without a word is noticed by TCP's keepalives (`keepalives_idle` in the URL).
#[pyclass(frozen, weakref, name = "Listener", module = "ormkit")]
pub(crate) struct Listener {
    names: Vec<String>,
    shared: Arc<Shared<Ears, Caller>>,
    bell: Arc<Mutex<Bell>>,
}

/// What one operation at a time has of a listener.
struct Ears {
    engine: EngineHandle,
    names: Vec<String>,
    channels: Channels,
    /// Made when the block is entered, for the loop that runs then.
    listener: Option<ormkit_pg::Listener>,
    /// Channels that are to hear that they have missed something.
    missed: VecDeque<String>,
    process: Process,
}

impl Listener {
    /// # Errors
    /// `Unsupported` on SQLite; `Interface` for a name that no channel has.
    pub(super) fn new(engine: EngineHandle, names: Vec<String>) -> Result<Self> {
        engine.inner.target.postgres("listen()", "look into a table from time to time")?;
        let channels = Channels::new(names.iter().map(String::as_str))?;
        let (listener, missed, process) = (None, VecDeque::new(), Process::current());
        let ears = Ears { engine, names: names.clone(), channels, listener, missed, process };
        Ok(Self { names, shared: Shared::new(ears), bell: Arc::default() })
    }
}

/// Tells whoever waits that the listener was closed.
#[derive(Default)]
struct Bell {
    closed: bool,
    waiting: Option<Waker>,
}

impl Bell {
    fn ring(bell: &Mutex<Self>) {
        let waiting = {
            let mut bell = bell.lock().unwrap_or_else(PoisonError::into_inner);
            bell.closed = true;
            bell.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    /// True once it has rung; before that it will wake who asks.
    fn has_rung(bell: &Mutex<Self>, cx: &Context<'_>) -> bool {
        let waker = cx.waker().clone();
        let mut bell = bell.lock().unwrap_or_else(PoisonError::into_inner);
        let (closed, before) = (bell.closed, bell.waiting.replace(waker));
        drop(bell);
        drop(before);
        closed
    }
}

/// The ears, in a wait. Whenever the wait ends, by being dropped too, what was closed meanwhile is closed.
struct Held {
    ears: Lease<Ears, Caller>,
    bell: Arc<Mutex<Bell>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bell.lock().unwrap_or_else(PoisonError::into_inner).closed {
            self.ears.close();
        }
    }
}

/// Takes the ears for one operation.
///
/// # Errors
/// `ConcurrentSessionUse` with both tasks' names.
fn lease(py: Python<'_>, shared: &Arc<Shared<Ears, Caller>>) -> PyResult<Lease<Ears, Caller>> {
    let caller = Caller::current(py)?;
    shared.lease(caller.clone()).map_err(|holder| {
        let (holder, second) = (holder.name(py), caller.name(py));
        to_py(py, Error::new(ErrorKind::ConcurrentUse { what: "listener", holder, second }))
    })
}

impl Ears {
    /// A listener for the loop that runs.
    fn prepare(&mut self, py: Python<'_>) -> PyResult<()> {
        self.engine.require_usable(py)?;
        if self.listener.is_some() {
            return Err(to_py(
                py,
                Error::invalid_request("this listener was opened before: call listen() again"),
            ));
        }
        let runtime = LoopRuntime::current(py)?;
        let config = self.engine.inner.target.postgres("listen()", "").map_err(|error| to_py(py, error))?;
        let driver = postgres_driver(config, runtime);
        self.listener = Some(ormkit_pg::Listener::new(driver, self.channels.clone()));
        Ok(())
    }

    async fn next(&mut self) -> PyResult<Notification> {
        let Self { names, listener, missed, .. } = self;
        let Some(listener) = listener else {
            return Err(raise(Error::invalid_request("a listener connects at `async with`: enter it first")));
        };
        loop {
            if let Some(channel) = missed.pop_front() {
                return Ok(Notification { channel, payload: String::new(), pid: 0, missed: true });
            }
            match listener.next().await.map_err(raise)? {
                Heard::Notification(said) => {
                    let ormkit_pg::Notification { channel, payload, pid } = said;
                    return Ok(Notification { channel, payload, pid, missed: false });
                }
                Heard::Lost { error, wait } => {
                    let (names, wait) = (names.join(", "), wait.as_secs_f64());
                    let text =
                        format!("listening to {names} is interrupted, next attempt in {wait:.1} s: {error}");
                    notices::say(NoticeLevel::Warning, &text);
                }
                Heard::Restored => {
                    missed.extend(names.iter().cloned());
                    notices::say(NoticeLevel::Info, &format!("listening to {} again", names.join(", ")));
                }
            }
        }
    }

    fn close(&mut self) {
        self.missed.clear();
        if let Some(listener) = &mut self.listener {
            listener.close();
        }
    }
}

/// Nobody has the listener any more. Its connection ends with it.
impl Drop for Ears {
    fn drop(&mut self) {
        let open = self.listener.as_ref().is_some_and(ormkit_pg::Listener::is_open);
        if !open || !self.process.is_current() {
            return;
        }
        let text = format!("unclosed listener to {}: use `async with`", self.names.join(", "));
        at_drop(|py| {
            let text = std::ffi::CString::new(text)?;
            PyErr::warn(py, &py.get_type::<PyResourceWarning>(), &text, 1)
        });
    }
}

#[pymethods]
impl Listener {
    /// The names of the channels.
    #[getter]
    fn channels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.names)
    }

    /// Close the connection. An `async for` that waits ends; later use raises `InterfaceError`.
    fn close(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (shared, bell) = (Arc::clone(&self.shared), Arc::clone(&self.bell));
        Operation::attempt(py, "Listener.close", move |py| {
            Bell::ring(&bell);
            // Whoever has it hears the bell and closes it.
            if let Ok(mut ears) = lease(py, &shared) {
                ears.close();
            }
            Ok(Started::Done(nothing()))
        })
    }

    fn __aenter__(slf: Py<Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        Operation::start(py, "ConnectionPool.listen", async move {
            let shared = &slf.get().shared;
            let mut ears = Python::attach(|py| {
                let mut ears = lease(py, shared)?;
                ears.prepare(py)?;
                PyResult::Ok(ears)
            })?;
            let opened = match &mut ears.listener {
                Some(listener) => listener.open().await,
                None => Ok(()),
            };
            if opened.is_err() {
                ears.listener = None;
            }
            drop(ears);
            opened.map_err(raise)?;
            Ok(slf)
        })
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<Py<Operation>> {
        self.close(py)
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (shared, bell) = (Arc::clone(&self.shared), Arc::clone(&self.bell));
        Operation::start(py, "Listener.__anext__", async move {
            let mut held = Held { ears: Python::attach(|py| lease(py, &shared))?, bell };
            let said = {
                let Held { ears, bell } = &mut held;
                let mut next = pin!(ears.next());
                poll_fn(|cx| match next.as_mut().poll(cx) {
                    Poll::Pending if Bell::has_rung(bell, cx) => Poll::Ready(None),
                    said => said.map(Some),
                })
                .await
            };
            said.unwrap_or_else(|| Err(PyStopAsyncIteration::new_err(())))
        })
    }

    fn __repr__(&self) -> String {
        format!("<Listener to {}>", self.names.join(", "))
    }
}
