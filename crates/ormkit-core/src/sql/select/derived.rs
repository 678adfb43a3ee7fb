//! Tables and derived rows in FROM.

use super::super::SqlWriter;
use super::super::expr::Render;
use super::{Place, apart, subquery};
use crate::error::{Error, ErrorKind};
use crate::query::{Derived, DerivedColumn, Expr, FromItem, Rows, Select};

/// Writes what stands in FROM, with its name.
pub(in crate::sql) fn from_item(out: &mut SqlWriter<'_>, item: &FromItem) {
    match item {
        FromItem::Table(source) => out.source(*source),
        FromItem::Derived(derived) => rows(out, derived, item),
    }
}

fn rows(out: &mut SqlWriter<'_>, derived: &Derived, item: &FromItem) {
    if derived.lateral {
        if !out.is_postgres() {
            out.unsupported(
                "LATERAL",
                "put what it reads into a scalar subquery, or join the rows and number them",
            );
        }
        out.push("LATERAL ");
    }
    match &derived.rows {
        Rows::Select(select) => {
            out.push("(");
            in_from(out, select, derived);
            out.push(")");
        }
        Rows::Cte(cte) => {
            let name = out.cte_name(cte.number).unwrap_or_default();
            out.name(&name);
            if cte.number == derived.number() {
                return;
            }
        }
        Rows::Function(call) => {
            call.render(out);
            out.push(" AS ");
            out.item_name(item);
            if out.is_postgres() {
                column_names(out, &derived.columns);
            }
            return;
        }
        Rows::Values(rows) => {
            out.push("(");
            values(out, rows, &derived.columns);
            out.push(")");
            if out.is_postgres() {
                out.push(" AS ");
                out.item_name(item);
                return column_names(out, &derived.columns);
            }
        }
        Rows::Named(table) => {
            out.table(table);
            if derived.name.as_deref() == Some(&*table.name) {
                return;
            }
        }
        Rows::Raw(sql) => return sql.render(out),
        Rows::Text(sql) => {
            out.push("(");
            sql.render(out);
            out.push(")");
        }
    }
    out.push(" AS ");
    out.item_name(item);
}

/// A SELECT in FROM: it sees its siblings where it is LATERAL, and the statements around all of them otherwise.
fn in_from(out: &mut SqlWriter<'_>, select: &Select, derived: &Derived) {
    if derived.lateral {
        let criteria = out.add_criteria(&select.criteria);
        let (eager, mut layout) = (super::Eager::default(), super::Layout::default());
        super::body(out, select, &eager, &mut layout, Place::Nested, Some(&derived.columns));
        out.set_criteria(criteria);
        return;
    }
    let siblings = out.leave_scope();
    apart(out, select, Some(&derived.columns));
    out.return_to_scope(siblings);
}

/// ` (a, b)`
pub(super) fn column_names(out: &mut SqlWriter<'_>, columns: &[DerivedColumn]) {
    out.push("(");
    out.list(columns, |out, column| out.name(&column.column));
    out.push(")");
}

/// A list of rows; SQLite takes names for its columns from a SELECT only.
fn values(out: &mut SqlWriter<'_>, rows: &[Vec<Expr>], columns: &[DerivedColumn]) {
    let names = !out.is_postgres();
    if names {
        out.push("SELECT ");
        for (at, column) in columns.iter().enumerate() {
            out.push(if at > 0 { ", column" } else { "column" });
            out.number(at as u64 + 1);
            out.push(" AS ");
            out.name(&column.column);
        }
        out.push(" FROM (");
    }
    if rows.is_empty() {
        out.fail(Error::new(ErrorKind::Programming(
            "a list of rows in FROM has none: give it some with data(..)".into(),
        )));
    }
    out.push("VALUES ");
    out.list(rows, |out, row| {
        out.push("(");
        out.list(row, |out, value| value.render(out));
        out.push(")");
    });
    if names {
        out.push(")");
    }
}

/// Writes a SELECT as a part of a set operation.
pub(super) fn part(out: &mut SqlWriter<'_>, select: &Select, names: Option<&[DerivedColumn]>) {
    match names {
        Some(columns) => apart(out, select, Some(columns)),
        None => subquery(out, select),
    }
}
