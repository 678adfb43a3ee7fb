//! What the tests share: an executor, a runtime, a sink that keeps everything, files that vanish.
#![allow(dead_code, unreachable_pub, missing_docs)] // each test file uses its part

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use ormkit_core::driver::{
    Batch, Column, Connection, Driver, Effect, Row, RowSink, Statement, StatementText,
};
use ormkit_core::error::{Error, Result};
use ormkit_core::runtime::{Address, BoxFuture, Runtime, TcpOptions, Transport};
use ormkit_core::value::{ParamType, Params, SqlType, Value, ValueRef};
use ormkit_sqlite::{Config, SqliteDriver};
use tempfile::TempDir;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub fn waker() -> Waker {
    Arc::new(Unpark(std::thread::current())).into()
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    poll_times(future, u32::MAX).expect("polled to the end")
}

/// Polls at most `times` times, then drops the future.
pub fn poll_times<T>(future: impl Future<Output = T>, times: u32) -> Option<T> {
    let mut future = pin!(future);
    let waker = waker();
    for _ in 0..times {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
        std::thread::park_timeout(Duration::from_millis(500));
    }
    None
}

/// Blocking jobs go to threads. A timer is looked at whenever its future is polled.
pub struct Threads;

impl Runtime for Threads {
    fn connect<'a>(
        &'a self,
        _to: &'a Address,
        _tcp: &'a TcpOptions,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        unreachable!("SQLite has no server")
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let due = Instant::now() + time;
        let poll =
            move |_: &mut Context<'_>| if Instant::now() >= due { Poll::Ready(()) } else { Poll::Pending };
        Box::pin(std::future::poll_fn(poll))
    }

    fn spawn(&self, _task: BoxFuture<'static, ()>) {
        unreachable!("the driver starts no tasks")
    }

    fn offload(&self, job: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(job);
    }
}

pub fn driver(url: &str) -> SqliteDriver {
    SqliteDriver::new(Config::parse(url).unwrap(), Arc::new(Threads))
}

pub fn memory() -> SqliteDriver {
    driver("sqlite::memory:")
}

pub fn connect(driver: &SqliteDriver) -> Box<dyn Connection> {
    block_on(driver.connect()).unwrap()
}

/// A file name in a folder of its own, which is removed at the end.
pub struct File(pub PathBuf, TempDir);

impl File {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self(folder.path().join("test.db"), folder)
    }

    pub fn driver(&self) -> SqliteDriver {
        driver(&format!("sqlite:///{}", self.0.display()))
    }

    pub fn wal(&self) -> PathBuf {
        PathBuf::from(format!("{}-wal", self.0.display()))
    }
}

#[derive(Default)]
pub struct Kept {
    pub rows: Vec<Vec<Value>>,
    pub columns: Vec<String>,
    pub restarts: u32,
    pub done: Vec<(usize, u64)>,
    pub error: Option<Error>,
    /// Refuse the row of this number.
    pub refuse_at: Option<usize>,
}

impl RowSink for Kept {
    fn columns(&mut self, _statement: usize, columns: &[Column<'_>]) -> Result<()> {
        self.columns = columns.iter().map(|column| column.name.to_owned()).collect();
        Ok(())
    }

    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        if self.refuse_at == Some(self.rows.len()) {
            return Err(Error::invalid_request("refused by the sink"));
        }
        let cells: Result<Vec<Value>> =
            (0..row.len()).map(|index| row.cell(index).map(Value::from)).collect();
        self.rows.push(cells?);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.restarts += 1;
        self.rows.clear();
    }

    fn done(&mut self, statement: usize, affected: u64) -> Result<()> {
        self.done.push((statement, affected));
        Ok(())
    }
}

pub fn params<'a>(values: impl IntoIterator<Item = ValueRef<'a>>) -> Params {
    let mut params = Params::new();
    values.into_iter().for_each(|value| params.push(value));
    params
}

pub fn read(sql: &str, columns: &[SqlType]) -> Statement {
    let text = StatementText::new(sql.into(), Vec::new(), Some(columns.to_vec()), Effect::Read);
    Statement::new(Arc::new(text), Params::new())
}

pub fn write(sql: &str, bounded: bool, params: Params) -> Statement {
    let types = vec![ParamType::scalar(SqlType::Unknown); params.len()];
    let text = StatementText::new(sql.into(), types, Some(Vec::new()), Effect::Write { bounded });
    Statement::new(Arc::new(text), params)
}

pub fn raw(sql: &str) -> Statement {
    Statement::new(Arc::new(StatementText::raw(sql)), Params::new())
}

pub fn begin() -> Statement {
    Statement::command("BEGIN IMMEDIATE", Effect::Begin { read_only: false })
}

pub fn commit() -> Statement {
    Statement::command("COMMIT", Effect::Commit)
}

pub fn rollback() -> Statement {
    Statement::command("ROLLBACK", Effect::Rollback)
}

/// Runs `statements` and keeps what they answer.
pub fn run(connection: &mut Box<dyn Connection>, statements: &[Statement]) -> Result<Kept> {
    let mut kept = Kept::default();
    block_on(connection.run(Batch { before: &[], statements }, &mut kept))?;
    Ok(kept)
}

pub fn sql(connection: &mut Box<dyn Connection>, sql: &str) -> Result<Kept> {
    run(connection, &[raw(sql)])
}

/// The first cell of the first row, an integer.
pub fn int(connection: &mut Box<dyn Connection>, text: &str) -> i64 {
    match run(connection, &[read(text, &[SqlType::BigInt])]).unwrap().rows[0][0] {
        Value::Int(value) => value,
        ref other => panic!("{other:?} is no integer"),
    }
}

/// Counts to `n`, one row each: more than the inline budget for a large `n`.
pub fn counting(n: u32) -> Statement {
    let sql = format!(
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {n}) SELECT x FROM c"
    );
    read(&sql, &[SqlType::BigInt])
}
