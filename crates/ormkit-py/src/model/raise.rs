//! The errors of class statements.
use super::registry::with_def;
use crate::errors::to_py;
use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::model::{FieldId, ModelId, RelationId};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

/// The exception of an error of the core.
pub(crate) fn to_python(error: Error) -> PyErr {
    Python::attach(|py| to_py(py, error))
}

/// The refusal of a feature that is not implemented, naming what to use instead.
pub(crate) fn unsupported(feature: impl Into<String>, instead: impl Into<String>) -> PyErr {
    to_python(Error::unsupported(feature, instead))
}

/// A mistake in a class body.
pub(crate) fn mapping(text: impl Into<String>) -> PyErr {
    to_python(Error::new(ErrorKind::Mapping(text.into())))
}

/// What was wrong with an attribute when all classes were there.
pub(super) struct Mistake {
    model: ModelId,
    attribute: String,
    error: PyErr,
}

impl Mistake {
    pub(super) fn of_relation(model: ModelId, relation: RelationId, error: PyErr) -> Self {
        let attribute = with_def(model, |def| def.relations[relation.index()].name.clone());
        Self { model, attribute, error }
    }

    pub(super) fn of_field(model: ModelId, field: FieldId, error: PyErr) -> Self {
        let attribute = with_def(model, |def| def.fields[field.index()].name.clone());
        Self { model, attribute, error }
    }

    /// What is told to who uses the class.
    ///
    /// # Errors
    /// What is no `Exception`: it is for the whole program.
    pub(super) fn told(self, py: Python<'_>) -> PyResult<(ModelId, String)> {
        if !self.error.is_instance_of::<PyException>(py) {
            return Err(self.error);
        }
        let place = with_def(self.model, |def| format!("{}.{}", def.name, self.attribute));
        let text = self.error.value(py).to_string();
        let text = match text.starts_with(&place) {
            true => text,
            false => format!("{place}: {}", self.error),
        };
        Ok((self.model, text))
    }
}
