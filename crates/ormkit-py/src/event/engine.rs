//! Listeners of the statements of an engine: `before_cursor_execute` and `after_cursor_execute`.
//!
//! They are called from the tracer: what they raise harms no statement, and goes to `sys.unraisablehook`.
use super::listener::{Arguments, Choices};
use super::registry::Registry;
use crate::bridge::at_drop;
use crate::convert;
use ormkit_core::driver::Effect;
use ormkit_core::pool::{Ended, Outcome, Started};
use ormkit_core::value::Params;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What happens to a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineEvent {
    Before,
    After,
}

/// The events and their names.
pub(super) const EVENTS: [(&str, EngineEvent); 2] =
    [("before_cursor_execute", EngineEvent::Before), ("after_cursor_execute", EngineEvent::After)];

/// Who listens to an engine.
#[derive(Default)]
pub(crate) struct EngineListeners {
    registry: Registry<EngineEvent>,
    /// Statements that have begun, by their numbers.
    running: Mutex<FxHashMap<u64, Py<ExecutionContext>>>,
    any: AtomicBool,
}

/// A statement that is run. Both events of it are given the same one, on which attributes may be set.
#[pyclass(frozen, dict, name = "ExecutionContext", module = "ormkit.event")]
pub(crate) struct ExecutionContext {
    /// The SQL.
    #[pyo3(get)]
    statement: String,
    /// The values, in the order of the placeholders.
    #[pyo3(get)]
    parameters: Py<PyList>,
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
        self.any.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Takes a function out; false where it did not listen.
    pub(super) fn take(&self, event: EngineEvent, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        let taken = self.registry.take(event, function)?;
        self.any.store(!self.registry.is_empty(), Ordering::Relaxed);
        Ok(taken)
    }

    /// True where a function listens.
    pub(super) fn has(&self, event: EngineEvent, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.registry.has(event, function)
    }

    /// A statement goes to the database.
    pub(crate) fn started(&self, started: &Started<'_>) {
        let is_command = matches!(
            started.text.effect,
            Effect::Begin { .. } | Effect::BeginRebuild | Effect::Commit | Effect::Rollback
        );
        if !self.any() || is_command {
            return;
        }
        at_drop(|py| {
            let context = Py::new(py, ExecutionContext::new(py, &started.text.sql, started.params)?)?;
            self.running().insert(started.id, context.clone_ref(py));
            self.call(py, EngineEvent::Before, &context)
        });
    }

    /// A statement is over; of one that has failed, or was not executed, nobody is told.
    pub(crate) fn ended(&self, ended: &Ended<'_>) {
        let Some(context) = self.running().remove(&ended.id) else { return };
        at_drop(|py| {
            if !matches!(ended.outcome, Outcome::Done) {
                return Ok(());
            }
            *context.get().end() = End {
                duration: ended.timing.map(|timing| timing.statement().as_secs_f64()),
                rows: Some(ended.rows),
                rowcount: Some(ended.affected),
            };
            self.call(py, EngineEvent::After, &context)
        });
    }

    fn call(&self, py: Python<'_>, event: EngineEvent, context: &Py<ExecutionContext>) -> PyResult<()> {
        let name = EVENTS.iter().find(|(_, known)| *known == event).map_or("", |(name, _)| name);
        for listener in self.registry.of(event) {
            let shown = context.get();
            let arguments: Arguments = vec![
                ("conn", context.clone_ref(py).into_any()),
                ("cursor", py.None()),
                ("statement", shown.statement.clone().into_pyobject(py)?.into_any().unbind()),
                ("parameters", shown.parameters.clone_ref(py).into_any()),
                ("context", context.clone_ref(py).into_any()),
                ("executemany", false.into_pyobject(py)?.to_owned().into_any().unbind()),
            ];
            let called = listener.call_now(py, name, &arguments);
            if let Err(error) = called {
                error.write_unraisable(py, None);
            }
        }
        Ok(())
    }
}
