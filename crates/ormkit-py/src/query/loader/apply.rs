//! What options mean for a query, for `get` and for `load`.

use ormkit_core::model::{FieldId, ModelId, Schema};
use ormkit_core::query::{Item, Load, Select as CoreSelect, Strategy};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::Loader;
use super::columns::Columns;
use super::step::{Further, Step, is_path};
use crate::attribute::Attribute;
use crate::errors::to_py;
use crate::model::schema;

/// What is to be loaded of a model's objects.
#[derive(Default)]
pub(super) struct Wanted {
    /// Columns; None: all but deferred ones.
    pub(super) fields: Option<Vec<FieldId>>,
    pub(super) loads: Vec<Load>,
}

/// Columns and relations that `load` is asked for.
pub(crate) struct Paths {
    /// Columns.
    pub(crate) fields: Vec<FieldId>,
    /// Relations.
    pub(crate) loads: Vec<Load>,
}

/// Adds what options say to a statement.
///
/// # Errors
/// `FieldError` for what the model does not have; `TypeError` for what is no option, or a statement without objects.
pub(crate) fn apply_options(core: &mut CoreSelect, options: &Bound<'_, PyTuple>) -> PyResult<()> {
    let py = options.py();
    let mut others = Vec::with_capacity(options.len());
    for option in options.iter() {
        match option.cast::<Loader>().ok().and_then(|loader| loader.get().criteria.clone()) {
            Some(criteria) => core.criteria.extend(criteria),
            None => others.push(option),
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    let Some(root) = core.root_model() else {
        return Err(PyTypeError::new_err("options() needs objects: select a class"));
    };
    let schema = schema(py)?;
    let first = core.items.iter_mut().find_map(|item| match item {
        Item::Entity { fields, .. } => Some(fields),
        Item::Mapped { .. } | Item::Value { .. } => None,
    });
    let fields = first.and_then(|fields| fields.take());
    let mut wanted = Wanted { fields, loads: std::mem::take(&mut core.loads) };
    for option in others {
        wanted.add(py, &schema, schema.model(root), &option)?;
    }
    core.loads = wanted.loads;
    for item in &mut core.items {
        if let Item::Entity { fields, .. } = item {
            *fields = wanted.fields;
            break;
        }
    }
    Ok(())
}

/// The columns and loads of `options=`: None, a loader, or several of them, for objects of `model`.
///
/// # Errors
/// As [`apply_options`].
pub(crate) fn loads_of(
    py: Python<'_>,
    model: ModelId,
    options: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Option<Vec<FieldId>>, Vec<Load>)> {
    let mut wanted = Wanted::default();
    let Some(options) = options.filter(|options| !options.is_none()) else {
        return Ok((None, Vec::new()));
    };
    let schema = schema(py)?;
    let model = schema.model(model);
    if options.is_instance_of::<Loader>() || is_path(options) {
        wanted.add(py, &schema, model, options)?;
    } else {
        for option in options.try_iter()? {
            wanted.add(py, &schema, model, &option?)?;
        }
    }
    Ok((wanted.fields, wanted.loads))
}

/// The loads of `options=` where the objects themselves are read with all their columns.
///
/// # Errors
/// As [`apply_options`]; `TypeError` for options that choose columns of theirs.
pub(crate) fn relations_of(
    py: Python<'_>,
    model: ModelId,
    options: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Load>> {
    match loads_of(py, model, options)? {
        (None, loads) => Ok(loads),
        (Some(_), _) => Err(PyTypeError::new_err(
            "load_only(), defer() and undefer() do not go with populate_existing, with_for_update or merge(), which read \
             rows anew: choose columns in a query, or below a relation",
        )),
    }
}

/// What `session.load(objects, *paths)` asks for: relations and columns, by attribute, dotted name or loader.
///
/// # Errors
/// As [`apply_options`].
pub(crate) fn paths_of(py: Python<'_>, model: ModelId, paths: &Bound<'_, PyTuple>) -> PyResult<Paths> {
    let schema = schema(py)?;
    let model = schema.model(model);
    // Nothing but what is named: whatever else is loaded stays as it is.
    let mut wanted = Wanted { fields: Some(Vec::new()), loads: Vec::new() };
    for path in paths.iter() {
        let is_name = path.is_instance_of::<Attribute>() || path.is_instance_of::<PyString>();
        if !is_name {
            wanted.add(py, &schema, model, &path)?;
            continue;
        }
        let mut steps = Step::of_path(Strategy::SelectIn, &path)?;
        let column = take_column(&schema, model.id, &mut steps).map_err(|error| to_py(py, error))?;
        match (column, steps.last_mut()) {
            (Some(column), None) => {
                let own = Further { columns: vec![column], branches: Vec::new() };
                wanted.take(py, &schema, model, &own)?;
            }
            (column, _) => {
                if let (Some(column), Some(last)) = (column, steps.last_mut()) {
                    last.further.columns.push(column);
                }
                Step::add(py, &schema, model, &steps, &mut wanted.loads)?;
            }
        }
    }
    Ok(Paths { fields: wanted.fields.unwrap_or_default(), loads: wanted.loads })
}

/// Takes a column off the end of a path, where there is one.
fn take_column(
    schema: &Schema,
    model: ModelId,
    steps: &mut Vec<Step>,
) -> ormkit_core::error::Result<Option<Columns>> {
    let Some((last, before)) = steps.split_last() else { return Ok(None) };
    let mut at = schema.model(model);
    for step in before {
        at = schema.model(at.relation(at.relation_named(step.named().0)?).target);
    }
    let (name, owner) = last.named();
    if at.find_field(name).is_none() {
        return Ok(None);
    }
    let column = Columns::with_one(name.to_owned(), owner);
    steps.pop();
    Ok(Some(column))
}
