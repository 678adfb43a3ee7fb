//! What leads from the schema that was found to the one that is wanted.
//!
//! Both are in the database's own words, so that equal things are equal. Names of constraints and indexes do not count where
//! what they name is the same: a database that another tool has made keeps its own. What models cannot declare is let be:
//! views, enum types that no table has.

mod column;
mod default;
mod enums;
mod parts;

use std::collections::HashSet;

use super::operation::comments;
use super::{Catalog, ForeignKey, Operation, Part, Renames, Table};
use crate::model::TableName;
use crate::sql::Dialect;

/// The steps from `found` to `wanted`, in an order in which they can be done. Where both are the same there are none.
/// Tables that are not wanted are dropped; leave out of `found` what is not to be touched.
pub fn diff(
    wanted: &Catalog,
    found: &Catalog,
    renames: &Renames,
    dialect: &'static Dialect,
) -> Vec<Operation> {
    let mut steps = Steps::default();
    let mut found = found.clone();
    let is_there =
        |name: &String| found.schemas.contains(name) || found.default_schema.as_ref() == Some(name);
    let missing = wanted.schemas.iter().filter(|name| !is_there(name));
    steps.first = missing.map(|name| Operation::CreateSchema(name.clone())).collect();
    for operation in renamed(renames, &found) {
        found.apply(&operation, dialect);
        steps.first.push(operation);
    }
    let dropped: Vec<&Table> =
        found.tables.iter().filter(|table| wanted.table(&table.name).is_none()).collect();
    drop_tables(&dropped, &mut steps, dialect);
    let replaced = enums::diff(wanted, &found, &mut steps, dialect);
    // One that nobody declares may be anybody's.
    let unmade = wanted.sequences.iter().filter(|sequence| !found.has_sequence(&sequence.name));
    steps.first.extend(unmade.cloned().map(Operation::CreateSequence));
    // A label that is gone: the type is made anew, without what stands in the way.
    for operation in steps.parts_dropped.iter().chain(&replaced) {
        found.apply(operation, dialect);
    }
    let created: Vec<&Table> =
        wanted.tables.iter().filter(|table| found.table(&table.name).is_none()).collect();
    create_tables(&created, &mut steps, dialect);
    let mut keys = parts::Keys::default();
    let names = parts::Names::of(wanted);
    for table in &wanted.tables {
        if let Some(known) = found.table(&table.name) {
            column::diff(table, known, &mut steps, &mut keys, dialect);
            parts::diff((table, &names), known, &mut steps, &mut keys, dialect);
        }
    }
    keys.diff(wanted, &found, &mut steps, dialect);
    steps.in_order(replaced)
}

/// Steps by when they are done.
#[derive(Default)]
struct Steps {
    first: Vec<Operation>,
    /// Keys stand in the way of what they refer to.
    keys_dropped: Vec<Operation>,
    tables_dropped: Vec<Operation>,
    parts_dropped: Vec<Operation>,
    tables_created: Vec<Operation>,
    columns: Vec<Operation>,
    parts_added: Vec<Operation>,
    keys_added: Vec<Operation>,
    last: Vec<Operation>,
}

impl Steps {
    fn in_order(self, replaced: Vec<Operation>) -> Vec<Operation> {
        [
            self.first,
            self.keys_dropped,
            self.tables_dropped,
            self.parts_dropped,
            replaced,
            self.tables_created,
            self.columns,
            self.parts_added,
            self.keys_added,
            self.last,
        ]
        .concat()
    }
}

/// The steps that give what is there its new names.
pub(super) fn renamed(renames: &Renames, found: &Catalog) -> Vec<Operation> {
    let tables = renames.tables.iter().filter(|(from, _)| found.table(from).is_some());
    let tables = tables.map(|(from, to)| Operation::RenameTable { from: from.clone(), to: to.clone() });
    let columns = renames.columns.iter().map(|(table, from, to)| Operation::RenameColumn {
        table: table.clone(),
        from: from.clone(),
        to: to.clone(),
    });
    tables.chain(columns).collect()
}

/// Those that refer to others go first; where they refer to one another in a circle, their keys do.
fn drop_tables(tables: &[&Table], steps: &mut Steps, dialect: &Dialect) {
    let mut order = ordered(tables);
    order.reverse();
    let mut gone: HashSet<&TableName> = HashSet::new();
    for table in order {
        let mut dropped = table.clone();
        for key in &table.foreign_keys {
            let target_is_gone = gone.contains(&key.table);
            if target_is_gone && dialect.adds_constraints {
                dropped.foreign_keys.retain(|known| known != key);
                steps.keys_dropped.push(drop(&table.name, Part::ForeignKey(key.clone())));
            }
        }
        for index in std::mem::take(&mut dropped.indexes) {
            steps.tables_dropped.push(drop(&table.name, Part::Index(index)));
        }
        gone.insert(&table.name);
        steps.tables_dropped.push(Operation::DropTable(dropped));
    }
}

/// Those referred to come first; keys to tables that are not new, or that go round in a circle, come when all is there, where
/// that is possible.
fn create_tables(tables: &[&Table], steps: &mut Steps, dialect: &Dialect) {
    let mut there: HashSet<&TableName> = HashSet::new();
    for table in ordered(tables) {
        there.insert(&table.name);
        // A table that stays may not have yet what the key refers to.
        let waits = |key: &ForeignKey| dialect.adds_constraints && !there.contains(&key.table);
        let mut created = table.clone();
        let (later, now): (Vec<_>, Vec<_>) = created.foreign_keys.into_iter().partition(waits);
        created.foreign_keys = now;
        steps.keys_added.extend(later.into_iter().map(|key| add(&table.name, Part::ForeignKey(key))));
        for index in std::mem::take(&mut created.indexes) {
            steps.parts_added.push(add(&table.name, Part::Index(index)));
        }
        steps.last.extend(comments(&mut created));
        steps.tables_created.push(Operation::CreateTable(created));
    }
}

/// Tables behind those that they refer to, as far as there is such an order.
fn ordered<'a>(tables: &[&'a Table]) -> Vec<&'a Table> {
    let mut waiting: Vec<&Table> = tables.to_vec();
    let mut done: Vec<&Table> = Vec::with_capacity(tables.len());
    while !waiting.is_empty() {
        let is_free = |table: &&Table| {
            let waits = |key: &ForeignKey| {
                key.table != table.name && waiting.iter().any(|other| other.name == key.table)
            };
            !table.foreign_keys.iter().any(waits)
        };
        let free = waiting.iter().position(is_free).unwrap_or(0);
        done.push(waiting.remove(free));
    }
    done
}

fn add(table: &TableName, part: Part) -> Operation {
    Operation::Add { table: table.clone(), part }
}

fn drop(table: &TableName, part: Part) -> Operation {
    Operation::Drop { table: table.clone(), part }
}
