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
    affected: u64,
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

    /// The result.
    pub(crate) fn into_result(self, border: &Border) -> QueryResult {
        QueryResult::new(self.names, self.types, self.rows, self.affected, border)
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

    fn done(&mut self, _statement: usize, affected: u64) -> Result<()> {
        self.affected = affected;
        Ok(())
    }
}
