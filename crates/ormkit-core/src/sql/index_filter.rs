//! Conditions of partial indexes, as a conflict names them.

use super::expr::all_of;
use super::{Dialect, SqlWriter};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Model, Schema};
use crate::query::{Expr, FromItem, IndexFilter};
use crate::value::Params;

impl IndexFilter {
    /// Conditions on rows of `model` that all hold.
    ///
    /// # Errors
    /// There are none; they read from elsewhere, or hold a value that has no literal; no dialect can say them.
    pub fn new(schema: &Schema, model: &Model, conditions: &[Expr]) -> Result<Self> {
        if conditions.is_empty() {
            return Err(Error::new(ErrorKind::Programming("index_where takes a condition".into())));
        }
        let text = |dialect| written(schema, model, dialect, conditions);
        match (text(&Dialect::POSTGRES), text(&Dialect::SQLITE)) {
            (Err(error), Err(_)) => Err(error),
            (postgres, sqlite) => Ok(Self { postgres: postgres.ok(), sqlite: sqlite.ok() }),
        }
    }
}

fn written(
    schema: &Schema,
    model: &Model,
    dialect: &'static Dialect,
    conditions: &[Expr],
) -> Result<Box<str>> {
    let mut params = Params::new();
    let mut out = SqlWriter::new(dialect, schema, &mut params).inline_values();
    out.open_scope(&[FromItem::from(model.id)]);
    all_of(&mut out, "", conditions);
    Ok(out.finish()?.text.into())
}
