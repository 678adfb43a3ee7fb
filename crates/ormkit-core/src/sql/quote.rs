//! Names and values as parts of SQL text, for statements that take no parameters: DDL, COPY, settings. Elsewhere values
//! are bound.

use std::fmt::Write as _;

use super::writer::push_name;
use super::{Dialect, DialectName};
use crate::error::{Error, ErrorKind, Result};
use crate::value::ValueRef;

/// The most bytes of a name that PostgreSQL keeps; it cuts longer ones.
pub(crate) const LONGEST_NAME: usize = 63;

/// A name, or the parts of a qualified one, as SQL reads them: in quotes where they need to be.
///
/// # Errors
/// `Interface`: no part, an empty one, a NUL, or on PostgreSQL a part of more than 63 bytes.
pub fn identifier<'a>(parts: impl IntoIterator<Item = &'a str>, dialect: &'static Dialect) -> Result<String> {
    let mut text = String::new();
    for part in parts {
        let problem = match part {
            "" => "an empty name cannot be quoted",
            _ if part.contains('\0') => "a name with a NUL character cannot be quoted",
            _ if dialect.name == DialectName::Postgres && part.len() > LONGEST_NAME => {
                "a name of more than 63 bytes cannot be quoted: PostgreSQL would cut it"
            }
            _ => {
                if !text.is_empty() {
                    text.push('.');
                }
                push_name(&mut text, part, dialect);
                continue;
            }
        };
        return Err(Error::interface(problem));
    }
    if text.is_empty() { Err(Error::interface("a name to be quoted has one part or more")) } else { Ok(text) }
}

/// A value as a literal of its type. Negative numbers stand in parentheses, so that no sign in front of one begins a
/// comment; a string that is an escape string on PostgreSQL begins with a space, so that it is none of the word before it.
///
/// # Errors
/// `Data`: a NUL in text, a NaN for SQLite. `Unsupported`: a type without a literal (arrays, records, ranges, maps; on SQLite
/// all that it has no storage class for).
pub fn literal(value: ValueRef<'_>, dialect: &'static Dialect) -> Result<String> {
    match (value, dialect.name) {
        (ValueRef::Null, _) => Ok("NULL".into()),
        (ValueRef::Bool(value), _) => Ok(if value { "TRUE" } else { "FALSE" }.into()),
        (ValueRef::Int(value), _) => Ok(integer(value)),
        (ValueRef::Text(text), name) => string(text, name),
        (ValueRef::Bytes(bytes), DialectName::Sqlite) => Ok(format!("X'{}'", hex(bytes))),
        (ValueRef::Float(value), DialectName::Sqlite) => float(value),
        (ValueRef::Bytes(bytes), DialectName::Postgres) => Ok(format!(" E'\\\\x{}'::bytea", hex(bytes))),
        (value, DialectName::Postgres) => typed(value),
        (value, DialectName::Sqlite) => Err(no_literal(value, dialect)),
    }
}

/// `7` or `(-7)`. The smallest has no digits of its own: they would be those of a number that is too large.
pub(super) fn integer(value: i64) -> String {
    match value {
        0.. => value.to_string(),
        i64::MIN => format!("(-{} - 1)", i64::MAX),
        _ => format!("({value})"),
    }
}

fn string(text: &str, dialect: DialectName) -> Result<String> {
    if text.contains('\0') {
        return Err(Error::data(None, "a text with a NUL character has no literal"));
    }
    let quotes = text.replace('\'', "''");
    // Whatever standard_conforming_strings is.
    Ok(match dialect == DialectName::Postgres && text.contains('\\') {
        true => format!(" E'{}'", quotes.replace('\\', "\\\\")),
        false => format!("'{quotes}'"),
    })
}

/// A number of SQLite: the shortest digits that are this number and no other.
fn float(value: f64) -> Result<String> {
    if value.is_nan() {
        return Err(Error::data(None, "SQLite has no NaN: it would be NULL"));
    }
    if value.is_infinite() {
        return Ok(if value > 0.0 { "9e999" } else { "(-9e999)" }.into());
    }
    Ok(if value.is_sign_negative() { format!("({value:?})") } else { format!("{value:?}") })
}

