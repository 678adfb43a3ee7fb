//! `execute_many`: one statement for each set of values, in one flight.

use std::sync::Arc;

use ormkit_core::driver::{Batch, Column, KeptRows, Row, RowSink, Statement};
use ormkit_core::error::Result;
use ormkit_core::session::Link;
use ormkit_core::value::SqlType;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::pinned::open_transaction;
use super::{Connection, Engine, params};
use crate::bridge::Operation;
use crate::convert::Border;
use crate::result::QueryResult;
use crate::session::raise;

#[pymethods]
impl Engine {
    /// Run one statement for each set of values, in one transaction: all or nothing.
    ///
    /// Args:
    ///     sql: As for `execute`.
    ///     params: Lists, tuples or dicts, one for each run; none at all runs nothing.
    ///     returning: Answer the rows of all runs (of RETURNING, say), in the order of `params`.
    ///
    /// Returns:
    ///     The number of rows that were touched, of all runs together; with `returning` a `QueryResult`.
    #[pyo3(signature = (sql, params, *, returning = false))]
    fn execute_many(
        &self,
        py: Python<'_>,
        sql: &Bound<'_, PyString>,
        params: &Bound<'_, PyAny>,
        returning: bool,
    ) -> PyResult<Py<Operation>> {
        let handle = self.handle();
        let statements = statements(params::sql(sql)?, params, handle.border())?;
        Operation::start(py, "ConnectionPool.execute_many", async move {
            let mut rows = Rows::new(returning);
            if !statements.is_empty() {
                let mut link = Link::new(Python::attach(|py| handle.pool(py))?);
                let ran = link.run_atomic(Batch { before: &[], statements: &statements }, &mut rows).await;
                ran.map_err(|error| handle.explained(error))?;
            }
            rows.into_answer(handle.border())
        })
    }
}

#[pymethods]
impl Connection {
    /// Run one statement for each set of values; a transaction is begun where none is open. An error makes it fail.
    ///
    /// Args:
    ///     sql: SQL as for `execute`.
    ///     params: Lists, tuples or dicts, one for each run; none at all runs nothing.
    ///     returning: Answer the rows of all runs (of RETURNING, say), in the order of `params`.
    ///
    /// Returns:
    ///     The number of rows that were touched, of all runs together; with `returning` a `QueryResult`.
    #[pyo3(signature = (sql, params, *, returning = false))]
    fn execute_many(
        &self,
        py: Python<'_>,
        sql: &Bound<'_, PyString>,
        params: &Bound<'_, PyAny>,
        returning: bool,
    ) -> PyResult<Py<Operation>> {
        let link = Arc::clone(self.link());
        let statements = statements(params::sql(sql)?, params, link.engine().border())?;
        Operation::start(py, "Connection.execute_many", async move {
            let mut core = Python::attach(|py| link.lease(py))?;
            core.check().map_err(raise)?;
            let mut rows = Rows::new(returning);
            if !statements.is_empty() {
                open_transaction(&mut core)?;
                let ran = core.run(Batch { before: &[], statements: &statements }, &mut rows).await;
                ran.map_err(|error| link.engine().explained(error))?;
            }
            rows.into_answer(link.engine().border())
        })
    }
}

fn statements(sql: &str, params: &Bound<'_, PyAny>, border: &Border) -> PyResult<Vec<Statement>> {
    let mut sql = params::Repeated::new(sql, border);
    let mut statements = Vec::new();
    for values in params.try_iter()? {
        let (text, values) = sql.bind(&values?)?;
        statements.push(Statement::new(text, values));
    }
    Ok(statements)
}

/// The rows of all runs, in order, or their number alone.
#[derive(Default)]
struct Rows {
    kept: Option<KeptRows>,
    names: Vec<String>,
    types: Vec<SqlType>,
    /// How many rows there were when each run began.
    starts: Vec<usize>,
    /// What each run has touched.
    affected: Vec<u64>,
}

impl Rows {
    fn new(keeps: bool) -> Self {
        Self { kept: keeps.then(KeptRows::new), ..Self::default() }
    }

    fn into_answer(self, border: &Border) -> PyResult<Py<PyAny>> {
        let Self { kept, names, types, affected, .. } = self;
        let affected: u64 = affected.iter().sum();
        Python::attach(|py| match kept {
            Some(rows) => Ok(Py::new(py, QueryResult::new(names, types, rows, affected, border))?.into_any()),
            None => Ok(affected.into_pyobject(py)?.into_any().unbind()),
        })
    }
}

impl RowSink for Rows {
    fn columns(&mut self, _statement: usize, columns: &[Column<'_>]) -> Result<()> {
        if self.names.is_empty() {
            self.names = columns.iter().map(|column| column.name.to_owned()).collect();
            self.types = columns.iter().map(|column| column.sql_type).collect();
        }
        Ok(())
    }

    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        if let Some(kept) = &mut self.kept {
            // Runs without rows begin where the next one does.
            while self.starts.len() <= statement {
                self.starts.push(kept.len());
            }
            row.keep(kept);
        }
        Ok(())
    }

    fn restart(&mut self, statement: usize) {
        if let (Some(kept), Some(start)) = (&mut self.kept, self.starts.get(statement)) {
            kept.truncate(*start);
            self.starts.truncate(statement);
        }
        self.affected.truncate(statement);
    }

    fn done(&mut self, statement: usize, affected: u64) -> Result<()> {
        self.affected.resize(statement, 0);
        self.affected.push(affected);
        Ok(())
    }
}
