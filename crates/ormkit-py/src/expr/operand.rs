//! Python values as operands.

use ormkit_core::model::{ColumnType, FieldId, ModelId};
use ormkit_core::query::{Bound as BoundValue, Expr as CoreExpr, Param, Select as CoreSelect};
use ormkit_core::value::{SqlType, Value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use std::sync::Arc;

use super::Expr;
use super::late::column_value;
use super::open::{self, Use};
use super::typing::{Typing, converted_typing, find_type, is_kindred, own_type, typing_of};
use crate::convert::Conversion;
use crate::model::conversion;
use crate::query::{F, Select};

/// `value` as an operand beside `beside`: an expression as it is, a `select` as a value, anything else bound with the
/// type of `beside`, or its own where that has none.
///
/// # Errors
/// `DataError` naming `Model.attr` when the value does not fit; `TypeError` for a value that no column can hold.
pub(crate) fn operand(value: &Bound<'_, PyAny>, beside: Option<&CoreExpr>) -> PyResult<CoreExpr> {
    let typing = beside.and_then(typing_of);
    if let Some(expr) = expression_beside(value, typing.as_ref(), Use::Compared)? {
        return Ok(expr);
    }
    let typing = match typing {
        Some(typing) => typing,
        None => Typing::plain(own_type(value)?),
    };
    bound(value, &typing)
}

/// The two sides of a comparison: values without a type on the left take that of the right.
///
/// # Errors
/// As [`operand`].
pub(crate) fn sides(left: CoreExpr, other: &Bound<'_, PyAny>) -> PyResult<(CoreExpr, CoreExpr)> {
    let right = operand(other, Some(&left))?;
    Ok((open::beside(left, &right, Use::Compared)?, right))
}

/// `value` as what a field is set to: as [`operand`], and it has to fit the column's size.
pub(crate) fn assigned(value: &Bound<'_, PyAny>, model: ModelId, field: FieldId) -> PyResult<CoreExpr> {
    let typing = Typing::stored(value.py(), model, field);
    let hears_none = value.is_none() && typing.has_user();
    if !hears_none && let Some(expr) = expression_beside(value, Some(&typing), Use::Stored)? {
        return Ok(expr);
    }
    bound(value, &typing)
}

/// The rows of a SELECT as what some fields are set to, column by column.
///
/// # Errors
/// As [`assigned`].
pub(crate) fn assigned_rows(
    py: Python<'_>,
    mut rows: Arc<CoreSelect>,
    model: ModelId,
    fields: &[FieldId],
) -> PyResult<Arc<CoreSelect>> {
    for (column, field) in fields.iter().enumerate() {
        if let Some(made) = open::typed_column(&rows, column, &Typing::stored(py, model, *field))? {
            rows = made.into();
        }
    }
    Ok(rows)
}

/// `value` as one of the type that `of` has; None is NULL of that type.
pub(crate) fn assigned_as(value: &Bound<'_, PyAny>, of: &CoreExpr) -> PyResult<CoreExpr> {
    match (operand(value, Some(of))?, of) {
        (CoreExpr::Null, CoreExpr::Cast(node)) => Ok(CoreExpr::Null.cast(node.to.clone())),
        (given, _) => Ok(given),
    }
}

/// The same where the value says its own type: a number added to a column need not fit the column.
pub(crate) fn free_operand(value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    operand(value, None)
}

/// `value` beside an operator that does not say what its other side is: with the type of `beside` where that is of the
/// same kind (numbers, texts, times, arrays), with its own otherwise.
pub(crate) fn kindred_operand(value: &Bound<'_, PyAny>, beside: &CoreExpr) -> PyResult<CoreExpr> {
    let typing = typing_of(beside);
    if let Some(expr) = expression_beside(value, typing.as_ref(), Use::Compared)? {
        return Ok(expr);
    }
    let own = find_type(value)?;
    match typing {
        Some(typing) if is_kindred(value, own.as_ref(), &typing) => bound(value, &typing),
        _ => bound(value, &Typing::plain(own_type(value)?)),
    }
}

/// Values of one type: the branches of `case()`, the arguments of `coalesce()`. Plain ones among them take the type of the
/// first expression whose values a column converts, else of the first that has a type, where they are of its kind; without
/// any they wait for what the whole stands beside.
///
/// # Errors
/// As [`operand`].
pub(crate) fn alike(values: &[Bound<'_, PyAny>]) -> PyResult<Vec<CoreExpr>> {
    let exprs = values.iter().map(open::operand).collect::<PyResult<Vec<_>>>()?;
    let typing =
        exprs.iter().find_map(converted_typing).or_else(|| exprs.iter().find_map(typing_of_expression));
    let Some(typing) = typing else { return Ok(exprs) };
    let typed = |(value, expr): (&Bound<'_, PyAny>, CoreExpr)| match expression_param(value, &typing)? {
        Some(param) => Ok(param),
        None => open::typed(expr, &typing, Use::Alike),
    };
    values.iter().zip(exprs).map(typed).collect()
}

/// The type of what is no plain value.
pub(super) fn typing_of_expression(expr: &CoreExpr) -> Option<Typing> {
    match expr {
        CoreExpr::Value(_) => None,
        other => typing_of(other),
    }
}

/// `value` as one of a type.
pub(crate) fn typed_operand(value: &Bound<'_, PyAny>, column_type: ColumnType) -> PyResult<CoreExpr> {
    let typing = Typing::plain(column_type);
    if let Some(expr) = expression_beside(value, Some(&typing), Use::Compared)? {
        return Ok(expr);
    }
    bound(value, &typing)
}

/// `value` as JSON: None is JSON's null.
pub(crate) fn json_operand(value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    if value.is_none() {
        let sql_type = ColumnType::Json.sql_type();
        return Ok(CoreExpr::value(Value::Json("null".into()), sql_type));
    }
    typed_operand(value, ColumnType::Json)
}

/// The operands of IN beside `beside`, each of them a constant or an expression, and the type of the constants.
pub(crate) fn element_list(
    values: &Bound<'_, PyAny>,
    beside: &CoreExpr,
) -> PyResult<(Vec<CoreExpr>, SqlType)> {
    if values.is_instance_of::<PyString>() || values.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err("in_() takes a list of values, not one text"));
    }
    if values.is_none() {
        return Err(PyTypeError::new_err(
            "in_() takes a list of values, not None: is_(None) finds rows without one",
        ));
    }
    let mut typing = typing_of(beside);
    let mut list = Vec::new();
    let no_list = |_| {
        let found = values.get_type().name().map_or_else(|_| String::new(), |name| name.to_string());
        PyTypeError::new_err(format!("in_() takes a list of values or a select, not a value of type {found}"))
    };
    for value in values.try_iter().map_err(no_list)? {
        let value = value?;
        if let Some(expr) = expression_beside(&value, typing.as_ref(), Use::Compared)? {
            list.push(expr);
            continue;
        }
        if typing.is_none() && !value.is_none() {
            let column_type = match own_type(&value)? {
                ColumnType::Integer => ColumnType::BigInt,
                other => other,
            };
            typing = Some(Typing::plain(column_type));
        }
        list.push(match &typing {
            Some(typing) => bound(&value, typing)?,
            None => CoreExpr::Null,
        });
    }
    let element = typing.map_or(SqlType::Text, |typing| typing.column_type.sql_type());
    Ok((list, element))
}

