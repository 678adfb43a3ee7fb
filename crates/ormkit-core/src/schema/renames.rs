//! What is the same under another name: nothing in a schema tells, so models or who compares them say it.

use super::{Catalog, Operation};
use crate::error::{Error, Result};
use crate::model::{ModelId, Schema, TableName};
use crate::sql::{Dialect, ddl};

/// What is the same under another name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames {
    /// Tables: the name so far and the new one, in the same schema.
    pub tables: Vec<(TableName, String)>,
    /// Columns: the table under its new name, the column's name so far and the new one.
    pub columns: Vec<(TableName, String, String)>,
}

impl Renames {
    /// What models say by their `renamed_from`.
    pub(super) fn declared(schema: &Schema, models: &[ModelId]) -> Self {
        let mut said = Self::default();
        for model in ddl::in_order(schema, models) {
            let table = model.table();
            if let Some(from) = &model.def.renamed_from {
                let from = TableName { schema: table.schema.clone(), name: from.clone() };
                said.tables.push((from, table.name.clone()));
            }
            for field in model.fields() {
                let from = field.renamed_from.clone();
                said.columns.extend(from.map(|from| (table.clone(), from, field.column.clone())));
            }
        }
        said
    }

    /// The same, and what `declared` says that is still to be done: the old name is there, the new one is not. What is said here
    /// must be so.
    ///
    /// # Errors
    /// A name here that `found` has not, a new one that it has already, or one that nobody wants. Two new names of one table or
    /// column.
    pub(super) fn resolved(
        mut self,
        declared: &Self,
        wanted: &Catalog,
        found: &Catalog,
        dialect: &'static Dialect,
    ) -> Result<Self> {
        let mut now = found.clone();
        for (from, to) in &self.tables {
            let new = TableName { schema: from.schema.clone(), name: to.clone() };
            require(now.table(from).is_some(), from, to, "the database has no such table")?;
            require(now.table(&new).is_none(), from, to, "the database has a table of the new name already")?;
            require(wanted.table(&new).is_some(), from, to, "no model has a table of the new name")?;
            now.apply(&Operation::RenameTable { from: from.clone(), to: to.clone() }, dialect);
        }
        for (from, to) in &declared.tables {
            let new = TableName { schema: from.schema.clone(), name: to.clone() };
            if let Some((_, other)) = self.tables.iter().find(|(known, other)| known == from && other != to) {
                return Err(two_names(from, other, to));
            }
            if now.table(from).is_some() && now.table(&new).is_none() {
                now.apply(&Operation::RenameTable { from: from.clone(), to: to.clone() }, dialect);
                self.tables.push((from.clone(), to.clone()));
            }
        }
        let has = |catalog: &Catalog, table: &TableName, column: &str| {
            catalog.table(table).is_some_and(|table| table.column(column).is_some())
        };
        for (table, from, to) in &self.columns {
            let place = format!("{table}.{from}");
            require(has(&now, table, from), &place, to, "the database has no such column")?;
            require(!has(&now, table, to), &place, to, "the table has a column of the new name already")?;
            require(has(wanted, table, to), &place, to, "no model has a column of the new name")?;
        }
        for (table, from, to) in &declared.columns {
            let another =
                |(known, old, new): &&(TableName, String, String)| known == table && old == from && new != to;
            if let Some((_, _, other)) = self.columns.iter().find(another) {
                return Err(two_names(format!("{table}.{from}"), other, to));
            }
            let is_said = self.columns.iter().any(|(known, _, new)| known == table && new == to);
            if !is_said && has(&now, table, from) && !has(&now, table, to) {
                self.columns.push((table.clone(), from.clone(), to.clone()));
            }
        }
        Ok(self)
    }
}

fn require(holds: bool, from: impl std::fmt::Display, to: &str, otherwise: &str) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Error::invalid_request(format!("the rename of `{from}` to `{to}`: {otherwise}"))),
    }
}

fn two_names(from: impl std::fmt::Display, one: &str, other: &str) -> Error {
    Error::invalid_request(format!("`{from}` cannot be renamed both to `{one}` and to `{other}`"))
}
