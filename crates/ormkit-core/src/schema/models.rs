//! Python models that map the tables of a database.
//!
//! What a model cannot say stands beside it as a comment, so that nothing is left out in silence; for everything else a second
//! look at the database through the models finds no difference.

mod annotation;
mod junction;
mod kept;
mod names;
mod relations;
mod table;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use self::junction::Junctions;
use self::kept::Kept;
use self::names::{Enums, Naming};
use super::Catalog;
use super::python::{indented, quoted};
use crate::sql::Dialect;

/// The text of a Python module with a class for each table of `catalog`.
pub fn python_models(catalog: &Catalog, dialect: &'static Dialect) -> String {
    let naming = Naming::of(catalog);
    let kept = Kept::of(catalog, &naming.enums, dialect);
    let catalog = &kept.catalog;
    let junctions = Junctions::of(catalog);
    let relations = relations::of(catalog, &naming, &junctions);
    let mut uses = Uses::default();
    uses.ormkit("DeclarativeBase");
    let mut tables = Vec::new();
    let mut classes = Vec::new();
    for table in &catalog.tables {
        let printer = table::Printer::of(catalog, &naming, dialect, &mut uses);
        match junctions.variable(&table.name) {
            Some(variable) => tables.push(printer.junction(table, variable)),
            None => classes.push(printer.print(table, &relations, kept.notes(&table.name))),
        }
    }
    // Relations name them.
    let tables = (!tables.is_empty()).then(|| tables.join("\n"));
    let enums: Vec<String> = naming.enums.used(&uses.enums).map(Enums::written).collect();
    if !enums.is_empty() {
        uses.standard("enum", "");
    }
    let doc = format!("\"\"\"Models of a database of {}.\"\"\"", name_of(dialect));
    let base = "class Base(DeclarativeBase):\n    pass".to_owned();
    let head = format!("{doc}\n\nfrom __future__ import annotations\n\n{}", uses.imports());
    let parts: Vec<String> = [head, base].into_iter().chain(tables).chain(enums).chain(classes).collect();
    format!("{}\n", parts.join("\n\n\n"))
}

fn name_of(dialect: &Dialect) -> &'static str {
    match dialect.name {
        crate::sql::DialectName::Postgres => "PostgreSQL",
        crate::sql::DialectName::Sqlite => "SQLite",
    }
}

/// What the module imports, and the enums that it has.
#[derive(Default)]
struct Uses {
    ormkit: BTreeSet<&'static str>,
    standard: BTreeMap<&'static str, BTreeSet<String>>,
    enums: BTreeSet<usize>,
}

impl Uses {
    fn ormkit(&mut self, name: &'static str) -> &'static str {
        self.ormkit.insert(name);
        name
    }

    /// A name of a module, or the module.
    fn standard(&mut self, module: &'static str, name: impl Into<String>) {
        self.standard.entry(module).or_default().insert(name.into());
    }

    fn imports(&self) -> String {
        let mut lines: Vec<String> = self
            .standard
            .iter()
            .map(|(module, names)| match names.contains("") {
                true => format!("import {module}"),
                false => format!("from {module} import {}", joined(names)),
            })
            .collect();
        lines.sort_by_key(|line| (!line.starts_with("import"), line.clone()));
        let ours = joined(&self.ormkit);
        let ours = match ours.len() <= 90 {
            true => format!("from ormkit import {ours}"),
            false => {
                let names: String = self.ormkit.iter().map(|name| format!("    {name},\n")).collect();
                format!("from ormkit import (\n{names})")
            }
        };
        match lines.is_empty() {
            true => ours,
            false => format!("{}\n\n{ours}", lines.join("\n")),
        }
    }
}

fn joined<T: AsRef<str>>(names: &BTreeSet<T>) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

/// A class with its body.
fn class(name: &str, base: &str, body: &[String]) -> String {
    let body: Vec<String> = body.iter().map(|line| indented(line)).collect();
    format!("class {name}({base}):\n{}", body.join("\n"))
}

/// `["a", "b"]`
fn names_list(names: &[String]) -> String {
    let all: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!("[{}]", all.join(", "))
}

#[cfg(test)]
mod tests;
