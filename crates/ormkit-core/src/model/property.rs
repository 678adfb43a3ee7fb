//! Attributes that no column holds: an expression on the row, computed where it is read.

use super::ModelId;
use crate::error::{Error, Result};
use crate::query::{Expr, Met, Source, Walk};

/// An expression on the row at hand, read together with the columns of the class.
#[derive(Clone, Debug)]
pub struct Property {
    expr: Expr,
}

impl Property {
    /// The row at hand: what the expression's own columns are read from.
    pub const ROW: Source = Source { model: ModelId(u32::MAX), alias: 0 };

    /// A property that an expression on [`ROW`](Self::ROW) makes.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::error::ErrorKind::Unsupported): a subquery in FROM reads the row.
    pub fn new(expr: Expr) -> Result<Self> {
        let property = Self { expr: expr.correlated(Self::ROW) };
        let placed = property.of(Source::plain(ModelId(0)));
        let mut reads_row = false;
        Walk::new(&mut |met| {
            reads_row |= matches!(met, Met::Source(source) if source.model == Self::ROW.model);
            true
        })
        .expr(&placed);
        match reads_row {
            true => Err(Error::unsupported(
                "a property that reads its row inside of a subquery in FROM",
                "join the tables in one SELECT",
            )),
            false => Ok(property),
        }
    }

    /// One that is not known yet: [`Registry::define`](super::Registry::define) says it before the models are resolved.
    pub fn undefined() -> Self {
        Self { expr: Expr::Null }
    }

    /// The expression on rows of [`ROW`](Self::ROW).
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The expression on a row of `source`.
    pub fn of(&self, source: Source) -> Expr {
        self.expr.renamed(Self::ROW, source)
    }
}
