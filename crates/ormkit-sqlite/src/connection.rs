//! One connection: its own reader, the engine's writer while it needs it, and where its transaction stands.
//!
//! A statement runs on the reader when it only reads and no transaction is open; otherwise on the writer, which the
//! connection then keeps until the transaction ends (outside one: until the statement ends). A read-only transaction is
//! one of the reader: it holds up nobody. In memory everything runs on the writer.
//!
//! After an error inside a transaction only ROLLBACK is possible, as on PostgreSQL: a statement that ran for several
//! rows may have written some of them. Several statements of one batch outside a transaction, with a write among them,
//! run in a transaction of their own, as one flight does there.

mod placing;

use std::sync::{Arc, Mutex};
use std::task::Poll;

use ormkit_core::driver::{Batch, Cancel, Connection, Effect, Health, RowSink, Statement};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::runtime::BoxFuture;
use smallvec::SmallVec;

use self::placing::{Place, wants_own_transaction};
use crate::engine::Engine;
use crate::handle::{Failure, Handle};
use crate::pace::Pace;
use crate::worker::{Lease, Next, Order, Report, Task};
use crate::writer::Grant;
use crate::{error, inline, locked};

/// What a canceller can reach.
type Running = Arc<Mutex<Option<Arc<Task>>>>;

/// A connection of one pool slot.
pub(crate) struct SqliteConnection {
    engine: Arc<Engine>,
    /// None in memory, and while a task has it.
    reader: Option<Box<Handle>>,
    /// Held from the first write of a transaction to its end. None while a task has it.
    writer: Option<Grant>,
    /// What runs on a worker.
    task: Option<Outstanding>,
    running: Running,
    /// The transaction is open for the caller, whatever SQLite has made of it.
    open: bool,
    /// It is one that takes no writes, from its BEGIN on.
    read_only: bool,
    failed: bool,
    dirty: bool,
    closed: bool,
}

struct Outstanding {
    task: Arc<Task>,
    /// Nothing is lost by stopping it: it reads, or its transaction will be undone.
    may_stop: bool,
}

/// One statement of a batch; `number` is its number for the sink.
#[derive(Clone, Copy)]
struct Step<'a> {
    number: Option<usize>,
    statement: &'a Statement,
}

/// How a step fared on the polling thread.
enum Inline {
    Done,
    /// It belongs on the worker: it is long, or another process holds a lock.
    TooLong,
    /// It is no read after all; nothing was done.
    Writes,
}

impl SqliteConnection {
    pub(crate) fn new(engine: Arc<Engine>, reader: Option<Box<Handle>>) -> Self {
        Self {
            engine,
            reader,
            writer: None,
            task: None,
            running: Running::default(),
            open: false,
            read_only: false,
            failed: false,
            dirty: false,
            closed: false,
        }
    }

