//! `ConnectionPool` (alias `Engine`): the face of a database.
//!
//! A core pool belongs to the event loop that uses it: used from a second loop, the engine keeps another pool there.

mod async_engine;
mod callbacks;
mod connection;
mod copy;
mod ddl;
mod explain;
mod inspect;
mod listen;
mod many;
mod notices;
mod options;
mod params;
mod password;
mod pinned;
mod quote;
mod schema_names;
mod settings;
mod status;
mod stream;
mod target;
mod trace_event;
mod tracing;

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use ormkit_core::driver::{Batch, Statement, StatementText};
use ormkit_core::error::Error;
use ormkit_core::plan::Plans;
use ormkit_core::pool::Pool;
use ormkit_core::session::Link;
use ormkit_core::sql::{Dialect, DialectName, Spelling};
use pyo3::exceptions::PyResourceWarning;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::bridge::{LoopRuntime, Operation, Process, at_drop};
use crate::convert::Border;
use crate::dialect::named_dialect;
use crate::errors::to_py;
use crate::result::QueryResult;
use crate::session::nothing;

pub(crate) use async_engine::create_async_engine;
pub(crate) use callbacks::ClosedConnection;
pub(crate) use connection::{Connection, ConnectionBlock, ConnectionContext};
pub(crate) use copy::CopyOut;
pub(crate) use explain::{Plan, explain};
pub(crate) use inspect::{FoundColumn, FoundConstraint, FoundIndex, FoundTable};
pub(crate) use listen::{Listener, Notification};
use options::Options;
pub(crate) use options::{create_engine, create_pool};
pub(crate) use params::{bind as bind_values, bind_texts};
pub(crate) use pinned::Pinned;
pub(crate) use quote::{quote_identifier, quote_literal};
use schema_names::Renamed;
pub(crate) use status::{PlanCounters, PoolCounters, PoolHolder, PoolStatus};
pub(crate) use stream::{RowBatches, RowStream, only_reads};
use target::Target;
pub(crate) use trace_event::TraceEvent;
pub(crate) use tracing::{Sent, Watch};

/// A database: connections are opened when they are needed, and kept.
///
/// `await engine` opens `min_connections` and answers the engine; unopened, it opens on first use. `async with` closes
/// it at the end.
///
/// An engine that is dropped with open connections gives a `ResourceWarning`. It belongs to the process that made it: a
/// forked child creates its own. For SQLite fork before the file is opened (or start processes by `spawn`): SQLite's
/// own books of file locks do not survive a fork.
#[pyclass(frozen, weakref, name = "ConnectionPool", module = "ormkit")]
pub(crate) struct Engine {
    inner: Arc<Inner>,
    plans: Arc<Plans>,
}

struct Inner {
    target: Target,
    options: Options,
    /// The compiled statements of the engine that calls schemas as the models do.
    plans: Arc<Plans>,
    /// Those of engines that call schemas otherwise.
    renamed: Mutex<Renamed>,
    /// What the conversion of values has to know.
    border: Arc<Border>,
    /// One pool per event loop.
    pools: Mutex<Vec<(Arc<LoopRuntime>, Pool)>>,
    closed: Mutex<bool>,
    /// Its connections belong to the process that made it.
    process: Process,
}

impl Inner {
    /// Connections that nobody has closed, in the process that opened them.
    fn left_open(&mut self) -> usize {
        if !self.process.is_current() {
            return 0;
        }
        let pools = self.pools.get_mut().unwrap_or_else(PoisonError::into_inner);
        pools.iter().map(|(_, pool)| pool.status().size).sum()
    }
}

/// The last of the engine and its sessions is gone. Connections end with their pools.
impl Drop for Inner {
    fn drop(&mut self) {
        let open = self.left_open();
        if open == 0 {
            return;
        }
        let text = format!(
            "unclosed engine {}: {open} connection(s) were open; use `async with` or await close()",
            self.target
        );
        at_drop(|py| {
            let text = std::ffi::CString::new(text)?;
            PyErr::warn(py, &py.get_type::<PyResourceWarning>(), &text, 1)
        });
    }
}

