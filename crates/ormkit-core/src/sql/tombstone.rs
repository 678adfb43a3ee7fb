//! Rows of a table that are not read: those that count as deleted, and those of classes that share the table. What leaves
//! them out stands where a table enters a statement. No value is bound for it.

use super::expr::{Level, operand};
use super::{SqlWriter, criteria};
use crate::error::{Error, ErrorKind};
use crate::model::{FieldId, Mark};
use crate::query::{Deleted, Expr, FromItem, Operation, OperationKind, Source};

/// The column that is NULL in the rows of `source` that are read; None: all of them are.
fn of(out: &SqlWriter<'_>, source: Source) -> Option<FieldId> {
    if !out.writes_text() || out.deleted() == Deleted::Included {
        return None;
    }
    out.schema().model(source.model).tombstone
}

/// True where some rows of `source` are not read.
pub(super) fn leaves_out(out: &SqlWriter<'_>, source: Source) -> bool {
    of(out, source).is_some() || kinds(out, source).is_some() || criteria::speak_of(out, source)
}

/// What tells the rows of a class from those of others in its table.
fn kinds(out: &SqlWriter<'_>, source: Source) -> Option<Expr> {
    if !out.writes_text() {
        return None;
    }
    let schema = out.schema();
    let model = schema.model(source.model);
    let family = model.family.as_ref().filter(|family| family.is_filtered)?;
    let below = family.below.iter().filter_map(|id| schema.model(*id).family.as_ref());
    let marks = family.mark.iter().chain(below.filter_map(|family| family.mark.as_ref()));
    let literal = |mark: &Mark| match mark {
        Mark::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Mark::Int(number) => number.to_string(),
    };
    let marks: Vec<String> = marks.map(literal).collect();
    if marks.is_empty() {
        return Some(Expr::Bool(false));
    }
    // SQL text stands in parentheses as an operand.
    let column = Expr::column(source, family.discriminator);
    let kind = OperationKind::Infix { text: "IN".into(), condition: true };
    Some(Expr::Operation(Operation { kind, args: vec![column, Expr::Text(marks.join(", ").into())] }.into()))
}

/// Writes what leaves rows of a table out, behind a condition that is there.
pub(super) fn and_living(out: &mut SqlWriter<'_>, source: Source) {
    if let Some(field) = of(out, source) {
        out.push(" AND ");
        out.column(source, field);
        out.push(" IS NULL");
    }
    if let Some(kinds) = kinds(out, source) {
        out.push(" AND ");
        operand(out, &kinds, Level::And);
    }
    criteria::and(out, source);
}

/// Writes WHERE with `filter` and what is said of the marks of `tables`, the first of which is the one that
/// [`Deleted::Only`] means. `apart`: their rows are chosen already, in FROM.
pub(super) fn where_living(out: &mut SqlWriter<'_>, filter: &[Expr], tables: &[Source], apart: bool) {
    if filter.iter().any(Expr::has_window) {
        out.fail(Error::unsupported(
            "a window function in a condition",
            "select it in a subquery, and put the condition on that one's column",
        ));
    }
    let marks = match apart {
        true => Vec::new(),
        false => tables
            .iter()
            .enumerate()
            .flat_map(|(at, table)| [mark(out, *table, at == 0), kinds(out, *table)])
            .flatten()
            .collect(),
    };
    let tables = if apart { &[] } else { tables };
    if marks.is_empty() {
        return criteria::all_with(out, " WHERE ", filter, tables);
    }
    let all: Vec<Expr> = filter.iter().cloned().chain(marks).collect();
    criteria::all_with(out, " WHERE ", &all, tables);
}

/// What is true of the marks of a table's rows that are read.
fn mark(out: &mut SqlWriter<'_>, table: Source, is_first: bool) -> Option<Expr> {
    let only = is_first && out.deleted() == Deleted::Only;
    let Some(field) = of(out, table) else {
        if only && out.writes_text() {
            let model = out.schema().model(table.model).name();
            out.fail(Error::new(ErrorKind::Programming(format!(
                "only deleted rows of {model} are asked for, which has no soft deletion"
            ))));
        }
        return None;
    };
    let column = Expr::column(table, field);
    Some(if only { column.is_not_null() } else { column.is_null() })
}

/// Writes a table in FROM with just the rows that are read, as a subquery under its own name: an outer join would bring
/// rows back that WHERE or ON leave out.
pub(super) fn living_rows(out: &mut SqlWriter<'_>, table: Source, is_first: bool) {
    let mark = mark(out, table, is_first);
    if mark.is_none() && kinds(out, table).is_none() && !criteria::speak_of(out, table) {
        return out.source(table);
    }
    let conditions: Vec<Expr> = mark.into_iter().chain(kinds(out, table)).collect();
    out.push("(SELECT * FROM ");
    let around = out.leave_scopes();
    out.open_scope(&[table.into()]);
    out.source(table);
    criteria::all_with(out, " WHERE ", &conditions, &[table]);
    out.close_scope();
    out.return_to(around);
    out.push(") AS ");
    out.item_name(&FromItem::Table(table));
}
