//! INSERT, UPDATE and DELETE of objects by their keys: what a flush sends.

mod expressions;
mod rows;

use std::borrow::Cow;

use super::expr::{fitting, is_decimal_key};
pub(crate) use expressions::Expressions;

use super::{Lacking, Spelling, SqlWriter, ddl};
use crate::driver::{Effect, StatementText};
use crate::error::Result;
use crate::model::{Field, FieldDefault, FieldId, Model, OnUpdate, Schema};
use crate::value::{ParamType, Params, SqlType};
use rows::Rows;

/// INSERT of `fields`; see [`Plans::insert`](crate::plan::Plans::insert).
pub(crate) fn insert_rows(
    spelling: Spelling<'_>,
    model: &Model,
    fields: &[FieldId],
    many: bool,
    returning: &[FieldId],
) -> StatementText {
    dml(spelling, many, (model, fields), Answers::Inserted(returning), |out| {
        out.push("INSERT INTO ");
        out.table(model.table());
        match (fields.is_empty(), many) {
            (true, false) if model.upkeep.sql_insert.is_empty() => out.push(" DEFAULT VALUES"),
            (true, true) => insert_defaults(out, model),
            (false, true) if spelling.dialect.arrays => insert_unnest(out, model, fields, None),
            _ => insert_values(out, model, fields, many, None),
        }
    })
}

/// The same with columns that are set to expressions; see [`Plans::insert_expressions`](crate::plan::Plans::insert_expressions).
pub(crate) fn insert_expressions(
    mut out: SqlWriter<'_>,
    (model, fields): (&Model, &[FieldId]),
    many: bool,
    returning: &[FieldId],
    expressions: &Expressions<'_>,
) -> Result<StatementText> {
    expressions.begin(&mut out);
    out.push("INSERT INTO ");
    out.table(model.table());
    match (fields.is_empty(), many) {
        (true, true) => insert_counted(&mut out, model, expressions),
        (false, true) if out.dialect().arrays => insert_unnest(&mut out, model, fields, Some(expressions)),
        _ => insert_values(&mut out, model, fields, many, Some(expressions)),
    }
    Expressions::finish(&mut out)?;
    Ok(statement(out, many, (model, fields), Answers::Expressions(returning, true)))
}

/// What an INSERT writes by itself beside `fields`, and all of its columns: those of expressions, `fields`, those.
fn insert_columns(
    model: &Model,
    fields: &[FieldId],
    expressions: Option<&Expressions<'_>>,
) -> (Vec<FieldId>, Vec<FieldId>) {
    let lead = expressions.map(Expressions::columns).unwrap_or_default();
    let given = [lead.as_slice(), fields].concat();
    let made = made(model, &given);
    (given.into_iter().chain(made.iter().copied()).collect(), made)
}

/// The expressions in front of what else a row is made of.
fn lead(out: &mut SqlWriter<'_>, model: &Model, expressions: Option<&Expressions<'_>>, more: bool) {
    if let Some(expressions) = expressions {
        expressions.values(out, model);
        out.push(if more { ", " } else { "" });
    }
}

/// Rows of expressions only: the last parameter is an array of as many NULLs as there are rows.
fn insert_counted(out: &mut SqlWriter<'_>, model: &Model, expressions: &Expressions<'_>) {
    let (columns, made) = insert_columns(model, &[], Some(expressions));
    out.push(" (");
    out.columns(model, &columns);
    out.push(") SELECT ");
    lead(out, model, Some(expressions), false);
    make(out, model, &made, true);
    let arrays = out.dialect().arrays;
    out.push(if arrays { " FROM unnest(" } else { " WHERE " });
    out.placeholder(ParamType::array(SqlType::Integer));
    out.push(if arrays { "::int4[])" } else { " IS NULL" });
}

fn insert_values(
    out: &mut SqlWriter<'_>,
    model: &Model,
    fields: &[FieldId],
    many: bool,
    expressions: Option<&Expressions<'_>>,
) {
    let (columns, made) = insert_columns(model, fields, expressions);
    out.push(" (");
    out.columns(model, &columns);
    out.push(") VALUES (");
    lead(out, model, expressions, !fields.is_empty());
    out.list(fields, |out, field| placeholder(out, model, *field, many));
    make(out, model, &made, expressions.is_some() || !fields.is_empty());
    out.push(")");
}