/// A string that is cast to its type.
fn typed(value: ValueRef<'_>) -> Result<String> {
    let (text, name) = match value {
        ValueRef::Float(value) => (format!("{value}"), "float8"),
        ValueRef::Numeric(value) => (value.to_string(), "numeric"),
        ValueRef::Date(value) => (value.to_string(), "date"),
        ValueRef::Time(value) => (value.to_string(), "time"),
        ValueRef::TimeTz(value) => (value.to_string(), "timetz"),
        ValueRef::Timestamp(value) => (value.to_string(), "timestamp"),
        ValueRef::TimestampTz(value) => (format!("{value}+00:00"), "timestamptz"),
        ValueRef::Interval(value) => {
            let parts = format!("{} months {} days {} us", value.months, value.days, value.micros);
            (parts, "interval")
        }
        ValueRef::Uuid(bytes) => (hex(&bytes), "uuid"),
        ValueRef::Json(text) => return Ok(format!("{}::jsonb", string(text, DialectName::Postgres)?)),
        ValueRef::Inet(value) => (value.to_string(), "inet"),
        ValueRef::Cidr(value) => (value.to_string(), "cidr"),
        value => return Err(no_literal(value, &Dialect::POSTGRES)),
    };
    Ok(format!("'{text}'::{name}"))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn no_literal(value: ValueRef<'_>, dialect: &Dialect) -> Error {
    Error::new(ErrorKind::Unsupported {
        feature: format!("a literal of {} on {}", value.type_name(), dialect.name.as_str()),
        instead: "bind the value as a parameter".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Numeric, Params, SqlType};

    fn postgres(value: ValueRef<'_>) -> String {
        literal(value, &Dialect::POSTGRES).unwrap()
    }

    fn sqlite(value: ValueRef<'_>) -> String {
        literal(value, &Dialect::SQLITE).unwrap()
    }

    #[test]
    fn negative_numbers_stand_in_parentheses() {
        assert_eq!((postgres(ValueRef::Int(7)), postgres(ValueRef::Int(-7))), ("7".into(), "(-7)".into()));
        assert_eq!(sqlite(ValueRef::Int(i64::MIN)), "(-9223372036854775807 - 1)");
        assert_eq!(
            (sqlite(ValueRef::Float(-0.5)), sqlite(ValueRef::Float(1e300))),
            ("(-0.5)".into(), "1e300".into())
        );
        assert_eq!(postgres(ValueRef::Numeric(Numeric::parse("-1.50").unwrap())), "'-1.50'::numeric");
    }

    #[test]
    fn texts_are_quoted_whatever_the_server_makes_of_backslashes() {
        assert_eq!(postgres(ValueRef::Text("it's")), "'it''s'");
        assert_eq!(postgres(ValueRef::Text("\\'; --")), " E'\\\\''; --'");
        assert_eq!(sqlite(ValueRef::Text("\\'")), "'\\'''");
        assert_eq!(postgres(ValueRef::Bytes(b"\0'")), " E'\\\\x0027'::bytea");
        assert_eq!(sqlite(ValueRef::Bytes(b"\0'")), "X'0027'");
    }

    #[test]
    fn what_has_no_literal_is_refused() {
        let mut params = Params::new();
        params.push_array(SqlType::Integer, [ValueRef::Int(1)]);
        for (value, dialect) in [
            (params.get(0), &Dialect::POSTGRES),
            (ValueRef::Uuid([0; 16]), &Dialect::SQLITE),
            (ValueRef::Text("a\0b"), &Dialect::SQLITE),
            (ValueRef::Text("a\0b"), &Dialect::POSTGRES),
            (ValueRef::Float(f64::NAN), &Dialect::SQLITE),
        ] {
            assert!(literal(value, dialect).is_err(), "{value:?}");
        }
    }

    #[test]
    fn names_are_parts_and_dots_belong_to_them() {
        let quoted = |parts: &[&str]| identifier(parts.iter().copied(), &Dialect::POSTGRES);
        assert_eq!(quoted(&["shop", "a b"]).unwrap(), "shop.\"a b\"");
        assert_eq!(quoted(&["a.b", "q\"q", "user"]).unwrap(), "\"a.b\".\"q\"\"q\".\"user\"");
        for refused in [&[] as &[&str], &["a", ""], &["a\0"], &[&"x".repeat(64)]] {
            assert!(quoted(refused).is_err(), "{refused:?}");
        }
        assert!(identifier([&*"x".repeat(64)], &Dialect::SQLITE).is_ok());
    }
}
