//! Steps as calls of `op`, one after the other.

use super::parts::{
    check, column, default_text, excluded, exclusion, final_name, foreign_key, index, is_plain_key,
    is_plain_unique, is_speakable, key_options, primary_key, referred, unique, unique_options,
};
use super::types;
use crate::error::{Error, Result};
use crate::model::TableName;
use crate::schema::python::{Call, indented, list, sql, string};
use crate::schema::{Catalog, Change, Operation, Part, Table, Timing, conversion};
use crate::sql::{Dialect, DialectName};

/// A statement for each step, or a few.
pub(super) fn all(
    found: &Catalog,
    operations: &[Operation],
    dialect: &'static Dialect,
) -> Result<Vec<String>> {
    let mut now = found.clone();
    let mut lines = Vec::with_capacity(operations.len());
    for operation in operations {
        lines.extend(step(operation, &now, dialect)?);
        now.apply(operation, dialect);
    }
    Ok(lines)
}

/// What is left undone by the way back, as a comment.
pub(super) fn stays(operation: &Operation) -> Option<String> {
    match operation {
        Operation::AddEnumValue { name, label, .. } => {
            let label = label.replace(['\n', '\r'], " ");
            Some(format!("# The label {label:?} stays: PostgreSQL cannot take it from {name}."))
        }
        _ => None,
    }
}

/// The statements of a step that needs no rebuild.
pub(super) fn step(operation: &Operation, now: &Catalog, dialect: &'static Dialect) -> Result<Vec<String>> {
    if let Operation::AddEnumValue { .. } = operation {
        let run = execute(&operation.sql(dialect)?)?;
        return Ok(vec![format!("with op.get_context().autocommit_block():\n{}", indented(&run))]);
    }
    if let Operation::CreateTable(table) = operation {
        return create_table(table, now, dialect);
    }
    match call(operation, now, dialect) {
        Some(call) => Ok(vec![call.written()]),
        None => Ok(vec![execute(&operation.sql(dialect)?)?]),
    }
}

/// `op.execute('…')`
///
/// # Errors
/// `Unsupported`: Alembic would find a parameter in it.
fn execute(statement: &str) -> Result<String> {
    let text = sql(statement).ok_or_else(|| {
        let what = format!("a colon on both sides of a word, in `{statement}`");
        Error::unsupported(what, "Alembic reads a parameter there: write this revision by hand")
    })?;
    Ok(Call::new("op.execute").with(text).written())
}

fn in_schema(call: Call, table: &TableName) -> Call {
    call.maybe("schema", table.schema.as_deref())
}

/// The call that is the whole step; None where there is none.
fn call(operation: &Operation, now: &Catalog, dialect: &'static Dialect) -> Option<Call> {
    match operation {
        Operation::DropTable(table) => {
            Some(in_schema(Call::new("op.drop_table").text(&table.name.name), &table.name))
        }
        Operation::RenameTable { from, to } => {
            Some(in_schema(Call::new("op.rename_table").text(&from.name).text(to), from))
        }
        Operation::RenameColumn { table, from, to } => {
            let call = Call::new("op.alter_column").text(&table.name).text(from);
            Some(in_schema(call.keyword("new_column_name", string(to)), table))
        }
        Operation::Add { table, part } => add(table, part, now, dialect),
        Operation::Drop { table, part } => drop(table, part),
        Operation::Alter { table, column, change } => alter(table, column, change, now, dialect),
        Operation::Comment { table, from, to } => {
            let call = match to {
                Some(to) => Call::new("op.create_table_comment").text(&table.name).text(to),
                None => Call::new("op.drop_table_comment").text(&table.name),
            };
            Some(in_schema(call.maybe("existing_comment", from.as_deref()), table))
        }
        // Alembic has no word for enums and sequences.
        _ => None,
    }
}

fn add(table: &TableName, part: &Part, now: &Catalog, dialect: &'static Dialect) -> Option<Call> {
    let known = now.table(table);
    let on = |function: &str, name: Option<&str>| {
        let name = name.map_or_else(|| "None".to_owned(), final_name);
        Call::new(function).with(name).text(&table.name)
    };
    let call = match part {
        Part::Column(added) => {
            let empty = Table::new(table.clone());
            let text = column(known.unwrap_or(&empty), added, types::Enums::known(&now.enums), dialect)?;
            Call::new("op.add_column").text(&table.name).with(text)
        }
        Part::PrimaryKey(key) if is_plain_key(key) && key.timing == Timing::Immediate => {
            on("op.create_primary_key", key.name.as_deref()).with(list(&key.columns))
        }
        Part::PrimaryKey(_) => return None,
        Part::Unique(unique) if is_plain_unique(unique) => {
            let call = on("op.create_unique_constraint", unique.name.as_deref()).with(list(&unique.columns));
            unique_options(call, unique)
        }
        Part::Unique(_) => return None,
        Part::Check(check) => {
            on("op.create_check_constraint", check.name.as_deref()).with(sql(&check.expression)?)
        }
        Part::Exclusion(exclusion) => {
            excluded(on("op.create_exclude_constraint", Some(&exclusion.name)), exclusion)?
        }
        Part::ForeignKey(key) => {
            let empty = Table::new(table.clone());
            let referred = referred(key, known.unwrap_or(&empty), now)?;
            if !is_speakable(&key.table) || referred.iter().any(|column| column.contains('.')) {
                return None;
            }
            let call = on("op.create_foreign_key", key.name.as_deref())
                .text(&key.table.name)
                .with(list(&key.columns))
                .with(list(&referred))
                .maybe("source_schema", table.schema.as_deref())
                .maybe("referent_schema", key.table.schema.as_deref());
            return Some(key_options(call, key));
        }
        Part::Index(added) => index(on("op.create_index", Some(&added.name)), added, dialect)?,
    };
    Some(in_schema(call, table))
}

