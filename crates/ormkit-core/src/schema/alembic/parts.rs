//! Columns, constraints and indexes in SQLAlchemy's words. None where it has none for an option: then SQL is run as it is.

use super::types::{Enums, is_numbered_by_itself, written};
use crate::model::TableName;
use crate::schema::exclusion::Definition;
use crate::schema::python::{Call, list, sa_text, sql, string};
use crate::schema::write::write_index_part;
use crate::schema::{
    Catalog, Check, Column, Exclusion, ForeignKey, Index, IndexPart, IndexTerm, NumberingKind, PrimaryKey,
    Table, Timing, Unique,
};
use crate::sql::ddl::written as sql_of;
use crate::sql::{Dialect, DialectName};

/// `op.f('…')`: the name is final.
pub(super) fn final_name(name: &str) -> String {
    format!("op.f({})", string(name))
}

/// `sa.Column(…)`
pub(super) fn column(
    table: &Table,
    column: &Column,
    enums: Enums<'_>,
    dialect: &'static Dialect,
) -> Option<String> {
    if column.on_null.is_some() {
        return None;
    }
    let type_ = written(&column.data_type, column.collation.as_deref(), enums, dialect)?;
    let mut call = Call::new("sa.Column").text(&column.name).with(type_);
    let numbers_itself = is_numbered_by_itself(table, &column.name, dialect);
    match &column.numbering {
        None if numbers_itself => call = call.keyword("autoincrement", "False"),
        None => {}
        // Said by the table.
        Some(numbering) if numbering.kind == NumberingKind::Autoincrement => {}
        Some(numbering) if numbering.kind == NumberingKind::Serial => {
            if !numbers_itself || !numbering.options.is_empty() {
                return None;
            }
            call = call.keyword("autoincrement", "True");
        }
        Some(numbering) => {
            call = call.with(identity(numbering.kind == NumberingKind::Always, &numbering.options)?);
        }
    }
    if let Some(computed) = &column.computed {
        let stored = if computed.stored { "True" } else { "False" };
        let computed = Call::new("sa.Computed").with(sql(&computed.expression)?).keyword("persisted", stored);
        call = call.with(computed.written());
    }
    if let Some(default) = &column.default {
        call = call.keyword("server_default", default_text(default, dialect)?);
    }
    call = call.keyword("nullable", if column.nullable { "True" } else { "False" });
    Some(call.maybe("comment", column.comment.as_deref()).written())
}

/// `sa.text('…')`, in parentheses where the database may want some.
pub(super) fn default_text(default: &str, dialect: &Dialect) -> Option<String> {
    let is_plain = |char: char| char.is_alphanumeric() || matches!(char, '_' | '.');
    let is_literal = default.len() > 1
        && default.starts_with('\'')
        && default.ends_with('\'')
        && !default[1..default.len() - 1].contains('\'');
    let cast = dialect.name == DialectName::Postgres && !default.contains(' ');
    if default.chars().all(is_plain) || is_literal || cast {
        return sa_text(default);
    }
    sa_text(&format!("({default})"))
}

fn identity(always: bool, options: &[String]) -> Option<String> {
    let mut call = Call::new("sa.Identity").keyword("always", if always { "True" } else { "False" });
    for option in options {
        let (words, value) = option.rsplit_once(' ').unwrap_or((option, ""));
        call = match words {
            "START WITH" => call.keyword("start", value),
            "INCREMENT BY" => call.keyword("increment", value),
            "MINVALUE" => call.keyword("minvalue", value),
            "MAXVALUE" => call.keyword("maxvalue", value),
            "CACHE" => call.keyword("cache", value),
            "CYCLE" => call.flag("cycle", true),
            _ => return None,
        };
    }
    Some(call.written())
}

fn named(call: Call, name: Option<&str>) -> Call {
    match name {
        Some(name) => call.keyword("name", final_name(name)),
        None => call,
    }
}

/// `deferrable=True, initially='DEFERRED'`
pub(super) fn timed(call: Call, timing: Timing) -> Call {
    let deferred = (timing == Timing::Deferred).then_some("DEFERRED");
    call.flag("deferrable", timing != Timing::Immediate).maybe("initially", deferred)
}

/// True for a key that says nothing but its columns.
pub(super) fn is_plain_key(key: &PrimaryKey) -> bool {
    key.include.is_empty() && key.written.is_none() && key.on_conflict.is_none()
}

/// `sa.PrimaryKeyConstraint(…)`
pub(super) fn primary_key(key: &PrimaryKey) -> Option<String> {
    let call =
        key.columns.iter().fold(Call::new("sa.PrimaryKeyConstraint"), |call, column| call.text(column));
    is_plain_key(key).then(|| timed(named(call, key.name.as_deref()), key.timing).written())
}

/// True for a UNIQUE that SQLAlchemy can say.
pub(super) fn is_plain_unique(unique: &Unique) -> bool {
    unique.include.is_empty() && unique.written.is_none() && unique.on_conflict.is_none()
}

/// What a UNIQUE says beside its columns and its name.
pub(super) fn unique_options(call: Call, unique: &Unique) -> Call {
    timed(call, unique.timing).flag("postgresql_nulls_not_distinct", unique.nulls_not_distinct)
}

