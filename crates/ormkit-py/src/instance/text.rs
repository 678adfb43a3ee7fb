//! What the storage says: messages are built here, only when they are needed.
use super::table::{ClassTable, SlotKind};
use super::{slot, table_of};
use crate::elsewhere::{self, Words};
use ormkit_core::error::near_matches;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyString;

/// `<User id=7>`: class and key only, for other values may be secrets.
pub(super) fn representation<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let table = table_of(object)?;
    let mut text = format!("<{}", table.class);
    for index in &table.key {
        let value = match slot(object, *index)? {
            Some(value) => value.repr()?.to_string(),
            None => "None".to_owned(),
        };
        text.push_str(&format!(" {}={value}", table.slots[*index].text));
    }
    text.push('>');
    Ok(PyString::new(object.py(), &text).into_any())
}

/// `AttributeError` for a name that the class does not have.
pub(super) fn unknown_attribute(table: &ClassTable, name: &Bound<'_, PyAny>) -> PyErr {
    no_attribute(table, name, elsewhere::INSTANCE)
}

fn no_attribute(table: &ClassTable, name: &Bound<'_, PyAny>, words: Words) -> PyErr {
    let hint = match elsewhere::instead(words, &name.to_string(), &table.class) {
        Some(instead) => format!(": write {instead}"),
        None => meant(table, name),
    };
    PyAttributeError::new_err(format!("{} has no attribute `{name}`{hint}", table.class))
}

/// Says what is meant in place of the raised error, where it is the class's own for a name that it does not have.
pub(super) fn suggest(table: &ClassTable, name: &Bound<'_, PyAny>) {
    let py = name.py();
    let Some(error) = PyErr::take(py) else { return };
    let is_probe = name
        .extract::<&str>()
        .is_ok_and(|name| name.starts_with('_') && elsewhere::instead(elsewhere::CLASS, name, "").is_none());
    let own = || error.value(py).to_string().ends_with(&format!("has no attribute '{name}'"));
    if is_probe || !error.is_instance_of::<PyAttributeError>(py) || !own() {
        return error.restore(py);
    }
    no_attribute(table, name, elsewhere::CLASS).restore(py);
}

/// `TypeError` for a keyword that the class does not have.
pub(super) fn unknown_keyword(table: &ClassTable, name: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("{}() has no argument `{name}`{}", table.class, meant(table, name)))
}

/// `TypeError` for positional arguments.
pub(super) fn positional(table: &ClassTable) -> PyErr {
    let example = table.slots.first().map_or("name", |slot| &slot.text);
    PyTypeError::new_err(format!("{0}() takes keyword arguments only: {0}({example}=..)", table.class))
}

/// `TypeError` for making an instance of a class that maps no table.
pub(super) fn unmapped(class: &Bound<'_, PyAny>) -> PyErr {
    let name = class.getattr("__name__").map_or_else(|_| "this class".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "{name} has no columns of its own to store: only mapped classes have instances"
    ))
}

/// The refusal of an assignment to a class's attribute, where it would break the slots.
pub(super) fn class_assignment(table: Option<&ClassTable>, name: &Bound<'_, PyAny>) -> Option<PyErr> {
    let text = name.cast::<PyString>().ok()?.to_str().ok()?;
    let table = table?;
    if text == "__bases__" {
        return Some(PyTypeError::new_err(format!(
            "the bases of {} cannot change: it is mapped",
            table.class
        )));
    }
    let slot = &table.slots[table.position(text)?];
    let what = match slot.kind {
        SlotKind::Column { .. } => "column",
        SlotKind::Relation { .. } => "relation",
    };
    Some(PyAttributeError::new_err(format!(
        "{}.{text} is a mapped {what}: it cannot be replaced or deleted, declare the class again instead",
        table.class
    )))
}

/// `: did you mean `name`?`, or nothing.
fn meant(table: &ClassTable, name: &Bound<'_, PyAny>) -> String {
    let known = table.slots.iter().map(|slot| &*slot.text);
    match near_matches(&name.to_string(), known).first() {
        Some(near) => format!(": did you mean `{near}`?"),
        None => String::new(),
    }
}
