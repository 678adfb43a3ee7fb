//! `stream()`: rows that are read in pieces.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ormkit_core::driver::Statement;
use ormkit_core::error::Error;
use ormkit_core::session::{Course, Link, Pieces};
use ormkit_core::sql::{DialectName, TransactionMode, scan};
use pyo3::exceptions::{PyStopAsyncIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::EngineHandle;
use super::pinned::{Pinned, caller, open_transaction};
use crate::bridge::{Operation, at_drop};
use crate::errors::to_py;
use crate::result::{Kept, QueryResult};
use crate::session::{nothing, raise};

/// Rows that are read in pieces while they are iterated over: `async for row in stream` for dicts, or
/// `async for batch in stream.batches()` for a `QueryResult` of up to `batch_size` rows each.
///
/// A stream of an engine is a transaction of its own on a connection of its own: read to its end it is committed; given up
/// before (`break`, an exception, `close()`, a cancelled task) it is rolled back, and its connection goes back. A stream of
/// a connection belongs to its transaction. On PostgreSQL the rows are those that were there when the stream began; on
/// SQLite what the same transaction writes meanwhile may come or not.
#[pyclass(frozen, name = "RowStream", module = "ormkit")]
pub(crate) struct RowStream {
    rows: Arc<Rows>,
}

/// What iterators of one stream share.
struct Rows {
    /// The engine where the stream has a transaction of its own.
    engine: Option<EngineHandle>,
    /// There from the first read on.
    link: Mutex<Option<Arc<Pinned>>>,
    batch_size: NonZeroU32,
    stage: Mutex<Stage>,
    /// Of a stream of a connection, from the first read on: its own transaction ends with the last row.
    course: OnceLock<Arc<Course>>,
    /// Rows that were read and not given out, and how many of them were.
    waiting: Mutex<Option<(Py<PyList>, usize)>>,
}

enum Stage {
    Unread(Statement),
    Open(Pieces, Vec<String>),
    /// A read is under way, or was given up.
    Reading,
    Ended,
}

impl RowStream {
    /// A stream inside of a connection's transaction.
    pub(super) fn of(link: Arc<Pinned>, statement: Statement, batch_size: i64) -> PyResult<Self> {
        Self::new(None, Some(link), statement, batch_size)
    }

    /// A stream with a transaction of its own.
    pub(super) fn own(engine: EngineHandle, statement: Statement, batch_size: i64) -> PyResult<Self> {
        Self::new(Some(engine), None, statement, batch_size)
    }

    fn new(
        engine: Option<EngineHandle>,
        link: Option<Arc<Pinned>>,
        statement: Statement,
        batch_size: i64,
    ) -> PyResult<Self> {
        let batch_size = u32::try_from(batch_size).ok().and_then(NonZeroU32::new).ok_or_else(|| {
            PyValueError::new_err(format!("batch_size must be a number of rows from 1 on, not {batch_size}"))
        })?;
        let rows = Rows {
            engine,
            link: Mutex::new(link),
            batch_size,
            stage: Mutex::new(Stage::Unread(statement)),
            course: OnceLock::new(),
            waiting: Mutex::default(),
        };
        Ok(Self { rows: Arc::new(rows) })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rows {
    /// The link, with a transaction where the stream has its own.
    fn begin(&self, py: Python<'_>, statement: &Statement) -> PyResult<Arc<Pinned>> {
        let mut link = locked(&self.link);
        if let Some(link) = &*link {
            return Ok(Arc::clone(link));
        }
        let Some(engine) = &self.engine else {
            return Err(to_py(py, Error::interface("the stream has no connection")));
        };
        let mut core = Link::new(engine.pool(py)?);
        // On SQLite a transaction that reads holds up no writer.
        let read_only = core.dialect().name == DialectName::Sqlite && only_reads(&statement.text.sql);
        core.begin_as(TransactionMode { read_only, ..TransactionMode::default() }).map_err(raise)?;
        core.set_holder(caller());
        Ok(Arc::clone(link.insert(Arc::new(Pinned::new(engine.clone(), core)))))
    }

    /// The next rows; None behind the last.
    ///
    /// # Cancelling
    /// The stream is given up, and the transaction with it.
    async fn read(&self) -> PyResult<Option<QueryResult>> {
        self.check()?;
        let (link, mut core, mut pieces, names) = {
            let stage = std::mem::replace(&mut *locked(&self.stage), Stage::Reading);
            match stage {
                Stage::Ended => {
                    *locked(&self.stage) = Stage::Ended;
                    return Ok(None);
                }
                Stage::Reading => {
                    return Err(raise(Error::interface(
                        "the stream is being read by another task, or was given up with a read that was cancelled or failed",
                    )));
                }
                Stage::Unread(statement) => Python::attach(|py| {
                    let link = self.begin(py, &statement)?;
                    let mut core = link.lease(py)?;
                    core.check().map_err(raise)?;
                    open_transaction(&mut core)?;
                    let pieces = core.pieces(statement, self.batch_size).map_err(raise)?;
                    if self.engine.is_none() {
                        self.course.get_or_init(|| core.course());
                    }
                    PyResult::Ok((link, core, pieces, Vec::new()))
                })?,
                Stage::Open(pieces, names) => Python::attach(|py| {
                    let link = locked(&self.link).clone();
                    let link =
                        link.ok_or_else(|| to_py(py, Error::interface("the stream has no connection")))?;
                    let core = link.lease(py)?;
                    PyResult::Ok((link, core, pieces, names))
                })?,
            }
        };
        let mut sink = Kept::named(names);
        if let Err(error) = core.read_piece(&mut pieces, &mut sink).await {
            if self.engine.is_some() {
                core.rollback().await;
            }
            return Err(link.engine().explained(error));
        }
        let ended = pieces.is_ended();
        if ended && self.engine.is_some() {
            core.commit().await.map_err(|error| link.engine().explained(error))?;
        }
        *locked(&self.stage) = if ended { Stage::Ended } else { Stage::Open(pieces, sink.names().to_vec()) };
        let result = sink.into_result(link.engine().border());
        // The last piece may be empty.
        Ok((!ended || !result.is_empty()).then_some(result))
    }

    /// # Errors
    /// `InvalidRequestError`: the stream has ended with its transaction or savepoint.
    fn check(&self) -> PyResult<()> {
        self.course.get().map_or(Ok(()), |course| course.check()).map_err(raise)
    }

    /// Gives up what was not read.
    async fn close(&self) -> PyResult<()> {
        drop(locked(&self.waiting).take());
        let stage = std::mem::replace(&mut *locked(&self.stage), Stage::Ended);
        let Some(link) = locked(&self.link).clone() else { return Ok(()) };
        if matches!(stage, Stage::Ended | Stage::Unread(_)) {
            return Ok(());
        }
        let mut core = Python::attach(|py| link.lease(py))?;
        if self.engine.is_some() {
            core.rollback().await;
        } else if let Stage::Open(mut pieces, _) = stage {
            core.close_pieces(&mut pieces);
        }
        Ok(())
    }

    fn next_waiting(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.check()?;
        let mut waiting = locked(&self.waiting);
        let Some((rows, at)) = &mut *waiting else { return Ok(None) };
        let rows = rows.bind(py);
        let row = rows.get_item(*at)?.unbind();
        *at += 1;
        if *at == rows.len() {
            *waiting = None;
        }
        Ok(Some(row))
    }

    async fn next_row(&self) -> PyResult<Py<PyAny>> {
        let Some(result) = self.read().await? else { return Err(PyStopAsyncIteration::new_err(())) };
        Python::attach(|py| {
            *locked(&self.waiting) = Some((result.all(py)?.unbind(), 0));
            self.next_waiting(py)?.ok_or_else(|| PyStopAsyncIteration::new_err(()))
        })
    }
}

/// A stream of a connection that nobody holds any more: the server lets go of its result with the next statement.
impl Drop for Rows {
    fn drop(&mut self) {
        let stage =
            std::mem::replace(self.stage.get_mut().unwrap_or_else(PoisonError::into_inner), Stage::Ended);
        let link = self.link.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let (Stage::Open(mut pieces, _), Some(link)) = (stage, link) {
            at_drop(|py| {
                // Whoever has the link ends the transaction some time.
                if let Ok(mut core) = link.lease(py) {
                    core.close_pieces(&mut pieces);
                }
                drop((pieces, link));
                Ok(())
            });
        }
    }
}

/// True for SQL that does not write on SQLite. A wrong "no" only asks for the writer.
pub(crate) fn only_reads(sql: &str) -> bool {
    let is_one_of = |word: &str, words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    match scan::first_words(sql).next() {
        Some(first) if is_one_of(first, &["SELECT", "VALUES", "EXPLAIN"]) => true,
        Some(first) if is_one_of(first, &["WITH"]) => !sql
            .split(|char: char| !char.is_alphanumeric() && char != '_')
            .any(|word| is_one_of(word, &["INSERT", "UPDATE", "DELETE", "REPLACE"])),
        _ => false,
    }
}

#[pymethods]
impl RowStream {
    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        if let Some(row) = self.rows.next_waiting(py)? {
            return Operation::ready(py, "RowStream.__anext__", row);
        }
        let rows = Arc::clone(&self.rows);
        Operation::start(py, "RowStream.__anext__", async move { rows.next_row().await })
    }

    /// The rows in batches: a `QueryResult` of up to `batch_size` rows each.
    ///
    /// Raises:
    ///     InvalidRequestError: Single rows of a batch have been read, and the rest of it would be lost.
    fn batches(&self, py: Python<'_>) -> PyResult<RowBatches> {
        if locked(&self.rows.waiting).is_some() {
            let text = "batches() in the middle of a batch: read rows or batches of a stream, not both";
            return Err(to_py(py, Error::invalid_request(text)));
        }
        Ok(RowBatches { rows: Arc::clone(&self.rows) })
    }

    /// Give up the rows that were not read.
    fn close(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let rows = Arc::clone(&self.rows);
        Operation::start(py, "RowStream.close", async move {
            rows.close().await?;
            Ok(nothing())
        })
    }

    fn __await__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        let stream: Py<Self> = slf.into();
        Operation::ready(py, "RowStream.__await__", stream.into_any())
    }

    fn __aenter__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        let stream: Py<Self> = slf.into();
        Operation::ready(py, "RowStream.__aenter__", stream.into_any())
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(
        &self,
        py: Python<'_>,
        _exception: &Bound<'_, pyo3::types::PyTuple>,
    ) -> PyResult<Py<Operation>> {
        self.close(py)
    }
}

/// What `RowStream.batches()` returns, for `async for`.
#[pyclass(frozen, name = "RowBatches", module = "ormkit")]
pub(crate) struct RowBatches {
    rows: Arc<Rows>,
}

#[pymethods]
impl RowBatches {
    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let rows = Arc::clone(&self.rows);
        Operation::start(py, "RowBatches.__anext__", async move {
            match rows.read().await? {
                Some(result) => Python::attach(|py| Ok(Py::new(py, result)?.into_any())),
                None => Err(PyStopAsyncIteration::new_err(())),
            }
        })
    }
}
