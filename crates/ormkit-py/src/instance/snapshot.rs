//! What an object was, to be given back when a transaction is rolled back.
#![allow(unsafe_code)]
use super::cold::Cold;
use super::head::{self, Head};
use super::held::Held;
use super::hooks::hooks;
use super::table::SlotKind;
use super::{Slots, slot, table_of};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::mem::ManuallyDrop;

/// The values, marks, originals and state of an object at some time. May be dropped anywhere.
pub(crate) struct Snapshot {
    values: Box<[Option<Held>]>,
    /// The JSON values as text, for they may be changed in place.
    json: Vec<(usize, String)>,
    dirty: u64,
    flags: u32,
    cold: Option<Box<Cold>>,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let parts = ManuallyDrop::new((std::mem::take(&mut self.values), self.cold.take()));
        // Without an interpreter there is nobody to give the references back to.
        Python::try_attach(|_| drop(ManuallyDrop::into_inner(parts)));
    }
}

/// Keeps what the object is.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn snapshot(object: &Bound<'_, PyAny>) -> PyResult<Snapshot> {
    let slots = Slots::of(object)?;
    let values = (0..slots.table.slots.len()).map(|at| slots.get(at).as_ref().map(Held::new)).collect();
    let json = json_texts(object)?;
    // SAFETY: an object with a table is an instance of the base; nothing below runs Python code.
    let head = unsafe { Head::of(object.as_ptr()) };
    let (dirty, _) = head.dirty_words();
    Ok(Snapshot {
        values,
        json,
        dirty,
        flags: head.flags,
        cold: head.cold().map(|cold| Box::new(cold.clone())),
    })
}

/// Makes the object what it was. Its home stays.
///
/// JSON values that were changed in place since are made anew.
///
/// # Errors
/// `TypeError` where the object's class has other slots by now.
pub(crate) fn revert(object: &Bound<'_, PyAny>, mut snapshot: Snapshot) -> PyResult<()> {
    let table = table_of(object)?;
    if table.slots.len() != snapshot.values.len() {
        return Err(PyTypeError::new_err(format!("{} has other slots than before", table.class)));
    }
    let offsets: Vec<usize> = table.slots.iter().map(|slot| slot.offset).collect();
    let mut dropped = Vec::with_capacity(offsets.len());
    // SAFETY: the offsets are the object's own; nothing runs Python code before the old values are dropped.
    unsafe {
        for (offset, value) in offsets.into_iter().zip(std::mem::take(&mut snapshot.values)) {
            let value = value.map_or(std::ptr::null_mut::<ffi::PyObject>(), Held::into_ptr);
            dropped.push(head::swap(object.as_ptr(), offset, value));
        }
        let head = Head::of(object.as_ptr());
        let cold = head.take_cold();
        head.restore(snapshot.dirty, snapshot.flags, snapshot.cold.take());
        drop((dropped, cold));
    }
    for (index, text) in std::mem::take(&mut snapshot.json) {
        let Some(value) = slot(object, index)? else { continue };
        if encoded(object, index, &value).is_none_or(|now| now != text) {
            let made = (hooks().decode_json)(object, index, &text)?;
            let offset = table_of(object)?.slots[index].offset;
            // SAFETY: the offset is the object's own; the old value is dropped last.
            drop(unsafe { head::swap(object.as_ptr(), offset, made.into_ptr()) });
        }
    }
    Ok(())
}

/// The JSON values that the object holds, as text.
fn json_texts(object: &Bound<'_, PyAny>) -> PyResult<Vec<(usize, String)>> {
    let table = table_of(object)?;
    let mut texts = Vec::new();
    if !table.has_json {
        return Ok(texts);
    }
    let json = |index: &usize| table.slots[*index].kind == SlotKind::Column { json: true };
    for index in (0..table.columns).filter(json) {
        if let Some(value) = slot(object, index)?
            && let Some(text) = encoded(object, index, &value)
        {
            texts.push((index, text));
        }
    }
    Ok(texts)
}

/// A value as JSON text; None for what is no JSON, which no flush will write.
fn encoded(object: &Bound<'_, PyAny>, index: usize, value: &Bound<'_, PyAny>) -> Option<String> {
    (hooks().encode_json)(object, index, value).ok()
}
