//! The value of an empty slot.
#![allow(unsafe_code)]
use super::cold::Json;
use super::head::{Head, place, swap};
use super::hooks::{hooks, not_computed};
use super::table::{Initial, SlotKind};
use super::{HomeId, State, weak};
use pyo3::prelude::*;

/// The value of an empty slot: JSON is decoded, a new object's columns have their default, for the rest the parts
/// above are asked.
pub(super) fn absent<'py>(object: &Bound<'py, PyAny>, index: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let table = super::table_of(object)?;
    let slot = &table.slots[index];
    let offset = slot.offset;
    // SAFETY: `object` has a table, so it is an instance of the base; no reference to its head is held while Python runs.
    unsafe {
        if Head::of(object.as_ptr()).cold().is_some_and(|cold| cold.expression(index as u32).is_some()) {
            return Err(not_computed(object, index)?);
        }
        let pending = Head::of(object.as_ptr()).cold().and_then(|cold| match cold.json(index as u32) {
            Some(Json::Pending(text)) => Some(text.clone()),
            _ => None,
        });
        let (value, json) = match pending {
            Some(text) => ((hooks().decode_json)(object, index, &text)?, Some(text)),
            None => {
                let state = Head::of(object.as_ptr()).state();
                let value = match slot.kind {
                    SlotKind::Column { .. } if matches!(state, State::Transient | State::Pending) => {
                        slot.initial.make(py)?
                    }
                    _ => (hooks().missing)(object, index)?,
                };
                (value, None)
            }
        };
        let place = place(object.as_ptr(), offset);
        if !(*place).is_null() {
            return Ok(Bound::from_borrowed_ptr(py, *place)); // what ran meanwhile has filled it
        }
        if slot.kind == (SlotKind::Relation { many: false }) && value.is_none() {
            return Ok(value); // what the key says now: it may say something else later
        }
        let touched = json.is_some();
        if let Some(text) = json {
            Head::of(object.as_ptr()).cold_or_new().set_json(index as u32, Json::Touched(text));
        }
        swap(object.as_ptr(), offset, value.clone().into_ptr());
        if touched {
            let home = weak::home_of(Head::of(object.as_ptr()).cell);
            (hooks().first_look)(object, HomeId(home));
        }
        Ok(value)
    }
}

impl Initial {
    /// The value of a column that a new object, or a row, was not given.
    ///
    /// # Errors
    /// The exception of a default, unchanged.
    pub(crate) fn make<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::None => Ok(py.None().into_bound(py)),
            Self::Value(value) => Ok(value.bind(py)),
            Self::Callable(callable) => callable.bind(py).call0(),
        }
    }
}
