//! Revisions from Python: their graph, a run of them, the statements of their operations.
//!
//! `ormkit.migrations` loads the files and calls their functions; what a function does comes here as plain dicts.

mod baseline;
mod convention;
mod graph;
mod run;
mod spec;
mod steps;

use ormkit_core::migrate::{Direction, VersionTable};
use ormkit_core::model::TableName;
use ormkit_core::schema::alembic::file_name;
use ormkit_core::sql::DialectName;
use ormkit_core::sql::scan::statements;
use pyo3::prelude::*;
use pyo3::types::PyDict;

pub(crate) use self::baseline::render_baseline;
pub(crate) use self::graph::RevisionGraph;
pub(crate) use self::run::MigrationRun;
use crate::dialect::dialect_of;
use crate::session::raise;

/// True when PostgreSQL changes a column from one type to the other without writing its table anew.
#[pyfunction]
pub(crate) fn keeps_stored_form(from: &str, to: &str) -> bool {
    ormkit_core::schema::keeps_stored_form(from, to)
}

/// The statements of an operation, without semicolons.
///
/// Raises:
///     NotSupportedError: On SQLite only a rebuild of the table does it.
#[pyfunction]
pub(crate) fn schema_statements(dialect: &str, operation: &Bound<'_, PyDict>) -> PyResult<Vec<String>> {
    let dialect = dialect_of(dialect)?;
    steps::statements(&spec::parse(operation)?, dialect).map_err(raise)
}

/// The name of a revision's file, without `.py`.
///
/// Raises:
///     InterfaceError: A part of the template that is not known.
#[pyfunction]
pub(crate) fn revision_file_name(
    template: &str,
    revision: &str,
    message: &str,
    longest: usize,
    date: [u32; 6],
    epoch: i64,
) -> PyResult<String> {
    file_name(template, revision, message, longest, date, epoch).map_err(raise)
}

/// How many statements there are in SQL.
#[pyfunction]
#[pyo3(signature = (sql, *, dialect))]
pub(crate) fn count_statements(sql: &str, dialect: &str) -> PyResult<usize> {
    let dialect = dialect_of(dialect)?;
    Ok(statements(sql, dialect.name == DialectName::Sqlite).len())
}

/// The statements that make a version table, and its schema, and those that do moves of its rows.
#[pyfunction]
#[pyo3(signature = (dialect, table, schema, primary_key, moves))]
pub(crate) fn version_statements(
    dialect: &str,
    table: String,
    schema: Option<String>,
    primary_key: bool,
    moves: Vec<graph::Moved>,
) -> PyResult<(Vec<String>, Vec<String>)> {
    let dialect = dialect_of(dialect)?;
    let table = VersionTable { name: TableName { schema, name: table }, primary_key };
    let moved = moves.into_iter().map(|step| graph::to_move(step).sql(&table.name, dialect));
    let made = table.create_schema(dialect).into_iter().chain([table.create(dialect)]);
    Ok((made.collect(), moved.collect()))
}

/// The statements that undo what a revision for PostgreSQL has SET, where a script cannot ask how it was.
#[pyfunction]
pub(crate) fn reset_statements() -> Vec<&'static str> {
    ormkit_core::migrate::RESET.to_vec()
}

fn direction(up: bool) -> Direction {
    if up { Direction::Up } else { Direction::Down }
}
