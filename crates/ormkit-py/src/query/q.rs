//! `Q`: conditions and lookups that are combined before a query uses them.

use std::sync::Arc;

use ormkit_core::model::Schema;
use ormkit_core::query::lookup::Formula;
use ormkit_core::query::{Expr as CoreExpr, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::lookup::lookups_in;
use super::names::Names;
use crate::expr::condition_of;

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
    /// The condition among the names of a query.
    ///
    /// # Errors
    /// As [`lookup_condition`].
    pub(super) fn resolve(&self, names: &Names<'_>, py: Python<'_>) -> PyResult<CoreExpr> {
        self.node.resolve(names, py)
    }

    /// The same, to be said together with other conditions of a call.
    pub(super) fn formula(&self, names: &Names<'_>, py: Python<'_>) -> PyResult<Formula> {
        self.node.formula(names, py)
    }

    /// True when it says something of a group of rows.
    pub(super) fn is_of_group(&self, names: &Names<'_>, py: Python<'_>) -> bool {
        self.node.is_of_group(names, py)
    }
}

/// True for conditions that say nothing: none at all, or `Q()` alone. They neither let rows in nor keep them out, combined
/// or denied.
pub(super) fn says_nothing(conditions: &Bound<'_, PyTuple>, lookups: Option<&Bound<'_, PyDict>>) -> bool {
    let is_empty = |item: Bound<'_, PyAny>| item.cast::<Q>().is_ok_and(|q| q.get().node.is_empty(item.py()));
    lookups.is_none_or(|lookups| lookups.is_empty()) && conditions.iter().all(is_empty)
}

impl Node {
    fn is_empty(&self, py: Python<'_>) -> bool {
        match self {
            Self::Leaf(given, lookups) => {
                let is_empty =
                    |item: &Py<PyAny>| item.bind(py).cast::<Q>().is_ok_and(|q| q.get().node.is_empty(py));
                lookups.as_ref().is_none_or(|lookups| lookups.bind(py).is_empty())
                    && given.iter().all(is_empty)
            }
            Self::All(one, other) | Self::Any(one, other) => one.is_empty(py) && other.is_empty(py),
            Self::Not(inner) => inner.is_empty(py),
        }
    }

    fn is_of_group(&self, names: &Names<'_>, py: Python<'_>) -> bool {
        match self {
            Self::Leaf(given, lookups) => {
                let named = lookups.as_ref().is_some_and(|lookups| {
                    lookups.bind(py).keys().iter().any(|name| {
                        name.extract::<String>().is_ok_and(|name| {
                            let head = name.split("__").next().unwrap_or_default();
                            names.annotation(head).is_some_and(|annotation| annotation.of_group)
                        })
                    })
                });
                let inner = |item: &Py<PyAny>| {
                    item.bind(py).cast::<Q>().is_ok_and(|q| q.get().is_of_group(names, py))
                };
                named || given.iter().any(inner)
            }
            Self::All(one, other) | Self::Any(one, other) => {
                one.is_of_group(names, py) || other.is_of_group(names, py)
            }
            Self::Not(inner) => inner.is_of_group(names, py),
        }
    }

    fn resolve(&self, names: &Names<'_>, py: Python<'_>) -> PyResult<CoreExpr> {
        Ok(self.formula(names, py)?.written(names.schema, &names.around()))
    }

    fn formula(&self, names: &Names<'_>, py: Python<'_>) -> PyResult<Formula> {
        Ok(match self {
            Self::Leaf(given, lookups) => {
                let mut parts = Vec::new();
                for item in given {
                    parts.push(formula_in(names, item.bind(py))?);
                }
                if let Some(lookups) = lookups {
                    parts.push(lookups_in(names, lookups.bind(py))?.all());
                }
                Formula::All(parts)
            }
            Self::All(one, other) | Self::Any(one, other) if one.is_empty(py) => other.formula(names, py)?,
            Self::All(one, other) | Self::Any(one, other) if other.is_empty(py) => one.formula(names, py)?,
            Self::Not(inner) if inner.is_empty(py) => Formula::Said(CoreExpr::Bool(true)),
            Self::All(one, other) => Formula::All(vec![one.formula(names, py)?, other.formula(names, py)?]),
            Self::Any(one, other) => Formula::Any(vec![one.formula(names, py)?, other.formula(names, py)?]),
            Self::Not(inner) => Formula::Said(inner.resolve(names, py)?.not_true(names.schema)),
        })
    }
}

/// A condition, or a `Q` on a row of `source`.
pub(super) fn condition_on(schema: &Schema, source: Source, item: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    condition_in(&Names::of(schema, source), item)
}

/// The same among the names of a query.
pub(super) fn condition_in(names: &Names<'_>, item: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    match item.cast::<Q>() {
        Ok(q) => q.get().resolve(names, item.py()),
        Err(_) => condition_of(item),
    }
}

/// The same, to be said together with other conditions of a call.
pub(super) fn formula_in(names: &Names<'_>, item: &Bound<'_, PyAny>) -> PyResult<Formula> {
    match item.cast::<Q>() {
        Ok(q) => q.get().formula(names, item.py()),
        Err(_) => condition_of(item).map(Formula::Said),
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

    /// Exactly one of the two.
    fn __xor__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (one, other) = (Arc::clone(&self.node), node_of(other)?);
        let alone = |this: &Arc<Node>, that: &Arc<Node>| {
            Arc::new(Node::All(Arc::clone(this), Arc::new(Node::Not(Arc::clone(that)))))
        };
        Ok(Self { node: Arc::new(Node::Any(alone(&one, &other), alone(&other, &one))) })
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
