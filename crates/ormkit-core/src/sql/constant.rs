//! Expressions of DDL, which takes no parameters: defaults of columns.

use super::expr::Render;
use super::{Dialect, SqlWriter, clock, stored};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ColumnType, Schema, ServerDefault};
use crate::query::Expr;
use crate::value::Params;

/// `expr` as the default of a column of that type, for both dialects; values are written out. On SQLite constants and
/// the clock have the form that the column holds.
///
/// # Errors
/// The expression reads a table, holds a value that has no SQL literal, or a NUL character, or a dialect lacks a feature.
pub fn server_default(expr: &Expr, column_type: &ColumnType) -> Result<ServerDefault> {
    if expr.reads_tables() {
        return Err(refused("reads a column or a table"));
    }
    let postgres = constant(expr, &Dialect::POSTGRES)?;
    if let Some(now) = clock::assigned(expr, column_type) {
        return Ok(ServerDefault { postgres, sqlite: now.into(), unfit: None });
    }
    let (sqlite, unfit) = match stored::literal(expr, column_type) {
        Some(Ok(literal)) => (literal, None),
        Some(Err(error)) => (String::new(), Some(error.to_string())),
        None => (constant(expr, &Dialect::SQLITE)?, None),
    };
    Ok(ServerDefault { postgres, sqlite, unfit })
}

fn constant(expr: &Expr, dialect: &'static Dialect) -> Result<String> {
    let (schema, mut params) = (Schema::default(), Params::new());
    let mut out = SqlWriter::new(dialect, &schema, &mut params).inline_values();
    match expr {
        // SQLite knows no now().
        Expr::Text(text) if !out.is_postgres() && text.trim().eq_ignore_ascii_case("now()") => {
            out.push(clock::NOW);
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
        let now = |of| server_default(&Expr::Text("now()".into()), &of).unwrap();
        let aware = now(ColumnType::TimestampTz);
        assert_eq!(
            (&*aware.postgres, &*aware.sqlite),
            ("now()", "strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')")
        );
        assert_eq!(now(ColumnType::Timestamp).sqlite, "strftime('%Y-%m-%d %H:%M:%f000', 'now')");
        assert_eq!(now(ColumnType::Date).sqlite, "date('now')");
    }

    #[test]
    fn values_are_written_as_literals() {
        let text = Expr::Value(Bound::new("it's", SqlType::Text));
        assert_eq!(server_default(&text, &ColumnType::Text).unwrap().sqlite, "'it''s'");
        let number = Expr::Value(Bound::new(7, SqlType::Integer));
        assert_eq!(server_default(&number, &ColumnType::Integer).unwrap().postgres, "7");
    }

    #[test]
    fn constants_have_the_form_that_sqlites_columns_hold() {
        let given = |text: &str, of: ColumnType| {
            server_default(&Expr::Value(Bound::new(text, SqlType::Text)), &of).unwrap()
        };
        let array = || ColumnType::Array(std::sync::Arc::new(ColumnType::Integer));
        for (text, of, stored) in [
            ("false", ColumnType::Bool, "0"),
            ("On", ColumnType::Bool, "1"),
            ("0", ColumnType::Numeric(Some((10, 2))), "'0.00'"),
            ("2020-01-01", ColumnType::Date, "'2020-01-01'"),
            ("12:30", ColumnType::Time, "'12:30:00.000000'"),
            ("2020-01-01 12:00:00+02", ColumnType::TimestampTz, "'2020-01-01 10:00:00.000000+00:00'"),
            ("2020-01-01T12:00:00", ColumnType::Timestamp, "'2020-01-01 12:00:00.000000'"),
            ("00000000-0000-0000-0000-0000000000ff", ColumnType::Uuid, "X'000000000000000000000000000000ff'"),
            ("{}", array(), "'[]'"),
            ("[1]", array(), "'[1]'"),
            ("it's", ColumnType::Text, "'it''s'"),
        ] {
            let default = given(text, of);
            assert_eq!((&*default.sqlite, default.unfit), (stored, None), "{text}");
        }
        for (text, of) in [("1 day", ColumnType::Interval), ("maybe", ColumnType::Bool), ("{1}", array())] {
            let default = given(text, of);
            assert_eq!(default.postgres, format!("'{text}'"));
            assert!(default.unfit.is_some(), "{text}");
        }
        let number = Expr::Value(Bound::new(crate::value::Numeric::from(7), SqlType::Numeric));
        let default = server_default(&number, &ColumnType::Numeric(Some((4, 1)))).unwrap();
        assert_eq!((&*default.postgres, &*default.sqlite), ("7", "'7.0'"));
    }

    #[test]
    fn what_is_no_constant_is_refused() {
        let column = Expr::Column(Column { source: Source::plain(ModelId(0)), field: FieldId(0) });
        for expr in [Expr::Not(column.into()), Expr::Text("a\0".into())] {
            assert!(
                server_default(&expr, &ColumnType::Text).unwrap_err().to_string().contains("server_default")
            );
        }
    }
}
