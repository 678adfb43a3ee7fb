//! ORDER BY.

use super::Expr;

/// Where NULLs stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Nulls {
    /// Before all values.
    First,
    /// After all values.
    Last,
}

/// A term of ORDER BY.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// What to sort by.
    pub expr: Expr,
    /// Downwards.
    pub descending: bool,
    /// Where NULLs stand; None: where the database puts them.
    pub nulls: Option<Nulls>,
}

impl Order {
    /// Upwards.
    pub fn asc(expr: Expr) -> Self {
        Self { expr, descending: false, nulls: None }
    }

    /// Downwards.
    pub fn desc(expr: Expr) -> Self {
        Self { expr, descending: true, nulls: None }
    }

    /// The same, the other way round.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.descending = !self.descending;
        self.nulls = self.nulls.map(|nulls| match nulls {
            Nulls::First => Nulls::Last,
            Nulls::Last => Nulls::First,
        });
        self
    }
}

impl From<Expr> for Order {
    fn from(expr: Expr) -> Self {
        Self::asc(expr)
    }
}
