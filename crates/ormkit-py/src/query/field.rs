//! `F("year") + 1`: a column of the row itself, by name.

use ormkit_core::model::Schema;
use ormkit_core::query::{ArithmeticOp, Expr as CoreExpr, Source};
use ormkit_core::value::SqlType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::sync::Arc;

use super::aggregate::Aggregate;
use super::names::Names;
use crate::expr::operand;

/// A column of the row that a lookup or an update is about, by its attribute's name; across relations to one object it is
/// `F("author__name")`. Arithmetic makes more of it.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct F {
    node: Arc<Node>,
}

enum Node {
    Name(String),
    Value(Py<PyAny>),
    /// `Sum("a")` in `Sum("a") / Count("b")`.
    Aggregate(Py<Aggregate>),
    Arithmetic(ArithmeticOp, Arc<Node>, Arc<Node>),
}

impl F {
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
        let this = Self { node: Arc::new(Node::Aggregate(aggregate.clone().unbind())) };
        if behind { this.behind(op, other) } else { this.with(op, other) }
    }

    /// The first name in it.
    pub(super) fn first_name(&self) -> Option<&str> {
        self.node.first_name()
    }

    fn with(&self, op: ArithmeticOp, other: &Bound<'_, PyAny>) -> Self {
        Self { node: Arc::new(Node::Arithmetic(op, Arc::clone(&self.node), node_of(other))) }
    }

    fn behind(&self, op: ArithmeticOp, other: &Bound<'_, PyAny>) -> Self {
        Self { node: Arc::new(Node::Arithmetic(op, node_of(other), Arc::clone(&self.node))) }
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
            Self::Arithmetic(op, left, right) => {
                let (left, right) =
                    (left.resolve(py, names, aggregate)?, right.resolve(py, names, aggregate)?);
                let op = match op {
                    // texts are joined, as `+` of two columns does it
                    ArithmeticOp::Add => addition(names.schema, &left, &right),
                    other => *other,
                };
                Ok(left.arithmetic(op, right))
            }
        }
    }

    fn has_aggregates(&self) -> bool {
        match self {
            Self::Aggregate(_) => true,
            Self::Arithmetic(_, left, right) => left.has_aggregates() || right.has_aggregates(),
            Self::Name(_) | Self::Value(_) => false,
        }
    }

    fn names<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::Name(name) => found.push(name),
            Self::Arithmetic(_, left, right) => {
                left.names(found);
                right.names(found);
            }
            Self::Aggregate(_) | Self::Value(_) => {}
        }
    }

    fn first_name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Value(_) | Self::Aggregate(_) => None,
            Self::Arithmetic(_, left, right) => left.first_name().or_else(|| right.first_name()),
        }
    }
}

fn addition(schema: &Schema, left: &CoreExpr, right: &CoreExpr) -> ArithmeticOp {
    let is_text = |expr: &CoreExpr| expr.sql_type(schema) == SqlType::Text;
    if is_text(left) || is_text(right) { ArithmeticOp::Concat } else { ArithmeticOp::Add }
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
        Self { node: Arc::new(Node::Name(name)) }
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

    fn __rmod__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.behind(ArithmeticOp::Modulo, other)
    }

    fn __mod__(&self, other: &Bound<'_, PyAny>) -> Self {
        self.with(ArithmeticOp::Modulo, other)
    }
}
