//! `engine.connect()`, `begin()` and `transaction()`: one connection for a block, for SQL of the caller's own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ormkit_core::driver::{Batch, Statement, StatementText};
use ormkit_core::error::Error;
use ormkit_core::query::Write;
use ormkit_core::session::Link;
use ormkit_core::value::Params;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::pinned::{Pinned, caller, open_transaction};
use super::stream::RowStream;
use super::{Engine, EngineHandle, params};
use crate::bridge::Operation;
use crate::dialect::named_dialect;
use crate::errors::to_py;
use crate::expr::Expr;
use crate::query::{Select, select_with, shown, shown_statement, writes_with};
use crate::result::{Kept, QueryResult, ScalarResult};
use crate::session::{SessionLink, nothing, raise};

/// A connection of its own: settings, temporary tables and locks of one statement are there for the next.
///
/// The first statement begins a transaction, which `commit()` keeps and `rollback()` undoes; leaving the block without
/// `commit()` rolls back. One task at a time. What SQL has changed of the session is undone before anybody else gets the
/// connection.
#[pyclass(frozen, name = "Connection", module = "ormkit")]
pub(crate) struct Connection {
    pub(super) link: Arc<Pinned>,
    /// The block commits at its end, and it alone.
    pub(super) commits: bool,
}

impl Connection {
    pub(crate) fn link(&self) -> &Arc<Pinned> {
        &self.link
    }

    /// The connection of a session's transactions.
    pub(crate) fn of_session(engine: EngineHandle, session: Arc<SessionLink>) -> Self {
        Self { link: Arc::new(Pinned::of_session(engine, session)), commits: false }
    }

    /// The connection of a flush, for its listeners.
    pub(crate) fn of_flush(link: Arc<Pinned>) -> Self {
        Self { link, commits: false }
    }

    /// Refuses what the session does.
    fn without_session(&self, py: Python<'_>, verb: &str, instead: &str) -> PyResult<()> {
        if !self.link.is_of_session() {
            return Ok(());
        }
        let text = format!("{verb}() on the connection of a session: call {instead}() on the session");
        Err(to_py(py, Error::invalid_request(text)))
    }

    /// Refuses what belongs to the open block.
    fn outside_block(&self, py: Python<'_>, verb: &str) -> PyResult<()> {
        self.without_session(py, verb, verb)?;
        if !self.commits && *self.link.blocks() == 0 {
            return Ok(());
        }
        let text = format!("{verb}() inside a block of begin(): its end commits, an exception rolls back");
        Err(to_py(py, Error::invalid_request(text)))
    }

    /// Opens a connection, and a transaction where the block commits at its end.
    async fn open(engine: EngineHandle, commits: bool) -> PyResult<Py<Self>> {
        let mut link = Link::new(Python::attach(|py| engine.pool(py))?);
        link.set_holder(caller());
        link.pin().await.map_err(raise)?;
        if commits {
            open_transaction(&mut link)?;
        }
        let link = Arc::new(Pinned::new(engine, link));
        Python::attach(|py| Py::new(py, Self { link, commits }))
    }