/// The expression that `value` already is; a parameter, and values without a type in it, take the type of what it stands
/// beside.
pub(super) fn expression_beside(
    value: &Bound<'_, PyAny>,
    beside: Option<&Typing>,
    as_what: Use,
) -> PyResult<Option<CoreExpr>> {
    let param = match beside {
        Some(typing) => expression_param(value, typing)?,
        None => Expr::param_beside(value, None, None, false)?.map(CoreExpr::param),
    };
    if param.is_some() {
        return Ok(param);
    }
    match (expression_of(value)?, beside) {
        (Some(expr), Some(typing)) => open::typed(expr, typing, as_what).map(Some),
        (found, _) => Ok(found),
    }
}

/// A parameter beside something of a type; None for any other value.
fn expression_param(value: &Bound<'_, PyAny>, typing: &Typing) -> PyResult<Option<CoreExpr>> {
    let param = Expr::param_beside(value, Some(typing.column_type.clone()), typing.field, false)?;
    match param {
        Some(_) if typing.field.is_none() && typing.has_user() => Err(PyTypeError::new_err(
            "bindparam() beside lists of values that a class of yours makes: give the list itself",
        )),
        param => Ok(param.map(CoreExpr::param)),
    }
}

/// A parameter as the list of IN beside `beside`; None for any other value.
pub(super) fn list_param(value: &Bound<'_, PyAny>, beside: &CoreExpr) -> PyResult<Option<Param>> {
    let typing = typing_of(beside);
    let field = typing.as_ref().and_then(|typing| typing.field);
    Expr::param_beside(value, typing.map(|typing| typing.column_type), field, true)
}

