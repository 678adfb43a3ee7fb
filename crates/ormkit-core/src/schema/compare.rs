//! Models beside the database that they are to have.

use std::collections::BTreeSet;

use super::{Catalog, Operation, Renames, diff, introspect, wanted};
use crate::driver::Scope;
use crate::error::Result;
use crate::model::{ModelId, Schema};
use crate::session::Link;
use crate::sql::DialectName;

/// What a comparison heeds.
#[derive(Clone, Debug, Default)]
pub struct Compare {
    /// What is the same under another name, beside what models say of themselves.
    pub renames: Renames,
    /// Tables that are let be, such as the one of the migrations: `table` or `schema.table`.
    pub exclude: Vec<String>,
}

/// Models and database side by side.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What there is, without what is let be.
    pub found: Catalog,
    /// What the models want.
    pub wanted: Catalog,
    /// What leads from the one to the other.
    pub operations: Vec<Operation>,
}

impl Compare {
    /// Compares exactly `models` with all of the database: its default schema, and the schemas that they name. A table that
    /// none of them maps is dropped.
    ///
    /// # Errors
    /// As [`introspect`] and [`wanted`]: an open transaction, what the database says, a type that it lacks. Renames of what
    /// is not there, or of what nobody wants.
    ///
    /// # Cancelling
    /// As for any read: what it makes for a try is rolled back.
    pub async fn run(&self, link: &mut Link, schema: &Schema, models: &[ModelId]) -> Result<Comparison> {
        let named = models.iter().filter_map(|id| schema.model(*id).table().schema.clone());
        let named: BTreeSet<String> = named.collect();
        let postgres = link.dialect().name == DialectName::Postgres;
        let scope = match named.is_empty() || !postgres {
            true => Scope::Default,
            false => Scope::Schemas(named.into_iter().collect()),
        };
        let mut found = introspect(link, &scope).await?;
        found.tables.retain(|table| !self.exclude.contains(&table.name.to_string()));
        let mut wanted = wanted(link, schema, models).await?;
        wanted.tables.retain(|table| !self.exclude.contains(&table.name.to_string()));
        let declared = Renames::declared(schema, models);
        let renames = self.renames.clone().resolved(&declared, &wanted, &found, link.dialect())?;
        let operations = diff(&wanted, &found, &renames, link.dialect());
        Ok(Comparison { found, wanted, operations })
    }
}
