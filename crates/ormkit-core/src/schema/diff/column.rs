//! Columns: by name, wherever they stand.

use super::super::operation::column_comment;
use super::super::{Change, Column, Computed, NumberingKind, Operation, Part, Table, token};
use super::default::same_default;
use super::parts::Keys;
use super::{Steps, add, drop};
use crate::sql::{Dialect, DialectName};

pub(super) fn diff(wanted: &Table, found: &Table, steps: &mut Steps, keys: &mut Keys, dialect: &Dialect) {
    let name = &wanted.name;
    if dialect.comments && wanted.comment != found.comment {
        let (from, to) = (found.comment.clone(), wanted.comment.clone());
        steps.last.push(Operation::Comment { table: name.clone(), from, to });
    }
    for column in found.columns.iter().filter(|column| wanted.column(&column.name).is_none()) {
        keys.touch(name, &column.name);
        steps.columns.push(drop(name, Part::Column(column.clone())));
    }
    let retyped: Vec<&str> = wanted
        .columns
        .iter()
        .filter(|column| {
            found.column(&column.name).is_some_and(|known| !same_type(column, known, found.strict, dialect))
        })
        .map(|column| column.name.as_str())
        .collect();
    // A computed column stands in the way of a change of what it is computed from.
    let recomputed = |column: &Column, known: &Column| {
        let depends = |computed: &Computed| {
            retyped.iter().any(|name| token::mentions(&computed.expression, name, dialect))
        };
        !same_computed(column, known, dialect)
            || (known.computed.as_ref().is_some_and(depends) && dialect.adds_constraints)
    };
    let mut behind = Vec::new();
    for column in &wanted.columns {
        match found.column(&column.name) {
            None => behind.extend(added(wanted, column, steps)),
            Some(known) if recomputed(column, known) => {
                keys.touch(name, &column.name);
                steps.columns.push(drop(name, Part::Column(known.clone())));
                behind.extend(added(wanted, column, steps));
            }
            Some(known) => {
                if retyped.contains(&column.name.as_str()) {
                    keys.touch(name, &column.name);
                }
                let place = (wanted, found);
                changes(place, column, known, dialect).into_iter().for_each(|change| {
                    let comes_last = matches!(change, Change::Comment { .. });
                    let numbers = matches!(&change, Change::Numbering { from, to: Some(_) }
                        if from.as_ref().is_none_or(|from| from.kind == NumberingKind::Serial));
                    let (table, column) = (name.clone(), column.name.clone());
                    let step = Operation::Alter { table: table.clone(), column: column.clone(), change };
                    if comes_last {
                        steps.last.push(step)
                    } else {
                        behind.push(step)
                    }
                    behind.extend(numbers.then_some(Operation::Renumber { table, column }));
                });
            }
        }
    }
    // Computed columns need those that they are computed from, to the last.
    steps.columns.sort_by_key(|step| match step {
        Operation::Drop { table, part: Part::Column(column) } if table == name => column.computed.is_none(),
        _ => false,
    });
    let (computed, plain): (Vec<_>, Vec<_>) = behind.into_iter().partition(
        |step| matches!(step, Operation::Add { part: Part::Column(column), .. } if column.computed.is_some()),
    );
    steps.columns.extend(plain.into_iter().chain(computed));
}

fn added(table: &Table, column: &Column, steps: &mut Steps) -> Vec<Operation> {
    let mut column = column.clone();
    steps.last.extend(column_comment(&table.name, &mut column));
    vec![add(&table.name, Part::Column(column))]
}

