//! `RelatedList`: a list whose changes are part of the unit of work.
#![allow(unsafe_code)]
use super::assign::{link, tell_coming, tell_leaving, unlink};
use super::change::Change;
use super::end::end;
use super::side::{Side, side_of};
use crate::instance;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyList, PyTuple, PyType};
use std::cell::Cell;
use std::collections::HashSet;

/// The class; made with the module.
pub(super) fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Ok(CLASS.get_or_try_init(py, || make(py))?.bind(py))
}

fn make(py: Python<'_>) -> PyResult<Py<PyType>> {
    let body = PyDict::new(py);
    body.set_item("__module__", "ormkit")?;
    body.set_item("__slots__", ("_side", "__weakref__"))?;
    body.set_item("__doc__", "The objects of a relation. Changes are written by the next flush.")?;
    let functions = [
        wrap_pyfunction!(append, py)?,
        wrap_pyfunction!(insert, py)?,
        wrap_pyfunction!(extend, py)?,
        wrap_pyfunction!(pop, py)?,
        wrap_pyfunction!(remove, py)?,
        wrap_pyfunction!(clear, py)?,
        wrap_pyfunction!(add, py)?,
        wrap_pyfunction!(set, py)?,
        wrap_pyfunction!(__iadd__, py)?,
        wrap_pyfunction!(__imul__, py)?,
        wrap_pyfunction!(__setitem__, py)?,
        wrap_pyfunction!(__delitem__, py)?,
        wrap_pyfunction!(__reduce_ex__, py)?,
    ];
    for function in functions {
        body.set_item(function.getattr("__name__")?, method(function.as_any())?)?;
    }
    let made = py.get_type::<PyType>().call1(("RelatedList", (py.get_type::<PyList>(),), body))?;
    Ok(made.cast_into::<PyType>()?.unbind())
}

unsafe extern "C" {
    /// A callable that binds its object when it is looked up in a class.
    fn PyInstanceMethod_New(function: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// A function that binds its object, as a method does.
fn method<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: a live callable; the answer is a new reference or null with the exception set.
    unsafe { Bound::from_owned_ptr_or_err(function.py(), PyInstanceMethod_New(function.as_ptr())) }
}

/// A list in a slot of `owner` that holds `members`, as loaded.
///
/// # Errors
/// Every mistake in the references between models, when they are resolved for the first time.
pub(crate) fn list<'py>(
    owner: &Bound<'py, PyAny>,
    slot: usize,
    members: &mut dyn Iterator<Item = Py<PyAny>>,
    read_only: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = owner.py();
    let made = class(py)?.call0()?;
    let list = made.cast::<PyList>()?;
    for member in members {
        list.append(member)?;
    }
    let side = Bound::new(py, Side::new(owner, slot, end(owner, slot)?, read_only))?;
    made.setattr(intern!(py, "_side"), side)?;
    Ok(made)
}

/// A plain list that came into a slot of `owner` from a copy or a pickle, as a list of its own. None for anything else.
pub(crate) fn adopt<'py>(
    owner: &Bound<'py, PyAny>,
    slot: usize,
    value: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match value.cast_exact::<PyList>() {
        Ok(plain) => list(owner, slot, &mut plain.iter().map(Bound::unbind), false).map(Some),
        Err(_) => Ok(None),
    }
}

/// The place of `member`, by identity.
pub(super) fn index_of(list: &Bound<'_, PyList>, member: &Bound<'_, PyAny>) -> Option<usize> {
    list.iter().position(|other| other.is(member))
}

/// Adds a member whose own side is in order.
pub(super) fn add_raw(list: &Bound<'_, PyList>, member: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(side) = side_of(list) {
        side.get().touch(list)?;
    }
    list.append(member)
}

/// Takes a member out whose own side is in order.
pub(super) fn remove_raw(list: &Bound<'_, PyList>, member: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(at) = index_of(list, member) else { return Ok(()) };
    if let Some(side) = side_of(list) {
        side.get().touch(list)?;
        side.get().part_with(std::slice::from_ref(member));
    }
    let _told = Told::begin();
    list.del_slice(at, at + 1)
}

thread_local! {
    static IS_TOLD: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, who takes members out has told of it.
struct Told {
    before: bool,
}

impl Told {
    fn begin() -> Self {
        Self { before: IS_TOLD.replace(true) }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        IS_TOLD.set(self.before);
    }
}

/// Replaces all members; answers those that came or went.
pub(super) fn set_members<'py>(
    list: &Bound<'py, PyList>,
    members: Vec<Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    splice(list, 0, list.len(), members)
}

