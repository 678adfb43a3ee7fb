//! The way from an object to its session.
use super::PyHost;
use crate::instance;
use ormkit_core::host::HomeId;
use ormkit_core::model::ModelId;
use ormkit_core::session::Home;
use ormkit_core::value::Value;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};

type Homes = FxHashMap<u32, Weak<Home<PyHost>>>;

static HOMES: LazyLock<Mutex<Homes>> = LazyLock::new(Mutex::default);

/// Dead entries are swept when there are this many.
const SWEEP_AT: usize = 256;

/// Makes a session's home known, so that its objects can report their first change.
pub(crate) fn know_home(home: &Arc<Home<PyHost>>) {
    let mut homes = HOMES.lock().unwrap_or_else(PoisonError::into_inner);
    if homes.len() >= SWEEP_AT && homes.len() == homes.capacity() {
        homes.retain(|_, home| home.strong_count() > 0);
    }
    homes.insert(home.id().0, Arc::downgrade(home));
}

/// The first change of a clean object: its session keeps it until it is written.
pub(super) fn first_change(object: &Bound<'_, PyAny>, home: HomeId) {
    if let Some(home) = home_of(home) {
        home.note(object.clone().unbind());
    }
}

/// Somebody looks at a value that can be changed in place: the object's session asks for changes before each operation.
pub(super) fn first_look(object: &Bound<'_, PyAny>, home: HomeId) {
    if let Some(home) = home_of(home) {
        home.watch(object.clone().unbind());
    }
}

fn home_of(home: HomeId) -> Option<Arc<Home<PyHost>>> {
    HOMES.lock().unwrap_or_else(PoisonError::into_inner).get(&home.0).and_then(Weak::upgrade)
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

/// Asks a session for the object of a key, without IO.
pub(crate) type Lookup = fn(py: Python<'_>, home: HomeId, model: ModelId, key: &[Value]) -> Option<Py<PyAny>>;

static LOOKUP: OnceLock<Lookup> = OnceLock::new();

/// Says how sessions are asked for an object that they hold; later calls change nothing.
pub(crate) fn set_lookup(lookup: Lookup) {
    LOOKUP.get_or_init(|| lookup);
}

/// The object of a key, where the session of that home holds it.
pub(crate) fn lookup(py: Python<'_>, home: HomeId, model: ModelId, key: &[Value]) -> Option<Py<PyAny>> {
    if home == HomeId::NONE {
        return None;
    }
    LOOKUP.get().and_then(|lookup| lookup(py, home, model, key))
}