    async fn run_batch(&mut self, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        self.check_usable()?;
        batch.before.iter().chain(batch.statements).try_for_each(Statement::check)?;
        self.dirty = true;
        let engine = Arc::clone(&self.engine);
        let hidden = |statement| Step { number: None, statement };
        let shown = |(number, statement)| Step { number: Some(number), statement };
        let mut steps: SmallVec<[Step<'_>; 6]> = batch.before.iter().map(hidden).collect();
        steps.extend(batch.statements.iter().enumerate().map(shown));
        let own = !self.open && wants_own_transaction(&steps);
        if own {
            steps.insert(0, hidden(&engine.begin));
            steps.push(hidden(&engine.commit));
        }
        let result = self.run_steps(&steps, sink).await;
        self.settle(result.is_err(), own);
        result
    }

    fn check_usable(&self) -> Result<()> {
        let handles = self.reader.as_deref().into_iter().chain(self.writer.as_ref().map(Grant::handle));
        if !handles.into_iter().all(Handle::is_ours) {
            return Err(Error::interface(
                "a SQLite connection cannot be used after fork(): open a new engine there",
            ));
        }
        if self.closed {
            return Err(Error::new(ErrorKind::ConnectionLost("the SQLite connection is closed".into())));
        }
        if self.dirty {
            return Err(Error::interface(
                "the last batch of this connection was given up: clean() comes first",
            ));
        }
        Ok(())
    }

    /// The batch is over: gives the writer back where no transaction is open.
    fn settle(&mut self, error: bool, own: bool) {
        self.dirty = false;
        if own || (error && !self.open) {
            self.end_transaction();
        } else if error {
            self.failed = true;
        } else if !self.open {
            self.writer = None;
            self.reader.iter().for_each(|reader| reader.close_cursors());
        }
    }

    fn end_transaction(&mut self) {
        self.open = false;
        self.failed = false;
        self.read_only = false;
        self.writer = None; // undoes what is open
        if self.reader.as_ref().is_some_and(|reader| reader.in_transaction() && reader.rollback().is_err()) {
            self.closed = true;
        }
    }

    async fn run_steps(&mut self, steps: &[Step<'_>], sink: &mut dyn RowSink) -> Result<()> {
        let mut pace = Pace::new();
        let mut at = 0;
        // The step looked like a read and is none.
        let mut writes = false;
        while let Some(step) = steps.get(at) {
            if pace.is_due(Pace::STATEMENTS) {
                pace.rest().await;
            }
            if self.answer_without_sqlite(step.statement)? {
                report_done(sink, step.number, 0)?;
                at += 1;
                continue;
            }
            if let Effect::Begin { read_only: true } = step.statement.text.effect {
                self.read_only = true;
            }
            let place = if writes { Place::Writer } else { self.place(step.statement) };
            if place == Place::Writer && self.writer.is_none() {
                self.writer = Some(self.engine.writer().await?);
                pace.restart();
            }
            if let (Effect::BeginRebuild, Some(grant)) = (step.statement.text.effect, &mut self.writer) {
                grant.begin_rebuild()?;
            }
            self.check_reads_only(step.statement)?;
            match self.run_inline(step, place, sink)? {
                Inline::Done => {
                    at += 1;
                    writes = false;
                    continue;
                }
                Inline::Writes if place == Place::Reader => {
                    writes = true;
                    continue;
                }
                Inline::Writes | Inline::TooLong => {}
            }
            let end = match place {
                Place::Writer => steps.len(),
                Place::Reader => at + 1 + steps[at + 1..].iter().take_while(|step| self.stays(step)).count(),
            };
            self.run_on_worker(&steps[at..end], place, sink).await?;
            pace.restart();
            at = end;
            writes = false;
        }
        Ok(())
    }

    /// What the state of the transaction answers by itself: true when there is nothing to run.
    fn answer_without_sqlite(&mut self, statement: &Statement) -> Result<bool> {
        let effect = statement.text.effect;
        if effect == Effect::Rollback && !self.open {
            return Ok(true);
        }
        if !self.failed {
            return Ok(false);
        }
        match effect {
            Effect::Rollback if self.has_transaction() => Ok(false),
            Effect::Rollback => {
                self.end_transaction();
                Ok(true)
            }
            Effect::Commit => {
                self.end_transaction();
                Err(Error::new(ErrorKind::CommitRolledBack))
            }
            Effect::Savepoint if is_rollback_to(&statement.text.sql) && self.has_transaction() => Ok(false),
            _ => Err(error::in_failed_transaction().in_statement(&statement.text.sql)),
        }
    }

    /// The handle that a transaction is on.
    fn seat(&self) -> Option<&Handle> {
        match &self.writer {
            Some(grant) => Some(grant.handle()),
            None => self.reader.as_deref().filter(|_| self.read_only),
        }
    }

    /// False when SQLite has undone the transaction by itself (a full disk, an interrupted write).
    fn has_transaction(&self) -> bool {
        self.seat().is_some_and(Handle::in_transaction)
    }

    /// Runs a step here and now where that is known to be short.
    fn run_inline(&mut self, step: &Step<'_>, place: Place, sink: &mut dyn RowSink) -> Result<Inline> {
        let text = &step.statement.text;
        if !self.goes_inline(step.statement, place) {
            return Ok(Inline::TooLong);
        }
        let handle = match place {
            Place::Reader => self.reader.as_deref(),
            Place::Writer => self.writer.as_ref().map(Grant::handle),
        };
        let handle = handle.ok_or_else(|| Error::interface("the SQLite handle is in use"))?;
        let result = match text.effect {
            Effect::Read => inline::read(handle, step.statement, step.number, sink),
            _ => inline::write(handle, step.statement, step.number, sink),
        };
        match result {
            Ok(affected) => {
                self.after_success(text.effect, true);
                report_done(sink, step.number, affected)?;
                Ok(Inline::Done)
            }
            Err(Failure::Stopped) => {
                self.engine.slow.note(text.fingerprint(), true);
                step.number.into_iter().for_each(|number| sink.restart(number));
                Ok(Inline::TooLong)
            }
            Err(Failure::Busy(_)) => Ok(Inline::TooLong),
            Err(Failure::Writes) => Ok(Inline::Writes),
            Err(Failure::Error(error)) => {
                self.after_failure(text.effect);
                Err(error)
            }
        }
    }

    fn after_success(&mut self, effect: Effect, bounded: bool) {
        if self.seat().is_none() {
            return;
        }
        self.open = self.has_transaction();
        // Only ROLLBACK TO gets past a failed transaction without ending it.
        self.failed = false;
        let wrote = !self.read_only && !matches!(effect, Effect::Read);
        self.read_only &= self.open;
        let Some(grant) = &mut self.writer else { return };
        grant.bounded &= bounded;
        if !self.open {
            grant.bounded = true;
            if wrote {
                self.engine.checkpointer.note(grant.handle().control().wal_pages());
            }
        }
    }

    fn after_failure(&mut self, effect: Effect) {
        let inside = self.has_transaction();
        // A failed COMMIT was undone; a statement that SQLite undid together with its transaction leaves it failed.
        self.open = inside || (self.open && effect != Effect::Commit);
        self.read_only &= self.open;
    }

    async fn run_on_worker(
        &mut self,
        steps: &[Step<'_>],
        place: Place,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        let orders: Vec<Order> = steps
            .iter()
            .map(|step| Order { number: step.number, statement: step.statement.clone() })
            .collect();
        let commits = steps.iter().any(|step| step.statement.text.effect == Effect::Commit);
        // A write that commits by itself is let finish: nobody could tell whether it was kept.
        let may_stop =
            self.open && !commits || steps.iter().all(|step| self.only_reads(step.statement, place));
        let lease = match place {
            Place::Reader => self.reader.take().map(Lease::Reader),
            Place::Writer => self.writer.take().map(Lease::Writer),
        };
        let lease = lease.ok_or_else(|| Error::interface("the SQLite handle is in use"))?;
        let task = match Task::start(lease, orders, Arc::clone(&self.engine.slow)) {
            Ok(task) => task,
            Err(error) => {
                self.closed = true;
                return Err(error);
            }
        };
        *locked(&self.running) = Some(Arc::clone(&task));
        self.task = Some(Outstanding { task: Arc::clone(&task), may_stop });
        let result = self.replay(&task, sink).await;
        match result {
            Ok(()) => self.after_success(Effect::Unknown, false),
            Err(_) => self.after_failure(if commits { Effect::Commit } else { Effect::Unknown }),
        }
        result
    }

    /// Shows the sink what the worker reports, in slices, to the end.
    async fn replay(&mut self, task: &Task, sink: &mut dyn RowSink) -> Result<()> {
        let mut pace = Pace::new();
        let mut refused = None;
        loop {
            let next = std::future::poll_fn(|cx| match task.poll_next(cx) {
                Poll::Ready(next) => Poll::Ready(next),
                Poll::Pending => {
                    pace.restart();
                    Poll::Pending
                }
            })
            .await;
            let report = match next {
                Next::Report(report) => report,
                Next::Finished(lease, result) => {
                    self.take_back(lease);
                    return refused.map_or(result, Err);
                }
            };
            if refused.is_none()
                && let Err(error) = show(report, &mut pace, sink).await
            {
                refused = Some(error);
                task.discard();
                if self.task.as_ref().is_some_and(|outstanding| outstanding.may_stop) {
                    task.cancel();
                }
            }
        }
    }

    fn take_back(&mut self, lease: Option<Lease>) {
        self.task = None;
        let ended = locked(&self.running).take();
        drop(ended);
        match lease {
            Some(Lease::Reader(handle)) => self.reader = Some(handle),
            Some(Lease::Writer(grant)) => self.writer = Some(grant),
            None => self.closed = true,
        }
    }

    async fn clean_up(&mut self) -> Result<()> {
        if let Some(outstanding) = &self.task {
            let task = Arc::clone(&outstanding.task);
            task.discard();
            if outstanding.may_stop {
                task.cancel();
            }
            loop {
                // The outcome belongs to nobody any more.
                if let Next::Finished(lease, _) = std::future::poll_fn(|cx| task.poll_next(cx)).await {
                    self.take_back(lease);
                    break;
                }
            }
        }
        self.end_transaction();
        self.dirty = false;
        self.check_usable()
    }
}

impl Connection for SqliteConnection {
    fn run<'a>(&'a mut self, batch: Batch<'a>, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.run_batch(batch, sink))
    }

    fn health(&self) -> Health {
        match () {
            () if self.closed => Health::Closed,
            () if self.dirty => Health::Dirty,
            () if self.failed => Health::Failed,
            () if self.open => Health::InTransaction,
            () => Health::Idle,
        }
    }

    fn close_cursor(&mut self, cursor: u32) {
        // With a statement that was given up they are all given up.
        self.seat().into_iter().for_each(|handle| handle.close_cursor(cursor));
    }

    fn clean(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.clean_up())
    }

    fn check(&mut self) -> bool {
        self.check_usable().is_ok()
    }

    fn canceller(&self) -> Box<dyn Cancel> {
        Box::new(SqliteCancel(Arc::clone(&self.running)))
    }
}

impl Drop for SqliteConnection {
    fn drop(&mut self) {
        // The worker drops what it finds nobody waiting for, and the writer goes to the next.
        if let Some(outstanding) = &self.task {
            outstanding.task.discard();
            if outstanding.may_stop {
                outstanding.task.cancel();
            }
        }
    }
}

/// Interrupts what runs on the worker. What runs on the polling thread is over before anybody could ask.
struct SqliteCancel(Running);

impl Cancel for SqliteCancel {
    fn cancel(&self) -> BoxFuture<'static, Result<()>> {
        let running = Arc::clone(&self.0);
        Box::pin(async move {
            let task = locked(&running).clone();
            task.into_iter().for_each(|task| task.cancel());
            Ok(())
        })
    }
}

async fn show(report: Report, pace: &mut Pace, sink: &mut dyn RowSink) -> Result<()> {
    match report {
        Report::Columns(number, names) => inline::show_columns(sink, number, &names),
        Report::Suspended(number) => {
            sink.suspended(number);
            Ok(())
        }
        Report::Done(number, affected) => sink.done(number, affected),
        Report::Rows(number, rows) => {
            for index in 0..rows.len() {
                rows.with_row(index, |row| sink.row(number, row))?;
                if pace.is_due_after_row() {
                    pace.rest().await;
                }
            }
            Ok(())
        }
    }
}

fn report_done(sink: &mut dyn RowSink, number: Option<usize>, affected: u64) -> Result<()> {
    number.map_or(Ok(()), |number| sink.done(number, affected))
}

fn is_rollback_to(sql: &str) -> bool {
    sql.trim_start().get(..8).is_some_and(|word| word.eq_ignore_ascii_case("ROLLBACK"))
}
