//! SQLite: what ALTER TABLE cannot do, in blocks of `batch_alter_table`.
//!
//! As in [`migrate`](crate::schema::migrate) plain steps stand where they come, and all other steps of a table are one block at
//! the end. Alembic makes the table anew from what it reads of it. It reads no CHECK that has no name and no option of the
//! table, so the block says those; and no index but of plain columns, so those go before the block and come back behind it.

use super::parts::{
    check, column, final_name, is_plain_key, is_plain_unique, key_options, referred, unique_options,
};
use super::steps;
use super::types::Enums;
use crate::error::{Error, Result};
use crate::model::TableName;
use crate::schema::python::{Call, indented, list, sql, string};
use crate::schema::{Catalog, Change, Column, Index, NumberingKind, Operation, Part, Table};
use crate::sql::Dialect;

/// The steps of one table.
struct Block {
    /// The table before them.
    from: Table,
    /// Indexes that go before it.
    dropped: Vec<String>,
    lines: Vec<String>,
    /// Indexes that are new.
    created: Vec<String>,
}

pub(super) fn all(
    found: &Catalog,
    operations: &[Operation],
    dialect: &'static Dialect,
) -> Result<Vec<String>> {
    let mut now = found.clone();
    let mut lines = Vec::new();
    let mut blocks: Vec<Block> = Vec::new();
    for operation in operations {
        if let Operation::DropTable(table) = operation {
            blocks.retain(|block| block.from.name != table.name);
        }
        if let Operation::RenameTable { .. } | Operation::RenameColumn { .. } = operation {
            // Blocks call tables and columns as they were called when the steps in them came.
            for block in blocks.drain(..) {
                lines.extend(block.written(&now, dialect)?);
            }
        }
        let waiting =
            operation.table().and_then(|name| blocks.iter_mut().find(|block| block.from.name == *name));
        match (waiting, operation.table()) {
            (Some(block), _) => block.follow(operation, &now, dialect)?,
            (None, Some(table)) if !operation.is_plain_on_sqlite() => {
                let from = now.table(table).cloned().unwrap_or_else(|| Table::new(table.clone()));
                let mut block = Block { from, dropped: Vec::new(), lines: Vec::new(), created: Vec::new() };
                block.follow(operation, &now, dialect)?;
                blocks.push(block);
            }
            _ => lines.extend(steps::step(operation, &now, dialect)?),
        }
        now.apply(operation, dialect);
    }
    for block in blocks {
        lines.extend(block.written(&now, dialect)?);
    }
    Ok(lines)
}

impl Block {
    fn follow(&mut self, operation: &Operation, now: &Catalog, dialect: &'static Dialect) -> Result<()> {
        match operation {
            // One that the block itself has made was never there.
            Operation::Add { part: Part::Index(index), .. } => self.created.push(index.name.clone()),
            Operation::Drop { part: Part::Index(index), .. } => {
                self.created.retain(|name| *name != index.name);
                if self.from.indexes.iter().any(|known| known.name == index.name) {
                    self.dropped.push(index.name.clone());
                }
            }
            _ => self.lines.extend(step(operation, now, dialect)?),
        }
        Ok(())
    }

    /// Indexes that go, the block, and indexes that come, in the words of `after`.
    fn written(mut self, after: &Catalog, dialect: &'static Dialect) -> Result<Vec<String>> {
        let is_odd = |index: &&Index| {
            index
                .parts
                .iter()
                .any(|part| part.term.column().is_none() || part.descending || part.collation.is_some())
        };
        let odd: Vec<String> =
            self.from.indexes.iter().filter(is_odd).map(|index| index.name.clone()).collect();
        for name in odd {
            if !self.dropped.contains(&name) && !self.lines.is_empty() {
                self.dropped.push(name.clone());
                self.created.push(name);
            }
        }
        let table = self.from.name.clone();
        let empty = Table::new(table.clone());
        let (before, known) = (self.from.clone(), after.table(&table).unwrap_or(&empty));
        let moved = |from: &Table, name: &String, make: fn(TableName, Part) -> Operation| {
            let known = from.indexes.iter().find(|index| index.name == *name).cloned();
            let index = known.ok_or_else(|| {
                Error::invalid_request(format!(
                    "the index `{name}` of `{table}`: what the database has must be known, and has no such table"
                ))
            })?;
            steps::step(&make(table.clone(), Part::Index(index)), after, dialect)
        };
        let mut lines = Vec::new();
        for name in &self.dropped {
            lines.extend(moved(&before, name, |table, part| Operation::Drop { table, part })?);
        }
        if before.primary_key.is_some() && known.primary_key.is_none() {
            return Err(refused("dropping the PRIMARY KEY", &table));
        }
        if !self.lines.is_empty() {
            self.compute_again(known, after, dialect)?;
        }
        let created = self.created.clone();
        lines.extend(self.block()?);
        for name in &created {
            lines.extend(moved(known, name, |table, part| Operation::Add { table, part })?);
        }
        Ok(lines)
    }

    /// Alembic would write values into computed columns, which SQLite refuses: they go, and come back.
    fn compute_again(&mut self, known: &Table, after: &Catalog, dialect: &'static Dialect) -> Result<()> {
        let stays =
            |column: &&Column| column.computed.is_some() && known.column(&column.name) == Some(*column);
        let computed: Vec<Column> = self.from.columns.iter().filter(stays).cloned().collect();
        for column in computed {
            let table = self.from.name.clone();
            let part = Part::Column(column);
            let gone = step(&Operation::Drop { table: table.clone(), part: part.clone() }, after, dialect)?;
            self.lines.splice(..0, gone);
            self.lines.extend(step(&Operation::Add { table, part }, after, dialect)?);
        }
        Ok(())
    }

