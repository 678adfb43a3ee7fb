//! Names that PostgreSQL would cut without a word, so that two of them may come to the same.

use super::ForeignKeyDef;
use super::declared_indexes;
use crate::error::{Error, Result};
use crate::model::{ColumnType, Constraint, FieldDefault, Model, TableName};
use crate::sql::quote::LONGEST_NAME;
use crate::sql::{Dialect, DialectName};

/// Refuses a name that the database would cut; `what` says whose it is.
///
/// # Errors
/// `InvalidRequest` with the name and its length.
pub(crate) fn fits(name: &str, what: impl FnOnce() -> String, dialect: &Dialect) -> Result<()> {
    if name.len() <= LONGEST_NAME || dialect.name != DialectName::Postgres {
        return Ok(());
    }
    Err(Error::invalid_request(format!(
        "the name `{name}` of {} has {} bytes, and PostgreSQL cuts names behind {LONGEST_NAME}: give it a shorter one",
        what(),
        name.len()
    )))
}

/// Refuses a table's name, or that of its schema.
pub(crate) fn table_fits(table: &TableName, dialect: &Dialect) -> Result<()> {
    fits(&table.name, || "a table".into(), dialect)?;
    table.schema.iter().try_for_each(|schema| fits(schema, || "a schema".into(), dialect))
}

/// Refuses what a model calls by a name that the database would cut. Names that are made for it are short enough.
pub(super) fn model_fits(model: &Model, dialect: &Dialect) -> Result<()> {
    let of = |what: &str| format!("{what} of table `{}`", model.table());
    table_fits(model.table(), dialect)?;
    for field in model.columns() {
        fits(&field.column, || of("a column"), dialect)?;
        let names = [(&field.names.unique, "a UNIQUE"), (&field.names.index, "an index")];
        for (name, what) in names.iter().filter_map(|(name, what)| name.as_ref().zip(Some(*what))) {
            fits(name, || of(what), dialect)?;
        }
        if let ColumnType::Enum(kind) = &field.column_type {
            fits(&kind.name, || "an enum".into(), dialect)?;
        }
        if let FieldDefault::Sequence(sequence) = &field.default {
            fits(&sequence.name.name, || "a sequence".into(), dialect)?;
        }
    }
    for constraint in &model.def.constraints {
        let name = match constraint {
            Constraint::Unique { name, .. } | Constraint::Check { name, .. } => name.as_ref(),
            Constraint::PrimaryKey { name } => Some(name),
            Constraint::Exclude(exclude) => exclude.name.as_ref(),
            Constraint::ForeignKey { .. } => None,
        };
        name.map_or(Ok(()), |name| fits(name, || of("a constraint"), dialect))?;
    }
    for key in ForeignKeyDef::all(&model.def) {
        fits(&key.name, || of("a foreign key"), dialect)?;
    }
    for name in declared_indexes(model, dialect).iter().filter_map(|index| index.name.as_ref()) {
        fits(name, || of("an index"), dialect)?;
    }
    Ok(())
}
