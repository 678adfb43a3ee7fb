//! Conditions behind those that join a table.

use super::super::SqlWriter;
use super::super::expr::{Level, operand};
use crate::query::{Expr, Select, Source};

/// Writes conditions behind a first one.
pub(super) fn conditions(out: &mut SqlWriter<'_>, conditions: &[Expr]) {
    for condition in conditions {
        out.push(" AND ");
        operand(out, condition, Level::Not);
    }
}

/// Writes what `select` says of every row of `target`'s model that it joins.
pub(super) fn criteria(out: &mut SqlWriter<'_>, select: &Select, target: Source) {
    for criterion in select.criteria.iter().filter(|criterion| criterion.model == target.model) {
        let condition = criterion.condition.renamed(Source::plain(target.model), target);
        conditions(out, std::slice::from_ref(&condition));
    }
}
