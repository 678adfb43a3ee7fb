//! A connection of rusqlite, and the statements on it that are half read.
#![allow(unsafe_code)] // the one line that says that both may go to another thread together

use std::cell::RefCell;

use ormkit_core::driver::Piece;
use ormkit_core::error::Error;
use rusqlite::{Connection, Statement};
use self_cell::self_cell;

use crate::aside::Aside;
use crate::handle::Failure;

type HalfRead<'c> = RefCell<Vec<(u32, Reading<'c>)>>;

/// Where the rest of a result is read from.
enum Reading<'c> {
    /// The statement that began it.
    Here(Statement<'c>),
    /// Rows that no write reaches.
    Aside(Aside),
}

impl Reading<'_> {
    fn with<T>(&mut self, read: impl FnOnce(&mut Statement<'_>) -> T) -> T {
        match self {
            Self::Here(statement) => read(statement),
            Self::Aside(aside) => aside.with(read),
        }
    }

    fn put_aside(self) -> rusqlite::Result<Self> {
        match self {
            Self::Here(mut statement) => Aside::rest_of(&mut statement).map(Self::Aside),
            aside @ Self::Aside(_) => Ok(aside),
        }
    }
}

self_cell!(
    struct Both {
        owner: Connection,
        #[not_covariant]
        dependent: HalfRead,
    }
);

/// The connection, with the statements that [`Piece`]s are read from.
pub(crate) struct Seat(Both);

// SAFETY: a `Connection` may be sent to another thread. A `Statement` may not, because it refers to one that another
// thread could be using; these refer to the connection that they are sent with, or to one of their own that goes along,
// and nothing else refers to it.
unsafe impl Send for Seat {}

impl Seat {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(Both::new(connection, |_| HalfRead::default()))
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.0.borrow_owner()
    }

    /// Reads a piece: `begin` binds the values of a new statement, `read` steps it and says whether there may be more.
    ///
    /// # Errors
    /// Those of the two; `InvalidRequest` for a cursor that is not open. Its statement is gone then.
    pub(crate) fn read_piece<T>(
        &self,
        piece: Piece,
        sql: &str,
        refuse: impl Fn(rusqlite::Error) -> Failure,
        begin: impl FnOnce(&mut Statement<'_>) -> Result<(), Failure>,
        read: impl FnOnce(&mut Statement<'_>) -> Result<(T, bool), Failure>,
    ) -> Result<T, Failure> {
        self.0.with_dependent(|connection, half_read| {
            let mut half_read = half_read.borrow_mut();
            let place = half_read.iter().position(|(cursor, _)| *cursor == piece.cursor);
            let mut reading = match (piece.first, place) {
                (true, _) => {
                    let mut statement = connection.prepare(sql).map_err(&refuse)?;
                    begin(&mut statement)?;
                    if !statement.readonly() {
                        put_aside(&mut half_read).map_err(refuse)?;
                    }
                    Reading::Here(statement)
                }
                (false, Some(place)) => half_read.swap_remove(place).1,
                (false, None) => {
                    let text = "there is nothing more to read: the transaction of the result has ended";
                    return Err(Error::invalid_request(text).into());
                }
            };
            let (answer, more) = reading.with(read)?;
            if more {
                half_read.push((piece.cursor, reading));
            }
            Ok(answer)
        })
    }

    /// True when the next write has to put rows aside first.
    pub(crate) fn reads_here(&self) -> bool {
        self.0.with_dependent(|_, half_read| {
            half_read.borrow().iter().any(|(_, reading)| matches!(reading, Reading::Here(_)))
        })
    }

    /// Reads what is half read to its end, so that a write changes nothing of it.
    ///
    /// # Errors
    /// Those of the reading, or of the place where the rows go. All that was half read is given up then.
    pub(crate) fn put_aside(&self) -> rusqlite::Result<()> {
        self.0.with_dependent(|_, half_read| put_aside(&mut half_read.borrow_mut()))
    }

    /// Gives up a statement.
    pub(crate) fn close(&self, cursor: u32) {
        self.0.with_dependent(|_, half_read| half_read.borrow_mut().retain(|(known, _)| *known != cursor));
    }

    /// Gives up all of them: their transaction ends.
    pub(crate) fn close_all(&self) {
        self.0.with_dependent(|_, half_read| half_read.borrow_mut().clear());
    }
}

fn put_aside(half_read: &mut Vec<(u32, Reading<'_>)>) -> rusqlite::Result<()> {
    let kept: rusqlite::Result<_> =
        half_read.drain(..).map(|(cursor, reading)| Ok((cursor, reading.put_aside()?))).collect();
    *half_read = kept?;
    Ok(())
}