/// Replaces a run of members and keeps the other side in step; answers those that came or went.
///
/// Everything is checked before anything is changed.
pub(super) fn splice<'py>(
    list: &Bound<'py, PyList>,
    from: usize,
    to: usize,
    members: Vec<Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = list.py();
    let Some(side) = side_of(list) else {
        list.set_slice(from, to, PyList::new(py, &members)?.as_any())?;
        return Ok(Vec::new());
    };
    let side = side.get();
    let mut members = validated(side, list, members)?;
    if side.end.is_linked {
        members = each_once(list, from..to, members)?;
    }
    let gone: Vec<_> = (from..to).map(|at| list.get_item(at)).collect::<PyResult<_>>()?;
    let owner = side.owner.bind(py);
    let stay: HashSet<usize> = members.iter().map(|member| member.as_ptr() as usize).collect();
    let gone: Vec<_> =
        gone.into_iter().filter(|member| !stay.contains(&(member.as_ptr() as usize))).collect();
    if !IS_TOLD.get() {
        for member in &gone {
            tell_leaving(owner, side.slot, side.end, member)?;
        }
    }
    side.touch(list)?;
    list.set_slice(from, to, PyList::new(py, &members)?.as_any())?;
    if !gone.is_empty() {
        side.part_with(&gone);
    }
    for member in &gone {
        unlink(owner, side.end, member)?;
    }
    for member in &members {
        link(owner, side.end, member)?;
    }
    Ok(gone.into_iter().chain(members).collect())
}

/// The members that the rest of a list does not hold yet, each once.
fn each_once<'py>(
    list: &Bound<'py, PyList>,
    replaced: std::ops::Range<usize>,
    mut members: Vec<Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    // Who adds one has looked for it already.
    if members.is_empty() || (members.len() == 1 && replaced.is_empty()) {
        return Ok(members);
    }
    let stay = list.iter().enumerate().filter(|(at, _)| !replaced.contains(at));
    let mut seen: HashSet<usize> = stay.map(|(_, member)| member.as_ptr() as usize).collect();
    members.retain(|member| seen.insert(member.as_ptr() as usize));
    Ok(members)
}

/// The members as the validators of both sides let them in; what is in the list already was looked at before.
fn validated<'py>(
    side: &Side,
    list: &Bound<'py, PyList>,
    members: Vec<Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let owner = side.owner.bind(list.py());
    let one = |member: Bound<'py, PyAny>| {
        side.end.check(&member)?;
        if index_of(list, &member).is_some() {
            return Ok(member);
        }
        let member = instance::validated(owner, side.slot, &member)?;
        side.end.check(&member)?;
        tell_coming(owner, side.end, &member)?;
        Ok(member)
    };
    members.into_iter().map(one).collect()
}

pub(super) fn change<'py>(list: &Bound<'py, PyList>, members: Vec<Bound<'py, PyAny>>) -> Change {
    let side = side_of(list);
    Change::new(side.as_ref().map(Bound::get), members, list.py())
}

pub(super) fn collect<'py>(members: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    members.try_iter()?.collect()
}

/// True for an object that is in the list: its own reference says so before the list is searched.
fn is_member(list: &Bound<'_, PyList>, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(side) = side_of(list) else { return Ok(false) };
    let side = side.get();
    if side.end.is_linked {
        return is_linked(list, side, object);
    }
    let Some(back) = side.end.back.as_ref().filter(|back| !back.many) else { return Ok(false) };
    side.end.check(object)?;
    let refers = instance::slot(object, back.slot(object)?)?.is_some_and(|owner| owner.is(&side.owner));
    Ok(refers && index_of(list, object).is_some())
}

/// The same of a list through a junction: of the two lists that tell, the shorter one is searched.
fn is_linked(list: &Bound<'_, PyList>, side: &Side, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    side.end.check(object)?;
    if let Some(back) = &side.end.back
        && let Some(other) = instance::slot(object, back.slot(object)?)?
        && let Ok(other) = other.cast::<PyList>()
        && other.len() < list.len()
        && index_of(other, side.owner.bind(list.py())).is_none()
    {
        return Ok(false);
    }
    Ok(index_of(list, object).is_some())
}

/// Add an object at the end. One that is in the list already stays where it is.
#[pyfunction]
fn append<'py>(list: &Bound<'py, PyList>, object: Bound<'py, PyAny>) -> PyResult<()> {
    if is_member(list, &object)? {
        return Ok(());
    }
    splice(list, list.len(), list.len(), vec![object]).map(drop)
}

/// Add an object before an index. One that is in the list already stays where it is.
#[pyfunction]
fn insert<'py>(list: &Bound<'py, PyList>, index: isize, object: Bound<'py, PyAny>) -> PyResult<()> {
    if is_member(list, &object)? {
        return Ok(());
    }
    let length = list.len() as isize;
    let at = if index < 0 { (index + length).max(0) } else { index.min(length) } as usize;
    splice(list, at, at, vec![object]).map(drop)
}

