//! Indexes as they are declared.

use crate::query::{Expr, Nulls};

/// An index.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Its name; None: `ix_<table>_<columns>`.
    pub name: Option<String>,
    /// What it sorts by. Never empty.
    pub parts: Vec<IndexPart>,
    /// UNIQUE.
    pub unique: bool,
    /// Rows with NULL in the same place are equal (PostgreSQL).
    pub nulls_not_distinct: bool,
    /// The rows that it covers, on PostgreSQL; None: all.
    pub postgres_where: Option<Expr>,
    /// The same on SQLite.
    pub sqlite_where: Option<Expr>,
    /// The access method of PostgreSQL, such as `gin`; None: `btree`. SQLite has no other: an index of another method is
    /// not made there.
    pub method: Option<String>,
    /// Columns that it carries along (PostgreSQL; SQLite's index goes without).
    pub include: Vec<String>,
    /// Storage parameters by name (PostgreSQL; SQLite's index goes without).
    pub storage: Vec<(String, String)>,
}

/// One thing that an index sorts by.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexPart {
    /// What.
    pub term: IndexTerm,
    /// Downwards.
    pub descending: bool,
    /// Where NULLs stand (PostgreSQL; SQLite's index goes without).
    pub nulls: Option<Nulls>,
    /// The operator class of PostgreSQL.
    pub class: Option<String>,
}

/// A column or an expression of an index.
#[derive(Clone, Debug, PartialEq)]
pub enum IndexTerm {
    /// A column's name.
    Column(String),
    /// An expression over the columns of the model.
    Expr(Expr),
}

impl Index {
    /// An index over columns, without options.
    pub fn on<S: Into<String>>(
        name: Option<String>,
        columns: impl IntoIterator<Item = S>,
        unique: bool,
    ) -> Self {
        Self {
            name,
            parts: columns
                .into_iter()
                .map(|column| IndexPart::new(IndexTerm::Column(column.into())))
                .collect(),
            unique,
            nulls_not_distinct: false,
            postgres_where: None,
            sqlite_where: None,
            method: None,
            include: Vec::new(),
            storage: Vec::new(),
        }
    }

    /// The columns among its parts.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(IndexPart::column)
    }

    /// What names are made of: the columns, and `expr` for an expression.
    pub fn words(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.column().unwrap_or("expr")).collect()
    }
}

impl IndexPart {
    /// Upwards, without options.
    pub fn new(term: IndexTerm) -> Self {
        Self { term, descending: false, nulls: None, class: None }
    }

    /// The column that it is; None for an expression.
    pub fn column(&self) -> Option<&str> {
        match &self.term {
            IndexTerm::Column(column) => Some(column),
            IndexTerm::Expr(_) => None,
        }
    }
}
