//! What the functions that trace an engine are called with.

use std::time::Duration;

use ormkit_core::error::Error;
use ormkit_core::pool::{Acquired, Connected, Ended, Outcome, Started};
use pyo3::prelude::*;

use crate::errors::name_of;

/// Something that an engine does. It has no values, and no text of an error: both may hold what is secret.
#[pyclass(frozen, get_all, name = "TraceEvent", module = "ormkit")]
#[derive(Default)]
pub(crate) struct TraceEvent {
    /// `"connecting"`, `"connected"`, `"acquired"` (somebody got a connection, or did not), `"started"` (a statement was sent)
    /// or `"ended"`.
    event: &'static str,
    /// The number of a statement: its start and its end have the same.
    id: Option<u64>,
    /// The text of a statement.
    sql: Option<String>,
    /// The comment that `query_tags` has it end with.
    comment: Option<String>,
    /// How long it took, in seconds: to connect, to wait for a connection, or the statement without that wait. None for
    /// starts, for a statement that was skipped, and for a BEGIN or SAVEPOINT that travelled in front of another
    /// statement, in whose time it is.
    duration: Option<f64>,
    /// Of `"ended"`: the wait for a connection before, in seconds.
    queue: Option<f64>,
    /// Of `"ended"`: until the first word of the answer, in seconds.
    server: Option<f64>,
    /// Of `"ended"`: from the first word of the answer to the last, without `hydrate`, in seconds.
    network: Option<f64>,
    /// Of `"ended"`: taking in the rows, in seconds: for a session, decoding them and making objects.
    hydrate: Option<f64>,
    /// Of `"ended"`: rows that came.
    rows: Option<u64>,
    /// Of `"ended"`: rows that were read or written, as the database says.
    affected: Option<u64>,
    /// Of all but starts: `"done"`, `"failed"`, `"skipped"` (one before it in the same flight has failed) or `"cancelled"`.
    outcome: Option<&'static str>,
    /// Of a failure: the name of its class, as `"UniqueViolation"`.
    error: Option<&'static str>,
    /// Of a failure that the database tells of: its SQLSTATE.
    sqlstate: Option<String>,
    /// Of `"connected"` and `"started"`: the server's process, on PostgreSQL.
    backend_pid: Option<u32>,
}

impl TraceEvent {
    pub(super) fn connecting() -> Self {
        Self { event: "connecting", ..Self::default() }
    }

    fn over(event: &'static str, time: Duration, error: Option<&Error>) -> Self {
        let outcome = if error.is_some() { "failed" } else { "done" };
        let duration = Some(time.as_secs_f64());
        Self { event, duration, outcome: Some(outcome), ..Self::default() }.with_error(error)
    }

    fn with_error(self, error: Option<&Error>) -> Self {
        let sqlstate = error.and_then(Error::diagnostics).map(|said| said.sqlstate.as_str().to_owned());
        Self { error: error.map(|error| name_of(error.class())), sqlstate, ..self }
    }
}

impl From<&Connected<'_>> for TraceEvent {
    fn from(connected: &Connected<'_>) -> Self {
        let Connected { time, backend_pid, error } = *connected;
        Self { backend_pid, ..Self::over("connected", time, error) }
    }
}

impl From<&Acquired<'_>> for TraceEvent {
    fn from(acquired: &Acquired<'_>) -> Self {
        Self::over("acquired", acquired.time, acquired.error)
    }
}

impl From<&Started<'_>> for TraceEvent {
    fn from(started: &Started<'_>) -> Self {
        Self {
            event: "started",
            id: Some(started.id),
            sql: Some(started.text.sql.clone()),
            comment: started.comment.map(str::to_owned),
            backend_pid: started.backend_pid,
            ..Self::default()
        }
    }
}

impl From<&Ended<'_>> for TraceEvent {
    fn from(ended: &Ended<'_>) -> Self {
        let seconds = |part: fn(&ormkit_core::pool::Timing) -> Duration| {
            ended.timing.as_ref().map(|timing| part(timing).as_secs_f64())
        };
        let event = Self {
            event: "ended",
            id: Some(ended.id),
            sql: Some(ended.text.sql.clone()),
            comment: ended.comment.map(str::to_owned),
            duration: seconds(|timing| timing.statement()),
            queue: seconds(|timing| timing.queue),
            server: seconds(|timing| timing.server),
            network: seconds(|timing| timing.network),
            hydrate: seconds(|timing| timing.hydrate),
            rows: Some(ended.rows),
            affected: Some(ended.affected),
            outcome: Some(name(ended.outcome)),
            ..Self::default()
        };
        match ended.outcome {
            Outcome::Failed(error) => event.with_error(Some(error)),
            _ => event,
        }
    }
}

/// What came of a statement, as a word.
pub(super) fn name(outcome: Outcome<'_>) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Failed(_) => "failed",
        Outcome::Skipped => "skipped",
        Outcome::Cancelled => "cancelled",
    }
}

#[pymethods]
impl TraceEvent {
    fn __repr__(&self) -> String {
        let sql = self.sql.as_deref().map_or_else(String::new, |sql| format!(" {sql:?}"));
        let outcome = self.outcome.map_or_else(String::new, |outcome| format!(" {outcome}"));
        format!("<TraceEvent {}{outcome}{sql}>", self.event)
    }
}
