//! Objects and rows that are read in pieces: `query.stream()`, `session.stream(..)`.

mod whole;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ormkit_core::error::Error;
use ormkit_core::query::Select;
use ormkit_core::session::{Course, Rows as CoreRows, Stream as CoreStream};
use pyo3::exceptions::{PyStopAsyncIteration, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::execute::of_rows;
use super::{AsyncSession, SessionLink, nothing, raise, value_of};
use crate::bridge::{FirstOrigin, Operation, at_drop};
use crate::errors::to_py;
use crate::event;
use crate::host::PyHost;
use crate::query::{Answers, Query, Select as PySelect, select_with, with_options, yield_per};

/// Rows of one piece where nobody says how many.
const BATCH_SIZE: i64 = 1000;

/// What a query answers, read in pieces while it is iterated over: `async for user in stream`. Memory is needed for one piece
/// only.
///
/// Inside of a transaction it is a part of that. Outside it has a connection of its own until it ends, and reads what was there
/// when it began. Given up before its end (`break`, an exception, a cancelled task) it lets go of its connection or its result
/// at once; `async with` does so where the object is held on to. Between pieces the session can be used for other things.
#[pyclass(frozen, name = "Stream", module = "ormkit")]
pub(crate) struct Stream {
    rows: Arc<Rows>,
}

/// What iterators of one stream share.
struct Rows {
    link: Arc<SessionLink>,
    answers: Shown,
    batch_size: Mutex<NonZeroU32>,
    stage: Mutex<Stage>,
    /// There from the first read on.
    course: OnceLock<Arc<Course>>,
    /// Rows that were read and not given out.
    waiting: Mutex<VecDeque<Py<PyAny>>>,
    origin: FirstOrigin,
}

/// What rows are made into.
enum Shown {
    Query(Answers),
    /// `Row`s.
    Rows,
    /// Their first column.
    Scalars,
    /// Dicts.
    Mappings,
}

enum Stage {
    Unread(Box<Select>),
    Open(Box<CoreStream>),
    /// A read is under way, or was given up.
    Reading,
    Ended,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn size(rows: i64, what: &str) -> PyResult<NonZeroU32> {
    u32::try_from(rows).ok().and_then(NonZeroU32::new).ok_or_else(|| {
        PyValueError::new_err(format!("{what} must be a number of rows from 1 on, not {rows}"))
    })
}

impl Stream {
    /// `batch_size`: None is what the statement's `yield_per` says.
    fn new(
        py: Python<'_>,
        link: Arc<SessionLink>,
        select: Select,
        answers: Shown,
        batch_size: Option<i64>,
    ) -> PyResult<Self> {
        let batch_size = match batch_size {
            Some(rows) => rows,
            None => yield_per(py, &select.notes)?.unwrap_or(BATCH_SIZE),
        };
        let rows = Rows {
            link,
            answers,
            batch_size: Mutex::new(size(batch_size, "batch_size")?),
            stage: Mutex::new(Stage::Unread(Box::new(select))),
            course: OnceLock::new(),
            waiting: Mutex::default(),
            origin: FirstOrigin::default(),
        };
        Ok(Self { rows: Arc::new(rows) })
    }
}

impl Stream {
    /// The same stream, whose rows are made into something else.
    fn shown_as(&self, word: &str, answers: Shown) -> PyResult<Self> {
        if !matches!(self.rows.answers, Shown::Rows) {
            return Err(raise(Error::invalid_request(format!(
                "{word} is of a stream of rows: session.stream(..)"
            ))));
        }
        let mut stage = locked(&self.rows.stage);
        if !matches!(*stage, Stage::Unread(_)) {
            let text = format!("say {word} before rows are read from the stream");
            return Err(raise(Error::invalid_request(text)));
        }
        let rows = Rows {
            link: Arc::clone(&self.rows.link),
            answers,
            batch_size: Mutex::new(*locked(&self.rows.batch_size)),
            stage: Mutex::new(std::mem::replace(&mut *stage, Stage::Ended)),
            course: OnceLock::new(),
            waiting: Mutex::default(),
            origin: FirstOrigin::default(),
        };
        Ok(Self { rows: Arc::new(rows) })
    }
}

impl Shown {
    fn of(&self, rows: CoreRows<PyHost>) -> PyResult<Vec<Py<PyAny>>> {
        match self {
            Self::Query(answers) => answers.of(rows),
            Self::Rows => {
                Python::attach(|py| Ok(of_rows(py, rows)?.all(py)?.iter().map(Bound::unbind).collect()))
            }
            Self::Mappings => Python::attach(|py| {
                let rows = of_rows(py, rows)?;
                (0..rows.len()).map(|at| Ok(rows.mapping(py, at)?.into_any().unbind())).collect()
            }),
            Self::Scalars => Python::attach(|py| {
                let width = rows.width().max(1);
                Ok(rows.items.into_iter().step_by(width).map(|item| value_of(py, item)).collect())
            }),
        }
    }
}

impl Rows {
    /// The next of the rows that were read.
    ///
    /// # Errors
    /// `InvalidRequestError`: the stream has ended with its transaction, savepoint or session.
    fn next_waiting(&self) -> PyResult<Option<Py<PyAny>>> {
        self.check()?;
        Ok(locked(&self.waiting).pop_front())
    }

    fn check(&self) -> PyResult<()> {
        let Some(Err(ended)) = self.course.get().map(|course| course.check()) else { return Ok(()) };
        let waiting = std::mem::take(&mut *locked(&self.waiting));
        drop(waiting);
        self.give_up();
        Err(raise(ended))
    }

    /// Gives up what was not read, without waiting.
    fn give_up(&self) {
        let mut stage = locked(&self.stage);
        if !matches!(*stage, Stage::Open(_)) {
            return;
        }
        let open = std::mem::replace(&mut *stage, Stage::Ended);
        drop(stage);
        let Stage::Open(stream) = open else { return };
        Python::attach(|py| {
            // Whoever has the session ends its transaction some time.
            if let Ok(mut session) = self.link.lease(py) {
                session.give_up_stream(*stream);
            }
        });
    }

    /// The next rows; none behind the last.
    ///
    /// # Cancelling
    /// The stream is given up; inside of a transaction that is broken, too.
    async fn read(&self) -> PyResult<Option<Vec<Py<PyAny>>>> {
        if event::any_session() && matches!(*locked(&self.stage), Stage::Unread(_)) {
            Box::pin(self.link.autoflush_told()).await?;
        }
        let stage = std::mem::replace(&mut *locked(&self.stage), Stage::Reading);
        let mut session = match &stage {
            Stage::Ended => {
                *locked(&self.stage) = stage;
                return Ok(None);
            }
            Stage::Reading => {
                return Err(raise(Error::interface(
                    "the stream is being read by another task, or was given up with a read that was cancelled or failed",
                )));
            }
            Stage::Unread(_) | Stage::Open(_) => match Python::attach(|py| self.link.lease(py)) {
                Ok(session) => session,
                Err(error) => {
                    *locked(&self.stage) = stage;
                    return Err(error);
                }
            },
        };
        let mut stream = match stage {
            Stage::Open(stream) => stream,
            Stage::Unread(select) => {
                let rows = *locked(&self.batch_size);
                let stream = session.stream(&select, rows).await.map_err(raise)?;
                self.course.get_or_init(|| Arc::clone(stream.course()));
                Box::new(stream)
            }
            Stage::Reading | Stage::Ended => return Ok(None),
        };
        let rows = session.read_stream(&mut stream).await.map_err(raise)?;
        *locked(&self.stage) = if stream.is_ended() { Stage::Ended } else { Stage::Open(stream) };
        rows.map(|rows| self.answers.of(rows)).transpose()
    }

    /// Gives up what was not read.
    async fn close(&self) -> PyResult<()> {
        let waiting = std::mem::take(&mut *locked(&self.waiting));
        drop(waiting);
        let stage = std::mem::replace(&mut *locked(&self.stage), Stage::Ended);
        if let Stage::Open(stream) = stage {
            let mut session = Python::attach(|py| self.link.lease(py))?;
            session.close_stream(*stream).await;
        }
        Ok(())
    }

    async fn next_row(&self) -> PyResult<Py<PyAny>> {
        loop {
            if let Some(row) = self.next_waiting()? {
                return Ok(row);
            }
            match self.read().await? {
                Some(rows) => locked(&self.waiting).extend(rows),
                None => return Err(PyStopAsyncIteration::new_err(())),
            }
        }
    }

    async fn next_part(&self, size: usize) -> PyResult<Py<PyAny>> {
        let part = self.take_some(size).await?;
        if part.is_empty() {
            return Err(PyStopAsyncIteration::new_err(()));
        }
        Python::attach(|py| Ok(PyList::new(py, part)?.into_any().unbind()))
    }
}

/// A stream that nobody holds any more. One with a connection of its own gives that back by being dropped.
impl Drop for Rows {
    fn drop(&mut self) {
        let stage = self.stage.get_mut().unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Stage::Open(stream) = std::mem::replace(stage, Stage::Ended) {
            at_drop(|py| {
                // Whoever has the session ends its transaction some time.
                if let Ok(mut session) = self.link.lease(py) {
                    session.give_up_stream(*stream);
                }
                drop(waiting);
                Ok(())
            });
        }
    }
}

#[pymethods]
impl Stream {
    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        if let Some(row) = self.rows.next_waiting()? {
            return Operation::ready(py, "Stream.__anext__", row);
        }
        let rows = Arc::clone(&self.rows);
        Operation::go_on(py, "Stream.__anext__", &self.rows.origin, async move { rows.next_row().await })
    }

    /// The same stream of the first column alone: of a statement's objects instead of rows that hold one.
    ///
    /// Raises:
    ///     InvalidRequestError: Rows were read from it before.
    fn scalars(&self) -> PyResult<Self> {
        match self.rows.answers {
            Shown::Rows => self.shown_as("scalars()", Shown::Scalars),
            _ => Ok(Self { rows: Arc::clone(&self.rows) }),
        }
    }

    /// The rows in lists of `size`, or of as many as are read at a time; the last may be shorter.
    ///
    /// Raises:
    ///     ValueError: `size` is less than 1.
    #[pyo3(signature = (size = None))]
    fn partitions(&self, size: Option<i64>) -> PyResult<StreamPartitions> {
        let size = match size {
            Some(size) => self::size(size, "the size of partitions")?,
            None => *locked(&self.rows.batch_size),
        };
        Ok(StreamPartitions { rows: Arc::clone(&self.rows), size: size.get() as usize })
    }

    /// The same stream, read so many rows at a time. To be said before the first is read.
    ///
    /// Raises:
    ///     ValueError: `rows` is less than 1.
    ///     InvalidRequestError: The stream has begun.
    fn yield_per<'py>(slf: &Bound<'py, Self>, rows: i64) -> PyResult<Bound<'py, Self>> {
        let this = &slf.get().rows;
        if !matches!(*locked(&this.stage), Stage::Unread(_)) {
            return Err(to_py(slf.py(), Error::invalid_request("yield_per() after the first row was read")));
        }
        *locked(&this.batch_size) = size(rows, "yield_per()")?;
        Ok(slf.clone())
    }

    /// Give up the rows that were not read.
    fn close(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let rows = Arc::clone(&self.rows);
        Operation::start(py, "Stream.close", async move {
            rows.close().await?;
            Ok(nothing())
        })
    }

    fn __await__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        let stream: Py<Self> = slf.into();
        Operation::ready(py, "Stream.__await__", stream.into_any())
    }

    fn __aenter__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        let stream: Py<Self> = slf.into();
        Operation::ready(py, "Stream.__aenter__", stream.into_any())
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<Py<Operation>> {
        self.close(py)
    }
}

