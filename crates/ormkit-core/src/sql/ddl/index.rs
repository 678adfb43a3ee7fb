//! Indexes of fields that ask for one, and declared ones.

use super::super::expr::Render;
use super::super::{Dialect, Spelling, SqlWriter};
use super::{DdlStep, checked, names, table};
use crate::error::Result;
use crate::model::{Index, IndexPart, IndexTerm, Model, Schema};
use crate::query::{Expr, Nulls, Source};

/// `CREATE INDEX IF NOT EXISTS`.
///
/// # Errors
/// What the dialect lacks; an expression with a value that has no SQL literal, or with a column of another table.
pub(super) fn indexes(schema: &Schema, model: &Model, spelling: Spelling<'_>) -> Result<Vec<DdlStep>> {
    declared_indexes(model, spelling.dialect)
        .into_iter()
        .map(|index| Ok(DdlStep::Run(checked(schema, spelling, |out| create(out, model, &index))?)))
        .collect()
}

/// The indexes of a model that the database has: those of its fields first.
pub(crate) fn declared_indexes(model: &Model, dialect: &Dialect) -> Vec<Index> {
    let of_fields = model
        .fields()
        .iter()
        .filter(|field| field.index)
        .map(|field| Index::on(field.names.index.clone(), [field.column.as_str()], field.unique));
    of_fields.chain(model.def.indexes.iter().cloned()).filter(|index| is_made(index, dialect)).collect()
}

/// The text of an expression over the columns of a model.
///
/// # Errors
/// As [`indexes`].
pub(crate) fn index_expression(
    schema: &Schema,
    model: &Model,
    expr: &Expr,
    dialect: &'static Dialect,
) -> Result<String> {
    checked(schema, dialect, |out| {
        out.open_scope(&[Source::plain(model.id).into()]);
        expr.render(out);
        out.close_scope();
    })
}

/// SQLite has one kind of index only.
fn is_made(index: &Index, dialect: &Dialect) -> bool {
    let is_btree = index.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case("btree"));
    is_btree || dialect.index_methods
}

fn create(out: &mut SqlWriter<'_>, model: &Model, index: &Index) {
    let name = index.name.clone().unwrap_or_else(|| names::index(model.table(), &index.words()));
    out.push(if index.unique { "CREATE UNIQUE INDEX IF NOT EXISTS " } else { "CREATE INDEX IF NOT EXISTS " });
    // SQLite keeps the schema with the index's name.
    let (schema, table) = (out.schema_name(&model.table().schema), &model.table().name);
    match (schema, out.is_postgres()) {
        (Some(schema), false) => {
            out.name(schema);
            out.push(".");
            out.name(&name);
            out.push(" ON ");
            out.name(table);
        }
        _ => {
            out.name(&name);
            out.push(" ON ");
            out.table(model.table());
        }
    }
    if let (Some(method), true) = (&index.method, out.dialect().index_methods) {
        out.push(" USING ");
        out.name(method);
    }
    out.open_scope(&[Source::plain(model.id).into()]);
    out.push(" (");
    out.list(&index.parts, part);
    out.push(")");
    if !index.include.is_empty() && out.is_postgres() {
        out.push(" INCLUDE (");
        out.list(&index.include, |out, column| out.name(column));
        out.push(")");
    }
    if index.nulls_not_distinct {
        table::nulls_equal(out);
    }
    if !index.storage.is_empty() && out.is_postgres() {
        out.push(" WITH (");
        out.list(&index.storage, |out, (name, value)| {
            out.name(name);
            out.push("=");
            out.literal(value);
        });
        out.push(")");
    }
    let condition = if out.is_postgres() { &index.postgres_where } else { &index.sqlite_where };
    if let Some(condition) = condition {
        out.push(" WHERE ");
        condition.render(out);
    }
    out.close_scope();
}

/// A column or an expression, and how it is sorted.
pub(super) fn part(out: &mut SqlWriter<'_>, part: &IndexPart) {
    match &part.term {
        IndexTerm::Column(column) => out.name(column),
        IndexTerm::Expr(expr @ Expr::Column(_)) => expr.render(out),
        IndexTerm::Expr(expr) => {
            out.push("(");
            expr.render(out);
            out.push(")");
        }
    }
    if let (Some(class), true) = (&part.class, out.is_postgres()) {
        out.push(" ");
        out.name(class);
    }
    if part.descending {
        out.push(" DESC");
    }
    if let (Some(nulls), true) = (part.nulls, out.is_postgres()) {
        out.push(match nulls {
            Nulls::First => " NULLS FIRST",
            Nulls::Last => " NULLS LAST",
        });
    }
}
