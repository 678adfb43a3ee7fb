//! A handle's worker thread, and the task that travels to it and back.
//!
//! The handle moves into the job and comes back with the outcome: whoever has it may use it, nobody else can. Rows come
//! back in batches of a bounded size through a queue of a bounded length, so that a large result neither waits for its
//! end nor piles up.

use std::collections::VecDeque;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use ormkit_core::driver::{Effect, KeptRows, Row, Statement};
use ormkit_core::error::{Error, ErrorKind, Result};
use rusqlite::InterruptHandle;

use crate::control::{Control, INLINE_BUDGET};
use crate::handle::{Failure, Handle, Receiver};
use crate::pace::Slow;
use crate::writer::Grant;
use crate::{error, locked};

type Job = Box<dyn FnOnce() + Send>;

/// Batches end at this many rows …
const BATCH_ROWS: usize = 256;
/// … or bytes …
const BATCH_BYTES: usize = 256 * 1024;
/// … and the worker waits while this many of them are not yet read.
const QUEUE: usize = 8;

/// The way to a worker thread. The thread ends when the last one is dropped.
#[derive(Clone)]
pub(crate) struct Worker(Sender<Job>);

impl Worker {
    /// Starts a thread.
    pub(crate) fn start() -> Result<Self> {
        let (sender, receiver) = channel::<Job>();
        let work = move || receiver.into_iter().for_each(|job| job());
        match std::thread::Builder::new().name("ormkit-sqlite".into()).spawn(work) {
            Ok(_) => Ok(Self(sender)),
            Err(error) => Err(Error::new(ErrorKind::Operational(format!("cannot start a thread: {error}")))),
        }
    }

    /// Runs `job` behind those before it. When the thread is gone, the job is dropped unrun.
    pub(crate) fn submit(&self, job: impl FnOnce() + Send + 'static) {
        drop(self.0.send(Box::new(job)));
    }
}

/// A handle in use: the connection's own one, or the engine's writer.
pub(crate) enum Lease {
    /// Reads outside a transaction.
    Reader(Box<Handle>),
    /// Everything else.
    Writer(Grant),
}

impl Lease {
    pub(crate) fn handle(&self) -> &Handle {
        match self {
            Self::Reader(handle) => handle,
            Self::Writer(grant) => grant.handle(),
        }
    }

    fn worker(&mut self) -> Result<Worker> {
        match self {
            Self::Reader(handle) => handle.worker(),
            Self::Writer(grant) => grant.handle_mut().worker(),
        }
    }
}

/// A statement on its way; `number` is its number for the sink, None when its reply is not shown.
pub(crate) struct Order {
    pub(crate) number: Option<usize>,
    pub(crate) statement: Statement,
}

/// What a task reports on the way.
pub(crate) enum Report {
    Columns(usize, Vec<String>),
    Rows(usize, KeptRows),
    Suspended(usize),
    Done(usize, u64),
}

/// What a task reports last.
pub(crate) enum Next {
    Report(Report),
    /// The handle comes back; None when it was lost.
    Finished(Option<Lease>, Result<()>),
}

/// Statements that run on a worker thread.
pub(crate) struct Task {
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Default)]
struct State {
    reports: VecDeque<Report>,
    finished: Option<(Option<Lease>, Result<()>)>,
    waker: Option<Waker>,
    /// What stops the statements; there while they run and never afterwards, so that the next user is not hit.
    running: Option<(Arc<Control>, Arc<InterruptHandle>)>,
    cancelled: bool,
    /// Nobody reads the reports any more.
    discard: bool,
}

impl Task {
    /// Sends `orders` to the worker of the leased handle.
    ///
    /// # Errors
    /// The thread cannot be started; the lease is given up.
    pub(crate) fn start(mut lease: Lease, orders: Vec<Order>, slow: Arc<Slow>) -> Result<Arc<Self>> {
        let worker = lease.worker()?;
        let task = Arc::new(Self { state: Mutex::default(), room: Condvar::new() });
        let finish = Finish { task: Arc::clone(&task), outcome: None };
        worker.submit(move || run(lease, &orders, &slow, finish));
        Ok(task)
    }

