//! A runtime of the standard library alone, and what the tests share.
#![allow(dead_code)] // each test file uses a part of it

pub(crate) mod tls;

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ormkit_core::driver::{
    Batch, Column, Connection, Driver, Effect, NoRows, Row, RowSink, Statement, StatementText,
};
use ormkit_core::error::Result;
use ormkit_core::runtime::{Address, BoxFuture, Peek, Runtime, TcpOptions, Transport};
use ormkit_core::value::{ParamType, Params, SqlType, ValueRef};
use ormkit_pg::{Config, PgDriver};

/// Polls again and again: sockets of this runtime wake nobody.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut cx) {
            return done;
        }
        std::thread::sleep(Duration::from_micros(20));
    }
}

/// Polls `count` times and drops the future. True when it completed before.
pub(crate) fn poll_times<T>(count: usize, work: impl Future<Output = T>) -> bool {
    let mut work = pin!(work);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..count {
        if work.as_mut().poll(&mut cx).is_ready() {
            return true;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    false
}

/// Blocking threads for everything that is not a socket. With a step, one poll moves at most so many bytes each way.
pub(crate) struct StdRuntime {
    pub(crate) step: Option<usize>,
}

impl Runtime for StdRuntime {
    fn connect<'a>(
        &'a self,
        to: &'a Address,
        _tcp: &'a TcpOptions,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(async move {
            Ok(match to {
                Address::Tcp { host, port } => {
                    let stream = TcpStream::connect((host.as_str(), *port))?;
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    self.transport(stream, |stream| {
                        let peeked = stream.peek(&mut [0]);
                        peek_of(peeked)
                    })
                }
                Address::Unix(path) => {
                    let stream = UnixStream::connect(path)?;
                    stream.set_nonblocking(true)?;
                    self.transport(stream, |_| Peek::Quiet)
                }
            })
        })
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let end = Instant::now() + time;
        Box::pin(std::future::poll_fn(
            move |_| if Instant::now() >= end { Poll::Ready(()) } else { Poll::Pending },
        ))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        std::thread::spawn(move || block_on(task));
    }

    fn offload(&self, job: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(job);
    }
}

impl StdRuntime {
    fn transport<S: Read + Write + Send + 'static>(
        &self,
        stream: S,
        peek: fn(&S) -> Peek,
    ) -> Box<dyn Transport> {
        Box::new(Socket { stream, peek, step: self.step, rested: (true, true) })
    }
}

fn peek_of(peeked: io::Result<usize>) -> Peek {
    match peeked {
        Ok(0) => Peek::Closed,
        Ok(_) => Peek::Readable,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Peek::Quiet,
        Err(_) => Peek::Closed,
    }
}

struct Socket<S> {
    stream: S,
    peek: fn(&S) -> Peek,
    step: Option<usize>,
    /// Whether reading and writing may go on: with a step, every other call is Pending.
    rested: (bool, bool),
}

impl<S: Read + Write + Send> Transport for Socket<S> {
    fn poll_read(&mut self, _cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.step.is_some() && !std::mem::replace(&mut self.rested.0, true) {
            return Poll::Pending;
        }
        let length = buffer.len().min(self.step.unwrap_or(usize::MAX));
        let read = pending(self.stream.read(&mut buffer[..length]));
        self.rested.0 = read.is_pending();
        read
    }

    fn poll_write(&mut self, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.step.is_some() && !std::mem::replace(&mut self.rested.1, true) {
            return Poll::Pending;
        }
        let length = bytes.len().min(self.step.unwrap_or(usize::MAX));
        let written = pending(self.stream.write(&bytes[..length]));
        self.rested.1 = written.is_pending();
        written
    }

    fn peek(&mut self) -> Peek {
        (self.peek)(&self.stream)
    }
}

fn pending(done: io::Result<usize>) -> Poll<io::Result<usize>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done),
    }
}

/// The URL of the server to test with.
pub(crate) fn url() -> String {
    std::env::var("ORMKIT_TEST_POSTGRES_URL")
        .expect("set ORMKIT_TEST_POSTGRES_URL to the URL of a PostgreSQL server, or run `make test`")
}

