//! Writing a slot: what counts as a change, the mark, the original, the report to the session.
#![allow(unsafe_code)]
use super::base::raise;
use super::cold::Kept;
use super::head::{Head, place, swap, track};
use super::held::Held;
use super::hooks::hooks;
use super::table::{ClassTable, SlotKind};
use super::{HomeId, State, weak};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;

/// `object.name = value` for a slot: marks, keeps the original once, stores, and drops the old value last. Answers
/// CPython's 0, or -1 with an exception set.
#[inline]
pub(super) unsafe fn store(
    object: *mut ffi::PyObject,
    table: &ClassTable,
    index: usize,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: called for an instance of the table's class with a live value.
    unsafe {
        let slot = &table.slots[index];
        if slot.is_watched() && slot.kind != (SlotKind::Relation { many: true }) {
            return raise(store_validated(object, table, index, value));
        }
        match slot.kind {
            SlotKind::Column { json } => store_column(object, index, slot.offset, json, value),
            SlotKind::Relation { .. } => return raise(store_relation(object, table, index, value)),
        }
        0
    }
}

/// The same for a slot whose values are looked at; the members of a list are looked at one by one, where they come in.
#[cold]
unsafe fn store_validated(
    object: *mut ffi::PyObject,
    table: &ClassTable,
    index: usize,
    value: *mut ffi::PyObject,
) -> PyResult<()> {
    // SAFETY: called for an instance of the table's class with a live value; `slot` is read before Python runs, and the
    // class lives as long as its instance, which our caller holds.
    Python::attach(|py| unsafe {
        let (kind, offset) = (table.slots[index].kind, table.slots[index].offset);
        let bound = Bound::from_borrowed_ptr(py, object);
        let value = super::validated(&bound, index, &Bound::from_borrowed_ptr(py, value))?;
        match kind {
            SlotKind::Column { json } => {
                store_column(object, index, offset, json, value.as_ptr());
                Ok(())
            }
            SlotKind::Relation { .. } => store_relation(object, table, index, value.as_ptr()),
        }
    })
}

pub(super) unsafe fn store_column(
    object: *mut ffi::PyObject,
    index: usize,
    offset: usize,
    json: bool,
    value: *mut ffi::PyObject,
) {
    // SAFETY: called for an instance whose class has a slot at `offset`, with a live value.
    unsafe {
        if is_unusual(value)
            && Python::attach(|py| (hooks().is_expression)(&Bound::from_borrowed_ptr(py, value)))
        {
            return store_expression(object, index, offset, value);
        }
        let head = Head::of(object);
        let keep = !is_new(head);
        let old = *place(object, offset);
        if keep && !old.is_null() && !head.is_dirty(index) && same(object, index, old, value, json) {
            return;
        }
        let again = keep && !json && head.is_dirty(index) && is_plain(value);
        ffi::Py_INCREF(value);
        drop(write(object, index, offset, value, keep)); // may run Python: the object is in order by now
        if again {
            take_back(object, index, value);
        }
    }
}

/// True for numbers, texts, bytes and None, which nobody changes in place.
unsafe fn is_plain(value: *mut ffi::PyObject) -> bool {
    const PLAIN: std::ffi::c_ulong =
        ffi::Py_TPFLAGS_LONG_SUBCLASS | ffi::Py_TPFLAGS_UNICODE_SUBCLASS | ffi::Py_TPFLAGS_BYTES_SUBCLASS;
    // SAFETY: a live object.
    unsafe {
        ffi::PyType_FastSubclass(ffi::Py_TYPE(value), PLAIN) != 0
            || value == ffi::Py_None()
            || ffi::PyFloat_CheckExact(value) != 0
    }
}

/// A column that has its first value again is not changed.
#[cold]
unsafe fn take_back(object: *mut ffi::PyObject, index: usize, value: *mut ffi::PyObject) {
    // SAFETY: called for an instance with a slot at `index`, and a value that its caller holds.
    unsafe {
        let Some(cold) = Head::of(object).cold() else { return };
        let kept = cold.originals.iter().find(|(slot, _)| *slot as usize == index);
        let Some((_, Kept::Value(first))) = kept else { return };
        let first = first.clone(); // comparing may run Python
        if same(object, index, first.as_ptr(), value, false) {
            Python::attach(|py| drop(super::unmark(&Bound::from_borrowed_ptr(py, object), index)));
        }
    }
}

/// False for values of the types that most are of: none of them is an SQL expression.
#[inline]
unsafe fn is_unusual(value: *mut ffi::PyObject) -> bool {
    const PLAIN: std::ffi::c_ulong = ffi::Py_TPFLAGS_LONG_SUBCLASS
        | ffi::Py_TPFLAGS_UNICODE_SUBCLASS
        | ffi::Py_TPFLAGS_BYTES_SUBCLASS
        | ffi::Py_TPFLAGS_LIST_SUBCLASS
        | ffi::Py_TPFLAGS_DICT_SUBCLASS;
    // SAFETY: a live object.
    unsafe {
        ffi::PyType_FastSubclass(ffi::Py_TYPE(value), PLAIN) == 0
            && value != ffi::Py_None()
            && ffi::PyFloat_CheckExact(value) == 0
    }
}