    /// Runs a statement, and shows its rows by `show`.
    fn run(
        &self,
        py: Python<'_>,
        name: &'static str,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
        show: impl FnOnce(Python<'_>, QueryResult) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Py<Operation>> {
        let statements: Vec<Statement> = self
            .read_all(statement, params)?
            .into_iter()
            .map(|(text, params)| Statement::new(text, params))
            .collect();
        let link = Arc::clone(&self.link);
        Operation::start(py, name, async move {
            let mut core = Python::attach(|py| link.lease(py))?;
            core.check().map_err(raise)?;
            open_transaction(&mut core)?;
            let mut sink = Kept::default();
            let ran = core.run(Batch { before: &[], statements: &statements }, &mut sink).await;
            ran.map_err(|error| link.engine().explained(error))?;
            Python::attach(|py| show(py, sink.into_result(link.engine().border())))
        })
    }

    /// Ends the block. A COMMIT that fails is rolled back, and its error comes out.
    fn end(&self, py: Python<'_>, keep: bool) -> PyResult<Py<Operation>> {
        if self.link.is_of_session() {
            return Operation::ready(py, "Connection.close", py.None());
        }
        let link = Arc::clone(&self.link);
        let keep = keep && self.commits;
        Operation::start(py, "Connection.close", async move {
            let mut core = Python::attach(|py| link.lease(py))?;
            let committed = if keep { core.commit().await } else { Ok(()) };
            Python::attach(|py| link.recall(py));
            core.rollback().await;
            core.unpin();
            committed.map_err(|error| link.engine().explained(error))?;
            Ok(nothing())
        })
    }
}

#[pymethods]
impl Connection {
    /// Run SQL of your own, or a statement; a transaction is begun where none is open.
    ///
    /// Args:
    ///     statement: SQL with native placeholders (`$1` on PostgreSQL, `?` on SQLite) or `:name`, a `text()`, or a
    ///         `select`, `insert`, `update` or `delete`, whose rows are not made into objects.
    ///     params: A list or tuple, or a dict for `:name` placeholders; beside a statement as for `AsyncSession.execute`.
    ///
    /// Raises:
    ///     PendingRollbackError: An earlier statement has failed: `rollback()` first.
    ///     InterfaceError: The connection was lost, or its block has ended.
    ///
    /// Cancelling the task gives the connection up: it is rolled back in the background, and only the end of the block is
    /// possible.
    #[pyo3(signature = (statement, params = None))]
    fn execute(
        &self,
        py: Python<'_>,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        self.run(
            py,
            "Connection.execute",
            statement,
            params,
            |py, result| Ok(Py::new(py, result)?.into_any()),
        )
    }

    /// The first column of the first row, or None: `execute(..)` and `.scalar()`.
    #[pyo3(signature = (statement, params = None))]
    fn scalar(
        &self,
        py: Python<'_>,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        self.run(py, "Connection.scalar", statement, params, |py, result| {
            Bound::new(py, result)?.call_method0("scalar").map(Bound::unbind)
        })
    }

    /// The first column of each row, in the order of the rows.
    #[pyo3(signature = (statement, params = None))]
    fn scalars(
        &self,
        py: Python<'_>,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        self.run(py, "Connection.scalars", statement, params, |py, result| {
            let values = Bound::new(py, result)?.call_method0("scalars")?.cast_into::<PyList>()?;
            let values = ScalarResult::new(values.iter().map(Bound::unbind).collect(), usize::MAX);
            Ok(Py::new(py, values)?.into_any())
        })
    }

    /// The engine that it is of.
    #[getter]
    fn engine(&self) -> Engine {
        self.link.engine().clone().into()
    }

    /// `"postgresql"` or `"sqlite"`.
    #[getter]
    fn dialect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        named_dialect(py, self.link.engine().dialect())
    }

    /// Run several statements, separated by semicolons, without values; their rows are dropped. A transaction is begun
    /// where none is open.
    fn execute_script(&self, py: Python<'_>, script: &Bound<'_, PyString>) -> PyResult<Py<Operation>> {
        let script = params::sql(script)?.to_owned();
        let link = Arc::clone(&self.link);
        Operation::start(py, "Connection.execute_script", async move {
            let mut core = Python::attach(|py| link.lease(py))?;
            core.check().map_err(raise)?;
            open_transaction(&mut core)?;
            core.run_script(&script).await.map_err(|error| link.engine().explained(error))?;
            Ok(nothing())
        })
    }

    /// Run a query and read its rows in pieces, for `async for`: they need not fit into memory.
    ///
    /// Args:
    ///     statement: As for `execute`.
    ///     params: As for `execute`.
    ///     batch_size: How many rows are read at once, from 1 on.
    ///
    /// Other statements of the connection may run in between; the end of the transaction ends the stream.
    #[pyo3(signature = (statement, params = None, *, batch_size = 1000))]
    fn stream(
        &self,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
        batch_size: i64,
    ) -> PyResult<RowStream> {
        let (text, params) = self.read(statement, params)?;
        RowStream::of(Arc::clone(&self.link), Statement::new(text, params), batch_size)
    }

    /// Keep what was done since the last commit.
    fn commit(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.outside_block(py, "commit")?;
        let link = Arc::clone(&self.link);
        Operation::start(py, "Connection.commit", async move {
            let mut core = Python::attach(|py| link.lease(py))?;
            core.commit().await.map_err(|error| link.engine().explained(error))?;
            Ok(nothing())
        })
    }

    /// Undo what was done since the last commit.
    fn rollback(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.outside_block(py, "rollback")?;
        let link = Arc::clone(&self.link);
        Operation::start(py, "Connection.rollback", async move {
            let mut core = Python::attach(|py| {
                link.recall(py);
                link.lease(py)
            })?;
            core.rollback().await;
            Ok(nothing())
        })
    }

    /// True between the first statement and `commit()` or `rollback()`.
    fn in_transaction(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.link.lease(py)?.in_transaction())
    }

    /// A block that commits at its end and rolls back on an exception; inside a transaction it is a savepoint.
    ///
    /// Raises:
    ///     InvalidRequestError: It is the connection of a session, whose `begin_nested()` makes a savepoint.
    fn begin(slf: PyRef<'_, Self>) -> PyResult<ConnectionBlock> {
        slf.without_session(slf.py(), "begin", "begin_nested")?;
        Ok(ConnectionBlock { connection: slf.into(), stage: Mutex::new(Stage::Unopened) })
    }

    /// The same: inside a transaction `begin()` is a savepoint already.
    fn begin_nested(slf: PyRef<'_, Self>) -> PyResult<ConnectionBlock> {
        Self::begin(slf)
    }

    /// Call `function(connection, *args, **kwargs)`, and await what it returns if that can be awaited.
    ///
    /// It is there for SQLAlchemy's `await connection.run_sync(Base.metadata.create_all)`: nothing here needs a thread.
    #[pyo3(signature = (function, *args, **kwargs))]
    fn run_sync<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let first = PyTuple::new(py, [slf.as_any()])?;
        let all = first.as_sequence().concat(args.as_sequence())?.to_tuple()?;
        let answer = function.call(all, kwargs)?;
        if answer.hasattr("__await__")? {
            return Ok(answer);
        }
        Ok(Operation::ready(py, "Connection.run_sync", answer.unbind())?.into_bound(py).into_any())
    }

    /// Roll back what is open and give the connection back; later use raises `InterfaceError`. That of a session stays open.
    fn close(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.end(py, false)
    }

    fn __aenter__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        let connection: Py<Self> = slf.into();
        Operation::ready(py, "Connection.__aenter__", connection.into_any())
    }

    /// Itself: `await session.connection()`.
    fn __await__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        let connection: Py<Self> = slf.into();
        Operation::ready(py, "Connection.__await__", connection.into_any())
    }

    #[pyo3(signature = (exc_type, _exc_value, _traceback, /))]
    fn __aexit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        _exc_value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Operation>> {
        self.end(py, exc_type.is_none())
    }
}