/// Add objects at the end. Those that are in the list already stay where they are.
#[pyfunction]
fn extend<'py>(list: &Bound<'py, PyList>, objects: &Bound<'py, PyAny>) -> PyResult<()> {
    let mut new = Vec::new();
    for object in collect(objects)? {
        if !is_member(list, &object)? {
            new.push(object);
        }
    }
    splice(list, list.len(), list.len(), new).map(drop)
}

/// Take an object out and return it.
#[pyfunction]
#[pyo3(signature = (list, index = -1))]
fn pop<'py>(list: &Bound<'py, PyList>, index: isize) -> PyResult<Bound<'py, PyAny>> {
    let at = position(list, index).ok_or_else(|| PyIndexError::new_err("pop index out of range"))?;
    let object = list.get_item(at)?;
    splice(list, at, at + 1, Vec::new())?;
    Ok(object)
}

/// Take an object out; one that is not in the list changes nothing. Await the answer to write at once.
#[pyfunction]
fn remove<'py>(list: &Bound<'py, PyList>, object: &Bound<'py, PyAny>) -> PyResult<Change> {
    match index_of(list, object) {
        Some(at) => Ok(change(list, splice(list, at, at + 1, Vec::new())?)),
        None => Ok(change(list, Vec::new())),
    }
}

/// Take all objects out. Await the answer to write at once.
#[pyfunction]
fn clear(list: &Bound<'_, PyList>) -> PyResult<Change> {
    if list.is_empty() {
        return Ok(change(list, Vec::new()));
    }
    Ok(change(list, splice(list, 0, list.len(), Vec::new())?))
}

/// Add objects that are not in the list yet. Await the answer to write at once.
#[pyfunction]
#[pyo3(signature = (list, *objects))]
fn add<'py>(list: &Bound<'py, PyList>, objects: &Bound<'py, PyTuple>) -> PyResult<Change> {
    let mut new: Vec<Bound<'py, PyAny>> = Vec::with_capacity(objects.len());
    for object in objects.iter() {
        if index_of(list, &object).is_none() && !new.iter().any(|other| other.is(&object)) {
            new.push(object);
        }
    }
    match new.is_empty() {
        true => Ok(change(list, new)),
        false => Ok(change(list, splice(list, list.len(), list.len(), new)?)),
    }
}

/// Replace all objects. Await the answer to write at once.
#[pyfunction]
fn set<'py>(list: &Bound<'py, PyList>, objects: &Bound<'py, PyAny>) -> PyResult<Change> {
    Ok(change(list, set_members(list, collect(objects)?)?))
}

#[pyfunction]
fn __iadd__<'py>(list: &Bound<'py, PyList>, objects: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    extend(list, objects)?;
    Ok(list.clone())
}

#[pyfunction]
fn __imul__(list: &Bound<'_, PyList>, _times: &Bound<'_, PyAny>) -> PyResult<()> {
    let place =
        side_of(list).map_or_else(|| "a related list".to_owned(), |side| side.get().end.place.clone());
    Err(PyTypeError::new_err(format!("{place} holds each object once: it cannot be multiplied")))
}

#[pyfunction]
fn __setitem__<'py>(
    list: &Bound<'py, PyList>,
    index: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
) -> PyResult<()> {
    if let Ok(index) = index.cast::<PyInt>() {
        let at = position(list, index.extract()?)
            .ok_or_else(|| PyIndexError::new_err("list assignment index out of range"))?;
        return splice(list, at, at + 1, vec![value.clone()]).map(drop);
    }
    rebuild(list, |plain| plain.set_item(index, value))
}

#[pyfunction]
fn __delitem__<'py>(list: &Bound<'py, PyList>, index: &Bound<'py, PyAny>) -> PyResult<()> {
    rebuild(list, |plain| plain.del_item(index))
}

/// Slices of any step: worked out on a copy by the list type itself.
fn rebuild<'py>(
    list: &Bound<'py, PyList>,
    edit: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<()>,
) -> PyResult<()> {
    let plain = list.get_slice(0, list.len());
    edit(plain.as_any())?;
    splice(list, 0, list.len(), plain.iter().collect()).map(drop)
}

/// Copies and pickles are plain lists: they belong to nobody.
#[pyfunction]
fn __reduce_ex__<'py>(
    list: &Bound<'py, PyList>,
    _protocol: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = list.py();
    (py.get_type::<PyList>(), (list.get_slice(0, list.len()),)).into_pyobject(py)
}

/// An index from either end, as a place that exists.
fn position(list: &Bound<'_, PyList>, index: isize) -> Option<usize> {
    let length = list.len() as isize;
    let at = if index < 0 { index + length } else { index };
    (0..length).contains(&at).then_some(at as usize)
}