/// What `Stream.partitions()` returns, for `async for`.
#[pyclass(frozen, name = "StreamPartitions", module = "ormkit")]
pub(crate) struct StreamPartitions {
    rows: Arc<Rows>,
    size: usize,
}

#[pymethods]
impl StreamPartitions {
    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (rows, size) = (Arc::clone(&self.rows), self.size);
        Operation::go_on(py, "StreamPartitions.__anext__", &self.rows.origin, async move {
            rows.next_part(size).await
        })
    }
}

#[pymethods]
impl Query {
    /// What the query answers, read in pieces: `async for user in query.stream()`. Pending changes are written first; relations
    /// that are loaded along are loaded for each piece.
    ///
    /// Args:
    ///     batch_size: Rows of one piece; by default what the query's `yield_per` says, or 1000.
    ///
    /// Raises:
    ///     ValueError: `batch_size` is less than 1.
    ///     NotSupportedError: When it is read: the query loads a list by a join.
    #[pyo3(signature = (batch_size = None))]
    fn stream(&self, py: Python<'_>, batch_size: Option<i64>) -> PyResult<Stream> {
        let select = Select::clone(self.core());
        Stream::new(py, self.link(py)?, select, Shown::Query(self.answers()), batch_size)
    }

    /// The same by Django's name.
    #[pyo3(signature = (chunk_size = None))]
    fn iterator(&self, py: Python<'_>, chunk_size: Option<i64>) -> PyResult<Stream> {
        self.stream(py, chunk_size)
    }

