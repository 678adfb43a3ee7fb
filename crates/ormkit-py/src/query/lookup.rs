//! Lookups by keyword, and `Q`.

use ormkit_core::model::{ColumnType, Schema};
use ormkit_core::query::lookup::{Condition, Expects, Lookup, conditions, resolve};
use ormkit_core::query::{Expr as CoreExpr, Source};
use ormkit_core::value::SqlType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::sync::Arc;

use super::hybrid::hybrid_condition;
use super::{F, Query, Select};
use crate::errors::to_py;
use crate::expr::{Expr, condition_of, json_operand, object_key, operand, ordered_json, typed_operand};

/// All lookups of one call on a row of `source`.
///
/// # Errors
/// `FieldError` for unknown names, with near matches; `DataError` or `TypeError` for values that do not fit.
pub(crate) fn lookup_condition(
    schema: &Schema,
    source: Source,
    lookups: &Bound<'_, PyDict>,
) -> PyResult<CoreExpr> {
    let mut list = Vec::with_capacity(lookups.len());
    let mut derived = Vec::new();
    for (name, value) in lookups {
        let name = name.cast::<PyString>()?.to_str()?;
        match hybrid_condition(schema, source, name, &value)? {
            Some(condition) => derived.push(condition),
            None => list.push(one(schema, source, name, &value)?),
        }
    }
    let listed = conditions(schema, source, &list);
    match derived.is_empty() {
        true => Ok(listed),
        false => Ok(derived.into_iter().fold(listed, CoreExpr::and)),
    }
}

fn one(schema: &Schema, source: Source, name: &str, value: &Bound<'_, PyAny>) -> PyResult<Condition> {
    let lookup = resolve(schema, source.model, name).map_err(|error| to_py(value.py(), error))?;
    let values = values_of(schema, source, &lookup, name, value)?;
    Ok(Condition { lookup, values })
}

fn values_of(
    schema: &Schema,
    source: Source,
    lookup: &Lookup,
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<Vec<CoreExpr>> {
    let beside = |model, field| CoreExpr::column(Source::plain(model), field);
    let converted = |value: &Bound<'_, PyAny>, beside: &CoreExpr| match value.cast::<F>() {
        Ok(field) => field.get().resolve(schema, source, value.py()),
        Err(_) => operand(value, Some(beside)),
    };
    match lookup.expects() {
        Expects::Value(model, field) => Ok(vec![converted(value, &beside(model, field))?]),
        Expects::List(model, field) => {
            if let Some(select) = selected(value) {
                return Ok(vec![CoreExpr::Scalar(select)]);
            }
            let beside = beside(model, field);
            listed(name, value)?.iter().map(|value| converted(value, &beside)).collect()
        }
        Expects::Pair(model, field) => {
            let beside = beside(model, field);
            pair(name, value)?.iter().map(|value| converted(value, &beside)).collect()
        }
        Expects::Part(model, field) => match &schema.model(model).field(field).column_type {
            ColumnType::Json => Ok(vec![json(schema, source, value)?]),
            ColumnType::Array(_) => Ok(vec![converted(value, &beside(model, field))?]),
            _ => Ok(vec![text(name, value)?]),
        },
        Expects::Typed(sql_type) => Ok(vec![typed(schema, source, sql_type, value)?]),
        Expects::TypedList(sql_type) => {
            if let Some(select) = selected(value) {
                return Ok(vec![CoreExpr::Scalar(select)]);
            }
            listed(name, value)?.iter().map(|value| typed(schema, source, sql_type, value)).collect()
        }
        Expects::TypedPair(sql_type) => {
            pair(name, value)?.iter().map(|value| typed(schema, source, sql_type, value)).collect()
        }
        Expects::Json => Ok(vec![json(schema, source, value)?]),
        Expects::JsonList => listed(name, value)?.iter().map(|value| json(schema, source, value)).collect(),
        Expects::Ordered => Ok(vec![ordered(schema, source, value)?]),
        Expects::OrderedPair => {
            pair(name, value)?.iter().map(|value| ordered(schema, source, value)).collect()
        }
        Expects::Text => Ok(vec![text(name, value)?]),
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
        Expects::Object(model, relation) => object_key(schema, model, relation, value),
        Expects::Objects(model, relation) => {
            let mut keys = Vec::new();
            for object in listed(name, value)? {
                keys.extend(object_key(schema, model, relation, &object)?);
            }
            Ok(keys)
        }
    }
}

