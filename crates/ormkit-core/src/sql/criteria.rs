//! Conditions on every object of a class: they hold wherever its table enters a statement, and the statements inside of it.
//!
//! They stand behind the other conditions of their place. Statements inside of a criterion are not subject to criteria.

use std::sync::Arc;

use super::SqlWriter;
use super::expr::{Level, all_of, operand};
use crate::query::{Expr, Source};

/// What holds for the rows of a table.
fn of(out: &SqlWriter<'_>, source: Source) -> Vec<Expr> {
    let plain = Source::plain(source.model);
    let its = out.criteria().iter().filter(|criterion| criterion.model == source.model);
    its.map(|criterion| criterion.condition.renamed(plain, source)).collect()
}

/// True where something holds for the rows of a table.
pub(super) fn speak_of(out: &SqlWriter<'_>, source: Source) -> bool {
    out.criteria().iter().any(|criterion| criterion.model == source.model)
}

/// Writes what holds for the rows of a table behind a condition that is there.
pub(super) fn and(out: &mut SqlWriter<'_>, source: Source) {
    let criteria = of(out, source);
    write(out, &criteria, true);
}

/// Writes a clause of conditions, and of what holds for the rows of `tables`.
pub(super) fn all_with(out: &mut SqlWriter<'_>, clause: &str, conditions: &[Expr], tables: &[Source]) {
    let criteria: Vec<Expr> = tables.iter().flat_map(|table| of(out, *table)).collect();
    if criteria.is_empty() {
        return all_of(out, clause, conditions);
    }
    out.push(clause);
    out.separated(conditions, " AND ", |out, part| operand(out, part, Level::Not));
    write(out, &criteria, !conditions.is_empty());
}

fn write(out: &mut SqlWriter<'_>, criteria: &[Expr], mut follows: bool) {
    if criteria.is_empty() {
        return;
    }
    let around = out.set_criteria(Arc::default());
    for criterion in criteria {
        if std::mem::replace(&mut follows, true) {
            out.push(" AND ");
        }
        operand(out, criterion, Level::Not);
    }
    out.set_criteria(around);
}
