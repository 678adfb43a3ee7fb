//! The values of a key as a program gives them.

use ormkit_core::error::Error;
use ormkit_core::model::Model;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use smallvec::{SmallVec, smallvec};

use super::field_of;
use crate::errors::to_py;

/// One for each column.
pub(crate) type KeyParts<'py> = SmallVec<[Bound<'py, PyAny>; 2]>;

/// The parts of a key: the value itself, a tuple in the order of the columns, or a dict by their names.
///
/// # Errors
/// `InvalidRequestError` for another number of values; `FieldError` for a name that the model does not have.
pub(crate) fn key_parts<'py>(model: &Model, key: &Bound<'py, PyAny>) -> PyResult<KeyParts<'py>> {
    let parts: KeyParts<'py> = match (key.cast::<PyTuple>(), key.cast::<PyDict>()) {
        (Ok(parts), _) => parts.iter().collect(),
        (_, Ok(named)) => return named_parts(model, named),
        _ => smallvec![key.clone()],
    };
    match parts.len() == model.key.len() {
        true => Ok(parts),
        false => Err(refused(key.py(), model, &format!("{} value(s) were given", parts.len()))),
    }
}

fn named_parts<'py>(model: &Model, named: &Bound<'py, PyDict>) -> PyResult<KeyParts<'py>> {
    let py = named.py();
    for name in named.keys() {
        let field = field_of(model, &name)?;
        if !model.key.contains(&field) {
            return Err(refused(py, model, &format!("{} is no part of it", model.place(field))));
        }
    }
    let part = |name: &str| named.get_item(PyString::new(py, name));
    let parts = model.key.iter().map(|field| {
        let name = &model.field(*field).name;
        part(name)?.ok_or_else(|| refused(py, model, &format!("{name} was not given")))
    });
    parts.collect()
}

fn refused(py: Python<'_>, model: &Model, found: &str) -> PyErr {
    let names: Vec<_> = model.key.iter().map(|field| model.field(*field).name.as_str()).collect();
    let how = match names.len() {
        1 => "the value, or a dict by its name",
        _ => "a tuple in this order, or a dict by these names",
    };
    let text = format!("the key of {} is ({}), {how}: {found}", model.name(), names.join(", "));
    to_py(py, Error::invalid_request(text))
}