    /// The next report.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut state = locked(&self.state);
        if let Some(report) = state.reports.pop_front() {
            drop(state);
            self.room.notify_one();
            return Poll::Ready(Next::Report(report));
        }
        if let Some((lease, result)) = state.finished.take() {
            return Poll::Ready(Next::Finished(lease, result));
        }
        let old = match &state.waker {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            _ => state.waker.replace(cx.waker().clone()),
        };
        drop(state);
        drop(old); // dropping a waker may run the executor's code: never under the lock
        Poll::Pending
    }

    /// Stops what runs. After the end it does nothing.
    pub(crate) fn cancel(&self) {
        let mut state = locked(&self.state);
        state.cancelled = true;
        if let Some((control, interrupt)) = &state.running {
            control.cancel(true);
            interrupt.interrupt();
        }
        drop(state);
        self.room.notify_one();
    }

    /// Nobody will read the reports: they are dropped, and the worker no longer waits for them to be read.
    pub(crate) fn discard(&self) {
        let mut state = locked(&self.state);
        state.discard = true;
        let reports = std::mem::take(&mut state.reports);
        drop(state);
        drop(reports);
        self.room.notify_one();
    }

    fn is_cancelled(&self) -> bool {
        locked(&self.state).cancelled
    }

    /// Queues a report; waits while the queue is full.
    fn report(&self, report: Report) {
        let mut state = locked(&self.state);
        while state.reports.len() >= QUEUE && !state.discard && !state.cancelled {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.discard {
            return;
        }
        state.reports.push_back(report);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// From now on [`cancel`](Self::cancel) reaches the statements.
    fn enter(&self, handle: &Handle) {
        let mut state = locked(&self.state);
        handle.control().cancel(state.cancelled);
        state.running = Some((Arc::clone(handle.control()), Arc::clone(handle.interrupt())));
    }

    fn leave(&self, handle: &Handle) {
        let running = locked(&self.state).running.take();
        handle.control().cancel(false);
        drop(running);
    }
}

/// Reports the end of a task, also when the job panics or is dropped unrun: nobody waits for ever.
struct Finish {
    task: Arc<Task>,
    outcome: Option<(Option<Lease>, Result<()>)>,
}

impl Drop for Finish {
    fn drop(&mut self) {
        let lost =
            || (None, Err(Error::new(ErrorKind::Operational("the SQLite worker thread has failed".into()))));
        let outcome = self.outcome.take().unwrap_or_else(lost);
        let mut state = locked(&self.task.state);
        state.running = None;
        state.finished = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

fn run(lease: Lease, orders: &[Order], slow: &Slow, mut finish: Finish) {
    let handle = lease.handle();
    handle.control().wait_for_locks(true);
    finish.task.enter(handle);
    let reads = matches!(lease, Lease::Reader(_));
    let result = orders.iter().try_for_each(|order| run_one(handle, order, reads, slow, &finish.task));
    finish.task.leave(handle);
    handle.control().wait_for_locks(false);
    finish.outcome = Some((Some(lease), result));
}

fn run_one(handle: &Handle, order: &Order, reads: bool, slow: &Slow, task: &Task) -> Result<()> {
    if task.is_cancelled() {
        return Err(error::interrupted().in_statement(&order.statement.text.sql));
    }
    let text = &order.statement.text;
    let mut batches = Batches { task, number: order.number, rows: KeptRows::new(), suspended: false };
    let started = Instant::now();
    let affected = match handle.execute(&order.statement, reads, &mut batches) {
        Ok(affected) => affected,
        Err(Failure::Busy(error) | Failure::Error(error)) => return Err(error),
        Err(Failure::Writes) => {
            let message = "a statement that was compiled as a read would write";
            return Err(Error::new(ErrorKind::Programming(message.into())).in_statement(&text.sql));
        }
        Err(Failure::Stopped) => return Err(error::interrupted().in_statement(&text.sql)),
    };
    batches.send();
    if text.effect == Effect::Read {
        slow.note(text.fingerprint(), started.elapsed() > INLINE_BUDGET * 3 / 4);
    }
    if let Some(number) = order.number {
        task.report(match batches.suspended {
            true => Report::Suspended(number),
            false => Report::Done(number, affected),
        });
    }
    Ok(())
}

/// Collects rows into batches.
struct Batches<'a> {
    task: &'a Task,
    number: Option<usize>,
    rows: KeptRows,
    suspended: bool,
}

impl Batches<'_> {
    fn send(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if let (Some(number), false) = (self.number, rows.is_empty()) {
            self.task.report(Report::Rows(number, rows));
        }
    }
}

impl Receiver for Batches<'_> {
    fn columns(&mut self, names: Vec<String>) -> Result<()> {
        if let Some(number) = self.number {
            self.task.report(Report::Columns(number, names));
        }
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>) -> Result<bool> {
        row.keep(&mut self.rows);
        if self.rows.len() >= BATCH_ROWS || self.rows.size() >= BATCH_BYTES {
            self.send();
            return Ok(!self.task.is_cancelled());
        }
        Ok(true)
    }

    fn suspended(&mut self) {
        self.suspended = true;
    }
}
