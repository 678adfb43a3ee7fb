//! EXCLUDE as it is declared, and when constraints are checked.

use super::IndexPart;
use crate::query::Expr;

/// When a constraint is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// At each statement.
    #[default]
    Immediate,
    /// `DEFERRABLE`: at each statement, unless the transaction says otherwise.
    Deferrable,
    /// `DEFERRABLE INITIALLY DEFERRED`: at the end of the transaction, unless it says otherwise.
    Deferred,
}

impl Timing {
    /// As SQL says it, with a space before it.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Immediate => "",
            Self::Deferrable => " DEFERRABLE",
            Self::Deferred => " DEFERRABLE INITIALLY DEFERRED",
        }
    }
}

/// EXCLUDE of PostgreSQL: no two rows are alike in all of its parts, each as its operator says.
#[derive(Clone, Debug, PartialEq)]
pub struct Exclude {
    /// Its name; None: `ex_<table>_<columns>`.
    pub name: Option<String>,
    /// The access method, such as `gist`.
    pub method: String,
    /// What is compared, and by which operator. Never empty.
    pub parts: Vec<(IndexPart, String)>,
    /// The rows that it covers; None: all.
    pub condition: Option<Expr>,
    /// When it is checked.
    pub timing: Timing,
}

impl Exclude {
    /// The columns among its parts.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|(part, _)| part.column())
    }

    /// What names are made of: the columns, and `expr` for an expression.
    pub fn words(&self) -> Vec<&str> {
        self.parts.iter().map(|(part, _)| part.column().unwrap_or("expr")).collect()
    }
}
