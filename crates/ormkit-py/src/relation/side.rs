//! What hangs on a list: its owner, its relation, and what it held before it was changed.
use super::end::End;
use super::write_only::WriteOnlyCollection;
use crate::errors::to_py;
use crate::instance;
use ormkit_core::error::Error;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tie between a list and the object that it belongs to.
#[pyclass(frozen, module = "ormkit._ormkit")]
pub(crate) struct Side {
    pub(super) owner: Py<PyAny>,
    pub(super) slot: usize,
    pub(super) end: &'static End,
    /// `noload`: empty, and never written.
    read_only: bool,
    /// Of a write-only list: it holds all of its members, which are about to be deleted.
    whole: AtomicBool,
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
        let whole = AtomicBool::new(!end.is_write_only);
        Self { owner: owner.clone().unbind(), slot, end, read_only, whole, original, passing }
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

    /// What the list holds counts as unchanged; a write-only one forgets it.
    fn settle(&self, list: &Bound<'_, PyList>) {
        let old = (self.original().take(), std::mem::take(&mut *self.passing()));
        drop(old);
        if self.end.is_write_only {
            self.whole.store(false, Ordering::Relaxed);
            replace(list, Vec::new());
        }
    }

    /// From now on what the list holds is a change of what it holds now.
    pub(super) fn begin(&self, list: &Bound<'_, PyList>) {
        self.original().get_or_insert_with(|| contents(list));
    }

    /// A member that a write-only list does not know goes.
    pub(super) fn let_go(&self, member: &Bound<'_, PyAny>) {
        let mut original = self.original();
        let gone = original.get_or_insert_with(Vec::new);
        if !gone.iter().any(|known| known.is(member)) {
            gone.push(member.clone().unbind());
        }
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
        self.begin(list);
        instance::report(self.owner.bind(py), self.slot)
    }
}

/// The tie of a list; None for lists that belong to no object.
pub(super) fn side_of<'py>(list: &Bound<'py, PyAny>) -> Option<Bound<'py, Side>> {
    list.getattr_opt(intern!(list.py(), "_side")).ok()??.cast_into().ok()
}

/// The list in a relation's slot: itself, or what a write-only one keeps. None for a reference.
pub(super) fn list_of<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyList>> {
    match value.cast::<PyList>() {
        Ok(list) => Some(list.clone()),
        Err(_) => value.cast::<WriteOnlyCollection>().ok().map(|kept| kept.get().kept(value.py()).clone()),
    }
}

/// A list and its tie; None for a reference, and for a list that belongs to no object.
fn tied<'py>(value: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyList>, Bound<'py, Side>)> {
    let list = list_of(value)?;
    let side = side_of(&list)?;
    Some((list, side))
}

/// True for a list that holds all of its members.
pub(crate) fn is_whole(value: &Bound<'_, PyAny>) -> bool {
    tied(value).is_some_and(|(_, side)| side.get().whole.load(Ordering::Relaxed))
}

/// Gives a write-only list all of its members: what came and went stays so. Once it has them they are replaced.
pub(crate) fn take_in(value: &Bound<'_, PyAny>, members: Vec<Bound<'_, PyAny>>) {
    let Some((list, side)) = tied(value) else { return };
    let (side, py) = (side.get(), list.py());
    let has = |all: &[Py<PyAny>], member: &Bound<'_, PyAny>| all.iter().any(|known| known.is(member));
    let held = contents(&list);
    let known: Vec<Py<PyAny>> = members.iter().map(|member| member.clone().unbind()).collect();
    if side.whole.swap(true, Ordering::Relaxed) {
        drop(side.original().take());
        return replace(&list, known);
    }
    let before = side.original().as_ref().map(|gone| clone_all(py, gone));
    let Some(gone) = before else { return replace(&list, known) };
    let stays = |member: &&Py<PyAny>| !has(&gone, member.bind(py)) || has(&held, member.bind(py));
    let mut now: Vec<Py<PyAny>> = known.iter().filter(stays).map(|member| member.clone_ref(py)).collect();
    now.extend(held.into_iter().filter(|member| !has(&known, member.bind(py))));
    let mut original = clone_all(py, &known);
    original.extend(gone.into_iter().filter(|member| !has(&known, member.bind(py))));
    let old = side.original().replace(original);
    drop(old);
    replace(&list, now);
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
    let (list, side) = tied(value)?;
    let original = side.get().original().as_ref().map(|held| clone_all(value.py(), held));
    let (members, original) = match (side.get().end.is_write_only, original) {
        // Its changes are what there is to keep.
        (true, Some(_)) => (added(value), Some(removed(value).unwrap_or_default())),
        (true, None) => (Vec::new(), None),
        (false, original) => (contents(&list), original),
    };
    Some(RelatedItems { members, original })
}

