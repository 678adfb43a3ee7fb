//! The link of a session to its database: where the transaction stands, and on which connection.
//!
//! # Cancelling
//! Every operation goes through [`Link::run`] or does the same three steps: take the connection out (the pool's
//! checkout leaves the old state when it is dropped while waiting), set the state to what is true if the operation is
//! never polled again, run it, and set the state to what the connection's health says.
//!
//! | dropped during | link afterwards | connection |
//! |---|---|---|
//! | waiting for the pool, connecting | unchanged | its place or slot passes on |
//! | a statement outside a transaction | unchanged | drainer |
//! | a statement inside one, ROLLBACK TO | Cancelled | drainer, which rolls back |
//! | COMMIT | OutcomeUnknown | drainer |
//! | ROLLBACK | Idle | drainer |
//!
//! # Errors
//! An error inside a transaction makes it Failed on both databases: PostgreSQL refuses what follows, SQLite
//! would go on, and so the link refuses for both.

mod atomic;
mod begun;
mod course;
mod entrust;
mod loan;
mod nested;
mod pieces;
mod savepoints;
mod script;
#[cfg(test)]
mod tests;
mod watched;

use std::sync::{Arc, LazyLock};

pub use self::course::Course;
use self::course::Courses;
pub(crate) use self::course::End;
pub use self::pieces::Pieces;
use self::savepoints::Savepoints;
use crate::driver::{
    Batch, Connection, Effect, Health, Introspect, NoRows, RowSink, Statement, StatementText,
};
use crate::error::{Error, ErrorKind, Result};
use crate::pool::{Lent, Pool};
use crate::session::SessionListener;
use crate::sql::{Dialect, TransactionMode};

/// A pool, and one transaction at most.
pub struct Link {
    pool: Pool,
    state: State,
    savepoints: Savepoints,
    holder: Option<Arc<str>>,
    /// Of transactions that say nothing else.
    default_mode: TransactionMode,
    /// Of the open transaction.
    mode: TransactionMode,
    /// How many transactions there have been, and how many results were read in pieces.
    transactions: u64,
    cursors: u32,
    courses: Courses,
    pin: Pin,
    /// Who hears of transactions, and whether it has heard of the open one.
    listener: Option<Arc<dyn SessionListener>>,
    told: bool,
}

/// Whether the link keeps its connection between statements and transactions.
#[derive(Default)]
enum Pin {
    /// It borrows one for each statement or transaction.
    #[default]
    None,
    /// Here it is.
    Here(Lent),
    /// In a transaction or a statement; when none is under way, it was lost.
    Out,
}

enum State {
    /// No transaction.
    Idle,
    /// A transaction that takes statements.
    Open(Seat),
    /// A transaction that takes only its rollback, or that of the innermost savepoint. `ended`: a statement has ended it, by COMMIT
    /// or ROLLBACK.
    Failed { seat: Seat, cause: String, ended: bool },
    /// An operation of several steps has the connection, or was broken off with it.
    Away,
    /// An operation inside the transaction was dropped; the drainer rolls it back.
    Cancelled,
    /// COMMIT was dropped, or its connection was lost before the answer.
    OutcomeUnknown,
}

/// Where a transaction sits.
enum Seat {
    /// BEGIN has not been sent: it goes with the first statement.
    Unsent,
    /// On this connection.
    Held(Lent),
    /// Nowhere any more: the connection was lost, or the server ended the transaction.
    Gone,
}

impl Link {
    /// A link without connection.
    pub fn new(pool: Pool) -> Self {
        let mode = TransactionMode::default();
        Self {
            pool,
            state: State::Idle,
            savepoints: Savepoints::default(),
            holder: None,
            default_mode: mode,
            mode,
            transactions: 0,
            cursors: 0,
            courses: Courses::default(),
            pin: Pin::None,
            listener: None,
            told: false,
        }
    }

    /// Another link to the same database.
    pub fn apart(&self) -> Self {
        Self::new(self.pool.clone())
    }

