//! Which table an expression is about.

use super::{Column, Expr};

impl Expr {
    /// The first column that the expression reads outside of SELECTs; None where there is none.
    pub fn first_column(&self) -> Option<Column> {
        let first = |parts: &[Self]| parts.iter().find_map(Self::first_column);
        let either = |left: &Self, right: &Self| left.first_column().or_else(|| right.first_column());
        match self {
            Self::Column(column) => Some(*column),
            Self::And(parts) | Self::Or(parts) => first(parts),
            Self::Not(inner) | Self::Negative(inner) => inner.first_column(),
            Self::Compare(node) => either(&node.left, &node.right),
            Self::Distinct(node) => either(&node.left, &node.right),
            Self::Arrays(node) => either(&node.left, &node.right),
            Self::Arithmetic(node) => either(&node.left, &node.right),
            Self::Like(node) => either(&node.expr, &node.part),
            Self::IsNull(node) => node.expr.first_column(),
            Self::IsTrue(node) => node.expr.first_column(),
            Self::Between(node) => node.expr.first_column(),
            Self::InList(node) => node.expr.first_column(),
            Self::Cast(node) => node.expr.first_column(),
            Self::Call(node) => first(&node.args),
            Self::Case(node) => node.whens.iter().find_map(|(condition, value)| either(condition, value)),
            _ => None,
        }
    }
}
