//! Rows that count as deleted: what leaves them out where a table enters a statement. No value is bound for it.

use super::SqlWriter;
use super::expr::all_of;
use crate::error::{Error, ErrorKind};
use crate::model::FieldId;
use crate::query::{Deleted, Expr, FromItem, Source};

/// The column that is NULL in the rows of `source` that are read; None: all of them are.
pub(super) fn of(out: &SqlWriter<'_>, source: Source) -> Option<FieldId> {
    if !out.writes_text() || out.deleted() == Deleted::Included {
        return None;
    }
    out.schema().model(source.model).tombstone
}

/// Writes what leaves marked rows of a table out, behind a condition that is there.
pub(super) fn and_living(out: &mut SqlWriter<'_>, source: Source) {
    if let Some(field) = of(out, source) {
        out.push(" AND ");
        out.column(source, field);
        out.push(" IS NULL");
    }
}

/// Writes WHERE with `filter` and what is said of the marks of `tables`, the first of which is the one that
/// [`Deleted::Only`] means. `apart`: their rows are chosen already, in FROM.
pub(super) fn where_living(out: &mut SqlWriter<'_>, filter: &[Expr], tables: &[Source], apart: bool) {
    let marks = match apart {
        true => Vec::new(),
        false => tables.iter().enumerate().filter_map(|(at, table)| mark(out, *table, at == 0)).collect(),
    };
    if marks.is_empty() {
        return all_of(out, " WHERE ", filter);
    }
    let all: Vec<Expr> = filter.iter().cloned().chain(marks).collect();
    all_of(out, " WHERE ", &all);
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
    if mark(out, table, is_first).is_none() {
        return out.source(table);
    }
    let only = is_first && out.deleted() == Deleted::Only;
    let model = out.schema().model(table.model);
    out.push("(SELECT * FROM ");
    out.base_table(model.table());
    out.push(" WHERE ");
    if let Some(field) = model.tombstone {
        out.name(&model.field(field).column);
    }
    out.push(if only { " IS NOT NULL) AS " } else { " IS NULL) AS " });
    out.item_name(&FromItem::Table(table));
}
