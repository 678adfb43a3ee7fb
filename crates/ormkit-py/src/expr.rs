//! Expressions: what `User.age >= 18` is.
//!
//! Every object holds an expression of the core; Python values are converted to the type of what they are compared with
//! when the expression is made, so that a wrong one is found where it is written.

mod arithmetic;
mod bits;
mod function;
mod json;
mod late;
mod logic;
mod open;
mod operand;
mod operator;
mod param;
mod quantifier;
mod relation;
mod row;
mod side;
mod texts;
mod told;
mod typing;

pub(crate) use arithmetic::{arithmetic, behind, in_front, is_text};
pub(crate) use bits::CustomOperator;
pub(crate) use function::{FunctionNamespace, NamedFunction, aggregate_order_by};
pub(crate) use json::ordered_json;
pub(crate) use logic::{
    and_, asc, between, case, cast, collate, condition_of, conditions_of, desc, distinct, extract, false_,
    literal, literal_column, not_, null, nulls_first, nulls_last, or_, text, true_, type_coerce,
};
pub(crate) use operand::{
    assigned, assigned_as, assigned_rows, decorated_text, is_expression, json_operand, operand, typed_operand,
};
pub(crate) use operator::member;
pub(crate) use param::{any_parameters, argument, bindparam};
pub(crate) use quantifier::{Quantifier, all_, any_};
pub(crate) use relation::{is_one, key_of_owner, object_or_key, of_owner, related_condition, with_parent};
pub(crate) use row::{RowValue, tuple_};
pub(crate) use side::{Said, foreign, remote};
pub(crate) use told::Told;
pub(crate) use typing::DeclaredColumns;

use ormkit_core::model::{FieldId, ModelId};
use ormkit_core::query::{Expr as CoreExpr, Nulls, OperationKind, Order, Source};
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::model::{unsupported, with_def};

/// Something that SQL computes.
///
/// It has no truth value: combine conditions with `&`, `|` and `~`.
#[pyclass(frozen, subclass, module = "ormkit")]
pub(crate) struct Expr {
    kind: Kind,
    label: Option<String>,
    order: Option<Direction>,
    /// For `==` and `!=` of two expressions: whether the two were one object, which is what containers ask.
    truth: Option<bool>,
}

#[derive(Clone)]
enum Kind {
    Sql(CoreExpr),
    /// A relation of a model, by its slot: no value by itself. Without a table it is that of objects out of a subquery.
    Relation(ModelId, usize, Option<Source>),
    /// What an aggregate sees each value of once, and in which order: only as its argument.
    Argument(Box<Argument>),
    /// What `order_by` of a statement looks up.
    Name(Box<str>),
    /// A value that is given when the statement runs.
    Param(Arc<param::Parameter>),
}

/// An argument of an aggregate with what is said about it.
#[derive(Clone)]
struct Argument {
    expr: CoreExpr,
    distinct: bool,
    order_by: Vec<Order>,
}

#[derive(Clone, Copy, Default)]
struct Direction {
    descending: bool,
    nulls: Option<Nulls>,
}

/// A truth value of SQL; it has none in Python.
#[pyclass(frozen, subclass, extends = Expr, module = "ormkit")]
pub(crate) struct Condition;

impl Expr {
    /// The SQL of a `text()`; None for anything else.
    pub(crate) fn raw_text(&self) -> Option<String> {
        match &self.kind {
            Kind::Sql(CoreExpr::Text(sql)) => Some(sql.to_string()),
            _ => None,
        }
    }

    /// A `text()`, with the values of its placeholders; None for anything else.
    pub(crate) fn written(&self) -> Option<&CoreExpr> {
        match &self.kind {
            Kind::Sql(sql @ CoreExpr::Text(_)) => Some(sql),
            Kind::Sql(sql @ CoreExpr::Operation(of)) if matches!(of.kind, OperationKind::Template(_)) => {
                Some(sql)
            }
            _ => None,
        }
    }

    /// A column of a class, and whether it sorts downwards; None for anything else.
    pub(crate) fn sorted_column(&self) -> Option<(ModelId, FieldId, bool)> {
        match (&self.kind, self.order) {
            (Kind::Sql(CoreExpr::Column(column)), order)
                if order.is_none_or(|order| order.nulls.is_none()) =>
            {
                let down = order.is_some_and(|order| order.descending);
                Some((column.source.model, column.field, down))
            }
            _ => None,
        }
    }

    /// An expression of the core.
    pub(crate) fn new(expr: CoreExpr) -> Self {
        Self { kind: Kind::Sql(expr), label: None, order: None, truth: None }
    }

