//! Reading what is not loaded: answered where no IO is needed, refused with the way out otherwise.
use super::end::{End, end};
use super::list::list;
use super::write_only::write_only;
use crate::errors::to_py;
use crate::host::{class_info, owner};
use crate::instance::{self, SlotKind, State, not_loaded};
use ormkit_core::value::Value;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// The value of an empty slot: a new object's list is known and empty, a reference without a key is None, an object
/// that the session holds is found there, unless its row counts as deleted: then it is None.
///
/// # Errors
/// `NotLoadedError`, `RelationNotLoadedError`.
pub(crate) fn missing<'py>(object: &Bound<'py, PyAny>, slot: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let known = &instance::table_of(object)?.slots[slot];
    let SlotKind::Relation { many } = known.kind else { return Err(not_loaded(object, slot)?) };
    if known.write_only {
        return write_only(object, slot, PyList::empty(py).as_any());
    }
    if many {
        return match instance::is_born(object)? {
            true => list(object, slot, &mut std::iter::empty(), false),
            false => Err(not_loaded(object, slot)?),
        };
    }
    let found = reference(object, end(object, slot)?)?;
    let is_new = matches!(instance::state(object)?, State::Transient | State::Pending);
    match found {
        // As a load would have it.
        Some(found) => match is_marked(&found)? {
            Some(false) => Ok(found),
            Some(true) => Ok(py.None().into_bound(py)),
            None => Err(not_loaded(object, slot)?),
        },
        None if is_new => Ok(py.None().into_bound(py)),
        None => Err(not_loaded(object, slot)?),
    }
}

/// True for an object whose row counts as deleted; None where it does not tell.
fn is_marked(object: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    if object.is_none() {
        return Ok(Some(false));
    }
    let info = class_info(object.py(), instance::table_of(object)?.model);
    let Some(tombstone) = info.tombstone else { return Ok(Some(false)) };
    Ok(instance::slot(object, tombstone.index())?.map(|value| !value.is_none()))
}

/// What a reference refers to, by its key: None (Python's) for a NULL key, the session's object where it holds one.
pub(super) fn reference<'py>(object: &Bound<'py, PyAny>, end: &End) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = object.py();
    let Some(fields) = &end.key else { return Ok(None) };
    let info = class_info(py, instance::table_of(object)?.model);
    let owner = owner(instance::home(object)?);
    let mut key = Vec::with_capacity(fields.len());
    for field in fields {
        match instance::slot(object, field.index())? {
            None => return Ok(None),
            Some(value) if value.is_none() => return Ok(Some(value)),
            Some(value) => {
                let known = &info.fields[field.index()];
                let Some(owner) = &owner else { continue };
                let own = known.conversion.as_deref();
                let kept = owner.border().bind(
                    &value,
                    &known.column_type,
                    own,
                    &|| info.place(*field),
                    &mut |part| {
                        key.push(Value::from(part));
                        Ok(())
                    },
                );
                kept.map_err(|error| to_py(py, error))?;
            }
        }
    }
    let found = owner.and_then(|owner| owner.held(py, end.target, &key));
    Ok(found.map(|found| found.into_bound(py)))
}