/// Fields that INSERT sets to an SQL expression beside `fields`.
pub(super) fn made(model: &Model, fields: &[FieldId]) -> Vec<FieldId> {
    model.upkeep.sql_insert.iter().filter(|field| !fields.contains(field)).copied().collect()
}

/// Their expressions, with a comma in front where something stands before them.
pub(super) fn make(out: &mut SqlWriter<'_>, model: &Model, made: &[FieldId], mut comma: bool) {
    for field in made {
        if comma {
            out.push(", ");
        }
        comma = true;
        fitting(out, model, *field, |out| {
            let made = made_by(out, model, *field);
            out.push(&made);
        });
    }
}

/// The expression of one of them.
pub(super) fn made_by<'a>(out: &SqlWriter<'_>, model: &'a Model, field: FieldId) -> Cow<'a, str> {
    match &model.field(field).default {
        FieldDefault::Expression(sql) if out.is_postgres() => Cow::Borrowed(&sql.postgres),
        FieldDefault::Expression(sql) => Cow::Borrowed(&sql.sqlite),
        FieldDefault::Sequence(sequence) if out.is_postgres() => {
            let name = ddl::written(out.spelling(), |out| out.table(&sequence.name));
            Cow::Owned(ddl::written(out.spelling(), |out| {
                out.push("nextval(");
                out.literal(&name);
                out.push(")");
            }))
        }
        FieldDefault::Sequence(_) => Cow::Borrowed("NULL"), // the next number of the key
        _ => Cow::Borrowed("1"),                            // the first version
    }
}

/// One array per column; RETURNING answers in the order of the rows because INSERT follows the order of its SELECT.
fn insert_unnest(
    out: &mut SqlWriter<'_>,
    model: &Model,
    fields: &[FieldId],
    expressions: Option<&Expressions<'_>>,
) {
    let rows = Rows::new(model, fields, 'c');
    let (columns, made) = insert_columns(model, fields, expressions);
    out.push(" (");
    out.columns(model, &columns);
    out.push(") SELECT ");
    lead(out, model, expressions, true);
    rows.columns(out);
    make(out, model, &made, true);
    out.push(" FROM ");
    rows.unnest(out);
    out.push(" WITH ORDINALITY AS r(");
    rows.names(out);
    out.push(", n) ORDER BY n");
}

/// Rows of defaults only: the one parameter is an array of as many NULLs as there are rows.
fn insert_defaults(out: &mut SqlWriter<'_>, model: &Model) {
    let made = made(model, &[]);
    if out.dialect().arrays {
        if !made.is_empty() {
            out.push(" (");
            out.columns(model, &made);
            out.push(")");
        }
        out.push(" SELECT");
        if !made.is_empty() {
            out.push(" ");
        }
        make(out, model, &made, false);
        out.push(" FROM unnest(");
        out.placeholder(ParamType::array(SqlType::Integer));
        return out.push("::int4[])");
    }
    // SQLite has no INSERT of several default rows, and none with a parameter: one column takes the NULL, or its
    // default in place of it. A numbered key takes NULL for "the next number".
    let spare = |field: &&Field| {
        let is_plain = field.default == FieldDefault::None && !field.filled_by_database();
        field.autoincrement || (field.nullable && is_plain)
    };
    let field = model.columns().find(spare).unwrap_or(&model.fields()[0]);
    out.push(" (");
    out.name(&field.column);
    made.iter().for_each(|field| {
        out.push(", ");
        out.name(&model.field(*field).column);
    });
    out.push(") VALUES (");
    match &field.default {
        FieldDefault::Server(default) if !field.autoincrement => {
            out.push("coalesce(");
            bare_placeholder(out, field, true);
            out.push(", ");
            out.push(&default.sqlite);
            out.push(")");
        }
        _ => bare_placeholder(out, field, true),
    }
    make(out, model, &made, true);
    out.push(")");
}

