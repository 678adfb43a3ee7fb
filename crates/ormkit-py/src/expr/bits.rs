//! Operators of bits, and operators by their text.

use ormkit_core::query::{ArithmeticOp, Expr as CoreExpr};
use pyo3::prelude::*;

use super::arithmetic::in_front;
use super::operand::kindred_operand;
use super::{Expr, condition, expression};
use crate::errors::to_py;

#[pymethods]
impl Expr {
    /// `self & other`, bit by bit.
    fn bitwise_and<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.with_bits(ArithmeticOp::BitAnd, other)
    }

    /// `self | other`, bit by bit.
    fn bitwise_or<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.with_bits(ArithmeticOp::BitOr, other)
    }

    /// The bits in which the two differ.
    fn bitwise_xor<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.with_bits(ArithmeticOp::BitXor, other)
    }

    /// `~self`, bit by bit.
    fn bitwise_not<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        expression(py, self.core()?.clone().bit_not())
    }

    /// The bits moved up.
    fn bitwise_lshift<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.with_bits(ArithmeticOp::ShiftLeft, other)
    }

    /// The bits moved down.
    fn bitwise_rshift<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.with_bits(ArithmeticOp::ShiftRight, other)
    }

    /// An operator of the database's by its text: `Book.tags.op("&&")(["a"])`. The text is written as it is and has to
    /// be signs or words; values are bound, with the type of the column where they are of its kind.
    ///
    /// Raises:
    ///     ProgrammingError: The text is no operator; when the operator is called.
    #[pyo3(signature = (text, precedence = 0, is_comparison = false))]
    fn op(&self, text: String, precedence: i64, is_comparison: bool) -> PyResult<CustomOperator> {
        // Both operands and the whole stand in parentheses where they need it: nothing is left to precedence.
        let _ = precedence;
        Ok(CustomOperator { left: self.core()?.clone(), text, is_comparison })
    }

    /// The same for an operator that answers a truth value.
    fn bool_op(&self, text: String) -> PyResult<CustomOperator> {
        Ok(CustomOperator { left: self.core()?.clone(), text, is_comparison: true })
    }
}

impl Expr {
    fn with_bits<'py>(&self, op: ArithmeticOp, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        expression(other.py(), in_front(op, self.core()?.clone(), other)?)
    }
}

/// An expression and an operator that waits for its other side.
#[pyclass(frozen, module = "ormkit", name = "_Operator")]
pub(crate) struct CustomOperator {
    left: CoreExpr,
    text: String,
    is_comparison: bool,
}

#[pymethods]
impl CustomOperator {
    fn __call__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        let right = kindred_operand(other, &self.left)?;
        let made = self.left.clone().operator(self.text.trim(), right, self.is_comparison);
        let made = made.map_err(|error| to_py(py, error))?;
        Ok(if self.is_comparison {
            condition(py, made)?.into_any()
        } else {
            expression(py, made)?.into_any()
        })
    }
}
