//! What a database says of an error.

use std::fmt;

/// Five characters that class an error (SQL:2016 part 2, section 24; PostgreSQL appendix A).
///
/// SQLite's result codes are mapped to the nearest SQLSTATE, so that both databases are asked the same way.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// `23505`: a row with the same key exists.
    pub const UNIQUE_VIOLATION: Self = Self(*b"23505");
    /// `23503`: the row referred to does not exist, or is still referred to.
    pub const FOREIGN_KEY_VIOLATION: Self = Self(*b"23503");
    /// `23502`: NULL in a NOT NULL column.
    pub const NOT_NULL_VIOLATION: Self = Self(*b"23502");
    /// `23514`: a CHECK constraint is false.
    pub const CHECK_VIOLATION: Self = Self(*b"23514");
    /// `23P01`: an exclusion constraint of PostgreSQL.
    pub const EXCLUSION_VIOLATION: Self = Self(*b"23P01");
    /// `2BP01`: other objects depend on it.
    pub const DEPENDENT_OBJECTS: Self = Self(*b"2BP01");
    /// `0A000`: the server cannot do it.
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// `42601`: the statement cannot be parsed.
    pub const SYNTAX_ERROR: Self = Self(*b"42601");
    /// `42P01`: no such table.
    pub const UNDEFINED_TABLE: Self = Self(*b"42P01");
    /// `42703`: no such column.
    pub const UNDEFINED_COLUMN: Self = Self(*b"42703");
    /// `40001`: the transaction can be tried again.
    pub const SERIALIZATION_FAILURE: Self = Self(*b"40001");
    /// `40P01`: a deadlock was broken by ending this transaction.
    pub const DEADLOCK_DETECTED: Self = Self(*b"40P01");
    /// `55P03`: a lock is held by another.
    pub const LOCK_NOT_AVAILABLE: Self = Self(*b"55P03");
    /// `57014`: cancelled by request or timeout.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// `25P02`: the transaction has failed and takes only ROLLBACK.
    pub const IN_FAILED_TRANSACTION: Self = Self(*b"25P02");
    /// `28P01`: wrong password.
    pub const INVALID_PASSWORD: Self = Self(*b"28P01");

    /// From five bytes. Anything but ASCII digits and capital letters answers None.
    pub fn new(code: &[u8]) -> Option<Self> {
        let code: [u8; 5] = code.try_into().ok()?;
        code.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()).then_some(Self(code))
    }

    /// The five characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }

    /// The class: the first two characters.
    pub fn class(&self) -> &str {
        &self.as_str()[..2]
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlState({self})")
    }
}

/// The fields of a database error (PostgreSQL protocol section 55.8). Empty where the database says nothing.
///
/// `detail` and `where_` may quote values of rows: they are kept for the caller but are not part of `Display`.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// The SQLSTATE (`C`).
    pub sqlstate: SqlState,
    /// ERROR, FATAL or PANIC, never translated (`V`).
    pub severity: String,
    /// The primary message (`M`).
    pub message: String,
    /// More about the problem (`D`).
    pub detail: Option<String>,
    /// What to do about it (`H`).
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1 (`P`).
    pub position: Option<u32>,
    /// Where in an internally generated statement (`p`).
    pub internal_position: Option<u32>,
    /// The internally generated statement (`q`).
    pub internal_query: Option<String>,
    /// The call stack of the server's procedural languages (`W`).
    pub where_: Option<String>,
    /// Schema of the object (`s`).
    pub schema: Option<String>,
    /// Table of the object (`t`).
    pub table: Option<String>,
    /// Columns of the constraint or the error (`c`; several where the constraint is resolved).
    pub columns: Vec<String>,
    /// Data type (`d`).
    pub data_type: Option<String>,
    /// Name of the violated constraint (`n`).
    pub constraint: Option<String>,
    /// Source file of the server (`F`).
    pub file: Option<String>,
    /// Source line of the server (`L`).
    pub line: Option<u32>,
    /// Source routine of the server (`R`).
    pub routine: Option<String>,
}

impl Diagnostics {
    /// Diagnostics with only a state and a message.
    pub fn new(sqlstate: SqlState, message: impl Into<String>) -> Self {
        Self {
            sqlstate,
            severity: "ERROR".into(),
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            internal_position: None,
            internal_query: None,
            where_: None,
            schema: None,
            table: None,
            columns: Vec::new(),
            data_type: None,
            constraint: None,
            file: None,
            line: None,
            routine: None,
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)
    }
}
