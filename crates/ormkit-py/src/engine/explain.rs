//! `explain`: how the database would run a statement.

use std::sync::Arc;

use ormkit_core::driver::{Batch, Row, RowSink, Statement, StatementText};
use ormkit_core::error::{Error, Result};
use ormkit_core::session::Link;
use ormkit_core::sql::{Dialect, DialectName};
use ormkit_core::value::{Params, ValueRef};
use pyo3::prelude::*;
use pyo3::types::PyString;
use rustc_hash::FxHashMap;

use super::pinned::open_transaction;
use super::{Connection, Engine, params};
use crate::bridge::Operation;
use crate::errors::to_py;
use crate::session::raise;

#[pymethods]
impl Engine {
    /// How the database would run a statement: PostgreSQL's EXPLAIN, SQLite's EXPLAIN QUERY PLAN.
    ///
    /// Args:
    ///     sql, params: As for `execute`.
    ///     analyze: Run it, too, for times and numbers of rows, and undo what it wrote (sequences stay where they are).
    ///
    /// Returns:
    ///     The plan as text, a line for each step.
    ///
    /// Raises:
    ///     NotSupportedError: `analyze` on SQLite.
    #[pyo3(signature = (sql, params = None, *, analyze = false))]
    fn explain(
        &self,
        py: Python<'_>,
        sql: &Bound<'_, PyString>,
        params: Option<&Bound<'_, PyAny>>,
        analyze: bool,
    ) -> PyResult<Py<Operation>> {
        let handle = self.handle();
        let (text, params) = params::bind(params::sql(sql)?, params, handle.border())?;
        let statement =
            explain(&text, params, analyze, handle.dialect()).map_err(|error| to_py(py, error))?;
        Operation::start(py, "ConnectionPool.explain", async move {
            let mut link = Link::new(Python::attach(|py| handle.pool(py))?);
            let mut plan = Plan::default();
            if analyze {
                link.begin().map_err(raise)?;
            }
            let ran = link.run(Batch::of(&statement), &mut plan).await;
            link.rollback().await;
            ran.map_err(|error| handle.explained(error))?;
            Ok(plan.into_text())
        })
    }
}

#[pymethods]
impl Connection {
    /// How the database would run a statement: PostgreSQL's EXPLAIN, SQLite's EXPLAIN QUERY PLAN. A transaction is begun
    /// where none is open.
    ///
    /// Args:
    ///     statement, params: As for `execute`.
    ///     analyze: Run it, too, for times and numbers of rows, inside a savepoint that is rolled back (sequences stay where they
    ///         are).
    ///
    /// Returns:
    ///     The plan as text, a line for each step.
    ///
    /// Raises:
    ///     NotSupportedError: `analyze` on SQLite.
    #[pyo3(signature = (statement, params = None, *, analyze = false))]
    fn explain(
        &self,
        py: Python<'_>,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
        analyze: bool,
    ) -> PyResult<Py<Operation>> {
        let (text, params) = self.read(statement, params)?;
        let link = Arc::clone(self.link());
        let dialect = link.engine().dialect();
        let statement = explain(&text, params, analyze, dialect).map_err(|error| to_py(py, error))?;
        Operation::start(py, "Connection.explain", async move {
            let mut core = Python::attach(|py| link.lease(py))?;
            core.check().map_err(raise)?;
            open_transaction(&mut core)?;
            let mut plan = Plan::default();
            if analyze {
                core.savepoint().map_err(raise)?;
            }
            let ran = core.run(Batch::of(&statement), &mut plan).await;
            let undone = if analyze { core.rollback_savepoint().await } else { Ok(()) };
            ran.and(undone).map_err(|error| link.engine().explained(error))?;
            Ok(plan.into_text())
        })
    }
}

/// The statement that asks for the plan of another.
///
/// # Errors
/// `Unsupported` where a plan cannot be had with times.
pub(crate) fn explain(
    text: &StatementText,
    params: Params,
    analyze: bool,
    dialect: &Dialect,
) -> Result<Statement> {
    let words = match (dialect.name, analyze) {
        // In parentheses: without them a text that begins with ANALYZE would be run.
        (DialectName::Postgres, false) => "EXPLAIN (ANALYZE FALSE) ",
        (DialectName::Postgres, true) => "EXPLAIN (ANALYZE TRUE) ",
        (DialectName::Sqlite, false) => "EXPLAIN QUERY PLAN ",
        (DialectName::Sqlite, true) => {
            return Err(Error::unsupported("explain(analyze=True) on SQLite", "its plans have no times"));
        }
    };
    Ok(Statement::new(StatementText::raw(format!("{words}{}", text.sql)).into(), params))
}

/// The lines of a plan.
#[derive(Default)]
pub(crate) struct Plan {
    lines: Vec<String>,
    /// How deep the steps of SQLite's plan lie.
    depths: FxHashMap<i64, usize>,
}

impl Plan {
    /// The plan as one text, a line for each step.
    pub(crate) fn into_text(self) -> String {
        self.lines.join("\n")
    }
}

impl RowSink for Plan {
    /// PostgreSQL: a line. SQLite: number, number of the step above, one that is not used, and what is done.
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        let line = match row.len() {
            4 => {
                let (ValueRef::Int(number), ValueRef::Int(above)) = (row.cell(0)?, row.cell(1)?) else {
                    return Err(Error::protocol("a plan of SQLite without its numbers"));
                };
                let depth = self.depths.get(&above).map_or(0, |depth| depth + 1);
                self.depths.insert(number, depth);
                format!("{}{}", "  ".repeat(depth), text(row.cell(3)?)?)
            }
            _ => text(row.cell(0)?)?,
        };
        self.lines.push(line);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        *self = Self::default();
    }
}

fn text(cell: ValueRef<'_>) -> Result<String> {
    match cell {
        ValueRef::Text(line) => Ok(line.to_owned()),
        other => Err(Error::protocol(format!("a plan of {}", other.type_name()))),
    }
}
