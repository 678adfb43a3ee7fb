//! Enum types: new ones, new labels, and types that are made anew because a label is gone.

use super::super::{Catalog, Change, Enum, Operation, Part, Table, token};
use super::{Steps, drop};
use crate::model::TableName;
use crate::sql::Dialect;

/// Adds the steps for types; the answer is what replaces types, between dropping and adding parts.
pub(super) fn diff(
    wanted: &Catalog,
    found: &Catalog,
    steps: &mut Steps,
    dialect: &Dialect,
) -> Vec<Operation> {
    let mut replacing = Vec::new();
    for kind in &wanted.enums {
        match found.enums.iter().find(|known| known.name == kind.name) {
            None => replacing.push(Operation::CreateEnum(kind.clone())),
            Some(known) if is_part_of(&known.labels, &kind.labels) => {
                steps.first.extend(missing(kind, known));
            }
            Some(known) => replacing.extend(replace(kind, known, wanted, found, steps, dialect)),
        }
    }
    let is_used = |catalog: &Catalog, kind: &Enum| {
        catalog.tables.iter().any(|table| !users(table, &kind.name, dialect).is_empty())
    };
    for kind in &found.enums {
        let is_wanted = wanted.enums.iter().any(|other| other.name == kind.name);
        if !is_wanted && is_used(found, kind) {
            steps.last.push(Operation::DropEnum(kind.clone()));
        }
    }
    replacing
}

/// True when all labels are among the others, in the same order.
fn is_part_of(labels: &[String], others: &[String]) -> bool {
    let mut rest = others.iter();
    labels.iter().all(|label| rest.any(|other| other == label))
}

fn missing(wanted: &Enum, found: &Enum) -> Vec<Operation> {
    let mut steps = Vec::new();
    for (place, label) in wanted.labels.iter().enumerate() {
        if !found.labels.contains(label) {
            let before =
                wanted.labels[place + 1..].iter().find(|label| found.labels.contains(label)).cloned();
            steps.push(Operation::AddEnumValue { name: wanted.name.clone(), label: label.clone(), before });
        }
    }
    steps
}

/// The columns of a type, or of arrays of it.
fn users<'a>(table: &'a Table, kind: &TableName, dialect: &Dialect) -> Vec<&'a super::super::Column> {
    let name = token::qualified(kind, dialect);
    table.columns.iter().filter(|column| column.data_type.trim_end_matches("[]") == name).collect()
}

/// Renames the type, makes the wanted one, moves the columns over and drops the old one. What names the type in an
/// expression goes before, and comes back with the differences of parts.
fn replace(
    kind: &Enum,
    known: &Enum,
    wanted: &Catalog,
    found: &Catalog,
    steps: &mut Steps,
    dialect: &Dialect,
) -> Vec<Operation> {
    let aside = Enum {
        name: TableName { schema: kind.name.schema.clone(), name: format!("{}__old", kind.name.name) },
        labels: known.labels.clone(),
    };
    let mut defaults = Vec::new();
    let mut replacing = vec![
        Operation::RenameEnum { from: kind.name.clone(), to: aside.name.name.clone() },
        Operation::CreateEnum(kind.clone()),
    ];
    let quoted = token::qualified(&aside.name, dialect);
    let kept = found.tables.iter().filter(|table| wanted.table(&table.name).is_some());
    for table in kept {
        for column in users(table, &kind.name, dialect) {
            let alter =
                |change| Operation::Alter { table: table.name.clone(), column: column.name.clone(), change };
            let brackets = column.data_type.len() - column.data_type.trim_end_matches("[]").len();
            let moved = format!("{quoted}{}", "[]".repeat(brackets / 2));
            let (from, to) =
                ((moved, column.collation.clone()), (column.data_type.clone(), column.collation.clone()));
            if column.default.is_some() {
                // It comes back with the differences of columns.
                defaults.push(alter(Change::Default { from: column.default.clone(), to: None }));
            }
            replacing.push(alter(Change::Type { from, to }));
        }
        let names_it = |text: &str| token::mentions(text, &kind.name.name, dialect);
        for check in table.checks.iter().filter(|check| names_it(&check.expression)) {
            steps.parts_dropped.push(drop(&table.name, Part::Check(check.clone())));
        }
        for index in table.indexes.iter().filter(|index| index.predicate.as_deref().is_some_and(names_it)) {
            steps.parts_dropped.push(drop(&table.name, Part::Index(index.clone())));
        }
    }
    replacing.push(Operation::DropEnum(aside));
    [defaults, replacing].concat()
}
