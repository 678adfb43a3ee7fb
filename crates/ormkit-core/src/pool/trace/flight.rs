//! The statements of one flight, measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Ended, Outcome, Started, Timing, Tracer, ids, tell};
use crate::driver::{Batch, Column, Connection, Row, RowSink, Statement, StatementText};
use crate::error::{Error, Result};
use crate::runtime::Runtime;

/// Runs a batch and tells the tracer of each statement: of its start before, of its end when the flight is over.
pub(in crate::pool) async fn run(
    connection: &mut dyn Connection,
    tracer: &dyn Tracer,
    runtime: &Arc<dyn Runtime>,
    begun: Begun,
    batch: Batch<'_>,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let mut flight = Flight::start(connection, tracer, runtime, begun, batch);
    let ran = connection.run(batch, &mut Watch { sink, runtime, progress: &mut flight.progress }).await;
    flight.end(Some(ran.as_ref().err()));
    ran
}

/// What is known before a flight.
pub(in crate::pool) struct Begun {
    /// How long the caller has waited for the connection.
    pub(in crate::pool) queue: Duration,
    pub(in crate::pool) comment: Option<Arc<str>>,
}

impl Begun {
    /// The comment that a statement has.
    fn of(&self, text: &StatementText) -> Option<&str> {
        self.comment.as_deref().filter(|_| text.takes_comment())
    }
}

/// What is told at the end, also when the flight is dropped.
struct Flight<'a> {
    tracer: &'a dyn Tracer,
    runtime: &'a Arc<dyn Runtime>,
    batch: Batch<'a>,
    begun: Begun,
    began: Instant,
    first_id: u64,
    /// One for each statement that the sink hears of.
    progress: Vec<Progress>,
    told: bool,
}

/// How far a statement is.
#[derive(Clone, Copy, Default)]
struct Progress {
    first_word: Option<Instant>,
    done: Option<Instant>,
    in_sink: Duration,
    rows: u64,
    affected: u64,
}

impl<'a> Flight<'a> {
    fn start(
        connection: &dyn Connection,
        tracer: &'a dyn Tracer,
        runtime: &'a Arc<dyn Runtime>,
        begun: Begun,
        batch: Batch<'a>,
    ) -> Self {
        let backend_pid = connection.backend_pid();
        let first_id = ids(batch.before.len() + batch.statements.len());
        for (id, statement) in (first_id..).zip(batch.before.iter().chain(batch.statements)) {
            let Statement { text, params, piece } = statement;
            let continues = piece.is_some_and(|piece| !piece.first);
            tell(tracer, |tracer| {
                tracer.started(&Started { id, text, params, backend_pid, comment: begun.of(text), continues })
            });
        }
        let progress = vec![Progress::default(); batch.statements.len()];
        Self { tracer, runtime, batch, begun, began: runtime.now(), first_id, progress, told: false }
    }

    /// Tells of the end of all statements. `error`: what the flight has failed with; None for one that was dropped.
    fn end(&mut self, error: Option<Option<&Error>>) {
        self.told = true;
        let now = self.runtime.now();
        let behind = self.batch.before.len();
        let failed = error.flatten().map(|error| (self.failed(error), error));
        let mut began = self.began;
        for at in 0..behind + self.progress.len() {
            let progress = at.checked_sub(behind).map(|at| self.progress[at]);
            let answered = match progress {
                Some(progress) => progress.done.is_some(),
                None => self.progress.iter().any(|progress| progress.first_word.is_some()),
            };
            let outcome = match (error, failed) {
                (None, _) if !answered => Outcome::Cancelled,
                (Some(_), Some((failed, error))) if at == failed => Outcome::Failed(error),
                (Some(_), Some((failed, _))) if at > failed => Outcome::Skipped,
                _ => Outcome::Done,
            };
            let is_last = at + 1 == behind && self.progress.is_empty();
            let timing = match (outcome, progress) {
                (Outcome::Skipped, _) => None,
                (_, Some(progress)) => {
                    let end = progress.done.unwrap_or(now);
                    let queue = if at == behind { self.begun.queue } else { Duration::ZERO };
                    Some(progress.timing(queue, std::mem::replace(&mut began, end), end))
                }
                (_, None) => is_last.then(|| Progress::default().timing(self.begun.queue, began, now)),
            };
            self.tell_end(at, progress.unwrap_or_default(), timing, outcome);
        }
    }

