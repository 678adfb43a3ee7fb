//! Savepoints of the open transaction.

use super::savepoints::Mark;
use super::watched::Watched;
use super::{End, Link, Seat, State, run_command, run_on};
use crate::driver::{Batch, Health, NoRows, RowSink, Statement};
use crate::error::{Error, Result};
use crate::pool::Lent;
use crate::sql::DialectName;

impl Link {
    /// Begins a savepoint, and a transaction where none is open. SAVEPOINT travels with the next statement. Answers the
    /// number of the savepoint, which no other one of the link gets.
    ///
    /// # Errors
    /// The transaction has failed.
    pub fn savepoint(&mut self) -> Result<u64> {
        self.check()?;
        if !self.in_transaction() {
            self.begin()?;
        }
        Ok(self.savepoints.push(&self.pool.savepoint_prefix()))
    }

    /// True while the savepoint of this number is open.
    pub fn has_savepoint(&self, number: u64) -> bool {
        self.savepoints.contains(number)
    }

    /// Ends the innermost savepoint: what was done in it belongs to what is around it. RELEASE travels with the next
    /// statement; before COMMIT it is not needed.
    ///
    /// # Errors
    /// The transaction has failed; no savepoint is open.
    pub fn release(&mut self) -> Result<()> {
        self.check()?;
        if !self.savepoints.release() {
            return Err(no_savepoint());
        }
        self.courses.rise(self.savepoints.len());
        Ok(())
    }

    /// Undoes the innermost savepoint. A transaction that failed inside it is open again.
    ///
    /// After a cancelled operation, or when the connection was lost, only the whole transaction can be rolled back: the
    /// savepoint ends then and nothing is sent.
    ///
    /// # Errors
    /// No savepoint is open; the database refuses, and the transaction has failed.
    pub async fn rollback_savepoint(&mut self) -> Result<()> {
        let mark = self.savepoints.pop().ok_or_else(no_savepoint)?;
        self.courses.end(self.savepoints.len() + 1, End::Savepoint);
        match std::mem::replace(&mut self.state, State::Cancelled) {
            State::Open(Seat::Unsent) | State::Failed { seat: Seat::Unsent, .. } => {
                self.state = State::Open(Seat::Unsent);
                Ok(())
            }
            State::Open(Seat::Held(lent)) | State::Failed { seat: Seat::Held(lent), .. } => {
                self.roll_back_to(mark, lent).await
            }
            other => {
                self.state = other;
                Ok(())
            }
        }
    }

    async fn roll_back_to(&mut self, mark: Mark, mut lent: Lent) -> Result<()> {
        let Mark::Sent(savepoint) = mark else {
            // Nothing was sent since: the transaction is where it was.
            return self.settle(lent, Ok(()), Seat::Gone);
        };
        let undone = run_command(&mut lent, &savepoint.rollback).await;
        self.settle(lent, undone, Seat::Gone)?;
        self.savepoints.release_later(&savepoint);
        Ok(())
    }

    /// How many savepoints are open.
    pub(crate) fn open_savepoints(&self) -> usize {
        self.savepoints.len()
    }

    /// Runs commands for savepoints that somebody else keeps count of. Of a failed transaction they bring back what it was
    /// before, as [`rollback_savepoint`](Self::rollback_savepoint) does.
    ///
    /// # Errors
    /// The database refuses; the transaction has no connection.
    pub(crate) async fn run_savepoint(&mut self, batch: Batch<'_>) -> Result<()> {
        let State::Failed { seat: Seat::Held(_), .. } = &self.state else {
            return self.run(batch, &mut NoRows).await;
        };
        let State::Failed { seat: Seat::Held(lent), .. } =
            std::mem::replace(&mut self.state, State::Cancelled)
        else {
            return Ok(());
        };
        self.run_inside(lent, batch, &mut NoRows).await
    }

    /// Runs statements behind SAVEPOINT and RELEASE commands that have not been sent.
    ///
    /// After an error it has to be known whether the savepoint exists. PostgreSQL fails the transaction on whatever it
    /// was sent, so an error in an intact transaction comes from before the sending or from the sink. SQLite leaves it
    /// intact, so there the commands go alone, which costs no round trip.
    pub(super) async fn run_after_savepoints(
        &mut self,
        mut lent: Lent,
        batch: Batch<'_>,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        if self.pool.dialect().name == DialectName::Sqlite {
            let commands = Batch { before: &[], statements: self.savepoints.unsent() };
            if let Err(error) = run_on(&mut lent, commands, &mut NoRows).await {
                return self.settle(lent, Err(error), Seat::Gone);
            }
            self.savepoints.sent();
            return self.run_inside(lent, batch, sink).await;
        }
        let before: Vec<Statement> = self.savepoints.unsent().iter().chain(batch.before).cloned().collect();
        let mut watched = Watched::new(sink);
        let ran =
            run_on(&mut lent, Batch { before: &before, statements: batch.statements }, &mut watched).await;
        if ran.is_ok() || watched.saw_something() || lent.health() == Health::Failed {
            self.savepoints.sent();
        }
        self.settle(lent, ran, Seat::Gone)
    }
}

fn no_savepoint() -> Error {
    Error::invalid_request("no savepoint is open")
}