fn changes(
    (wanted, found): (&Table, &Table),
    column: &Column,
    known: &Column,
    dialect: &Dialect,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let retyped = !same_type(column, known, found.strict, dialect);
    let mut default = known.default.clone();
    let renumbered = !same_numbering(column, known);
    if renumbered && known.numbering.is_some() {
        let is_identity = |column: &Column| {
            column.numbering.as_ref().is_some_and(|numbering| {
                matches!(numbering.kind, NumberingKind::Always | NumberingKind::ByDefault)
            })
        };
        let same_options = column.numbering.as_ref().map(|numbering| &numbering.options)
            == known.numbering.as_ref().map(|numbering| &numbering.options);
        if is_identity(column) && is_identity(known) && same_options {
            changes.push(Change::Numbering { from: known.numbering.clone(), to: column.numbering.clone() });
        } else {
            changes.push(Change::Numbering { from: known.numbering.clone(), to: None });
        }
    }
    if retyped {
        if default.is_some() && dialect.adds_constraints {
            changes.push(Change::Default { from: default.take(), to: None });
        }
        let pair = |column: &Column| (column.data_type.clone(), column.collation.clone());
        changes.push(Change::Type { from: pair(known), to: pair(column) });
    }
    let is_key = wanted.is_key(&column.name);
    let was_key = found.is_key(&column.name);
    // What is in the key is never NULL on PostgreSQL: adding it says so.
    let implied = is_key && !was_key && dialect.adds_constraints;
    if column.nullable != known.nullable && !implied {
        changes.push(Change::Nullable(column.nullable));
    }
    let has_numbering = changes.iter().any(|change| matches!(change, Change::Numbering { to: Some(_), .. }));
    if renumbered && column.numbering.is_some() && !has_numbering {
        changes.push(Change::Numbering { from: None, to: column.numbering.clone() });
    }
    if !same_default(column, column.default.as_deref(), default.as_deref(), dialect) {
        changes.push(Change::Default { from: default, to: column.default.clone() });
    }
    if dialect.comments && column.comment != known.comment {
        changes.push(Change::Comment { from: known.comment.clone(), to: column.comment.clone() });
    }
    changes
}

pub(super) fn same_expression(one: Option<&str>, other: Option<&str>, dialect: &Dialect) -> bool {
    match (one, other) {
        (Some(one), Some(other)) if dialect.name == DialectName::Sqlite => {
            token::same_tokens(one, other, dialect)
        }
        (one, other) => one == other,
    }
}

fn same_computed(wanted: &Column, found: &Column, dialect: &Dialect) -> bool {
    match (&wanted.computed, &found.computed) {
        (Some(one), Some(other)) => {
            one.stored == other.stored
                && same_expression(Some(&one.expression), Some(&other.expression), dialect)
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// SERIAL does what a plain identity does; AUTOINCREMENT is more than what is wanted.
fn same_numbering(wanted: &Column, found: &Column) -> bool {
    match (&wanted.numbering, &found.numbering) {
        (None, Some(found)) => found.kind == NumberingKind::Autoincrement,
        (Some(wanted), Some(found)) if found.kind == NumberingKind::Serial => {
            matches!(wanted.kind, NumberingKind::ByDefault | NumberingKind::Serial)
                && wanted.options == found.options
        }
        (wanted, found) => wanted == found,
    }
}

/// SQLite stores by affinity (SQLite documentation, "Datatypes In SQLite", section 3.1) unless the table is STRICT: another
/// name for the same changes nothing.
fn same_type(wanted: &Column, found: &Column, strict: bool, dialect: &Dialect) -> bool {
    let same = match dialect.name {
        DialectName::Postgres => wanted.data_type == found.data_type,
        DialectName::Sqlite if strict => wanted.data_type.eq_ignore_ascii_case(&found.data_type),
        DialectName::Sqlite => affinity(&wanted.data_type) == affinity(&found.data_type),
    };
    let collation = |column: &Column| {
        column.collation.as_ref().map(|name| match dialect.name {
            DialectName::Postgres => name.clone(),
            DialectName::Sqlite => name.to_ascii_uppercase(),
        })
    };
    same && collation(wanted) == collation(found)
}

pub(super) fn affinity(data_type: &str) -> &'static str {
    let name = data_type.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    match () {
        () if has(&["INT"]) || name == "BOOLEAN" || name == "BOOL" => "INTEGER",
        () if has(&["CHAR", "CLOB", "TEXT"]) || has(&["DATE", "TIME"]) => "TEXT",
        () if name.is_empty() || has(&["BLOB"]) => "BLOB",
        () if has(&["REAL", "FLOA", "DOUB"]) => "REAL",
        () => "NUMERIC",
    }
}
