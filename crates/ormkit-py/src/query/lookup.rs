//! Lookups by keyword.

use ormkit_core::model::{ColumnType, FieldId, ModelId, RelationId, Schema};
use ormkit_core::query::lookup::{Condition, Expects, Formula, Lookup, Operator, Subject, Takes, resolve};
use ormkit_core::query::{Expr as CoreExpr, Item, Select as CoreSelect, Source};
use ormkit_core::value::SqlType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::sync::Arc;

use super::hybrid::hybrid_condition;
use super::key::key_parts;
use super::names::Names;
use super::{F, Query, Select};
use crate::errors::to_py;
use crate::expr::{
    Expr, decorated_text, is_one, json_operand, member, object_or_key, operand, ordered_json, typed_operand,
};
use crate::model::{schema, unsupported};

/// All lookups of one call on a row of `source`.
///
/// # Errors
/// `FieldError` for unknown names, with near matches; `DataError` or `TypeError` for values that do not fit.
pub(crate) fn lookup_condition(
    schema: &Schema,
    source: Source,
    lookups: &Bound<'_, PyDict>,
) -> PyResult<CoreExpr> {
    let names = Names::of(schema, source);
    Ok(lookups_in(&names, lookups)?.all().written(schema, &names.around()))
}

/// The conditions of a call.
#[derive(Default)]
pub(super) struct Said {
    /// On rows.
    pub(super) rows: Vec<Formula>,
    /// On groups of rows.
    pub(super) groups: Vec<CoreExpr>,
}

impl Said {
    pub(super) fn all(self) -> Formula {
        Formula::All(self.rows.into_iter().chain(self.groups.into_iter().map(Formula::Said)).collect())
    }
}

/// The same among the names of a query.
///
/// # Errors
/// As [`lookup_condition`].
pub(super) fn lookups_in(names: &Names<'_>, lookups: &Bound<'_, PyDict>) -> PyResult<Said> {
    let mut said = Said::default();
    for (name, value) in lookups {
        let name = name.cast::<PyString>()?.to_str()?;
        match names.on_annotation(name, &value)? {
            Some((condition, true)) => {
                said.groups.push(condition);
                continue;
            }
            Some((condition, false)) => {
                said.rows.push(Formula::Said(condition));
                continue;
            }
            None => {}
        }
        if let Some(condition) = hybrid_condition(names, name, &value)? {
            said.rows.push(Formula::Said(condition));
            continue;
        }
        let mut condition = one(names, name, &value)?;
        match names.within {
            Some((way, end)) if condition.lookup.path.starts_with(way) => {
                condition.lookup.path.drain(..way.len());
                said.rows.push(Formula::Lookup(end, condition));
            }
            Some((way, _)) if ends_at(&condition.lookup, way) => {
                return Err(unsupported(
                    format!("the lookup `{name}` in the filter of an aggregate"),
                    "name a column of the related object as well",
                ));
            }
            _ => said.rows.push(Formula::Lookup(names.source, condition)),
        }
    }
    Ok(said)
}

/// True for a lookup of the relation itself that is the last of a way.
fn ends_at(lookup: &Lookup, way: &[RelationId]) -> bool {
    match (&lookup.subject, way.split_last()) {
        (Subject::Relation(relation), Some((last, before))) => relation == last && lookup.path == before,
        _ => false,
    }
}

fn one(names: &Names<'_>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<Condition> {
    let lookup = resolve(names.schema, names.source.model, name).map_err(|error| to_py(value.py(), error))?;
    let values = values_of(names, &lookup, name, value)?;
    Ok(Condition { lookup, values })
}

