//! `begin()`: a block that ends in COMMIT or ROLLBACK; inside another one, a savepoint.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ormkit_core::error::Error;
use ormkit_core::session::Session;
use ormkit_core::sql::TransactionMode;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyRuntimeWarning;
use pyo3::prelude::*;

use super::arguments::mode;
use super::sync::{mapped, mapped_all};
use super::{AsyncSession, SessionLink, raise};
use crate::bridge::{Operation, at_drop};
use crate::errors::to_py;
use crate::event;
use crate::host::PyHost;

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unopened,
    /// Its transaction was begun by awaiting, the block is not entered.
    Begun,
    Outermost,
    Savepoint(Opened),
    /// A savepoint that was begun by awaiting: no block ends it.
    Awaited(Opened),
    Ended,
}

/// A savepoint that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Opened {
    /// Its number in the session's link.
    number: u64,
    /// How many callbacks waited for the commit where it began, and how many blocks were open.
    callbacks: usize,
    blocks: u32,
}

/// `async with session.begin() as tx`.
#[pyclass(frozen, name = "TransactionContext", module = "ormkit")]
pub(crate) struct TransactionContext {
    session: Py<AsyncSession>,
    link: Arc<SessionLink>,
    /// A savepoint in any case (`begin_nested`).
    nested: bool,
    /// What was asked of the transaction; None: the session's mode.
    mode: Option<TransactionMode>,
    /// The block is given the session, not the transaction.
    shows_session: bool,
    stage: Arc<Mutex<Stage>>,
    /// Somebody has entered or awaited it.
    used: AtomicBool,
}

/// An open transaction or savepoint.
#[pyclass(frozen, name = "Transaction", module = "ormkit")]
pub(crate) struct Transaction {
    #[pyo3(get)]
    session: Py<AsyncSession>,
    link: Arc<SessionLink>,
    stage: Arc<Mutex<Stage>>,
}

#[pymethods]
impl AsyncSession {
    /// Open a transaction for a block: its end commits, an exception rolls back, cancelling too. It takes over what is
    /// open or pending. Inside another block it is a savepoint.
    ///
    /// Args:
    ///     isolation: What the transaction sees of others, as for the session; None: as the session says.
    ///     read_only: It takes no writes. On SQLite it holds up no writer, and sees what was committed before its first
    ///         statement.
    ///     deferrable: A serializable transaction that only reads waits until no conflict can make it fail
    ///         (PostgreSQL; elsewhere none can).
    ///
    /// Raises:
    ///     InvalidRequestError: There is no such level; the words contradict one another; a transaction is open
    ///         already, whose mode cannot be changed.
    #[pyo3(signature = (*, isolation = None, read_only = None, deferrable = false))]
    fn begin(
        slf: PyRef<'_, Self>,
        isolation: Option<&str>,
        read_only: Option<bool>,
        deferrable: bool,
    ) -> PyResult<TransactionContext> {
        let mode = slf.asked_mode(isolation, read_only, deferrable)?;
        Ok(TransactionContext::new(slf, false, mode))
    }

    /// The same as `begin()`, for a block that is given the session: `async with session.transaction() as session`.
    #[pyo3(signature = (*, isolation = None, read_only = None, deferrable = false))]
    fn transaction(
        slf: PyRef<'_, Self>,
        isolation: Option<&str>,
        read_only: Option<bool>,
        deferrable: bool,
    ) -> PyResult<TransactionContext> {
        let mode = slf.asked_mode(isolation, read_only, deferrable)?;
        let mut context = TransactionContext::new(slf, false, mode);
        context.shows_session = true;
        Ok(context)
    }

    /// Open a savepoint for a block; without a transaction one is opened around it.
    fn begin_nested(slf: PyRef<'_, Self>) -> TransactionContext {
        TransactionContext::new(slf, true, None)
    }
}

