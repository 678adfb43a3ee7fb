//! Arithmetic, and what stands in it beside values that a `TypeDecorator` makes: what is added to them or taken from them is
//! made by it, too.

use ormkit_core::model::ColumnType;
use ormkit_core::query::{ArithmeticOp, Expr as CoreExpr, Item};
use ormkit_core::value::SqlType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::open::{self, Use};
use super::operand::{bound, expression_beside, free_operand};
use super::typing::{Typing, column_type_of, converted_typing, is_span};

/// `expr op other`.
///
/// # Errors
/// `DataError` and `TypeError` for a value that no column can hold; `TypeError` for a product or quotient of a decorated
/// column and a plain value, or of two such columns: nobody can say what it is.
pub(crate) fn in_front(op: ArithmeticOp, expr: CoreExpr, other: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    let other = beside(op, &expr, other)?;
    arithmetic(op, expr, other)
}

/// `other op expr`.
///
/// # Errors
/// As [`in_front`].
pub(crate) fn behind(op: ArithmeticOp, other: &Bound<'_, PyAny>, expr: CoreExpr) -> PyResult<CoreExpr> {
    let other = beside(op, &expr, other)?;
    arithmetic(op, other, expr)
}

/// `left op right`; `+` of texts puts them one behind the other.
///
/// # Errors
/// As [`in_front`].
pub(crate) fn arithmetic(op: ArithmeticOp, left: CoreExpr, right: CoreExpr) -> PyResult<CoreExpr> {
    let op = match op {
        ArithmeticOp::Add if is_text(&left) || is_text(&right) => ArithmeticOp::Concat,
        op => op,
    };
    let (left, right) = match (decorated(&left), decorated(&right)) {
        (Some(one), Some(_)) if is_product(op) => {
            return Err(PyTypeError::new_err(format!(
                "{}{}another value that {} makes: nobody can say what that is; cast(column, type) gives the database's \
                 own value",
                one.place(),
                op.text(),
                one.decorator().unwrap_or_default(),
            )));
        }
        (Some(typing), None) if keeps_values(op) => (left, open::typed(right, &typing, Use::Alike)?),
        (None, Some(typing)) if keeps_values(op) => (open::typed(left, &typing, Use::Alike)?, right),
        _ => (left, right),
    };
    Ok(left.arithmetic(op, right))
}

/// `value` beside `expr`: by itself, or made by the class that makes the values of `expr`.
fn beside(op: ArithmeticOp, expr: &CoreExpr, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    let Some(typing) = decorated(expr).filter(Typing::binds) else { return free_operand(value) };
    if let Some(expr) = expression_beside(value, None, Use::Compared)? {
        return Ok(expr);
    }
    if is_span(value, &typing) || !(keeps_values(op) || is_product(op)) {
        return free_operand(value);
    }
    if keeps_values(op) {
        return bound(value, &typing);
    }
    let decorator = typing.decorator().unwrap_or_default();
    Err(PyTypeError::new_err(format!(
        "{}{}a plain value: it is no value of {decorator}, which would make another number of it; write literal(value)",
        typing.place(),
        op.text(),
    )))
}

/// The type of an expression whose values a `TypeDecorator` makes.
fn decorated(expr: &CoreExpr) -> Option<Typing> {
    converted_typing(expr).filter(|typing| typing.decorator().is_some())
}

/// True where both sides and the result are values of one meaning.
fn keeps_values(op: ArithmeticOp) -> bool {
    use ArithmeticOp as A;
    matches!(op, A::Add | A::Subtract | A::Concat | A::BitAnd | A::BitOr | A::BitXor)
}

/// True where two values of one meaning give one of another.
fn is_product(op: ArithmeticOp) -> bool {
    use ArithmeticOp as A;
    matches!(op, A::Multiply | A::Divide | A::DivideWhole | A::Modulo)
}

/// True for a text: `+` joins it.
pub(crate) fn is_text(expr: &CoreExpr) -> bool {
    match expr {
        CoreExpr::Value(bound) => bound.sql_type == SqlType::Text,
        CoreExpr::Arithmetic(node) => node.op == ArithmeticOp::Concat,
        CoreExpr::Part(part) => is_text(&part.shown().of),
        CoreExpr::Case(node) => node.whens.iter().map(|(_, value)| value).chain(&node.otherwise).any(is_text),
        CoreExpr::Scalar(select) => {
            matches!(select.items.first(), Some(Item::Value { expr, .. }) if is_text(expr))
        }
        CoreExpr::Call(node) => node.is_text() || (node.keeps_type() && node.args.iter().any(is_text)),
        other => matches!(column_type_of(other), Some(ColumnType::Text | ColumnType::VarChar(_))),
    }
}
