//! Defaults: the same constant may be written in several ways.

use super::super::Column;
use super::super::token::{Token, TokenKind, bare, tokens};
use super::column::{affinity, same_expression};
use crate::sql::{Dialect, DialectName, is_now};

/// True when rows get the same from both: the same words, or the same constant, as a number or as a text that the column's type
/// reads (`3`, `'3'::smallint`). A clock is a clock, whichever of SQLite's words reads it.
pub(super) fn same_default(
    column: &Column,
    wanted: Option<&str>,
    found: Option<&str>,
    dialect: &Dialect,
) -> bool {
    let (Some(one), Some(other)) = (wanted, found) else { return wanted.is_none() && found.is_none() };
    let reads_clock = |sql: &str| dialect.name == DialectName::Sqlite && is_now(sql);
    same_expression(wanted, found, dialect)
        || (reads_clock(one) && reads_clock(other))
        || match (constant(one, dialect), constant(other, dialect)) {
            (Some(one), Some(other)) => match dialect.name {
                DialectName::Postgres => same_on_postgres(&column.data_type, &one, &other),
                DialectName::Sqlite => same_on_sqlite(&column.data_type, &one, &other),
            },
            _ => false,
        }
}

/// A number, a truth or a text, with the type that it is cast to.
struct Constant {
    text: String,
    quoted: bool,
    cast: Option<String>,
}

fn constant(expression: &str, dialect: &Dialect) -> Option<Constant> {
    let expression = bare(expression, dialect);
    let all = tokens(expression, dialect);
    let negative = all.first().is_some_and(|token| token.is_sign('-'));
    let all = if negative { &all[1..] } else { &all[..] };
    let (first, rest) = all.split_first()?;
    let (text, quoted) = match first.kind {
        TokenKind::Number => (first.text.to_owned(), false),
        // One that has backslashes is let be.
        TokenKind::Literal if first.text.starts_with('\'') && !negative => (first.name()?.into_owned(), true),
        TokenKind::Word if (first.is("true") || first.is("false")) && !negative => {
            (first.text.to_ascii_lowercase(), false)
        }
        _ => return None,
    };
    let text = if negative { format!("-{text}") } else { text };
    Some(Constant { text, quoted, cast: cast(expression, rest)? })
}

/// What stands behind `::`; None for anything else.
#[expect(clippy::option_option, reason = "no cast, or what is none")]
fn cast(expression: &str, rest: &[Token<'_>]) -> Option<Option<String>> {
    match rest {
        [] => Some(None),
        [one, other, kind @ ..] if one.is_sign(':') && other.is_sign(':') => {
            let plain = kind.iter().all(|token| token.kind == TokenKind::Word);
            let first = kind.first().filter(|_| plain)?;
            Some(Some(expression[first.start..].to_owned()))
        }
        _ => None,
    }
}

/// A text is read by the type that it is cast to, and a number made one of it: the same within a family of types.
fn same_on_postgres(data_type: &str, one: &Constant, other: &Constant) -> bool {
    let name = data_type.split('(').next().unwrap_or(data_type);
    let is_of = |family: &[&str]| {
        family.contains(&name)
            && [one, other].iter().all(|constant| {
                constant.cast.as_deref().map_or(!constant.quoted, |cast| family.contains(&cast))
            })
    };
    let whole = ["smallint", "integer", "bigint", "numeric", "double precision"];
    let exact = ["numeric", "double precision"];
    let same = one.text == other.text;
    match name {
        _ if is_of(&whole) && is_integer(&one.text) => same,
        _ if is_of(&exact) => same,
        "boolean" => {
            let truth = |constant: &Constant| match constant.text.as_str() {
                "t" | "true" => Some(true),
                "f" | "false" => Some(false),
                _ => None,
            };
            truth(one).is_some() && truth(one) == truth(other)
        }
        _ => is_of(&["text", "character varying"]) && same,
    }
}

/// A column of numbers makes a number of a text that is one, a column of texts a text of a number; `TRUE` is 1 (SQLite
/// documentation, "Datatypes In SQLite", section 3.1).
fn same_on_sqlite(data_type: &str, one: &Constant, other: &Constant) -> bool {
    let text = |constant: &Constant| match constant.text.as_str() {
        "true" if !constant.quoted => "1".to_owned(),
        "false" if !constant.quoted => "0".to_owned(),
        text => text.to_owned(),
    };
    let is_alike = one.quoted == other.quoted
        || match affinity(data_type) {
            "BLOB" => false,
            "TEXT" => is_integer(&text(one)),
            _ => is_number(&text(one)),
        };
    let casts = one.cast.is_some() || other.cast.is_some();
    text(one) == text(other) && is_alike && !casts
}

/// Digits that say their number in the one usual way.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let usual = !digits.starts_with('0') || text == "0";
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && usual
}

fn is_number(text: &str) -> bool {
    let begins = |first: char| first.is_ascii_digit() || first == '-';
    text.starts_with(begins) && text.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(dialect: &Dialect, data_type: &str, one: &str, other: &str) -> bool {
        same_default(&Column::new("a", data_type), Some(one), Some(other), dialect)
    }

    #[test]
    fn a_constant_is_the_same_however_it_is_written() {
        for (data_type, one, other) in [
            ("smallint", "3", "'3'::smallint"),
            ("bigint", "'-1'::integer", "'-1'::bigint"),
            ("numeric(10,2)", "1.5", "'1.5'::numeric"),
            ("double precision", "1.5", "'1.5'::double precision"),
            ("boolean", "true", "'t'::boolean"),
            ("text", "'it''s'::text", "'it''s'::character varying"),
            ("character varying(20)", "('a'::character varying)", "'a'::text"),
        ] {
            assert!(same(&Dialect::POSTGRES, data_type, one, other), "{one} {other}");
        }
        for (data_type, one, other) in [
            ("BOOLEAN", "TRUE", "1"),
            ("bool", "false", "'0'"),
            ("integer", "'3'", "3"),
            ("real", "1.5", "'1.5'"),
            ("VARCHAR(3)", "7", "'7'"),
        ] {
            assert!(same(&Dialect::SQLITE, data_type, one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_may_be_another_value_is_another_default() {
        for (data_type, one, other) in [
            ("integer", "3", "'4'::integer"),
            ("integer", "1.5", "'1.5'::numeric"),
            ("double precision", "'0.1'::real", "'0.1'::double precision"),
            ("timestamp without time zone", "'2020-01-01 10:00'::date", "'2020-01-01 10:00'::timestamp"),
            ("character(3)", "'a'::bpchar", "'a'::text"),
            ("text", "'a'::text", "lower('a'::text)"),
            ("text", "E'\\\\'::text", "'\\\\'::text"),
            ("boolean", "true", "false"),
        ] {
            assert!(!same(&Dialect::POSTGRES, data_type, one, other), "{one} {other}");
        }
        for (data_type, one, other) in [
            ("BLOB", "3", "'3'"),
            ("TEXT", "1.50", "'1.50'"),
            ("TEXT", "TRUE", "'true'"),
            ("INTEGER", "a", "'a'"),
            ("NUMERIC", "inf", "'inf'"),
        ] {
            assert!(!same(&Dialect::SQLITE, data_type, one, other), "{one} {other}");
        }
    }
}
