//! Expressions that mean the same in other words: a revision that was made from a database has those of the server, a model those
//! of whoever wrote it.

use super::expression::{canonical, canonical_default};
use crate::schema::{Catalog, Index, IndexTerm, Table};

/// Says what `wanted` has in the words of `found`, where both mean the same: what is left are true differences.
pub(in crate::schema) fn reword(wanted: &mut Catalog, found: &Catalog) {
    for table in &mut wanted.tables {
        if let Some(known) = found.table(&table.name) {
            reword_table(table, known);
        }
    }
}

fn reword_table(table: &mut Table, known: &Table) {
    let plain = table.clone();
    let meaning = |text: &str| canonical(text, &plain);
    for column in &mut table.columns {
        let Some(other) = known.column(&column.name) else { continue };
        let of_default = |text: &str| canonical_default(text, &plain, &column.data_type);
        if let (Some(text), Some(known)) = (&mut column.default, &other.default)
            && of_default(text) == of_default(known)
        {
            text.clone_from(known);
        }
        if let (Some(computed), Some(known)) = (&mut column.computed, &other.computed)
            && meaning(&computed.expression) == meaning(&known.expression)
        {
            computed.expression.clone_from(&known.expression);
        }
    }
    for check in &mut table.checks {
        let same = |text: &String| meaning(&check.expression) == meaning(text);
        let found = known.checks.iter().find(|other| same(&other.expression));
        found.into_iter().for_each(|other| check.expression.clone_from(&other.expression));
    }
    for exclusion in &mut table.exclusions {
        let same = |text: &String| meaning(&exclusion.definition) == meaning(text);
        let found = known.exclusions.iter().find(|other| same(&other.definition));
        found.into_iter().for_each(|other| exclusion.definition.clone_from(&other.definition));
    }
    for index in &mut table.indexes {
        let found = known.indexes.iter().find(|other| words(index, &plain) == words(other, &plain));
        if let Some(other) = found {
            index.predicate.clone_from(&other.predicate);
            for (part, known) in index.parts.iter_mut().zip(&other.parts) {
                part.term.clone_from(&known.term);
            }
        }
    }
}

/// What an index is about, whatever it is called.
fn words(index: &Index, table: &Table) -> (Vec<String>, Option<String>) {
    let term = |term: &IndexTerm| match term {
        IndexTerm::Column(name) => name.clone(),
        IndexTerm::Expression(text) => format!("({})", canonical(text, table)),
    };
    let parts = index.parts.iter().map(|part| term(&part.term)).collect();
    (parts, index.predicate.as_ref().map(|text| canonical(text, table)))
}
