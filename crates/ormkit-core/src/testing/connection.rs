//! A connection of the scripted database.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use super::driver::{Failure, Script, lock};
use super::rows::FakeRow;
use crate::driver::{Batch, Cancel, Connection, Effect, Health, Row, RowSink, Statement};
use crate::error::{Diagnostics, Error, ErrorKind, Result, SqlState};
use crate::runtime::BoxFuture;
use crate::sql::{Dialect, DialectName};
use crate::value::ValueRef;

pub(super) struct FakeConnection {
    number: u64,
    dialect: &'static Dialect,
    script: Arc<Mutex<Script>>,
    health: Health,
    /// Where the server's transaction stands, also while the connection is dirty.
    transaction: Health,
    savepoints: Vec<String>,
    /// A SET was executed since the session was last as it should be.
    changed: bool,
}

impl FakeConnection {
    pub(super) fn new(number: u64, dialect: &'static Dialect, script: Arc<Mutex<Script>>) -> Self {
        Self {
            number,
            dialect,
            script,
            health: Health::Idle,
            transaction: Health::Idle,
            savepoints: Vec::new(),
            changed: false,
        }
    }

    async fn run_batch(&mut self, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        if !matches!(self.health, Health::Idle | Health::InTransaction | Health::Failed) {
            return Err(Error::protocol(format!("a connection was used that is {:?}", self.health)));
        }
        for statement in batch.before.iter().chain(batch.statements) {
            self.refused(statement)?;
        }
        self.health = Health::Dirty;
        for statement in batch.before {
            pause().await;
            self.execute(statement).map_err(|error| self.answered(error))?;
        }
        let mut sunk = Ok(());
        for (number, statement) in batch.statements.iter().enumerate() {
            pause().await;
            self.execute(statement).map_err(|error| self.answered(error))?;
            if sunk.is_ok() {
                sunk = self.show(number, statement, sink);
            }
        }
        pause().await;
        self.health = self.transaction;
        sunk
    }

    /// The last reply was an error, and it has been read.
    fn answered(&mut self, error: Error) -> Error {
        if self.health != Health::Closed {
            self.health = self.transaction;
        }
        error
    }

