//! `tuple_(Post.author_id, Post.id)`: several values as one.

use ormkit_core::query::{CompareOp, Expr as CoreExpr};
use ormkit_core::value::{SqlType, Value};
use pyo3::basic::CompareOp as PyCompare;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::operand::{free_operand, operand};
use super::operator::compare_op;
use super::{Condition, condition};
use crate::query::Select;

/// Several values that are compared from left to right.
#[pyclass(frozen, module = "ormkit", name = "_Tuple")]
pub(crate) struct RowValue {
    parts: Vec<CoreExpr>,
}

/// Several expressions as one: `tuple_(Post.author_id, Post.id).in_([(1, 2), (3, 4)])`, `tuple_(..) > (7, 3)`.
#[pyfunction]
#[pyo3(signature = (*parts))]
pub(crate) fn tuple_(parts: &Bound<'_, PyTuple>) -> PyResult<RowValue> {
    Ok(RowValue { parts: parts.iter().map(|part| free_operand(&part)).collect::<PyResult<_>>()? })
}

impl RowValue {
    /// The parts as one expression.
    pub(super) fn core(&self) -> CoreExpr {
        CoreExpr::row(self.parts.clone())
    }

    /// The values of one row, each beside its part.
    fn values_of(&self, row: &Bound<'_, PyAny>) -> PyResult<Vec<CoreExpr>> {
        if self.parts.is_empty() {
            return Err(PyTypeError::new_err("tuple_() of nothing is for func.grouping_sets(..) alone"));
        }
        let is_row = row.is_instance_of::<PyTuple>() || row.is_instance_of::<PyList>();
        let values: Vec<Bound<'_, PyAny>> = if is_row { row.extract()? } else { Vec::new() };
        if values.len() != self.parts.len() {
            return Err(PyTypeError::new_err(format!(
                "tuple_() of {} values is compared with tuples of as many",
                self.parts.len()
            )));
        }
        self.parts.iter().zip(&values).map(|(part, value)| operand(value, Some(part))).collect()
    }

    fn among(&self, rows: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
        if let Ok(select) = rows.cast::<Select>() {
            return Ok(self.core().in_select(select.get().core().clone()));
        }
        let rows = rows.try_iter()?.map(|row| self.values_of(&row?)).collect::<PyResult<Vec<_>>>()?;
        let mut columns: Vec<(SqlType, Vec<Value>)> = Vec::new();
        for at in 0..self.parts.len() {
            let mut column = (SqlType::Text, Vec::with_capacity(rows.len()));
            for row in &rows {
                match &row[at] {
                    CoreExpr::Value(bound) => {
                        column.0 = bound.sql_type;
                        column.1.push(bound.value.clone());
                    }
                    CoreExpr::Null => column.1.push(Value::Null),
                    _ => return Ok(self.among_expressions(rows)),
                }
            }
            columns.push(column);
        }
        Ok(CoreExpr::in_rows(self.parts.clone(), columns))
    }

    fn among_expressions(&self, rows: Vec<Vec<CoreExpr>>) -> CoreExpr {
        CoreExpr::any(
            rows.into_iter().map(|row| {
                CoreExpr::all(self.parts.iter().zip(row).map(|(part, value)| part.clone().eq(value)))
            }),
        )
    }
}

#[pymethods]
impl RowValue {
    /// One of several tuples, or the rows of a `select` of as many columns. An empty list matches nothing.
    fn in_<'py>(&self, rows: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        condition(rows.py(), self.among(rows)?)
    }

    /// None of them.
    fn not_in<'py>(&self, rows: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        condition(rows.py(), self.among(rows)?.negate())
    }

    fn __richcmp__<'py>(&self, other: &Bound<'py, PyAny>, op: PyCompare) -> PyResult<Bound<'py, Condition>> {
        let right = match other.cast::<Self>() {
            Ok(row) if row.get().parts.len() == self.parts.len() => row.get().core(),
            _ => CoreExpr::row(self.values_of(other)?),
        };
        let op: CompareOp = compare_op(op);
        condition(other.py(), CoreExpr::compare(self.core(), op, right))
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err("tuple_() has no truth value in Python: compare it"))
    }
}
