//! Listeners of what an engine does: its connections, transactions, statements and errors.
//!
//! But for those of `connect` they are called from the tracer: what they raise harms no statement, and goes to `sys.unraisablehook`.
use super::listener::Listener;
use super::listener::{Arguments, Choices};
use super::records::{ConnectionRecord, ExceptionContext};
use super::registry::Registry;
use crate::bridge::at_drop;
use crate::convert;
use ormkit_core::driver::Effect;
use ormkit_core::error::Error;
use ormkit_core::pool::{Acquired, Ended, Outcome, Released, Started};
use ormkit_core::value::Params;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What an engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineEvent {
    Before,
    After,
    HandleError,
    Begin,
    Commit,
    Rollback,
    Connect,
    Checkout,
    Checkin,
    Close,
}

/// The events and their names.
pub(super) const EVENTS: [(&str, EngineEvent); 10] = [
    ("before_cursor_execute", EngineEvent::Before),
    ("after_cursor_execute", EngineEvent::After),
    ("handle_error", EngineEvent::HandleError),
    ("begin", EngineEvent::Begin),
    ("commit", EngineEvent::Commit),
    ("rollback", EngineEvent::Rollback),
    ("connect", EngineEvent::Connect),
    ("checkout", EngineEvent::Checkout),
    ("checkin", EngineEvent::Checkin),
    ("close", EngineEvent::Close),
];

/// Who listens to an engine.
#[derive(Default)]
pub(crate) struct EngineListeners {
    registry: Registry<EngineEvent>,
    /// Statements that have begun, by their numbers.
    running: Mutex<FxHashMap<u64, Py<ExecutionContext>>>,
    /// Connections that were heard of, by their numbers.
    records: Mutex<FxHashMap<u64, Py<ConnectionRecord>>>,
    any: AtomicBool,
    connect: AtomicBool,
}

/// A statement that is run. Both events of it are given the same one, on which attributes may be set.
#[pyclass(frozen, dict, name = "ExecutionContext", module = "ormkit.event")]
pub(crate) struct ExecutionContext {
    /// The SQL.
    #[pyo3(get)]
    pub(super) statement: String,
    /// The values, in the order of the placeholders.
    #[pyo3(get)]
    pub(super) parameters: Py<PyList>,
    /// Notes of the listeners, for as long as the statement runs.
    #[pyo3(get)]
    info: Py<PyDict>,
    end: Mutex<End>,
}

/// What came of a statement.
#[derive(Default)]
struct End {
    duration: Option<f64>,
    rows: Option<u64>,
    rowcount: Option<u64>,
}