    /// A relation of a model, of rows of `source`.
    pub(crate) fn of_relation(model: ModelId, slot: usize, source: Option<Source>) -> Self {
        Self { kind: Kind::Relation(model, slot, source), label: None, order: None, truth: None }
    }

    /// The expression of the core.
    ///
    /// # Errors
    /// `TypeError` for a relation, which has no value by itself.
    pub(crate) fn core(&self) -> PyResult<&CoreExpr> {
        match &self.kind {
            Kind::Sql(expr) => Ok(expr),
            Kind::Param(param) => Ok(&param.core),
            Kind::Relation(model, slot, _) => {
                let name = relation_name(*model, *slot);
                Err(PyTypeError::new_err(format!(
                    "{name} is a relation and no value: compare it with an object, or use any() or has()"
                )))
            }
            Kind::Argument(_) => Err(PyTypeError::new_err(
                "distinct() and aggregate_order_by() make an argument of an aggregate: func.count(User.name.distinct()); rows are made distinct by select(..).distinct()",
            )),
            Kind::Name(name) => Err(PyTypeError::new_err(format!(
                "the name {name:?} is looked up by order_by() of a statement: give the column itself here"
            ))),
        }
    }

    /// The model and slot of a relation.
    pub(crate) fn relation(&self) -> Option<(ModelId, usize)> {
        match self.kind {
            Kind::Sql(_) | Kind::Argument(_) | Kind::Name(_) | Kind::Param(_) => None,
            Kind::Relation(model, slot, _) => Some((model, slot)),
        }
    }

    /// The table whose rows have the relation.
    ///
    /// # Errors
    /// `Unsupported` for objects out of a subquery.
    pub(crate) fn relation_source(&self) -> PyResult<Option<Source>> {
        match self.kind {
            Kind::Sql(_) | Kind::Argument(_) | Kind::Name(_) | Kind::Param(_) => Ok(None),
            Kind::Relation(_, _, Some(source)) => Ok(Some(source)),
            Kind::Relation(model, slot, None) => Err(unsupported(
                format!("{} of objects out of a subquery in a condition or join", relation_name(model, slot)),
                "join the other class on a condition of the subquery's columns",
            )),
        }
    }

    /// The same relation.
    pub(crate) fn relation_like(&self) -> Self {
        Self { kind: self.kind.clone(), label: None, order: None, truth: None }
    }

    /// A name that `order_by` looks up: a leading `-` sorts downwards.
    fn of_name(name: &str) -> Self {
        let (name, descending) = name.strip_prefix('-').map_or((name, false), |bare| (bare, true));
        let order = Some(Direction { descending, nulls: None });
        Self { kind: Kind::Name(name.into()), label: None, order, truth: None }
    }

    /// The name that `order_by` is to look up.
    pub(crate) fn order_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The name, whether it descends, and where NULLs stand.
    pub(crate) fn order_of_name(&self) -> Option<(&str, bool, Option<Nulls>)> {
        let direction = self.order.unwrap_or_default();
        self.order_name().map(|name| (name, direction.descending, direction.nulls))
    }

    /// A value in the place of a name, sorted as it says.
    pub(crate) fn in_order_of(&self, expr: CoreExpr) -> Self {
        Self { order: self.order, ..Self::new(expr) }
    }

    /// The name given by `label()`.
    pub(crate) fn label_name(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// As a term of ORDER BY: upwards unless `desc()` was said.
    pub(crate) fn as_order(&self) -> PyResult<Order> {
        let direction = self.order.unwrap_or_default();
        Ok(Order { expr: self.core()?.clone(), descending: direction.descending, nulls: direction.nulls })
    }
}

/// `User.posts`, for messages.
fn relation_name(model: ModelId, slot: usize) -> String {
    with_def(model, |def| {
        let relation = slot.checked_sub(def.fields.len()).and_then(|at| def.relations.get(at));
        format!("{}.{}", def.name, relation.map_or("?", |relation| &relation.name))
    })
}

/// An expression as a Python object.
pub(crate) fn expression(py: Python<'_>, expr: CoreExpr) -> PyResult<Bound<'_, Expr>> {
    Bound::new(py, Expr::new(expr))
}

/// A condition as a Python object.
pub(crate) fn condition(py: Python<'_>, expr: CoreExpr) -> PyResult<Bound<'_, Condition>> {
    Bound::new(py, PyClassInitializer::from(Expr::new(expr)).add_subclass(Condition))
}

/// A comparison of two expressions, with the answer that containers get.
fn comparison(py: Python<'_>, expr: CoreExpr, truth: Option<bool>) -> PyResult<Bound<'_, Condition>> {
    let base = Expr { truth, ..Expr::new(expr) };
    Bound::new(py, PyClassInitializer::from(base).add_subclass(Condition))
}
