//! Models beside the database that they are to have.

use std::collections::BTreeSet;

use super::diff::renamed;
use super::recorded::{self, reword};
use super::spelling::{is_called, spell};
use super::{
    Catalog, NamedSequence, Numbering, NumberingKind, Operation, Recorded, Renames, diff, introspect, wanted,
};
use crate::driver::Scope;
use crate::error::{Error, Result};
use crate::model::{Field, FieldDefault, ModelId, Schema, TableName};
use crate::session::Link;
use crate::sql::{Dialect, DialectName, ddl};

/// What a comparison heeds.
#[derive(Clone, Debug, Default)]
pub struct Compare {
    /// What is the same under another name, beside what models say of themselves.
    pub renames: Renames,
    /// Tables that are let be, such as the one of the migrations: `table` or `schema.table`.
    pub exclude: Vec<String>,
    /// The table of the migrations, which is let be, and whose schema is there before any of them. Without one it is let be in
    /// every schema: `search_path` says where it is.
    pub version_table: Option<TableName>,
    /// PostgreSQL: all schemas, also those that no model names.
    pub all_schemas: bool,
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
    /// Compares exactly `models` with all of the database: its default schema, and the schemas that they name, or all. A table
    /// that none of them maps is dropped.
    ///
    /// # Errors
    /// As [`introspect`] and [`wanted`]: an open transaction, what the database says, a type that it lacks. Renames of what
    /// is not there, or of what nobody wants. `Unsupported` on SQLite: a model with a schema.
    ///
    /// # Cancelling
    /// As for any read: what it makes for a try is rolled back.
    pub async fn run(&self, link: &mut Link, schema: &Schema, models: &[ModelId]) -> Result<Comparison> {
        let wanted = wanted(link, schema, models).await?;
        let found = introspect(link, &self.scope(&wanted, link.dialect().name)?).await?;
        Ok(self.sides(found, wanted, schema, models, link.dialect())?.compared())
    }

    /// Compares exactly `models` with a schema of PostgreSQL that was put on record: no database is asked. Expressions that mean the
    /// same in other words are the same.
    ///
    /// # Errors
    /// Renames of what is not there, or of what nobody wants. A text of a model that cannot be read.
    pub fn beside(&self, recorded: &Recorded, schema: &Schema, models: &[ModelId]) -> Result<Comparison> {
        let mut found = recorded.catalog().clone();
        let default = found.default_schema.clone().unwrap_or_default();
        let wanted = recorded::wanted(schema, models, &default)?;
        let named = match self.scope(&wanted, DialectName::Postgres)? {
            Scope::All => None,
            Scope::Schemas(named) => Some(named),
            Scope::Default | Scope::Temporary => Some(Vec::new()),
        };
        let is_seen = |name: &TableName| match (&named, &name.schema) {
            (Some(named), Some(schema)) => named.contains(schema),
            _ => true,
        };
        found.tables.retain(|table| is_seen(&table.name));
        found.enums.retain(|kind| is_seen(&kind.name));
        let mut sides = self.sides(found, wanted, schema, models, &Dialect::POSTGRES)?;
        let found = sides.renamed();
        reword(&mut sides.wanted, &found);
        Ok(sides.compared())
    }

    fn sides(
        &self,
        mut found: Catalog,
        mut wanted: Catalog,
        schema: &Schema,
        models: &[ModelId],
        dialect: &'static Dialect,
    ) -> Result<Sides> {
        let default = found.default_schema.clone();
        let is_let_be = |name: &TableName| {
            let is_called = |text: &String| is_called(name, text, default.as_deref());
            let is_own = |table: &TableName| match &table.schema {
                None => name.name == table.name,
                Some(_) => is_called(&table.to_string()),
            };
            self.exclude.iter().any(is_called) || self.version_table.as_ref().is_some_and(is_own)
        };
        found.tables.retain(|table| !is_let_be(&table.name));
        wanted.tables.retain(|table| !is_let_be(&table.name));
        ask_sequences(&mut found, schema, models);
        let own = self.version_table.iter().filter_map(|table| table.schema.clone());
        found.schemas.extend(own);
        let declared = Renames::declared(schema, models);
        spell(&mut found, &wanted, [&self.renames, &declared])?;
        let renames = self.renames.clone().resolved(&declared, &wanted, &found, dialect)?;
        Ok(Sides { found, wanted, renames, dialect })
    }

    fn scope(&self, wanted: &Catalog, database: DialectName) -> Result<Scope> {
        let named: BTreeSet<&String> =
            wanted.tables.iter().filter_map(|table| table.name.schema.as_ref()).collect();
        let named: BTreeSet<&String> = named.into_iter().chain(&wanted.schemas).collect();
        match (database, named.first()) {
            (DialectName::Sqlite, Some(name)) => Err(Error::unsupported(
                format!("the schema `{name}` in migrations on SQLite"),
                "it would be an attached database: leave `schema` out of the models",
            )),
            (DialectName::Sqlite, None) => Ok(Scope::Default),
            (DialectName::Postgres, _) if self.all_schemas => Ok(Scope::All),
            (DialectName::Postgres, None) => Ok(Scope::Default),
            (DialectName::Postgres, Some(_)) => Ok(Scope::Schemas(named.into_iter().cloned().collect())),
        }
    }
}

/// What is compared, called alike.
struct Sides {
    found: Catalog,
    wanted: Catalog,
    renames: Renames,
    dialect: &'static Dialect,
}

impl Sides {
    /// What was found, by the new names.
    fn renamed(&self) -> Catalog {
        let mut found = self.found.clone();
        renamed(&self.renames, &self.found).iter().for_each(|step| found.apply(step, self.dialect));
        found
    }

    fn compared(self) -> Comparison {
        let operations = diff(&self.wanted, &self.found, &self.renames, self.dialect);
        Comparison { found: self.found, wanted: self.wanted, operations }
    }
}

/// Columns whose numbers INSERT asks of a sequence may have a default that asks it as well, as those of `SERIAL` have: it is
/// let be.
fn ask_sequences(found: &mut Catalog, schema: &Schema, models: &[ModelId]) {
    for model in ddl::in_order(schema, models) {
        let Some(at) = found.tables.iter().position(|table| table.name == *model.table()) else { continue };
        let asks = |field: &&Field| matches!(field.default, FieldDefault::Sequence(_));
        for field in model.columns().filter(asks) {
            let table = &mut found.tables[at];
            let Some(column) = table.column_mut(&field.column) else { continue };
            column.default.take_if(|default| default.starts_with("nextval("));
            let is_serial = |numbering: &mut Numbering| numbering.kind == NumberingKind::Serial;
            if column.numbering.take_if(is_serial).is_some() {
                let own = format!("{}_{}_seq", table.name.name, field.column);
                let name = TableName { schema: table.name.schema.clone(), name: own };
                found.sequences.push(NamedSequence { name, options: Vec::new() });
            }
        }
    }
}