/// A value of a type that is given when the statement runs.
pub(super) fn constant(
    value: &Bound<'_, PyAny>,
    column_type: &ColumnType,
    field: Option<(ModelId, FieldId)>,
) -> PyResult<BoundValue> {
    refuse_expression(value)?;
    let own = field.and_then(|(model, field)| conversion(value.py(), model, field));
    let typing = Typing { column_type: column_type.clone(), field, own };
    if value.is_none() && !typing.has_user() {
        return Ok(BoundValue::new(Value::Null, column_type.sql_type()));
    }
    Ok(BoundValue::new(converted(value, &typing)?, column_type.sql_type()))
}

/// The same of the value's own type.
pub(super) fn own_constant(value: &Bound<'_, PyAny>) -> PyResult<BoundValue> {
    refuse_expression(value)?;
    match value.is_none() {
        true => Ok(BoundValue::new(Value::Null, SqlType::Unknown)),
        false => constant(value, &own_type(value)?, None),
    }
}

/// The values of a list that is given when the statement runs.
pub(super) fn listed<'py>(value: &Bound<'py, PyAny>, name: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() || value.try_iter().is_err() {
        return Err(PyTypeError::new_err(format!("the parameter {name:?} of in_() takes a list of values")));
    }
    value.try_iter()?.collect()
}

/// True for what SQL computes.
pub(crate) fn is_expression(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<Expr>() || value.is_instance_of::<Select>() || value.is_instance_of::<F>()
}

fn refuse_expression(value: &Bound<'_, PyAny>) -> PyResult<()> {
    match is_expression(value) {
        true => Err(PyTypeError::new_err(
            "values beside a statement are plain ones: write expressions into the statement, values(..) or where(..)",
        )),
        false => Ok(()),
    }
}

/// The expression that `value` already is.
fn expression_of(value: &Bound<'_, PyAny>) -> PyResult<Option<CoreExpr>> {
    if value.is_none() {
        return Ok(Some(CoreExpr::Null));
    }
    if let Ok(expr) = value.cast::<Expr>() {
        return expr.get().core().cloned().map(Some);
    }
    if let Ok(select) = value.cast::<Select>() {
        return Ok(Some(CoreExpr::Scalar(select.get().shared())));
    }
    Ok(None)
}

/// `value` bound as one of a type.
pub(super) fn bound(value: &Bound<'_, PyAny>, typing: &Typing) -> PyResult<CoreExpr> {
    Ok(CoreExpr::value(converted(value, typing)?, typing.column_type.sql_type()))
}

/// A part of texts that a `TypeDecorator` makes, made by it as well; None beside others, or for what is no text.
pub(crate) fn decorated_text(part: &Bound<'_, PyAny>, beside: &CoreExpr) -> PyResult<Option<CoreExpr>> {
    let is_text = |of: &ColumnType| matches!(of, ColumnType::Text | ColumnType::VarChar(_));
    let is_made = |typing: &Typing| typing.own.as_deref().is_some_and(Conversion::is_decorated);
    let typing = typing_of(beside).filter(|typing| is_text(&typing.column_type) && is_made(typing));
    match typing.filter(|_| part.is_instance_of::<PyString>()) {
        Some(typing) => Ok(Some(CoreExpr::value(converted(part, &typing)?, SqlType::Text))),
        None => Ok(None),
    }
}

pub(super) fn converted(value: &Bound<'_, PyAny>, typing: &Typing) -> PyResult<Value> {
    column_value(value, &typing.column_type, typing.own.clone(), &|| typing.place())
}
