//! INSERT, UPDATE and DELETE of a program's own, as text.

use std::sync::Arc;

use super::expr::{Render, all_of, assigned, fitting};
use super::select::{self, Layout, listed};
use super::{DialectName, SqlWriter, dml, tombstone};
use crate::error::{Error, ErrorKind};
use crate::model::{ColumnType, Constraint, FieldId, Model, ModelId, OnUpdate, Schema, Version};
use crate::query::{
    Conflict, ConflictTarget, Delete, Expr, FromItem, Insert, Item, Select, Source, Update, Write, wider,
};

/// Writes the statement and says what its rows hold.
pub(crate) fn write(out: &mut SqlWriter<'_>, statement: &Write) -> Layout {
    out.take_arguments(statement.arguments());
    select::with(out, |walk| walk.write(statement));
    inner(out, statement)
}

/// Writes the statement as a common table expression. Nobody is asked for the values that the host renews.
pub(super) fn within(out: &mut SqlWriter<'_>, statement: &Write) {
    if let Write::Update(update) = statement {
        let model = out.schema().model(update.model);
        let is_left = |field: &&FieldId| update.set.iter().all(|(set, _)| set != *field);
        if let Some(field) = model.upkeep.client.iter().find(is_left) {
            out.fail(Error::unsupported(
                format!("an UPDATE inside of another statement that leaves out {}", model.place(*field)),
                "set it as well: its onupdate is the program's",
            ));
        }
    }
    inner(out, statement);
}

/// Writes the statement behind the common table expressions that it reads from.
fn inner(out: &mut SqlWriter<'_>, statement: &Write) -> Layout {
    let model = out.schema().model(statement.model());
    if !model.parts().is_empty() {
        let words = match statement {
            Write::Insert(_) => ("INSERT", "add the objects to a session"),
            Write::Update(_) => ("UPDATE", "change the objects, or update a Table of the class"),
            Write::Delete(_) => ("DELETE", "delete the objects"),
        };
        out.unsupported(
            &format!("{} of {}, whose columns stand in several tables", words.0, model.name()),
            words.1,
        );
    }
    if let (Write::Delete(_), Some(below)) = (statement, rows_below(out.schema(), model)) {
        out.unsupported(
            &format!(
                "DELETE of {}, whose rows go on in the table of {} without ON DELETE CASCADE",
                model.name(),
                below.name()
            ),
            "delete the objects, or give that table's key ondelete=\"CASCADE\"",
        );
    }
    let target = FromItem::from(statement.model());
    let others = others(out, statement, &target);
    let returns_others = !out.is_postgres() && !others.is_empty();
    let mut items = vec![target];
    // What SQLite cannot delete by reading from elsewhere it deletes where such rows exist: they have a scope of their own.
    let apart = !out.is_postgres() && matches!(statement, Write::Delete(_));
    if !apart {
        items.extend(others.iter().cloned());
    }
    let around = out.enter(statement.deleted());
    out.open_scope(&items);
    if !others.is_empty() {
        let filter = match statement {
            Write::Insert(_) => &[],
            Write::Update(node) => &node.filter[..],
            Write::Delete(node) => &node.filter[..],
        };
        select::require_links(out, filter, &[&[FromItem::from(statement.model())], &others[..]].concat());
    }
    match statement {
        Write::Insert(node) => insert(out, node),
        Write::Update(node) => update(out, node, &others),
        Write::Delete(node) => delete(out, node, &others),
    }
    if returns_others && statement.returning().iter().any(|item| reads(item, &others)) {
        out.unsupported("RETURNING of other tables", "return columns of the table that is written");
    }
    let layout = returning(out, statement.returning());
    out.close_scope();
    out.enter(around);
    layout
}

/// A class below with a table of its own whose rows would be in the way of a DELETE.
fn rows_below<'a>(schema: &'a Schema, model: &Model) -> Option<&'a Arc<Model>> {
    let below = model.family.iter().flat_map(|family| &family.below).map(|below| schema.model(*below));
    below.into_iter().find(|class| {
        class.parts().iter().skip(1).any(|part| {
            let table = schema.model(part.model);
            let cascades = |action: Option<&str>| action == Some("CASCADE");
            let by_key = table.key.iter().all(|field| {
                table.field(*field).foreign_key.as_ref().is_some_and(|key| cascades(key.on_delete))
            });
            let by_constraint = table.def.constraints.iter().any(|constraint| match constraint {
                Constraint::ForeignKey { columns, on_delete, .. } => {
                    let is_key = |field: &FieldId| columns.contains(&table.field(*field).column);
                    cascades(*on_delete) && table.key.iter().all(is_key)
                }
                _ => false,
            });
            !(by_key || by_constraint)
        })
    })
}