impl AsyncSession {
    /// What is asked of a transaction; None: nothing, the session's mode.
    fn asked_mode(
        &self,
        isolation: Option<&str>,
        read_only: Option<bool>,
        deferrable: bool,
    ) -> PyResult<Option<TransactionMode>> {
        let own = self.link.options.mode;
        if isolation.is_none() && read_only.is_none() && !deferrable {
            return Ok(None);
        }
        let said = mode(isolation, read_only.unwrap_or(own.read_only), false)?;
        let isolation = said.isolation.or(own.isolation);
        TransactionMode { isolation, deferrable, ..said }.checked().map(Some).map_err(raise)
    }
}

impl TransactionContext {
    fn new(session: PyRef<'_, AsyncSession>, nested: bool, mode: Option<TransactionMode>) -> Self {
        let link = Arc::clone(&session.link);
        let stage = Arc::new(Mutex::new(Stage::Unopened));
        Self {
            session: session.into(),
            link,
            nested,
            mode,
            shows_session: false,
            stage,
            used: AtomicBool::new(false),
        }
    }

    fn open(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.used.store(true, Ordering::Relaxed);
        let (nested, mode, shows_session) = (self.nested, self.mode, self.shows_session);
        let stage = Arc::clone(&self.stage);
        let transaction = Transaction {
            session: self.session.clone_ref(py),
            link: Arc::clone(&self.link),
            stage: Arc::clone(&stage),
        };
        let blocks = Arc::clone(&self.link);
        Operation::start(py, "TransactionContext.__aenter__", async move {
            let may_flush = nested || *blocks.blocks() > 0 || blocks.inside.load(Ordering::Relaxed);
            if may_flush && event::any_session() {
                Box::pin(blocks.flush_told()).await?;
            }
            let mut session = Python::attach(|py| blocks.lease(py))?;
            let inner = *blocks.blocks() > 0 || nested || blocks.inside.load(Ordering::Relaxed);
            let entered = match at(&stage) {
                Stage::Awaited(opened) if session.link().has_savepoint(opened.number) => {
                    Stage::Savepoint(opened)
                }
                Stage::Begun if session.in_transaction() && !inner => Stage::Outermost,
                before @ (Stage::Unopened | Stage::Begun) => {
                    if before == Stage::Unopened {
                        begin_as(&mut session, mode)?;
                    } else if !session.in_transaction() {
                        return Err(opened_before());
                    }
                    match inner {
                        true => Stage::Savepoint(open_savepoint(&blocks, &mut session).await?),
                        false => Stage::Outermost,
                    }
                }
                _ => return Err(opened_before()),
            };
            set(&stage, entered);
            *blocks.blocks() += 1;
            match shows_session {
                true => Ok(transaction.session.into_any()),
                false => Python::attach(|py| Ok(Py::new(py, transaction)?.into_any())),
            }
        })
    }

    fn end(&self, py: Python<'_>, keep: bool) -> PyResult<Py<Operation>> {
        end(py, &self.link, &self.stage, keep)
    }

    /// Ends what was begun by awaiting this.
    fn ended_by<'py>(&self, py: Python<'py>, keep: bool) -> PyResult<Bound<'py, PyAny>> {
        let method = if keep { "commit" } else { "rollback" };
        match at(&self.stage) {
            Stage::Begun => {
                set(&self.stage, Stage::Ended);
                self.session.bind(py).call_method0(method)
            }
            Stage::Awaited(opened) => {
                if *self.link.blocks() > opened.blocks {
                    let text =
                        format!("{method}() of a savepoint in which a block is open: the block ends first");
                    return Err(to_py(py, Error::invalid_request(text)));
                }
                self.end(py, keep)?.into_bound_py_any(py)
            }
            Stage::Ended => Err(to_py(py, Error::invalid_request("this transaction or savepoint has ended"))),
            Stage::Unopened | Stage::Outermost | Stage::Savepoint(_) => {
                let text = format!(
                    "{method}() ends what was begun by awaiting begin() or begin_nested(); a block ends by itself"
                );
                Err(to_py(py, Error::invalid_request(text)))
            }
        }
    }
}

