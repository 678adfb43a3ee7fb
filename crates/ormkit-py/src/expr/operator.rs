//! The operators and methods of expressions.

use ormkit_core::model::{ColumnType, RangeType};
use ormkit_core::query::{ArithmeticOp, ArraysOp, CompareOp, Expr as CoreExpr, JsonRead, Nulls, Pattern};
use ormkit_core::value::{SqlType, Value};
use pyo3::basic::CompareOp as PyCompare;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::arithmetic::{behind, in_front};
use super::open::{self, Use};
use super::operand::{element_list, json_operand, list_param, operand, sides, typed_operand};
use super::quantifier::Quantifier;
use super::texts::literally;
use super::typing::column_type_of;
use super::{Condition, Direction, Expr, comparison, condition, expression, ordered_json, relation};
use crate::fields::join_condition;
use crate::query::{Select, Subquery};
use crate::range::Range;

#[pymethods]
impl Expr {
    fn __richcmp__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        op: PyCompare,
    ) -> PyResult<Bound<'py, Condition>> {
        let py = slf.py();
        let truth = other.is_instance_of::<Self>().then(|| slf.is(other));
        let this = slf.get();
        if matches!(op, PyCompare::Eq)
            && let Some(join) = join_condition(slf.as_any(), other)?
        {
            return Ok(join);
        }
        if this.relation().is_some() {
            return match op {
                PyCompare::Eq => comparison(py, relation::equals(this, other)?, truth),
                PyCompare::Ne => comparison(py, relation::differs(this, other)?, truth.map(|same| !same)),
                _ => Err(PyTypeError::new_err(
                    "relations have no order: compare a column of the related model",
                )),
            };
        }
        if other.is_none() && !matches!(op, PyCompare::Eq | PyCompare::Ne) {
            return Err(PyTypeError::new_err(
                "None is neither less nor greater than a value: is_(None) and is_not(None) ask for it",
            ));
        }
        let left = this.core()?.clone();
        if let Ok(quantifier) = other.cast::<Quantifier>() {
            return condition(py, quantifier.get().beside(left, compare_op(op)));
        }
        let (left, right) = match op {
            PyCompare::Eq | PyCompare::Ne => sides(left, other)?,
            _ => ordered(left, other)?,
        };
        let truth = match op {
            PyCompare::Eq => truth,
            PyCompare::Ne => truth.map(|same| !same),
            _ => None,
        };
        comparison(py, CoreExpr::compare(left, compare_op(op), right), truth)
    }

    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        slf.as_ptr() as isize
    }

    fn __bool__(&self) -> PyResult<bool> {
        self.truth.ok_or_else(|| {
            PyTypeError::new_err(
                "a condition has no truth value in Python: combine conditions with `&`, `|` and `~` instead of \
                 `and`, `or` and `not`, and put each in parentheses",
            )
        })
    }

    fn __contains__(&self, item: &Bound<'_, PyAny>) -> PyResult<bool> {
        let found = item.get_type().name()?;
        Err(PyTypeError::new_err(format!(
            "`in` asks Python whether this {found} is there: use .contains(..) or .in_([..]), which ask the database"
        )))
    }

    fn __iter__(&self) -> PyResult<Py<PyAny>> {
        Err(PyTypeError::new_err("an expression cannot be iterated: its values come from the database"))
    }

    fn __and__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.joined(other, CoreExpr::and)
    }

    fn __or__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.joined(other, CoreExpr::or)
    }

    fn __invert__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Condition>> {
        condition(py, self.core()?.clone().negate())
    }

    fn __add__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.before(ArithmeticOp::Add, other)
    }

    fn __radd__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.after(ArithmeticOp::Add, other)
    }

    fn __sub__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.before(ArithmeticOp::Subtract, other)
    }

    fn __rsub__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.after(ArithmeticOp::Subtract, other)
    }

    fn __mul__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.before(ArithmeticOp::Multiply, other)
    }

    fn __rmul__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.after(ArithmeticOp::Multiply, other)
    }

    fn __truediv__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.before(ArithmeticOp::Divide, other)
    }

    fn __rtruediv__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.after(ArithmeticOp::Divide, other)
    }

    fn __mod__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.before(ArithmeticOp::Modulo, other)
    }

    fn __rmod__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.after(ArithmeticOp::Modulo, other)
    }

    /// Division of integers without the fraction, towards zero; of other numbers, rounded down.
    fn __floordiv__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.before(ArithmeticOp::DivideWhole, other)
    }

    fn __rfloordiv__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        self.after(ArithmeticOp::DivideWhole, other)
    }

    fn __neg__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        expression(py, CoreExpr::Negative(self.core()?.clone().into()))
    }

    /// `self IN (values)`: values, or a `select` of one column. An empty list matches nothing.
    fn in_<'py>(&self, values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        condition(values.py(), self.among(values)?)
    }

    /// The same as `not_in`.
    fn notin_<'py>(&self, values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        self.not_in(values)
    }

    /// `self NOT IN (values)`. An empty list excludes nothing; with None among the values no row is known to differ from all of
    /// them, as SQL says.
    fn not_in<'py>(&self, values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        condition(values.py(), self.among(values)?.negate())
    }

    /// Null-safe equality; `is_(None)` is IS NULL.
    fn is_<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        condition(value.py(), self.is_same(value)?)
    }

    /// Null-safe inequality; `is_not(None)` is IS NOT NULL.
    fn is_not<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        let differs = match self.relation() {
            Some(_) => relation::differs(self, value)?,
            None => self.is_same(value)?.negate(),
        };
        condition(value.py(), differs)
    }

    /// The same as `is_not`.
    fn isnot<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        self.is_not(value)
    }

    /// Null-safe inequality.
    fn is_distinct_from<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        self.is_not(value)
    }

    /// Null-safe equality.
    fn is_not_distinct_from<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        self.is_(value)
    }

    /// From `low` to `high`, both included; `symmetric`: whichever of the two is the greater one.
    #[pyo3(signature = (low, high, symmetric = false))]
    fn between<'py>(
        &self,
        low: &Bound<'py, PyAny>,
        high: &Bound<'py, PyAny>,
        symmetric: bool,
    ) -> PyResult<Bound<'py, Condition>> {
        let (this, least) = ordered(self.core()?.clone(), low)?;
        let (_, greatest) = ordered(self.core()?.clone(), high)?;
        let between = if symmetric { CoreExpr::between_symmetric } else { CoreExpr::between };
        condition(low.py(), between(this, least, greatest))
    }

    /// Contains a text, literally; of a list relation: contains an object; of an array: contains every element of a list;
    /// of a range: contains a value or another range; of JSON: contains another value, as PostgreSQL's `@>` says.
    #[pyo3(signature = (part, *, autoescape = true))]
    fn contains<'py>(&self, part: &Bound<'py, PyAny>, autoescape: bool) -> PyResult<Bound<'py, Condition>> {
        if self.relation().is_some() {
            return condition(part.py(), relation::equals(self, part)?);
        }
        if self.has_members()? {
            return self.compared(ArraysOp::Contains, part);
        }
        if self.is_json()? {
            return condition(part.py(), self.core()?.clone().json_contains(json_operand(part)?));
        }
        if self.is_hstore()? {
            let py = part.py();
            let part = typed_operand(part, ColumnType::Hstore)?;
            return condition(py, self.core()?.clone().json_contains(part));
        }
        literally(autoescape)?;
        self.matching(Pattern::Contains, part, false)
    }

    /// Of an array: every element is one of a list; of a range: another contains it; of JSON: another value contains it.
    fn contained_by<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        let this = self.core()?.clone();
        if self.is_json()? {
            return condition(other.py(), json_operand(other)?.json_contains(this));
        }
        if !self.has_members()? {
            return Err(PyTypeError::new_err("contained_by() is for array, range and JSON columns"));
        }
        let other_side = operand(other, Some(&this))?;
        condition(other.py(), other_side.arrays(ArraysOp::Contains, this))
    }

    /// Of an array: has an element in common with a list; of a range: has something in common with another.
    fn overlap<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Condition>> {
        if !self.has_members()? {
            return Err(PyTypeError::new_err("overlap() is for array and range columns"));
        }
        self.compared(ArraysOp::Overlaps, other)
    }

    /// For ORDER BY: upwards.
    fn asc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.directed(py, |direction| direction.descending = false)
    }

    /// For ORDER BY: downwards.
    fn desc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.directed(py, |direction| direction.descending = true)
    }

    /// For ORDER BY: NULLs before all values.
    fn nulls_first<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.directed(py, |direction| direction.nulls = Some(Nulls::First))
    }

    /// The same as `nulls_first`.
    fn nullsfirst<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.nulls_first(py)
    }

    /// The same as `nulls_last`.
    fn nullslast<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.nulls_last(py)
    }

    /// For ORDER BY: NULLs after all values.
    fn nulls_last<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.directed(py, |direction| direction.nulls = Some(Nulls::Last))
    }

    /// The same under a name in the result.
    fn label<'py>(&self, py: Python<'py>, name: String) -> PyResult<Bound<'py, Self>> {
        self.core()?;
        Bound::new(py, Self { kind: self.kind.clone(), label: Some(name), order: self.order, truth: None })
    }

    fn __repr__(&self) -> String {
        "<expression>".to_owned()
    }
}

