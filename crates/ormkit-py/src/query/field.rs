//! `F("year") + 1`: a column of the row itself, by name.

use ormkit_core::model::Schema;
use ormkit_core::query::{ArithmeticOp, Expr as CoreExpr, Nulls, Order, Source};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;

use super::aggregate::Aggregate;
use super::names::Names;
use crate::expr::{Expr, arithmetic, behind, expression, in_front, operand};

/// A column of the row that a lookup or an update is about, by its attribute's name; across relations to one object it is
/// `F("author__name")`. Arithmetic makes more of it.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct F {
    node: Arc<Node>,
    /// What `asc()` or `desc()` said.
    order: Option<Way>,
}

#[derive(Clone, Copy)]
struct Way {
    descending: bool,
    nulls: Option<Nulls>,
}

enum Node {
    Name(String),
    Value(Py<PyAny>),
    /// `Sum("a")` in `Sum("a") / Count("b")`.
    Aggregate(Py<Aggregate>),
    Negative(Arc<Node>),
    Arithmetic(ArithmeticOp, Arc<Node>, Arc<Node>),
    /// `func.lower(F("name"))`: what makes an expression of arguments that are known.
    Call(Py<PyAny>, Vec<Arc<Node>>),
}

impl F {
    /// A call of `function` that waits for the names in its arguments; None where no argument has any.
    ///
    /// # Errors
    /// What the `function` to be called is cannot be said.
    pub(crate) fn called<'py>(
        arguments: &Bound<'py, PyTuple>,
        function: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !arguments
            .iter()
            .any(|argument| argument.cast::<F>().is_ok() || argument.cast::<Aggregate>().is_ok())
        {
            return Ok(None);
        }
        let py = arguments.py();
        let arguments = arguments.iter().map(|argument| node_of(&argument)).collect();
        let node = Arc::new(Node::Call(function()?.unbind(), arguments));
        Ok(Some(Bound::new(py, Self { order: None, node })?.into_any()))
    }

    /// The expression on a row of `source`.
    ///
    /// # Errors
    /// `FieldError` for an unknown name.
    pub(super) fn resolve(&self, schema: &Schema, source: Source, py: Python<'_>) -> PyResult<CoreExpr> {
        self.resolve_in(&Names::of(schema, source), py)
    }

    /// The expression among the names of a query.
    ///
    /// # Errors
    /// `FieldError` for an unknown name; `Unsupported` for one that means several rows.
    pub(super) fn resolve_in(&self, names: &Names<'_>, py: Python<'_>) -> PyResult<CoreExpr> {
        if self.order.is_some() {
            return Err(PyTypeError::new_err("F(..).asc() and desc() have their place in order_by()"));
        }
        self.node.resolve(py, names, &mut |_| {
            Err(PyTypeError::new_err("an aggregate has its place in annotate(), values() and aggregate()"))
        })
    }

    /// The same, where `aggregate` says what its aggregates are.
    ///
    /// # Errors
    /// As [`resolve_in`](Self::resolve_in), and what `aggregate` says.
    pub(super) fn resolve_aggregates(
        &self,
        names: &Names<'_>,
        py: Python<'_>,
        aggregate: &mut dyn FnMut(&Aggregate) -> PyResult<CoreExpr>,
    ) -> PyResult<CoreExpr> {
        self.node.resolve(py, names, aggregate)
    }

    /// The term of ORDER BY.
    ///
    /// # Errors
    /// As [`resolve_in`](Self::resolve_in).
    pub(super) fn resolve_order(&self, names: &Names<'_>, py: Python<'_>) -> PyResult<Order> {
        let plain = Self { node: Arc::clone(&self.node), order: None };
        let expr = plain.resolve_in(names, py)?;
        let way = self.order.unwrap_or(Way { descending: false, nulls: None });
        Ok(Order { expr, descending: way.descending, nulls: way.nulls })
    }

    fn ordered(&self, descending: bool, nulls_first: bool, nulls_last: bool) -> PyResult<Self> {
        let nulls = match (nulls_first, nulls_last) {
            (true, true) => {
                return Err(PyValueError::new_err("NULLs stand first or last: nulls_first or nulls_last"));
            }
            (true, false) => Some(Nulls::First),
            (false, true) => Some(Nulls::Last),
            (false, false) => None,
        };
        Ok(Self { node: Arc::clone(&self.node), order: Some(Way { descending, nulls }) })
    }

    /// True for arithmetic of aggregates.
    pub(super) fn has_aggregates(&self) -> bool {
        self.node.has_aggregates()
    }

    /// All names in it beside its aggregates.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.node.names(&mut names);
        names
    }

    /// Arithmetic that begins with an aggregate.
    pub(super) fn of_aggregate(
        aggregate: &Bound<'_, Aggregate>,
        op: ArithmeticOp,
        other: &Bound<'_, PyAny>,
        behind: bool,
    ) -> Self {
        let this = Self { order: None, node: Arc::new(Node::Aggregate(aggregate.clone().unbind())) };
        if behind { this.behind(op, other) } else { this.with(op, other) }
    }

    /// The first name in it.
    pub(super) fn first_name(&self) -> Option<&str> {
        self.node.first_name()
    }

    fn with(&self, op: ArithmeticOp, other: &Bound<'_, PyAny>) -> Self {
        Self { order: None, node: Arc::new(Node::Arithmetic(op, Arc::clone(&self.node), node_of(other))) }
    }

    fn behind(&self, op: ArithmeticOp, other: &Bound<'_, PyAny>) -> Self {
        Self { order: None, node: Arc::new(Node::Arithmetic(op, node_of(other), Arc::clone(&self.node))) }
    }
}

