//! Names of what steps make, before PostgreSQL cuts them.

use super::{Operation, Part, Table};
use crate::error::Result;
use crate::model::TableName;
use crate::sql::Dialect;
use crate::sql::ddl::{fits, table_fits};

impl Operation {
    /// Refuses to make what the database would call otherwise.
    ///
    /// # Errors
    /// `InvalidRequest` with the name and its length.
    pub(super) fn check_names(&self, dialect: &Dialect) -> Result<()> {
        let is = |what: &'static str| move || what.to_owned();
        match self {
            Self::CreateSchema(name) => fits(name, is("a schema"), dialect),
            Self::CreateEnum(kind) => fits(&kind.name.name, is("an enum"), dialect),
            Self::RenameEnum { to, .. } => fits(to, is("an enum"), dialect),
            Self::CreateSequence(sequence) => fits(&sequence.name.name, is("a sequence"), dialect),
            Self::CreateTable(table) => all_of(table, dialect),
            Self::RenameTable { to, .. } => fits(to, is("a table"), dialect),
            Self::RenameColumn { table, to, .. } => fits(to, of("a column", table), dialect),
            Self::Add { table, part } => part_fits(table, part, dialect),
            _ => Ok(()),
        }
    }
}

fn all_of(table: &Table, dialect: &Dialect) -> Result<()> {
    let name = &table.name;
    table_fits(name, dialect)?;
    let columns = table.columns.iter().cloned().map(Part::Column);
    let uniques = table.uniques.iter().cloned().map(Part::Unique);
    let checks = table.checks.iter().cloned().map(Part::Check);
    let keys = table.foreign_keys.iter().cloned().map(Part::ForeignKey);
    let exclusions = table.exclusions.iter().cloned().map(Part::Exclusion);
    let key = table.primary_key.iter().cloned().map(Part::PrimaryKey);
    let mut parts = columns.chain(uniques).chain(checks).chain(keys).chain(exclusions).chain(key);
    parts.try_for_each(|part| part_fits(name, &part, dialect))
}

fn part_fits(table: &TableName, part: &Part, dialect: &Dialect) -> Result<()> {
    let name = match part {
        Part::Column(column) => Some(&column.name),
        Part::PrimaryKey(key) => key.name.as_ref(),
        Part::Unique(unique) => unique.name.as_ref(),
        Part::Check(check) => check.name.as_ref(),
        Part::ForeignKey(key) => key.name.as_ref(),
        Part::Exclusion(exclusion) => Some(&exclusion.name),
        Part::Index(index) => Some(&index.name),
    };
    name.map_or(Ok(()), |name| fits(name, of(part.kind(), table), dialect))
}

fn of(what: &'static str, table: &TableName) -> impl FnOnce() -> String {
    move || format!("{what} of table `{table}`")
}
