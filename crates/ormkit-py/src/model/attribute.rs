//! What `User.id` and `User.posts` are on the class: the attribute itself, to be put into statements.
use super::registry;
use ormkit_core::model::{ModelId, TableName};
use pyo3::prelude::*;

/// A column or relation of a model.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Attribute {
    model: ModelId,
    slot: usize,
    name: String,
}

impl Attribute {
    /// The attribute in a slot of a model.
    pub(crate) fn new(model: ModelId, slot: usize, name: String) -> Self {
        Self { model, slot, name }
    }

    /// The attribute's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The model.
    pub(crate) fn model(&self) -> ModelId {
        self.model
    }

    /// The slot: columns first, then relations.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// Table and column; None for a relation.
    pub(crate) fn column_place(&self) -> Option<(TableName, String)> {
        registry::with_def(self.model, |def| {
            def.fields.get(self.slot).map(|field| (def.table.clone(), field.column.clone()))
        })
    }
}

#[pymethods]
impl Attribute {
    /// The attribute's name.
    #[getter]
    fn key(&self) -> &str {
        &self.name
    }

    fn __repr__(&self) -> String {
        registry::with_def(self.model, |def| format!("{}.{}", def.name, self.name))
    }
}