fn values_of(
    names: &Names<'_>,
    lookup: &Lookup,
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<Vec<CoreExpr>> {
    let schema = names.schema;
    let beside = |model, field| CoreExpr::column(Source::plain(model), field);
    let converted = |value: &Bound<'_, PyAny>, beside: &CoreExpr| match value.cast::<F>() {
        Ok(field) => field.get().resolve_in(names, value.py()),
        Err(_) => operand(value, Some(beside)),
    };
    let text = |value: &Bound<'_, PyAny>| {
        let made = match (&lookup.subject, lookup.operator) {
            (_, Operator::Regex | Operator::IRegex | Operator::HasKey) => None,
            (Subject::Field(field), _) => decorated_text(value, &beside(lookup.model, *field))?,
            _ => None,
        };
        made.map_or_else(|| text(names, name, value), Ok)
    };
    let nothing = value.is_none() && !lookup.operator.takes_null();
    match lookup.expects() {
        Expects::Elements(_, _, Takes::Value)
        | Expects::Value(..)
        | Expects::Part(..)
        | Expects::Typed(_)
        | Expects::Ordered
        | Expects::Text
            if nothing =>
        {
            let (field, _) = name.rsplit_once("__").unwrap_or((name, ""));
            Err(PyTypeError::new_err(format!(
                "{name} takes a value, not None: {field}__isnull=True finds rows without one"
            )))
        }
        Expects::Value(model, field) => Ok(vec![converted(value, &beside(model, field))?]),
        Expects::List(model, field) => {
            if let Some(select) = selected(value)? {
                return Ok(vec![CoreExpr::Scalar(select)]);
            }
            let beside = beside(model, field);
            listed(name, value)?.iter().map(|value| converted(value, &beside)).collect()
        }
        Expects::Pair(model, field) => {
            let beside = beside(model, field);
            pair(name, value)?.iter().map(|value| converted(value, &beside)).collect()
        }
        Expects::Elements(model, field, takes) => {
            let beside = beside(model, field).element(vec![1]);
            let values = match takes {
                Takes::List => listed(name, value)?,
                Takes::Pair => pair(name, value)?,
                Takes::Value | Takes::Text | Takes::Bool => vec![value.clone()],
            };
            values.iter().map(|value| converted(value, &beside)).collect()
        }
        Expects::Part(model, field) => match &schema.model(model).field(field).column_type {
            ColumnType::Json => Ok(vec![json(names, value)?]),
            ColumnType::Array(_) => Ok(vec![converted(value, &beside(model, field))?]),
            ColumnType::Range(of) | ColumnType::MultiRange(of) => {
                Ok(vec![member(value, *of, &beside(model, field))?])
            }
            _ => Ok(vec![text(value)?]),
        },
        Expects::Typed(sql_type) => Ok(vec![typed(names, sql_type, value)?]),
        Expects::TypedList(sql_type) => {
            if let Some(select) = selected(value)? {
                return Ok(vec![CoreExpr::Scalar(select)]);
            }
            listed(name, value)?.iter().map(|value| typed(names, sql_type, value)).collect()
        }
        Expects::TypedPair(sql_type) => {
            pair(name, value)?.iter().map(|value| typed(names, sql_type, value)).collect()
        }
        Expects::Json => Ok(vec![json(names, value)?]),
        Expects::JsonList => listed(name, value)?.iter().map(|value| json(names, value)).collect(),
        Expects::Ordered => Ok(vec![ordered(names, value)?]),
        Expects::OrderedPair => pair(name, value)?.iter().map(|value| ordered(names, value)).collect(),
        Expects::Text => Ok(vec![text(value)?]),
        Expects::Texts => listed(name, value)?
            .iter()
            .map(|key| match key.cast::<PyString>() {
                Ok(key) => Ok(CoreExpr::value(key.to_str()?, SqlType::Text)),
                Err(_) => Err(unfit(name, "a list of texts", key)),
            })
            .collect(),
        Expects::Bool => match value.extract::<bool>() {
            Ok(constant) => Ok(vec![CoreExpr::Bool(constant)]),
            Err(_) => Err(unfit(name, "True or False", value)),
        },
        Expects::Key(model) => of_key(schema, model, value),
        Expects::Keys(model) => {
            if given_select(value).is_some() {
                return Err(unsupported(
                    format!("a query for {name}"),
                    "say it as exists(), or by each column of the key",
                ));
            }
            let mut keys = Vec::new();
            for key in listed(name, value)? {
                keys.extend(of_key(schema, model, &key)?);
            }
            Ok(keys)
        }
        Expects::Object(model, relation) => related_key(names, model, relation, value),
        Expects::Objects(model, relation) => {
            if let Some(select) = selected_of(schema, model, relation, value)? {
                return Ok(vec![CoreExpr::Scalar(select)]);
            }
            let mut keys = Vec::new();
            for object in listed(name, value)? {
                keys.extend(related_key(names, model, relation, &object)?);
            }
            Ok(keys)
        }
    }
}

/// The values of a key of several columns, none of them NULL.
fn of_key(schema: &Schema, model: ModelId, key: &Bound<'_, PyAny>) -> PyResult<Vec<CoreExpr>> {
    let model = schema.model(model);
    let parts = key_parts(model, key)?;
    let part = |(field, part): (&FieldId, &Bound<'_, PyAny>)| match part.is_none() {
        true => Err(PyTypeError::new_err(format!("None is no {}", model.place(*field)))),
        false => operand(part, Some(&CoreExpr::column(model.id, *field))),
    };
    model.key.iter().zip(&parts).map(part).collect()
}

/// What gives an object: itself, its key, or a column of the row that holds one.
fn related_key(
    names: &Names<'_>,
    model: ModelId,
    relation: RelationId,
    value: &Bound<'_, PyAny>,
) -> PyResult<Vec<CoreExpr>> {
    let fields = Expects::fields(names.schema, model, relation);
    match value.cast::<F>() {
        Ok(field) if fields.len() == 1 => Ok(vec![field.get().resolve_in(names, value.py())?]),
        _ => object_or_key(names.schema, model, relation, value),
    }
}

