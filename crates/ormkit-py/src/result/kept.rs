//! The sink that keeps rows as the driver encodes them.
use super::QueryResult;
use crate::convert::Border;
use ormkit_core::driver::{Column, KeptRows, Row, RowSink};
use ormkit_core::error::Result;
use ormkit_core::value::SqlType;

/// Rows of one statement on their way into a [`QueryResult`].
#[derive(Default)]
pub(crate) struct Kept {
    names: Vec<String>,
    types: Vec<SqlType>,
    rows: KeptRows,
    /// Of each statement.
    affected: Vec<u64>,
}

impl Kept {
    /// Rows whose columns are known.
    pub(crate) fn named(names: Vec<String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Rows that were written.
    pub(crate) fn affected(&self) -> u64 {
        self.affected.iter().sum()
    }

    /// The result.
    pub(crate) fn into_result(self, border: &Border) -> QueryResult {
        let affected = self.affected();
        QueryResult::new(self.names, self.types, self.rows, affected, border)
    }
}

impl RowSink for Kept {
    fn columns(&mut self, _statement: usize, columns: &[Column<'_>]) -> Result<()> {
        self.names = columns.iter().map(|column| column.name.to_owned()).collect();
        self.types = columns.iter().map(|column| column.sql_type).collect();
        Ok(())
    }

    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        row.keep(&mut self.rows);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.rows.clear();
    }

    fn done(&mut self, statement: usize, affected: u64) -> Result<()> {
        // a statement that runs again is counted once
        self.affected.truncate(statement);
        self.affected.push(affected);
        Ok(())
    }
}
