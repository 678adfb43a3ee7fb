//! `init=`, `reset=` and `close=`: what the caller runs on the connections of an engine.

use std::sync::{Arc, Weak};

use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::pool::{Closed, Hook, Hooks, Lent};
use ormkit_core::runtime::Runtime;
use ormkit_core::session::Link;
use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::connection::Connection;
use super::pinned::{Pinned, open_transaction};
use super::{EngineHandle, Inner};
use crate::bridge::{self, Caller, LoopRuntime};
use crate::errors::{caused_by, from_py, to_py};
use crate::keywords::Keywords;

/// The functions that were given.
#[derive(Default)]
pub(super) struct Callbacks {
    init: Option<Arc<Py<PyAny>>>,
    reset: Option<Arc<Py<PyAny>>>,
    close: Option<Arc<Py<PyAny>>>,
}

impl Callbacks {
    /// # Errors
    /// `TypeError`: one of them cannot be called.
    pub(super) fn read(keywords: &Keywords<'_>) -> PyResult<Self> {
        let function = |name| {
            let Some(given) = keywords.take(name)?.filter(|given| !given.is_none()) else { return Ok(None) };
            if given.is_callable() {
                return Ok(Some(Arc::new(given.unbind())));
            }
            let found = given.get_type().name()?;
            Err(PyTypeError::new_err(format!("{name} must be a callable, not {found}")))
        };
        Ok(Self { init: function("init")?, reset: function("reset")?, close: function("close")? })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.init.is_none() && self.reset.is_none() && self.close.is_none()
    }

    /// What the pool of one loop runs.
    pub(super) fn hooks(&self, engine: &Arc<Inner>, runtime: &Arc<LoopRuntime>) -> Hooks {
        let hook = |name, function: &Option<Arc<Py<PyAny>>>| {
            function.as_ref().map(|function| hook(name, Arc::clone(function), Arc::downgrade(engine)))
        };
        let (heard, has_init) = (Arc::clone(&engine.options.tracing), self.init.is_some());
        Hooks {
            init: Some(prepare(self.init.clone(), Arc::downgrade(engine))),
            init_is_due: Some(Arc::new(move || has_init || heard.listeners.hears_connect())),
            reset: hook("reset", &self.reset),
            close: self
                .close
                .as_ref()
                .map(|function| on_close(Arc::clone(function), Arc::downgrade(runtime))),
            failed: Some(on_failure(Arc::downgrade(runtime))),
            tracer: Some(Arc::clone(&engine.options.tracing) as _),
            comment: Some(bridge::current_comment),
        }
    }
}

/// The engine lives as long as its pools: they must not keep it alive in turn.
fn hook(name: &'static str, function: Arc<Py<PyAny>>, engine: Weak<Inner>) -> Hook {
    Arc::new(move |lent| {
        let (function, engine) = (Arc::clone(&function), Weak::clone(&engine));
        Box::pin(async move {
            let engine = engine.upgrade().ok_or_else(|| Error::interface("the engine is gone"))?;
            run(name, &function, EngineHandle::of(engine), lent).await
        })
    })
}

/// Runs `init=` on a new connection, then the listeners of `connect`.
fn prepare(init: Option<Arc<Py<PyAny>>>, engine: Weak<Inner>) -> Hook {
    Arc::new(move |mut lent| {
        let (init, engine) = (init.clone(), Weak::clone(&engine));
        Box::pin(async move {
            let engine = engine.upgrade().ok_or_else(|| Error::interface("the engine is gone"))?;
            let engine = EngineHandle::of(engine);
            if let Some(function) = init {
                lent = run("init", &function, engine.clone(), lent).await?;
            }
            let listeners = engine.inner.options.tracing.listeners.of_connect();
            if listeners.is_empty() {
                return Ok(lent);
            }
            within_call("connect", engine, lent, async |connection| {
                for listener in &listeners {
                    let arguments = Python::attach(|py| {
                        vec![
                            ("dbapi_connection", connection.clone_ref(py).into_any()),
                            ("connection_record", py.None()),
                        ]
                    });
                    listener.call(arguments).await?;
                }
                Ok(())
            })
            .await
        })
    })
}

/// Calls the function with a connection inside a transaction, and commits.
async fn run(name: &str, function: &Py<PyAny>, engine: EngineHandle, lent: Lent) -> Result<Lent> {
    within_call(name, engine, lent, async |connection| {
        bridge::call(|py| function.bind(py).call1((connection,))).await.map(drop)
    })
    .await
}

