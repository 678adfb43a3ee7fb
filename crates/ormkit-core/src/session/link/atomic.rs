//! Statements that are kept together or not at all, outside of the session's transaction.

use super::{Link, State, commit_on, lend, roll_back, run_on};
use crate::driver::{Batch, Health, RowSink, Statement};
use crate::error::{Error, ErrorKind, Result};
use crate::pool::Lent;

impl Link {
    /// Runs statements that belong together: inside the open transaction; without one a single statement in autocommit,
    /// several in a transaction of their own, committed when all have succeeded.
    ///
    /// # Errors
    /// Outside of a transaction nothing was kept after an error, and there is nothing to roll back. `OutcomeUnknown`
    /// when the connection was lost during COMMIT or the single statement: that waits for a rollback.
    ///
    /// # Cancelling
    /// Outside of a transaction it leaves the link to be rolled back: nothing was kept, except when COMMIT or the single
    /// statement was on its way. Then the outcome is not known.
    pub async fn run_atomic(&mut self, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        if self.in_transaction() {
            return self.run(batch, sink).await;
        }
        self.check()?;
        if self.is_heard() {
            return Box::pin(self.run_told(batch, sink)).await;
        }
        let mut lent = lend(&self.pool, &self.holder, &mut self.pin).await?;
        let kept = if batch.statements.len() <= 1 {
            self.state = State::OutcomeUnknown;
            let ran = run_on(&mut lent, batch, sink).await;
            let ran = ran.map_err(|error| known_or_not(error, &lent));
            self.put_back(lent);
            ran
        } else {
            self.run_and_commit(lent, batch, sink).await
        };
        let unknown = kept.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::OutcomeUnknown(_)));
        self.state = if unknown { State::OutcomeUnknown } else { State::Idle };
        kept
    }

    async fn run_and_commit(
        &mut self,
        mut lent: Lent,
        batch: Batch<'_>,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        self.state = State::Cancelled;
        let before: Vec<Statement> =
            std::iter::once(self.begin_statement()).chain(batch.before.iter().cloned()).collect();
        let ran = run_on(&mut lent, Batch { before: &before, statements: batch.statements }, sink).await;
        let kept = match ran {
            Ok(()) => {
                self.state = State::OutcomeUnknown;
                commit_on(&mut lent).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &kept
            && !matches!(error.kind(), ErrorKind::OutcomeUnknown(_))
        {
            lent = roll_back(lent).await;
        }
        self.put_back(lent);
        kept
    }
}

/// The error of a statement in autocommit: when the connection went with it, nobody knows whether it was done.
fn known_or_not(error: Error, lent: &Lent) -> Error {
    match lent.health() {
        Health::Dirty | Health::Closed if !matches!(error.kind(), ErrorKind::Database(_)) => {
            Error::new(ErrorKind::OutcomeUnknown(format!(
                "the connection was lost during the statement, and whether it was done is not known: {error}"
            )))
        }
        _ => error,
    }
}
