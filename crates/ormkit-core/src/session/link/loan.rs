//! The connection of the open transaction, for an operation of several steps.

use super::{Link, Seat, State};
use crate::driver::{Batch, NoRows};
use crate::error::{Error, Result};
use crate::pool::Lent;

impl Link {
    /// Takes the connection out of the open transaction, whose BEGIN is sent where it was not. Until
    /// [`give_back`](Self::give_back) the transaction counts as cancelled: if the connection is dropped it stays so.
    ///
    /// # Errors
    /// As [`run`](Self::run); no transaction is open.
    pub async fn take(&mut self) -> Result<Lent> {
        self.check()?;
        if !self.in_transaction() {
            return Err(Error::invalid_request("no transaction is open"));
        }
        if matches!(self.state, State::Open(Seat::Unsent)) || !self.savepoints.unsent().is_empty() {
            self.run(Batch { before: &[], statements: &[] }, &mut NoRows).await?;
        }
        self.take_held()
    }

    /// Gives the connection back. An error of the operation makes the transaction fail.
    ///
    /// # Errors
    /// That of the operation; the operation has ended the transaction.
    pub fn give_back(&mut self, lent: Lent, outcome: Result<()>) -> Result<()> {
        self.settle(lent, outcome, Seat::Gone)
    }
}
