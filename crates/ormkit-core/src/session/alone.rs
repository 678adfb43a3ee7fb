//! Statements that the unit of work knows nothing of.

use super::Session;
use crate::driver::{Batch, RowSink, Statement};
use crate::error::Result;
use crate::host::Host;
use crate::query::Select;
use crate::sql::Dialect;
use crate::value::Params;

impl<H: Host> Session<H> {
    /// How its database spells SQL.
    pub fn dialect(&self) -> &'static Dialect {
        self.link.dialect()
    }

    /// What a query sends.
    ///
    /// # Errors
    /// A column's table is not part of the query, or the dialect lacks a feature.
    pub fn statement(&self, select: &Select) -> Result<Statement> {
        let mut params = Params::new();
        let plan = self.plans.select(&self.schema, select, &mut params)?;
        Ok(plan.with(params))
    }

    /// Flushes where the session does, and runs a statement that reads; its rows go to `sink` as they are.
    ///
    /// # Errors
    /// Those of the flush and of the database.
    pub async fn run_alone(&mut self, statement: &Statement, sink: &mut dyn RowSink) -> Result<()> {
        self.autoflush().await?;
        self.open_for_read()?;
        self.link.run(Batch::of(statement), sink).await
    }
}