/// What sessions and statements need of an engine.
#[derive(Clone)]
pub(crate) struct EngineHandle {
    inner: Arc<Inner>,
    plans: Arc<Plans>,
}

impl Engine {
    fn new(target: Target, options: Options) -> Self {
        let border = Arc::new(Border { dialect: target.dialect(), conversion: options.conversion.clone() });
        let plans = Arc::new(Plans::new(target.dialect()).for_host(Arc::clone(&border) as _));
        let inner = Inner {
            target,
            options,
            plans: Arc::clone(&plans),
            renamed: Mutex::default(),
            border,
            pools: Mutex::default(),
            closed: Mutex::new(false),
            process: Process::current(),
        };
        Self { inner: Arc::new(inner), plans }
    }

    pub(crate) fn handle(&self) -> EngineHandle {
        EngineHandle { inner: Arc::clone(&self.inner), plans: Arc::clone(&self.plans) }
    }
}

impl From<EngineHandle> for Engine {
    fn from(handle: EngineHandle) -> Self {
        Self { inner: handle.inner, plans: handle.plans }
    }
}

impl EngineHandle {
    /// The engine that calls schemas as the models do.
    fn of(inner: Arc<Inner>) -> Self {
        let plans = Arc::clone(&inner.plans);
        Self { inner, plans }
    }

    /// The compiled statements, shared by all sessions.
    pub(crate) fn plans(&self) -> Arc<Plans> {
        Arc::clone(&self.plans)
    }

    /// How its database spells SQL, and what it calls schemas.
    pub(crate) fn spelling(&self) -> Spelling<'_> {
        Spelling { dialect: self.dialect(), schemas: self.plans.schemas() }
    }

    /// What the conversion of values has to know.
    pub(crate) fn border(&self) -> &Arc<Border> {
        &self.inner.border
    }

    /// False in a child that was forked since the engine was made.
    pub(crate) fn is_ours(&self) -> bool {
        self.inner.process.is_current()
    }

    /// # Errors
    /// The engine is closed, or belongs to the parent process.
    fn require_usable(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_ours() {
            let text = "this engine was made before fork(): create an engine in the child process";
            return Err(to_py(py, Error::interface(text)));
        }
        if *self.inner.closed.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(to_py(py, Error::interface("this engine is closed")));
        }
        Ok(())
    }

    /// The pool of the running loop.
    ///
    /// # Errors
    /// No loop is running; the engine is closed, or belongs to the parent process.
    pub(crate) fn pool(&self, py: Python<'_>) -> PyResult<Pool> {
        self.require_usable(py)?;
        let runtime = LoopRuntime::current(py)?;
        let mut pools = self.inner.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let dead: Vec<_> = pools.extract_if(.., |(runtime, _)| runtime.is_closed()).collect();
        let pool = match pools.iter().find(|(known, _)| Arc::ptr_eq(known, &runtime)) {
            Some((_, pool)) => pool.clone(),
            None => {
                let driver = self.inner.target.driver(Arc::clone(&runtime) as _);
                let hooks = self.inner.options.callbacks.hooks(&self.inner, &runtime);
                let options = self.inner.options.pool.clone();
                let pool = Pool::with_hooks(driver, Arc::clone(&runtime) as _, options, hooks);
                pools.push((runtime, pool.clone()));
                pool
            }
        };
        drop(pools);
        drop(dead);
        Ok(pool)
    }

    fn all_pools(&self) -> Vec<Pool> {
        self.inner
            .pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(_, pool)| pool.clone())
            .collect()
    }

    /// Runs SQL of the caller's own in autocommit.
    pub(crate) async fn execute(
        &self,
        text: Arc<StatementText>,
        params: ormkit_core::value::Params,
    ) -> PyResult<QueryResult> {
        let pool = Python::attach(|py| self.pool(py))?;
        let statement = [Statement::new(text, params)];
        let mut sink = crate::result::Kept::default();
        let ran = async {
            let mut lent = pool.acquire().await?;
            lent.note(&statement[0].text);
            lent.run(Batch { before: &[], statements: &statement }, &mut sink).await
        };
        ran.await.map_err(|error| self.explained(error))?;
        Ok(sink.into_result(&self.inner.border))
    }

    /// An error as an exception, with the constraint that the models know.
    pub(crate) fn explained(&self, error: Error) -> PyErr {
        Python::attach(|py| match crate::model::schema(py) {
            Ok(schema) => to_py(py, schema.explain(error)),
            // The models are not needed to say what the database said.
            Err(_) => to_py(py, error),
        })
    }

    /// How its database spells SQL.
    pub(crate) fn dialect(&self) -> &'static Dialect {
        self.inner.target.dialect()
    }
}

