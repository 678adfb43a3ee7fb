//! What hangs on a list: its owner, its relation, and what it held before it was changed.
use super::end::End;
use crate::errors::to_py;
use crate::instance;
use ormkit_core::error::Error;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tie between a list and the object that it belongs to.
#[pyclass(frozen, module = "ormkit._ormkit")]
pub(crate) struct Side {
    pub(super) owner: Py<PyAny>,
    pub(super) slot: usize,
    pub(super) end: &'static End,
    /// `noload`: empty, and never written.
    read_only: bool,
    /// The members before the first change; None while there was none.
    original: Mutex<Option<Vec<Py<PyAny>>>>,
    /// Members that came and went since.
    passing: Mutex<Vec<Py<PyAny>>>,
}

#[pymethods]
impl Side {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.owner)?;
        if let Ok(original) = self.original.try_lock() {
            original.iter().flatten().try_for_each(|member| visit.call(member))?;
        }
        if let Ok(passing) = self.passing.try_lock() {
            passing.iter().try_for_each(|member| visit.call(member))?;
        }
        Ok(())
    }
}

impl Side {
    pub(super) fn new(owner: &Bound<'_, PyAny>, slot: usize, end: &'static End, read_only: bool) -> Self {
        let (original, passing) = (Mutex::default(), Mutex::default());
        Self { owner: owner.clone().unbind(), slot, end, read_only, original, passing }
    }

    fn original(&self) -> MutexGuard<'_, Option<Vec<Py<PyAny>>>> {
        self.original.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn passing(&self) -> MutexGuard<'_, Vec<Py<PyAny>>> {
        self.passing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called with members that go: those that came since the first change are kept in mind, for a new one of them is
    /// nobody's.
    pub(super) fn part_with(&self, gone: &[Bound<'_, PyAny>]) {
        let mut passing = self.passing();
        let original = self.original();
        let known = || original.iter().flatten().chain(passing.iter());
        let new: Vec<_> = match gone {
            [member] if known().any(|known| known.is(member)) => Vec::new(),
            [_] => gone.to_vec(),
            _ => {
                let known: HashSet<usize> = known().map(|member| member.as_ptr() as usize).collect();
                let is_new = |member: &&Bound<'_, _>| !known.contains(&(member.as_ptr() as usize));
                gone.iter().filter(is_new).cloned().collect()
            }
        };
        passing.extend(new.into_iter().map(Bound::unbind));
    }

    /// What the list holds counts as unchanged.
    fn settle(&self) {
        let old = (self.original().take(), std::mem::take(&mut *self.passing()));
        drop(old);
    }

    /// To be called before the list is changed: keeps what it held, and marks the owner.
    ///
    /// # Errors
    /// `InvalidRequestError` where the list is read-only.
    pub(super) fn touch(&self, list: &Bound<'_, PyList>) -> PyResult<()> {
        let py = list.py();
        if self.read_only {
            let text = format!("{} was loaded with noload: it is empty and read-only", self.end.place);
            return Err(to_py(py, Error::invalid_request(text)));
        }
        self.original().get_or_insert_with(|| contents(list));
        instance::report(self.owner.bind(py), self.slot)
    }
}

/// The tie of a list; None for lists that belong to no object.
pub(super) fn side_of<'py>(list: &Bound<'py, PyAny>) -> Option<Bound<'py, Side>> {
    list.getattr_opt(intern!(list.py(), "_side")).ok()??.cast_into().ok()
}

pub(super) fn contents(list: &Bound<'_, PyList>) -> Vec<Py<PyAny>> {
    list.iter().map(Bound::unbind).collect()
}

/// What a list held at some time.
pub(crate) struct RelatedItems {
    members: Vec<Py<PyAny>>,
    original: Option<Vec<Py<PyAny>>>,
}

/// What a list holds now; None for anything else.
pub(crate) fn items(value: &Bound<'_, PyAny>) -> Option<RelatedItems> {
    let side = side_of(value)?;
    let original = side.get().original().as_ref().map(|held| clone_all(value.py(), held));
    Some(RelatedItems { members: contents(value.cast().ok()?), original })
}

/// Gives a list back what it held.
pub(crate) fn put_back(value: &Bound<'_, PyAny>, items: RelatedItems) {
    if let (Some(side), Ok(list)) = (side_of(value), value.cast::<PyList>()) {
        replace(list, items.members);
        side.get().settle();
        *side.get().original() = items.original;
    }
}

