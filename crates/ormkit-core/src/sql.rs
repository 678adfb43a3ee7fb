//! From the query AST to SQL text. Dialects are data; the writer is the only place that quotes.

mod clock;
mod constant;
mod criteria;
pub mod ddl;
mod dialect;
mod dml;
mod expr;
mod index_filter;
pub mod placeholder;
pub mod quote;
pub mod scan;
mod schema_names;
pub(crate) mod select;
mod stored;
mod tombstone;
mod transaction;
mod words;
pub(crate) mod write;
mod writer;

pub(crate) use clock::is_now;
pub use constant::server_default;
pub use dialect::{Dialect, DialectName, Placeholder};
pub(crate) use dml::{
    Expressions, delete_by, delete_by_key, insert_expressions, insert_rows, update_by_key,
    update_expressions, update_returning,
};
pub use expr::type_name;
pub use schema_names::{SchemaNames, Spelling};
pub use transaction::{Isolation, TransactionMode};
pub use writer::SqlWriter;
pub(crate) use writer::{Lacking, Written};

use std::any::Any;

use crate::error::Result;
use crate::model::Schema;
use crate::query::{Expr, Select, Write};
use crate::value::Params;
use expr::Render;

impl Select {
    /// The text of the statement and its values, without a connection. Lists are written element by element; what is
    /// sent binds them as arrays.
    ///
    /// # Errors
    /// A column's table is not part of the statement, or the dialect lacks a feature.
    pub fn to_sql<'a>(
        &self,
        schema: &'a Schema,
        spelling: impl Into<Spelling<'a>>,
    ) -> Result<(String, Params)> {
        shown(schema, spelling.into(), |out| {
            select::select(out, self);
        })
    }
}

impl Write {
    /// The text of the statement and its values, without a connection.
    ///
    /// # Errors
    /// A column's table is not part of the statement, or the dialect lacks a feature.
    pub fn to_sql<'a>(
        &self,
        schema: &'a Schema,
        spelling: impl Into<Spelling<'a>>,
    ) -> Result<(String, Params)> {
        shown(schema, spelling.into(), |out| {
            write::write(out, self);
        })
    }
}

impl Expr {
    /// The text of an expression that reads no table, and its values as they are sent; `host` is what the host has said of
    /// the engine.
    ///
    /// # Errors
    /// It reads a table, a value has no form in the dialect, or the dialect lacks a feature.
    pub fn to_sql(
        &self,
        dialect: &'static Dialect,
        host: Option<&(dyn Any + Send + Sync)>,
    ) -> Result<(String, Params)> {
        let (schema, mut params) = (Schema::default(), Params::new());
        let mut out = SqlWriter::new(dialect, &schema, &mut params).for_host(host);
        self.render(&mut out);
        let text = out.finish()?.text;
        Ok((text, params))
    }
}

fn shown(
    schema: &Schema,
    spelling: Spelling<'_>,
    write: impl FnOnce(&mut SqlWriter<'_>),
) -> Result<(String, Params)> {
    let mut params = Params::new();
    let mut out = SqlWriter::new(spelling, schema, &mut params).spread_lists();
    write(&mut out);
    let text = out.finish()?.text;
    Ok((text, params))
}

#[cfg(test)]
mod tests;
