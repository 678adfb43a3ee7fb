//! Values whose type is still open: they take that of what they come to stand beside, in a branch of `case()`, an argument of
//! `coalesce()`, a `literal()`; where that is nothing, their own.

use ormkit_core::error::{Error, Result};
use ormkit_core::model::ColumnType;
use ormkit_core::query::{Bound as BoundValue, Expr as CoreExpr, Select as CoreSelect};
use ormkit_core::value::{Destination, Object, SqlType, Value};
use pyo3::prelude::*;

use super::operand::{converted, expression_beside, typing_of_expression};
use super::typing::{Typing, find_type, is_kindred, is_other_number};
use crate::convert::type_name;

/// What an expression with such values is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It is compared: a number need not be one of the other side's type.
    Compared,
    /// It is one of several values of one type.
    Alike,
    /// A column is set to it: values are the column's, or an error.
    Stored,
}

/// A Python value, and what it is by itself; None for one that has no type of its own.
struct Open {
    value: Py<PyAny>,
    own: Option<(ColumnType, Value)>,
}

/// The expression that `value` already is, or one of it whose type is open.
///
/// # Errors
/// `DataError` for a value that no database holds.
pub(super) fn operand(value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    if let Some(expr) = expression_beside(value, None, Use::Alike)? {
        return Ok(expr);
    }
    let own = match find_type(value)? {
        Some(column_type) => {
            let made = converted(value, &Typing::plain(column_type.clone()))?;
            Some((column_type, made))
        }
        None => None,
    };
    let sql_type = own.as_ref().map_or(SqlType::Unknown, |(column_type, _)| column_type.sql_type());
    let open = Open { value: value.clone().unbind(), own };
    Ok(CoreExpr::value(Value::Object(Object::late(open, closed)), sql_type))
}

/// The value by itself: it has come to stand beside nothing.
fn closed(object: &Object, to: &Destination<'_>) -> Result<Value> {
    let Some(open) = object.host::<Open>() else { return Err(object.refused()) };
    match &open.own {
        Some((_, Value::Object(waiting))) => waiting.bound(to).unwrap_or_else(|| Err(object.refused())),
        Some((_, value)) => Ok(value.clone()),
        None => {
            let found = Python::attach(|py| type_name(open.value.bind(py)));
            Err(Error::data(
                None,
                format!(
                    "a value of type {found} has no place in a statement by itself: put it beside a column, or say its \
                     type, literal(value, type)"
                ),
            ))
        }
    }
}

/// The expression with its open values as values of a type, where they are of its kind.
///
/// # Errors
/// `DataError` naming `Model.attr` where one does not fit.
pub(super) fn typed(expr: CoreExpr, typing: &Typing, as_what: Use) -> PyResult<CoreExpr> {
    Ok(retyped(&expr, typing, as_what)?.unwrap_or(expr))
}

fn retyped(expr: &CoreExpr, typing: &Typing, as_what: Use) -> PyResult<Option<CoreExpr>> {
    let made = expr.with_values(&mut |bound: &BoundValue| made(bound, typing, as_what))?;
    Ok(made.map(|made| match made {
        // The server takes them for texts where it is not told otherwise.
        made if !matches!(made, CoreExpr::Value(_)) && is_untold(typing) && made.answers_values_alone() => {
            made.cast(typing.column_type.clone())
        }
        made => made,
    }))
}

/// True for types whose values are bound as text, without a type.
fn is_untold(typing: &Typing) -> bool {
    matches!(typing.column_type.sql_type(), SqlType::Enum | SqlType::Literal | SqlType::Unknown)
}

/// A SELECT with its open values in one column as values of a type.
///
/// # Errors
/// As [`typed`].
pub(super) fn typed_column(
    select: &CoreSelect,
    column: usize,
    typing: &Typing,
) -> PyResult<Option<CoreSelect>> {
    select.with_column(column, &mut |expr| retyped(expr, typing, Use::Stored))
}

/// True for a value whose type is open.
pub(super) fn is_open(bound: &BoundValue) -> bool {
    matches!(&bound.value, Value::Object(object) if object.host::<Open>().is_some())
}

/// An open value as one of a type; None for one that stays as it is.
fn made(bound: &BoundValue, typing: &Typing, as_what: Use) -> PyResult<Option<BoundValue>> {
    let Value::Object(object) = &bound.value else { return Ok(None) };
    let Some(open) = object.host::<Open>() else { return Ok(None) };
    Python::attach(|py| {
        let value = open.value.bind(py);
        if !takes(value, open.own.as_ref().map(|(own, _)| own), typing, as_what) {
            return Ok(None);
        }
        Ok(Some(BoundValue::new(converted(value, typing)?, typing.column_type.sql_type())))
    })
}

/// The same, of the type that `other` has.
///
/// # Errors
/// As [`typed`].
pub(super) fn beside(expr: CoreExpr, other: &CoreExpr, as_what: Use) -> PyResult<CoreExpr> {
    let may_be_open = matches!(
        expr,
        CoreExpr::Value(_)
            | CoreExpr::Case(_)
            | CoreExpr::Call(_)
            | CoreExpr::Operation(_)
            | CoreExpr::Labelled(_)
            | CoreExpr::Scalar(_)
    );
    match may_be_open.then(|| typing_of_expression(other)).flatten() {
        Some(typing) => typed(expr, &typing, as_what),
        None => Ok(expr),
    }
}

fn takes(value: &Bound<'_, PyAny>, own: Option<&ColumnType>, typing: &Typing, as_what: Use) -> bool {
    match as_what {
        Use::Stored => true,
        Use::Alike | Use::Compared => {
            is_kindred(value, own, typing) && !is_other_number(own, typing, as_what == Use::Compared)
        }
    }
}
