//! The schema that a script makes, without a database: what revisions have built up, statement by statement.
//!
//! It is PostgreSQL's: SQLite is asked itself, in memory. Types and names are those that the server would have; expressions stay
//! in the words of the script, and [`beside`](super::Compare::beside) tells which of them mean the same. What makes no table,
//! such as a view, a function or rows, is passed over; what may make one and cannot be followed is an error.

mod alter;
mod column;
mod constraint;
mod expression;
mod index;
mod naming;
mod reword;
mod statement;
mod types;
mod wanted;

use std::collections::HashSet;

pub(super) use self::reword::reword;
pub(super) use self::wanted::wanted;

use super::cursor::Cursor;
use super::{Catalog, Operation, Part, Table};
use crate::error::{Error, Result};
use crate::model::TableName;
use crate::sql::Dialect;
use crate::sql::scan::statements;

const POSTGRES: &Dialect = &Dialect::POSTGRES;

/// A schema of PostgreSQL that grows with each statement.
#[derive(Clone, Debug)]
pub struct Recorded {
    catalog: Catalog,
    default_schema: String,
    /// Tables of the default schema keep its name where it is said, as models have it.
    spells: bool,
    /// What has a name as tables do and is none that models could have: views, partitions, temporary tables.
    others: HashSet<TableName>,
}

impl Default for Recorded {
    fn default() -> Self {
        Self::new("public")
    }
}

impl Recorded {
    /// An empty database with one schema, which names leave out.
    pub fn new(default_schema: impl Into<String>) -> Self {
        let default_schema = default_schema.into();
        let catalog = Catalog { default_schema: Some(default_schema.clone()), ..Catalog::default() };
        Self { catalog, default_schema, spells: false, others: HashSet::new() }
    }

    /// Does the statements of a script.
    ///
    /// # Errors
    /// `InvalidRequest`: a statement that may change tables and cannot be followed, or that is about what is not there.
    pub fn run(&mut self, script: &str) -> Result<()> {
        statements(script, false).into_iter().try_for_each(|(_, statement)| self.statement(statement))
    }

    /// What there is.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The name of a table, a type or an index.
    fn place(&self, cursor: &mut Cursor<'_>) -> Result<TableName> {
        let first = cursor.name()?;
        if !cursor.take_sign('.') {
            return Ok(TableName { schema: None, name: first });
        }
        let schema = Some(first).filter(|schema| self.spells || *schema != self.default_schema);
        Ok(TableName { schema, name: cursor.name()? })
    }

    /// The table of a name. None where it is something else, or, with `if_exists`, not there.
    ///
    /// # Errors
    /// It is not there.
    fn known(&self, name: &TableName, if_exists: bool) -> Result<Option<&Table>> {
        match self.catalog.table(name) {
            None if if_exists || self.others.contains(name) => Ok(None),
            None => Err(Error::invalid_request(format!("there is no table `{name}`"))),
            found => Ok(found),
        }
    }

    fn apply(&mut self, operation: &Operation) {
        self.catalog.apply(operation, POSTGRES);
    }

    /// Adds a part to a table, by the name that the server would give it.
    fn add(&mut self, table: &TableName, part: Part) {
        let Some(known) = self.catalog.table(table) else { return };
        let part = naming::named(&self.catalog, known, part);
        self.apply(&Operation::Add { table: table.clone(), part });
    }
}

#[cfg(test)]
mod tests;
