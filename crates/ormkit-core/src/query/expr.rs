//! Expressions: one struct per node, built by the constructors of [`Expr`].

mod build;
mod column;
mod nodes;
mod operation;
mod origin;
mod reads;
mod rename;
mod types;

pub use nodes::{
    Arithmetic, ArithmeticOp, Arrays, ArraysOp, Between, Call, Case, Cast, Column, Compare, CompareOp,
    Distinct, Exists, Frame, FrameEnd, FrameUnit, InList, InParam, InRows, InSelect, IsNull, IsTrue,
    Labelled, Like, Pattern,
};
pub use operation::{JsonKeys, JsonRead, JsonStep, Operation, OperationKind, TimePart};
pub use origin::{ColumnTypes, Form, HostType, Origin, Whose};

use std::sync::Arc;

use super::{Bound, Param, Part, Select};
use crate::model::{FieldId, ModelId};

/// An expression. Cheap to clone: subtrees are shared.
///
/// Equality is that of the shape: bound values do not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// A column of a source.
    Column(Column),
    /// A column of derived rows.
    Part(Part),
    /// The value that a conflicting INSERT was to write: `EXCLUDED.title`.
    Excluded(ModelId, FieldId),
    /// A bound value.
    Value(Bound),
    /// A constant condition: what an empty list means, and no condition at all.
    Bool(bool),
    /// SQL NULL, written out.
    Null,
    /// `a = b` and its like.
    Compare(Arc<Compare>),
    /// Null-safe comparison.
    Distinct(Arc<Distinct>),
    /// All of them. Never empty.
    And(Arc<[Expr]>),
    /// Any of them. Never empty.
    Or(Arc<[Expr]>),
    /// Not.
    Not(Arc<Expr>),
    /// `a IS NULL`.
    IsNull(Arc<IsNull>),
    /// `a IS TRUE`: what is NULL is not.
    IsTrue(Arc<IsTrue>),
    /// `a BETWEEN b AND c`.
    Between(Arc<Between>),
    /// What two arrays have in common.
    Arrays(Arc<Arrays>),
    /// A pattern or a part of a text.
    Like(Arc<Like>),
    /// `a IN (…)` with values.
    InList(Arc<InList>),
    /// `(a, b) IN (…)` with rows of values.
    InRows(Arc<InRows>),
    /// `a IN (SELECT …)`.
    InSelect(Arc<InSelect>),
    /// `EXISTS (SELECT …)`.
    Exists(Arc<Exists>),
    /// `+ - * / % ||`.
    Arithmetic(Arc<Arithmetic>),
    /// `-a`.
    Negative(Arc<Expr>),
    /// A function or aggregate.
    Call(Arc<Call>),
    /// `CAST(a AS type)`.
    Cast(Arc<Cast>),
    /// Anything that needs nothing but its operands.
    Operation(Arc<Operation>),
    /// CASE.
    Case(Arc<Case>),
    /// A SELECT of one column as a value.
    Scalar(Arc<Select>),
    /// SQL text of the program's own, written as it is.
    Text(Arc<str>),
    /// A value that is given when the statement runs.
    Param(Arc<Param>),
    /// `a IN (…)` with a list that is given when the statement runs.
    InParam(Arc<InParam>),
    /// A value that the statement may have selected under a label.
    Labelled(Arc<Labelled>),
}