/// Sets a column to an SQL expression, which is kept beside the slot: that is empty until the database has computed it.
#[cold]
unsafe fn store_expression(
    object: *mut ffi::PyObject,
    index: usize,
    offset: usize,
    expression: *mut ffi::PyObject,
) {
    // SAFETY: called for an instance whose class has a slot at `offset`, with a live expression.
    unsafe {
        let keep = !is_new(Head::of(object));
        let expression = Held::from_borrowed(expression);
        track(object); // an expression may hold anything
        let old = write(object, index, offset, std::ptr::null_mut(), keep);
        Head::of(object).cold_or_new().expressions.push((index as u32, expression));
        drop(old);
    }
}

#[inline]
pub(super) fn is_new(head: &Head) -> bool {
    matches!(head.state(), State::Transient | State::Pending)
}

/// The same for a relation: the part above decides what is stored.
unsafe fn store_relation(
    object: *mut ffi::PyObject,
    table: &ClassTable,
    index: usize,
    value: *mut ffi::PyObject,
) -> PyResult<()> {
    let offset = table.slots[index].offset;
    // SAFETY: called for an instance of the table's class with a live value; `offset` is read before Python runs.
    Python::attach(|py| unsafe {
        let bound = Bound::from_borrowed_ptr(py, object);
        let value = Bound::from_borrowed_ptr(py, value);
        let value = (hooks().assign_relation)(&bound, index, &value)?;
        if *place(object, offset) != value.as_ptr() {
            let keep = !is_new(Head::of(object));
            drop(write(object, index, offset, value.into_ptr(), keep));
        }
        Ok(())
    })
}

/// Stores `value` (a reference given away), marks the slot, keeps the original if asked, and yields what the caller
/// must drop.
#[inline]
pub(super) unsafe fn write(
    object: *mut ffi::PyObject,
    index: usize,
    offset: usize,
    value: *mut ffi::PyObject,
    keep: bool,
) -> Option<Held> {
    // SAFETY: called for an instance whose class has a slot at `offset`; runs no Python code before the hook.
    unsafe {
        let mut old = swap(object, offset, value);
        let head = Head::of(object);
        let (json, expression) = match head.cold() {
            Some(cold) => (cold.take_json(index as u32), cold.take_expression(index as u32)),
            None => (None, None),
        };
        if head.is_dirty(index) {
            return old.or(expression);
        }
        let first = head.cell != 0 && head.is_clean();
        head.mark(index);
        if keep {
            let kept = match json {
                Some(text) => Kept::Json(text),
                None => old.take().map_or(Kept::Empty, Kept::Value),
            };
            head.cold_or_new().originals.push((index as u32, kept));
        }
        if first {
            changed_first(object, weak::home_of(head.cell));
        }
        old
    }
}

#[cold]
pub(super) fn changed_first(object: *mut ffi::PyObject, home: u32) {
    if home == 0 {
        return;
    }
    // SAFETY: `object` is alive: our caller holds it.
    Python::attach(|py| unsafe {
        (hooks().first_change)(&Bound::from_borrowed_ptr(py, object), HomeId(home))
    });
}

/// True where storing `value` over `old` changes nothing: the same object, or an equal one of the same type.
unsafe fn same(
    object: *mut ffi::PyObject,
    index: usize,
    old: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    json: bool,
) -> bool {
    // SAFETY: both are live; `old` is held while comparing, for that may run Python code.
    unsafe {
        if old == value {
            let from_null = || Head::of(object).cold().is_some_and(|cold| cold.holds_null(index as u32));
            return !(json && value == ffi::Py_None() && from_null());
        }
        if ffi::Py_TYPE(old) != ffi::Py_TYPE(value) {
            return false;
        }
        if ffi::PyFloat_CheckExact(old) != 0 {
            // 0.0 and -0.0 are equal and not the same, a NaN is the same and not equal
            return ffi::PyFloat_AS_DOUBLE(old).to_bits() == ffi::PyFloat_AS_DOUBLE(value).to_bits();
        }
        let _held = Held::from_borrowed(old);
        let equal = match json {
            false => ffi::PyObject_RichCompareBool(old, value, ffi::Py_EQ),
            // inside of JSON values 1 == True == 1.0: their text tells them apart
            true => same_text(object, index, old, value),
        };
        if equal < 0 {
            ffi::PyErr_Clear(); // values that cannot be compared are different
        }
        equal == 1
    }
}

unsafe fn same_text(
    object: *mut ffi::PyObject,
    index: usize,
    old: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    Python::attach(|py| {
        // SAFETY: all are live, our caller holds them.
        let [object, old, value] =
            unsafe { [object, old, value].map(|object| Bound::from_borrowed_ptr(py, object)) };
        (hooks().same_json)(&object, index, &old, &value).unwrap_or(false).into()
    })
}