/// Makes a call with a connection inside a transaction, and commits.
async fn within_call(
    name: &str,
    engine: EngineHandle,
    lent: Lent,
    call: impl AsyncFnOnce(Py<Connection>) -> PyResult<()>,
) -> Result<Lent> {
    let mut link = Link::holding(lent);
    open_transaction(&mut link).map_err(from_py)?;
    let caller = Python::attach(Caller::current).map_err(from_py)?;
    let pinned = Arc::new(Pinned::new(engine, link));
    // The function may keep the object: its connection goes when the call is over, however it ends.
    let loan = Loan { pinned: Arc::clone(&pinned), caller };
    let connection =
        Python::attach(|py| Py::new(py, Connection { link: Arc::clone(&pinned), commits: true }));
    let connection = connection.map_err(from_py)?;
    call(connection).await.map_err(|error| from_py(explained(name, error)))?;
    let mut link = Python::attach(|py| pinned.lease(py)).map_err(from_py)?;
    link.commit().await?;
    let lent = link.take_pinned();
    drop(link);
    drop(loan);
    let lost = || ErrorKind::Operational(format!("the {name} callback closed or lost its connection"));
    lent.ok_or_else(|| Error::new(lost()))
}

/// Its task was cancelled, which is not the cancelling of whoever waits.
fn explained(name: &str, error: PyErr) -> PyErr {
    Python::attach(|py| {
        if !error.is_instance_of::<CancelledError>(py) {
            return error;
        }
        let kind = ErrorKind::Operational(format!("the {name} callback was cancelled"));
        caused_by(py, Error::new(kind), error)
    })
}

/// Ends the use of a connection that was shown to a callback.
struct Loan {
    pinned: Arc<Pinned>,
    caller: Caller,
}

impl Drop for Loan {
    fn drop(&mut self) {
        // Whoever runs a statement on it gives it up with that statement.
        if let Ok(mut link) = self.pinned.lease_as(self.caller.clone()) {
            link.abandon();
        }
    }
}

/// Tells of a closed connection, on the loop's next turn. Without a loop there is nobody to be told.
fn on_close(function: Arc<Py<PyAny>>, runtime: Weak<LoopRuntime>) -> Arc<dyn Fn(Closed) + Send + Sync> {
    Arc::new(move |closed| {
        let Some(runtime) = runtime.upgrade() else { return };
        let function = Arc::clone(&function);
        runtime.spawn(Box::pin(async move {
            let told = bridge::call(|py| {
                let closed = Py::new(py, ClosedConnection::from(closed))?;
                function.bind(py).call1((closed,))
            });
            if let Err(error) = told.await {
                Python::attach(|py| error.write_unraisable(py, Some(function.bind(py))));
            }
        }));
    })
}

/// Tells the loop's exception handler of a callback that failed in the background.
fn on_failure(runtime: Weak<LoopRuntime>) -> Arc<dyn Fn(Error) + Send + Sync> {
    Arc::new(move |error| {
        let Some(runtime) = runtime.upgrade() else { return };
        let reported = Python::attach(|py| {
            let context = PyDict::new(py);
            context.set_item("message", "a callback of an engine failed, and its connection was closed")?;
            context.set_item("exception", to_py(py, error).into_value(py))?;
            runtime.report(py, &context)
        });
        if let Err(error) = reported {
            Python::attach(|py| error.write_unraisable(py, None));
        }
    })
}

/// A connection that an engine has closed: what `close=` is called with.
#[pyclass(frozen, get_all, name = "ClosedConnection", module = "ormkit")]
pub(crate) struct ClosedConnection {
    /// Why: `"lost"`, `"lifetime"`, `"idle"`, `"disposed"` (the engine was closed or disposed of), `"unclean"` (it did not
    /// become clean after a cancelled operation), `"surplus"` (its place was taken meanwhile) or `"callback"` (one failed).
    reason: &'static str,
    /// How long it was open, in seconds.
    age: f64,
    /// The server's process that served it.
    backend_pid: Option<u32>,
}

impl From<Closed> for ClosedConnection {
    fn from(closed: Closed) -> Self {
        let Closed { reason, age, backend_pid } = closed;
        Self { reason: reason.as_str(), age: age.as_secs_f64(), backend_pid }
    }
}

#[pymethods]
impl ClosedConnection {
    fn __repr__(&self) -> String {
        let pid = self.backend_pid.map_or_else(String::new, |pid| format!(" backend_pid={pid}"));
        format!("<ClosedConnection {}{pid} after {:.3} s>", self.reason, self.age)
    }
}
