//! Values as PostgreSQL spells them in texts and in JSON; casts between types that SQLite keeps alike.

use std::fmt::Write;

use ormkit_core::value::{Date, Time, Timestamp, ValueRef as Core};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Result};

use super::temporal::{moment, written};
use super::tree::{Json, write_string};
use super::{decimal, define, output, text, utf8, wrong};

pub(super) fn install(connection: &Connection) -> Result<()> {
    define(connection, "ormkit_text", 2, |context| {
        let Some(kind) = text(context, 1)? else { return Ok(None) };
        spelled(context.get_raw(0), &kind)
    })?;
    define(connection, "ormkit_to_json", 2, |context| {
        let Some(kind) = text(context, 1)? else { return Ok(None) };
        json(context.get_raw(0), &kind)
    })?;
    define(connection, "ormkit_json_key", 2, |context| {
        let Some(kind) = text(context, 1)? else { return Ok(None) };
        let key = json(context.get_raw(0), &kind)?.ok_or_else(|| wrong("null value in a key of JSON"))?;
        match Json::parse(&key)? {
            Json::String(key) => Ok(Some(key)),
            _ => Ok(Some(key)),
        }
    })?;
    define(connection, "ormkit_hex", 1, |context| {
        Ok(match context.get_raw(0) {
            ValueRef::Blob(bytes) => Some(hex(bytes).to_uppercase()),
            _ => None,
        })
    })?;
    define(connection, "ormkit_cast", 3, |context| {
        let (Some(from), Some(to)) = (text(context, 1)?, text(context, 2)?) else {
            return Ok(output(None));
        };
        match context.get_raw(0) {
            ValueRef::Null => Ok(output(None)),
            value => cast(value, &from, &to),
        }
    })
}

/// The text that a cast to text answers on PostgreSQL.
fn spelled(value: ValueRef<'_>, kind: &str) -> Result<Option<String>> {
    if matches!(value, ValueRef::Null) {
        return Ok(None);
    }
    Ok(Some(match (kind, value) {
        ("bool", ValueRef::Integer(value)) => if value == 0 { "false" } else { "true" }.to_owned(),
        ("float", ValueRef::Real(value)) => float(value),
        ("uuid", ValueRef::Blob(bytes)) if bytes.len() == 16 => uuid(&hex(bytes)),
        ("uuid", ValueRef::Text(text)) => uuid(&digits(utf8(text)?)),
        ("bytes", ValueRef::Blob(bytes)) => format!("\\x{}", hex(bytes)),
        ("time", ValueRef::Text(text)) => match Time::parse(utf8(text)?) {
            Ok(time) => clock(time),
            Err(_) => return Err(wrong("invalid time: expected HH:MM:SS.ffffff")),
        },
        ("timestamp", value) => stamp(value, " ")?,
        ("timestamptz", value) => stamp(value, " ")? + "+00",
        ("json", ValueRef::Text(text)) => {
            let mut out = String::new();
            Json::parse(utf8(text)?)?.write(false, &mut out);
            out
        }
        (_, ValueRef::Integer(value)) => value.to_string(),
        (_, ValueRef::Real(value)) => float(value),
        (_, ValueRef::Text(text)) => utf8(text)?.to_owned(),
        (_, ValueRef::Blob(_)) => return Err(wrong("invalid text: bytes where text is expected")),
        (_, ValueRef::Null) => return Ok(None),
    }))
}

/// The JSON that `to_json()` answers on PostgreSQL. Arrays have `[]` behind the kind of their elements.
fn json(value: ValueRef<'_>, kind: &str) -> Result<Option<String>> {
    if let (Some(element), ValueRef::Text(text)) = (kind.strip_suffix("[]"), value) {
        let mut out = String::new();
        elements(Json::parse(utf8(text)?)?, element)?.write(false, &mut out);
        return Ok(Some(out));
    }
    let plain = match (kind, value) {
        ("timestamp", value) if value != ValueRef::Null => Some(stamp(value, "T")?),
        ("timestamptz", value) if value != ValueRef::Null => Some(stamp(value, "T")? + "+00:00"),
        (_, value) => spelled(value, kind)?,
    };
    let Some(plain) = plain else { return Ok(None) };
    let is_bare = matches!(kind, "bool" | "int" | "numeric" | "json")
        || (kind == "float" && plain.ends_with(|last: char| last.is_ascii_digit()));
    if is_bare {
        return Ok(Some(plain));
    }
    let mut out = String::new();
    write_string(&plain, &mut out);
    Ok(Some(out))
}

/// The elements of an array, which SQLite keeps as JSON of another spelling.
fn elements(stored: Json, kind: &str) -> Result<Json> {
    Ok(match (kind, stored) {
        (_, Json::Array(items)) => {
            Json::Array(items.into_iter().map(|item| elements(item, kind)).collect::<Result<_>>()?)
        }
        ("bool", Json::Number(number)) => Json::Bool(number != "0"),
        ("numeric", Json::String(number)) => Json::Number(number),
        ("json", Json::String(text)) => Json::parse(&text)?,
        ("float", Json::Number(number)) => match number.parse() {
            Ok(number) => Json::Number(float(number)),
            Err(_) => Json::Number(number),
        },
        ("uuid", Json::String(text)) => Json::String(uuid(&digits(&text))),
        ("bytes", Json::String(text)) => Json::String(format!("\\x{}", text.to_lowercase())),
        ("time" | "timestamp" | "timestamptz", Json::String(text)) => {
            match json(ValueRef::Text(text.as_bytes()), kind)? {
                Some(text) => Json::parse(&text)?,
                None => Json::Null,
            }
        }
        (_, other) => other,
    })
}

