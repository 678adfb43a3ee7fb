//! Changes that come from the parts above, marked as the user's are.
#![allow(unsafe_code)]
use super::head::Head;
use super::{SlotKind, slot_of, store, table_of, weak};
use pyo3::prelude::*;

/// Stores a value as the user would, without asking the parts above: marks the slot, keeps the original, reports the
/// first change. A column's equal value is no change.
///
/// # Errors
/// `TypeError` for a foreign object, `IndexError` past the slots.
pub(crate) fn set(object: &Bound<'_, PyAny>, index: usize, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let slot = slot_of(object, index)?;
    let pointer = object.as_ptr();
    // SAFETY: the offset is the object's own and the value is alive; the old value is dropped last.
    unsafe {
        match slot.kind {
            SlotKind::Column { json } => {
                store::store_column(pointer, index, slot.offset, json, value.as_ptr())
            }
            SlotKind::Relation { .. } => {
                let keep = !store::is_new(Head::of(pointer));
                drop(store::write(pointer, index, slot.offset, value.clone().into_ptr(), keep));
            }
        }
    }
    Ok(())
}

/// Marks a slot whose value was changed in place, and reports the first change.
///
/// # Errors
/// As [`set`].
pub(crate) fn report(object: &Bound<'_, PyAny>, index: usize) -> PyResult<()> {
    slot_of(object, index)?;
    // SAFETY: an object with a slot is an instance of the base; the head is let go of before the hook runs Python.
    unsafe {
        let head = Head::of(object.as_ptr());
        let home = if head.is_clean() { weak::home_of(head.cell) } else { 0 };
        head.mark(index);
        store::changed_first(object.as_ptr(), home);
    }
    Ok(())
}

/// Forgets that a slot was changed, its original, and the SQL expression that it was set to.
///
/// # Errors
/// As [`set`].
pub(crate) fn unmark(object: &Bound<'_, PyAny>, index: usize) -> PyResult<()> {
    table_of(object)?;
    // SAFETY: an object with a table is an instance of the base; the original is dropped last.
    let original = unsafe {
        let head = Head::of(object.as_ptr());
        head.unmark(index);
        head.cold().map(|cold| {
            let at = cold.originals.iter().position(|(slot, _)| *slot as usize == index);
            (at.map(|at| cold.originals.remove(at)), cold.take_expression(index as u32))
        })
    };
    drop(original);
    Ok(())
}
