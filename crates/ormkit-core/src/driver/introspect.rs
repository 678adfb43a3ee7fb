//! What core asks of a driver that knows the catalog of its database.

use super::{KeptRows, Statement};
use crate::error::Result;
use crate::schema::Catalog;

/// What a driver knows of its database's catalog.
pub trait Introspect: Send + Sync {
    /// The queries that tell everything in `scope`. They MUST be as many for every database.
    ///
    /// # Errors
    /// `Unsupported`: the database has no such scope.
    fn queries(&self, scope: &Scope) -> Result<Vec<Statement>>;

    /// What their rows say; one list for each query.
    ///
    /// # Errors
    /// `Protocol`: the rows are not those of the queries, or a definition in them cannot be read.
    fn read(&self, answers: &[KeptRows]) -> Result<Catalog>;

    /// What a script of CREATE statements makes in an empty database, where that can be told without one.
    ///
    /// # Errors
    /// A statement cannot be read.
    fn foresee(&self, _script: &[String]) -> Result<Option<Catalog>> {
        Ok(None)
    }
}

/// Which part of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The default schema: the first one of `search_path` that exists; on SQLite the main database.
    #[default]
    Default,
    /// The default schema and these.
    Schemas(Vec<String>),
    /// All schemas that are not the server's own.
    All,
    /// The temporary tables of the connection.
    Temporary,
}
