//! Whether an expression needs a row or a table, or values.

use super::super::lookup::FIRST_ALIAS;
use super::super::walk::{Child, Met, Walk};
use super::Expr;
use crate::model::ModelId;

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

    /// The highest number that [lookups](crate::query::lookup::Lookup) or conditions of relations have given to one of these models
    /// in it; 0 for none.
    pub fn highest_number(&self, is_meant: impl Fn(ModelId) -> bool) -> u32 {
        let mut highest = 0;
        Walk::new(&mut |met| {
            if let Met::Source(source) = met
                && source.alias < FIRST_ALIAS
                && is_meant(source.model)
            {
                highest = highest.max(source.alias);
            }
            true
        })
        .expr(self);
        highest
    }

    /// True when a window function is in it.
    pub fn has_window(&self) -> bool {
        if matches!(self, Self::Call(call) if call.over.is_some()) {
            return true;
        }
        let mut found = false;
        self.children(&mut |child| {
            if let Child::Expr(expr) = child {
                found |= expr.has_window();
            }
        });
        found
    }
}
