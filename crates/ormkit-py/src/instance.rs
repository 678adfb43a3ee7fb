//! How instances of models are stored, and what the other parts may do with them.
//!
//! An object is a head of 56 bytes (`instance/head.rs`) followed by one pointer per column and relation, which
//! CPython's own `__slots__` lay out. The class's [`ClassTable`] hangs behind the class object (`instance/metatype.rs`)
//! and says where each slot lies; it is always found through the object's type, never stored in the object.
//!
//! An empty slot means "not here": not loaded, JSON that nobody has looked at, or a new object's value that nobody has
//! asked for. All functions take slots by number: columns first, in the order of their field ids, then relations.
#![allow(unsafe_code)]
mod absent;
mod access;
mod base;
mod change;
mod cold;
mod construct;
mod head;
mod held;
mod hooks;
mod json;
mod layout;
mod metatype;
mod methods;
mod slot_set;
mod slots;
mod snapshot;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod weak;

pub(crate) use change::{report, set, unmark};
pub(crate) use construct::watch_init;
pub(crate) use held::Held;
pub(crate) use hooks::{Hooks, not_loaded, same_repr, set_hooks};
pub(crate) use json::{
    border, is_pending_json, keep_border, mark_changed_json, put_json, shares_json, touched_json,
};
pub(crate) use layout::Layout;
pub(crate) use ormkit_core::host::{HomeId, State};
pub(crate) use slot_set::SlotSet;
pub(crate) use slots::Slots;
pub(crate) use snapshot::{Snapshot, revert, snapshot};
pub(crate) use table::{ClassTable, Initial, Slot, SlotKind, SlotSpec};
pub(crate) use weak::Weak;

use absent::absent;
use cold::Kept;
use head::{BORN, Head};
use json::{forget_json, remember_json};
use ormkit_core::model::ModelId;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::sync::atomic::{AtomicPtr, Ordering};

/// A state from the low byte of an object's flags.
fn state_of_bits(bits: u32) -> State {
    match bits & 0xff {
        1 => State::Pending,
        2 => State::Persistent,
        3 => State::Deleted,
        4 => State::Detached,
        _ => State::Transient,
    }
}

/// A value from before the first change since the last [`settle`].
pub(crate) enum Original<'py> {
    /// The slot was not changed.
    Unchanged,
    /// It was not loaded.
    NotLoaded,
    /// The value.
    Value(Bound<'py, PyAny>),
    /// JSON text that nobody has looked at.
    Json,
}

/// The metatype, for functions that CPython calls without a token; null until the module is made. It is never freed.
static METATYPE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());

/// The raw base of all models, likewise.
static INSTANCE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());

/// `Model`, which users' bases derive from.
static MODEL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

#[inline]
fn metatype() -> *mut ffi::PyTypeObject {
    METATYPE.load(Ordering::Relaxed)
}

#[inline]
fn instance_type() -> *mut ffi::PyTypeObject {
    INSTANCE.load(Ordering::Relaxed)
}

/// Makes `ModelType` and `Model` and adds them to the module.
///
/// # Errors
/// What Python raises when types cannot be made; `RuntimeError` on an interpreter that we were not built for.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let model = MODEL.get_or_try_init(py, || make_types(py))?.bind(py);
    module.add("ModelType", model.get_type())?;
    module.add("Model", model)
}

fn make_types(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let metatype = metatype::make(py)?;
    let instance = base::make(py)?;
    let body = PyDict::new(py);
    body.set_item("__slots__", PyTuple::empty(py))?;
    body.set_item("__module__", "ormkit._ormkit")?;
    body.set_item("__doc__", "What every mapped class derives from.")?;
    let model = metatype.call1(("Model", (&instance,), body))?;
    metatype::seal(&metatype, false);
    metatype::seal(&instance, true);
    metatype::seal(&model, false);
    METATYPE.store(metatype.into_ptr().cast(), Ordering::Relaxed);
    INSTANCE.store(instance.into_ptr().cast(), Ordering::Relaxed);
    Ok(model.unbind())
}

/// Maps `class`: its slots, which `type.__new__` has laid out, get their numbers, and the class its table.
///
/// `key` holds the slots of the primary key. MUST be called once, before any instance exists.
///
/// # Errors
/// `TypeError` where the class has no slot of a name; `RuntimeError` where it is mapped or does not derive from `Model`.
pub(crate) fn install(
    class: &Bound<'_, PyType>,
    model: ModelId,
    slots: Vec<SlotSpec>,
    key: Box<[usize]>,
) -> PyResult<()> {
    let py = class.py();
    let names: Vec<&str> = slots.iter().map(|slot| &*slot.name).collect();
    let offsets = metatype::offsets(class, &names)?;
    let table = ClassTable::new(py, model, class.name()?.to_string(), slots, &offsets, key)?;
    metatype::set_table(class, table)?;
    metatype::dress(class, class_table(class)?)
}

