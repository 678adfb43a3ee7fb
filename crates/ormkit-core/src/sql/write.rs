//! INSERT, UPDATE and DELETE of a program's own, as text.

use super::SqlWriter;
use super::dml;
use super::expr::{Render, all_of};
use super::select::{Layout, listed};
use crate::error::{Error, ErrorKind};
use crate::model::{FieldId, Model, OnUpdate};
use crate::query::{Conflict, ConflictTarget, Delete, Expr, Insert, Item, Source, Update, Write};

/// Writes the statement and says what its rows hold.
pub(crate) fn write(out: &mut SqlWriter<'_>, statement: &Write) -> Layout {
    out.open_scope(&[Source::plain(statement.model())]);
    match statement {
        Write::Insert(node) => insert(out, node),
        Write::Update(node) => update(out, node),
        Write::Delete(node) => delete(out, node),
    }
    let layout = returning(out, statement.returning());
    out.close_scope();
    layout
}

fn insert(out: &mut SqlWriter<'_>, node: &Insert) {
    let model = out.schema().model(node.model);
    out.push("INSERT INTO ");
    out.table(model.table());
    let made: Vec<FieldId> =
        model.upkeep.sql_insert.iter().filter(|field| !node.columns.contains(field)).copied().collect();
    node.columns.iter().for_each(|field| refuse_generated(out, model, *field));
    if node.columns.is_empty() && (made.is_empty() || node.rows.len() > 1) {
        if node.rows.len() > 1 {
            return out.fail(Error::new(ErrorKind::Programming(
                "an INSERT of several rows needs at least one column".into(),
            )));
        }
        out.push(" DEFAULT VALUES");
    } else {
        out.push(" (");
        out.columns(model, &[node.columns.as_slice(), &made].concat());
        out.push(") VALUES ");
        let defaults_only = [Vec::new()];
        let rows = if node.rows.is_empty() { &defaults_only[..] } else { &node.rows };
        out.list(rows, |out, row| {
            out.push("(");
            out.list(row, |out, value| value.render(out));
            dml::make(out, model, &made, !row.is_empty());
            out.push(")");
        });
    }
    if let Some(conflict) = &node.conflict {
        on_conflict(out, conflict, node);
    }
}

fn on_conflict(out: &mut SqlWriter<'_>, conflict: &Conflict, node: &Insert) {
    let model = out.schema().model(node.model);
    out.push(" ON CONFLICT");
    match &conflict.target {
        ConflictTarget::Any if !conflict.set.is_empty() && out.is_postgres() => {
            out.unsupported("ON CONFLICT DO UPDATE without a target", "name the columns or the constraint");
        }
        ConflictTarget::Any => {}
        ConflictTarget::Columns(fields, index_filter) => {
            out.push(" (");
            out.columns(model, fields);
            out.push(")");
            all_of(out, " WHERE ", index_filter);
        }
        ConflictTarget::Constraint(name) if out.is_postgres() => {
            out.push(" ON CONSTRAINT ");
            out.name(name);
        }
        ConflictTarget::Constraint(_) => {
            out.unsupported("ON CONFLICT ON CONSTRAINT", "name the columns of the constraint");
        }
    }
    if conflict.set.is_empty() {
        return out.push(" DO NOTHING");
    }
    out.push(" DO UPDATE SET ");
    assignments(out, node.model, &conflict.set);
    all_of(out, " WHERE ", &conflict.filter);
}

fn update(out: &mut SqlWriter<'_>, node: &Update) {
    if node.set.is_empty() {
        out.fail(Error::new(ErrorKind::Programming("an UPDATE sets at least one column".into())));
    }
    out.push("UPDATE ");
    out.source(Source::plain(node.model));
    out.push(" SET ");
    assignments(out, node.model, &node.set);
    renew(out, node);
    all_of(out, " WHERE ", &node.filter);
}

/// What UPDATE sets by itself.
fn renew(out: &mut SqlWriter<'_>, node: &Update) {
    let model = out.schema().model(node.model);
    for field in &model.upkeep.sql {
        let field_is_set = node.set.iter().any(|(set, _)| set == field);
        if let (OnUpdate::Sql(sql), false) = (&model.field(*field).on_update, field_is_set) {
            out.push(", ");
            out.name(&model.field(*field).column);
            out.push(" = ");
            out.push(if out.is_postgres() { &sql.postgres } else { &sql.sqlite });
        }
    }
}

/// Refuses a value for what the database alone writes.
fn refuse_generated(out: &mut SqlWriter<'_>, model: &Model, field: FieldId) {
    if model.field(field).is_generated() {
        out.fail(Error::new(ErrorKind::Programming(format!(
            "{} is written by the database alone: leave it out",
            model.place(field)
        ))));
    }
}

fn delete(out: &mut SqlWriter<'_>, node: &Delete) {
    out.push("DELETE FROM ");
    out.source(Source::plain(node.model));
    all_of(out, " WHERE ", &node.filter);
}

fn assignments(out: &mut SqlWriter<'_>, model: crate::model::ModelId, set: &[(FieldId, Expr)]) {
    let model = out.schema().model(model);
    set.iter().for_each(|(field, _)| refuse_generated(out, model, *field));
    out.list(set, |out, (field, value)| {
        out.name(&model.field(*field).column);
        out.push(" = ");
        value.render(out);
    });
}

fn returning(out: &mut SqlWriter<'_>, items: &[Item]) -> Layout {
    let mut layout = Layout::default();
    if !items.is_empty() {
        out.push(" RETURNING ");
        listed(out, items, &mut layout);
    }
    layout
}

#[cfg(test)]
mod tests;
