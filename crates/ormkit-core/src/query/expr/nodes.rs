//! The nodes of an expression.

use std::sync::Arc;

use super::super::{Bound, Order, Param, Select, Source};
use super::{Expr, HostType};
use crate::model::{ColumnType, FieldId, RelationId};

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// The table it is read from.
    pub source: Source,
    /// Which of its columns.
    pub field: FieldId,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `=`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl CompareOp {
    /// The operator with a space on both sides.
    pub fn text(self) -> &'static str {
        match self {
            Self::Eq => " = ",
            Self::Ne => " != ",
            Self::Lt => " < ",
            Self::Le => " <= ",
            Self::Gt => " > ",
            Self::Ge => " >= ",
        }
    }

    /// What holds when it does not; NULL is neither.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
        }
    }
}

/// A comparison: NULL when either side is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Compare {
    /// How.
    pub op: CompareOp,
    /// One side.
    pub left: Expr,
    /// The other.
    pub right: Expr,
}

/// Null-safe inequality: true when the sides differ or exactly one of them is NULL.
/// `a IS DISTINCT FROM b` on PostgreSQL, `a IS NOT b` on SQLite.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Distinct {
    /// One side.
    pub left: Expr,
    /// The other.
    pub right: Expr,
    /// True for null-safe equality.
    pub negated: bool,
}

/// What two arrays have in common, whatever their dimensions. NULL where one of them is; a NULL among their elements is
/// equal to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arrays {
    /// One array.
    pub left: Expr,
    /// How they are compared.
    pub op: ArraysOp,
    /// The other.
    pub right: Expr,
}

/// How two arrays are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArraysOp {
    /// `@>`: the left one has every element of the right one.
    Contains,
    /// `&&`: they have an element in common.
    Overlaps,
}

/// `a IS NULL`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IsNull {
    /// What is looked at.
    pub expr: Expr,
    /// `IS NOT NULL`.
    pub negated: bool,
}

/// `a IS TRUE`: true or false, never NULL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IsTrue {
    /// A condition.
    pub expr: Expr,
    /// `IS NOT TRUE`.
    pub negated: bool,
}

/// `a BETWEEN low AND high`, both included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Between {
    /// What is looked at.
    pub expr: Expr,
    /// The least.
    pub low: Expr,
    /// The greatest.
    pub high: Expr,
    /// Either of the two may be the greater one.
    pub symmetric: bool,
    /// `NOT BETWEEN`.
    pub negated: bool,
}

/// How a text is looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// A LIKE pattern: `%` any text, `_` one character, a backslash takes the next one literally.
    Like,
    /// The whole text, literally (with `any_case`; otherwise it is a comparison).
    Exact,
    /// A part of it, literally.
    Contains,
    /// Its beginning, literally.
    StartsWith,
    /// Its end, literally.
    EndsWith,
}

/// A pattern or a part of a text. Cases count on both databases unless `any_case`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Like {
    /// What is looked through.
    pub expr: Expr,
    /// How `part` is read.
    pub pattern: Pattern,
    /// What is looked for.
    pub part: Expr,
    /// Upper and lower case are the same.
    pub any_case: bool,
    /// `NOT LIKE`.
    pub negated: bool,
}

/// `a IN (…)` with a list of values, bound as one array where the type allows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InList {
    /// What is looked at.
    pub expr: Expr,
    /// The list: [`Value::Array`](crate::value::Value::Array). Never empty.
    pub list: Bound,
    /// `NOT IN`.
    pub negated: bool,
}

/// `a IN (…)` with a list that is given when the statement runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InParam {
    /// What is looked at.
    pub expr: Expr,
    /// The list.
    pub param: Arc<Param>,
    /// `NOT IN`.
    pub negated: bool,
}

/// `(a, b) IN (…)` with rows of values, bound as one array per column where the types allow it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InRows {
    /// What is looked at: as many as there are columns.
    pub exprs: Vec<Expr>,
    /// The values of each column: [`Value::Array`](crate::value::Value::Array)s of one length, never empty.
    pub columns: Vec<Bound>,
    /// Number of rows: part of the shape, because not every dialect can bind them as arrays.
    pub rows: usize,
}

