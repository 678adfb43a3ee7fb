//! `echo=`, `slow_query=`, `add_tracer` and OpenTelemetry: what an engine's user sees of its work.
//!
//! Pools are polled on the thread of their event loop, and so are the functions here called; a statement that was dropped
//! tells of its end on any thread. What they raise belongs to nobody who awaits: it goes to `sys.unraisablehook`.

mod log;
mod spans;
mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ormkit_core::pool::{Acquired, Closed, Connected, Ended, Released, Started, Tracer};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBool;

pub(crate) use watch::{Sent, Watch};

use spans::Spans;

use super::Engine;
use super::target::Target;
use super::trace_event::TraceEvent;
use crate::bridge::{SitesWanted, at_drop};
use crate::event::EngineListeners;

/// Who is told what an engine does.
pub(super) struct Tracing {
    echo: Option<Echo>,
    slow: Option<Slow>,
    spans: Option<Spans>,
    functions: Mutex<Arc<[Py<PyAny>]>>,
    /// Listeners of `ormkit.event`.
    pub(super) listeners: EngineListeners,
    /// Somebody listens.
    wanted: AtomicBool,
}

/// What is logged of every statement.
#[derive(Clone, Copy)]
struct Echo {
    values: bool,
}

/// What takes longer is logged, with the line that began it.
struct Slow {
    limit: Duration,
    _sites: SitesWanted,
}

impl Tracing {
    /// # Errors
    /// `ValueError`: `echo` is neither a bool nor "debug".
    pub(super) fn new(
        py: Python<'_>,
        echo: Option<Bound<'_, PyAny>>,
        slow: Option<Duration>,
        target: &Target,
    ) -> PyResult<Self> {
        let echo = echo.map_or(Ok(None), |given| read_echo(&given))?;
        if echo.is_some() {
            log::ensure_handler(py)?;
        }
        let slow = slow.map(|limit| Slow { limit, _sites: SitesWanted::new() });
        let wanted = AtomicBool::new(echo.is_some() || slow.is_some());
        let spans = Spans::new(py, target)?;
        Ok(Self {
            echo,
            slow,
            spans,
            functions: Mutex::new(Arc::new([])),
            listeners: EngineListeners::default(),
            wanted,
        })
    }

    fn functions(&self) -> MutexGuard<'_, Arc<[Py<PyAny>]>> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_functions(&self, functions: Vec<Py<PyAny>>) {
        let wanted = self.echo.is_some() || self.slow.is_some() || !functions.is_empty();
        let before = std::mem::replace(&mut *self.functions(), functions.into());
        self.wanted.store(wanted, Ordering::Relaxed);
        // It may be the last reference to objects whose end runs Python.
        drop(before);
    }

    /// Calls the functions with an event, which is made only where there are some.
    fn call(&self, event: impl Fn() -> TraceEvent) {
        let functions = Arc::clone(&self.functions());
        for function in functions.iter() {
            at_drop(|py| function.call1(py, (Py::new(py, event())?,)).map(drop));
        }
    }
}

fn read_echo(given: &Bound<'_, PyAny>) -> PyResult<Option<Echo>> {
    if let Ok(given) = given.cast::<PyBool>() {
        return Ok(given.is_true().then_some(Echo { values: false }));
    }
    match given.extract::<String>() {
        Ok(word) if word == "debug" => Ok(Some(Echo { values: true })),
        _ if given.is_none() => Ok(None),
        _ => Err(PyValueError::new_err(format!("echo is True, False or \"debug\", not {}", given.repr()?))),
    }
}

impl Tracer for Tracing {
    fn wants(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
            || self.listeners.any()
            || watch::is_wanted()
            || self.spans.as_ref().is_some_and(Spans::are_wanted)
    }

    fn connecting(&self) {
        self.call(TraceEvent::connecting);
    }

    fn connected(&self, connected: &Connected<'_>) {
        if let Some(error) = connected.error {
            self.listeners.not_connected(error);
        }
        self.call(|| connected.into());
    }

    fn released(&self, released: &Released) {
        self.listeners.released(released);
    }

    fn closed(&self, id: u64, _closed: &Closed) {
        self.listeners.closed(id);
    }

    fn acquired(&self, acquired: &Acquired<'_>) {
        self.listeners.acquired(acquired);
        self.call(|| acquired.into());
    }

    fn started(&self, started: &Started<'_>) {
        watch::note(self, started);
        if let Some(spans) = self.spans.as_ref().filter(|spans| spans.are_wanted()) {
            at_drop(|py| spans.begin(py, started));
        }
        self.listeners.started(started);
        self.call(|| started.into());
    }

    fn ended(&self, ended: &Ended<'_>) {
        if let Some(spans) = &self.spans {
            at_drop(|py| spans.end(py, ended));
        }
        if let Some(Echo { values }) = self.echo {
            at_drop(|py| log::statement(py, ended, values));
        }
        if let Some(slow) = &self.slow
            && ended.timing.is_some_and(|timing| timing.total() >= slow.limit)
        {
            at_drop(|py| log::slow(py, ended));
        }
        self.listeners.ended(ended);
        self.call(|| ended.into());
    }
}

impl Engine {
    /// Who listens to its statements.
    pub(crate) fn listeners(&self) -> &EngineListeners {
        &self.inner.options.tracing.listeners
    }
}

#[pymethods]
impl Engine {
    /// Call a function with a `TraceEvent` for everything that the engine does: it connects, somebody gets a connection, a
    /// statement is sent, a statement is over.
    ///
    /// Args:
    ///     function: It must not wait. What it raises goes to `sys.unraisablehook`, and harms no statement.
    ///
    /// What the engine does by itself to clean a connection is not told, nor is the connection of a `Listener`.
    ///
    /// Raises:
    ///     TypeError: It cannot be called.
    fn add_tracer(&self, py: Python<'_>, function: Py<PyAny>) -> PyResult<()> {
        let given = function.bind(py);
        if !given.is_callable() {
            let found = given.get_type().name()?;
            return Err(PyTypeError::new_err(format!("add_tracer() takes a callable, not {found}")));
        }
        let tracing = &self.inner.options.tracing;
        let known = Arc::clone(&tracing.functions());
        let known = known.iter().map(|known| known.clone_ref(py));
        tracing.set_functions(known.chain([function]).collect());
        Ok(())
    }

    /// Call it no more.
    ///
    /// Raises:
    ///     ValueError: The function was not added.
    fn remove_tracer(&self, py: Python<'_>, function: &Bound<'_, PyAny>) -> PyResult<()> {
        let tracing = &self.inner.options.tracing;
        let known = Arc::clone(&tracing.functions());
        let mut kept: Vec<_> = known.iter().map(|known| known.clone_ref(py)).collect();
        for at in 0..kept.len() {
            if kept[at].bind(py).eq(function)? {
                let removed = kept.remove(at);
                tracing.set_functions(kept);
                drop(removed);
                return Ok(());
            }
        }
        Err(PyValueError::new_err("remove_tracer(): the function was not added"))
    }
}