/// `sa.UniqueConstraint(…)`
pub(super) fn unique(unique: &Unique) -> Option<String> {
    let call = unique.columns.iter().fold(Call::new("sa.UniqueConstraint"), |call, column| call.text(column));
    let call = unique_options(named(call, unique.name.as_deref()), unique);
    is_plain_unique(unique).then(|| call.written())
}

/// `sa.CheckConstraint(…)`
pub(super) fn check(check: &Check) -> Option<String> {
    let call = Call::new("sa.CheckConstraint").with(sql(&check.expression)?);
    Some(named(call, check.name.as_deref()).written())
}

/// What a key says beside its columns, what it refers to and its name.
pub(super) fn key_options(call: Call, key: &ForeignKey) -> Call {
    let call = call
        .maybe("ondelete", key.on_delete.as_deref())
        .maybe("onupdate", key.on_update.as_deref())
        .maybe("match", key.match_full.then_some("FULL"));
    timed(call, key.timing)
}

/// The columns that a key refers to: on SQLite they may not be said.
pub(super) fn referred(key: &ForeignKey, table: &Table, now: &Catalog) -> Option<Vec<String>> {
    if !key.referred.is_empty() {
        return Some(key.referred.clone());
    }
    let target = if key.table == table.name { Some(table) } else { now.table(&key.table) };
    target.and_then(|target| target.primary_key.as_ref()).map(|key| key.columns.clone())
}

/// `postgresql.ExcludeConstraint(…)`
pub(super) fn exclusion(exclusion: &Exclusion) -> Option<String> {
    let call = excluded(Call::new("postgresql.ExcludeConstraint"), exclusion)?;
    Some(named(call, Some(&exclusion.name)).written())
}

/// Adds what an EXCLUDE says.
pub(super) fn excluded(call: Call, exclusion: &Exclusion) -> Option<Call> {
    let definition = Definition::of(&exclusion.definition)?;
    let mut classes = Vec::new();
    let mut call = call;
    for (part, operator) in &definition.parts {
        let term = match &part.term {
            IndexTerm::Column(name) => Call::new("sa.column").text(name).written(),
            // Alembic wants a name of each.
            IndexTerm::Expression(text) => {
                Call::new("sa.literal_column").with(sql(&format!("({text})"))?).written()
            }
        };
        call = call.with(format!("({term}, {})", string(operator)));
        if let Some(class) = &part.class {
            classes.push(format!("{}: {}", string(part.term.column()?), string(class)));
        }
    }
    call = call.keyword("using", string(&definition.method));
    if let Some(predicate) = &definition.predicate {
        call = call.keyword("where", sa_text(predicate)?);
    }
    if !classes.is_empty() {
        call = call.keyword("ops", format!("{{{}}}", classes.join(", ")));
    }
    Some(timed(call, definition.timing))
}

/// True for names that stay whole in `schema.table.column`.
pub(super) fn is_speakable(name: &TableName) -> bool {
    !name.name.contains('.') && name.schema.as_ref().is_none_or(|schema| !schema.contains('.'))
}

/// `sa.ForeignKeyConstraint(…)`
pub(super) fn foreign_key(key: &ForeignKey, table: &Table, now: &Catalog) -> Option<String> {
    let columns = referred(key, table, now)?;
    if !is_speakable(&key.table) || columns.iter().any(|column| column.contains('.')) {
        return None;
    }
    let targets: Vec<String> = columns.iter().map(|column| format!("{}.{column}", key.table)).collect();
    let call = Call::new("sa.ForeignKeyConstraint").with(list(&key.columns)).with(list(&targets));
    Some(key_options(named(call, key.name.as_deref()), key).written())
}

/// Adds what an index says: its parts and options.
pub(super) fn index(call: Call, index: &Index, dialect: &'static Dialect) -> Option<Call> {
    let parts: Option<Vec<String>> = index.parts.iter().map(|part| index_part(part, dialect)).collect();
    let prefix = dialect.name.as_str();
    let mut call = call
        .with(format!("[{}]", parts?.join(", ")))
        .keyword("unique", if index.unique { "True" } else { "False" })
        .maybe("postgresql_using", index.method.as_deref());
    if !index.include.is_empty() {
        call = call.keyword("postgresql_include", list(&index.include));
    }
    call = call.flag("postgresql_nulls_not_distinct", index.nulls_not_distinct);
    if !index.storage.is_empty() {
        let pairs: Option<Vec<String>> = index.storage.iter().map(|option| storage(option)).collect();
        call = call.keyword("postgresql_with", format!("{{{}}}", pairs?.join(", ")));
    }
    if let Some(predicate) = &index.predicate {
        call = call.keyword(&format!("{prefix}_where"), sa_text(predicate)?);
    }
    Some(call)
}

fn storage(option: &str) -> Option<String> {
    let (name, value) = option.split_once('=')?;
    Some(format!("{}: {}", string(name), string(value)))
}

fn index_part(part: &IndexPart, dialect: &'static Dialect) -> Option<String> {
    let usual_nulls = part.nulls_first == (part.descending && dialect.name == DialectName::Postgres);
    let plain = part.collation.is_none() && part.class.is_none() && !part.descending;
    if let (IndexTerm::Column(name), true) = (&part.term, plain && usual_nulls) {
        return Some(string(name));
    }
    sa_text(&sql_of(dialect, |out| write_index_part(out, part)))
}
