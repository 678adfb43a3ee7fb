//! Keys, constraints and indexes: by what they say, whatever they are called.

use std::collections::HashSet;

use super::super::token::{same_name, same_tokens};
use super::super::{
    Catalog, Check, Exclusion, ForeignKey, Index, IndexTerm, Operation, Part, PrimaryKey, Table, Unique,
};
use super::column::same_expression;
use super::{Steps, add, drop};
use crate::model::TableName;
use crate::sql::{Dialect, DialectName};

/// The names of a schema's indexes and of the constraints that have one: no two may be alike.
pub(super) struct Names<'a>(HashSet<(Option<&'a str>, &'a str)>);

impl<'a> Names<'a> {
    pub(super) fn of(catalog: &'a Catalog) -> Self {
        let named = catalog.tables.iter().flat_map(|table| {
            let key = table.primary_key.iter().filter_map(|key| key.name.as_deref());
            let uniques = table.uniques.iter().filter_map(|unique| unique.name.as_deref());
            let indexes = table.indexes.iter().map(|index| index.name.as_str());
            let exclusions = table.exclusions.iter().map(|exclusion| exclusion.name.as_str());
            key.chain(uniques)
                .chain(indexes)
                .chain(exclusions)
                .map(|name| (table.name.schema.as_deref(), name))
        });
        Self(named.collect())
    }

    fn has(&self, table: &TableName, name: &str) -> bool {
        self.0.contains(&(table.schema.as_deref(), name))
    }
}

/// What foreign keys must go and come back for.
#[derive(Default)]
pub(super) struct Keys {
    /// Columns that change or go.
    touched: Vec<(TableName, String)>,
    /// Keys and uniques that go: foreign keys may lean on them.
    dropped: Vec<(TableName, Vec<String>)>,
}

impl Keys {
    pub(super) fn touch(&mut self, table: &TableName, column: &str) {
        self.touched.push((table.clone(), column.to_owned()));
    }

    /// Foreign keys of tables that stay.
    pub(super) fn diff(&self, wanted: &Catalog, found: &Catalog, steps: &mut Steps, dialect: &Dialect) {
        for table in &wanted.tables {
            let Some(known) = found.table(&table.name) else { continue };
            let same = |one: &ForeignKey, other: &ForeignKey| same_foreign_key(one, other, wanted, dialect);
            let (dropped, added) = unmatched(
                &table.foreign_keys,
                &known.foreign_keys,
                |key| key.name.as_deref(),
                same,
                |name| table.foreign_keys.iter().any(|key| key.name.as_deref() == Some(name)),
            );
            let again = known.foreign_keys.iter().filter(|key| {
                dialect.adds_constraints && !dropped.contains(key) && self.is_in_the_way(&table.name, key)
            });
            let again: Vec<&ForeignKey> = again.collect();
            for key in dropped.into_iter().chain(again.iter().copied()) {
                steps.keys_dropped.push(drop(&table.name, Part::ForeignKey(key.clone())));
            }
            for key in added.into_iter().chain(again) {
                steps.keys_added.push(add(&table.name, Part::ForeignKey(key.clone())));
            }
        }
    }

    fn is_in_the_way(&self, table: &TableName, key: &ForeignKey) -> bool {
        let touches = |name: &TableName, columns: &[String]| {
            self.touched.iter().any(|(touched, column)| touched == name && columns.contains(column))
        };
        touches(table, &key.columns)
            || touches(&key.table, &key.referred)
            || self.dropped.iter().any(|(name, columns)| *name == key.table && *columns == key.referred)
    }
}

