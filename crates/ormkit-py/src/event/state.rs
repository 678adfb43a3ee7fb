//! Telling of objects that come to a session, leave it, or go from one state to another.
//!
//! They are told where it happens, in the middle of an operation that has the session: what listeners raise harms it not, and
//! goes to `sys.unraisablehook`.
use super::listener::Arguments;
use super::mapper;
use super::session::SessionEvent;
use crate::host::{Owner, owner};
use crate::instance;
use ormkit_core::host::{HomeId, State};
use pyo3::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// True once somebody listens to such an event.
static ANY: AtomicBool = AtomicBool::new(false);

/// True where somebody may listen to what becomes of objects: the one look that an object's way costs.
#[inline]
pub(crate) fn any_move() -> bool {
    ANY.load(Ordering::Relaxed)
}

/// From now on somebody may listen.
pub(super) fn listen() {
    ANY.store(true, Ordering::Relaxed);
}

/// The event of a step from one state to another; None where nobody is told.
fn step(from: State, to: State) -> Option<SessionEvent> {
    Some(match (from, to) {
        (State::Transient, State::Pending) => SessionEvent::TransientToPending,
        (State::Pending, State::Persistent) => SessionEvent::PendingToPersistent,
        (State::Pending, State::Transient) => SessionEvent::PendingToTransient,
        (State::Persistent, State::Transient) => SessionEvent::PersistentToTransient,
        (State::Persistent, State::Deleted) => SessionEvent::PersistentToDeleted,
        (State::Deleted, State::Persistent) => SessionEvent::DeletedToPersistent,
        (State::Persistent, State::Detached) => SessionEvent::PersistentToDetached,
        (State::Detached, State::Persistent) => SessionEvent::DetachedToPersistent,
        _ => return None,
    })
}

/// Moves an object by `place`, and tells of it.
pub(crate) fn moving(
    object: &Bound<'_, PyAny>,
    from: State,
    to: State,
    home: HomeId,
    place: fn(&Bound<'_, PyAny>, State, HomeId),
) {
    let before = instance::home(object).unwrap_or(HomeId::NONE);
    let comes = before == HomeId::NONE && matches!(from, State::Transient | State::Detached);
    // A row has just become an object.
    let is_loaded = from == State::Persistent && to == State::Persistent && before == HomeId::NONE;
    let session = owner(if home == HomeId::NONE { before } else { home });
    if comes {
        tell(session.as_ref(), SessionEvent::BeforeAttach, object);
    }
    place(object, to, home);
    if comes {
        tell(session.as_ref(), SessionEvent::AfterAttach, object);
    }
    let event = if is_loaded { Some(SessionEvent::LoadedAsPersistent) } else { step(from, to) };
    if is_loaded {
        mapper::tell_loaded(object);
    }
    if let Some(event) = event {
        tell(session.as_ref(), event, object);
    }
}

fn tell(session: Option<&Arc<dyn Owner>>, event: SessionEvent, object: &Bound<'_, PyAny>) {
    let py = object.py();
    let told = || -> PyResult<()> {
        let Some((session, listeners)) = session.map_or(Ok(None), |owner| owner.listeners(py, event))? else {
            return Ok(());
        };
        for listener in listeners {
            let arguments: Arguments =
                vec![("session", session.clone_ref(py)), ("instance", listener.shown(object)?)];
            if let Err(error) = listener.call_now(py, event.name(), &arguments) {
                error.write_unraisable(py, Some(object));
            }
        }
        Ok(())
    };
    if let Err(error) = told() {
        error.write_unraisable(py, Some(object));
    }
}
