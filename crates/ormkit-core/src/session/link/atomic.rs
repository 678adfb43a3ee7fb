//! Statements that are kept together or not at all, outside of the session's transaction.

use super::{Link, commit_on, lend, roll_back, run_on};
use crate::driver::{Batch, RowSink, Statement};
use crate::error::{ErrorKind, Result};

impl Link {
    /// Runs statements that belong together: inside the open transaction; without one a single statement in autocommit,
    /// several in a transaction of their own, committed when all have succeeded.
    ///
    /// # Errors
    /// Outside of a transaction nothing was kept after an error, and there is nothing to roll back. `OutcomeUnknown`
    /// when the connection was lost during COMMIT.
    ///
    /// # Cancelling
    /// Outside of a transaction the link is unchanged; nothing was kept, except when COMMIT or the single statement was
    /// on its way: then the outcome is not known.
    pub async fn run_atomic(&mut self, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        if self.in_transaction() || batch.statements.len() <= 1 {
            return self.run(batch, sink).await;
        }
        // The connection lives in this future: dropped inside its transaction it goes to the drainer.
        let mut lent = lend(&self.pool, &self.holder).await?;
        let before: Vec<Statement> = std::iter::once(&self.begin).chain(batch.before).cloned().collect();
        let ran = run_on(&mut lent, Batch { before: &before, statements: batch.statements }, sink).await;
        let kept = match ran {
            Ok(()) => commit_on(&mut lent).await,
            Err(error) => Err(error),
        };
        match &kept {
            Err(error) if !matches!(error.kind(), ErrorKind::OutcomeUnknown(_)) => roll_back(lent).await,
            _ => {}
        }
        kept
    }
}