impl Expr {
    /// True for an array: a column of one, or an expression of its type.
    pub(crate) fn is_array(&self) -> PyResult<bool> {
        Ok(self.relation().is_none() && matches!(column_type_of(self.core()?), Some(ColumnType::Array(_))))
    }

    /// True for an array or ranges.
    pub(crate) fn has_members(&self) -> PyResult<bool> {
        Ok(self.relation().is_none() && column_type_of(self.core()?).is_some_and(|of| of.has_members()))
    }

    /// True for JSON: a column of it, or what lies in one.
    pub(crate) fn is_json(&self) -> PyResult<bool> {
        Ok(self.relation().is_none() && matches!(column_type_of(self.core()?), Some(ColumnType::Json)))
    }

    /// True for HSTORE.
    pub(crate) fn is_hstore(&self) -> PyResult<bool> {
        Ok(self.relation().is_none() && column_type_of(self.core()?) == Some(ColumnType::Hstore))
    }

    /// What an array has in common with a list or another array, a range with a value or another range.
    pub(crate) fn compared<'py>(
        &self,
        op: ArraysOp,
        other: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Condition>> {
        let this = self.core()?.clone();
        let other_side = match column_type_of(&this) {
            Some(ColumnType::Range(of) | ColumnType::MultiRange(of)) => member(other, of, &this)?,
            _ => operand(other, Some(&this))?,
        };
        condition(other.py(), this.arrays(op, other_side))
    }