impl Node {
    fn resolve(
        &self,
        py: Python<'_>,
        names: &Names<'_>,
        aggregate: &mut dyn FnMut(&Aggregate) -> PyResult<CoreExpr>,
    ) -> PyResult<CoreExpr> {
        match self {
            Self::Name(name) => names.value(py, name),
            Self::Value(value) => operand(value.bind(py), None),
            Self::Aggregate(inner) => aggregate(inner.get()),
            Self::Negative(inner) => Ok(CoreExpr::Negative(Arc::new(inner.resolve(py, names, aggregate)?))),
            Self::Call(function, arguments) => {
                let mut resolved = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    resolved.push(match &**argument {
                        Self::Value(value) => value.bind(py).clone(),
                        named => expression(py, named.resolve(py, names, aggregate)?)?.into_any(),
                    });
                }
                let made = function.bind(py).call1(PyTuple::new(py, resolved)?)?;
                made.cast::<Expr>()?.get().core().cloned()
            }
            Self::Arithmetic(op, left, right) => match (&**left, &**right) {
                (other, Self::Value(value)) => {
                    in_front(*op, other.resolve(py, names, aggregate)?, value.bind(py))
                }
                (Self::Value(value), other) => {
                    behind(*op, value.bind(py), other.resolve(py, names, aggregate)?)
                }
                (one, other) => {
                    arithmetic(*op, one.resolve(py, names, aggregate)?, other.resolve(py, names, aggregate)?)
                }
            },
        }
    }

    fn has_aggregates(&self) -> bool {
        match self {
            Self::Aggregate(_) => true,
            Self::Negative(inner) => inner.has_aggregates(),
            Self::Arithmetic(_, left, right) => left.has_aggregates() || right.has_aggregates(),
            Self::Call(_, arguments) => arguments.iter().any(|argument| argument.has_aggregates()),
            Self::Name(_) | Self::Value(_) => false,
        }
    }

    fn names<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::Name(name) => found.push(name),
            Self::Negative(inner) => inner.names(found),
            Self::Arithmetic(_, left, right) => {
                left.names(found);
                right.names(found);
            }
            Self::Call(_, arguments) => arguments.iter().for_each(|argument| argument.names(found)),
            Self::Aggregate(_) | Self::Value(_) => {}
        }
    }

    fn first_name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Negative(inner) => inner.first_name(),
            Self::Value(_) | Self::Aggregate(_) => None,
            Self::Arithmetic(_, left, right) => left.first_name().or_else(|| right.first_name()),
            Self::Call(_, arguments) => arguments.iter().find_map(|argument| argument.first_name()),
        }
    }
}

fn node_of(value: &Bound<'_, PyAny>) -> Arc<Node> {
    match (value.cast::<F>(), value.cast::<Aggregate>()) {
        (Ok(field), _) => Arc::clone(&field.get().node),
        (_, Ok(aggregate)) => Arc::new(Node::Aggregate(aggregate.clone().unbind())),
        _ => Arc::new(Node::Value(value.clone().unbind())),
    }
}

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl F {
    #[new]
    fn new(name: String) -> Self {
        Self { order: None, node: Arc::new(Node::Name(name)) }
    }

    fn __add__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.with(ArithmeticOp::Add, other)
    }

    fn __radd__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.behind(ArithmeticOp::Add, other)
    }

    fn __sub__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.with(ArithmeticOp::Subtract, other)
    }

    fn __rsub__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.behind(ArithmeticOp::Subtract, other)
    }

    fn __mul__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.with(ArithmeticOp::Multiply, other)
    }

    fn __rmul__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.behind(ArithmeticOp::Multiply, other)
    }

    fn __truediv__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.with(ArithmeticOp::Divide, other)
    }

    fn __rtruediv__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.behind(ArithmeticOp::Divide, other)
    }

    fn __floordiv__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.with(ArithmeticOp::DivideWhole, other)
    }

    fn __rfloordiv__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.behind(ArithmeticOp::DivideWhole, other)
    }

    fn __neg__(&self) -> Self {
        Self { order: None, node: Arc::new(Node::Negative(Arc::clone(&self.node))) }
    }

    /// Upwards, as a term of `order_by()`.
    #[pyo3(signature = (*, nulls_first = false, nulls_last = false))]
    fn asc(&self, nulls_first: bool, nulls_last: bool) -> PyResult<Self> {
        self.ordered(false, nulls_first, nulls_last)
    }

    /// Downwards, as a term of `order_by()`.
    #[pyo3(signature = (*, nulls_first = false, nulls_last = false))]
    fn desc(&self, nulls_first: bool, nulls_last: bool) -> PyResult<Self> {
        self.ordered(true, nulls_first, nulls_last)
    }

    fn __rmod__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.behind(ArithmeticOp::Modulo, other)
    }

    fn __mod__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.with(ArithmeticOp::Modulo, other)
    }
}