/// `Model` itself.
pub(crate) fn model(py: Python<'_>) -> Bound<'_, PyAny> {
    // the module cannot be imported without it
    MODEL.get(py).map_or_else(|| py.None().into_bound(py), |model| model.bind(py).clone())
}

/// True where the instances of `class` have a slot called `name`.
pub(crate) fn has_slot(class: &Bound<'_, PyType>, name: &str) -> bool {
    metatype::offsets(class, &[name]).is_ok()
}

/// The table of a mapped class.
///
/// # Errors
/// `TypeError` where it is not mapped.
pub(crate) fn class_table<'a>(class: &'a Bound<'_, PyType>) -> PyResult<&'a ClassTable> {
    // SAFETY: the class is alive, and its table lives as long.
    unsafe { metatype::table_of_type(class.as_type_ptr()) }.ok_or_else(|| text::unmapped(class.as_any()))
}

/// The table of an object's class.
///
/// # Errors
/// `TypeError` where the object is no instance of a mapped class.
#[inline]
pub(crate) fn table_of<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a ClassTable> {
    // SAFETY: the object keeps its class alive; where `__class__` is assigned, the old one is kept for good.
    unsafe { metatype::table_of_type(ffi::Py_TYPE(object.as_ptr())) }.ok_or_else(|| unmapped_object(object))
}

#[cold]
fn unmapped_object(object: &Bound<'_, PyAny>) -> PyErr {
    if let Ok(class) = object.cast::<PyType>() {
        let name = class.name().map_or_else(|_| "the class".to_owned(), |name| name.to_string());
        return PyTypeError::new_err(format!(
            "expected an instance of a mapped class, got the class {name} itself"
        ));
    }
    let name = object.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    let several = if name == "list" { ": add_all, insert_all and update_all take lists" } else { "" };
    PyTypeError::new_err(format!(
        "expected an instance of a mapped class, got an instance of {name}{several}"
    ))
}

/// True for instances of mapped classes.
pub(crate) fn is_instance(object: &Bound<'_, PyAny>) -> bool {
    table_of(object).is_ok()
}

fn slot_of<'a>(object: &'a Bound<'_, PyAny>, index: usize) -> PyResult<&'a Slot> {
    let table = table_of(object)?;
    table.slots.get(index).ok_or_else(|| {
        PyIndexError::new_err(format!("{} has {} slots, not {}", table.class, table.slots.len(), index + 1))
    })
}

/// The head of an object of a mapped class.
#[allow(clippy::mut_from_ref, reason = "the memory is the object's, not the handle's")]
fn head<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a mut Head> {
    table_of(object)?;
    // SAFETY: an object with a table is an instance of the base. Callers below let go of the head before Python runs.
    Ok(unsafe { Head::of(object.as_ptr()) })
}

/// The value of a slot; None where it is empty. Loads and decodes nothing.
///
/// # Errors
/// `TypeError` for a foreign object, `IndexError` past the slots.
#[inline]
pub(crate) fn slot<'py>(object: &Bound<'py, PyAny>, index: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
    let offset = slot_of(object, index)?.offset;
    // SAFETY: the offset is the object's own; a value in a slot is alive.
    unsafe { Ok(Bound::from_borrowed_ptr_or_opt(object.py(), *head::place(object.as_ptr(), offset))) }
}

/// The value of a slot as the user sees it: decodes JSON, gives new objects their defaults.
///
/// # Errors
/// Where the slot is not loaded, and what a default raises.
pub(crate) fn read<'py>(object: &Bound<'py, PyAny>, index: usize) -> PyResult<Bound<'py, PyAny>> {
    match slot(object, index)? {
        Some(value) => Ok(value),
        None => absent(object, index),
    }
}

/// What a slot's validator and its listeners make of a value; the value itself where there are none.
///
/// # Errors
/// What the validator raises.
pub(crate) fn validated<'py>(
    object: &Bound<'py, PyAny>,
    index: usize,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let slot = slot_of(object, index)?;
    let value = match &slot.validator {
        Some(validator) => {
            let (validator, name) = (validator.bind(py).clone(), slot.name.bind(py).clone());
            validator.call1((object, name, value))?
        }
        None => value.clone(),
    };
    heard(object, index, &value)
}

/// What listeners make of a value that comes into a slot; the value itself where there are none.
///
/// # Errors
/// What they raise.
pub(crate) fn heard<'py>(
    object: &Bound<'py, PyAny>,
    index: usize,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    match slot_of(object, index)?.is_watched() {
        true => (hooks::hooks().incoming)(object, index, value),
        false => Ok(value.clone()),
    }
}

