//! Types by the names that PostgreSQL prints (PostgreSQL manual, chapter "Data Types").

use super::super::cursor::Cursor;
use super::super::token::{TokenKind, tokens};
use super::POSTGRES;
use crate::error::Result;

/// A type as it was declared.
pub(super) struct DataType {
    pub(super) name: String,
    /// `SERIAL`: a sequence comes along.
    pub(super) serial: bool,
}

/// Takes a type.
///
/// # Errors
/// None stands here.
pub(super) fn data_type(cursor: &mut Cursor<'_>, default_schema: &str) -> Result<DataType> {
    let quoted = cursor.peek().is_some_and(|token| token.kind == TokenKind::Quoted);
    let mut first = cursor.name()?;
    let mut own = quoted;
    if cursor.take_sign('.') {
        let schema = std::mem::replace(&mut first, cursor.name()?);
        if schema != "pg_catalog" {
            first = match schema == default_schema {
                true => POSTGRES.quoted(&first),
                false => format!("{}.{}", POSTGRES.quoted(&schema), POSTGRES.quoted(&first)),
            };
            own = true;
        }
    } else if quoted {
        first = POSTGRES.quoted(&first);
    }
    let serial = match first.as_str() {
        "smallserial" | "serial2" => Some("smallint"),
        "serial" | "serial4" => Some("integer"),
        "bigserial" | "serial8" => Some("bigint"),
        _ => None,
    };
    let name = match serial.filter(|_| !own) {
        Some(name) => name.to_owned(),
        None if own => format!("{first}{}", arguments(cursor)?),
        None => of_the_server(&first, cursor)?,
    };
    let is_array = dimensions(cursor)?;
    Ok(DataType { name: if is_array { format!("{name}[]") } else { name }, serial: serial.is_some() && !own })
}

/// A type of the server's own, by one of its names.
fn of_the_server(name: &str, cursor: &mut Cursor<'_>) -> Result<String> {
    let with = |name: &str, arguments: String| format!("{name}{arguments}");
    Ok(match name {
        "int2" => "smallint".into(),
        "int" | "int4" => "integer".into(),
        "int8" => "bigint".into(),
        "bool" => "boolean".into(),
        "float4" => "real".into(),
        "float8" => "double precision".into(),
        "double" => {
            cursor.take("PRECISION");
            "double precision".into()
        }
        "float" => {
            let bits = arguments(cursor)?.trim_matches(['(', ')']).parse::<u32>();
            if bits.is_ok_and(|bits| bits <= 24) { "real" } else { "double precision" }.into()
        }
        "dec" | "decimal" | "numeric" => {
            let said = arguments(cursor)?;
            match said.strip_suffix(')') {
                Some(precision) if !said.contains(',') => format!("numeric{precision},0)"),
                _ => with("numeric", said),
            }
        }
        "varchar" => with("character varying", arguments(cursor)?),
        "char" | "character" | "nchar" if cursor.take("VARYING") => {
            with("character varying", arguments(cursor)?)
        }
        "char" | "character" | "nchar" => with("character", or_one(arguments(cursor)?)),
        "bit" if cursor.take("VARYING") => with("bit varying", arguments(cursor)?),
        "varbit" => with("bit varying", arguments(cursor)?),
        "bit" => with("bit", or_one(arguments(cursor)?)),
        "timestamptz" => format!("timestamp{} with time zone", arguments(cursor)?),
        "timetz" => format!("time{} with time zone", arguments(cursor)?),
        "timestamp" | "time" => {
            let precision = arguments(cursor)?;
            let zone = if cursor.take("WITH TIME ZONE") { "with" } else { "without" };
            cursor.take("WITHOUT TIME ZONE");
            format!("{name}{precision} {zone} time zone")
        }
        "interval" => {
            let mut words = String::from("interval");
            while let Some(field) = cursor.peek().filter(|token| {
                ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "TO"].iter().any(|field| token.is(field))
            }) {
                words = format!("{words} {}", field.text.to_lowercase());
                cursor.skip();
            }
            with(&words, arguments(cursor)?)
        }
        _ => with(name, arguments(cursor)?),
    })
}

fn or_one(arguments: String) -> String {
    if arguments.is_empty() { "(1)".into() } else { arguments }
}

/// What stands in parentheses, without space; nothing where there are none.
fn arguments(cursor: &mut Cursor<'_>) -> Result<String> {
    if !cursor.peek().is_some_and(|token| token.is_sign('(')) {
        return Ok(String::new());
    }
    let said: Vec<&str> = tokens(cursor.enclosed()?, POSTGRES).iter().map(|token| token.text).collect();
    Ok(format!("({})", said.concat()))
}

/// True behind `[]`, `[3]`, `ARRAY[3]`: PostgreSQL forgets how many there were.
fn dimensions(cursor: &mut Cursor<'_>) -> Result<bool> {
    let mut found = cursor.take("ARRAY");
    while cursor.take_sign('[') {
        found = true;
        while !cursor.take_sign(']') {
            if cursor.is_at_end() {
                return Err(cursor.unreadable("a closing bracket"));
            }
            cursor.skip();
        }
    }
    Ok(found)
}
