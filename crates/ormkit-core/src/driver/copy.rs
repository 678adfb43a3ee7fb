//! Bulk data in and out of a database, block by block: PostgreSQL's COPY.

use std::sync::Arc;

use super::{RowSink, StatementText};
use crate::error::Result;
use crate::runtime::BoxFuture;
use crate::value::{ParamType, ValueRef};

/// Which way the data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyWay {
    /// Into the database.
    In,
    /// Out of it.
    Out,
}

/// A checked statement that moves data. A driver's own functions make it.
#[derive(Clone, Debug)]
pub struct CopyStatement {
    /// The SQL.
    pub text: Arc<StatementText>,
    /// Which way the data goes.
    pub way: CopyWay,
    /// A query with the columns of the rows, where rows are encoded and decoded here; None: bytes as they are.
    pub rows: Option<String>,
}

/// A column of the rows that are moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyColumn {
    /// Its name.
    pub name: Box<str>,
    /// Its type; an element of `Unknown` is written as text.
    pub param: ParamType,
}

/// Shows the value of a column, by its index, to a sink: once.
pub type Cell<'a> = dyn FnMut(usize, &mut dyn FnMut(ValueRef<'_>) -> Result<()>) -> Result<()> + 'a;

/// Moves bulk data over a connection, which is [`Health::Dirty`](super::Health::Dirty) from `begin` until
/// [`finish`](Self::finish) or [`give_up`](Self::give_up) is done.
///
/// Every future here may be dropped: [`clean`](super::Connection::clean) ends what was begun. Everything that is known of
/// it lies in the connection.
pub trait BulkCopy: Send {
    /// Begins: the types of the columns are asked for, and the statement is sent.
    ///
    /// # Errors
    /// The database's; `Unsupported` for a column whose type has no binary form here. Nothing has begun then.
    fn begin<'a>(&'a mut self, statement: &'a CopyStatement) -> BoxFuture<'a, Result<()>>;

    /// The columns of the rows, once begun; none where bytes are moved as they are.
    fn columns(&self) -> &[CopyColumn];

    /// Appends a row to what is to be sent.
    ///
    /// # Errors
    /// `Data` with the column's name; an error of `cell`. Nothing of the row is kept then.
    fn push_row(&mut self, cell: &mut Cell<'_>) -> Result<()>;

    /// Appends bytes to what is to be sent, in the format that the statement says.
    ///
    /// # Errors
    /// More than one message takes (1 GiB).
    fn push_bytes(&mut self, bytes: &[u8]) -> Result<()>;

    /// How much is to be sent, in bytes: callers send at some ten thousands.
    fn buffered(&self) -> usize;

    /// Sends it, at the pace at which the database takes it.
    ///
    /// # Errors
    /// What the database said meanwhile: the copy is over.
    fn send(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Waits for data: true when there is some, false at the end.
    ///
    /// # Errors
    /// What the database said: the copy is over.
    fn receive(&mut self) -> BoxFuture<'_, Result<bool>>;

    /// Shows the bytes that have come and forgets them.
    ///
    /// # Errors
    /// That of `show`.
    fn take_bytes(&mut self, show: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;

    /// Shows the rows that have come whole, as those of statement 0, and forgets them.
    ///
    /// # Errors
    /// That of `sink`; `Protocol` for bytes that are no rows.
    fn take_rows(&mut self, sink: &mut dyn RowSink) -> Result<()>;

    /// Ends the data and answers how many rows were moved.
    ///
    /// # Errors
    /// What the database says of it.
    fn finish(&mut self) -> BoxFuture<'_, Result<u64>>;

    /// Ends without the rest of the data: what goes in is undone, the rest of what comes out is read and dropped.
    ///
    /// # Errors
    /// The connection broke.
    fn give_up(&mut self) -> BoxFuture<'_, Result<()>>;
}
