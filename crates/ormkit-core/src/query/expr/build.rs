//! How expressions are made.

use std::sync::Arc;

use super::super::{Bound, Param, Select, Source};
use super::{
    Arithmetic, ArithmeticOp, Arrays, ArraysOp, Between, Call, Case, Cast, Column, Compare, CompareOp,
    Distinct, Exists, Expr, HostType, InList, InParam, InRows, InSelect, IsNull, IsTrue, Labelled, Like,
    OperationKind, Pattern,
};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ColumnType, FieldId, RelationId, Schema};
use crate::value::{SqlType, Value};

impl Expr {
    /// A column.
    pub fn column(source: impl Into<Source>, field: FieldId) -> Self {
        Self::Column(Column { source: source.into(), field })
    }

    /// A bound value.
    pub fn value(value: impl Into<Value>, sql_type: SqlType) -> Self {
        Self::Value(Bound::new(value, sql_type))
    }

    /// A comparison with SQL's NULL, but for `= NULL` and `!= NULL` with a bound or written NULL: they are IS NULL and
    /// IS NOT NULL.
    pub fn compare(left: Self, op: CompareOp, right: Self) -> Self {
        match op {
            CompareOp::Eq if right.is_null_constant() => left.is_null(),
            CompareOp::Ne if right.is_null_constant() => left.is_not_null(),
            CompareOp::Eq if left.is_null_constant() => right.is_null(),
            CompareOp::Ne if left.is_null_constant() => right.is_not_null(),
            _ => Self::Compare(Arc::new(Compare { op, left, right })),
        }
    }

    /// `self = other`.
    #[must_use]
    pub fn eq(self, other: Self) -> Self {
        Self::compare(self, CompareOp::Eq, other)
    }

    /// `self != other`.
    #[must_use]
    pub fn ne(self, other: Self) -> Self {
        Self::compare(self, CompareOp::Ne, other)
    }

    /// Null-safe inequality.
    #[must_use]
    pub fn distinct_from(self, other: Self) -> Self {
        if other.is_null_constant() {
            return self.is_not_null();
        }
        Self::Distinct(Arc::new(Distinct { left: self, right: other, negated: false }))
    }

    /// Null-safe equality.
    #[must_use]
    pub fn not_distinct_from(self, other: Self) -> Self {
        if other.is_null_constant() {
            return self.is_null();
        }
        Self::Distinct(Arc::new(Distinct { left: self, right: other, negated: true }))
    }

    /// What the array `self` has in common with another.
    #[must_use]
    pub fn arrays(self, op: ArraysOp, right: Self) -> Self {
        Self::Arrays(Arc::new(Arrays { left: self, op, right }))
    }

    /// `self IS NULL`.
    #[must_use]
    pub fn is_null(self) -> Self {
        Self::IsNull(Arc::new(IsNull { expr: self, negated: false }))
    }

    /// `self IS NOT NULL`.
    #[must_use]
    pub fn is_not_null(self) -> Self {
        Self::IsNull(Arc::new(IsNull { expr: self, negated: true }))
    }

