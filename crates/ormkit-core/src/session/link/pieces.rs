//! Results that are read in pieces, so that they need not fit into memory.

use std::num::NonZeroU32;

use super::{Link, Seat, State};
use crate::driver::{Batch, Column, Piece, Row, RowSink, Statement};
use crate::error::{Error, Result};

/// A result that is read in pieces, inside of one transaction. On PostgreSQL it shows what was there when it began; on
/// SQLite rows that the same transaction writes meanwhile may come or not.
///
/// Dropped before its last row, it stays open on the server until the transaction ends: [`Link::close_pieces`].
pub struct Pieces {
    statement: Statement,
    piece: Piece,
    transaction: u64,
    ended: bool,
}

impl Pieces {
    /// True when the last row has been read, or reading has failed.
    pub fn is_ended(&self) -> bool {
        self.ended
    }
}

impl Link {
    /// A result that will be read `rows` rows at a time, inside the open transaction. Nothing is sent yet.
    ///
    /// # Errors
    /// No transaction is open, or it has failed.
    pub fn pieces(&mut self, statement: Statement, rows: NonZeroU32) -> Result<Pieces> {
        self.check()?;
        if !self.in_transaction() {
            return Err(Error::invalid_request("a result that is read in pieces needs a transaction"));
        }
        self.cursors = self.cursors.wrapping_add(1);
        let piece = Piece { cursor: self.cursors, rows, first: true };
        Ok(Pieces { statement, piece, transaction: self.transactions, ended: false })
    }

    /// Reads the next rows. Other statements of the transaction may run in between.
    ///
    /// # Errors
    /// As [`run`](Self::run). `InvalidRequest` when the transaction has ended meanwhile: nothing is sent then.
    ///
    /// # Cancelling
    /// As [`run`](Self::run): the transaction can only be rolled back.
    pub async fn read_piece(&mut self, pieces: &mut Pieces, sink: &mut dyn RowSink) -> Result<()> {
        if pieces.ended {
            return Ok(());
        }
        pieces.ended = true;
        if !self.in_transaction() || self.transactions != pieces.transaction {
            return Err(Error::invalid_request(
                "the transaction of the result has ended: read it to its end before",
            ));
        }
        let statement = pieces.statement.clone().in_pieces(pieces.piece);
        let mut watch = Suspension { sink, suspended: false };
        self.run(Batch::of(&statement), &mut watch).await?;
        if watch.suspended {
            pieces.ended = false;
            if pieces.piece.first {
                pieces.piece.first = false;
                // They are bound now, and may be large.
                pieces.statement.params.clear();
            }
        }
        Ok(())
    }

    /// Gives up a result before its last row: the database lets go of it with the next statement.
    pub fn close_pieces(&mut self, pieces: &mut Pieces) {
        let open = !std::mem::replace(&mut pieces.ended, true) && !pieces.piece.first;
        if let State::Open(Seat::Held(lent)) = &mut self.state
            && open
            && self.transactions == pieces.transaction
        {
            lent.close_cursor(pieces.piece.cursor);
        }
    }
}

/// A sink that tells whether there may be more.
struct Suspension<'a> {
    sink: &'a mut dyn RowSink,
    suspended: bool,
}

impl RowSink for Suspension<'_> {
    fn columns(&mut self, statement: usize, columns: &[Column<'_>]) -> Result<()> {
        self.sink.columns(statement, columns)
    }

    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        self.sink.row(statement, row)
    }

    fn restart(&mut self, statement: usize) {
        self.suspended = false;
        self.sink.restart(statement);
    }

    fn suspended(&mut self, statement: usize) {
        self.suspended = true;
        self.sink.suspended(statement);
    }

    fn done(&mut self, statement: usize, affected: u64) -> Result<()> {
        self.sink.done(statement, affected)
    }
}
