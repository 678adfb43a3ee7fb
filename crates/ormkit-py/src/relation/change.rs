//! What `add`, `remove`, `clear` and `set` of a list answer: a change that is made in memory, and written at once when
//! it is awaited.
use crate::errors::to_py;
use crate::instance;
use ormkit_core::error::Error;
use ormkit_core::host::HomeId;
use pyo3::prelude::*;
use std::sync::OnceLock;

/// Writes objects at once, in the session of a home: answers an awaitable's iterator.
pub(crate) type WriteNow = fn(py: Python<'_>, home: HomeId, objects: Vec<Py<PyAny>>) -> PyResult<Py<PyAny>>;

static WRITE_NOW: OnceLock<WriteNow> = OnceLock::new();

/// Says how a session writes objects at once; later calls change nothing.
pub(crate) fn set_write_now(write: WriteNow) {
    WRITE_NOW.get_or_init(|| write);
}

/// A change of a related list. It is part of the unit of work as it stands; awaiting it writes it at once.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Change {
    /// The list's owner first, then the members that came or went.
    objects: Vec<Py<PyAny>>,
}

impl Change {
    pub(super) fn new(owner: Option<&Py<PyAny>>, members: Vec<Bound<'_, PyAny>>, py: Python<'_>) -> Self {
        let owner = owner.map(|owner| owner.clone_ref(py));
        Self { objects: owner.into_iter().chain(members.into_iter().map(Bound::unbind)).collect() }
    }
}

#[pymethods]
impl Change {
    /// Write the change at once, in the session of the list's owner.
    ///
    /// Raises:
    ///     DetachedInstanceError: The owner belongs to no session.
    fn __await__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let home = match self.objects.first() {
            Some(owner) => instance::home(owner.bind(py))?,
            None => HomeId::NONE,
        };
        match WRITE_NOW.get() {
            Some(write) if home != HomeId::NONE => {
                write(py, home, self.objects.iter().map(|object| object.clone_ref(py)).collect())
            }
            _ => {
                let text =
                    "the owner of this list belongs to no session: add it to one before you await the change";
                Err(to_py(py, Error::new(ormkit_core::error::ErrorKind::Detached(text.to_owned()))))
            }
        }
    }
}
