//! What differs between the databases, as data.

use super::{words, writer};

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DialectName {
    /// PostgreSQL 12 and later.
    Postgres,
    /// SQLite 3.35 and later.
    Sqlite,
}

impl DialectName {
    /// `"postgresql"` or `"sqlite"`: the public word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Sqlite => "sqlite",
        }
    }
}

/// How a bound value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `$1`, `$2` …
    Numbered,
    /// `?`
    Question,
}

/// How a database spells SQL.
///
/// The two are constants; a statement is compiled for one of them and never asks which it is by name where a field
/// of this table says it.
#[derive(Debug)]
pub struct Dialect {
    /// Which database this is.
    pub name: DialectName,
    /// How a bound value is written.
    pub placeholder: Placeholder,
    /// Null-safe inequality.
    pub distinct_from: &'static str,
    /// Null-safe equality.
    pub not_distinct_from: &'static str,
    /// Starts a transaction that will write.
    pub begin: &'static str,
    /// Arrays can be bound: `= ANY($1)` and `unnest`; without them `json_each(?)`.
    pub arrays: bool,
    /// The most parameters of one statement.
    pub max_params: usize,
    /// Words that are quoted when they are names; sorted, in lower case.
    pub reserved: &'static [&'static str],
    /// Matches a LIKE pattern and tells cases apart.
    pub like: &'static str,
    /// Matches a LIKE pattern whatever the case, with [`escape`](Self::escape) behind it.
    pub ilike: &'static str,
    /// What follows the pattern of [`ilike`](Self::ilike) so that a backslash takes the next character literally.
    pub escape: &'static str,
    /// OFFSET may not stand without LIMIT: what stands for "no limit".
    pub no_limit: Option<&'static str>,
    /// NULL sorts behind all values upwards, where ORDER BY does not say it.
    pub nulls_greatest: bool,
    /// `SELECT .. FOR UPDATE` and its like; a database without locks whole transactions anyway.
    pub row_locks: bool,
    /// Enums are types of their own; elsewhere a CHECK.
    pub native_enums: bool,
    /// A constraint can be added to a table that exists.
    pub adds_constraints: bool,
    /// COMMENT ON.
    pub comments: bool,
    /// RETURNING answers what triggers have made of a row.
    pub returns_triggered: bool,
    /// Indexes are of several kinds: `USING gin`.
    pub index_methods: bool,
}

impl Dialect {
    /// A name as SQL has it: in quotes when it would otherwise be read as something else.
    pub fn quoted(&self, name: &str) -> String {
        let mut text = String::new();
        writer::push_name(&mut text, name, self);
        text
    }

    /// PostgreSQL.
    pub const POSTGRES: Self = Self {
        name: DialectName::Postgres,
        placeholder: Placeholder::Numbered,
        distinct_from: " IS DISTINCT FROM ",
        not_distinct_from: " IS NOT DISTINCT FROM ",
        begin: "BEGIN",
        arrays: true,
        max_params: 65_535,
        reserved: words::POSTGRES,
        like: " LIKE ",
        ilike: " ILIKE ",
        escape: "",
        no_limit: None,
        nulls_greatest: true,
        row_locks: true,
        native_enums: true,
        adds_constraints: true,
        comments: true,
        returns_triggered: true,
        index_methods: true,
    };

    /// SQLite.
    pub const SQLITE: Self = Self {
        name: DialectName::Sqlite,
        placeholder: Placeholder::Question,
        distinct_from: " IS NOT ",
        not_distinct_from: " IS ",
        begin: "BEGIN IMMEDIATE",
        arrays: false,
        max_params: 32_766,
        reserved: words::SQLITE,
        like: " GLOB ",
        ilike: " LIKE ",
        escape: " ESCAPE '\\'",
        no_limit: Some("-1"),
        nulls_greatest: false,
        row_locks: false,
        native_enums: false,
        adds_constraints: false,
        comments: false,
        returns_triggered: false,
        index_methods: false,
    };
}