    /// All of `conditions`: true when there are none.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = Vec::new();
        for condition in conditions {
            match condition {
                Self::And(inner) => parts.extend(inner.iter().cloned()),
                Self::Bool(true) => {}
                other => parts.push(other),
            }
        }
        match parts.len() {
            0 => Self::Bool(true),
            1 => parts.remove(0),
            _ => Self::And(parts.into()),
        }
    }

    /// Any of `conditions`: false when there are none.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = Vec::new();
        for condition in conditions {
            match condition {
                Self::Or(inner) => parts.extend(inner.iter().cloned()),
                Self::Bool(false) => {}
                other => parts.push(other),
            }
        }
        match parts.len() {
            0 => Self::Bool(false),
            1 => parts.remove(0),
            _ => Self::Or(parts.into()),
        }
    }

    /// `self AND other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// `self OR other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// The opposite; NULL stays NULL. Conditions that have a form of their own take it (`IS NOT NULL`, `NOT IN`).
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Bool(value) => Self::Bool(!value),
            Self::Not(inner) => (*inner).clone(),
            Self::Compare(node) => {
                let Compare { op, left, right } = Arc::unwrap_or_clone(node);
                Self::Compare(Arc::new(Compare { op: op.negated(), left, right }))
            }
            Self::Distinct(node) => Self::Distinct(flipped(node, |node| node.negated ^= true)),
            Self::IsNull(node) => Self::IsNull(flipped(node, |node| node.negated ^= true)),
            Self::IsTrue(node) => Self::IsTrue(flipped(node, |node| node.negated ^= true)),
            Self::Between(node) => Self::Between(flipped(node, |node| node.negated ^= true)),
            Self::Like(node) => Self::Like(flipped(node, |node| node.negated ^= true)),
            Self::InParam(node) => Self::InParam(flipped(node, |node| node.negated = !node.negated)),
            Self::InList(node) => Self::InList(flipped(node, |node| node.negated ^= true)),
            Self::InSelect(node) => Self::InSelect(flipped(node, |node| node.negated ^= true)),
            Self::Operation(node) if matches!(node.kind, OperationKind::Regex { .. }) => {
                Self::Operation(flipped(node, |node| {
                    if let OperationKind::Regex { negated, .. } = &mut node.kind {
                        *negated ^= true;
                    }
                }))
            }
            other => Self::Not(Arc::new(other)),
        }
    }

    /// True where the condition is false or NULL: what `exclude` keeps.
    #[must_use]
    pub fn not_true(self, schema: &Schema) -> Self {
        match self {
            Self::And(parts) => Self::any(parts.iter().map(|part| part.clone().not_true(schema))),
            Self::Or(parts) => Self::all(parts.iter().map(|part| part.clone().not_true(schema))),
            two_valued if !two_valued.may_be_null(schema) => two_valued.negate(),
            Self::Compare(node) if node.op == CompareOp::Eq => {
                let Compare { left, right, .. } = Arc::unwrap_or_clone(node);
                left.distinct_from(right)
            }
            other => Self::IsTrue(Arc::new(IsTrue { expr: other, negated: true })),
        }
    }

    /// False where the value is known never to be NULL.
    pub(crate) fn may_be_null(&self, schema: &Schema) -> bool {
        match self {
            Self::Column(column) => schema.model(column.source.model).field(column.field).nullable,
            Self::Value(bound) => bound.value.is_null(),
            Self::Bool(_) | Self::Distinct(_) | Self::IsNull(_) | Self::IsTrue(_) | Self::Exists(_) => false,
            Self::Compare(node) => node.left.may_be_null(schema) || node.right.may_be_null(schema),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.may_be_null(schema)),
            Self::Not(inner) => inner.may_be_null(schema),
            Self::Between(node) => {
                [&node.expr, &node.low, &node.high].into_iter().any(|expr| expr.may_be_null(schema))
            }
            Self::Arrays(node) => node.left.may_be_null(schema) || node.right.may_be_null(schema),
            Self::Like(node) => node.expr.may_be_null(schema) || node.part.may_be_null(schema),
            Self::InList(node) => node.expr.may_be_null(schema),
            Self::Operation(node) => {
                node.may_be_null_itself() || node.args.iter().any(|arg| arg.may_be_null(schema))
            }
            _ => true,
        }
    }

    /// `self BETWEEN low AND high`.
    #[must_use]
    pub fn between(self, low: Self, high: Self) -> Self {
        Self::Between(Arc::new(Between { expr: self, low, high, symmetric: false, negated: false }))
    }

    /// The same, whichever of the two is the greater one.
    #[must_use]
    pub fn between_symmetric(self, one: Self, other: Self) -> Self {
        Self::Between(Arc::new(Between {
            expr: self,
            low: one,
            high: other,
            symmetric: true,
            negated: false,
        }))
    }

    /// A part of a text, or a pattern.
    #[must_use]
    pub fn like(self, pattern: Pattern, part: Self, any_case: bool) -> Self {
        Self::Like(Arc::new(Like { expr: self, pattern, part, any_case, negated: false }))
    }

    /// `self IN (values)`: false without values. NULLs among them match nothing and are left out.
    #[must_use]
    pub fn in_values(self, values: Vec<Value>, element: SqlType) -> Self {
        let values: Vec<Value> = values.into_iter().filter(|value| !value.is_null()).collect();
        if values.is_empty() {
            return Self::Bool(false);
        }
        let list = Bound::new(Value::Array(element, values), element);
        Self::InList(Arc::new(InList { expr: self, list, negated: false }))
    }

    /// `(a, b) IN (rows)`: false without rows. `columns` holds one list per expression.
    pub fn in_rows(exprs: Vec<Self>, columns: Vec<(SqlType, Vec<Value>)>) -> Self {
        let rows = columns.iter().map(|(_, values)| values.len()).min().unwrap_or(0);
        if rows == 0 {
            return Self::Bool(false);
        }
        let columns = columns
            .into_iter()
            .map(|(element, values)| Bound::new(Value::Array(element, values), element))
            .collect();
        Self::InRows(Arc::new(InRows { exprs, columns, rows }))
    }

    /// `self IN (SELECT …)`.
    #[must_use]
    pub fn in_select(self, select: Select) -> Self {
        Self::InSelect(Arc::new(InSelect { expr: self, select, negated: false }))
    }

    /// `EXISTS (select)`.
    pub fn exists(select: Select) -> Self {
        Self::Exists(Arc::new(Exists::Select(Arc::new(select))))
    }

    /// The fields of one table are equal to those of another, one by one.
    pub fn matching(one: Source, fields: &[FieldId], other: Source, others: &[FieldId]) -> Self {
        let pairs = fields.iter().zip(others);
        Self::all(pairs.map(|(field, with)| Self::column(one, *field).eq(Self::column(other, *with))))
    }

    /// Whether a row of `parent` has a related row for which `condition` holds; `target` names that row in it.
    pub fn related(parent: Source, relation: RelationId, target: Source, condition: Option<Self>) -> Self {
        Self::Exists(Arc::new(Exists::Related { parent, relation, target, condition }))
    }

    /// Arithmetic.
    #[must_use]
    pub fn arithmetic(self, op: ArithmeticOp, other: Self) -> Self {
        Self::Arithmetic(Arc::new(Arithmetic { op, left: self, right: other }))
    }

    /// A function or aggregate.
    ///
    /// # Errors
    /// The name is no plain SQL name: it is written as it is.
    pub fn call(name: &str, args: Vec<Self>) -> Result<Self> {
        let plain = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if !name.split('.').all(plain) {
            return Err(Error::new(ErrorKind::Programming(format!("`{name}` is no name of a function"))));
        }
        Ok(Self::called(name, args))
    }

    /// A function whose name is known to be plain.
    pub(crate) fn called(name: &str, args: Vec<Self>) -> Self {
        let name = name.into();
        Self::Call(Arc::new(Call::of(name, args)))
    }

    /// `count(*)`.
    pub fn count_star() -> Self {
        Self::Call(Arc::new(Call { star: true, ..Call::of("count".into(), Vec::new()) }))
    }

    /// `CAST(self AS to)`.
    #[must_use]
    pub fn cast(self, to: ColumnType) -> Self {
        Self::Cast(Arc::new(Cast { expr: self, to, host: None, written: true }))
    }

    /// `CAST(self AS to)`, of which the host makes values of a type of its own.
    #[must_use]
    pub fn cast_told(self, to: ColumnType, host: HostType) -> Self {
        Self::Cast(Arc::new(Cast { expr: self, to, host: Some(host), written: true }))
    }

    /// A value that is of a type of the host's.
    #[must_use]
    pub fn told(self, to: ColumnType, host: HostType) -> Self {
        Self::Cast(Arc::new(Cast { expr: self, to, host: Some(host), written: false }))
    }

    /// A value that is read, and compared with others, as one of another type; nothing is written.
    #[must_use]
    pub fn coerced(self, to: ColumnType) -> Self {
        Self::Cast(Arc::new(Cast { expr: self, to, host: None, written: false }))
    }

    /// A value that is given when the statement runs.
    pub fn param(param: Param) -> Self {
        Self::Param(Arc::new(param))
    }

    /// `self IN (…)` with a list that is given when the statement runs.
    #[must_use]
    pub fn in_param(self, param: Param) -> Self {
        Self::InParam(Arc::new(InParam { expr: self, param: Arc::new(param), negated: false }))
    }

    /// The value that is selected under a label.
    #[must_use]
    pub fn labelled(self, label: &str) -> Self {
        Self::Labelled(Arc::new(Labelled { label: label.into(), expr: self }))
    }

    /// CASE: the value of the first condition that holds. Without conditions it is `otherwise`, or NULL.
    pub fn case(whens: Vec<(Self, Self)>, otherwise: Option<Self>) -> Self {
        if whens.is_empty() {
            return otherwise.unwrap_or(Self::Null);
        }
        Self::Case(Arc::new(Case { whens, otherwise }))
    }

    fn is_null_constant(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Value(bound) => bound.value.is_null(),
            _ => false,
        }
    }
}

impl Call {
    fn of(name: Box<str>, args: Vec<Expr>) -> Self {
        Self {
            name,
            args,
            star: false,
            distinct: false,
            filter: None,
            over: None,
            frame: None,
            order_by: Vec::new(),
            within_group: Vec::new(),
        }
    }
}

fn flipped<T: Clone>(node: Arc<T>, flip: impl FnOnce(&mut T)) -> Arc<T> {
    let mut node = Arc::unwrap_or_clone(node);
    flip(&mut node);
    Arc::new(node)
}