impl Connection {
    /// The statement and its values, once.
    ///
    /// # Errors
    /// What binding raises; `TypeError` for several sets of values.
    pub(super) fn read(
        &self,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(Arc<StatementText>, Params)> {
        let mut all = self.read_all(statement, params)?;
        match (all.pop(), all.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(PyTypeError::new_err("this takes one set of values: execute() takes a list of them")),
        }
    }

    /// The statement, once for each set of values.
    fn read_all(
        &self,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<(Arc<StatementText>, Params)>> {
        let (py, border) = (statement.py(), self.link.engine().border());
        if let Ok(sql) = statement.cast::<PyString>() {
            return Ok(vec![params::bind(params::sql(sql)?, params, border)?]);
        }
        if let Ok(expr) = statement.cast::<Expr>()
            && let Some(text) = expr.get().written()
        {
            return params::bind_texts(py, text, params, border);
        }
        let params = params.filter(|params| !params.is_none());
        let spelling = self.link.engine().spelling();
        let texts = if let Ok(select) = statement.cast::<Select>() {
            let select = select_with(py, select.get().core(), params)?;
            vec![shown(py, spelling, |schema, spelling| select.to_sql(schema, spelling))?]
        } else if let Some(writes) = writes_with(statement, params)? {
            let text = |write: &Write| shown(py, spelling, |schema, spelling| write.to_sql(schema, spelling));
            writes.iter().map(text).collect::<PyResult<_>>()?
        } else {
            let known = if params.is_none() { shown_statement(statement, spelling)? } else { None };
            let Some(known) = known else {
                let found = statement.get_type().name()?;
                return Err(PyTypeError::new_err(format!(
                    "execute() takes SQL, text() or a statement, not {found}"
                )));
            };
            vec![known]
        };
        texts.iter().map(|(sql, values)| params::bind(sql, Some(values), border)).collect()
    }
}

/// Where a block stands.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Unopened,
    Transaction,
    Savepoint,
    Ended,
}

/// `async with connection.begin()`.
#[pyclass(frozen, name = "ConnectionBlock", module = "ormkit")]
pub(crate) struct ConnectionBlock {
    connection: Py<Connection>,
    stage: Mutex<Stage>,
}

impl ConnectionBlock {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl ConnectionBlock {
    fn __aenter__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        let this: Py<Self> = slf.into();
        Operation::start(py, "ConnectionBlock.__aenter__", async move {
            let block = this.get();
            let link = &block.connection.get().link;
            let mut core = Python::attach(|py| link.lease(py))?;
            if *block.stage() != Stage::Unopened {
                let text = "this begin() block was opened already: call begin() again";
                return Err(raise(Error::invalid_request(text)));
            }
            let stage = if core.in_transaction() { Stage::Savepoint } else { Stage::Transaction };
            match stage {
                Stage::Savepoint => drop(core.savepoint().map_err(raise)?),
                _ => open_transaction(&mut core)?,
            }
            *block.stage() = stage;
            *link.blocks() += 1;
            Python::attach(|py| Ok(block.connection.clone_ref(py).into_any()))
        })
    }

