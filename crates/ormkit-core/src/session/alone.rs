//! Statements that the unit of work knows nothing of.

use super::Session;
use crate::driver::{Batch, RowSink, Statement};
use crate::error::Result;
use crate::host::Host;
use crate::query::Select;
use crate::value::Params;

impl<H: Host> Session<H> {
    /// What a query sends.
    ///
    /// # Errors
    /// A column's table is not part of the query, or the dialect lacks a feature.
    pub fn statement(&self, select: &Select) -> Result<Statement> {
        let mut params = Params::new();
        let plan = self.plans.select(&self.schema, select, &mut params)?;
        Ok(plan.with(params))
    }

    /// Flushes where the session does, and runs SQL of the program's own; its rows go to `sink`. With `opens` it opens a
    /// transaction where none is open. What it `writes` makes objects unloaded at a rollback.
    ///
    /// # Errors
    /// Those of the flush and of the database.
    pub async fn run_text(
        &mut self,
        statement: &Statement,
        sink: &mut dyn RowSink,
        opens: bool,
        writes: bool,
    ) -> Result<()> {
        self.autoflush(|_| "SQL of the program".into()).await?;
        if opens && !self.link.in_transaction() {
            self.begin()?;
        }
        self.open_for_read()?;
        if writes {
            self.may_write()?;
            if self.link.in_transaction() {
                self.unit.journal.wrote(None);
            }
        }
        let ran = self.link.run(Batch::of(statement), sink).await;
        ran.map_err(|error| self.schema.explain(error))
    }

    /// Flushes where the session does, and runs a statement that reads; its rows go to `sink` as they are.
    ///
    /// # Errors
    /// Those of the flush and of the database.
    pub async fn run_alone(&mut self, statement: &Statement, sink: &mut dyn RowSink) -> Result<()> {
        self.autoflush(|_| "SQL of the program".into()).await?;
        self.open_for_read()?;
        self.link.run(Batch::of(statement), sink).await
    }
}
