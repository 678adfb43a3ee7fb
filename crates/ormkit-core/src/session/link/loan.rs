//! The connection of the open transaction, for an operation of several steps.

use super::{Link, Seat, State};
use crate::driver::{Batch, NoRows};
use crate::error::{Error, Result};
use crate::pool::Lent;

impl Link {
    /// Takes the connection out of the open transaction, whose BEGIN is sent where it was not. Until
    /// [`give_back`](Self::give_back) the link takes a rollback only, which leaves the connection to whoever has it: dropped,
    /// it goes to the drainer.
    ///
    /// # Errors
    /// As [`run`](Self::run); no transaction is open.
    pub async fn take(&mut self) -> Result<Lent> {
        self.check()?;
        if !self.in_transaction() {
            return Err(Error::invalid_request("no transaction is open"));
        }
        if matches!(self.state, State::Open(Seat::Unsent)) && !self.told && self.is_heard() {
            Box::pin(self.tell_begun()).await?;
        }
        if matches!(self.state, State::Open(Seat::Unsent)) || !self.savepoints.unsent().is_empty() {
            self.run(Batch { before: &[], statements: &[] }, &mut NoRows).await?;
        }
        let lent = self.take_held()?;
        self.state = State::Away;
        Ok(lent)
    }

    /// Gives the connection back. An error of the operation makes the transaction fail.
    ///
    /// # Errors
    /// That of the operation; it has ended the transaction, or the transaction was rolled back meanwhile.
    pub fn give_back(&mut self, lent: Lent, outcome: Result<()>) -> Result<()> {
        if matches!(self.state, State::Away) {
            return self.settle(lent, outcome, Seat::Gone);
        }
        drop(lent);
        outcome.and(Err(Error::invalid_request("the transaction was rolled back meanwhile")))
    }
}
