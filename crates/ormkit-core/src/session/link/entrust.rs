//! A transaction that is entrusted to somebody else for a while: listeners of a flush run statements in it.

use super::course::Courses;
use super::{Link, Pin, State};
use crate::error::{Error, Result};

impl Link {
    /// Moves the open transaction out, for somebody who runs statements in it and gives it back. Until then only its
    /// rollback is possible here; what was moved out and is dropped is rolled back in the background.
    pub(crate) fn entrust(&mut self) -> Self {
        let standin = Self {
            pool: self.pool.clone(),
            state: State::Cancelled,
            savepoints: self.savepoints.clone(),
            holder: self.holder.clone(),
            default_mode: self.default_mode,
            mode: self.mode,
            transactions: self.transactions,
            cursors: self.cursors,
            courses: Courses::default(),
            pin: Pin::None,
            listener: self.listener.clone(),
            told: self.told,
        };
        std::mem::replace(self, standin)
    }

    /// Takes back what [`entrust`](Self::entrust) has moved out.
    ///
    /// # Errors
    /// `InvalidRequest`: the transaction or a savepoint of it was ended, or one was left open. Only the rollback is
    /// possible then.
    pub(crate) fn take_back(&mut self, link: Self) -> Result<()> {
        let same = link.in_transaction()
            && link.transactions == self.transactions
            && link.savepoints.len() == self.savepoints.len();
        if !same {
            return Err(Error::invalid_request(
                "a listener has ended the flush's transaction, or has left a savepoint open in it",
            ));
        }
        *self = link;
        Ok(())
    }
}
