//! Whether an expression needs a row or a table.

use super::super::walk::Child;
use super::Expr;

impl Expr {
    /// True when the value depends on a table: a column, or a SELECT inside.
    pub fn reads_tables(&self) -> bool {
        if matches!(self, Self::Column(_) | Self::Part(_) | Self::Excluded(..) | Self::Exists(_)) {
            return true;
        }
        let mut reads = false;
        self.children(&mut |child| {
            reads |= match child {
                Child::Expr(expr) => expr.reads_tables(),
                Child::Select(_) => true,
            };
        });
        reads
    }
}