/// A value of a type, or a column of the row.
fn typed(names: &Names<'_>, sql_type: SqlType, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    match value.cast::<F>() {
        Ok(field) => field.get().resolve_in(names, value.py()),
        Err(_) => typed_operand(
            value,
            match sql_type {
                SqlType::Date => ColumnType::Date,
                SqlType::Time => ColumnType::Time,
                SqlType::Double => ColumnType::Double,
                _ => ColumnType::Integer,
            },
        ),
    }
}

/// A JSON value, or a column of the row.
fn json(names: &Names<'_>, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    match value.cast::<F>() {
        Ok(field) => field.get().resolve_in(names, value.py()),
        Err(_) => json_operand(value),
    }
}

/// What JSON values of its kind are compared with, or a column of the row.
fn ordered(names: &Names<'_>, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    match value.cast::<F>() {
        Ok(field) => field.get().resolve_in(names, value.py()),
        Err(_) if value.is_instance_of::<Expr>() => operand(value, None),
        Err(_) => ordered_json(value),
    }
}

pub(super) fn text(names: &Names<'_>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    if let Ok(field) = value.cast::<F>() {
        let expr = field.get().resolve_in(names, value.py())?;
        return Ok(match expr.sql_type(names.schema) {
            SqlType::Text => expr,
            _ => expr.cast(ColumnType::Text),
        });
    }
    match value.cast::<PyString>() {
        Ok(text) => Ok(CoreExpr::value(text.to_str()?, SqlType::Text)),
        Err(_) if value.is_none() || value.is_instance_of::<Expr>() => operand(value, None),
        Err(_) => Err(unfit(name, "a text", value)),
    }
}

fn pair<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let pair = listed(name, value)?;
    match pair.len() {
        2 => Ok(pair),
        given => Err(PyTypeError::new_err(format!("{name} takes two values, {given} were given"))),
    }
}

/// The SELECT of a query or statement given in place of a list: of objects their keys.
pub(super) fn selected(value: &Bound<'_, PyAny>) -> PyResult<Option<Arc<CoreSelect>>> {
    let Some(select) = given_select(value) else { return Ok(None) };
    let schema = schema(value.py())?;
    match select.root_model() {
        None => one_column(select).map(Some),
        Some(model) => match schema.model(model).key[..] {
            [key] => keys_of(select, key).map(Some),
            _ => Err(unsupported(
                format!("a query of {} in place of a list", schema.model(model).name()),
                "its key has several columns: select one of them",
            )),
        },
    }
}

/// The same, of what gives an object of a relation.
fn selected_of(
    schema: &Schema,
    model: ModelId,
    relation: RelationId,
    value: &Bound<'_, PyAny>,
) -> PyResult<Option<Arc<CoreSelect>>> {
    let Some(select) = given_select(value) else { return Ok(None) };
    let Some(queried) = select.root_model() else { return one_column(select).map(Some) };
    let target = schema.model(schema.model(model).relation(relation).target);
    match Expects::fields(schema, model, relation)[..] {
        [field] if is_one(schema, queried, target) => keys_of(select, field).map(Some),
        _ => Err(PyTypeError::new_err(format!(
            "{}.{} is looked for among objects of {}, not of {}",
            schema.model(model).name(),
            schema.model(model).relation(relation).name,
            target.name(),
            schema.model(queried).name()
        ))),
    }
}

fn given_select(value: &Bound<'_, PyAny>) -> Option<CoreSelect> {
    match (value.cast::<Select>(), value.cast::<Query>()) {
        (Ok(select), _) => Some(select.get().core().clone()),
        (_, Ok(query)) => Some(CoreSelect::clone(&query.get().uncomputed())),
        _ => None,
    }
}

fn one_column(select: CoreSelect) -> PyResult<Arc<CoreSelect>> {
    if select.set.is_none() && select.items.len() != 1 {
        return Err(PyTypeError::new_err("a query in place of a list shows one column"));
    }
    Ok(Arc::new(select))
}

/// A column of the objects that a SELECT reads, in their place.
fn keys_of(select: CoreSelect, field: FieldId) -> PyResult<Arc<CoreSelect>> {
    let ([Item::Entity { source, .. }], None) = (&select.items[..], &select.set) else {
        return Err(PyTypeError::new_err("a query in place of a list shows one class, or one column"));
    };
    let (source, mut select) = (*source, select.clone());
    select.loads.clear();
    if select.from.is_empty() {
        select.from.push(source.into());
    }
    select.items = vec![Item::Value { expr: CoreExpr::column(source, field), label: None }];
    Ok(Arc::new(select))
}

pub(super) fn listed<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if value.is_instance_of::<PyString>() {
        return Err(unfit(name, "a list of values", value));
    }
    value.try_iter().map_err(|_| unfit(name, "a list of values", value))?.collect()
}

pub(super) fn unfit(name: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let found = value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{name} takes {expected}, not a value of type {found}"))
}
