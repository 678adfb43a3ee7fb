//! Spans of OpenTelemetry, one for each statement, where its API is installed and a provider is set up (its semantic
//! conventions for database client calls).

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use ormkit_core::driver::Effect;
use ormkit_core::pool::{Ended, Outcome, Started};
use pyo3::exceptions::PyImportError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::super::target::Target;
use crate::bridge::{SitesWanted, current_site};
use crate::errors::name_of;

/// What makes spans of an engine's statements.
pub(super) struct Spans {
    tracer: Py<PyAny>,
    /// Answers the provider that is set up.
    provider: Py<PyAny>,
    /// The class of the provider that stands in until one is.
    unset: Py<PyAny>,
    client: Py<PyAny>,
    failed: Py<PyAny>,
    /// What all spans of the engine say.
    place: Py<PyDict>,
    /// A provider is set up: from then on it is asked for the lines, and with them the contexts, of operations.
    live: OnceLock<SitesWanted>,
    /// Spans that have begun, by the number of the statement.
    open: Mutex<HashMap<u64, Py<PyAny>>>,
}

impl Spans {
    /// None where the API is not installed.
    ///
    /// # Errors
    /// What Python raises.
    pub(super) fn new(py: Python<'_>, target: &Target) -> PyResult<Option<Self>> {
        let trace = match py.import("opentelemetry.trace") {
            Ok(trace) => trace,
            Err(error) if error.is_instance_of::<PyImportError>(py) => return Ok(None),
            Err(error) => return Err(error),
        };
        let tracer = trace.getattr("get_tracer")?.call1(("ormkit", env!("CARGO_PKG_VERSION")))?;
        let place = PyDict::new(py);
        place.set_item("db.system.name", target.dialect().name.as_str())?;
        place.set_item("db.namespace", target.namespace())?;
        if let Some((host, port)) = target.server() {
            place.set_item("server.address", host)?;
            place.set_item("server.port", port)?;
        }
        Ok(Some(Self {
            tracer: tracer.unbind(),
            provider: trace.getattr("get_tracer_provider")?.unbind(),
            unset: trace.getattr("ProxyTracerProvider")?.unbind(),
            client: trace.getattr("SpanKind")?.getattr("CLIENT")?.unbind(),
            failed: trace.getattr("StatusCode")?.getattr("ERROR")?.unbind(),
            place: place.unbind(),
            live: OnceLock::new(),
            open: Mutex::default(),
        }))
    }

    /// True when a provider is set up.
    pub(super) fn are_wanted(&self) -> bool {
        if self.live.get().is_some() {
            return true;
        }
        let set = Python::attach(|py| {
            let provider = self.provider.bind(py).call0()?;
            Ok::<_, PyErr>(!provider.is_instance(self.unset.bind(py))?)
        });
        if set.unwrap_or(false) {
            self.live.get_or_init(SitesWanted::new);
        }
        self.live.get().is_some()
    }

    /// Begins the span of a statement, under the span that was current where the statement's operation was begun.
    ///
    /// # Errors
    /// What the tracer raises.
    pub(super) fn begin(&self, py: Python<'_>, started: &Started<'_>) -> PyResult<()> {
        let operation = operation(started);
        let attributes = self.place.bind(py).copy()?;
        attributes.set_item("db.query.text", &started.text.sql)?;
        attributes.set_item("db.operation.name", &operation)?;
        let arguments = PyDict::new(py);
        arguments.set_item("kind", &self.client)?;
        arguments.set_item("attributes", attributes)?;
        let start = self.tracer.bind(py).getattr(intern!(py, "start_span"))?;
        let span = match current_site() {
            Some(site) => {
                site.context(py).call_method(intern!(py, "run"), (start, operation), Some(&arguments))?
            }
            None => start.call((operation,), Some(&arguments))?,
        };
        if span.call_method0(intern!(py, "is_recording"))?.is_truthy()? {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(started.id, span.unbind());
        }
        Ok(())
    }

    /// Ends the span of a statement.
    ///
    /// # Errors
    /// What the span raises.
    pub(super) fn end(&self, py: Python<'_>, ended: &Ended<'_>) -> PyResult<()> {
        let span = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&ended.id);
        let Some(span) = span else { return Ok(()) };
        let span = span.bind(py);
        let set = |name: &str, value: &str| span.call_method1(intern!(py, "set_attribute"), (name, value));
        let failed = match ended.outcome {
            Outcome::Done => {
                span.call_method1(intern!(py, "set_attribute"), ("db.response.returned_rows", ended.rows))?;
                None
            }
            Outcome::Failed(error) => {
                if let Some(said) = error.diagnostics() {
                    set("db.response.status_code", said.sqlstate.as_str())?;
                }
                Some(name_of(error.class()))
            }
            Outcome::Skipped => Some("skipped"),
            Outcome::Cancelled => Some("cancelled"),
        };
        if let Some(failed) = failed {
            set("error.type", failed)?;
            span.call_method1(intern!(py, "set_status"), (&self.failed, failed))?;
        }
        span.call_method0(intern!(py, "end")).map(drop)
    }
}

/// The statement's first word.
fn operation(started: &Started<'_>) -> String {
    let sql = started.text.sql.trim_start();
    let end = sql.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(sql.len());
    match started.text.effect {
        Effect::Script => "SCRIPT".to_owned(),
        _ if end == 0 => "SQL".to_owned(),
        _ => sql[..end].to_ascii_uppercase(),
    }
}