/// UPDATE by key; see [`Plans::update`](crate::plan::Plans::update).
pub(crate) fn update_by_key(
    spelling: Spelling<'_>,
    model: &Model,
    fields: &[FieldId],
    many: bool,
) -> StatementText {
    let returning = update_returning(model, many, &[]);
    dml(spelling, many, (model, fields), Answers::Changed(&returning), |out| {
        update(out, model, fields, many, None);
    })
}

/// The same with columns that are set to expressions; see [`Plans::update_expressions`](crate::plan::Plans::update_expressions).
pub(crate) fn update_expressions(
    mut out: SqlWriter<'_>,
    (model, fields): (&Model, &[FieldId]),
    many: bool,
    expressions: &Expressions<'_>,
) -> Result<StatementText> {
    expressions.begin(&mut out);
    update(&mut out, model, fields, many, Some(expressions));
    Expressions::finish(&mut out)?;
    let returning = update_returning(model, many, &expressions.columns());
    Ok(statement(out, many, (model, fields), Answers::Expressions(&returning, false)))
}

fn update(
    out: &mut SqlWriter<'_>,
    model: &Model,
    fields: &[FieldId],
    many: bool,
    expressions: Option<&Expressions<'_>>,
) {
    let by = found_by(model);
    let beside = many && out.dialect().arrays;
    out.push("UPDATE ");
    out.table(model.table());
    out.push(" SET ");
    if let Some(expressions) = expressions {
        expressions.assignments(out, model, beside);
        out.push(if fields.is_empty() { "" } else { ", " });
    }
    let set = [expressions.map(Expressions::columns).unwrap_or_default().as_slice(), fields].concat();
    if beside {
        let (rows, keys) = (Rows::new(model, fields, 'c'), Rows::new(model, &by, 'k'));
        rows.assignments(out);
        renew(out, model, &set);
        out.push(" FROM unnest(");
        rows.arrays(out);
        if !fields.is_empty() {
            out.push(", ");
        }
        keys.arrays(out);
        out.push(") AS ");
        out.push(Rows::alias(model));
        out.push("(");
        rows.names(out);
        if !fields.is_empty() {
            out.push(", ");
        }
        keys.names(out);
        out.push(") WHERE ");
        keys.matches(out);
    } else {
        out.list(fields, |out, field| equals(out, model, *field, many));
        renew(out, model, &set);
        out.push(" WHERE ");
        out.separated(&by, " AND ", |out, field| equals(out, model, *field, many));
    }
}

/// What UPDATE answers: the key, where rows have to be told apart, what it or the database has made anew, and what
/// expressions give.
pub(crate) fn update_returning(model: &Model, many: bool, expressions: &[FieldId]) -> Vec<FieldId> {
    let fetched = &model.upkeep.fetched;
    let mut made = fetched.to_vec();
    made.extend(expressions.iter().filter(|column| !fetched.contains(column)));
    let is_asked = !made.is_empty() || (many && model.upkeep.version.is_some());
    let key = if many && is_asked { model.key.as_slice() } else { &[] };
    [key, made.as_slice()].concat()
}

/// What a row is found by: its key, and its version where it has one.
pub(crate) fn found_by(model: &Model) -> Vec<FieldId> {
    let version = model.upkeep.version.map(|(version, _)| version);
    model.key.iter().copied().chain(version).collect()
}

/// What UPDATE sets by itself beside `fields`.
fn renew(out: &mut SqlWriter<'_>, model: &Model, fields: &[FieldId]) {
    for id in model.upkeep.sql.iter().filter(|id| !fields.contains(id)) {
        let field = model.field(*id);
        if !fields.is_empty() || model.upkeep.sql.first() != Some(id) {
            out.push(", ");
        }
        out.name(&field.column);
        out.push(" = ");
        match &field.on_update {
            OnUpdate::Sql(sql) => fitting(out, model, *id, |out| {
                out.push(if out.is_postgres() { &sql.postgres } else { &sql.sqlite });
            }),
            _ => {
                // The next version; the rows that it is joined with have other names.
                out.name(&model.table().name);
                out.push(".");
                out.name(&field.column);
                out.push(" + 1");
            }
        }
    }
}

