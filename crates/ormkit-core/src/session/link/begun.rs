//! Telling a listener that a transaction has begun, before anything else is sent in it.

use std::sync::Arc;

use super::{Link, Savepoints};
use crate::driver::{Batch, RowSink};
use crate::error::{Error, Result};
use crate::session::SessionListener;

impl Link {
    /// Who hears of the transactions that are begun from now on.
    pub(crate) fn set_listener(&mut self, listener: Arc<dyn SessionListener>) {
        self.listener = Some(listener);
    }

    /// True where somebody wants to hear of transactions.
    pub(crate) fn is_heard(&self) -> bool {
        self.listener.as_ref().is_some_and(|listener| listener.hears_begin())
    }

    /// Tells of the transaction that is open, where nobody has been told.
    ///
    /// # Errors
    /// Those of the listener: the transaction has failed.
    pub(super) async fn tell_begun(&mut self) -> Result<()> {
        self.told = true;
        let Some(listener) = self.listener.clone() else { return Ok(()) };
        // Savepoints come behind: what the listener does is of the whole transaction.
        let savepoints = self.savepoints.clone();
        let mut link = self.entrust();
        link.savepoints = Savepoints::default();
        let (link, outcome) = listener.begun(link).await;
        let returned = match link {
            Some(mut link) if link.savepoints.len() == 0 => {
                link.savepoints = savepoints;
                self.take_back(link)
            }
            Some(_) => Err(Error::invalid_request("a listener of after_begin has left a savepoint open")),
            None => Err(Error::invalid_request("a listener of after_begin has kept its connection")),
        };
        let told = outcome.and(returned);
        if let Err(error) = &told {
            self.fail(error);
        }
        told
    }

    /// Runs statements outside of the session's transaction in one of their own, of which the listener hears.
    ///
    /// # Errors
    /// As [`run_atomic`](Self::run_atomic).
    pub(super) async fn run_told(&mut self, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        self.begin()?;
        let ran = match Box::pin(self.run(batch, sink)).await {
            Ok(()) => self.commit().await,
            Err(error) => Err(error),
        };
        if ran.is_err() && !self.outcome_unknown() {
            self.rollback().await;
        }
        ran
    }
}
