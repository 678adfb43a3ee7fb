//! Relations in conditions: `Post.author == user`, `User.posts.any(..)`.

use ormkit_core::model::{FieldId, Model, ModelId, Relation, RelationId, Schema};
use ormkit_core::query::lookup::{
    Condition as CoreCondition, Expects, Lookup, Operator, Subject, conditions, owned_by,
};
use ormkit_core::query::{Expr as CoreExpr, FromItem, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;

use super::late::column_value;
use super::operand;
use super::{Condition, Expr, condition};
use crate::attribute::Attribute;
use crate::errors::to_py;
use crate::instance;
use crate::model::{conversion, schema};
use crate::query::{mapped_item, relation_id};

/// The relation behind an attribute.
fn resolved(py: Python<'_>, this: &Expr) -> PyResult<(Arc<Schema>, Source, RelationId)> {
    let (model, slot) =
        this.relation().ok_or_else(|| PyTypeError::new_err("only a relation is compared with objects"))?;
    let schema = schema(py)?;
    schema.model(model).check().map_err(|error| to_py(py, error))?;
    let relation = RelationId((slot - schema.model(model).fields().len()) as u16);
    let source = this.relation_source()?.unwrap_or_else(|| Source::plain(model));
    Ok((schema, source, relation))
}

fn condition_of(schema: &Schema, source: Source, lookup: Lookup, values: Vec<CoreExpr>) -> CoreExpr {
    conditions(schema, source, &[CoreCondition { lookup, values }])
}

/// The relation holds `object`; None: it holds nothing.
pub(super) fn equals(this: &Expr, object: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    let (schema, source, relation) = resolved(object.py(), this)?;
    let model = source.model;
    let lookup =
        Lookup { path: Vec::new(), model, subject: Subject::Relation(relation), operator: Operator::Exact };
    let values = object_key(&schema, model, relation, object)?;
    Ok(condition_of(&schema, source, lookup, values))
}

/// The relation does not hold `object`; one that holds nothing holds another. None: it holds something.
pub(super) fn differs(this: &Expr, object: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    let (schema, source, relation) = resolved(object.py(), this)?;
    let model = source.model;
    if object.is_none() || schema.model(model).relation(relation).many {
        return Ok(equals(this, object)?.negate());
    }
    let lookup =
        Lookup { path: Vec::new(), model, subject: Subject::Relation(relation), operator: Operator::Ne };
    let values = object_key(&schema, model, relation, object)?;
    Ok(condition_of(&schema, source, lookup, values))
}

/// The relation holds one of `objects`.
pub(super) fn among(this: &Expr, objects: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    let parts = objects.try_iter()?.map(|object| equals(this, &object?)).collect::<PyResult<Vec<_>>>()?;
    Ok(CoreExpr::any(parts))
}

/// What gives an object in a condition: the values of the fields that the relation goes by. None gives nothing.
///
/// # Errors
/// `TypeError` for an object of another class, or one that has no key yet.
fn object_key(
    schema: &Schema,
    model: ModelId,
    relation: RelationId,
    object: &Bound<'_, PyAny>,
) -> PyResult<Vec<CoreExpr>> {
    if object.is_none() {
        return Ok(Vec::new());
    }
    let place = || format!("{}.{}", schema.model(model).name(), schema.model(model).relation(relation).name);
    let target = schema.model(schema.model(model).relation(relation).target);
    let found = match instance::is_instance(object) {
        true => Some(instance::table_of(object)?.model),
        false => None,
    };
    if !found.is_some_and(|found| is_one(schema, found, target)) {
        let type_name = object.get_type().name()?;
        let text =
            format!("{} is compared with a {} or None, not with a {type_name}", place(), target.name());
        return Err(PyTypeError::new_err(text));
    }
    Expects::fields(schema, model, relation).iter().map(|field| key_part(target, *field, object)).collect()
}

/// True where objects of `found` are objects of `target`: of the class, another declaration of it, or one that extends it.
pub(crate) fn is_one(schema: &Schema, found: ModelId, target: &Model) -> bool {
    let found = schema.model(found);
    found.is_a(target.id) || (target.family.is_none() && found.table() == target.table())
}

/// The same in a lookup, which takes the key of an object, too: `author=7`; of several columns as a tuple.
///
/// # Errors
/// As [`object_key`]; `DataError` or `TypeError` for a value that is no such key.
pub(crate) fn object_or_key(
    schema: &Schema,
    model: ModelId,
    relation: RelationId,
    given: &Bound<'_, PyAny>,
) -> PyResult<Vec<CoreExpr>> {
    if given.is_none() || instance::is_instance(given) {
        return object_key(schema, model, relation, given);
    }
    let target = schema.model(schema.model(model).relation(relation).target);
    let fields = Expects::fields(schema, model, relation);
    let part = |(field, value): (&FieldId, Bound<'_, PyAny>)| {
        if value.is_none() {
            return Err(PyTypeError::new_err(format!("None is no {}", target.place(*field))));
        }
        operand(&value, Some(&CoreExpr::column(target.id, *field)))
    };
    if let [field] = &fields[..] {
        return Ok(vec![part((field, given.clone()))?]);
    }
    match given.cast::<PyTuple>() {
        Ok(parts) if parts.len() == fields.len() => fields.iter().zip(parts.iter()).map(part).collect(),
        _ => {
            let names: Vec<String> = fields.iter().map(|field| target.place(*field)).collect();
            let found = given.get_type().name()?;
            Err(PyTypeError::new_err(format!(
                "{}.{} is compared with a {}, its key ({}) as a tuple, or None, not with a {found}",
                schema.model(model).name(),
                schema.model(model).relation(relation).name,
                target.name(),
                names.join(", ")
            )))
        }
    }
}

/// The rows of `target` that `owner` leads to by a relation of `model`.
///
/// # Errors
/// `TypeError` for an object of another class, or one that has no key yet.
pub(crate) fn of_owner(
    schema: &Schema,
    owner: &Bound<'_, PyAny>,
    model: ModelId,
    relation: &Relation,
    target: Source,
) -> PyResult<CoreExpr> {
    let model = schema.model(model);
    let found = match instance::is_instance(owner) {
        true => Some(instance::table_of(owner)?.model),
        false => None,
    };
    if !found.is_some_and(|found| is_one(schema, found, model)) {
        return Err(PyTypeError::new_err(format!(
            "{}.{} is a relation of objects of {}, not of {}",
            model.name(),
            relation.name,
            model.name(),
            owner.get_type().name()?
        )));
    }
    Ok(owned_by(relation, target, key_of_owner(model, owner, &relation.local)?))
}

/// The values of an object's fields, as conditions and rows take them.
///
/// # Errors
/// `TypeError` where one is None: the object is not flushed yet.
pub(crate) fn key_of_owner(
    model: &Model,
    owner: &Bound<'_, PyAny>,
    fields: &[FieldId],
) -> PyResult<Vec<CoreExpr>> {
    fields.iter().map(|field| key_part(model, *field, owner)).collect()
}

/// A condition: the rows that a relation of one object leads to, without loading it.
///
/// Args:
///     instance: A stored object.
///     prop: Its relation, such as `User.posts`; `User.posts.of_type(alias)` where the statement reads an alias.
///     from_entity: The alias that the statement reads instead of the class.
///
/// Raises:
///     TypeError: The object has no key yet, or is of another class; `prop` is no relation.
#[pyfunction]
#[pyo3(signature = (instance, prop, from_entity = None))]
pub(crate) fn with_parent<'py>(
    instance: &Bound<'py, PyAny>,
    prop: &Bound<'py, Attribute>,
    from_entity: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Condition>> {
    let py = instance.py();
    let schema = schema(py)?;
    let (model, id) = (prop.get().model(), relation_id(&schema, prop)?);
    let relation = schema.model(model).relation(id);
    let of_type = match from_entity {
        Some(entity) => mapped_item(entity)?.0.table(),
        None => prop.get().target().and_then(FromItem::table),
    };
    let target = of_type.unwrap_or_else(|| Source::plain(relation.target));
    condition(py, of_owner(&schema, instance, model, relation, target)?)
}

fn key_part(target: &Model, field: FieldId, object: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    // An object of a class below may have the field elsewhere.
    let slot = instance::table_of(object)?.position(&target.field(field).name).unwrap_or(field.index());
    let value = instance::read(object, slot)?;
    let place = target.place(field);
    if value.is_none() {
        return Err(PyTypeError::new_err(format!(
            "this {} has no {place} yet: flush it before it is used in a condition",
            target.name()
        )));
    }
    let column_type = &target.field(field).column_type;
    let own = conversion(value.py(), target.id, field);
    let value = column_value(&value, column_type, own, &|| place.clone())?;
    Ok(CoreExpr::value(value, column_type.sql_type()))
}

/// A related row for which `given` and `lookups` hold, made by `inner` from the source under which it goes: `alias`
/// where one was given.
///
/// # Errors
/// What `inner` finds.
pub(crate) fn related_condition(
    py: Python<'_>,
    this: &Expr,
    given: Vec<CoreExpr>,
    alias: Option<Source>,
    inner: impl FnOnce(&Schema, Source) -> PyResult<CoreExpr>,
) -> PyResult<CoreExpr> {
    let (schema, parent, relation) = resolved(py, this)?;
    let model = parent.model;
    let target = schema.model(model).relation(relation).target;
    let given = CoreExpr::all(given);
    // A class below is no alias.
    let to = alias.map_or(target, |alias| alias.model);
    let alias = alias.filter(|alias| *alias != Source::plain(to));
    let source = alias.unwrap_or_else(|| {
        // A row related to one of its own table goes by another name than it, and than those in its conditions.
        let is_same = |other| schema.model(other).table() == schema.model(model).table();
        let number = if is_same(to) { given.highest_number(is_same) + 1 } else { 0 };
        Source { model: to, alias: number }
    });
    let lookups = inner(&schema, source)?;
    // Conditions speak of the related row; where that has a name of its own, the class may be the row at hand.
    let given = match alias.is_some() && parent == Source::plain(to) {
        true => given,
        false => given.renamed(Source::plain(to), source),
    };
    let condition = match CoreExpr::all([given, lookups]) {
        CoreExpr::Bool(true) => None,
        condition => Some(condition),
    };
    Ok(CoreExpr::related(parent, relation, source, condition))
}