    fn block(self) -> Result<Option<String>> {
        if self.lines.is_empty() {
            return Ok(None);
        }
        let mut call = Call::new("op.batch_alter_table").text(&self.from.name.name);
        let unnamed = self.from.checks.iter().filter(|check| check.name.is_none());
        let checks: Option<Vec<String>> = unnamed.map(check).collect();
        let checks = checks.ok_or_else(|| refused("a CHECK with a colon", &self.from.name))?;
        if !checks.is_empty() {
            call = call.keyword("table_args", format!("[{}]", checks.join(", ")));
        }
        let options = [
            (is_counted(&self.from), "'sqlite_autoincrement': True"),
            (self.from.without_rowid, "'sqlite_with_rowid': False"),
            (self.from.strict, "'sqlite_strict': True"),
        ];
        let said: Vec<&str> = options.iter().filter(|(said, _)| *said).map(|(_, text)| *text).collect();
        if !said.is_empty() {
            call = call.keyword("table_kwargs", format!("{{{}}}", said.join(", ")));
        }
        let body: Vec<String> = self.lines.iter().map(|line| indented(line)).collect();
        Ok(Some(format!("with {} as batch_op:\n{}", call.written(), body.join("\n"))))
    }
}

fn refused(what: &str, table: &TableName) -> Error {
    Error::unsupported(
        format!("{what} of `{table}` in a revision file for SQLite"),
        "Alembic's batch_alter_table cannot do it: write this revision by hand",
    )
}

/// The lines of a step inside of its table's block.
fn step(operation: &Operation, now: &Catalog, dialect: &'static Dialect) -> Result<Vec<String>> {
    let call = match operation {
        Operation::Add { table, part } => Some(
            add(table, part, now, dialect)
                .ok_or_else(|| refused(&format!("adding {}", part.kind()), table))?,
        ),
        Operation::Drop { table, part } => drop(table, part)?,
        Operation::Alter { table, column, change } => Some(
            alter(table, column, change, now, dialect)
                .ok_or_else(|| refused(&format!("this change of `{column}`"), table))?,
        ),
        other => {
            let table = other.table().cloned().unwrap_or(TableName { schema: None, name: String::new() });
            return Err(refused("a step that is no change of a column or constraint", &table));
        }
    };
    Ok(call.into_iter().map(|call| call.written()).collect())
}

fn add(table: &TableName, part: &Part, now: &Catalog, dialect: &'static Dialect) -> Option<Call> {
    let empty = Table::new(table.clone());
    let known = now.table(table).unwrap_or(&empty);
    let named = |function: &str, name: Option<&str>| {
        Call::new(function).with(name.map_or_else(|| "None".to_owned(), final_name))
    };
    match part {
        Part::Column(added) => Some(Call::new("batch_op.add_column").with(column(
            known,
            added,
            Enums::known(&now.enums),
            dialect,
        )?)),
        Part::PrimaryKey(key) => is_plain_key(key).then(|| {
            // Alembic adds no constraint without a name.
            let name = key.name.clone().unwrap_or_else(|| format!("{}_pkey", table.name));
            named("batch_op.create_primary_key", Some(&name)).with(list(&key.columns))
        }),
        Part::Unique(unique) => is_plain_unique(unique).then(|| {
            let call = named("batch_op.create_unique_constraint", unique.name.as_deref());
            unique_options(call.with(list(&unique.columns)), unique)
        }),
        Part::Check(check) => {
            let call = named("batch_op.create_check_constraint", check.name.as_deref());
            Some(call.with(sql(&check.expression)?))
        }
        Part::ForeignKey(key) => {
            let call = named("batch_op.create_foreign_key", key.name.as_deref())
                .text(&key.table.name)
                .with(list(&key.columns))
                .with(list(&referred(key, known, now)?));
            Some(key_options(call, key))
        }
        // Indexes stand outside of the block; SQLite has no EXCLUDE.
        Part::Index(_) | Part::Exclusion(_) => None,
    }
}

/// None for what goes by itself: the key, when another comes.
///
/// # Errors
/// `Unsupported`: other constraints without names, which Alembic cannot find.
fn drop(table: &TableName, part: &Part) -> Result<Option<Call>> {
    let (name, kind) = match part {
        Part::Column(column) => return Ok(Some(Call::new("batch_op.drop_column").text(&column.name))),
        Part::PrimaryKey(_) | Part::Index(_) => return Ok(None),
        Part::Unique(unique) => (unique.name.as_deref(), "unique"),
        Part::Check(check) => (check.name.as_deref(), "check"),
        Part::ForeignKey(key) => (key.name.as_deref(), "foreignkey"),
        Part::Exclusion(exclusion) => (Some(exclusion.name.as_str()), "exclude"),
    };
    let name = name.ok_or_else(|| refused(&format!("dropping {} without a name", part.kind()), table))?;
    let call = Call::new("batch_op.drop_constraint").with(final_name(name));
    Ok(Some(call.keyword("type_", string(kind))))
}

fn alter(
    table: &TableName,
    column: &str,
    change: &Change,
    now: &Catalog,
    dialect: &'static Dialect,
) -> Option<Call> {
    let call = Call::new("batch_op.alter_column").text(column);
    let call = steps::with_existing_type(call, table, column, change, now, dialect);
    steps::changed(call, column, change, now, dialect)
}

/// True for a table whose key is counted by `AUTOINCREMENT`.
pub(super) fn is_counted(table: &Table) -> bool {
    let counts = |kind| kind == NumberingKind::Autoincrement;
    table
        .columns
        .iter()
        .any(|column| column.numbering.as_ref().is_some_and(|numbering| counts(numbering.kind)))
}
