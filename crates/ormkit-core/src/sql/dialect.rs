//! What differs between the databases, as data.

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
}

impl Dialect {
    /// PostgreSQL.
    pub const POSTGRES: Self = Self {
        name: DialectName::Postgres,
        placeholder: Placeholder::Numbered,
        distinct_from: " IS DISTINCT FROM ",
        not_distinct_from: " IS NOT DISTINCT FROM ",
        begin: "BEGIN",
        arrays: true,
        max_params: 65_535,
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
    };
}
