//! INSERT, UPDATE and DELETE of objects by their keys: what a flush sends.

mod rows;

use super::{Dialect, Lacking, SqlWriter};
use crate::driver::{Effect, StatementText};
use crate::model::{Field, FieldDefault, FieldId, Model, Schema};
use crate::value::{ParamType, Params, SqlType};
use rows::Rows;

/// INSERT of `fields`; see [`Plans::insert`](crate::plan::Plans::insert).
pub(crate) fn insert_rows(
    dialect: &'static Dialect,
    model: &Model,
    fields: &[FieldId],
    many: bool,
    returning: &[FieldId],
) -> StatementText {
    dml(dialect, many, (model, fields), returning, |out| {
        out.push("INSERT INTO ");
        out.table(model.table());
        match (fields.is_empty(), many) {
            (true, false) => out.push(" DEFAULT VALUES"),
            (true, true) => insert_defaults(out, model),
            (false, true) if dialect.arrays => insert_unnest(out, model, fields),
            (false, _) => insert_values(out, model, fields, many),
        }
    })
}

fn insert_values(out: &mut SqlWriter<'_>, model: &Model, fields: &[FieldId], many: bool) {
    out.push(" (");
    out.columns(model, fields);
    out.push(") VALUES (");
    out.list(fields, |out, field| placeholder(out, model.field(*field), many));
    out.push(")");
}

/// One array per column; RETURNING answers in the order of the rows because INSERT follows the order of its SELECT.
fn insert_unnest(out: &mut SqlWriter<'_>, model: &Model, fields: &[FieldId]) {
    let rows = Rows::new(model, fields, 'c');
    out.push(" (");
    out.columns(model, fields);
    out.push(") SELECT ");
    rows.columns(out);
    out.push(" FROM ");
    rows.unnest(out);
    out.push(" WITH ORDINALITY AS r(");
    rows.names(out);
    out.push(", n) ORDER BY n");
}

/// Rows of defaults only: the one parameter is an array of as many NULLs as there are rows.
fn insert_defaults(out: &mut SqlWriter<'_>, model: &Model) {
    if out.dialect().arrays {
        out.push(" SELECT FROM unnest(");
        out.placeholder(ParamType::array(SqlType::Integer));
        return out.push("::int4[])");
    }
    // SQLite has no INSERT of several default rows, and none with a parameter: one column takes the NULL, or its
    // default in place of it. A numbered key takes NULL for "the next number".
    let spare =
        |field: &&Field| field.autoincrement || (field.nullable && field.default == FieldDefault::None);
    let fields = model.fields();
    let field = fields.iter().find(spare).unwrap_or(&fields[0]);
    out.push(" (");
    out.name(&field.column);
    out.push(") VALUES (");
    match &field.default {
        FieldDefault::Server(default) if !field.autoincrement => {
            out.push("coalesce(");
            placeholder(out, field, true);
            out.push(", ");
            out.push(&default.sqlite);
            out.push(")");
        }
        _ => placeholder(out, field, true),
    }
    out.push(")");
}

/// UPDATE by key; see [`Plans::update`](crate::plan::Plans::update).
pub(crate) fn update_by_key(
    dialect: &'static Dialect,
    model: &Model,
    fields: &[FieldId],
    many: bool,
) -> StatementText {
    dml(dialect, many, (model, fields), &[], |out| {
        out.push("UPDATE ");
        out.table(model.table());
        out.push(" SET ");
        if many && dialect.arrays {
            let (rows, keys) = (Rows::new(model, fields, 'c'), Rows::new(model, &model.key, 'k'));
            rows.assignments(out);
            out.push(" FROM unnest(");
            rows.arrays(out);
            out.push(", ");
            keys.arrays(out);
            out.push(") AS ");
            out.push(Rows::alias(model));
            out.push("(");
            rows.names(out);
            out.push(", ");
            keys.names(out);
            out.push(") WHERE ");
            keys.matches(out);
        } else {
            out.list(fields, |out, field| equals(out, model.field(*field), many));
            out.push(" WHERE ");
            out.separated(&model.key, " AND ", |out, field| equals(out, model.field(*field), many));
        }
    })
}

/// DELETE by key; see [`Plans::delete`](crate::plan::Plans::delete).
pub(crate) fn delete_by_key(dialect: &'static Dialect, model: &Model, many: bool) -> StatementText {
    dml(dialect, many, (model, &[]), &[], |out| {
        out.push("DELETE FROM ");
        out.table(model.table());
        let keys = Rows::new(model, &model.key, 'k');
        if !(many && dialect.arrays) {
            out.push(" WHERE ");
            out.separated(&model.key, " AND ", |out, field| equals(out, model.field(*field), many));
        } else if let [key] = model.key[..] {
            out.push(" WHERE ");
            out.name(&model.field(key).column);
            out.push(" = ANY(");
            keys.key_array(out);
            out.push(")");
        } else {
            out.push(" USING ");
            keys.unnest(out);
            out.push(" AS ");
            out.push(Rows::alias(model));
            out.push("(");
            keys.names(out);
            out.push(") WHERE ");
            keys.matches(out);
        }
    })
}

fn dml(
    dialect: &'static Dialect,
    many: bool,
    (model, fields): (&Model, &[FieldId]),
    returning: &[FieldId],
    write: impl FnOnce(&mut SqlWriter<'_>),
) -> StatementText {
    let (schema, mut params) = (Schema::default(), Params::new());
    let mut out = SqlWriter::new(dialect, &schema, &mut params);
    write(&mut out);
    let mut used = fields.iter().chain(returning).chain(&model.key).copied();
    let mut columns = Vec::new();
    let mut unreturning = None;
    if !returning.is_empty() {
        if let [field] = returning
            && model.field(*field).autoincrement
        {
            unreturning = Some(out.text().to_owned());
        }
        out.push(" RETURNING ");
        out.columns(model, returning);
        columns.extend(returning.iter().map(|field| model.field(*field).column_type.sql_type()));
    }
    let (text, types) = out.into_parts();
    let text = StatementText::new(text, types, Some(columns), Effect::Write { bounded: !many });
    let text = text.lacking(used.find_map(|field| Lacking::of(dialect, model, field)));
    match unreturning {
        _ if !many || dialect.arrays => text,
        None => text.per_row(),
        Some(unreturning) => text.per_row().unreturning(unreturning),
    }
}

fn equals(out: &mut SqlWriter<'_>, field: &Field, many: bool) {
    out.name(&field.column);
    out.push(" = ");
    placeholder(out, field, many);
}

/// A placeholder for a field. Of a statement that runs once per row the parameter is the array of all rows' values.
fn placeholder(out: &mut SqlWriter<'_>, field: &Field, many: bool) {
    let element = field.column_type.sql_type();
    out.placeholder(if many { ParamType::array(element) } else { ParamType::scalar(element) });
}