/// Gives a list back what it held.
pub(crate) fn put_back(value: &Bound<'_, PyAny>, items: RelatedItems) {
    if let Some((list, side)) = tied(value) {
        side.get().settle(&list);
        replace(&list, items.members);
        *side.get().original() = items.original;
    }
}

/// Gives a list the members back that it had before it was changed.
pub(crate) fn undo(value: &Bound<'_, PyAny>) {
    let Some((list, side)) = tied(value) else { return };
    let original = side.get().original().take();
    side.get().settle(&list);
    if let (Some(members), false) = (original, side.get().end.is_write_only) {
        replace(&list, members);
    }
}

/// What a list holds is written: from now on it counts as unchanged.
pub(crate) fn settle(value: &Bound<'_, PyAny>) {
    if let Some((list, side)) = tied(value) {
        side.get().settle(&list);
    }
}

/// The objects in a relation's slot: a list's members, or the one that it holds. None for a read-only list.
pub(crate) fn members(value: Option<Bound<'_, PyAny>>) -> Vec<Py<PyAny>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Vec::new() };
    match list_of(&value) {
        Some(list) if side_of(&list).is_some_and(|side| side.get().read_only) => Vec::new(),
        Some(list) => contents(&list),
        None => vec![value.unbind()],
    }
}

/// The members that a list has lost; None for anything but a list.
pub(crate) fn removed(value: &Bound<'_, PyAny>) -> Option<Vec<Py<PyAny>>> {
    let py = value.py();
    let list = list_of(value)?;
    let Some(side) = side_of(&list) else { return Some(Vec::new()) };
    let original = side.get().original();
    let Some(original) = original.as_ref() else { return Some(Vec::new()) };
    let held: HashSet<usize> = list.iter().map(|member| member.as_ptr() as usize).collect();
    let lost = original.iter().filter(|member| !held.contains(&(member.as_ptr() as usize)));
    Some(lost.map(|member| member.clone_ref(py)).collect())
}

/// The members that came into a list and went again; none for anything else.
pub(crate) fn passed(value: &Bound<'_, PyAny>) -> Vec<Py<PyAny>> {
    let Some((list, side)) = tied(value) else { return Vec::new() };
    let passing = clone_all(list.py(), &side.get().passing());
    passing.into_iter().filter(|member| !list.iter().any(|held| held.is(member))).collect()
}

/// The members that came into a list; none for anything else.
pub(crate) fn added(value: &Bound<'_, PyAny>) -> Vec<Py<PyAny>> {
    let Some((list, side)) = tied(value) else { return Vec::new() };
    let original = side.get().original();
    let Some(original) = original.as_ref() else { return Vec::new() };
    let held: HashSet<usize> = original.iter().map(|member| member.as_ptr() as usize).collect();
    let new = list.iter().filter(|member| !held.contains(&(member.as_ptr() as usize)));
    new.map(Bound::unbind).collect()
}

/// Takes a member in as if the list had been loaded with it.
pub(crate) fn admit(value: &Bound<'_, PyAny>, member: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some((list, side)) = tied(value) else { return Ok(()) };
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
    let Some(list) = list_of(value) else { return false };
    let py = list.py();
    replace(&list, list.iter().filter(|member| !gone(member)).map(Bound::unbind).collect());
    if let Some(side) = side_of(&list) {
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
