//! A statement as drivers get it: text that is shared and values that are not.

use std::hash::{BuildHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use crate::error::{Error, Result};
use crate::sql::Lacking;
use crate::value::{ParamType, Params, SqlType};

/// What a statement does, as far as a driver has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Reads only, and was compiled by the ORM.
    Read,
    /// Writes. `bounded` when it touches a few rows by key, as a flush of few objects does.
    Write {
        /// True when the work is known to be small.
        bounded: bool,
    },
    /// Begins a transaction.
    Begin {
        /// True when it takes no writes: a driver MUST refuse them.
        read_only: bool,
    },
    /// Begins a transaction that rebuilds tables, on a database that cannot alter them: until its end foreign keys are
    /// neither checked nor acted on, and renaming a table leaves what refers to it alone. A driver MUST bring both back
    /// with the end of the transaction, however it ends.
    BeginRebuild,
    /// Commits: a driver MUST raise [`ErrorKind::CommitRolledBack`](crate::error::ErrorKind) when the server answers
    /// with ROLLBACK.
    Commit,
    /// Rolls back.
    Rollback,
    /// SAVEPOINT, RELEASE, ROLLBACK TO.
    Savepoint,
    /// SQL of the caller's own, or DDL: anything.
    Unknown,
    /// Several statements of the caller's own, without values. Their rows are dropped. A driver MUST run it by itself,
    /// behind whatever comes before it in the batch.
    Script,
}

/// The shared part of a statement: made once per query shape and kept in the plan cache.
#[derive(Debug)]
pub struct StatementText {
    /// The SQL, with the dialect's native placeholders.
    pub sql: String,
    /// One type per placeholder. Empty with placeholders in the text: the server infers all of them.
    pub params: Box<[ParamType]>,
    /// The types of the result's columns where the ORM knows them; None: the driver asks the database and tells the
    /// sink.
    pub columns: Option<Box<[SqlType]>>,
    /// What it does.
    pub effect: Effect,
    /// Every parameter is an array of the same length, one element per row: a database without array parameters runs
    /// the text once per row, with the scalars of that row, and its rows come back as those of one statement.
    pub per_row: bool,
    /// Of a text that runs once per row and returns nothing but the number that the database gives the row: the same
    /// without RETURNING. A driver that learns the number otherwise may run it in its place and answers the same rows.
    pub unreturning: Option<Box<str>>,
    /// A column whose type the dialect lacks: it cannot be sent.
    lacking: Option<Lacking>,
    fingerprint: u64,
}

impl StatementText {
    /// A statement whose parameter and column types are known.
    pub fn new(sql: String, params: Vec<ParamType>, columns: Option<Vec<SqlType>>, effect: Effect) -> Self {
        let mut hasher = FxBuildHasher.build_hasher();
        sql.hash(&mut hasher);
        params.hash(&mut hasher);
        let fingerprint = hasher.finish();
        Self {
            sql,
            params: params.into(),
            columns: columns.map(Into::into),
            effect,
            per_row: false,
            unreturning: None,
            lacking: None,
            fingerprint,
        }
    }

    /// The same, run once per row where arrays cannot be bound.
    #[must_use]
    pub fn per_row(mut self) -> Self {
        self.per_row = true;
        self
    }

    /// The same, with the text that returns nothing.
    #[must_use]
    pub fn unreturning(mut self, sql: String) -> Self {
        self.unreturning = Some(sql.into());
        self
    }

    /// The same, which [`Statement::check`] refuses where a column's type is lacking.
    #[must_use]
    pub(crate) fn lacking(mut self, lacking: Option<Lacking>) -> Self {
        self.lacking = lacking;
        self
    }

    /// A statement without parameters and rows: BEGIN, SAVEPOINT, DDL.
    pub fn command(sql: impl Into<String>, effect: Effect) -> Self {
        Self::new(sql.into(), Vec::new(), Some(Vec::new()), effect)
    }

    /// SQL of the caller's own.
    pub fn raw(sql: impl Into<String>) -> Self {
        Self::new(sql.into(), Vec::new(), None, Effect::Unknown)
    }

    /// A script of the caller's own.
    pub fn script(sql: impl Into<String>) -> Self {
        Self::command(sql, Effect::Script)
    }

    /// True for one that a comment may be added to, at its end: reads and writes, and SQL of the caller's own in which no
    /// comment is yet (as the specification of sqlcommenter asks). What looks like one inside of a literal counts as one.
    pub fn takes_comment(&self) -> bool {
        match self.effect {
            Effect::Read | Effect::Write { .. } => true,
            Effect::Unknown => !self.sql.contains("--") && !self.sql.contains("/*"),
            _ => false,
        }
    }

    /// A hash over text and parameter types, computed once: what a statement cache looks up first. Equal statements
    /// have equal fingerprints; a cache MUST still compare text and types.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

/// Two texts are the same statement when SQL and parameter types are equal.
impl PartialEq for StatementText {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint && self.sql == other.sql && self.params == other.params
    }
}

impl Eq for StatementText {}

impl Hash for StatementText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

/// Rows of a result that is read in pieces, inside a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which result: a number that no other one has which is open in this transaction.
    pub cursor: u32,
    /// The most rows of this piece.
    pub rows: NonZeroU32,
    /// The statement begins: its result is open until its last row is read, until
    /// [`close_cursor`](super::Connection::close_cursor) or the end of the transaction. Otherwise it goes on, and its values
    /// are not looked at.
    pub first: bool,
}

/// A statement with its values.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What is shared with every run of the same shape.
    pub text: Arc<StatementText>,
    /// One value per placeholder.
    pub params: Params,
    /// None: all rows. With a piece, [`RowSink::done`](super::RowSink::done) comes with the last row of all and
    /// [`RowSink::suspended`](super::RowSink::suspended) before.
    pub piece: Option<Piece>,
}

impl Statement {
    /// `text` with `params`.
    pub fn new(text: Arc<StatementText>, params: Params) -> Self {
        Self { text, params, piece: None }
    }

    /// The same, read in pieces.
    #[must_use]
    pub fn in_pieces(self, piece: Piece) -> Self {
        Self { piece: Some(piece), ..self }
    }

    /// Refuses what cannot be sent as a whole; drivers ask before anything else.
    ///
    /// # Errors
    /// `Data`: the values are together too large. `Unsupported`: the dialect lacks what the statement needs.
    pub fn check(&self) -> Result<()> {
        if let Some(lacking) = &self.text.lacking {
            return Err(lacking.error());
        }
        if self.params.is_whole() {
            return Ok(());
        }
        Err(Error::data(
            None,
            "the values of one statement are together over 4 GiB: write fewer rows at once",
        )
        .in_statement(&self.text.sql))
    }

    /// A statement without values.
    pub fn command(sql: impl Into<String>, effect: Effect) -> Self {
        Self::new(Arc::new(StatementText::command(sql, effect)), Params::new())
    }
}
