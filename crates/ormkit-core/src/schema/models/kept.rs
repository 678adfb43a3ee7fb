//! What of a database models can say: a column without a type takes along what is made of it.

use std::collections::HashMap;

use super::names::Enums;
use super::{Uses, types};
use crate::model::TableName;
use crate::schema::exclusion::Definition;
use crate::schema::token::{names, same_name};
use crate::schema::{Catalog, Exclusion, ForeignKey, Index, IndexTerm, Table};
use crate::sql::Dialect;

/// What is left of a database, and what there is to say of the rest.
pub(super) struct Kept {
    pub(super) catalog: Catalog,
    notes: HashMap<TableName, Vec<String>>,
}

impl Kept {
    pub(super) fn of(catalog: &Catalog, enums: &Enums, dialect: &'static Dialect) -> Self {
        let mut kept = Self { catalog: catalog.clone(), notes: HashMap::new() };
        let mut gone = HashMap::new();
        for table in &mut kept.catalog.tables {
            let mut notes = Vec::new();
            let columns = without_type(table, enums, dialect, &mut notes);
            if !columns.is_empty() {
                Pruning { columns: &columns, notes: &mut notes, dialect }.prune(table);
                gone.insert(table.name.clone(), columns);
            }
            kept.notes.insert(table.name.clone(), notes);
        }
        for table in &mut kept.catalog.tables {
            let notes = kept.notes.entry(table.name.clone()).or_default();
            table.foreign_keys.retain(|key| {
                let is_gone = |name: &String| gone.get(&key.table).is_some_and(|names| names.contains(name));
                let found = key.referred.iter().find(|name| is_gone(name));
                notes.extend(found.map(|name| format!("{}, whose {name} is not here", refers(key))));
                found.is_none()
            });
        }
        kept
    }

    /// What a model of the table leaves out.
    pub(super) fn notes(&self, table: &TableName) -> &[String] {
        self.notes.get(table).map_or(&[], Vec::as_slice)
    }
}

/// The columns whose type a model has nothing like, and those that are computed of them.
fn without_type(table: &Table, enums: &Enums, dialect: &Dialect, notes: &mut Vec<String>) -> Vec<String> {
    let mut gone: Vec<String> = Vec::new();
    for column in &table.columns {
        if types::of(&column.data_type, enums, &mut Uses::default(), dialect).is_none() {
            notes.push(format!("{}: a model has no type like {}", column.name, column.data_type));
            gone.push(column.name.clone());
        }
    }
    for column in &table.columns {
        let Some(computed) = &column.computed else { continue };
        if let Some(of) = gone.iter().find(|name| names(&computed.expression, name, dialect)) {
            notes.push(format!("{}: is computed of {of}, which is not here", column.name));
            gone.push(column.name.clone());
        }
    }
    gone
}

fn refers(key: &ForeignKey) -> String {
    format!("({}) refers to {}", key.columns.join(", "), key.table)
}

/// Taking columns out of a table.
struct Pruning<'a> {
    columns: &'a [String],
    notes: &'a mut Vec<String>,
    dialect: &'a Dialect,
}

impl Pruning<'_> {
    fn prune(mut self, table: &mut Table) {
        table.columns.retain(|column| !self.columns.contains(&column.name));
        if table.primary_key.as_ref().is_some_and(|key| self.lacks(&key.columns)) {
            table.primary_key = None;
        }
        table.uniques.retain(|unique| {
            let lacks = self.lacks(&unique.columns) || self.lacks(&unique.include);
            self.keep(lacks, || format!("a UNIQUE of ({})", unique.columns.join(", ")))
        });
        table.checks.retain(|check| {
            let name = check.name.as_deref().unwrap_or(&check.expression);
            self.keep(self.names(&check.expression), || format!("the CHECK {name}"))
        });
        table.exclusions.retain(|exclusion| {
            let lacks = self.excludes(exclusion);
            self.keep(lacks, || format!("{}: {}", exclusion.name, exclusion.definition))
        });
        table.indexes.retain(|index| {
            let lacks = self.indexes(index);
            self.keep(lacks, || format!("the index {}", index.name))
        });
        table.foreign_keys.retain(|key| self.keep(self.lacks(&key.columns), || refers(key)));
    }

    fn keep(&mut self, lacks: bool, shown: impl FnOnce() -> String) -> bool {
        self.notes.extend(lacks.then(|| format!("{}: a column of it is not here", shown())));
        !lacks
    }

    fn lacks(&self, names: &[String]) -> bool {
        let is_gone = |name: &String| self.columns.iter().any(|gone| same_name(gone, name, self.dialect));
        names.iter().any(is_gone)
    }

    fn names(&self, expression: &str) -> bool {
        self.columns.iter().any(|name| names(expression, name, self.dialect))
    }

    fn has(&self, term: &IndexTerm) -> bool {
        match term {
            IndexTerm::Column(name) => self.columns.contains(name),
            IndexTerm::Expression(text) => self.names(text),
        }
    }

    fn excludes(&self, exclusion: &Exclusion) -> bool {
        match Definition::of(&exclusion.definition) {
            Some(read) => {
                read.parts.iter().any(|(part, _)| self.has(&part.term))
                    || read.predicate.is_some_and(|text| self.names(&text))
            }
            // It is said to be left out as it is.
            None => false,
        }
    }

    fn indexes(&self, index: &Index) -> bool {
        index.parts.iter().any(|part| self.has(&part.term))
            || self.lacks(&index.include)
            || index.predicate.as_ref().is_some_and(|text| self.names(text))
    }
}