    fn tell_end(&self, at: usize, progress: Progress, timing: Option<Timing>, outcome: Outcome<'_>) {
        let Batch { before, statements } = self.batch;
        let Some(statement) = before.get(at).or_else(|| statements.get(at - before.len())) else { return };
        let Progress { rows, affected, .. } = progress;
        let (id, Statement { text, params, .. }) = (self.first_id + at as u64, statement);
        let ended = Ended { id, text, params, timing, rows, affected, outcome, comment: self.begun.of(text) };
        tell(self.tracer, |tracer| tracer.ended(&ended));
    }

    /// The number of the statement that an error belongs to: where the error does not name one that came in front, the
    /// first that was not answered, or the last.
    fn failed(&self, error: &Error) -> usize {
        let before = self.batch.before;
        if self.progress.iter().all(|progress| progress.first_word.is_none()) {
            let named = |statement: &Statement| error.statement() == Some(statement.text.sql.as_str());
            match before.iter().position(named) {
                Some(at) => return at,
                // A connection that broke: nothing is known to have been executed.
                None if !self.batch.statements.first().is_some_and(named) => return 0,
                None => {}
            }
        }
        let open = self.progress.iter().position(|progress| progress.done.is_none());
        before.len() + open.unwrap_or(self.progress.len().saturating_sub(1))
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.end(None);
        }
    }
}

impl Progress {
    fn timing(&self, queue: Duration, began: Instant, end: Instant) -> Timing {
        let first_word = self.first_word.unwrap_or(end);
        Timing {
            queue,
            server: first_word.saturating_duration_since(began),
            network: end.saturating_duration_since(first_word).saturating_sub(self.in_sink),
            hydrate: self.in_sink,
        }
    }
}

/// A sink that measures.
struct Watch<'a> {
    sink: &'a mut dyn RowSink,
    runtime: &'a Arc<dyn Runtime>,
    progress: &'a mut [Progress],
}

impl Watch<'_> {
    /// Hands something on to the sink.
    fn hand(
        &mut self,
        statement: usize,
        show: impl FnOnce(&mut dyn RowSink) -> Result<()>,
        count: impl FnOnce(&mut Progress, Instant),
    ) -> Result<()> {
        let word = self.runtime.now();
        let shown = show(self.sink);
        let after = self.runtime.now();
        if let Some(progress) = self.progress.get_mut(statement) {
            progress.first_word.get_or_insert(word);
            progress.in_sink += after.saturating_duration_since(word);
            count(progress, after);
        }
        shown
    }
}

impl RowSink for Watch<'_> {
    fn columns(&mut self, statement: usize, columns: &[Column<'_>]) -> Result<()> {
        self.hand(statement, |sink| sink.columns(statement, columns), |_, _| {})
    }

    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        self.hand(statement, |sink| sink.row(statement, row), |progress, _| progress.rows += 1)
    }

    fn restart(&mut self, statement: usize) {
        if let Some(progress) = self.progress.get_mut(statement) {
            *progress = Progress { in_sink: progress.in_sink, ..Progress::default() };
        }
        self.sink.restart(statement);
    }

    fn suspended(&mut self, statement: usize) {
        let suspend = |sink: &mut dyn RowSink| {
            sink.suspended(statement);
            Ok(())
        };
        // It answers Ok.
        let _ = self.hand(statement, suspend, |progress, now| progress.done = Some(now));
    }

    fn done(&mut self, statement: usize, affected: u64) -> Result<()> {
        let count = |progress: &mut Progress, now| {
            progress.done = Some(now);
            progress.affected = affected;
        };
        self.hand(statement, |sink| sink.done(statement, affected), count)
    }
}
