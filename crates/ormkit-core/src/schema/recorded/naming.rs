//! The names that PostgreSQL gives to constraints and indexes that were not given one.

use std::collections::HashSet;

use super::super::token::{TokenKind, tokens};
use super::super::{Catalog, Index, Part, Table};
use super::POSTGRES;
use crate::model::TableName;
use crate::sql::quote::LONGEST_NAME;

/// The part with a name.
pub(super) fn named(catalog: &Catalog, table: &Table, mut part: Part) -> Part {
    let taken = taken(catalog, &table.name);
    let made = |columns: &[String], label: &str| Some(free(&table.name, columns, label, &taken));
    match &mut part {
        Part::PrimaryKey(key) if key.name.is_none() => key.name = made(&[], "pkey"),
        Part::Unique(unique) if unique.name.is_none() => unique.name = made(&unique.columns, "key"),
        Part::Check(check) if check.name.is_none() => {
            let columns = columns_of(&check.expression, table);
            // Those of several columns are called by none of them.
            let alone = if columns.len() == 1 { &columns[..] } else { &[] };
            check.name = made(alone, "check");
        }
        Part::ForeignKey(key) if key.name.is_none() => key.name = made(&key.columns, "fkey"),
        Part::Exclusion(one) if one.name.is_empty() => {
            one.name = made(&columns_of(&one.definition, table), "excl").unwrap_or_default();
        }
        Part::Index(index) if index.name.is_empty() => {
            index.name = made(&terms(index), "idx").unwrap_or_default();
        }
        _ => {}
    }
    part
}

/// What an index is sorted by; an expression is `expr`.
fn terms(index: &Index) -> Vec<String> {
    index.columns().into_iter().map(|column| column.unwrap_or("expr").to_owned()).collect()
}

/// The columns of a table that an expression names, in the order of the expression.
fn columns_of(expression: &str, table: &Table) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for token in tokens(expression, POSTGRES) {
        let name = match token.kind {
            TokenKind::Word => token.text.to_lowercase(),
            TokenKind::Quoted => token.name().unwrap_or_default().into_owned(),
            _ => continue,
        };
        if table.column(&name).is_some() && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// The names that tables, indexes and constraints of a schema have.
fn taken<'a>(catalog: &'a Catalog, near: &TableName) -> HashSet<&'a str> {
    let tables = catalog.tables.iter().filter(|table| table.name.schema == near.schema);
    tables
        .flat_map(|table| {
            let key = table.primary_key.iter().filter_map(|key| key.name.as_deref());
            let uniques = table.uniques.iter().filter_map(|unique| unique.name.as_deref());
            let checks = table.checks.iter().filter_map(|check| check.name.as_deref());
            let keys = table.foreign_keys.iter().filter_map(|key| key.name.as_deref());
            let exclusions = table.exclusions.iter().map(|one| one.name.as_str());
            let indexes = table.indexes.iter().map(|index| index.name.as_str());
            let own = std::iter::once(table.name.name.as_str());
            own.chain(key).chain(uniques).chain(checks).chain(keys).chain(exclusions).chain(indexes)
        })
        .collect()
}

/// `<table>_<columns>_<label>`, with a number behind it where that is taken; the longer of the first two is cut where the whole is too
/// long.
fn free(table: &TableName, columns: &[String], label: &str, taken: &HashSet<&str>) -> String {
    let columns = columns.join("_");
    let mut label = label.to_owned();
    let stem = label.clone();
    let mut number = 0;
    loop {
        let name = fitted(&table.name, &columns, &label);
        if !taken.contains(name.as_str()) {
            return name;
        }
        number += 1;
        label = format!("{stem}{number}");
    }
}

fn fitted(table: &str, columns: &str, label: &str) -> String {
    let over = label.len() + 1 + usize::from(!columns.is_empty());
    let (mut first, mut second) = (table.len(), columns.len());
    while first + second + over > LONGEST_NAME {
        if first > second { first -= 1 } else { second -= 1 }
    }
    let parts = [cut(table, first), cut(columns, second), label];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("_")
}

/// The first bytes of a text, as far as they are whole characters.
fn cut(text: &str, mut length: usize) -> &str {
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    &text[..length]
}

/// The constraint of a name.
pub(super) fn constraint(table: &Table, name: &str) -> Option<Part> {
    let named = |known: &Option<String>| known.as_deref() == Some(name);
    let key = table.primary_key.iter().find(|key| named(&key.name)).cloned().map(Part::PrimaryKey);
    let unique = || table.uniques.iter().find(|one| named(&one.name)).cloned().map(Part::Unique);
    let check = || table.checks.iter().find(|one| named(&one.name)).cloned().map(Part::Check);
    let foreign = || table.foreign_keys.iter().find(|one| named(&one.name)).cloned().map(Part::ForeignKey);
    let exclusion = || table.exclusions.iter().find(|one| one.name == name).cloned().map(Part::Exclusion);
    key.or_else(unique).or_else(check).or_else(foreign).or_else(exclusion)
}

/// Gives a constraint or an index another name; false where there is none.
pub(super) fn rename(table: &mut Table, from: &str, to: &str) -> bool {
    let keys = table.primary_key.iter_mut().filter_map(|key| key.name.as_mut());
    let uniques = table.uniques.iter_mut().filter_map(|one| one.name.as_mut());
    let checks = table.checks.iter_mut().filter_map(|one| one.name.as_mut());
    let foreign = table.foreign_keys.iter_mut().filter_map(|one| one.name.as_mut());
    let exclusions = table.exclusions.iter_mut().map(|one| &mut one.name);
    let indexes = table.indexes.iter_mut().map(|index| &mut index.name);
    let mut all = keys.chain(uniques).chain(checks).chain(foreign).chain(exclusions).chain(indexes);
    match all.find(|name| *name == from) {
        Some(name) => {
            to.clone_into(name);
            true
        }
        None => false,
    }
}
