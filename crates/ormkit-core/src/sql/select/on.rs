//! Conditions behind those that join a table.

use super::super::SqlWriter;
use super::super::expr::{Level, operand};
use crate::query::Expr;

/// Writes conditions behind a first one.
pub(super) fn conditions(out: &mut SqlWriter<'_>, conditions: &[Expr]) {
    for condition in conditions {
        out.push(" AND ");
        operand(out, condition, Level::Not);
    }
}