    #[pyo3(signature = (exc_type, _exc_value, _traceback, /))]
    fn __aexit__(
        slf: PyRef<'_, Self>,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        _exc_value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Operation>> {
        let (this, keep): (Py<Self>, bool) = (slf.into(), exc_type.is_none());
        Operation::start(py, "ConnectionBlock.__aexit__", async move {
            let block = this.get();
            let link = &block.connection.get().link;
            let mut core = Python::attach(|py| link.lease(py))?;
            let stage = std::mem::replace(&mut *block.stage(), Stage::Ended);
            if matches!(stage, Stage::Unopened | Stage::Ended) {
                return Ok(nothing());
            }
            *link.blocks() -= 1;
            let mut ended = match stage {
                _ if !keep => Ok(()),
                Stage::Savepoint => core.release(),
                _ => core.commit().await,
            };
            if !keep || ended.is_err() {
                Python::attach(|py| link.recall(py));
                let undone = match stage {
                    Stage::Savepoint => core.rollback_savepoint().await,
                    _ => {
                        core.rollback().await;
                        Ok(())
                    }
                };
                ended = ended.and(undone);
            }
            ended.map_err(|error| link.engine().explained(error))?;
            Ok(nothing())
        })
    }
}

/// What `engine.connect()`, `begin()` and `transaction()` return: to be awaited or entered.
#[pyclass(frozen, name = "ConnectionContext", module = "ormkit")]
pub(crate) struct ConnectionContext {
    engine: EngineHandle,
    commits: bool,
    opened: Arc<Mutex<Option<Py<Connection>>>>,
}

impl ConnectionContext {
    pub(super) fn new(engine: EngineHandle, commits: bool) -> Self {
        Self { engine, commits, opened: Arc::default() }
    }
}

#[pymethods]
impl ConnectionContext {
    /// The connection; its `close()` gives it back, and so does `async with` on it.
    fn __await__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (engine, commits) = (self.engine.clone(), self.commits);
        Operation::start(py, "ConnectionPool.connect", async move {
            Ok(Connection::open(engine, commits).await?.into_any())
        })
    }

    fn __aenter__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (engine, commits, opened) = (self.engine.clone(), self.commits, Arc::clone(&self.opened));
        Operation::start(py, "ConnectionPool.connect", async move {
            let connection = Connection::open(engine, commits).await?;
            let kept = Python::attach(|py| connection.clone_ref(py));
            *opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
            Ok(connection.into_any())
        })
    }

    #[pyo3(signature = (exc_type, _exc_value, _traceback, /))]
    fn __aexit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        _exc_value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Operation>> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        match opened {
            Some(connection) => connection.get().end(py, exc_type.is_none()),
            None => Operation::ready(py, "ConnectionContext.__aexit__", py.None()),
        }
    }
}
