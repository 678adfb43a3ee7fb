//! Tables as SQLAlchemy's metadata has them.

use super::parts::{check, column, exclusion, foreign_key, index, primary_key, unique};
use super::steps::options;
use super::types::Enums;
use crate::error::{Error, Result};
use crate::schema::python::{Call, string};
use crate::schema::{Catalog, Table};
use crate::sql::{Dialect, DialectName};

/// Python that adds the tables of `catalog` to `metadata`, beside `sa`, `postgresql`, and `op` for `op.f`.
///
/// # Errors
/// `Unsupported`: SQLAlchemy has no word for a type or an option.
pub fn metadata(catalog: &Catalog, dialect: &'static Dialect) -> Result<String> {
    let tables = catalog.tables.iter().map(|one| match dialect.name {
        DialectName::Postgres => table(one, catalog, dialect),
        DialectName::Sqlite => table(&as_reflected(one), catalog, dialect),
    });
    Ok(tables.collect::<Result<Vec<String>>>()?.join("\n"))
}

/// As SQLAlchemy reads it from SQLite: the number of a row may be NULL, indexes have no order.
fn as_reflected(table: &Table) -> Table {
    let mut table = table.clone();
    if let Some([alone]) = table.primary_key.as_ref().map(|key| key.columns.clone()).as_deref() {
        let numbers = table.columns.iter_mut().filter(|column| column.name == *alone);
        numbers.filter(|column| column.data_type == "INTEGER").for_each(|column| column.nullable = true);
    }
    let parts = table.indexes.iter_mut().flat_map(|index| &mut index.parts);
    parts.filter(|part| part.term.column().is_some()).for_each(|part| part.descending = false);
    table
}

fn table(table: &Table, catalog: &Catalog, dialect: &'static Dialect) -> Result<String> {
    let said = |text: Option<String>, what: &str| {
        let feature = || format!("{what} of `{}` in SQLAlchemy's metadata", table.name);
        text.ok_or_else(|| Error::unsupported(feature(), "write this table for Alembic by hand"))
    };
    let mut call = Call::new("sa.Table").with(string(&table.name.name)).with("metadata");
    for one in &table.columns {
        call = call.with(said(column(table, one, Enums::own(&catalog.enums), dialect), &one.name)?);
    }
    if let Some(key) = &table.primary_key {
        call = call.with(said(primary_key(key), "the primary key")?);
    }
    for one in &table.uniques {
        call = call.with(said(unique(one), "a UNIQUE")?);
    }
    for one in &table.checks {
        call = call.with(said(check(one), "a CHECK")?);
    }
    for key in &table.foreign_keys {
        call = call.with(said(foreign_key(key, table, catalog), "a FOREIGN KEY")?);
    }
    for one in &table.exclusions {
        call = call.with(said(exclusion(one), "an EXCLUDE")?);
    }
    for one in &table.indexes {
        let named = Call::new("add_index").with(string(&one.name));
        call = call.with(said(index(named, one, dialect).map(|call| call.written()), "an index")?);
    }
    call = call.maybe("schema", table.name.schema.as_deref()).maybe("comment", table.comment.as_deref());
    Ok(options(call, table).written())
}
