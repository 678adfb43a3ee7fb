//! What `add`, `remove`, `clear` and `set` of a list answer: a change that is made in memory, and written at once when
//! it is awaited.
use super::side::Side;
use crate::errors::to_py;
use crate::instance::State;
use crate::{host, instance};
use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::host::HomeId;
use pyo3::prelude::*;

/// A change of a related list. It is part of the unit of work as it stands; awaiting it writes it at once.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Change {
    /// The list's owner first, then the members that came or went.
    objects: Vec<Py<PyAny>>,
    /// `Model.attr`; None for a list that belongs to no object.
    place: Option<&'static str>,
}

impl Change {
    pub(super) fn new(side: Option<&Side>, members: Vec<Bound<'_, PyAny>>, py: Python<'_>) -> Self {
        let owner = side.map(|side| side.owner.clone_ref(py));
        // What a junction links is written with the owner: members have no part in it, but new ones have to be there.
        let has_part = |member: &Bound<'_, PyAny>| {
            let is_new = || !matches!(instance::state(member), Ok(State::Persistent));
            side.is_none_or(|side| !side.end.is_linked) || is_new()
        };
        let members = members.into_iter().filter(has_part);
        let objects = owner.into_iter().chain(members.map(Bound::unbind)).collect();
        Self { objects, place: side.map(|side| side.end.place.as_str()) }
    }
}

#[pymethods]
impl Change {
    /// Write the change at once, in the session of the list's owner.
    ///
    /// Raises:
    ///     DetachedInstanceError: The owner belongs to no session: the change stays in memory, and is written by the
    ///         session that the owner is added to.
    fn __await__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let home = match self.objects.first() {
            Some(owner) => instance::home(owner.bind(py))?,
            None => HomeId::NONE,
        };
        match host::owner(home) {
            Some(owner) => {
                owner.write_now(py, self.objects.iter().map(|object| object.clone_ref(py)).collect())
            }
            None => {
                let place = self.place.unwrap_or("a related list");
                let text = format!(
                    "{place} was changed in memory only: its owner belongs to no session, add it to one and flush"
                );
                Err(to_py(py, Error::new(ErrorKind::Detached(text))))
            }
        }
    }
}