    fn joined<'py>(
        &self,
        other: &Bound<'py, PyAny>,
        join: fn(CoreExpr, CoreExpr) -> CoreExpr,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        match other.cast::<Self>() {
            Ok(other) => {
                let joined = join(self.core()?.clone(), other.get().core()?.clone());
                Ok(condition(py, joined)?.into_any())
            }
            Err(_) => Ok(py.NotImplemented().into_bound(py)),
        }
    }

    fn before<'py>(&self, op: ArithmeticOp, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        expression(other.py(), in_front(op, self.core()?.clone(), other)?)
    }

    fn after<'py>(&self, op: ArithmeticOp, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        expression(other.py(), behind(op, other, self.core()?.clone())?)
    }

    fn among(&self, values: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
        if self.relation().is_some() {
            return relation::among(self, values);
        }
        let this = self.core()?.clone();
        if let Ok(select) = values.cast::<Select>() {
            let this = open::beside(this, &CoreExpr::Scalar(select.get().shared()), Use::Compared)?;
            return Ok(this.in_select(select.get().core().clone()));
        }
        if let Ok(rows) = values.cast::<Subquery>() {
            return Ok(this.in_select(rows.get().only_column()?));
        }
        if let Some(param) = list_param(values, &this)? {
            return Ok(this.in_param(param));
        }
        let (list, element) = element_list(values, &this)?;
        let constants: Option<Vec<Value>> = list
            .iter()
            .map(|item| match item {
                CoreExpr::Value(bound) => Some(bound.value.clone()),
                CoreExpr::Null => Some(Value::Null),
                _ => None,
            })
            .collect();
        Ok(match constants {
            // Neither equal to NULL nor different from it: `IN (1, NULL)` is never false, `NOT IN (1, NULL)` never true.
            Some(constants) if constants.iter().any(Value::is_null) => {
                CoreExpr::any([this.in_values(constants, element), CoreExpr::Null])
            }
            Some(constants) => this.in_values(constants, element),
            None => CoreExpr::any(list.into_iter().map(|item| this.clone().eq(item))),
        })
    }

    fn is_same(&self, value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
        if self.relation().is_some() {
            return relation::equals(self, value);
        }
        let (this, other) = sides(self.core()?.clone(), value)?;
        Ok(this.not_distinct_from(other))
    }

    fn directed<'py>(&self, py: Python<'py>, set: impl FnOnce(&mut Direction)) -> PyResult<Bound<'py, Self>> {
        if self.order_name().is_none() {
            self.core()?;
        }
        let mut direction = self.order.unwrap_or_default();
        set(&mut direction);
        Bound::new(
            py,
            Self { kind: self.kind.clone(), label: self.label.clone(), order: Some(direction), truth: None },
        )
    }
}