/// A value of a type, or a column of the row.
fn typed(schema: &Schema, source: Source, sql_type: SqlType, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    match value.cast::<F>() {
        Ok(field) => field.get().resolve(schema, source, value.py()),
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
fn json(schema: &Schema, source: Source, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    match value.cast::<F>() {
        Ok(field) => field.get().resolve(schema, source, value.py()),
        Err(_) => json_operand(value),
    }
}

/// What JSON values of its kind are compared with, or a column of the row.
fn ordered(schema: &Schema, source: Source, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    match value.cast::<F>() {
        Ok(field) => field.get().resolve(schema, source, value.py()),
        Err(_) if value.is_instance_of::<Expr>() => operand(value, None),
        Err(_) => ordered_json(value),
    }
}

fn text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
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

/// The SELECT of a query or statement given in place of a list.
fn selected(value: &Bound<'_, PyAny>) -> Option<Arc<ormkit_core::query::Select>> {
    if let Ok(select) = value.cast::<Select>() {
        return Some(select.get().shared());
    }
    value.cast::<Query>().ok().map(|query| query.get().keys())
}

fn listed<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if value.is_instance_of::<PyString>() {
        return Err(unfit(name, "a list of values", value));
    }
    value.try_iter().map_err(|_| unfit(name, "a list of values", value))?.collect()
}

fn unfit(name: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let found = value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{name} takes {expected}, not a value of type {found}"))
}

/// Lookups that are combined with `&`, `|` and `~` before a query uses them: `Q(name="a") | Q(age__gt=3)`.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Q {
    node: Arc<Node>,
}

enum Node {
    /// The lookups and conditions of one call: all of them hold.
    Leaf(Vec<Py<PyAny>>, Option<Py<PyDict>>),
    All(Arc<Node>, Arc<Node>),
    Any(Arc<Node>, Arc<Node>),
    /// The rows for which it is not true, as `exclude` takes it.
    Not(Arc<Node>),
}

impl Q {
    /// The condition on a row of `source`.
    ///
    /// # Errors
    /// As [`lookup_condition`].
    pub(super) fn resolve(&self, schema: &Schema, source: Source, py: Python<'_>) -> PyResult<CoreExpr> {
        self.node.resolve(schema, source, py)
    }
}

impl Node {
    fn resolve(&self, schema: &Schema, source: Source, py: Python<'_>) -> PyResult<CoreExpr> {
        Ok(match self {
            Self::Leaf(given, lookups) => {
                let mut parts = Vec::new();
                for item in given {
                    parts.push(condition_on(schema, source, item.bind(py))?);
                }
                if let Some(lookups) = lookups {
                    parts.push(lookup_condition(schema, source, lookups.bind(py))?);
                }
                CoreExpr::all(parts)
            }
            Self::All(one, other) => one.resolve(schema, source, py)?.and(other.resolve(schema, source, py)?),
            Self::Any(one, other) => one.resolve(schema, source, py)?.or(other.resolve(schema, source, py)?),
            Self::Not(inner) => inner.resolve(schema, source, py)?.not_true(schema),
        })
    }
}

/// A condition, or a `Q` on a row of `source`.
pub(super) fn condition_on(schema: &Schema, source: Source, item: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    match item.cast::<Q>() {
        Ok(q) => q.get().resolve(schema, source, item.py()),
        Err(_) => condition_of(item),
    }
}

#[pymethods]
impl Q {
    #[new]
    #[pyo3(signature = (*conditions, **lookups))]
    fn new(conditions: &Bound<'_, PyTuple>, lookups: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let given = conditions.iter().map(Bound::unbind).collect();
        let lookups = lookups.map(|lookups| lookups.copy().map(Bound::unbind)).transpose()?;
        Ok(Self { node: Arc::new(Node::Leaf(given, lookups)) })
    }

    fn __and__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { node: Arc::new(Node::All(Arc::clone(&self.node), node_of(other)?)) })
    }

    fn __rand__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { node: Arc::new(Node::All(node_of(other)?, Arc::clone(&self.node))) })
    }

    fn __or__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { node: Arc::new(Node::Any(Arc::clone(&self.node), node_of(other)?)) })
    }

    fn __ror__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { node: Arc::new(Node::Any(node_of(other)?, Arc::clone(&self.node))) })
    }

    fn __invert__(&self) -> Self {
        Self { node: Arc::new(Node::Not(Arc::clone(&self.node))) }
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err(
            "a Q has no truth value in Python: combine them with `&`, `|` and `~` instead of `and`, `or` and `not`",
        ))
    }
}

fn node_of(item: &Bound<'_, PyAny>) -> PyResult<Arc<Node>> {
    match item.cast::<Q>() {
        Ok(q) => Ok(Arc::clone(&q.get().node)),
        Err(_) => {
            condition_of(item)?;
            Ok(Arc::new(Node::Leaf(vec![item.clone().unbind()], None)))
        }
    }
}