fn opened_before() -> PyErr {
    raise(Error::invalid_request("this begin() block was opened already: call begin() again"))
}

async fn open_savepoint(link: &SessionLink, session: &mut Session<PyHost>) -> PyResult<Opened> {
    let number = session.savepoint().await.map_err(raise)?;
    Ok(Opened { number, callbacks: link.on_commit.mark(), blocks: *link.blocks() })
}

/// Ends a savepoint, and those that were begun in it and are open still.
async fn end_savepoint(session: &mut Session<PyHost>, number: u64, keep: bool) -> PyResult<()> {
    while session.link().has_savepoint(number) {
        match keep {
            true => session.release().await,
            false => session.rollback_savepoint().await,
        }
        .map_err(raise)?;
    }
    Ok(())
}

impl Drop for TransactionContext {
    /// Says that nothing was opened: what looks like a transaction is none.
    fn drop(&mut self) {
        if !*self.used.get_mut() {
            at_drop(|py| {
                let text = c"begin() was neither entered nor awaited: it has opened no transaction";
                PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), text, 1)
            });
        }
    }
}

#[pymethods]
impl TransactionContext {
    fn __aenter__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.open(py)
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

    /// Keep what was begun by awaiting: of `tx = await session.begin()` as `commit()` of the session, of `await
    /// session.begin_nested()` for the transaction around it.
    ///
    /// Raises:
    ///     InvalidRequestError: It was entered as a block, or has ended; a block inside of it is open.
    fn commit<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.ended_by(py, true)
    }

    /// Undo it, likewise: of a savepoint what was done since.
    ///
    /// Raises:
    ///     InvalidRequestError: It was entered as a block, or has ended; a block inside of it is open.
    fn rollback<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.ended_by(py, false)
    }

    /// Open the transaction without a block: `commit()` or `rollback()` of the session, or of this, ends it. A savepoint
    /// (`begin_nested()`) is ended by its own; with the transaction around it, it is kept or undone as well. `async with await
    /// session.begin()` enters the block as well.
    ///
    /// Raises:
    ///     InvalidRequestError: It was awaited or entered before; a transaction is open already, whose mode cannot be
    ///         changed.
    fn __await__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<Py<Operation>> {
        slf.used.store(true, Ordering::Relaxed);
        let (nested, mode, stage) = (slf.nested, slf.mode, Arc::clone(&slf.stage));
        let link = Arc::clone(&slf.link);
        let this: Py<Self> = slf.into();
        Operation::start(py, "TransactionContext.__await__", async move {
            if nested && event::any_session() {
                Box::pin(link.flush_told()).await?;
            }
            let mut session = Python::attach(|py| link.lease(py))?;
            if at(&stage) != Stage::Unopened {
                return Err(opened_before());
            }
            begin_as(&mut session, mode)?;
            let begun = match nested {
                true => Stage::Awaited(open_savepoint(&link, &mut session).await?),
                false => Stage::Begun,
            };
            set(&stage, begun);
            Ok(this.into_any())
        })
    }
}

/// Opens the transaction where none is open, in the mode that was asked for.
fn begin_as(session: &mut Session<PyHost>, mode: Option<TransactionMode>) -> PyResult<()> {
    match mode {
        Some(_) if session.in_transaction() => Err(raise(Error::invalid_request(
            "a transaction is open already, and keeps its mode: isolation, read_only and deferrable are said where it \
             begins",
        ))),
        Some(mode) => session.begin_as(mode).map_err(raise),
        None if !session.in_transaction() => session.begin().map_err(raise),
        None => Ok(()),
    }
}

