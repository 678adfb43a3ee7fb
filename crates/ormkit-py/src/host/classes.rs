//! What the host needs of a mapped class for every value, kept for good: classes are never forgotten.
use crate::convert::Conversion;
use crate::fields::ClientDefault;
use crate::model::{conversion, find_class, with_def};
use ormkit_core::model::{ColumnType, FieldId, ModelId};
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::sync::{Arc, PoisonError, RwLock};

/// A mapped class.
pub(crate) struct ClassInfo {
    /// The class; None: a table without one.
    class: Option<Py<PyType>>,
    /// Its name.
    pub(crate) name: String,
    /// Its columns, in the order of their field ids.
    pub(crate) fields: Box<[FieldInfo]>,
    /// The column that says of a row that it counts as deleted.
    pub(crate) tombstone: Option<FieldId>,
}

/// A column of a mapped class.
pub(crate) struct FieldInfo {
    /// The attribute's name.
    pub(crate) name: String,
    /// The type.
    pub(crate) column_type: ColumnType,
    /// Holds what can be changed in place: JSON or an array. It is kept as JSON text until somebody looks at it.
    pub(crate) is_json: bool,
    /// The database fills it where no value is given, or computes it where it is read.
    pub(crate) filled_by_database: bool,
    /// What UPDATE sets it to where the program does not.
    pub(crate) renewal: Option<ClientDefault>,
    /// It counts the versions of the row: `renewal` is called with the one before.
    pub(crate) is_version: bool,
    /// How values are converted, beside what the type says.
    pub(crate) conversion: Option<Arc<Conversion>>,
}

impl FieldInfo {
    /// True where a class of the user's converts the values.
    pub(crate) fn has_user(&self) -> bool {
        self.conversion.as_ref().is_some_and(|own| own.user.is_some())
    }
}

impl ClassInfo {
    /// The class.
    ///
    /// # Panics
    /// When it is a table without one, which has no objects.
    pub(crate) fn class<'py>(&self, py: Python<'py>) -> &Bound<'py, PyType> {
        self.class.as_ref().expect("objects and relations are of mapped classes").bind(py)
    }

    /// `Model.attr`, for messages.
    pub(crate) fn place(&self, field: FieldId) -> String {
        format!("{}.{}", self.name, self.fields[field.index()].name)
    }
}

static CLASSES: RwLock<Vec<Option<&'static ClassInfo>>> = RwLock::new(Vec::new());

/// The class of a model.
///
/// # Panics
/// When the number was never declared.
#[inline]
pub(crate) fn class_info(py: Python<'_>, model: ModelId) -> &'static ClassInfo {
    let known = CLASSES.read().unwrap_or_else(PoisonError::into_inner).get(model.index()).copied().flatten();
    known.unwrap_or_else(|| learn(py, model))
}

#[cold]
fn learn(py: Python<'_>, model: ModelId) -> &'static ClassInfo {
    let class = find_class(py, model);
    let fields = with_def(model, |def| def.fields.clone());
    let tombstone = fields.iter().position(|field| field.tombstone).map(|at| FieldId(at as u16));
    let field = |(at, field): (usize, ormkit_core::model::Field)| FieldInfo {
        is_json: field.column_type.is_changed_in_place(),
        filled_by_database: field.filled_by_database() || field.property.is_some(),
        is_version: field.version.is_some(),
        renewal: class.as_ref().and_then(|class| Some(class.renewals.get(at)?.as_ref()?.clone_ref(py))),
        conversion: conversion(py, model, FieldId(at as u16)),
        column_type: field.column_type,
        name: field.name,
    };
    let info: &'static ClassInfo = Box::leak(Box::new(ClassInfo {
        class: class.as_ref().map(|class| class.class.clone_ref(py)),
        name: with_def(model, |def| def.name.clone()),
        fields: fields.into_iter().enumerate().map(field).collect(),
        tombstone,
    }));
    let mut classes = CLASSES.write().unwrap_or_else(PoisonError::into_inner);
    if classes.len() <= model.index() {
        classes.resize(model.index() + 1, None);
    }
    classes[model.index()].get_or_insert(info)
}