fn drop(table: &TableName, part: &Part) -> Option<Call> {
    let (name, kind) = match part {
        Part::Column(column) => {
            let call = Call::new("op.drop_column").text(&table.name).text(&column.name);
            return Some(in_schema(call, table));
        }
        Part::Index(index) => {
            let call = Call::new("op.drop_index").with(final_name(&index.name));
            return Some(in_schema(call.keyword("table_name", string(&table.name)), table));
        }
        Part::PrimaryKey(key) => (key.name.as_deref(), "primary"),
        Part::Unique(unique) => (unique.name.as_deref(), "unique"),
        Part::Check(check) => (check.name.as_deref(), "check"),
        Part::ForeignKey(key) => (key.name.as_deref(), "foreignkey"),
        // Alembic has no word for its type.
        Part::Exclusion(exclusion) => {
            let call = Call::new("op.drop_constraint").with(final_name(&exclusion.name)).text(&table.name);
            return Some(in_schema(call, table));
        }
    };
    let call = Call::new("op.drop_constraint").with(final_name(name?)).text(&table.name);
    Some(in_schema(call.keyword("type_", string(kind)), table))
}

/// Adds what a change says to a call of `alter_column`; None where it cannot.
pub(super) fn changed(
    call: Call,
    column: &str,
    change: &Change,
    now: &Catalog,
    dialect: &'static Dialect,
) -> Option<Call> {
    let type_ = |(data_type, collation): &(String, Option<String>)| {
        types::written(data_type, collation.as_deref(), types::Enums::known(&now.enums), dialect)
    };
    Some(match change {
        Change::Type { from, to } => {
            let call = match type_(from) {
                Some(existing) => call.keyword("existing_type", existing),
                None => call,
            };
            let call = call.keyword("type_", type_(to)?);
            let using = conversion(&dialect.quoted(column), &from.0, &to.0);
            call.maybe("postgresql_using", using.filter(|_| dialect.name == DialectName::Postgres).as_deref())
        }
        Change::Nullable(allowed) => call.keyword("nullable", if *allowed { "True" } else { "False" }),
        Change::Default { to, .. } => match to {
            Some(default) => call.keyword("server_default", default_text(default, dialect)?),
            None => call.keyword("server_default", "None"),
        },
        Change::Comment { from, to } => {
            let call = match to {
                Some(to) => call.keyword("comment", string(to)),
                None => call.keyword("comment", "None"),
            };
            call.maybe("existing_comment", from.as_deref())
        }
        Change::Numbering { .. } => return None,
    })
}

fn alter(
    table: &TableName,
    column: &str,
    change: &Change,
    now: &Catalog,
    dialect: &'static Dialect,
) -> Option<Call> {
    let call = Call::new("op.alter_column").text(&table.name).text(column);
    let call = with_existing_type(call, table, column, change, now, dialect);
    Some(in_schema(changed(call, column, change, now, dialect)?, table))
}

/// Alembic's files say the type of a column that is changed, where it is known.
pub(super) fn with_existing_type(
    call: Call,
    table: &TableName,
    column: &str,
    change: &Change,
    now: &Catalog,
    dialect: &'static Dialect,
) -> Call {
    let known = now.table(table).and_then(|table| table.column(column));
    let type_ = known.and_then(|known| {
        types::written(&known.data_type, known.collation.as_deref(), types::Enums::known(&now.enums), dialect)
    });
    match type_ {
        Some(type_) if !matches!(change, Change::Type { .. }) => call.keyword("existing_type", type_),
        _ => call,
    }
}

/// `op.create_table(…)`, and behind it what that cannot say. Where a column is among that, or where nothing can be added later,
/// the statement itself.
fn create_table(table: &Table, now: &Catalog, dialect: &'static Dialect) -> Result<Vec<String>> {
    let whole = || Ok(vec![execute(&Operation::CreateTable(table.clone()).sql(dialect)?)?]);
    let columns: Option<Vec<String>> = table
        .columns
        .iter()
        .map(|one| column(table, one, types::Enums::known(&now.enums), dialect))
        .collect();
    let Some(columns) = columns else { return whole() };
    let mut constraints = Vec::new();
    let mut later = Vec::new();
    let mut say = |said: Option<String>, part: Part| match said {
        Some(said) => constraints.push(said),
        None => later.push(part),
    };
    if let Some(key) = &table.primary_key {
        say(primary_key(key), Part::PrimaryKey(key.clone()));
    }
    for one in &table.uniques {
        say(unique(one), Part::Unique(one.clone()));
    }
    for one in &table.checks {
        say(check(one), Part::Check(one.clone()));
    }
    for key in &table.foreign_keys {
        say(foreign_key(key, table, now), Part::ForeignKey(key.clone()));
    }
    for one in &table.exclusions {
        say(exclusion(one), Part::Exclusion(one.clone()));
    }
    if !later.is_empty() && !dialect.adds_constraints {
        return whole();
    }
    let call = Call::new("op.create_table").text(&table.name.name);
    let call = columns.into_iter().chain(constraints).fold(call, Call::with);
    let mut lines = vec![in_schema(options(call, table), &table.name).written()];
    for part in later {
        lines.push(execute(&Operation::Add { table: table.name.clone(), part }.sql(dialect)?)?);
    }
    Ok(lines)
}

/// SQLite's options of a table.
pub(super) fn options(call: Call, table: &Table) -> Call {
    let call = call.flag("sqlite_autoincrement", super::batch::is_counted(table));
    let call = if table.without_rowid { call.keyword("sqlite_with_rowid", "False") } else { call };
    call.flag("sqlite_strict", table.strict)
}