#[pymethods]
impl Transaction {
    /// As `AsyncSession.add`; answers the transaction.
    fn add<'py>(
        slf: PyRef<'py, Self>,
        py: Python<'py>,
        object: &Bound<'py, PyAny>,
    ) -> PyResult<PyRef<'py, Self>> {
        let object = mapped(object)?;
        slf.link.lease(py)?.add(&object).map_err(raise)?;
        Ok(slf)
    }

    /// As `AsyncSession.add_all`; answers the transaction.
    fn add_all<'py>(
        slf: PyRef<'py, Self>,
        py: Python<'py>,
        objects: &Bound<'py, PyAny>,
    ) -> PyResult<PyRef<'py, Self>> {
        let objects = mapped_all(objects)?;
        let mut session = slf.link.lease(py)?;
        objects.iter().try_for_each(|object| session.add(object)).map_err(raise)?;
        drop(session);
        Ok(slf)
    }

    /// As `AsyncSession.delete`; answers the transaction.
    fn delete<'py>(
        slf: PyRef<'py, Self>,
        py: Python<'py>,
        object: &Bound<'py, PyAny>,
    ) -> PyResult<PyRef<'py, Self>> {
        let object = mapped(object)?;
        slf.link.lease(py)?.delete(&object).map_err(raise)?;
        Ok(slf)
    }

    /// As `AsyncSession.on_commit`.
    fn on_commit(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        self.link.on_commit.add(callback)
    }

    /// Undo the block now; its end does nothing more.
    fn rollback(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        end(py, &self.link, &self.stage, false)
    }
}

/// Ends a block. A block whose COMMIT fails is rolled back, and the error comes out.
fn end(
    py: Python<'_>,
    link: &Arc<SessionLink>,
    stage: &Arc<Mutex<Stage>>,
    keep: bool,
) -> PyResult<Py<Operation>> {
    let (stage, blocks) = (Arc::clone(stage), Arc::clone(link));
    Operation::start(py, "TransactionContext.__aexit__", async move {
        let was = at(&stage);
        let savepoint = match was {
            Stage::Unopened | Stage::Begun | Stage::Ended => return Ok(Python::attach(false_)),
            Stage::Outermost => None,
            Stage::Savepoint(opened) | Stage::Awaited(opened) => Some(opened),
        };
        let told = match savepoint {
            _ if !keep || !event::any_session() => Ok(()),
            Some(_) => Box::pin(blocks.flush_told()).await,
            None => Box::pin(blocks.commit_told()).await,
        };
        let mut session = Python::attach(|py| blocks.lease(py))?;
        set(&stage, Stage::Ended);
        if !matches!(was, Stage::Awaited(_)) {
            *blocks.blocks() -= 1;
        }
        if let Some(opened) = savepoint
            && !session.link().has_savepoint(opened.number)
        {
            return told.and(Err(raise(Error::invalid_request(
                "this savepoint has ended with what is around it: its transaction or another savepoint",
            ))));
        }
        let mut ended = told;
        if keep && ended.is_ok() {
            ended = match savepoint {
                Some(opened) => end_savepoint(&mut session, opened.number, true).await,
                None => session.commit().await.map_err(raise),
            };
        }
        let is_undone = !keep || ended.is_err();
        if is_undone {
            blocks.on_commit.forget_from(savepoint.map_or(0, |opened| opened.callbacks));
            let undone = match savepoint {
                Some(opened) => end_savepoint(&mut session, opened.number, false).await,
                None => session.rollback().await.map_err(raise),
            };
            ended = ended.and(undone);
        }
        drop(session);
        match was == Stage::Outermost {
            true if is_undone => ended.and(blocks.undone().await)?,
            true => blocks.kept().await?,
            false => ended?,
        }
        Ok(Python::attach(false_))
    })
}

/// `__aexit__` answers False: the exception goes on.
fn false_(py: Python<'_>) -> Py<PyAny> {
    pyo3::types::PyBool::new(py, false).to_owned().into_any().unbind()
}

fn at(stage: &Mutex<Stage>) -> Stage {
    *stage.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set(stage: &Mutex<Stage>, to: Stage) {
    *stage.lock().unwrap_or_else(PoisonError::into_inner) = to;
}
