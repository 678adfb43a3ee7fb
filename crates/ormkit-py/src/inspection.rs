//! `inspect`: where an object stands and what was changed of it; what a class maps.
mod history;
mod mapper;
mod named;
mod state;

pub(crate) use history::History;
pub(crate) use mapper::Mapper;
pub(crate) use named::NamedItems;
pub(crate) use state::{AttributeState, InstanceState};

use crate::attribute::Attribute;
use crate::engine::{Connection, Engine};
use crate::instance;
use crate::model::Table;
use crate::query::AliasedClass;
use crate::session::AsyncSession;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Look at an object or a class. Nothing is loaded and nothing is sent.
///
/// Args:
///     subject: An instance of a mapped class, for its state (`InstanceState`), or the class, for what it maps (`Mapper`).
///
/// Raises:
///     TypeError: It is neither; the text says what to type instead.
#[pyfunction]
pub(crate) fn inspect<'py>(subject: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = subject.py();
    if instance::table_of(subject).is_ok() {
        return Ok(Bound::new(py, InstanceState::of(subject))?.into_any());
    }
    if let Ok(class) = subject.cast::<PyType>()
        && instance::class_table(class).is_ok()
    {
        return Ok(Bound::new(py, Mapper::of(class))?.into_any());
    }
    Err(PyTypeError::new_err(format!(
        "inspect() takes an object or a mapped class, not {}: {}",
        subject.repr()?,
        instead(subject)?
    )))
}

/// What is typed for something else.
fn instead(subject: &Bound<'_, PyAny>) -> PyResult<&'static str> {
    let is_class = subject.is_instance_of::<PyType>();
    Ok(if subject.is_instance_of::<Engine>() || subject.is_instance_of::<Connection>() {
        "write await engine.get_tables(), engine.get_columns(table), engine.get_indexes(table) or \
         engine.get_constraints(table)"
    } else if subject.is_instance_of::<AsyncSession>() {
        "write session.new, session.dirty, session.deleted or session.identity_map"
    } else if subject.is_instance_of::<Table>() {
        "a table has name, schema, columns and primary_key of its own"
    } else if subject.is_instance_of::<Attribute>() {
        "write inspect(Model).columns[\"name\"] or inspect(Model).relationships[\"name\"]"
    } else if subject.is_instance_of::<AliasedClass>() {
        "inspect the class that the alias is of"
    } else if is_class && instance::is_model_class(subject.cast::<PyType>()?)? {
        "the class is abstract, inspect one that derives from it"
    } else if is_class {
        "the class is not mapped, it needs a base such as ormkit.Base"
    } else {
        "it is no instance of a mapped class"
    })
}
