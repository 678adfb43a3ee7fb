//! Expressions of DDL, which takes no parameters: defaults of columns.

use super::expr::Render;
use super::{Dialect, SqlWriter};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Schema, ServerDefault};
use crate::query::Expr;
use crate::value::Params;

/// `expr` as the default of a column, for both dialects; values are written out.
///
/// # Errors
/// The expression reads a table, holds a value that has no SQL literal, or a NUL character, or a dialect lacks a feature.
pub fn server_default(expr: &Expr) -> Result<ServerDefault> {
    if expr.reads_tables() {
        return Err(refused("reads a column or a table"));
    }
    Ok(ServerDefault {
        postgres: constant(expr, &Dialect::POSTGRES)?,
        sqlite: constant(expr, &Dialect::SQLITE)?,
    })
}

fn constant(expr: &Expr, dialect: &'static Dialect) -> Result<String> {
    let (schema, mut params) = (Schema::default(), Params::new());
    let mut out = SqlWriter::new(dialect, &schema, &mut params).inline_values();
    match expr {
        // SQLite knows no now().
        Expr::Text(text) if !out.is_postgres() && text.trim().eq_ignore_ascii_case("now()") => {
            out.push("CURRENT_TIMESTAMP");
        }
        _ => expr.render(&mut out),
    }
    let text = out.finish()?.text;
    match text.contains('\0') {
        true => Err(refused("contains a NUL character")),
        false => Ok(text),
    }
}

fn refused(reason: &str) -> Error {
    Error::new(ErrorKind::Programming(format!(
        "server_default {reason}: the database gives it to new rows by itself, so it takes constants and functions"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FieldId, ModelId};
    use crate::query::{Bound, Column, Source};
    use crate::value::SqlType;

    #[test]
    fn each_dialect_has_its_own_form() {
        let now = server_default(&Expr::Text("now()".into())).unwrap();
        assert_eq!((&*now.postgres, &*now.sqlite), ("now()", "CURRENT_TIMESTAMP"));
    }

    #[test]
    fn values_are_written_as_literals() {
        let text = Expr::Value(Bound::new("it's", SqlType::Text));
        assert_eq!(server_default(&text).unwrap().sqlite, "'it''s'");
        let number = Expr::Value(Bound::new(7, SqlType::Integer));
        assert_eq!(server_default(&number).unwrap().postgres, "7");
    }

    #[test]
    fn what_is_no_constant_is_refused() {
        let column = Expr::Column(Column { source: Source::plain(ModelId(0)), field: FieldId(0) });
        for expr in [Expr::Not(column.into()), Expr::Text("a\0".into())] {
            assert!(server_default(&expr).unwrap_err().to_string().contains("server_default"));
        }
    }
}