/// What an UPDATE or DELETE reads from beside its own table.
fn others(out: &SqlWriter<'_>, statement: &Write, target: &FromItem) -> Vec<FromItem> {
    let mut items: Vec<FromItem> = Vec::new();
    if !out.resolves() {
        return items;
    }
    let mut add = |item: FromItem| {
        if item != *target && !items.contains(&item) {
            items.push(item);
        }
    };
    match statement {
        Write::Insert(_) => {}
        Write::Update(node) => {
            node.set.iter().for_each(|(_, expr)| select::mentioned(expr, &mut add));
            node.filter.iter().for_each(|expr| select::mentioned(expr, &mut add));
        }
        Write::Delete(node) => node.filter.iter().for_each(|expr| select::mentioned(expr, &mut add)),
    }
    items
}

fn reads(item: &Item, others: &[FromItem]) -> bool {
    match item {
        Item::Entity { source, .. } => others.iter().any(|other| *other == *source),
        Item::Mapped { .. } => true,
        Item::Value { expr, .. } => {
            let mut found = false;
            select::mentioned(expr, &mut |known| found |= others.contains(&known));
            found
        }
    }
}

fn insert(out: &mut SqlWriter<'_>, node: &Insert) {
    let model = out.schema().model(node.model);
    out.push("INSERT INTO ");
    out.table(model.table());
    let made = match node.fills {
        true => dml::made(model, &node.columns),
        false => Vec::new(),
    };
    node.columns.iter().for_each(|field| refuse_generated(out, model, *field));
    if let Some(rows) = &node.select {
        let fields = [node.columns.as_slice(), &made].concat();
        out.push(" (");
        out.columns(model, &fields);
        out.push(") ");
        let mut rows = Select::clone(rows);
        for field in &made {
            let value = Expr::Text(dml::made_by(out, model, *field).into_owned().into());
            match wider(&rows, model, *field, vec![value]) {
                Ok(wider) => rows = wider,
                Err(error) => return out.fail(error),
            }
        }
        let scopes = out.leave_scopes();
        // SQLite takes the ON of a conflict for that of a join unless a WHERE stands before it.
        let wraps = node.conflict.is_some() && !out.is_postgres();
        if holds_decimals(out, model, &fields) {
            numbered_rows(out, model, &fields, &rows);
            out.push(if wraps { " WHERE TRUE" } else { "" });
        } else {
            out.push(if wraps { "SELECT * FROM (" } else { "" });
            select::subquery(out, &rows);
            out.push(if wraps { ") WHERE TRUE" } else { "" });
        }
        out.return_to(scopes);
    } else if node.columns.is_empty() && (made.is_empty() || node.rows.len() > 1) {
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
            let mut fields = node.columns.iter();
            out.list(row, |out, value| match fields.next() {
                Some(field) => assigned(out, model, *field, value),
                None => value.render(out),
            });
            dml::make(out, model, &made, !row.is_empty());
            out.push(")");
        });
    }
    if let Some(conflict) = &node.conflict {
        on_conflict(out, conflict, node);
    }
}

/// True where columns keep decimals as text.
fn holds_decimals(out: &SqlWriter<'_>, model: &Model, fields: &[FieldId]) -> bool {
    let is_decimal = |field: &FieldId| matches!(model.field(*field).column_type, ColumnType::Numeric(_));
    !out.is_postgres() && fields.iter().any(is_decimal)
}

/// The rows for columns of which some keep decimals: each with the digits that its column has.
fn numbered_rows(out: &mut SqlWriter<'_>, model: &Model, fields: &[FieldId], rows: &Select) {
    let names: Vec<Arc<str>> = (1..=fields.len()).map(|number| format!("c{number}").into()).collect();
    out.push("WITH ormkit_rows(");
    out.list(&names, |out, name| out.push(name));
    out.push(") AS (");
    select::subquery(out, rows);
    out.push(") SELECT ");
    let mut fields = fields.iter();
    out.list(&names, |out, name| match fields.next() {
        Some(field) => assigned(out, model, *field, &Expr::Text(Arc::clone(name))),
        None => out.push(name),
    });
    out.push(" FROM ormkit_rows");
}

