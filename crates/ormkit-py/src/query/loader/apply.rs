//! What options mean for a query, for `get` and for `load`.

use ormkit_core::model::{FieldId, ModelId, Schema};
use ormkit_core::query::{Item, Load, Select as CoreSelect, Source, Strategy};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::Loader;
use super::columns::Columns;
use super::step::{Further, Step, check_owner, is_path};
use crate::attribute::Attribute;
use crate::errors::to_py;
use crate::model::{schema, unsupported};

/// What is to be loaded of a model's objects.
#[derive(Default)]
pub(super) struct Wanted {
    /// Columns; None: all but deferred ones.
    pub(super) fields: Option<Vec<FieldId>>,
    /// Columns that only classes below have are read all the same.
    pub(super) below: bool,
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
    for option in options.iter() {
        match option.cast::<Loader>().ok().and_then(|loader| loader.get().criteria.clone()) {
            Some(criteria) => core.criteria.extend(criteria),
            None => {
                let schema = schema(py)?;
                let (place, model) = item_of(&schema, core, &option)?;
                let below = core.reads_below;
                let (mut fields, loads) = said_of(core, place);
                let known = fields.as_mut().and_then(|fields| fields.take());
                let mut wanted = Wanted { fields: known, below, loads: std::mem::take(loads) };
                wanted.add(py, &schema, schema.model(model), &option)?;
                *loads = wanted.loads;
                if let Some(fields) = fields {
                    *fields = wanted.fields;
                }
                core.reads_below = wanted.below;
                check_beside(&schema, core)?;
            }
        }
    }
    Ok(())
}

/// The place and the model of the objects that an option speaks of: those that it names, else the first of a row.
fn item_of(schema: &Schema, core: &CoreSelect, option: &Bound<'_, PyAny>) -> PyResult<(usize, ModelId)> {
    let objects = || core.items.iter().enumerate().filter_map(|(place, item)| Some((place, item.model()?)));
    let Some(first) = objects().next() else {
        return Err(PyTypeError::new_err("options() needs objects: select a class"));
    };
    let Some((owner, source)) = spoken_of(option)? else { return Ok(first) };
    let is_it = |(place, _): &(usize, ModelId)| match core.items[*place] {
        Item::Entity { source: of, .. } => source == Some(of),
        Item::Mapped { .. } | Item::Value { .. } => false,
    };
    let fits = |(_, model): &(usize, ModelId)| {
        check_owner(schema, owner, schema.model(*model), "relation", "*").is_ok()
            || schema.model(owner).is_a(*model)
    };
    Ok(objects().find(is_it).or_else(|| objects().find(fits)).unwrap_or(first))
}

/// The class whose objects an option speaks of, and their table where that is known. None: whichever come first.
fn spoken_of(option: &Bound<'_, PyAny>) -> PyResult<Option<(ModelId, Option<Source>)>> {
    Ok(match option.cast::<Loader>() {
        Ok(loader) => loader.get().spoken_of(),
        Err(_) if is_path(option) => Step::of_path(Strategy::SelectIn, option)?.first().and_then(Step::owner),
        Err(_) => None,
    })
}

/// What is said of the objects at a place.
fn said_of(core: &mut CoreSelect, place: usize) -> (Option<&mut Option<Vec<FieldId>>>, &mut Vec<Load>) {
    let is_first = core.items.iter().position(|item| item.model().is_some()) == Some(place);
    let fields = match &mut core.items[place] {
        Item::Entity { fields, .. } => Some(fields),
        Item::Mapped { .. } | Item::Value { .. } => None,
    };
    if is_first {
        return (fields, &mut core.loads);
    }
    let known = core.loads_beside.iter().position(|(of, _)| *of == place);
    let at = known.unwrap_or(core.loads_beside.len());
    if known.is_none() {
        core.loads_beside.push((place, Vec::new()));
    }
    (fields, &mut core.loads_beside[at].1)
}

/// Refuses what only the first object of a row can be read from.
fn check_beside(schema: &Schema, core: &CoreSelect) -> PyResult<()> {
    for (place, loads) in &core.loads_beside {
        if loads.iter().any(|load| load.strategy == Strategy::Contained)
            && let Some(model) = core.items[*place].model()
        {
            return Err(unsupported(
                format!("contains_eager() of {} behind other objects of a row", schema.model(model).name()),
                "name its class first in select()",
            ));
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
    let mut wanted = Wanted { fields: Some(Vec::new()), ..Wanted::default() };
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