impl ExecutionContext {
    fn new(py: Python<'_>, statement: &str, params: &Params) -> PyResult<Self> {
        // A value that Python cannot hold again, as one of JSON text that is none, is shown as None.
        let value = |at| convert::read(py, params.get(at), None).map_or_else(|_| py.None(), Bound::unbind);
        let values: Vec<Py<PyAny>> = (0..params.len()).map(value).collect();
        Ok(Self {
            statement: statement.to_owned(),
            parameters: PyList::new(py, values)?.unbind(),
            info: PyDict::new(py).unbind(),
            end: Mutex::default(),
        })
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl ExecutionContext {
    /// How long it took, in seconds, without the wait for a connection; None before its end, and of a BEGIN that travelled in
    /// front of another statement.
    #[getter]
    fn duration(&self) -> Option<f64> {
        self.end().duration
    }

    /// Rows that came; None before its end.
    #[getter]
    fn rows(&self) -> Option<u64> {
        self.end().rows
    }

    /// Rows that were read or written, as the database says; None before its end.
    #[getter]
    fn rowcount(&self) -> Option<u64> {
        self.end().rowcount
    }
}

impl EngineListeners {
    fn running(&self) -> MutexGuard<'_, FxHashMap<u64, Py<ExecutionContext>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True where somebody listens.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Lets a function hear. The same function once more changes nothing.
    ///
    /// # Errors
    /// `TypeError`: it cannot be called.
    pub(super) fn add(
        &self,
        event: EngineEvent,
        function: &Bound<'_, PyAny>,
        choices: Choices,
    ) -> PyResult<()> {
        self.registry.add(event, function, choices)?;
        self.count();
        Ok(())
    }

    /// Takes a function out; false where it did not listen.
    pub(super) fn take(&self, event: EngineEvent, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        let taken = self.registry.take(event, function)?;
        self.count();
        if !self.any() {
            // Nobody is told of their end any more.
            let known = (std::mem::take(&mut *self.running()), std::mem::take(&mut *self.records()));
            drop(known);
        }
        Ok(taken)
    }

    /// Notes whether somebody listens.
    fn count(&self) {
        self.any.store(!self.registry.is_empty(), Ordering::Relaxed);
        self.connect.store(!self.registry.of(EngineEvent::Connect).is_empty(), Ordering::Relaxed);
    }

    /// True where somebody listens to new connections.
    pub(crate) fn hears_connect(&self) -> bool {
        self.connect.load(Ordering::Relaxed)
    }

    /// Who listens to new connections.
    pub(crate) fn of_connect(&self) -> Vec<Arc<Listener>> {
        self.registry.of(EngineEvent::Connect)
    }

    /// Somebody got a connection.
    pub(crate) fn acquired(&self, acquired: &Acquired<'_>) {
        let Some(id) = acquired.id.filter(|_| self.any()) else { return };
        at_drop(|py| {
            let record = self.record(py, id, acquired.backend_pid)?;
            self.call(py, EngineEvent::Checkout, &|py| {
                vec![
                    ("dbapi_connection", py.None()),
                    ("connection_record", record.clone_ref(py).into_any()),
                    ("connection_proxy", py.None()),
                ]
            })
        });
    }

    /// A connection was given back.
    pub(crate) fn released(&self, released: &Released) {
        if !self.any() {
            return;
        }
        at_drop(|py| {
            let record = self.record(py, released.id, released.backend_pid)?;
            self.call(py, EngineEvent::Checkin, &|py| of_connection(py, &record))
        });
    }

    /// A connection is closed.
    pub(crate) fn closed(&self, id: u64) {
        let known = self.records().remove(&id);
        if !self.any() {
            return;
        }
        at_drop(|py| {
            let record = match known {
                Some(record) => record,
                None => Py::new(py, ConnectionRecord::new(py, id, None))?,
            };
            self.call(py, EngineEvent::Close, &|py| of_connection(py, &record))
        });
    }

    /// A connection could not be opened.
    pub(crate) fn not_connected(&self, error: &Error) {
        if self.any() {
            at_drop(|py| self.failed(py, error, None));
        }
    }

    fn failed(&self, py: Python<'_>, error: &Error, context: Option<Py<ExecutionContext>>) -> PyResult<()> {
        if self.registry.of(EngineEvent::HandleError).is_empty() {
            return Ok(());
        }
        let context = Py::new(py, ExceptionContext::new(py, error, context))?;
        self.call(py, EngineEvent::HandleError, &|py| {
            vec![("exception_context", context.clone_ref(py).into_any())]
        })
    }

    fn records(&self) -> MutexGuard<'_, FxHashMap<u64, Py<ConnectionRecord>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, py: Python<'_>, id: u64, backend_pid: Option<u32>) -> PyResult<Py<ConnectionRecord>> {
        if let Some(known) = self.records().get(&id) {
            return Ok(known.clone_ref(py));
        }
        let made = Py::new(py, ConnectionRecord::new(py, id, backend_pid))?;
        self.records().insert(id, made.clone_ref(py));
        Ok(made)
    }

    /// True where a function listens.
    pub(super) fn has(&self, event: EngineEvent, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.registry.has(event, function)
    }

    /// A statement goes to the database.
    pub(crate) fn started(&self, started: &Started<'_>) {
        if !self.any() {
            return;
        }
        let event = match started.text.effect {
            Effect::Begin { .. } | Effect::BeginRebuild => EngineEvent::Begin,
            Effect::Commit => EngineEvent::Commit,
            Effect::Rollback => EngineEvent::Rollback,
            _ => EngineEvent::Before,
        };
        at_drop(|py| {
            let context = Py::new(py, ExecutionContext::new(py, &started.text.sql, started.params)?)?;
            if event != EngineEvent::Before {
                return self.call(py, event, &|py| vec![("conn", context.clone_ref(py).into_any())]);
            }
            self.running().insert(started.id, context.clone_ref(py));
            self.call(py, event, &|py| of_statement(py, &context))
        });
    }

    /// A statement is over; of one that was not executed nobody is told.
    pub(crate) fn ended(&self, ended: &Ended<'_>) {
        let known = self.running().remove(&ended.id);
        if known.is_none() && !self.any() {
            return;
        }
        at_drop(|py| match (ended.outcome, known) {
            (Outcome::Done, Some(context)) => {
                *context.get().end() = End {
                    duration: ended.timing.map(|timing| timing.statement().as_secs_f64()),
                    rows: Some(ended.rows),
                    rowcount: Some(ended.affected),
                };
                self.call(py, EngineEvent::After, &|py| of_statement(py, &context))
            }
            (Outcome::Failed(error), known) => {
                let context = match known {
                    Some(context) => context,
                    None => Py::new(py, ExecutionContext::new(py, &ended.text.sql, ended.params)?)?,
                };
                self.failed(py, error, Some(context))
            }
            _ => Ok(()),
        });
    }

    fn call(
        &self,
        py: Python<'_>,
        event: EngineEvent,
        arguments: &dyn Fn(Python<'_>) -> Arguments,
    ) -> PyResult<()> {
        let name = EVENTS.iter().find(|(_, known)| *known == event).map_or("", |(name, _)| name);
        for listener in self.registry.of(event) {
            if let Err(error) = listener.call_now(py, name, &arguments(py)) {
                error.write_unraisable(py, None);
            }
        }
        Ok(())
    }
}

fn of_connection(py: Python<'_>, record: &Py<ConnectionRecord>) -> Arguments {
    vec![("dbapi_connection", py.None()), ("connection_record", record.clone_ref(py).into_any())]
}

fn of_statement(py: Python<'_>, context: &Py<ExecutionContext>) -> Arguments {
    let shown = context.get();
    let statement = PyString::new(py, &shown.statement).into_any().unbind();
    let executemany = PyBool::new(py, false).to_owned().into_any().unbind();
    vec![
        ("conn", context.clone_ref(py).into_any()),
        ("cursor", py.None()),
        ("statement", statement),
        ("parameters", shown.parameters.clone_ref(py).into_any()),
        ("context", context.clone_ref(py).into_any()),
        ("executemany", executemany),
    ]
}