fn cast(value: ValueRef<'_>, from: &str, to: &str) -> Result<ToSqlOutput<'static>> {
    let whole = |value| Ok(ToSqlOutput::Owned(Value::Integer(value)));
    let given = || spelled(value, from).map(Option::unwrap_or_default);
    match (from, to) {
        ("float", "int") => match value {
            ValueRef::Real(number) => format!("{:.0}", number.round_ties_even())
                .parse()
                .map_or_else(|_| Err(wrong("out of range: a float for an integer")), whole),
            ValueRef::Integer(number) => whole(number),
            _ => Err(wrong("invalid text: no float")),
        },
        ("int", "bool") => whole(i64::from(value != ValueRef::Integer(0))),
        ("text", "int") => {
            let text = given()?;
            text.trim().parse().map_or_else(|_| Err(no_value("integer", &text)), whole)
        }
        ("text", "float") => {
            let text = given()?;
            match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(ToSqlOutput::Owned(Value::Real(number))),
                _ => Err(no_value("double precision", &text)),
            }
        }
        ("text", "bool") => {
            let text = given()?;
            truth(&text).map_or_else(|| Err(no_value("boolean", &text)), |value| whole(value.into()))
        }
        ("text", "uuid") => {
            let text = given()?;
            match bytes(&digits(&text)) {
                Some(bytes) if bytes.len() == 16 => Ok(ToSqlOutput::Owned(Value::Blob(bytes))),
                _ => Err(no_value("uuid", &text)),
            }
        }
        ("text", "json") => {
            let text = given()?;
            Json::parse(&text)?;
            Ok(output(Some(text)))
        }
        ("text", "time") => match Time::parse(given()?.trim()) {
            Ok(time) => written(Core::Time(time)),
            Err(_) => timed(value, to),
        },
        ("json", "bool") => match Json::parse(&given()?)? {
            Json::Bool(value) => whole(value.into()),
            _ => Err(wrong("cannot cast jsonb to type boolean: it is neither true nor false")),
        },
        ("json", "int" | "float") => match Json::parse(&given()?)? {
            Json::Number(number) if to == "int" => {
                decimal::rounded(&number).map_or_else(|| Err(wrong("out of range: a JSON number")), whole)
            }
            Json::Number(number) => {
                Ok(ToSqlOutput::Owned(Value::Real(number.parse().unwrap_or(f64::INFINITY))))
            }
            _ => Err(wrong("cannot cast jsonb to a number: it is none")),
        },
        _ => timed(value, to),
    }
}

/// A time as a column of another type of times holds it.
fn timed(value: ValueRef<'_>, to: &str) -> Result<ToSqlOutput<'static>> {
    let Some(at) = moment(value)? else { return Ok(output(None)) };
    let (date, time): (Date, Time) = at.to_parts();
    written(match to {
        "date" => Core::Date(date),
        "time" => Core::Time(time),
        "timestamp" => Core::Timestamp(at),
        _ => Core::TimestampTz(at),
    })
}

/// The words that PostgreSQL takes for truth values, or a beginning of one that is that of no other.
fn truth(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if begins("true", 1) || begins("yes", 1) || text == "on" || text == "1" {
        Some(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}

/// The shortest text that is read as the same float.
fn float(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent @ (..=-5 | 15..)) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

fn stamp(value: ValueRef<'_>, between: &str) -> Result<String> {
    let Some(at) = moment(value)? else { return Ok(String::new()) };
    let (date, time) = Timestamp::to_parts(at);
    let (year, month, day) = date.to_ymd();
    Ok(format!("{year:04}-{month:02}-{day:02}{between}{}", clock(time)))
}

/// A time of day with as many digits as it needs.
fn clock(time: Time) -> String {
    let (hour, minute, second, micros) = time.to_hms();
    let mut out = format!("{hour:02}:{minute:02}:{second:02}");
    if micros > 0 {
        let _ = write!(out, ".{micros:06}"); // writing to a String cannot fail
        out.truncate(out.trim_end_matches('0').len());
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}"); // as above
        out
    })
}

/// The digits of a UUID without what may stand between and around them.
fn digits(text: &str) -> String {
    text.trim().trim_matches(['{', '}']).replace('-', "").to_lowercase()
}

fn uuid(digits: &str) -> String {
    match digits.is_ascii() && digits.len() == 32 {
        true => [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"),
        false => digits.to_owned(),
    }
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

#[cold]
fn no_value(of: &str, text: &str) -> rusqlite::Error {
    wrong(format!("invalid input syntax for type {of}: {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelled_as_on_postgresql() {
        let cases = [
            (2.0, "2"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123_456_789_012_345.6, "123456789012345.6"),
            (1e15, "1e+15"),
            (1.234_567_890_123_456_7e15, "1.2345678901234568e+15"),
            (1e-300, "1e-300"),
            (f64::INFINITY, "Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn words_of_truth_may_be_cut_off() {
        let words = ["t", "TRUE ", "yes", "on", "1", "f", "no", "of", "off", "0", "o", "x", ""];
        let values = words.map(|word| match truth(word) {
            Some(true) => 't',
            Some(false) => 'f',
            None => '-',
        });
        assert_eq!(values.iter().collect::<String>(), "tttttfffff---");
    }
}