/// Everything but foreign keys, of a table that stays.
pub(super) fn diff(
    (wanted, names): (&Table, &Names<'_>),
    found: &Table,
    steps: &mut Steps,
    keys: &mut Keys,
    dialect: &Dialect,
) {
    let name = &wanted.name;
    let is_taken = |taken: &str| names.has(name, taken);
    let key_name = |table: &'_ Table| table.primary_key.as_ref().and_then(|key| key.name.clone());
    let must_yield =
        key_name(found) != key_name(wanted) && key_name(found).is_some_and(|taken| is_taken(&taken));
    if must_yield || !same_key(wanted.primary_key.as_ref(), found.primary_key.as_ref(), dialect) {
        if let Some(key) = &found.primary_key {
            keys.dropped.push((name.clone(), key.columns.clone()));
            steps.parts_dropped.push(drop(name, Part::PrimaryKey(key.clone())));
        }
        let added = wanted.primary_key.iter().map(|key| add(name, Part::PrimaryKey(key.clone())));
        steps.parts_added.extend(added);
    }
    let same = |one: &Unique, other: &Unique| same_unique(one, other, dialect);
    let (mut dropped, mut added) =
        unmatched(&wanted.uniques, &found.uniques, |unique| unique.name.as_deref(), same, is_taken);
    let same = |one: &Index, other: &Index| same_index(one, other, dialect);
    let (mut dropped_indexes, mut added_indexes) =
        unmatched(&wanted.indexes, &found.indexes, |index| Some(&index.name), same, is_taken);
    if dialect.name == DialectName::Sqlite {
        cancel(&mut added, &mut dropped_indexes, |name| is_taken(name), dialect);
        cancel(&mut dropped, &mut added_indexes, |_| false, dialect);
    }
    keys.dropped.extend(dropped.iter().map(|unique| (name.clone(), unique.columns.clone())));
    change(name, dropped, added, Part::Unique, steps);
    let same =
        |one: &Check, other: &Check| same_expression(Some(&one.expression), Some(&other.expression), dialect);
    let (dropped, added) = unmatched(
        &wanted.checks,
        &found.checks,
        |check| check.name.as_deref(),
        same,
        |name| wanted.checks.iter().any(|check| check.name.as_deref() == Some(name)),
    );
    change(name, dropped, added, Part::Check, steps);
    let same = |one: &Exclusion, other: &Exclusion| same_tokens(&one.definition, &other.definition, dialect);
    let (dropped, added) =
        unmatched(&wanted.exclusions, &found.exclusions, |one| Some(&one.name), same, is_taken);
    change(name, dropped, added, Part::Exclusion, steps);
    change(name, dropped_indexes, added_indexes, Part::Index, steps);
}

/// SQLite keeps a UNIQUE as an index, so that an index of the same columns is no difference (SQLite documentation, "CREATE
/// TABLE", "UNIQUE constraints").
fn cancel(
    uniques: &mut Vec<&Unique>,
    indexes: &mut Vec<&Index>,
    is_taken: impl Fn(&str) -> bool,
    dialect: &Dialect,
) {
    uniques.retain(|unique| {
        let is_same = |index: &&Index| {
            let plain = index.parts.iter().all(|part| part.collation.is_none() && !part.descending);
            let names: Option<Vec<String>> =
                index.parts.iter().map(|part| part.term.column().map(str::to_owned)).collect();
            index.unique
                && index.predicate.is_none()
                && plain
                && unique.written.is_none()
                && unique.on_conflict.is_none()
                && names.is_some_and(|names| same_names(&names, &unique.columns, dialect))
                && !is_taken(&index.name)
        };
        let place = indexes.iter().position(is_same);
        place.map(|place| indexes.remove(place)).is_none()
    });
}

fn change<T: Clone>(
    table: &TableName,
    dropped: Vec<&T>,
    added: Vec<&T>,
    part: fn(T) -> Part,
    steps: &mut Steps,
) {
    steps.parts_dropped.extend(dropped.into_iter().map(|one| drop(table, part(one.clone()))));
    let added = added.into_iter().map(|one| add(table, part(one.clone())));
    steps.parts_added.extend::<Vec<Operation>>(added.collect());
}

/// What is found and not wanted, and the reverse. Each is matched once, one of the same name before others; what is called as
/// another one is to be called makes room for that.
fn unmatched<'a, T>(
    wanted: &'a [T],
    found: &'a [T],
    name: impl Fn(&T) -> Option<&str>,
    same: impl Fn(&T, &T) -> bool,
    is_taken: impl Fn(&str) -> bool,
) -> (Vec<&'a T>, Vec<&'a T>) {
    let mut left: Vec<&T> = found.iter().collect();
    let mut open: Vec<&T> = wanted.iter().collect();
    for by_name in [true, false] {
        open.retain(|one| {
            let fits = |other: &&T| {
                let is_free = || name(other).is_none_or(|name| !is_taken(name));
                same(one, other) && (name(one) == name(other) || (!by_name && is_free()))
            };
            let place = left.iter().position(fits);
            place.map(|place| left.remove(place)).is_none()
        });
    }
    (left, open)
}

fn same_names(one: &[String], other: &[String], dialect: &Dialect) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_name(one, other, dialect))
}

fn same_key(wanted: Option<&PrimaryKey>, found: Option<&PrimaryKey>, dialect: &Dialect) -> bool {
    match (wanted, found) {
        (Some(one), Some(other)) => {
            same_names(&one.columns, &other.columns, dialect) && one.timing == other.timing
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn same_unique(one: &Unique, other: &Unique, dialect: &Dialect) -> bool {
    same_names(&one.columns, &other.columns, dialect)
        && one.nulls_not_distinct == other.nulls_not_distinct
        && one.timing == other.timing
        && one.include == other.include
}

fn same_foreign_key(one: &ForeignKey, other: &ForeignKey, wanted: &Catalog, dialect: &Dialect) -> bool {
    let referred = |key: &ForeignKey| -> Vec<String> {
        let implied = || wanted.table(&key.table).and_then(|table| table.primary_key.as_ref());
        match key.referred.is_empty() {
            true => implied().map(|key| key.columns.clone()).unwrap_or_default(),
            false => key.referred.clone(),
        }
    };
    let same_table = one.table == other.table
        || (dialect.name == DialectName::Sqlite && same_name(&one.table.name, &other.table.name, dialect));
    same_table
        && same_names(&one.columns, &other.columns, dialect)
        && same_names(&referred(one), &referred(other), dialect)
        && (&one.on_delete, &one.on_update) == (&other.on_delete, &other.on_update)
        // One column is NULL or not, so MATCH FULL says nothing of it.
        && (one.match_full == other.match_full || one.columns.len() == 1)
        && one.timing == other.timing
}

fn same_index(one: &Index, other: &Index, dialect: &Dialect) -> bool {
    let same_term = |one: &IndexTerm, other: &IndexTerm| match (one, other) {
        (IndexTerm::Column(one), IndexTerm::Column(other)) => same_name(one, other, dialect),
        (IndexTerm::Expression(one), IndexTerm::Expression(other)) => {
            same_expression(Some(one), Some(other), dialect)
        }
        _ => false,
    };
    one.unique == other.unique
        && one.parts.len() == other.parts.len()
        && one.parts.iter().zip(&other.parts).all(|(one, other)| {
            same_term(&one.term, &other.term)
                && (&one.collation, &one.class) == (&other.collation, &other.class)
                && (one.descending, one.nulls_first) == (other.descending, other.nulls_first)
        })
        && (&one.include, &one.method) == (&other.include, &other.method)
        && same_expression(one.predicate.as_deref(), other.predicate.as_deref(), dialect)
        && one.nulls_not_distinct == other.nulls_not_distinct
        && sorted(&one.storage) == sorted(&other.storage)
}

fn sorted(options: &[String]) -> Vec<&String> {
    let mut options: Vec<&String> = options.iter().collect();
    options.sort();
    options
}
