//! Which columns are read: `load_only`, `defer`, `undefer`.

use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::model::{FieldId, Model, ModelId, Schema};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::step::check_owner;
use crate::attribute::Attribute;

/// One thing that is said of the columns of a model's objects.
#[derive(Clone)]
pub(super) struct Columns {
    change: Change,
    names: Vec<(Option<ModelId>, String)>,
}

#[derive(Clone, Copy)]
enum Change {
    Only,
    Without,
    With,
    Group,
}

impl Columns {
    pub(super) fn only(columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        Self::named(Change::Only, "load_only", columns)
    }

    pub(super) fn without(columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        Self::named(Change::Without, "defer", columns)
    }

    pub(super) fn with(columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        Self::named(Change::With, "undefer", columns)
    }

    /// One column more.
    pub(super) fn with_one(name: String, model: Option<ModelId>) -> Self {
        Self { change: Change::With, names: vec![(model, name)] }
    }

    /// The columns of a group.
    pub(super) fn group(name: String) -> Self {
        Self { change: Change::Group, names: vec![(None, name)] }
    }

    fn named(change: Change, option: &str, columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        if columns.is_empty() {
            return Err(PyTypeError::new_err(format!("{option}() takes columns such as User.name")));
        }
        let name = |item: Bound<'_, PyAny>| {
            if let Ok(attribute) = item.cast::<Attribute>() {
                let attribute = attribute.get();
                return Ok((Some(attribute.model()), attribute.name().to_owned()));
            }
            match item.cast::<PyString>() {
                Ok(name) => Ok((None, name.to_str()?.to_owned())),
                Err(_) => {
                    let found = item.get_type().name()?;
                    Err(PyTypeError::new_err(format!(
                        "{option}() takes columns such as User.name, or their names, not a value of type {found}"
                    )))
                }
            }
        };
        Ok(Self { change, names: columns.iter().map(name).collect::<PyResult<_>>()? })
    }

    /// True where nothing else is read.
    pub(super) fn are_all(&self) -> bool {
        matches!(self.change, Change::Only)
    }

    /// The class whose columns they are, where attributes were given.
    pub(super) fn owner(&self) -> Option<ModelId> {
        self.names.iter().find_map(|(owner, _)| *owner)
    }

    /// What is read of `model`, of which `fields` were to be read; None: all but deferred ones.
    ///
    /// # Errors
    /// The model has no such column or group.
    pub(super) fn apply(
        &self,
        schema: &Schema,
        model: &Model,
        fields: Option<Vec<FieldId>>,
    ) -> Result<Vec<FieldId>> {
        let named = self.fields(schema, model)?;
        let mut fields = fields
            .unwrap_or_else(|| model.field_ids().filter(|field| !model.field(*field).deferred).collect());
        match self.change {
            Change::Only => fields = named,
            Change::Without => fields.retain(|field| !named.contains(field)),
            Change::With | Change::Group => {
                let more = named.into_iter().filter(|field| !fields.contains(field)).collect::<Vec<_>>();
                fields.extend(more);
            }
        }
        Ok(fields)
    }

    fn fields(&self, schema: &Schema, model: &Model) -> Result<Vec<FieldId>> {
        let mut fields = Vec::new();
        for (owner, name) in &self.names {
            if let Some(owner) = owner {
                check_owner(schema, *owner, model, "attribute", name)?;
            }
            match (self.change, name.as_str()) {
                (Change::Group, group) => fields.extend(of_group(model, group)?),
                (_, "*") => fields.extend(model.field_ids()),
                (_, name) => fields.push(model.field_named(name)?),
            }
        }
        Ok(fields)
    }
}

fn of_group(model: &Model, group: &str) -> Result<Vec<FieldId>> {
    let is_of_it = |field: &FieldId| model.field(*field).deferred_group.as_deref() == Some(group);
    let fields: Vec<FieldId> = model.field_ids().filter(is_of_it).collect();
    if fields.is_empty() {
        let groups = model.fields().iter().filter_map(|field| field.deferred_group.as_deref());
        return Err(Error::unknown_name("deferred group", group, model.name(), groups));
    }
    Ok(fields)
}

/// The error of an attribute that is another model's.
pub(super) fn foreign(
    schema: &Schema,
    owner: ModelId,
    model: &Model,
    what: &'static str,
    name: &str,
) -> Error {
    Error::new(ErrorKind::UnknownName {
        what,
        name: format!("{}.{name}", schema.model(owner).name()),
        within: model.name().to_owned(),
        near: Vec::new(),
    })
}