/// What a range may contain: another range, or several; a value.
pub(crate) fn member(value: &Bound<'_, PyAny>, of: RangeType, beside: &CoreExpr) -> PyResult<CoreExpr> {
    let given = if value.is_instance_of::<Range>() {
        Some(ColumnType::Range(of))
    } else if value.is_instance_of::<PyTuple>() {
        Some(ColumnType::MultiRange(of))
    } else {
        None
    };
    if let Some(given) = given {
        let is_like = column_type_of(beside).is_some_and(|beside| beside == given);
        let operand = typed_operand(value, given.clone())?;
        // The server takes a parameter without a type for another value of the left side's.
        return Ok(if is_like { operand } else { operand.cast(given) });
    }
    match value.is_instance_of::<Expr>() || value.is_none() {
        true => operand(value, Some(beside)),
        false => typed_operand(value, of.bound()),
    }
}

/// The two sides of a comparison that asks for order: of JSON, its numbers or texts, as the other side is one.
fn ordered(left: CoreExpr, other: &Bound<'_, PyAny>) -> PyResult<(CoreExpr, CoreExpr)> {
    if matches!(column_type_of(&left), Some(ColumnType::Json)) && !other.is_instance_of::<Expr>() {
        let right = ordered_json(other)?;
        let read = match &right {
            CoreExpr::Value(bound) if bound.sql_type == SqlType::Text => JsonRead::String,
            _ => JsonRead::Numeric,
        };
        return Ok((left.json([], read), right));
    }
    sides(left, other)
}

pub(super) fn compare_op(op: PyCompare) -> CompareOp {
    match op {
        PyCompare::Eq => CompareOp::Eq,
        PyCompare::Ne => CompareOp::Ne,
        PyCompare::Lt => CompareOp::Lt,
        PyCompare::Le => CompareOp::Le,
        PyCompare::Gt => CompareOp::Gt,
        PyCompare::Ge => CompareOp::Ge,
    }
}