    /// `async for user in query`: as a stream.
    fn __aiter__(&self, py: Python<'_>) -> PyResult<Stream> {
        self.stream(py, None)
    }
}

#[pymethods]
impl AsyncSession {
    /// The rows of a `select(..)`, read in pieces: `async for row in session.stream(statement)`.
    ///
    /// Args:
    ///     params: Values of `bindparam(..)` and of `:name` in a text, a dict.
    ///     batch_size: Rows of one piece; by default what the statement's `yield_per` says, or 1000.
    ///     execution_options: What the statement's method of this name takes.
    ///
    /// Raises:
    ///     ValueError: `batch_size` is less than 1.
    ///     NotSupportedError: When it is read: the query loads a list by a join.
    #[pyo3(signature = (statement, params = None, *, batch_size = None, execution_options = None))]
    fn stream(
        &self,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
        batch_size: Option<i64>,
        execution_options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Stream> {
        self.stream_of(statement, params, execution_options, Shown::Rows, batch_size)
    }

    /// The first column of these rows: objects, as a rule.
    #[pyo3(signature = (statement, params = None, *, batch_size = None, execution_options = None))]
    fn stream_scalars(
        &self,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
        batch_size: Option<i64>,
        execution_options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Stream> {
        self.stream_of(statement, params, execution_options, Shown::Scalars, batch_size)
    }
}

impl AsyncSession {
    fn stream_of(
        &self,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
        execution_options: Option<&Bound<'_, PyDict>>,
        answers: Shown,
        batch_size: Option<i64>,
    ) -> PyResult<Stream> {
        let py = statement.py();
        let Ok(statement) = statement.cast::<PySelect>() else {
            return Err(PyTypeError::new_err(format!(
                "a stream is of a select(..), not of {}: of SQL, write session.connection().stream(..), or \
                 select(Model).from_statement(text(..))",
                statement.get_type().name()?
            )));
        };
        let statement = with_options(statement, execution_options)?.cast_into::<PySelect>()?;
        let select = select_with(py, statement.get().core(), params)?;
        Stream::new(py, Arc::clone(&self.link), select, answers, batch_size)
    }
}
