//! The way from an object to its session.
use super::PyHost;
use crate::convert::Border;
use crate::event::{Listener, SessionEvent};
use crate::instance;
use ormkit_core::host::HomeId;
use ormkit_core::model::ModelId;
use ormkit_core::session::Home;
use ormkit_core::value::Value;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

/// What objects ask of their session. It knows itself by [`enter`] and [`leave`].
pub(crate) trait Owner: Send + Sync {
    /// Where changes are reported.
    fn home(&self) -> Option<&Home<PyHost>>;

    /// The object of a key, where the session holds it and nobody else has the session. No IO.
    fn held(self: Arc<Self>, py: Python<'_>, model: ModelId, key: &[Value]) -> Option<Py<PyAny>>;

    /// The database that its values cross to.
    fn border(&self) -> &Arc<Border>;

    /// The session's own object; None where nobody holds it any more.
    ///
    /// # Errors
    /// `InvalidRequestError`: it is of a subclass whose `__init__` does not call that of `AsyncSession`.
    fn session(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>>;

    /// Its own object and who listens to an event of it; None where nobody does.
    ///
    /// # Errors
    /// As [`session`](Self::session).
    fn listeners(&self, py: Python<'_>, event: SessionEvent) -> PyResult<Option<Hearers>>;

    /// Writes objects and the changes of their relations at once: an awaitable's iterator.
    fn write_now(self: Arc<Self>, py: Python<'_>, objects: Vec<Py<PyAny>>) -> PyResult<Py<PyAny>>;

    /// Loads an attribute of an object: an awaitable.
    fn load_now(self: Arc<Self>, py: Python<'_>, object: Py<PyAny>, name: &str) -> PyResult<Py<PyAny>>;
}

/// A session, and who listens to an event of it.
pub(crate) type Hearers = (Py<PyAny>, Vec<Arc<Listener>>);

type Owners = FxHashMap<HomeId, Weak<dyn Owner>>;

static OWNERS: LazyLock<Mutex<Owners>> = LazyLock::new(Mutex::default);

fn owners() -> MutexGuard<'static, Owners> {
    OWNERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a session known to the objects of its home, until it leaves.
pub(crate) fn enter(home: HomeId, owner: Weak<dyn Owner>) {
    owners().insert(home, owner);
}

/// Forgets a session that is gone.
pub(crate) fn leave(home: HomeId) {
    owners().remove(&home);
}

/// The session of a home, while somebody holds it.
pub(crate) fn owner(home: HomeId) -> Option<Arc<dyn Owner>> {
    owners().get(&home).and_then(Weak::upgrade)
}

/// The first change of a clean object: its session keeps it until it is written.
pub(super) fn first_change(object: &Bound<'_, PyAny>, home: HomeId) {
    if let Some(owner) = owner(home)
        && let Some(home) = owner.home()
    {
        home.note(object.clone().unbind());
    }
}

/// Somebody looks at a value that can be changed in place: the object's session asks for changes before each operation.
pub(super) fn first_look(object: &Bound<'_, PyAny>, home: HomeId) {
    if let Some(owner) = owner(home)
        && let Some(home) = owner.home()
    {
        home.watch(object.clone().unbind());
    }
}

/// An object that was written and holds JSON values: the program has them and may change them in place.
pub(super) fn watch_json(object: &Bound<'_, PyAny>) {
    let Ok(table) = instance::table_of(object) else { return };
    if table.has_json
        && instance::touched_json(object).is_ok_and(|touched| !touched.is_empty())
        && let Ok(home) = instance::home(object)
    {
        first_look(object, home);
    }
}
