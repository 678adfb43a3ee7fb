//! Listeners of what sessions do: `before_flush` and its like.
use super::listener::{Choices, Listener};
use super::registry::Registry;
use super::state;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionEvent {
    BeforeFlush,
    AfterFlush,
    AfterFlushPostexec,
    BeforeCommit,
    AfterCommit,
    AfterRollback,
    AfterBegin,
    DoOrmExecute,
    BeforeAttach,
    AfterAttach,
    TransientToPending,
    PendingToPersistent,
    PendingToTransient,
    PersistentToTransient,
    PersistentToDeleted,
    DeletedToPersistent,
    PersistentToDetached,
    DetachedToPersistent,
    LoadedAsPersistent,
}

/// The events and their names.
pub(super) const EVENTS: [(&str, SessionEvent); 19] = [
    ("before_flush", SessionEvent::BeforeFlush),
    ("after_flush", SessionEvent::AfterFlush),
    ("after_flush_postexec", SessionEvent::AfterFlushPostexec),
    ("before_commit", SessionEvent::BeforeCommit),
    ("after_commit", SessionEvent::AfterCommit),
    ("after_rollback", SessionEvent::AfterRollback),
    ("after_begin", SessionEvent::AfterBegin),
    ("do_orm_execute", SessionEvent::DoOrmExecute),
    ("before_attach", SessionEvent::BeforeAttach),
    ("after_attach", SessionEvent::AfterAttach),
    ("transient_to_pending", SessionEvent::TransientToPending),
    ("pending_to_persistent", SessionEvent::PendingToPersistent),
    ("pending_to_transient", SessionEvent::PendingToTransient),
    ("persistent_to_transient", SessionEvent::PersistentToTransient),
    ("persistent_to_deleted", SessionEvent::PersistentToDeleted),
    ("deleted_to_persistent", SessionEvent::DeletedToPersistent),
    ("persistent_to_detached", SessionEvent::PersistentToDetached),
    ("detached_to_persistent", SessionEvent::DetachedToPersistent),
    ("loaded_as_persistent", SessionEvent::LoadedAsPersistent),
];

impl SessionEvent {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        EVENTS.iter().find(|(_, event)| *event == self).map_or("", |(name, _)| name)
    }

    /// True for what flushes, commits and rollbacks tell.
    fn is_of_transactions(self) -> bool {
        use SessionEvent as E;
        matches!(
            self,
            E::BeforeFlush
                | E::AfterFlush
                | E::AfterFlushPostexec
                | E::BeforeCommit
                | E::AfterCommit
                | E::AfterRollback
        )
    }
}

/// True once a session was listened to, and of what is asked for each statement alone.
static ANY: AtomicBool = AtomicBool::new(false);
static ANY_BEGIN: AtomicBool = AtomicBool::new(false);
static ANY_EXECUTE: AtomicBool = AtomicBool::new(false);

/// Classes of sessions with their listeners.
type Classes = Vec<(Arc<Py<PyType>>, Arc<Listeners>)>;

static CLASSES: Mutex<Classes> = Mutex::new(Vec::new());

fn classes() -> Classes {
    CLASSES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// True where some session may be listened to.
#[inline]
pub(crate) fn any_session() -> bool {
    ANY.load(Ordering::Relaxed)
}

/// True where some session's transactions may be listened to.
#[inline]
pub(crate) fn any_begin() -> bool {
    ANY_BEGIN.load(Ordering::Relaxed)
}

/// True where some session's statements may be listened to.
#[inline]
pub(crate) fn any_execute() -> bool {
    ANY_EXECUTE.load(Ordering::Relaxed)
}

/// The listeners of one target, in the order of calling.
#[derive(Default)]
pub(crate) struct Listeners(Registry<SessionEvent>);

impl Listeners {
    /// Lets a function hear. The same function once more changes nothing.
    pub(super) fn add(
        &self,
        event: SessionEvent,
        function: &Bound<'_, PyAny>,
        choices: Choices,
    ) -> PyResult<()> {
        self.0.add(event, function, choices)?;
        match event {
            SessionEvent::AfterBegin => ANY_BEGIN.store(true, Ordering::Relaxed),
            SessionEvent::DoOrmExecute => ANY_EXECUTE.store(true, Ordering::Relaxed),
            event if event.is_of_transactions() => ANY.store(true, Ordering::Relaxed),
            _ => state::listen(),
        }
        Ok(())
    }

    /// Takes a function out; false where it did not listen.
    pub(super) fn take(&self, event: SessionEvent, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.0.take(event, function)
    }

    /// True where a function listens.
    pub(super) fn has(&self, event: SessionEvent, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.0.has(event, function)
    }

    /// Those of an event.
    pub(crate) fn of(&self, event: SessionEvent) -> Vec<Arc<Listener>> {
        self.0.of(event)
    }
}

/// The listeners of just this class of sessions.
pub(super) fn of_class(class: &Bound<'_, PyType>) -> Arc<Listeners> {
    let mut classes = CLASSES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, found)) = classes.iter().find(|(known, _)| known.is(class)) {
        return Arc::clone(found);
    }
    let made = Arc::<Listeners>::default();
    classes.push((Arc::new(class.clone().unbind()), Arc::clone(&made)));
    made
}

/// The listeners of an event for a session of a class, those of its bases among them.
pub(crate) fn of_kind(class: &Bound<'_, PyType>, event: SessionEvent) -> PyResult<Vec<Arc<Listener>>> {
    let mut found = Vec::new();
    for (known, listeners) in classes() {
        let known = known.bind(class.py());
        let is_own = class.is(known);
        if is_own || class.is_subclass(known)? {
            found.extend(listeners.of(event).into_iter().filter(|one| is_own || one.choices.propagate));
        }
    }
    Ok(found)
}

/// What a flush writes: lists of objects.
#[pyclass(frozen, module = "ormkit.event")]
pub(crate) struct FlushContext {
    /// New objects.
    #[pyo3(get)]
    pub(crate) new: Py<PyList>,
    /// Changed objects.
    #[pyo3(get)]
    pub(crate) dirty: Py<PyList>,
    /// Objects whose rows are deleted.
    #[pyo3(get)]
    pub(crate) deleted: Py<PyList>,
}