    /// How its database spells SQL.
    pub fn dialect(&self) -> &'static Dialect {
        self.pool.dialect()
    }

    /// What reads the schema of its database.
    ///
    /// # Errors
    /// As [`Pool::introspector`].
    pub fn introspector(&self) -> Result<&'static dyn Introspect> {
        self.pool.introspector()
    }

    /// Borrows a connection and keeps it until the link is dropped: settings, temporary tables and locks of one
    /// statement are there for the next. Once lost (the server is gone, a statement was cancelled) it is not replaced.
    ///
    /// # Errors
    /// As [`Pool::acquire`].
    pub async fn pin(&mut self) -> Result<()> {
        if matches!(self.pin, Pin::None) {
            self.pin = Pin::Here(lend(&self.pool, &self.holder, &mut Pin::None).await?);
        }
        Ok(())
    }

    /// A link that keeps this connection.
    pub fn holding(lent: Lent) -> Self {
        let pool = lent.pool();
        Self { pin: Pin::Here(lent), ..Self::new(pool) }
    }

    /// Gives a kept connection up with whatever is open on it: later use is refused.
    pub fn abandon(&mut self) {
        let given_up =
            (std::mem::replace(&mut self.state, State::Idle), std::mem::replace(&mut self.pin, Pin::Out));
        self.end();
        drop(given_up);
    }

    /// Takes out the connection that is kept, where no transaction has it; later use is refused.
    pub fn take_pinned(&mut self) -> Option<Lent> {
        match std::mem::replace(&mut self.pin, Pin::Out) {
            Pin::Here(lent) => Some(lent),
            Pin::Out | Pin::None => None,
        }
    }

    /// Chooses the mode of transactions that are begun without one.
    pub fn set_default_mode(&mut self, mode: TransactionMode) {
        self.default_mode = mode;
    }

    /// Gives a kept connection back: later use is refused.
    pub fn unpin(&mut self) {
        let kept = std::mem::replace(&mut self.pin, Pin::Out);
        drop(kept);
    }

    /// Who has the open transaction, for the pool's list of holders: the name of a task. Its end forgets it.
    pub fn set_holder(&mut self, holder: Option<Arc<str>>) {
        self.holder = holder;
    }

    /// The connection that it has now: of the open transaction, or the one that it keeps.
    pub fn connection(&self) -> Option<&dyn Connection> {
        match (&self.state, &self.pin) {
            (State::Open(Seat::Held(lent)) | State::Failed { seat: Seat::Held(lent), .. }, _)
            | (_, Pin::Here(lent)) => Some(&**lent),
            _ => None,
        }
    }

    fn begin_statement(&self) -> Statement {
        self.mode.begin(self.pool.dialect())
    }

    /// True between `begin` and the end, also when BEGIN is not sent yet and when the transaction has failed.
    pub fn in_transaction(&self) -> bool {
        !matches!(self.state, State::Idle)
    }

    /// True when nothing may be written: by the open transaction, or by those that are begun.
    pub fn is_read_only(&self) -> bool {
        if self.in_transaction() { self.mode.read_only } else { self.default_mode.read_only }
    }

    /// True when nobody knows whether COMMIT was done.
    pub fn outcome_unknown(&self) -> bool {
        matches!(self.state, State::OutcomeUnknown)
    }

    /// True where the transaction failed because a statement ended it, by COMMIT or ROLLBACK. No IO.
    pub fn ended_by_statement(&self) -> bool {
        matches!(self.state, State::Failed { ended: true, .. })
    }

    /// The number of the transaction that is open, or of the last one.
    pub(crate) fn transaction(&self) -> u64 {
        self.transactions
    }

    /// Where the transaction stands; Closed when only its rollback is possible. No IO.
    pub(crate) fn standing(&self) -> Health {
        match &self.state {
            State::Idle => Health::Idle,
            State::Open(Seat::Unsent) => Health::InTransaction,
            State::Failed { seat: Seat::Unsent, .. } => Health::Failed,
            State::Open(Seat::Held(lent)) | State::Failed { seat: Seat::Held(lent), .. } => lent.health(),
            _ => Health::Closed,
        }
    }

    /// Closes a result that is read in pieces, with the next statement.
    pub(crate) fn close_cursor(&mut self, cursor: u32) {
        if let State::Open(Seat::Held(lent)) = &mut self.state {
            lent.close_cursor(cursor);
        }
    }

    /// Refuses while a failed transaction waits for its rollback.
    ///
    /// # Errors
    /// `PendingRollback` with the first cause.
    pub fn check(&self) -> Result<()> {
        let cause = match &self.state {
            State::Idle | State::Open(_) => return Ok(()),
            State::Failed { cause, .. } => cause.clone(),
            State::Away => "a copy is under way, or was broken off".into(),
            State::Cancelled => "an operation was cancelled inside the transaction".into(),
            State::OutcomeUnknown => "COMMIT was interrupted, and whether it was done is not known".into(),
        };
        Err(Error::new(ErrorKind::PendingRollback { cause }))
    }

    /// Opens a transaction. BEGIN travels with its first statement.
    ///
    /// # Errors
    /// One is open already, or has failed.
    pub fn begin(&mut self) -> Result<()> {
        self.begin_as(self.default_mode)
    }

    /// The same in a mode of the caller's own.
    ///
    /// # Errors
    /// As [`begin`](Self::begin); a mode that contradicts itself.
    pub fn begin_as(&mut self, mode: TransactionMode) -> Result<()> {
        self.check()?;
        if self.in_transaction() {
            return Err(Error::invalid_request("a transaction is open already"));
        }
        self.mode = mode.checked()?;
        self.transactions += 1;
        self.told = false;
        self.state = State::Open(Seat::Unsent);
        Ok(())
    }

    /// Marks the open transaction as failed for a reason of the caller's own. The first reason stays.
    pub fn fail(&mut self, error: &Error) {
        self.state = match std::mem::replace(&mut self.state, State::Idle) {
            State::Open(seat) => State::Failed { seat, cause: error.to_string(), ended: false },
            other => other,
        };
    }

    /// Runs statements: inside the open transaction, or outside of any on a connection that is borrowed for them only.
    ///
    /// # Errors
    /// Inside a transaction every error makes it fail. A failure to get a connection for BEGIN leaves it as it was.
    pub async fn run(&mut self, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        self.check()?;
        if matches!(self.state, State::Idle) {
            if self.is_heard() {
                return Box::pin(self.run_told(batch, sink)).await;
            }
            let mut lent = lend(&self.pool, &self.holder, &mut self.pin).await?;
            let ran = run_on(&mut lent, batch, sink).await;
            self.put_back(lent);
            return ran;
        }
        // Boxed where it happens once in a transaction: every statement's future would have room for it.
        if matches!(self.state, State::Open(Seat::Unsent)) {
            if !self.told && self.is_heard() {
                Box::pin(self.tell_begun()).await?;
                return Box::pin(self.run(batch, sink)).await;
            }
            let lent = lend(&self.pool, &self.holder, &mut self.pin).await?;
            self.state = State::Cancelled;
            return Box::pin(self.run_first(lent, batch, sink)).await;
        }
        let lent = self.take_held()?;
        if !self.savepoints.unsent().is_empty() {
            return Box::pin(self.run_after_savepoints(lent, batch, sink)).await;
        }
        self.run_inside(lent, batch, sink).await
    }

    async fn run_inside(&mut self, mut lent: Lent, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        let ran = run_on(&mut lent, batch, sink).await;
        self.settle(lent, ran, Seat::Gone)
    }

    /// Takes the connection out of the open transaction, which is cancelled unless somebody says otherwise.
    fn take_held(&mut self) -> Result<Lent> {
        match std::mem::replace(&mut self.state, State::Cancelled) {
            State::Open(Seat::Held(lent)) => Ok(lent),
            before => {
                self.state = before;
                Err(Error::invalid_request("the transaction has no connection"))
            }
        }
    }

    /// Runs the first statements of a transaction, behind its BEGIN.
    async fn run_first(&mut self, mut lent: Lent, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        let behind = self.savepoints.unsent().iter().chain(batch.before).cloned();
        let before: Vec<Statement> = std::iter::once(self.begin_statement()).chain(behind).collect();
        let ran = run_on(&mut lent, Batch { before: &before, statements: batch.statements }, sink).await;
        if matches!(lent.health(), Health::InTransaction | Health::Failed) {
            self.savepoints.sent();
        }
        // Without BEGIN nothing behind it was executed: the transaction is still to begin.
        self.settle(lent, ran, Seat::Unsent)
    }

    /// Sets the state to what the connection says after an operation inside the transaction. `outside`: the seat when
    /// the connection says that there is no transaction.
    fn settle(&mut self, lent: Lent, ran: Result<()>, outside: Seat) -> Result<()> {
        let health = lent.health();
        if ran.is_ok() && health == Health::InTransaction {
            self.state = State::Open(Seat::Held(lent));
            return Ok(());
        }
        let (seat, problem) = match health {
            Health::InTransaction => (Seat::Held(lent), ""),
            Health::Failed => (Seat::Held(lent), "the statement left the transaction failed"),
            Health::Idle => {
                (outside, "the statement ended the transaction by itself: commit() and rollback() do that")
            }
            Health::Dirty | Health::Closed => (Seat::Gone, "the statement left the connection unusable"),
        };
        let ended = health == Health::Idle && ran.is_ok();
        let error = ran.err().unwrap_or_else(|| Error::invalid_request(problem));
        self.state = State::Failed { seat, cause: error.to_string(), ended };
        Err(error)
    }

    /// Commits. Without a transaction, and for one whose BEGIN was not sent, nothing is sent.
    ///
    /// # Errors
    /// The transaction has failed; the database refuses. `OutcomeUnknown` when the connection was lost before the
    /// answer. All of them wait for a rollback.
    pub async fn commit(&mut self) -> Result<()> {
        self.check()?;
        let State::Open(Seat::Held(mut lent)) = std::mem::replace(&mut self.state, State::OutcomeUnknown)
        else {
            self.end();
            return Ok(());
        };
        match commit_on(&mut lent).await {
            Ok(()) => {
                self.end();
                self.put_back(lent);
                Ok(())
            }
            // The state says it already.
            Err(error) if matches!(error.kind(), ErrorKind::OutcomeUnknown(_)) => Err(error),
            Err(error) => self.settle(lent, Err(error), Seat::Gone),
        }
    }

    /// Takes back a [`begin`](Self::begin) that nothing has followed; true when there was one.
    pub(crate) fn withdraw(&mut self) -> bool {
        let unsent = matches!(self.state, State::Open(Seat::Unsent));
        if unsent {
            self.end();
        }
        unsent
    }

    /// Rolls back. Without a transaction nothing is sent. There is no failure: where ROLLBACK cannot be sent, draining
    /// or closing the connection rolls back.
    pub async fn rollback(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Idle);
        self.savepoints.clear();
        self.holder = None;
        self.end_courses(End::Transaction);
        if let State::Open(Seat::Held(lent)) | State::Failed { seat: Seat::Held(lent), .. } = state {
            let lent = roll_back(lent).await;
            self.put_back(lent);
        }
    }

    /// A statement or transaction is over: a connection that is kept stays here.
    fn put_back(&mut self, lent: Lent) {
        if matches!(self.pin, Pin::Out) && lent.health() == Health::Idle {
            self.pin = Pin::Here(lent);
        }
    }

    fn end(&mut self) {
        self.state = State::Idle;
        self.savepoints.clear();
        self.holder = None;
        self.end_courses(End::Transaction);
    }
}

