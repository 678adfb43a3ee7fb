//! Tables that only link two others: a `Table` between a list at either end, where others are classes.

use std::collections::{HashMap, HashSet};

use super::names::{free, identifier};
use crate::model::TableName;
use crate::schema::{Catalog, Column, ForeignKey, Table, Timing};

/// The junctions of a catalog, with the variables that name them.
pub(super) struct Junctions<'a> {
    variables: HashMap<&'a TableName, String>,
}

impl<'a> Junctions<'a> {
    pub(super) fn of(catalog: &'a Catalog) -> Self {
        let mut taken = HashSet::new();
        let mut variables = HashMap::new();
        for table in catalog.tables.iter().filter(|table| is_junction(table, catalog)) {
            let name = free(&format!("t_{}", identifier(&table.name.name)), &taken, "");
            taken.insert(name.clone());
            variables.insert(&table.name, name);
        }
        Self { variables }
    }

    /// The variable of a junction; None for a table that has a class.
    pub(super) fn variable(&self, table: &TableName) -> Option<&str> {
        self.variables.get(table).map(String::as_str)
    }
}

/// True for a table that says nothing but its key, which is two foreign keys to the keys of two other tables.
fn is_junction(table: &Table, catalog: &Catalog) -> bool {
    let [one, other] = table.foreign_keys.as_slice() else { return false };
    let Some(key) = &table.primary_key else { return false };
    let is_plain_key = key.timing == Timing::Immediate
        && key.include.is_empty()
        && key.on_conflict.is_none()
        && key.written.is_none()
        && key.columns.len() == 2;
    let has_parts = !table.uniques.is_empty()
        || !table.checks.is_empty()
        || !table.exclusions.is_empty()
        || !table.indexes.is_empty();
    let has_options =
        table.comment.is_some() || table.without_rowid || table.strict || !table.unsaid.is_empty();
    let is_named =
        catalog.tables.iter().flat_map(|table| &table.foreign_keys).any(|key| key.table == table.name);
    is_plain_key
        && !(has_parts || has_options || is_named)
        && table.columns.len() == 2
        && one.table != other.table
        && one.columns != other.columns
        && [one, other].into_iter().all(|key| is_end(table, key, catalog))
}

/// True for a key of one column that is the type of the key that it refers to, and nothing more.
fn is_end(table: &Table, key: &ForeignKey, catalog: &Catalog) -> bool {
    let [own] = key.columns.as_slice() else { return false };
    let target = catalog.table(&key.table);
    let referred = target.and_then(|target| match target.primary_key.as_ref()?.columns.as_slice() {
        [alone] if key.referred.is_empty() || key.referred == [alone.clone()] => target.column(alone),
        _ => None,
    });
    let bare = |column: &Column| {
        *column == Column { nullable: false, ..Column::new(&column.name, &column.data_type) }
    };
    let own = table.column(own).filter(|column| bare(column));
    own.zip(referred)
        .is_some_and(|(own, referred)| own.data_type == referred.data_type && referred.collation.is_none())
}