fn on_conflict(out: &mut SqlWriter<'_>, conflict: &Conflict, node: &Insert) {
    let model = out.schema().model(node.model);
    out.push(" ON CONFLICT");
    match &conflict.target {
        ConflictTarget::Any if !conflict.set.is_empty() && out.is_postgres() => {
            out.unsupported("ON CONFLICT DO UPDATE without a target", "name the columns or the constraint");
        }
        ConflictTarget::Any => {}
        ConflictTarget::Columns(fields, filter) => {
            out.push(" (");
            out.columns(model, fields);
            out.push(")");
            let text = filter.as_ref().map(|filter| match out.dialect().name {
                DialectName::Postgres => &filter.postgres,
                DialectName::Sqlite => &filter.sqlite,
            });
            match text {
                Some(Some(text)) => {
                    out.push(" WHERE ");
                    out.push(text);
                }
                Some(None) => out.unsupported("this index_where", "say it in words that the database has"),
                None => {}
            }
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
    // Beside EXCLUDED a bare name could be a column of either.
    let bare = out.qualify(true);
    // The version of the row is counted, not taken from the one that was to be inserted.
    let version =
        model.upkeep.version.filter(|(_, version)| *version == Version::Counted).map(|(field, _)| field);
    let is_version = |(field, expr): &(FieldId, Expr)| {
        Some(*field) == version && matches!(expr, Expr::Excluded(_, of) if of == field)
    };
    let set: Vec<_> = conflict.set.iter().filter(|pair| !is_version(pair)).cloned().collect();
    assignments(out, node.model, &set);
    if let Some(field) = version.filter(|version| set.iter().all(|(field, _)| field != version)) {
        out.push(if set.is_empty() { "" } else { ", " });
        next_version(out, model, field);
    }
    all_of(out, " WHERE ", &conflict.filter);
    out.qualify(bare);
}

fn update(out: &mut SqlWriter<'_>, node: &Update, others: &[FromItem]) {
    if node.set.is_empty() {
        out.fail(Error::new(ErrorKind::Programming("an UPDATE sets at least one column".into())));
    }
    out.push("UPDATE ");
    out.source(Source::plain(node.model));
    out.push(" SET ");
    assignments(out, node.model, &node.set);
    renew(out, node);
    listed_items(out, " FROM ", others);
    rows_of(out, node.model, &node.filter, others);
}

/// WHERE: which rows are written.
fn rows_of(out: &mut SqlWriter<'_>, model: ModelId, filter: &[Expr], others: &[FromItem]) {
    let target = std::iter::once(Source::plain(model));
    let tables: Vec<Source> = target.chain(others.iter().filter_map(FromItem::table)).collect();
    tombstone::where_living(out, filter, &tables, false);
}

/// What UPDATE sets by itself.
fn renew(out: &mut SqlWriter<'_>, node: &Update) {
    let model = out.schema().model(node.model);
    for field in &model.upkeep.sql {
        let field_is_set = node.set.iter().any(|(set, _)| set == field);
        if field_is_set {
            continue;
        }
        out.push(", ");
        match &model.field(*field).on_update {
            OnUpdate::Sql(sql) => {
                out.name(&model.field(*field).column);
                out.push(" = ");
                fitting(out, model, *field, |out| {
                    out.push(if out.is_postgres() { &sql.postgres } else { &sql.sqlite });
                });
            }
            _ => next_version(out, model, *field),
        }
    }
}

fn next_version(out: &mut SqlWriter<'_>, model: &Model, field: FieldId) {
    out.name(&model.field(field).column);
    out.push(" = ");
    out.column(Source::plain(model.id), field);
    out.push(" + 1");
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

fn listed_items(out: &mut SqlWriter<'_>, word: &str, items: &[FromItem]) {
    if !items.is_empty() {
        out.push(word);
        out.list(items, select::from_item);
    }
}

fn delete(out: &mut SqlWriter<'_>, node: &Delete, others: &[FromItem]) {
    out.push("DELETE FROM ");
    out.source(Source::plain(node.model));
    if others.is_empty() || out.is_postgres() {
        listed_items(out, " USING ", others);
        return rows_of(out, node.model, &node.filter, others);
    }
    out.push(" WHERE EXISTS (SELECT 1");
    out.open_scope(others);
    listed_items(out, " FROM ", others);
    rows_of(out, node.model, &node.filter, others);
    out.close_scope();
    out.push(")");
}

fn assignments(out: &mut SqlWriter<'_>, model: ModelId, set: &[(FieldId, Expr)]) {
    let model = out.schema().model(model);
    set.iter().for_each(|(field, _)| refuse_generated(out, model, *field));
    out.list(set, |out, (field, value)| {
        out.name(&model.field(*field).column);
        out.push(" = ");
        assigned(out, model, *field, value);
    });
}

fn returning(out: &mut SqlWriter<'_>, items: &[Item]) -> Layout {
    let mut layout = Layout { whole: true, ..Layout::default() };
    if !items.is_empty() {
        out.push(" RETURNING ");
        listed(out, items, &[], false, (false, false), &mut layout);
    }
    layout
}

#[cfg(test)]
mod tests;
