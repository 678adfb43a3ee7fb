//! The session's ear in the core: `after_begin` and `do_orm_execute`, which happen while an operation has the session.

use std::sync::{Arc, Weak};

use ormkit_core::error::Result;
use ormkit_core::query::{Select, Write};
use ormkit_core::runtime::BoxFuture;
use ormkit_core::session::{Link, SessionListener};
use pyo3::prelude::*;

use super::told::Heard;
use super::{SessionLink, raise};
use crate::engine::{Connection, Pinned};
use crate::errors::from_py;
use crate::event::{self, OrmExecuteState, SessionEvent};

/// What the core tells of begun transactions and of statements.
pub(super) struct Ear(Weak<SessionLink>);

impl Ear {
    pub(super) fn new(link: Weak<SessionLink>) -> Self {
        Self(link)
    }

    fn heard(&self, py: Python<'_>, event: SessionEvent) -> PyResult<Option<Heard>> {
        self.0.upgrade().map_or(Ok(None), |link| link.heard(py, event))
    }

    /// True where somebody listens. A session that cannot say who it is is refused when it tells.
    fn hears(&self, event: SessionEvent) -> bool {
        Python::attach(|py| !matches!(self.heard(py, event), Ok(None)))
    }

    async fn tell_begun(link: &SessionLink, pinned: &Arc<Pinned>) -> PyResult<()> {
        let heard = Python::attach(|py| link.heard(py, SessionEvent::AfterBegin))?;
        let Some((session, listeners)) = heard else { return Ok(()) };
        let connection = Python::attach(|py| Py::new(py, Connection::of_flush(Arc::clone(pinned))))?;
        for listener in listeners {
            let arguments = Python::attach(|py| {
                vec![
                    ("session", session.clone_ref(py).into_any()),
                    ("transaction", py.None()),
                    ("connection", connection.clone_ref(py).into_any()),
                ]
            });
            listener.call(arguments).await?;
        }
        Ok(())
    }

    /// Shows a statement to its listeners; None where nobody listens.
    fn show<T>(
        &self,
        state: impl FnOnce(Python<'_>, Py<PyAny>) -> PyResult<OrmExecuteState>,
        answer: impl FnOnce(&OrmExecuteState, Python<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Python::attach(|py| {
            let heard = self.heard(py, SessionEvent::DoOrmExecute).map_err(from_py)?;
            let Some((session, listeners)) = heard else { return Ok(None) };
            let state =
                state(py, session.into_any()).and_then(|state| Py::new(py, state)).map_err(from_py)?;
            for listener in listeners {
                let arguments = vec![("orm_execute_state", state.clone_ref(py).into_any())];
                let answer = listener.call_now(py, "do_orm_execute", &arguments).map_err(from_py)?;
                if let Some(answer) = answer.filter(|answer| !answer.is_none()) {
                    return Err(from_py(unanswerable(&answer)));
                }
            }
            answer(state.get(), py).map(Some)
        })
    }
}

/// What a listener of statements returns is no result.
fn unanswerable(answer: &Bound<'_, PyAny>) -> PyErr {
    let error = ormkit_core::error::Error::unsupported(
        format!("a result that a listener of do_orm_execute returns ({})", answer.get_type()),
        "return None, and set `statement`: the session runs it",
    );
    raise(error)
}

impl SessionListener for Ear {
    fn hears_begin(&self) -> bool {
        event::any_begin() && self.hears(SessionEvent::AfterBegin)
    }

    fn begun<'a>(&'a self, link: Link) -> BoxFuture<'a, (Option<Link>, Result<()>)> {
        Box::pin(async move {
            let Some(session) = self.0.upgrade() else { return (Some(link), Ok(())) };
            let pinned = Pinned::of_flush(session.bind.engine.clone(), link);
            let told = Self::tell_begun(&session, &pinned).await.map_err(from_py);
            (pinned.take_link(), told)
        })
    }

    fn hears_execute(&self) -> bool {
        event::any_execute() && self.hears(SessionEvent::DoOrmExecute)
    }

    fn select(&self, select: &Select) -> Result<Option<Select>> {
        self.show(|py, session| OrmExecuteState::of_select(py, session, select), OrmExecuteState::select)
    }

    fn write(&self, write: &Write) -> Result<Option<Write>> {
        self.show(|py, session| OrmExecuteState::of_write(py, session, write), OrmExecuteState::write)
    }
}
