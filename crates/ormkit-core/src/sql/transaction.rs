//! How a transaction begins: its isolation and what it may do (SQL:2016, part 2, section 17.3; PostgreSQL manual, BEGIN).

use std::fmt;

use super::dialect::{Dialect, DialectName};
use crate::driver::{Effect, Statement};
use crate::error::{Error, Result};

/// What a transaction sees of others that run beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// As read committed, on PostgreSQL.
    ReadUncommitted,
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// All statements see what was committed before the first.
    RepeatableRead,
    /// As if transactions ran one after another.
    Serializable,
}

impl Isolation {
    const ALL: [Self; 4] =
        [Self::ReadUncommitted, Self::ReadCommitted, Self::RepeatableRead, Self::Serializable];

    /// Reads a level's name: in any case, with spaces, underscores or hyphens.
    ///
    /// # Errors
    /// `InvalidRequest` that lists the levels.
    pub fn parse(name: &str) -> Result<Self> {
        let plain = name.trim().to_ascii_uppercase().replace(['_', '-'], " ");
        if let Some(level) = Self::ALL.into_iter().find(|level| level.to_string() == plain) {
            return Ok(level);
        }
        let levels = Self::ALL.map(|level| format!("{:?}", level.to_string().to_ascii_lowercase()));
        let hint = match plain.as_str() {
            "AUTOCOMMIT" => "; what runs outside of a transaction commits by itself: begin none",
            _ => "",
        };
        Err(Error::invalid_request(format!(
            "unknown isolation level {name:?}: {} are known{hint}",
            levels.join(", ")
        )))
    }
}

/// The words of SQL.
impl fmt::Display for Isolation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::ReadUncommitted => "READ UNCOMMITTED",
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        })
    }
}

/// How a transaction runs. The default is the database's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionMode {
    /// What it sees of others; None: the database's default. SQLite's transactions are serializable, whatever is asked.
    pub isolation: Option<Isolation>,
    /// It takes no writes. On SQLite it holds up no writer and sees what was committed before its first statement.
    pub read_only: bool,
    /// A serializable transaction that only reads waits until no conflict can make it fail.
    pub deferrable: bool,
    /// It rebuilds tables: see [`Effect::BeginRebuild`]. PostgreSQL alters them, and begins a plain transaction.
    pub rebuilds: bool,
}

impl TransactionMode {
    /// Checks what goes together.
    ///
    /// # Errors
    /// `InvalidRequest`: `deferrable` means something for serializable transactions that only read, and for no other.
    pub fn checked(self) -> Result<Self> {
        let waits = self.read_only && self.isolation == Some(Isolation::Serializable);
        if self.rebuilds && self.read_only {
            return Err(Error::invalid_request("a transaction that rebuilds tables writes"));
        }
        if self.deferrable && !waits {
            return Err(Error::invalid_request(
                "deferrable=True is for transactions with isolation=\"serializable\" and read_only=True",
            ));
        }
        Ok(self)
    }

    /// The statement that begins such a transaction.
    pub fn begin(self, dialect: &Dialect) -> Statement {
        let mut sql = match (dialect.name, self.read_only) {
            // Deferred: it takes no lock that a writer needs.
            (DialectName::Sqlite, true) => "BEGIN".to_owned(),
            _ => dialect.begin.to_owned(),
        };
        if dialect.name == DialectName::Postgres {
            if let Some(isolation) = self.isolation {
                sql.push_str(&format!(" ISOLATION LEVEL {isolation}"));
            }
            sql.push_str(if self.read_only { " READ ONLY" } else { "" });
            sql.push_str(if self.deferrable { " DEFERRABLE" } else { "" });
        }
        let effect = match (dialect.name, self.rebuilds) {
            (DialectName::Sqlite, true) => Effect::BeginRebuild,
            _ => Effect::Begin { read_only: self.read_only },
        };
        Statement::command(sql, effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(mode: TransactionMode, dialect: &Dialect) -> String {
        mode.begin(dialect).text.sql.clone()
    }

    #[test]
    fn modes_are_written_in_the_words_of_the_dialect() {
        let plain = TransactionMode::default();
        let all = TransactionMode {
            isolation: Some(Isolation::Serializable),
            read_only: true,
            deferrable: true,
            ..plain
        };
        let level = TransactionMode { isolation: Some(Isolation::RepeatableRead), ..plain };
        assert_eq!(begin(plain, &Dialect::POSTGRES), "BEGIN");
        assert_eq!(begin(level, &Dialect::POSTGRES), "BEGIN ISOLATION LEVEL REPEATABLE READ");
        assert_eq!(begin(all, &Dialect::POSTGRES), "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE");
        assert_eq!(begin(plain, &Dialect::SQLITE), "BEGIN IMMEDIATE");
        assert_eq!(begin(level, &Dialect::SQLITE), "BEGIN IMMEDIATE");
        assert_eq!(begin(all, &Dialect::SQLITE), "BEGIN");
    }

    #[test]
    fn levels_are_read_in_every_spelling_and_nothing_else_is() {
        for name in ["serializable", "SERIALIZABLE", " Serializable "] {
            assert_eq!(Isolation::parse(name).unwrap(), Isolation::Serializable);
        }
        for name in ["read committed", "READ_COMMITTED", "Read-Committed"] {
            assert_eq!(Isolation::parse(name).unwrap(), Isolation::ReadCommitted);
        }
        for name in ["", "snapshot", "READ COMMITTED; DROP TABLE x"] {
            let error = Isolation::parse(name).unwrap_err().to_string();
            assert!(error.contains("\"repeatable read\""), "{error}");
        }
        assert!(Isolation::parse("AUTOCOMMIT").unwrap_err().to_string().contains("begin none"));
    }

    #[test]
    fn deferrable_alone_is_refused() {
        let mode = TransactionMode { deferrable: true, ..TransactionMode::default() };
        assert!(mode.checked().is_err());
        let mode = TransactionMode { read_only: true, isolation: Some(Isolation::Serializable), ..mode };
        assert_eq!(mode.checked().unwrap(), mode);
    }
}
