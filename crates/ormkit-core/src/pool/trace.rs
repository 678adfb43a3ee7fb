//! What a program may hear of the work of a pool: connections that are opened, waiting, statements.
//!
//! Without a tracer a statement costs one branch more. What the pool sends by itself to clean a connection or to ask for
//! a sign of life is not shown, nor is what a driver asks the database for its own use.

mod copy;
mod flight;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use copy::TracedCopy;
pub(super) use flight::{Begun, run};

use super::Closed;
use crate::driver::StatementText;
use crate::error::Error;
use crate::value::Params;

/// Hears of a pool's work: on whatever thread polls it, in the middle of a poll or of a drop.
///
/// It MUST NOT wait. A panic in it is caught, and nothing that it does reaches the statement. Texts of SQL are as they were
/// written; values are in `params` alone, and an [`Error`] may quote some.
pub trait Tracer: Send + Sync + 'static {
    /// False while nobody listens: nothing is measured then.
    fn wants(&self) -> bool {
        true
    }

    /// A connection is about to be opened.
    fn connecting(&self) {}

    /// A connection was opened, or could not be. Cancelled attempts end without it.
    fn connected(&self, _connected: &Connected<'_>) {}

    /// A caller got a connection, or did not. Who was cancelled while waiting is not told of.
    fn acquired(&self, _acquired: &Acquired<'_>) {}

    /// A caller has given a connection back, whatever becomes of it.
    fn released(&self, _released: &Released) {}

    /// A connection was closed.
    fn closed(&self, _id: u64, _closed: &Closed) {}

    /// A statement goes to the database.
    fn started(&self, _started: &Started<'_>) {}

    /// A statement is over. There is one for each that has started, in their order.
    fn ended(&self, _ended: &Ended<'_>) {}
}

/// A connection that was opened.
#[derive(Debug)]
pub struct Connected<'a> {
    /// How long it took.
    pub time: Duration,
    /// The server's process that serves it, where the database has one.
    pub backend_pid: Option<u32>,
    /// Why there is none.
    pub error: Option<&'a Error>,
}

/// A caller that asked for a connection.
#[derive(Debug)]
pub struct Acquired<'a> {
    /// How long it waited, the opening of a new connection included.
    pub time: Duration,
    /// Why it has none.
    pub error: Option<&'a Error>,
    /// The connection's number: no other one of the process has it.
    pub id: Option<u64>,
    /// The server's process that serves it, where the database has one.
    pub backend_pid: Option<u32>,
}

/// A connection that was given back.
#[derive(Clone, Copy, Debug)]
pub struct Released {
    /// As in [`Acquired`].
    pub id: u64,
    /// The server's process that serves it, where the database has one.
    pub backend_pid: Option<u32>,
}

/// A statement that is sent.
#[derive(Debug)]
pub struct Started<'a> {
    /// The number that its end has, too: no other statement of the process has it.
    pub id: u64,
    /// Its text.
    pub text: &'a Arc<StatementText>,
    /// Its values.
    pub params: &'a Params,
    /// The server's process that runs it, where the database has one.
    pub backend_pid: Option<u32>,
    /// The comment at its end, where there is one.
    pub comment: Option<&'a str>,
    /// It was sent before, and goes on with its next piece of rows.
    pub continues: bool,
}

/// A statement that is over.
#[derive(Debug)]
pub struct Ended<'a> {
    /// As in [`Started`].
    pub id: u64,
    /// Its text.
    pub text: &'a Arc<StatementText>,
    /// Its values.
    pub params: &'a Params,
    /// How long it took. None for a BEGIN or SAVEPOINT that travelled in front of another statement, in whose time it is,
    /// and for one that was skipped.
    pub timing: Option<Timing>,
    /// Rows that came.
    pub rows: u64,
    /// Rows that were read or written, as the database says.
    pub affected: u64,
    /// What came of it.
    pub outcome: Outcome<'a>,
    /// The comment at its end, where there is one.
    pub comment: Option<&'a str>,
}

/// What came of a statement.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// It was executed.
    Done,
    /// It failed.
    Failed(&'a Error),
    /// One before it, in the same flight, has failed: it was not executed.
    Skipped,
    /// Nobody waited for its end: whether it was executed is not known here.
    Cancelled,
}

/// Where the time of a statement went. Statements of one flight follow each other: each begins when the one before ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Waiting for a connection before; the first statement on it has it.
    pub queue: Duration,
    /// From the beginning to the first word of the answer: the way there and back, and the work of the database.
    pub server: Duration,
    /// From the first word of the answer to the last, without `hydrate`.
    pub network: Duration,
    /// In the sink: cells are decoded there, and objects made.
    pub hydrate: Duration,
}

impl Timing {
    /// All of it, without the queue.
    pub fn statement(&self) -> Duration {
        self.server + self.network + self.hydrate
    }

    /// All of it.
    pub fn total(&self) -> Duration {
        self.queue + self.statement()
    }
}

/// The first of `count` numbers in a row that no other statements have.
pub(super) fn ids(count: usize) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(count as u64, Ordering::Relaxed)
}

/// Tells a tracer something. A panic has told of itself already.
pub(super) fn tell(tracer: &dyn Tracer, what: impl FnOnce(&dyn Tracer)) {
    let _ = catch_unwind(AssertUnwindSafe(|| what(tracer)));
}