/// Borrows a connection, or takes the one that is kept. It takes parts of the link: a reference to the whole one cannot
/// cross threads.
///
/// # Errors
/// Those of the pool; `Interface` when the kept connection was lost.
async fn lend(pool: &Pool, holder: &Option<Arc<str>>, pin: &mut Pin) -> Result<Lent> {
    match std::mem::replace(pin, Pin::Out) {
        Pin::Here(lent) => Ok(lent),
        Pin::Out => Err(Error::interface(
            "the connection of this block was lost, given up with a cancelled statement, or closed: open another one",
        )),
        Pin::None => {
            *pin = Pin::None;
            pool.acquire_as(holder.clone()).await
        }
    }
}

async fn run_on(lent: &mut Lent, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
    if let Some(last) = batch.statements.last() {
        lent.note(&last.text);
    }
    lent.run(batch, sink).await
}

async fn run_command(lent: &mut Lent, text: &Arc<StatementText>) -> Result<()> {
    let command = [Statement::new(Arc::clone(text), Default::default())];
    run_on(lent, Batch { before: &[], statements: &command }, &mut NoRows).await
}

/// # Errors
/// `OutcomeUnknown` when the connection was lost before the answer; else the transaction was not kept, or is still open.
async fn commit_on(lent: &mut Lent) -> Result<()> {
    let committed = run_command(lent, &COMMIT).await;
    match (committed, lent.health()) {
        (Ok(()), Health::Idle | Health::Closed) => Ok(()),
        (Ok(()), _) => Err(Error::protocol("COMMIT was answered, and the transaction is still open")),
        (Err(error), Health::Dirty | Health::Closed) => Err(Error::new(ErrorKind::OutcomeUnknown(format!(
            "the connection was lost during COMMIT, and whether it was done is not known: {error}"
        )))),
        (Err(error), _) => Err(error),
    }
}

/// Ends a transaction. What does not answer goes to the drainer or is closed, which rolls back as well.
async fn roll_back(mut lent: Lent) -> Lent {
    if matches!(lent.health(), Health::InTransaction | Health::Failed) {
        let _ = run_command(&mut lent, &ROLLBACK).await;
    }
    lent
}

static COMMIT: LazyLock<Arc<StatementText>> =
    LazyLock::new(|| Arc::new(StatementText::command("COMMIT", Effect::Commit)));
static ROLLBACK: LazyLock<Arc<StatementText>> =
    LazyLock::new(|| Arc::new(StatementText::command("ROLLBACK", Effect::Rollback)));