/// Gives a list the members back that it had before it was changed.
pub(crate) fn undo(value: &Bound<'_, PyAny>) {
    let Some(side) = side_of(value) else { return };
    let original = side.get().original().take();
    side.get().settle();
    if let (Some(members), Ok(list)) = (original, value.cast::<PyList>()) {
        replace(list, members);
    }
}

/// What a list holds is written: from now on it counts as unchanged.
pub(crate) fn settle(value: &Bound<'_, PyAny>) {
    if let Some(side) = side_of(value) {
        side.get().settle();
    }
}

/// The objects in a relation's slot: a list's members, or the one that it holds. None for a read-only list.
pub(crate) fn members(value: Option<Bound<'_, PyAny>>) -> Vec<Py<PyAny>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Vec::new() };
    match value.cast::<PyList>() {
        Ok(_) if side_of(&value).is_some_and(|side| side.get().read_only) => Vec::new(),
        Ok(list) => contents(list),
        Err(_) => vec![value.unbind()],
    }
}

/// The members that a list has lost; None for anything but a list.
pub(crate) fn removed(value: &Bound<'_, PyAny>) -> Option<Vec<Py<PyAny>>> {
    let py = value.py();
    let list = value.cast::<PyList>().ok()?;
    let Some(side) = side_of(value) else { return Some(Vec::new()) };
    let original = side.get().original();
    let Some(original) = original.as_ref() else { return Some(Vec::new()) };
    let held: HashSet<usize> = list.iter().map(|member| member.as_ptr() as usize).collect();
    let lost = original.iter().filter(|member| !held.contains(&(member.as_ptr() as usize)));
    Some(lost.map(|member| member.clone_ref(py)).collect())
}

/// The members that came into a list and went again; none for anything else.
pub(crate) fn passed(value: &Bound<'_, PyAny>) -> Vec<Py<PyAny>> {
    let (Ok(list), Some(side)) = (value.cast::<PyList>(), side_of(value)) else { return Vec::new() };
    let passing = clone_all(list.py(), &side.get().passing());
    passing.into_iter().filter(|member| !list.iter().any(|held| held.is(member))).collect()
}

/// The members that came into a list; none for anything else.
pub(crate) fn added(value: &Bound<'_, PyAny>) -> Vec<Py<PyAny>> {
    let (Ok(list), Some(side)) = (value.cast::<PyList>(), side_of(value)) else { return Vec::new() };
    let original = side.get().original();
    let Some(original) = original.as_ref() else { return Vec::new() };
    let held: HashSet<usize> = original.iter().map(|member| member.as_ptr() as usize).collect();
    let new = list.iter().filter(|member| !held.contains(&(member.as_ptr() as usize)));
    new.map(Bound::unbind).collect()
}

/// Takes a member in as if the list had been loaded with it.
pub(crate) fn admit(value: &Bound<'_, PyAny>, member: &Bound<'_, PyAny>) -> PyResult<()> {
    let (Ok(list), Some(side)) = (value.cast::<PyList>(), side_of(value)) else { return Ok(()) };
    if let Some(original) = side.get().original().as_mut()
        && !original.iter().any(|known| known.is(member))
    {
        original.push(member.clone().unbind());
    }
    let is_there = list.iter().any(|known| known.is(member));
    // As the list type does it: without a mark and without the other side.
    if is_there { Ok(()) } else { list.append(member) }
}

/// Takes members out that are gone, as if the list had never held them. False for anything but a list.
pub(crate) fn detach(value: &Bound<'_, PyAny>, gone: &dyn Fn(&Bound<'_, PyAny>) -> bool) -> bool {
    let Ok(list) = value.cast::<PyList>() else { return false };
    let py = list.py();
    replace(list, list.iter().filter(|member| !gone(member)).map(Bound::unbind).collect());
    if let Some(side) = side_of(value) {
        let kept = side.get().original().as_ref().map(|held| clone_all(py, held));
        if let Some(mut kept) = kept {
            kept.retain(|member| !gone(member.bind(py)));
            let old = side.get().original().replace(kept);
            drop(old);
        }
    }
    true
}

fn clone_all(py: Python<'_>, members: &[Py<PyAny>]) -> Vec<Py<PyAny>> {
    members.iter().map(|member| member.clone_ref(py)).collect()
}

/// Replaces the members without a mark and without the other side.
fn replace(list: &Bound<'_, PyList>, members: Vec<Py<PyAny>>) {
    let replaced =
        PyList::new(list.py(), members).and_then(|new| list.set_slice(0, list.len(), new.as_any()));
    // Only memory can be short here; then the list stays as it is.
    drop(replaced);
}
