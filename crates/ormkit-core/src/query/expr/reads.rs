//! Whether an expression needs a row or a table, or values.

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

    /// True when values are bound in it; of a SELECT inside that is taken for granted.
    pub fn binds_values(&self) -> bool {
        if matches!(
            self,
            Self::Value(_) | Self::Param(_) | Self::InParam(_) | Self::InList(_) | Self::InRows(_)
        ) {
            return true;
        }
        let mut binds = false;
        self.children(&mut |child| {
            binds |= match child {
                Child::Expr(expr) => expr.binds_values(),
                Child::Select(_) => true,
            };
        });
        binds
    }
}
