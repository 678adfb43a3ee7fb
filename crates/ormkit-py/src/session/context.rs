//! The life of a session: how it ends, and how it is made.

use std::sync::{Arc, PoisonError};

use ormkit_core::session::{Session, SessionOptions};
use pyo3::prelude::*;

use super::{AsyncSession, SessionLink, nothing, raise};
use crate::bridge::{Operation, Started, at_drop};
use crate::engine::Engine;
use crate::errors::uncommitted_warning;
use crate::host::PyHost;

/// Ends a session. Without an exception on its way, work that is lost is warned of.
pub(super) fn close(py: Python<'_>, link: &Arc<SessionLink>, warn: bool) -> PyResult<Py<Operation>> {
    let link = Arc::clone(link);
    Operation::attempt(py, "AsyncSession.close", move |py| {
        if link.open.get().is_none() {
            return Ok(Started::Done(py.None()));
        }
        let mut session = link.lease(py)?;
        let lost = if warn { lost(&mut session, "left without commit()") } else { None };
        if session.in_transaction() {
            return Ok(Started::going(async move {
                session.close().await.map_err(raise)?;
                Python::attach(|py| told(py, lost))
            }));
        }
        session.let_go();
        drop(session);
        told(py, lost).map(Started::Done)
    })
}

/// Warns of what was lost at the end of a block.
fn told(py: Python<'_>, lost: Option<String>) -> PyResult<Py<PyAny>> {
    if let Some(lost) = lost {
        uncommitted_warning(py, &lost, 2)?;
    }
    Ok(py.None())
}

/// Ends a session that was dropped unclosed, and warns of what is lost with it. In a forked child (not `ours`) nothing is
/// lost: the parent has the session still.
pub(super) fn abandon(mut session: Box<Session<PyHost>>, ours: bool) {
    at_drop(|py| {
        let lost = if ours { lost(&mut session, DROPPED) } else { None };
        let abandoned = session.abandon().map_err(raise);
        let warned = lost.map_or(Ok(()), |lost| uncommitted_warning(py, &lost, 1));
        abandoned.and(warned)
    });
}

const DROPPED: &str = "dropped without close(): use `async with`";

/// What a session that ends now loses, in words. `how`: the way in which it ended.
fn lost(session: &mut Session<PyHost>, how: &str) -> Option<String> {
    // What cannot be read cannot be saved either: it counts as nothing lost.
    let unflushed: usize = session.pending().map_or(0, |pending| pending.iter().map(Vec::len).sum());
    let lost = match (unflushed, session.in_transaction() && session.has_written()) {
        (0, false) if how == DROPPED && session.in_transaction() => {
            "an open transaction was rolled back".to_owned()
        }
        (0, false) => return None,
        (0, true) => "flushed changes were rolled back".to_owned(),
        (count, false) => format!("{count} unflushed object(s) were dropped"),
        (count, true) => {
            format!("{count} unflushed object(s) were dropped and flushed changes rolled back")
        }
    };
    Some(format!("{lost}: the session was {how}"))
}

/// `async_sessionmaker`: calling it makes a session.
#[pyclass(frozen, name = "async_sessionmaker", module = "ormkit")]
pub(crate) struct SessionMaker {
    engine: Py<Engine>,
    autoflush: bool,
}

#[pymethods]
impl SessionMaker {
    #[new]
    #[pyo3(signature = (engine, *, autoflush = true))]
    fn new(engine: Py<Engine>, autoflush: bool) -> Self {
        Self { engine, autoflush }
    }

    fn __call__(&self) -> AsyncSession {
        make(&self.engine, self.autoflush)
    }

    /// A session inside `begin()`: `async with maker.begin() as session`.
    fn begin(&self) -> SessionContext {
        SessionContext {
            engine: Python::attach(|py| self.engine.clone_ref(py)),
            autoflush: self.autoflush,
            opened: Default::default(),
        }
    }
}

/// A session for `engine`, as `AsyncSession(engine)`.
#[pyfunction]
#[pyo3(signature = (engine, *, autoflush = true))]
pub(crate) fn create_session(engine: Py<Engine>, autoflush: bool) -> AsyncSession {
    make(&engine, autoflush)
}

/// A session inside a transaction: the end of the block commits, an exception undoes everything.
#[pyfunction]
#[pyo3(signature = (engine, *, autoflush = true))]
pub(crate) fn session_context(engine: Py<Engine>, autoflush: bool) -> SessionContext {
    SessionContext { engine, autoflush, opened: Default::default() }
}

fn make(engine: &Py<Engine>, autoflush: bool) -> AsyncSession {
    AsyncSession { link: SessionLink::open(engine.get().handle(), SessionOptions { autoflush }) }
}

/// `async with session_context(engine) as session`.
#[pyclass(frozen, name = "SessionContext", module = "ormkit")]
pub(crate) struct SessionContext {
    engine: Py<Engine>,
    autoflush: bool,
    opened: std::sync::Mutex<Option<Py<AsyncSession>>>,
}

#[pymethods]
impl SessionContext {
    fn __aenter__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let session = Py::new(py, make(&self.engine, self.autoflush))?;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone_ref(py));
        Operation::start(py, "SessionContext.__aenter__", async move {
            let link = Arc::clone(&session.get().link);
            let mut core = Python::attach(|py| link.lease(py))?;
            core.begin().map_err(raise)?;
            drop(core);
            Ok(session.into_any())
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
        let keep = exc_type.is_none();
        Operation::start(py, "SessionContext.__aexit__", async move {
            let Some(session) = opened else { return Ok(nothing()) };
            let mut core = Python::attach(|py| session.get().link.lease(py))?;
            let committed = if keep { core.commit().await } else { Ok(()) };
            let closed = core.close().await;
            committed.and(closed).map_err(raise)?;
            Ok(nothing())
        })
    }
}