/// Tells listeners of a slot that a member leaves it.
///
/// # Errors
/// What they raise.
pub(crate) fn left(object: &Bound<'_, PyAny>, index: usize, member: &Bound<'_, PyAny>) -> PyResult<()> {
    match slot_of(object, index)?.is_watched() {
        true => (hooks::hooks().leaving)(object, index, member),
        false => Ok(()),
    }
}

/// Stores a value that comes from the database: no dirty bit, no original.
///
/// # Errors
/// As [`slot`].
#[inline]
pub(crate) fn put<'py>(object: &Bound<'py, PyAny>, index: usize, value: Bound<'py, PyAny>) -> PyResult<()> {
    let slot = slot_of(object, index)?;
    if slot.kind == (SlotKind::Column { json: true }) {
        forget_json(object, index)?;
    }
    // SAFETY: the offset is the object's own. The old value is dropped last.
    drop(unsafe { head::swap(object.as_ptr(), slot.offset, value.into_ptr()) });
    Ok(())
}

/// Makes the slot of a column "not loaded".
///
/// # Errors
/// As [`slot`].
pub(crate) fn empty(object: &Bound<'_, PyAny>, index: usize) -> PyResult<()> {
    forget_json(object, index)?;
    forget(object, index)
}

/// Makes the slot of a relation "not loaded", with its mark and original. The other lists of an object that was born
/// here stay known.
///
/// # Errors
/// As [`slot`].
pub(crate) fn unload_relation(object: &Bound<'_, PyAny>, index: usize) -> PyResult<()> {
    let table = table_of(object)?;
    if table.slots[index].kind == (SlotKind::Relation { many: true }) && is_born(object)? {
        for other in (table.columns..table.slots.len()).filter(|other| *other != index) {
            if table.slots[other].kind == (SlotKind::Relation { many: true }) {
                read(object, other)?;
            }
        }
        head(object)?.flags &= !BORN;
    }
    unmark(object, index)?;
    forget(object, index)
}

fn forget(object: &Bound<'_, PyAny>, index: usize) -> PyResult<()> {
    let offset = slot_of(object, index)?.offset;
    // SAFETY: the offset is the object's own. The old value is dropped last.
    drop(unsafe { head::swap(object.as_ptr(), offset, std::ptr::null_mut()) });
    Ok(())
}

/// The slots that the user has set since the last [`settle`].
///
/// # Errors
/// As [`slot`].
pub(crate) fn dirty(object: &Bound<'_, PyAny>) -> PyResult<SlotSet> {
    let (word, more) = head(object)?.dirty_words();
    Ok(SlotSet::from_words(word, more))
}

/// The value of a slot before its first change since the last [`settle`]. New objects keep none.
///
/// # Errors
/// As [`slot`].
pub(crate) fn original<'py>(object: &Bound<'py, PyAny>, index: usize) -> PyResult<Original<'py>> {
    let Some(cold) = head(object)?.cold() else { return Ok(Original::Unchanged) };
    Ok(match cold.originals.iter().find(|entry| entry.0 as usize == index) {
        None => Original::Unchanged,
        Some((_, Kept::Empty)) => Original::NotLoaded,
        Some((_, Kept::Value(value))) => Original::Value(value.bind(object.py())),
        Some((_, Kept::Json(_))) => Original::Json,
    })
}

/// The value of a changed slot before its first change, decoded where it is JSON; None where it was not loaded, and where
/// the slot was not changed.
///
/// # Errors
/// As [`slot`]; the database's text is no JSON.
pub(crate) fn original_value<'py>(
    object: &Bound<'py, PyAny>,
    index: usize,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let kept = head(object)?.cold().and_then(|cold| {
        let kept = cold.originals.iter().find(|entry| entry.0 as usize == index)?;
        Some(kept.1.clone())
    });
    match kept {
        None | Some(Kept::Empty) => Ok(None),
        Some(Kept::Value(value)) => Ok(Some(value.bind(object.py()))),
        Some(Kept::Json(text)) => (hooks::hooks().decode_json)(object, index, &text).map(Some),
    }
}

/// The SQL expression that a column was set to and that is not written.
///
/// # Errors
/// As [`slot`].
pub(crate) fn expression<'py>(
    object: &Bound<'py, PyAny>,
    index: usize,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let cold = head(object)?.cold();
    let held = cold.and_then(|cold| cold.expression(index as u32).cloned());
    Ok(held.map(|held| held.bind(object.py())))
}