#[pymethods]
impl Engine {
    /// The URL without its password.
    #[getter]
    fn url(&self) -> String {
        self.inner.target.to_string()
    }

    /// `"postgresql"` or `"sqlite"`.
    #[getter]
    fn dialect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        named_dialect(py, self.inner.target.dialect())
    }

    /// The same as a plain text.
    #[getter]
    fn name(&self) -> &'static str {
        self.inner.target.dialect().name.as_str()
    }

    /// True for PostgreSQL.
    fn is_postgres(&self) -> bool {
        self.inner.target.dialect().name == DialectName::Postgres
    }

    /// True for SQLite.
    pub(crate) fn is_sqlite(&self) -> bool {
        self.inner.target.dialect().name == DialectName::Sqlite
    }

    /// Run SQL of your own, in autocommit.
    ///
    /// Args:
    ///     sql: One statement, with native placeholders (`$1` on PostgreSQL, `?` on SQLite) or `:name` for a dict.
    ///     params: A list or tuple, or a dict for `:name` placeholders.
    ///
    /// Raises:
    ///     DatabaseError: What the database says, as a class of its own (`UniqueViolation`, `ProgrammingError`, …).
    ///     PoolTimeout: No connection became free within `acquire_timeout`.
    ///     InterfaceError: The engine is closed.
    ///
    /// Cancelling the task cancels the statement; the connection is cleaned in the background or closed.
    #[pyo3(signature = (sql, params = None))]
    fn execute(
        &self,
        py: Python<'_>,
        sql: &Bound<'_, PyString>,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let (text, params) = params::bind(params::sql(sql)?, params, &self.inner.border)?;
        let handle = self.handle();
        Operation::start(py, "ConnectionPool.execute", async move {
            let result = handle.execute(text, params).await?;
            Python::attach(|py| Ok(Py::new(py, result)?.into_any()))
        })
    }

    /// Run several statements, separated by semicolons, without values; their rows are dropped.
    ///
    /// All of them or none, unless the script has its own words for transactions, or holds what cannot run inside of one
    /// (`VACUUM`).
    fn execute_script(&self, py: Python<'_>, script: &Bound<'_, PyString>) -> PyResult<Py<Operation>> {
        let script = params::sql(script)?.to_owned();
        let handle = self.handle();
        Operation::start(py, "ConnectionPool.execute_script", async move {
            let mut link = Link::new(Python::attach(|py| handle.pool(py))?);
            link.run_script(&script).await.map_err(|error| handle.explained(error))?;
            Ok(nothing())
        })
    }

    /// Run a query and read its rows in pieces, for `async for`: they need not fit into memory.
    ///
    /// Args:
    ///     sql: As for `execute`.
    ///     params: As for `execute`.
    ///     batch_size: How many rows are read at once, from 1 on.
    #[pyo3(signature = (sql, params = None, *, batch_size = 1000))]
    fn stream(
        &self,
        sql: &Bound<'_, PyString>,
        params: Option<&Bound<'_, PyAny>>,
        batch_size: i64,
    ) -> PyResult<RowStream> {
        let (text, params) = params::bind(params::sql(sql)?, params, &self.inner.border)?;
        RowStream::own(self.handle(), Statement::new(text, params), batch_size)
    }

    /// A connection for a block: the first statement begins a transaction, `commit()` keeps it, leaving without rolls
    /// back.
    fn connect(&self) -> ConnectionContext {
        ConnectionContext::new(self.handle(), false)
    }

    /// A connection inside a transaction: the end of the block commits, an exception rolls back.
    fn begin(&self) -> ConnectionContext {
        ConnectionContext::new(self.handle(), true)
    }

    /// The same as `begin()`.
    fn transaction(&self) -> ConnectionContext {
        self.begin()
    }

    /// Listen to channels of NOTIFY on PostgreSQL, on a connection of its own.
    ///
    /// Args:
    ///     channel, more: Names of channels, each as it is: `Jobs` and `jobs` are two.
    ///
    /// Returns:
    ///     A `Listener` for `async with`, which connects, and `async for`, which waits.
    ///
    /// Raises:
    ///     InterfaceError: A name is empty, longer than 63 bytes, or has a NUL.
    ///     NotSupportedError: SQLite has no channels.
    #[pyo3(signature = (channel, /, *more))]
    fn listen(&self, py: Python<'_>, channel: &str, more: Vec<String>) -> PyResult<Listener> {
        let names = std::iter::once(channel.to_owned()).chain(more).collect();
        Listener::new(self.handle(), names).map_err(|error| to_py(py, error))
    }

    /// How many connections there are, how many callers wait, who has a connection, and how many statements were compiled.
    fn status(&self, py: Python<'_>) -> PyResult<PoolStatus> {
        let (pools, plans) = (self.handle().all_pools(), self.handle().plans().counters());
        PoolStatus::of(py, pools.iter().map(Pool::status), self.inner.options.pool.max, plans.into())
    }

    /// Close all connections, and wait for borrowed ones.
    ///
    /// Args:
    ///     timeout: Longest wait for borrowers, in seconds; then their connections are closed under them.
    ///
    /// Later use of the engine raises `InterfaceError`.
    #[pyo3(signature = (*, timeout = 30.0))]
    fn close(&self, py: Python<'_>, timeout: f64) -> PyResult<Py<Operation>> {
        let timeout = options::seconds("timeout", timeout)?;
        let handle = self.handle();
        Operation::start(py, "ConnectionPool.close", async move {
            close(&handle, timeout).await;
            Python::attach(|py| Ok(py.None()))
        })
    }

    /// Close idle connections now and borrowed ones when they come back; the engine stays usable.
    ///
    /// Connections are opened anew when they are needed, and ask for their password anew where it is a function: so
    /// credentials are changed. `min_connections` are kept again once the engine is awaited.
    fn dispose(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let handle = self.handle();
        Operation::start(py, "ConnectionPool.dispose", async move {
            for pool in handle.all_pools() {
                pool.dispose();
            }
            Python::attach(|py| Ok(py.None()))
        })
    }

    fn __await__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        Self::open(slf.into(), py)
    }

    fn __aenter__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        Self::open(slf.into(), py)
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(
        &self,
        py: Python<'_>,
        _exception: &Bound<'_, pyo3::types::PyTuple>,
    ) -> PyResult<Py<Operation>> {
        self.close(py, 30.0)
    }

    fn __repr__(&self) -> String {
        format!("<ConnectionPool {}>", self.inner.target)
    }
}

impl Engine {
    fn open(slf: Py<Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        let handle = slf.get().handle();
        Operation::start(py, "ConnectionPool.open", async move {
            let pool = Python::attach(|py| handle.pool(py))?;
            pool.open_minimum().await.map_err(|error| Python::attach(|py| to_py(py, error)))?;
            Ok(slf.into_any())
        })
    }
}

async fn close(handle: &EngineHandle, timeout: Duration) {
    *handle.inner.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
    // All of them within one time.
    let pools = handle.all_pools();
    let mut closing: Vec<_> = pools.iter().map(|pool| Box::pin(pool.close(timeout))).collect();
    poll_fn(|cx| {
        closing.retain_mut(|pool| pool.as_mut().poll(cx).is_pending());
        if closing.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    drop(closing);
    // Callbacks that tell of closed connections were queued before.
    give_way().await;
    let pools = std::mem::take(&mut *handle.inner.pools.lock().unwrap_or_else(PoisonError::into_inner));
    drop(pools);
}

/// Lets what is queued go first.
async fn give_way() {
    let mut given = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