/// `a IN (SELECT …)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InSelect {
    /// What is looked at.
    pub expr: Expr,
    /// One column.
    pub select: Select,
    /// `NOT IN`.
    pub negated: bool,
}

/// `EXISTS (SELECT 1 FROM … WHERE …)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Exists {
    /// Of a SELECT.
    Select(Arc<Select>),
    /// Of the related rows of a row of `parent`.
    Related {
        /// Whose relation it is.
        parent: Source,
        /// The relation, of the parent's model.
        relation: RelationId,
        /// The related table's name in `condition`.
        target: Source,
        /// What must hold for one of them.
        condition: Option<Expr>,
    },
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `/`, rounded to an integer: towards zero between integers, down otherwise.
    DivideWhole,
    /// `%`
    Modulo,
    /// `||`
    Concat,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `#` on PostgreSQL.
    BitXor,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

impl ArithmeticOp {
    /// The operator with a space on both sides.
    pub fn text(self) -> &'static str {
        match self {
            Self::Add => " + ",
            Self::Subtract => " - ",
            Self::Multiply => " * ",
            Self::Divide | Self::DivideWhole => " / ",
            Self::Modulo => " % ",
            Self::Concat => " || ",
            Self::BitAnd => " & ",
            Self::BitOr => " | ",
            Self::BitXor => " # ",
            Self::ShiftLeft => " << ",
            Self::ShiftRight => " >> ",
        }
    }
}

/// Arithmetic of two values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arithmetic {
    /// Which.
    pub op: ArithmeticOp,
    /// One side.
    pub left: Expr,
    /// The other.
    pub right: Expr,
}

/// A function or aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// Its name: letters, digits, `_` and `.`, checked by [`Expr::call`].
    pub name: Box<str>,
    /// Its arguments; none and `star`: `count(*)`.
    pub args: Vec<Expr>,
    /// `f(*)`.
    pub star: bool,
    /// `f(DISTINCT …)`.
    pub distinct: bool,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
    /// `OVER (PARTITION BY … ORDER BY …)`.
    pub over: Option<(Vec<Expr>, Vec<Order>)>,
    /// Of a window: which of its rows count.
    pub frame: Option<Frame>,
    /// `f(a ORDER BY …)`: the order in which an aggregate sees its values.
    pub order_by: Vec<Order>,
    /// `WITHIN GROUP (ORDER BY …)`.
    pub within_group: Vec<Order>,
}

/// Which rows of a window count: `ROWS BETWEEN 2 PRECEDING AND CURRENT ROW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// What is counted.
    pub unit: FrameUnit,
    /// From where.
    pub start: FrameEnd,
    /// To where, included.
    pub end: FrameEnd,
}

/// What the ends of a frame count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameUnit {
    /// Rows.
    Rows,
    /// The difference of what the window is sorted by.
    Range,
    /// Groups of rows that the window's order does not tell apart.
    Groups,
}

/// An end of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameEnd {
    /// The window's end on this side.
    Unbounded,
    /// So far from the current row: negative before it, 0 the row itself.
    At(i64),
}

/// `CAST(a AS type)`, or a value whose type is said without a word of SQL.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// What is converted.
    pub expr: Expr,
    /// To what.
    pub to: ColumnType,
    /// What the host makes of its values.
    pub host: Option<HostType>,
    /// False where the value is of the type already, and nothing is written.
    pub written: bool,
}

impl Eq for Cast {}

impl std::hash::Hash for Cast {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.expr.hash(state);
        self.to.sql_type().hash(state);
        self.host.hash(state);
        self.written.hash(state);
    }
}

/// A value by the label under which it is selected: ORDER BY names it, GROUP BY counts to it where it binds values, which
/// databases do not take for the same when they are bound twice. Anywhere else, and where the statement has selected no
/// such value, it is the expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Labelled {
    /// The label.
    pub label: Arc<str>,
    /// The value.
    pub expr: Expr,
}

/// `CASE WHEN … THEN … ELSE … END`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Case {
    /// Condition and value. Never empty.
    pub whens: Vec<(Expr, Expr)>,
    /// The value of none.
    pub otherwise: Option<Expr>,
}
