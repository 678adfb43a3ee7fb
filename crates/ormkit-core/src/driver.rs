//! What core asks of a database driver.

mod copy;
mod introspect;
mod kept;
mod notice;
mod statement;

pub use copy::{BulkCopy, Cell, CopyColumn, CopyStatement, CopyWay};
pub use introspect::{Introspect, Scope};
pub use kept::{Decoder, KeptRows};
pub use notice::{NoNotices, NoticeLevel, NoticeSink};
pub use statement::{Effect, Piece, Statement, StatementText};

use crate::error::{Error, Result};
use crate::runtime::{Aborter, BoxFuture};
use crate::sql::Dialect;
use crate::value::{SqlType, ValueRef};

/// Opens connections to one database.
pub trait Driver: Send + Sync + 'static {
    /// Opens a connection, ready for use. Dropping the future closes what it has opened so far.
    fn connect(&self) -> BoxFuture<'static, Result<Box<dyn Connection>>>;

    /// How this database spells SQL.
    fn dialect(&self) -> &'static Dialect;

    /// What reads the schema of this database; None where nobody can.
    fn introspector(&self) -> Option<&'static dyn Introspect> {
        None
    }

    /// What the names of savepoints begin with.
    fn savepoint_prefix(&self) -> std::sync::Arc<str> {
        "ormkit_".into()
    }
}

/// Statements for one flight.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// BEGIN and SAVEPOINT: not counted, their replies are not shown to the sink. When one of them fails nothing
    /// behind it is executed.
    pub before: &'a [Statement],
    /// The statements whose rows go to the sink, numbered from 0.
    pub statements: &'a [Statement],
}

impl<'a> Batch<'a> {
    /// One statement.
    pub fn of(statement: &'a Statement) -> Self {
        Self { before: &[], statements: std::slice::from_ref(statement) }
    }
}

/// One connection: everything it knows of the protocol lives in it and never in a future, which is what makes a dropped
/// future survivable.
pub trait Connection: Send {
    /// Runs all statements, in one flight where the protocol can; rows go to `sink` as they arrive.
    ///
    /// Creating the future does nothing. It MUST make the connection [`Health::Dirty`] before its first await and keep
    /// it so until the last reply is read: whoever drops the future finds a connection known to be dirty. After an
    /// error of the sink it MUST read the remaining replies and then return that error. The first failing statement
    /// ends the batch; the rest is not executed.
    fn run<'a>(&'a mut self, batch: Batch<'a>, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<()>>;

    /// Where the connection stands; no IO.
    fn health(&self) -> Health;

    /// A setting that the server reports by itself (`server_version`, `TimeZone`, `in_hot_standby`), as it last said it; None
    /// for others, and for databases that report none. No IO.
    fn reported_setting(&self, _name: &str) -> Option<&str> {
        None
    }

    /// False when SQL of the caller's own may have left something in the session that the next borrower would meet: a
    /// setting, a lock, a temporary table. [`reset`](Self::reset) undoes it. No IO.
    fn is_pristine(&self) -> bool {
        true
    }