/// DELETE by key; see [`Plans::delete`](crate::plan::Plans::delete).
pub(crate) fn delete_by_key(spelling: Spelling<'_>, model: &Model, many: bool) -> StatementText {
    let by = found_by(model);
    let returning = match many && model.upkeep.version.is_some() {
        true => model.key.to_vec(),
        false => Vec::new(),
    };
    delete_by(spelling, model, &by, &returning, many)
}

/// DELETE by the values of some fields; see [`Plans::delete_by`](crate::plan::Plans::delete_by).
pub(crate) fn delete_by(
    spelling: Spelling<'_>,
    model: &Model,
    by: &[FieldId],
    returning: &[FieldId],
    many: bool,
) -> StatementText {
    dml(spelling, many, (model, &[]), Answers::Changed(returning), |out| {
        out.push("DELETE FROM ");
        out.table(model.table());
        let keys = Rows::new(model, by, 'k');
        if !(many && spelling.dialect.arrays) {
            out.push(" WHERE ");
            out.separated(by, " AND ", |out, field| equals(out, model, *field, many));
        } else if let [key] = by[..] {
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

/// What a statement answers.
enum Answers<'a> {
    /// Fields of new rows, in the order of the rows.
    Inserted(&'a [FieldId]),
    /// Fields of changed rows, in any order.
    Changed(&'a [FieldId]),
    /// Either, and expressions are among them: of new rows where it is true.
    Expressions(&'a [FieldId], bool),
}

fn dml(
    spelling: Spelling<'_>,
    many: bool,
    (model, fields): (&Model, &[FieldId]),
    answers: Answers<'_>,
    write: impl FnOnce(&mut SqlWriter<'_>),
) -> StatementText {
    let (schema, mut params) = (Schema::default(), Params::new());
    let mut out = SqlWriter::new(spelling, &schema, &mut params);
    write(&mut out);
    statement(out, many, (model, fields), answers)
}

/// What was written, with RETURNING behind it.
fn statement(
    mut out: SqlWriter<'_>,
    many: bool,
    (model, fields): (&Model, &[FieldId]),
    answers: Answers<'_>,
) -> StatementText {
    let dialect = out.dialect();
    let (returning, inserts, numbers) = match answers {
        Answers::Inserted(fields) => (fields, true, true),
        Answers::Changed(fields) => (fields, false, false),
        Answers::Expressions(fields, inserts) => (fields, inserts, false),
    };
    let mut used = fields.iter().chain(returning).chain(&model.key).copied();
    let mut columns = Vec::new();
    let mut unreturning = None;
    if !returning.is_empty() {
        if let ([field], true) = (returning, numbers)
            && model.field(*field).autoincrement
        {
            unreturning = Some(out.text().to_owned());
        }
        out.push(" RETURNING ");
        out.list(returning, |out, field| {
            out.require_type(model, *field);
            if many && dialect.arrays && !inserts {
                // Beside the rows that it is joined with.
                out.name(&model.table().name);
                out.push(".");
            }
            out.name(&model.field(*field).column);
        });
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

fn equals(out: &mut SqlWriter<'_>, model: &Model, field: FieldId, many: bool) {
    out.name(&model.field(field).column);
    out.push(" = ");
    placeholder(out, model, field, many);
}

/// A placeholder for a field, in the one form that a key has. Of a statement that runs once per row the parameter is the
/// array of all rows' values.
fn placeholder(out: &mut SqlWriter<'_>, model: &Model, field: FieldId, many: bool) {
    let is_key = is_decimal_key(out, model, field);
    out.push(if is_key { "ormkit_decimal(" } else { "" });
    bare_placeholder(out, model.field(field), many);
    out.push(if is_key { ")" } else { "" });
}

fn bare_placeholder(out: &mut SqlWriter<'_>, field: &Field, many: bool) {
    let element = field.column_type.sql_type();
    out.placeholder(if many { ParamType::array(element) } else { ParamType::scalar(element) });
}