/// All of an object, with their columns.
///
/// # Errors
/// As [`slot`].
pub(crate) fn expressions<'py>(object: &Bound<'py, PyAny>) -> PyResult<Vec<(usize, Bound<'py, PyAny>)>> {
    let held: Vec<_> = head(object)?.cold().map(|cold| cold.expressions.to_vec()).unwrap_or_default();
    Ok(held.into_iter().map(|(slot, held)| (slot as usize, held.bind(object.py()))).collect())
}

/// True for an object that has no row yet.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn is_new(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(matches!(state(object)?, State::Transient | State::Pending))
}

/// The object is as the database has it: forgets dirty bits and originals, and remembers the text of the JSON values
/// that it holds, which may be changed in place from now on.
///
/// # Errors
/// As [`slot`].
pub(crate) fn settle(object: &Bound<'_, PyAny>) -> PyResult<()> {
    let head = head(object)?;
    head.clear_dirty();
    let kept =
        head.cold().map(|cold| (std::mem::take(&mut cold.originals), std::mem::take(&mut cold.expressions)));
    drop(kept); // may run Python: the head is in order by now
    let table = table_of(object)?;
    if table.has_json {
        for (index, slot) in table.slots[..table.columns].iter().enumerate() {
            if slot.kind == (SlotKind::Column { json: true }) {
                remember_json(object, index)?;
            }
        }
    }
    Ok(())
}

/// Puts the originals back, drops in-place changes of JSON values, and forgets the dirty bits.
///
/// # Errors
/// As [`slot`].
pub(crate) fn restore_originals(object: &Bound<'_, PyAny>) -> PyResult<()> {
    for (index, text) in touched_json(object)? {
        put_json(object, index, &text)?;
    }
    let head = head(object)?;
    head.clear_dirty();
    let (originals, expressions) = match head.cold() {
        Some(cold) => (std::mem::take(&mut cold.originals), std::mem::take(&mut cold.expressions)),
        None => return Ok(()),
    };
    drop(expressions); // may run Python: the head is in order by now
    for (index, kept) in originals {
        match kept {
            Kept::Empty => {
                let offset = slot_of(object, index as usize)?.offset;
                // SAFETY: the offset is the object's own. The old value is dropped last.
                drop(unsafe { head::swap(object.as_ptr(), offset, std::ptr::null_mut()) });
            }
            Kept::Value(value) => put(object, index as usize, value.bind(object.py()))?,
            Kept::Json(text) => put_json(object, index as usize, &text)?,
        }
    }
    Ok(())
}

/// Gives a new object's empty columns their defaults: for objects whose own constructor left them out.
///
/// # Errors
/// What a default raises, unchanged.
pub(crate) fn complete(object: &Bound<'_, PyAny>) -> PyResult<()> {
    let slots = Slots::of(object)?;
    if matches!(state(object)?, State::Transient | State::Pending) {
        for index in 0..slots.table.columns {
            if slots.is_empty(index) && expression(object, index)?.is_none() {
                absent(object, index)?;
            }
        }
    }
    Ok(())
}

/// Where the object stands.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn state(object: &Bound<'_, PyAny>) -> PyResult<State> {
    Ok(head(object)?.state())
}

/// Says where the object stands from now on.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn set_state(object: &Bound<'_, PyAny>, state: State) -> PyResult<()> {
    head(object)?.set_state(state);
    Ok(())
}

/// True for objects that were constructed, not loaded, and never expired since: their collections are known.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn is_born(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(head(object)?.flags & BORN != 0)
}

/// The number of the session's home that the object belongs to; 0 for none.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn home(object: &Bound<'_, PyAny>) -> PyResult<HomeId> {
    let cell = head(object)?.cell;
    // SAFETY: the cell is the object's; the lock is held by its token.
    Ok(HomeId(unsafe { weak::home_of(cell) }))
}

/// Says which home the object belongs to; 0 for none.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn set_home(object: &Bound<'_, PyAny>, home: HomeId) -> PyResult<()> {
    table_of(object)?;
    // SAFETY: an object with a table is an instance of the base.
    unsafe { weak::set_home(object.as_ptr(), home.0) };
    Ok(())
}

/// True for `Model` and what derives from it, mapped or not.
///
/// # Errors
/// None of ours.
pub(crate) fn is_model_class(class: &Bound<'_, PyType>) -> PyResult<bool> {
    // SAFETY: a live class; the base is made with the module.
    Ok(unsafe { ffi::PyType_IsSubtype(class.as_type_ptr(), instance_type()) } != 0)
}

/// A handle that does not keep the object alive: a few nanoseconds and no memory of its own.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn downgrade(object: &Bound<'_, PyAny>) -> PyResult<Weak> {
    table_of(object)?;
    // SAFETY: an object with a table is an instance of the base.
    Ok(unsafe { weak::downgrade(object.as_ptr()) })
}