    /// Makes an idle connection pristine. After an error it is to be dropped.
    fn reset(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// Closes a result that is read in [pieces](Piece), with the next statement. A number that is not open does no harm.
    fn close_cursor(&mut self, _cursor: u32) {}

    /// What statements say of whoever sends them, until the next call: an SQL comment, `/*route='%2F'*/`, for those that
    /// [take one](StatementText::takes_comment). A database that shows nobody what it runs needs none. A driver MUST NOT keep a
    /// prepared statement for each comment. No IO.
    fn set_comment(&mut self, _comment: Option<std::sync::Arc<str>>) {}

    /// Makes the session as it is now its pristine state, until the next [`reset`](Self::reset). No IO.
    fn keep_session(&mut self) {}

    /// The server's process that serves the connection, where the database has one. No IO.
    fn backend_pid(&self) -> Option<u32> {
        None
    }

    /// Makes the connection [`Health::Idle`]: cancels what runs if it takes long, reads what is left, rolls back.
    /// After an error the connection is to be dropped.
    fn clean(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Looks at an idle connection before it is lent, without waiting: false when the peer has closed it or has sent
    /// something unasked. Such a connection is dropped.
    fn check(&mut self) -> bool;

    /// Asks the database for a sign of life: one round trip that changes nothing. As for [`run`](Self::run), dropping
    /// the future leaves the connection [`Health::Dirty`]. For databases that cannot go away it does nothing.
    fn ping(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// Moves bulk data over this connection.
    ///
    /// # Errors
    /// `Unsupported` on a database that has no COPY.
    fn bulk_copy(&mut self) -> Result<&mut dyn BulkCopy> {
        Err(Error::unsupported("COPY on this database", "insert rows, or read them by a query"))
    }

    /// What ends the connection under its borrower, who gets `ConnectionLost`. None where that cannot be done.
    fn aborter(&self) -> Option<Aborter> {
        None
    }

    /// A handle that can stop what runs; taken when the connection is lent, because `run` holds it exclusively.
    fn canceller(&self) -> Box<dyn Cancel>;
}

/// Stops what a connection is running.
pub trait Cancel: Send + Sync {
    /// Asks the database to stop the running statement, and waits a bounded time until it was told. The statement may
    /// have ended before: then nothing happens, and never to the next one.
    fn cancel(&self) -> BoxFuture<'static, Result<()>>;
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Ready, outside a transaction.
    Idle,
    /// Ready, inside a transaction.
    InTransaction,
    /// Inside a transaction that has failed: takes only ROLLBACK.
    Failed,
    /// Replies are outstanding.
    Dirty,
    /// Of no more use.
    Closed,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Column<'a> {
    /// Its name in the result.
    pub name: &'a str,
    /// Its type, as far as the driver knows it.
    pub sql_type: SqlType,
}

/// Where rows go.
pub trait RowSink: Send {
    /// The columns of `statement`, before its first row. Only called for statements whose text does not fix its
    /// columns (see [`StatementText::columns`]).
    fn columns(&mut self, _statement: usize, _columns: &[Column<'_>]) -> Result<()> {
        Ok(())
    }

    /// A row, straight from the receive buffer.
    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()>;

    /// The rows of `statement` come again from the first (a read on SQLite that ran over its budget).
    fn restart(&mut self, statement: usize);

    /// The piece of `statement` is complete, and there may be more rows.
    fn suspended(&mut self, _statement: usize) {}

    /// `statement` is complete; `affected` rows were read or written.
    fn done(&mut self, _statement: usize, _affected: u64) -> Result<()> {
        Ok(())
    }
}

/// The sink of statements that return nothing of interest. Rows are dropped.
#[derive(Debug, Default)]
pub struct NoRows;

impl RowSink for NoRows {
    fn row(&mut self, _statement: usize, _row: &Row<'_>) -> Result<()> {
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {}
}

/// A row whose cells are decoded when they are asked for.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    cells: &'a dyn Cells,
}

impl<'a> Row<'a> {
    /// A view on a driver's cells.
    pub fn new(cells: &'a dyn Cells) -> Self {
        Self { cells }
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// True without cells.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decodes the cell at `index`, from 0.
    ///
    /// # Errors
    /// The value is not of the column's type, or there is no such cell.
    pub fn cell(&self, index: usize) -> Result<ValueRef<'a>> {
        self.cells.cell(index)
    }

    /// Appends the row, still encoded, to `rows`.
    pub fn keep(&self, rows: &mut KeptRows) {
        rows.push(self.cells);
    }
}

/// A driver's row.
pub trait Cells {
    /// Number of cells.
    fn len(&self) -> usize;

    /// True without cells.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decodes one cell. It MUST answer an error, never panic, for an index past the end.
    fn cell(&self, index: usize) -> Result<ValueRef<'_>>;

    /// Appends the row in a form that [`decoder`](Self::decoder) reads.
    fn encode(&self, into: &mut Vec<u8>);

    /// What reads rows written by [`encode`](Self::encode). One per result: asked for once.
    fn decoder(&self) -> std::sync::Arc<dyn Decoder>;
}
