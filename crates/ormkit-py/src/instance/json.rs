//! JSON columns: their text as the database has it, decoded when somebody looks, and compared when the session writes.
#![allow(unsafe_code)]
use super::cold::{Json, Kept};
use super::{head, held, hooks, slot, slot_of, table_of};
use crate::convert::Border;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use std::sync::Arc;

/// Stores a JSON column as text: decoded when somebody touches it.
///
/// # Errors
/// As [`slot`].
pub(crate) fn put_json(object: &Bound<'_, PyAny>, index: usize, text: &str) -> PyResult<()> {
    let offset = slot_of(object, index)?.offset;
    head(object)?.cold_or_new().set_json(index as u32, Json::Pending(text.into()));
    // SAFETY: the offset is the object's own. The old value is dropped last.
    drop(unsafe { head::swap(object.as_ptr(), offset, std::ptr::null_mut()) });
    Ok(())
}

/// Says which engine's functions read and write the object's JSON.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn keep_border(object: &Bound<'_, PyAny>, border: &Arc<Border>) -> PyResult<()> {
    head(object)?.cold_or_new().border = Some(Arc::clone(border));
    Ok(())
}

/// The engine whose functions read and write the object's JSON, where that matters.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn border(object: &Bound<'_, PyAny>) -> PyResult<Option<Arc<Border>>> {
    Ok(head(object)?.cold().and_then(|cold| cold.border.clone()))
}

/// Forgets the text of a JSON column.
///
/// # Errors
/// As [`slot`].
pub(super) fn forget_json(object: &Bound<'_, PyAny>, index: usize) -> PyResult<()> {
    if let Some(cold) = head(object)?.cold() {
        cold.take_json(index as u32);
    }
    Ok(())
}

/// True where the slot holds JSON text that nobody has looked at.
///
/// # Errors
/// As [`slot`].
pub(crate) fn is_pending_json(object: &Bound<'_, PyAny>, index: usize) -> PyResult<bool> {
    let cold = head(object)?.cold();
    Ok(cold.is_some_and(|cold| matches!(cold.json(index as u32), Some(Json::Pending(_)))))
}

/// The JSON columns whose value somebody has looked at since it was stored, with the text as the database has it.
///
/// # Errors
/// As [`slot`].
pub(crate) fn touched_json(object: &Bound<'_, PyAny>) -> PyResult<Vec<(usize, String)>> {
    let Some(cold) = head(object)?.cold() else { return Ok(Vec::new()) };
    let touched = cold.json.iter().filter_map(|(slot, json)| match json {
        Json::Touched(text) => Some((*slot as usize, text.to_string())),
        Json::Pending(_) => None,
    });
    Ok(touched.collect())
}

/// True where somebody else has a JSON value of the object, or a part of one.
///
/// # Errors
/// As [`slot`].
pub(crate) fn shares_json(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let table = table_of(object)?;
    for index in 0..table.columns {
        if is_touched_json(object, index)?
            && let Some(value) = slot(object, index)?
            && is_shared(value)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True where the slot holds a value that was read from JSON.
fn is_touched_json(object: &Bound<'_, PyAny>, index: usize) -> PyResult<bool> {
    let cold = head(object)?.cold();
    Ok(cold.is_some_and(|cold| matches!(cold.json(index as u32), Some(Json::Touched(_)))))
}

/// True where somebody has a value that can be changed, or one inside of it, beside the place that it is in and the
/// reference given here.
fn is_shared(value: Bound<'_, PyAny>) -> PyResult<bool> {
    let py = value.py();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        if !held::refers(&value) || value.is_instance_of::<PyType>() || value.is_instance(enumeration(py)?)? {
            continue;
        }
        if held::references(&value) > 2 && !value.is_exact_instance_of::<PyTuple>() {
            return Ok(true);
        }
        match (value.cast_exact::<PyDict>(), value.cast_exact::<PyList>()) {
            (Ok(dict), _) => open.extend(dict.values()),
            (_, Ok(list)) => open.extend(list.iter()),
            // An object of a program's own: what it refers to, as CPython's collector sees it.
            _ => open.extend(referents(py)?.call1((&value,))?.cast_into::<PyList>()?.iter()),
        }
    }
    Ok(false)
}

/// `gc.get_referents`.
fn referents(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.import(py, "gc", "get_referents")
}

/// `enum.Enum`, whose members everybody shares.
fn enumeration(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.import(py, "enum", "Enum")
}

/// Marks the JSON columns whose value was changed in place, so that [`dirty`] has them. A value that is no JSON is a
/// change: writing it says what is wrong with it, and where.
///
/// # Errors
/// As [`slot`]; the database's text is no JSON.
pub(crate) fn mark_changed_json(object: &Bound<'_, PyAny>) -> PyResult<()> {
    for (index, text) in touched_json(object)? {
        let Some(value) = slot(object, index)? else { continue };
        let encoded = |value: &Bound<'_, PyAny>| (hooks::hooks().encode_json)(object, index, value);
        let now = encoded(&value).ok();
        if now.as_ref() == Some(&text) {
            continue;
        }
        // both through the same encoder: the database's text may be spaced differently
        let before = encoded(&(hooks::hooks().decode_json)(object, index, &text)?)?;
        if now != Some(before) {
            let head = head(object)?;
            let cold = head.cold_or_new();
            cold.take_json(index as u32);
            cold.originals.push((index as u32, Kept::Json(text.into())));
            head.mark(index);
        }
    }
    Ok(())
}

/// Remembers the text of a JSON value that the object holds and that can be changed in place.
pub(super) fn remember_json(object: &Bound<'_, PyAny>, index: usize) -> PyResult<()> {
    let Some(value) = slot(object, index)? else { return Ok(()) };
    match (value.is_none(), (hooks::hooks().encode_json)(object, index, &value)) {
        (false, Ok(text)) => head(object)?.cold_or_new().set_json(index as u32, Json::Touched(text.into())),
        // JSON's null that was read and never set
        (true, _) if head(object)?.cold().is_some_and(|cold| cold.holds_null(index as u32)) => {}
        _ => forget_json(object, index)?,
    }
    Ok(())
}
