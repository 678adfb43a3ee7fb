//! A driver that answers from a script and keeps a log.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::connection::{FakeConnection, pause};
use super::rows::Rows;
use crate::driver::{Connection, Driver};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::BoxFuture;
use crate::sql::Dialect;
use crate::value::Value;

/// A database that answers from a script, by SQL text; what is not scripted succeeds without rows. As a server does, it
/// keeps count of transactions and savepoints, fails a transaction on the first error where the dialect does, and answers
/// step by step, so that a test can stop between any two of them.
pub struct FakeDriver {
    dialect: &'static Dialect,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
pub(super) struct Script {
    pub(super) log: Vec<String>,
    pub(super) answers: HashMap<String, Arc<Rows>>,
    pub(super) affected: HashMap<String, u64>,
    pub(super) failures: HashMap<String, VecDeque<Failure>>,
    connect_failures: VecDeque<Error>,
    connect_hangs: bool,
    away: bool,
    connects: usize,
    pub(super) stale: HashSet<u64>,
    pub(super) clean_hangs: bool,
    pub(super) ping_hangs: bool,
    opened: u64,
    pub(super) live: usize,
}

/// How a statement fails.
pub(super) enum Failure {
    /// The server answers with an error.
    Answered(Error),
    /// The driver finds it before anything is sent.
    Refused(Error),
    /// The connection breaks.
    Lost,
}

impl FakeDriver {
    /// A database of this dialect without any script.
    pub fn new(dialect: &'static Dialect) -> Arc<Self> {
        Arc::new(Self { dialect, script: Arc::default() })
    }

    /// Answers `sql` with these rows, every time.
    pub fn answer(&self, sql: &str, rows: Vec<Vec<Value>>) {
        self.script().answers.insert(sql.into(), Arc::new(rows));
    }

    /// Answers `sql` with this number of rows written, every time. Otherwise it is the number of scripted rows.
    pub fn affect(&self, sql: &str, affected: u64) {
        self.script().affected.insert(sql.into(), affected);
    }

    /// Answers the next `sql` with an error.
    pub fn fail(&self, sql: &str, error: Error) {
        self.script().failures.entry(sql.into()).or_default().push_back(Failure::Answered(error));
    }

    /// Refuses the next batch with `sql` before anything of it is sent, as a driver does with a value that it cannot
    /// encode.
    pub fn refuse(&self, sql: &str, error: Error) {
        self.script().failures.entry(sql.into()).or_default().push_back(Failure::Refused(error));
    }

    /// Breaks the connection at the next `sql`.
    pub fn lose(&self, sql: &str) {
        self.script().failures.entry(sql.into()).or_default().push_back(Failure::Lost);
    }

    /// Fails the next connect.
    pub fn fail_connect(&self, error: Error) {
        self.script().connect_failures.push_back(error);
    }

    /// As if the server were stopped: nobody can connect, until this is taken back. Connections that are open stay.
    pub fn set_away(&self, away: bool) {
        self.script().away = away;
    }

    /// How often somebody has tried to connect since the last call.
    pub fn take_connects(&self) -> usize {
        std::mem::take(&mut self.script().connects)
    }

    /// A connection that is opened never comes about, until this is taken back.
    pub fn hang_connecting(&self, hangs: bool) {
        self.script().connect_hangs = hangs;
    }

    /// Connection number `connection`, from 1, does not pass its next check.
    pub fn make_stale(&self, connection: u64) {
        self.script().stale.insert(connection);
    }

    /// From now on a connection that is cleaned never answers.
    pub fn hang_cleaning(&self) {
        self.script().clean_hangs = true;
    }

    /// A connection that is asked for a sign of life gives none, until this is taken back. Otherwise it answers as to a
    /// statement `PING`.
    pub fn hang_pinging(&self, hangs: bool) {
        self.script().ping_hangs = hangs;
    }

    /// What has happened since the last call: lines such as `1 connect`, `1 SELECT $1 (7)`, `1 clean`, `1 close`, each
    /// with the number of its connection.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.script().log)
    }

    /// Connections that are open now.
    pub fn live(&self) -> usize {
        self.script().live
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }
}

impl Driver for FakeDriver {
    fn connect(&self) -> BoxFuture<'static, Result<Box<dyn Connection>>> {
        let script = Arc::clone(&self.script);
        let dialect = self.dialect;
        Box::pin(async move {
            pause().await;
            if lock(&script).connect_hangs {
                std::future::pending::<()>().await;
            }
            let number = {
                let mut script = lock(&script);
                script.connects += 1;
                if script.away {
                    return Err(Error::new(ErrorKind::ConnectionLost("nobody listens".into())));
                }
                if let Some(error) = script.connect_failures.pop_front() {
                    return Err(error);
                }
                script.opened += 1;
                script.live += 1;
                let number = script.opened;
                script.log.push(format!("{number} connect"));
                number
            };
            Ok(Box::new(FakeConnection::new(number, dialect, script)) as _)
        })
    }

    fn dialect(&self) -> &'static Dialect {
        self.dialect
    }
}

pub(super) fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}
