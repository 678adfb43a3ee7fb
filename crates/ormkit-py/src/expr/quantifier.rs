//! `any_(Book.tags)`, `all_(..)`: every element of an array beside a comparison.

use ormkit_core::model::ColumnType;
use ormkit_core::query::{CompareOp, Expr as CoreExpr};
use ormkit_core::value::SqlType;
use pyo3::basic::CompareOp as PyCompare;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::operand::typed_operand;
use super::operator::compare_op;
use super::typing::{DeclaredColumns, column_type_of};
use super::{Condition, Expr, condition};

/// The elements of an array as one side of a comparison.
#[pyclass(frozen, module = "ormkit", name = "_Quantifier")]
pub(crate) struct Quantifier {
    array: CoreExpr,
    all: bool,
}

impl Quantifier {
    /// `left op ANY (array)`.
    pub(super) fn beside(&self, left: CoreExpr, op: CompareOp) -> CoreExpr {
        left.quantified(op, self.array.clone(), self.all)
    }
}

#[pymethods]
impl Quantifier {
    /// A comparison has its other side in front: `any_(Book.tags) == "a"` and `"a" == any_(Book.tags)` are
    /// `'a' = ANY (tags)`.
    fn __richcmp__<'py>(&self, other: &Bound<'py, PyAny>, op: PyCompare) -> PyResult<Bound<'py, Condition>> {
        let element = match column_type_of(&self.array) {
            Some(ColumnType::Array(element)) => (*element).clone(),
            _ => return Err(PyTypeError::new_err("any_() and all_() take an array column")),
        };
        let op = match compare_op(op) {
            CompareOp::Lt => CompareOp::Gt,
            CompareOp::Le => CompareOp::Ge,
            CompareOp::Gt => CompareOp::Lt,
            CompareOp::Ge => CompareOp::Le,
            same => same,
        };
        condition(other.py(), self.beside(typed_operand(other, element)?, op))
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err("any_() and all_() stand beside a comparison: Book.tag == any_(Book.tags)"))
    }
}

fn quantifier(array: &Bound<'_, PyAny>, all: bool) -> PyResult<Quantifier> {
    // An array that is written, `literal([1, 3], ARRAY(Integer))`, has its type of itself.
    let is_array = |array: &Expr| -> PyResult<bool> {
        Ok(array.is_array()? || matches!(array.core()?.sql_type(&DeclaredColumns), SqlType::Array(_)))
    };
    match array.cast::<Expr>() {
        Ok(array) if array.get().relation().is_none() && is_array(array.get())? => {
            Ok(Quantifier { array: array.get().core()?.clone(), all })
        }
        _ => Err(PyTypeError::new_err(
            "any_() and all_() take an array column; of a subquery write column.in_(select(..)), or compare with its max() \
             or min()",
        )),
    }
}

/// Any element of an array, beside a comparison.
#[pyfunction]
pub(crate) fn any_(array: &Bound<'_, PyAny>) -> PyResult<Quantifier> {
    quantifier(array, false)
}

/// Every element of an array, beside a comparison.
#[pyfunction]
pub(crate) fn all_(array: &Bound<'_, PyAny>) -> PyResult<Quantifier> {
    quantifier(array, true)
}

#[pymethods]
impl Expr {
    /// Any element of the array, beside a comparison.
    fn any_(slf: &Bound<'_, Self>) -> PyResult<Quantifier> {
        quantifier(slf.as_any(), false)
    }

    /// Every element of the array, beside a comparison.
    fn all_(slf: &Bound<'_, Self>) -> PyResult<Quantifier> {
        quantifier(slf.as_any(), true)
    }
}
