//! Functions that make expressions: `and_`, `case`, `cast`, `literal` …

use ormkit_core::query::Expr as CoreExpr;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::operand::{free_operand, operand};
use super::{Condition, Expr, condition, expression};
use crate::fields::types::TypeEngine;

/// The conditions of a call.
///
/// # Errors
/// `TypeError` for what is no condition.
pub(crate) fn conditions_of(given: &Bound<'_, PyTuple>) -> PyResult<Vec<CoreExpr>> {
    given.iter().map(|item| condition_of(&item)).collect()
}

/// One condition; `True` and `False` are conditions too.
pub(crate) fn condition_of(item: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    if let Ok(expr) = item.cast::<Expr>() {
        return expr.get().core().cloned();
    }
    if let Ok(constant) = item.extract::<bool>() {
        return Ok(CoreExpr::Bool(constant));
    }
    let found = item.get_type().name()?;
    Err(PyTypeError::new_err(format!("a condition such as User.id == 1 is expected here, not a {found}")))
}

/// All of the conditions; true without any.
#[pyfunction]
#[pyo3(signature = (*conditions))]
pub(crate) fn and_<'py>(conditions: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Condition>> {
    condition(conditions.py(), CoreExpr::all(conditions_of(conditions)?))
}

/// Any of the conditions; false without any.
#[pyfunction]
#[pyo3(signature = (*conditions))]
pub(crate) fn or_<'py>(conditions: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Condition>> {
    condition(conditions.py(), CoreExpr::any(conditions_of(conditions)?))
}

/// The opposite of a condition; NULL stays NULL.
#[pyfunction]
pub(crate) fn not_<'py>(item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
    condition(item.py(), condition_of(item)?.negate())
}

/// For ORDER BY: upwards.
#[pyfunction]
pub(crate) fn asc<'py>(item: &Bound<'py, Expr>) -> PyResult<Bound<'py, PyAny>> {
    item.call_method0("asc")
}

/// For ORDER BY: downwards.
#[pyfunction]
pub(crate) fn desc<'py>(item: &Bound<'py, Expr>) -> PyResult<Bound<'py, PyAny>> {
    item.call_method0("desc")
}

/// A Python value as an expression; it is bound, never written into the text.
#[pyfunction]
pub(crate) fn literal<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Expr>> {
    expression(value.py(), free_operand(value)?)
}

/// SQL of your own, written as it is: never put a value of somebody else into it.
#[pyfunction]
pub(crate) fn text<'py>(py: Python<'py>, sql: &str) -> PyResult<Bound<'py, Expr>> {
    expression(py, CoreExpr::Text(sql.into()))
}

/// NULL.
#[pyfunction]
pub(crate) fn null(py: Python<'_>) -> PyResult<Bound<'_, Expr>> {
    expression(py, CoreExpr::Null)
}

/// TRUE.
#[pyfunction(name = "true")]
pub(crate) fn true_(py: Python<'_>) -> PyResult<Bound<'_, Condition>> {
    condition(py, CoreExpr::Bool(true))
}

/// FALSE.
#[pyfunction(name = "false")]
pub(crate) fn false_(py: Python<'_>) -> PyResult<Bound<'_, Condition>> {
    condition(py, CoreExpr::Bool(false))
}

/// `CAST(value AS type)`; the type is one of a column: `cast(User.age, String)`.
#[pyfunction]
pub(crate) fn cast<'py>(value: &Bound<'py, PyAny>, r#type: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Expr>> {
    let made = match r#type.cast::<PyType>() {
        Ok(class) => class.call0()?,
        Err(_) => r#type.clone(),
    };
    let engine = made
        .cast::<TypeEngine>()
        .map_err(|_| PyTypeError::new_err("cast() takes a column type such as Integer or String(20)"))?;
    expression(value.py(), free_operand(value)?.cast(engine.get().column_type.clone()))
}

/// `CASE WHEN .. THEN .. ELSE .. END`: pairs of condition and value.
#[pyfunction]
#[pyo3(signature = (*whens, else_ = None))]
pub(crate) fn case<'py>(
    whens: &Bound<'py, PyTuple>,
    else_: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Expr>> {
    let mut pairs = Vec::new();
    for when in whens.iter() {
        let (condition, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = when
            .extract()
            .map_err(|_| PyTypeError::new_err("case() takes pairs: (condition, value), …, else_=value"))?;
        let beside = pairs.first().map(|(_, value): &(CoreExpr, CoreExpr)| value.clone());
        pairs.push((condition_of(&condition)?, operand(&value, beside.as_ref())?));
    }
    let otherwise = else_.map(free_operand).transpose()?;
    expression(whens.py(), CoreExpr::case(pairs, otherwise))
}
