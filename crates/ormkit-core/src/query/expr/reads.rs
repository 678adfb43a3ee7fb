//! Whether an expression needs a row or a table.

use super::Expr;

impl Expr {
    /// True when the value depends on a table: a column, or a SELECT inside.
    pub fn reads_tables(&self) -> bool {
        let any = |parts: &[Self]| parts.iter().any(Self::reads_tables);
        match self {
            Self::Column(_) | Self::Excluded(..) | Self::InSelect(_) | Self::Exists(_) | Self::Scalar(_) => {
                true
            }
            Self::Value(_) | Self::Bool(_) | Self::Null | Self::Text(_) => false,
            Self::And(parts) | Self::Or(parts) => any(parts),
            Self::Not(inner) | Self::Negative(inner) => inner.reads_tables(),
            Self::Compare(node) => node.left.reads_tables() || node.right.reads_tables(),
            Self::Distinct(node) => node.left.reads_tables() || node.right.reads_tables(),
            Self::Arrays(node) => node.left.reads_tables() || node.right.reads_tables(),
            Self::Arithmetic(node) => node.left.reads_tables() || node.right.reads_tables(),
            Self::IsNull(node) => node.expr.reads_tables(),
            Self::IsTrue(node) => node.expr.reads_tables(),
            Self::Cast(node) => node.expr.reads_tables(),
            Self::InList(node) => node.expr.reads_tables(),
            Self::InRows(node) => any(&node.exprs),
            Self::Like(node) => node.expr.reads_tables() || node.part.reads_tables(),
            Self::Between(node) => {
                node.expr.reads_tables() || node.low.reads_tables() || node.high.reads_tables()
            }
            Self::Case(node) => {
                let when =
                    |(condition, value): &(Self, Self)| condition.reads_tables() || value.reads_tables();
                node.whens.iter().any(when) || node.otherwise.as_ref().is_some_and(Self::reads_tables)
            }
            Self::Call(node) => {
                let over = node.over.as_ref().is_some_and(|(partition, order)| {
                    any(partition) || order.iter().any(|term| term.expr.reads_tables())
                });
                any(&node.args) || over || node.filter.as_ref().is_some_and(Self::reads_tables)
            }
        }
    }
}