/// The same server for another user.
pub(crate) fn url_of(credentials: &str) -> String {
    let url = url();
    let (_, server) = url.rsplit_once('@').expect("the test URL names a user");
    format!("postgresql://{credentials}@{server}")
}

pub(crate) fn connect_to(url: &str, step: Option<usize>) -> Result<Box<dyn Connection>> {
    let config = Config::parse(url)?;
    block_on(PgDriver::new(config, Arc::new(StdRuntime { step })).connect())
}

/// A driver whose connections share what they know.
pub(crate) fn driver(url: &str) -> PgDriver {
    PgDriver::new(
        Config::parse(url).expect("the URL of the test server"),
        Arc::new(StdRuntime { step: None }),
    )
}

pub(crate) fn connect() -> Box<dyn Connection> {
    connect_to(&url(), None).expect("the test server answers")
}

/// What a sink was told, as text.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) columns: Vec<(String, SqlType)>,
    pub(crate) events: Vec<String>,
}

impl RowSink for Recorder {
    fn columns(&mut self, _statement: usize, columns: &[Column<'_>]) -> Result<()> {
        self.columns = columns.iter().map(|column| (column.name.to_owned(), column.sql_type)).collect();
        Ok(())
    }

    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        let cells: Result<Vec<String>> = (0..row.len()).map(|index| Ok(show(row.cell(index)?))).collect();
        self.events.push(format!("row {statement}"));
        self.rows.push(cells?);
        Ok(())
    }

    fn restart(&mut self, statement: usize) {
        self.rows.clear();
        self.events.push(format!("restart {statement}"));
    }

    fn done(&mut self, statement: usize, affected: u64) -> Result<()> {
        self.events.push(format!("done {statement} {affected}"));
        Ok(())
    }
}

fn show(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Int(int) => int.to_string(),
        ValueRef::Text(text) | ValueRef::Json(text) => text.to_owned(),
        ValueRef::Numeric(number) => number.to_string(),
        ValueRef::Date(date) => date.to_string(),
        ValueRef::Timestamp(time) | ValueRef::TimestampTz(time) => time.to_string(),
        other => format!("{other:?}"),
    }
}

/// SQL of a caller's own.
pub(crate) fn raw(sql: &str, values: &[ValueRef<'_>]) -> Statement {
    with_values(StatementText::raw(sql), values)
}

/// A statement whose types are known, as the ORM compiles them.
pub(crate) fn typed(sql: &str, types: &[SqlType], columns: &[SqlType], values: &[ValueRef<'_>]) -> Statement {
    let types = types.iter().map(|sql_type| ParamType::scalar(*sql_type)).collect();
    let effect = if sql.starts_with("SELECT") { Effect::Read } else { Effect::Write { bounded: true } };
    with_values(StatementText::new(sql.into(), types, Some(columns.to_vec()), effect), values)
}

fn with_values(text: StatementText, values: &[ValueRef<'_>]) -> Statement {
    let mut params = Params::new();
    values.iter().for_each(|value| params.push(*value));
    Statement::new(Arc::new(text), params)
}

pub(crate) fn begin() -> Statement {
    Statement::command("BEGIN", Effect::Begin { read_only: false })
}

pub(crate) fn commit() -> Statement {
    Statement::command("COMMIT", Effect::Commit)
}

pub(crate) fn run(
    connection: &mut dyn Connection,
    before: &[Statement],
    statements: &[Statement],
) -> Result<Recorder> {
    let mut sink = Recorder::default();
    block_on(connection.run(Batch { before, statements }, &mut sink)).map(|()| sink)
}

/// Runs statements without values, one flight each.
pub(crate) fn script(connection: &mut dyn Connection, statements: &[&str]) {
    for sql in statements {
        let statement = [raw(sql, &[])];
        let batch = Batch { before: &[], statements: &statement };
        block_on(connection.run(batch, &mut NoRows)).expect(sql);
    }
}

/// The first row of a query.
pub(crate) fn row(connection: &mut dyn Connection, sql: &str) -> Vec<String> {
    run(connection, &[], &[raw(sql, &[])]).expect(sql).rows.remove(0)
}
