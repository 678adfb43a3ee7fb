//! Listeners of the session: who is told what, and when.
//!
//! They are called while nobody has the session on lease, so that they may use it: what a `before_flush` adds is part of the
//! flush. A flush inside of a listener tells nobody.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::{AsyncSession, SessionLink, raise};
use crate::event::{self, FlushContext, Listener, SessionEvent};

/// What listeners are told, beside the session.
type Told = Vec<(&'static str, Py<PyAny>)>;

/// A session and who listens to it.
pub(super) type Heard = (Py<AsyncSession>, Vec<Arc<Listener>>);

/// Ends the time in which flushes tell nobody.
struct Quiet<'a>(&'a SessionLink);

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        self.0.is_telling.store(false, Ordering::Relaxed);
    }
}

impl SessionLink {
    /// The session and who listens to an event of it.
    pub(super) fn heard(&self, py: Python<'_>, event: SessionEvent) -> PyResult<Option<Heard>> {
        let Some(session) = self.face(py)? else { return Ok(None) };
        let mut listeners = event::of_kind(&session.get_type(), event)?;
        listeners.extend(self.maker.get().into_iter().flat_map(|maker| maker.of(event)));
        listeners.extend(self.listeners.of(event));
        Ok((!listeners.is_empty()).then(|| (session.unbind(), listeners)))
    }

    /// Calls the listeners of an event.
    ///
    /// # Errors
    /// What one of them raises: the later ones are not called.
    async fn tell(&self, event: SessionEvent, told: Told) -> PyResult<()> {
        let Some((session, listeners)) = Python::attach(|py| self.heard(py, event))? else { return Ok(()) };
        for listener in listeners {
            let arguments = Python::attach(|py| {
                let told = told.iter().map(|(name, value)| (*name, value.clone_ref(py)));
                std::iter::once(("session", session.clone_ref(py).into_any())).chain(told).collect()
            });
            listener.call(arguments).await?;
        }
        Ok(())
    }

    /// Flushes and tells of it, where somebody listens and there is something to write.
    pub(super) async fn flush_told(self: &Arc<Self>) -> PyResult<()> {
        const FLUSH: [SessionEvent; 3] =
            [SessionEvent::BeforeFlush, SessionEvent::AfterFlush, SessionEvent::AfterFlushPostexec];
        if self.is_telling.load(Ordering::Relaxed) {
            return Ok(());
        }
        let is_heard = Python::attach(|py| {
            FLUSH
                .iter()
                .try_fold(false, |any, event| Ok::<_, PyErr>(any || self.heard(py, *event)?.is_some()))
        })?;
        let Some(context) = (if is_heard { Python::attach(|py| self.context(py))? } else { None }) else {
            return Ok(());
        };
        self.is_telling.store(true, Ordering::Relaxed);
        let _quiet = Quiet(self);
        let instances = ("instances", Python::attach(|py| py.None()));
        self.tell(SessionEvent::BeforeFlush, vec![("flush_context", context), instances]).await?;
        let Some(context) = Python::attach(|py| self.context(py))? else { return Ok(()) };
        Python::attach(|py| self.lease(py))?.flush().await.map_err(raise)?;
        let again = Python::attach(|py| context.clone_ref(py));
        self.tell(SessionEvent::AfterFlush, vec![("flush_context", again)]).await?;
        self.tell(SessionEvent::AfterFlushPostexec, vec![("flush_context", context)]).await
    }

    /// What a flush would write now; None for nothing.
    fn context(self: &Arc<Self>, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let pending = self.lease(py)?.pending().map_err(raise)?;
        if pending.iter().all(Vec::is_empty) {
            return Ok(None);
        }
        let [new, dirty, deleted] = pending.map(|objects| PyList::new(py, objects).map(Bound::unbind));
        let context = FlushContext { new: new?, dirty: dirty?, deleted: deleted? };
        Ok(Some(Py::new(py, context)?.into_any()))
    }

    /// The same before a query, where queries flush.
    pub(super) async fn autoflush_told(self: &Arc<Self>) -> PyResult<()> {
        let is_paused = self.open.get().is_none_or(|open| open.pauses.load(Ordering::Relaxed) > 0);
        if !self.options.autoflush || is_paused {
            return Ok(());
        }
        self.flush_told().await
    }

    /// Tells of a commit that is going to be, and flushes.
    pub(super) async fn commit_told(self: &Arc<Self>) -> PyResult<()> {
        self.tell(SessionEvent::BeforeCommit, Told::new()).await?;
        self.flush_told().await
    }

    /// The transaction is kept: calls what has waited for that, and tells of it.
    pub(super) async fn kept(&self) -> PyResult<()> {
        self.on_commit.run().await?;
        match event::any_session() {
            true => Box::pin(self.tell(SessionEvent::AfterCommit, Told::new())).await,
            false => Ok(()),
        }
    }

    /// The transaction is rolled back: tells of it.
    pub(super) async fn undone(&self) -> PyResult<()> {
        match event::any_session() {
            true => Box::pin(self.tell(SessionEvent::AfterRollback, Told::new())).await,
            false => Ok(()),
        }
    }
}