    fn refused(&self, statement: &Statement) -> Result<()> {
        let mut script = lock(&self.script);
        let Some(failures) = script.failures.get_mut(&statement.text.sql) else { return Ok(()) };
        if !matches!(failures.front(), Some(Failure::Refused(_))) {
            return Ok(());
        }
        match failures.pop_front() {
            Some(Failure::Refused(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn execute(&mut self, statement: &Statement) -> Result<()> {
        let sql = &statement.text.sql;
        let failure = {
            let mut script = lock(&self.script);
            script.log.push(format!("{} {sql}{}", self.number, shown(statement)));
            script.failures.get_mut(sql).and_then(|failures| failures.pop_front())
        };
        match failure {
            Some(Failure::Lost) => {
                self.health = Health::Closed;
                return Err(Error::new(ErrorKind::ConnectionLost("the connection was lost".into())));
            }
            Some(Failure::Answered(error) | Failure::Refused(error)) => {
                self.fail();
                return Err(error);
            }
            None => {}
        }
        self.follow(statement).inspect_err(|_| self.fail())
    }

    /// An error inside a transaction: PostgreSQL fails it, SQLite leaves it as it is.
    fn fail(&mut self) {
        if self.transaction == Health::InTransaction && self.dialect.name == DialectName::Postgres {
            self.transaction = Health::Failed;
        }
    }

    /// Keeps count of transactions, savepoints and settings.
    fn follow(&mut self, statement: &Statement) -> Result<()> {
        let sql = &statement.text.sql;
        self.changed |= sql.starts_with("SET ");
        if let Some(name) = sql.strip_prefix("ROLLBACK TO SAVEPOINT ") {
            let at = self.savepoint(name)?;
            self.savepoints.truncate(at + 1);
            self.transaction = Health::InTransaction;
            return Ok(());
        }
        match (statement.text.effect, self.transaction) {
            (Effect::Rollback, _) => self.end(),
            (Effect::Commit, Health::Failed) => {
                self.end();
                return Err(Error::new(ErrorKind::CommitRolledBack));
            }
            (_, Health::Failed) => {
                return Err(refusal(SqlState::IN_FAILED_TRANSACTION, "current transaction is aborted"));
            }
            (Effect::Begin { .. }, Health::Idle) => self.transaction = Health::InTransaction,
            (Effect::Commit, Health::InTransaction) => self.end(),
            (Effect::Begin { .. } | Effect::Commit, _) => {
                return Err(Error::protocol(format!("{sql} in the wrong place")));
            }
            (Effect::Savepoint, _) => match sql.split_once(' ') {
                Some(("SAVEPOINT", name)) => self.savepoints.push(name.to_owned()),
                _ => {
                    let at = self.savepoint(sql.trim_start_matches("RELEASE SAVEPOINT "))?;
                    self.savepoints.truncate(at);
                }
            },
            _ => {}
        }
        Ok(())
    }

    fn savepoint(&self, name: &str) -> Result<usize> {
        let at = self.savepoints.iter().rposition(|known| known == name);
        at.ok_or_else(|| Error::protocol(format!("savepoint {name} does not exist")))
    }

    fn end(&mut self) {
        self.transaction = Health::Idle;
        self.savepoints.clear();
    }

    fn show(&self, number: usize, statement: &Statement, sink: &mut dyn RowSink) -> Result<()> {
        let sql = &statement.text.sql;
        let (rows, affected) = {
            let script = lock(&self.script);
            let rows = script.answers.get(sql).cloned().unwrap_or_default();
            let affected = script.affected.get(sql).copied().unwrap_or(rows.len() as u64);
            (rows, affected)
        };
        for at in 0..rows.len() as u32 {
            sink.row(number, &Row::new(&FakeRow { rows: Arc::clone(&rows), at }))?;
        }
        sink.done(number, affected)
    }
}

impl Connection for FakeConnection {
    fn run<'a>(&'a mut self, batch: Batch<'a>, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.run_batch(batch, sink))
    }

    fn health(&self) -> Health {
        self.health
    }

    fn clean(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let hangs = {
                let mut script = lock(&self.script);
                script.log.push(format!("{} clean", self.number));
                script.clean_hangs
            };
            self.health = Health::Dirty;
            pause().await;
            if hangs {
                std::future::pending::<()>().await;
            }
            self.end();
            self.health = Health::Idle;
            Ok(())
        })
    }

    fn is_pristine(&self) -> bool {
        !self.changed
    }

    fn keep_session(&mut self) {
        self.changed = false;
    }

    fn reset(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            pause().await;
            lock(&self.script).log.push(format!("{} reset", self.number));
            self.changed = false;
            Ok(())
        })
    }

    fn check(&mut self) -> bool {
        !lock(&self.script).stale.remove(&self.number)
    }

    fn ping(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let statement = Statement::command("PING", Effect::Read);
            let hangs = lock(&self.script).ping_hangs;
            self.health = Health::Dirty;
            pause().await;
            if hangs {
                std::future::pending::<()>().await;
            }
            self.execute(&statement).map_err(|error| self.answered(error))?;
            self.health = self.transaction;
            Ok(())
        })
    }

    fn canceller(&self) -> Box<dyn Cancel> {
        Box::new(NothingRuns)
    }
}

impl Drop for FakeConnection {
    fn drop(&mut self) {
        let mut script = lock(&self.script);
        script.live -= 1;
        script.log.push(format!("{} close", self.number));
    }
}

struct NothingRuns;

impl Cancel for NothingRuns {
    fn cancel(&self) -> BoxFuture<'static, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// Pending once: a place where a test can stop.
pub(super) fn pause() -> impl Future<Output = ()> {
    let mut paused = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

fn refusal(state: SqlState, message: &str) -> Error {
    Error::new(ErrorKind::Database(Box::new(Diagnostics::new(state, message))))
}

/// ` (1, 'a', NULL)`, or nothing.
fn shown(statement: &Statement) -> String {
    if statement.params.is_empty() {
        return String::new();
    }
    let values: Vec<String> = statement.params.iter().map(value).collect();
    format!(" ({})", values.join(", "))
}

fn value(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Bool(truth) => truth.to_string(),
        ValueRef::Int(int) => int.to_string(),
        ValueRef::Float(float) => float.to_string(),
        ValueRef::Text(text) | ValueRef::Json(text) => format!("'{text}'"),
        ValueRef::Array(array) => {
            let elements: Vec<String> = array.iter().map(self::value).collect();
            format!("[{}]", elements.join(", "))
        }
        other => format!("{other:?}"),
    }
}
