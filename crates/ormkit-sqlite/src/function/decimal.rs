//! Decimals, which are kept as text: put in order, written in one form, computed with.

mod aggregate;
mod number;

use std::cmp::Ordering;

use ormkit_core::value::Numeric;
use rusqlite::functions::Context;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};

use super::{define, utf8, wrong};
use number::{Number, TooLarge};

pub(super) fn install(connection: &Connection) -> Result<()> {
    connection.create_collation("ormkit_decimal", order)?;
    aggregate::install(connection)?;
    one(connection, "ormkit_decimal", |number| canonical(&number.to_string()))?;
    one(connection, "ormkit_negative", |number| number.negated().to_string())?;
    one(connection, "ormkit_abs", |number| number.absolute().to_string())?;
    one(connection, "ormkit_sign", |number| number.sign().to_string())?;
    one(connection, "ormkit_ceil", |number| number.ceiling().to_string())?;
    one(connection, "ormkit_floor", |number| number.floor().to_string())?;
    digits(connection, "ormkit_round", Number::rounded)?;
    digits(connection, "ormkit_trunc", Number::truncated)?;
    two(connection, "ormkit_add", |left, right| left.plus(right).map(Some))?;
    two(connection, "ormkit_subtract", |left, right| left.minus(right).map(Some))?;
    two(connection, "ormkit_multiply", |left, right| left.times(right).map(Some))?;
    two(connection, "ormkit_divide", Number::over)?;
    two(connection, "ormkit_div", Number::whole_over)?;
    two(connection, "ormkit_mod", Number::rest)?;
    define(connection, "ormkit_numeric", 1, |context| {
        Ok(number_of(context, 0)?.map(|number| number.to_string()))
    })?;
    define(connection, "ormkit_numeric", 3, sized)?;
    define(connection, "ormkit_integer", 1, |context| {
        number_of(context, 0)?
            .map(|number| number.integer())
            .transpose()
            .map_err(|TooLarge| wrong("out of range: a decimal for BIGINT"))
    })
}

/// A function of one number. NULL of NULL, as all of them.
fn one(connection: &Connection, name: &str, answer: fn(&Number) -> String) -> Result<()> {
    define(connection, name, 1, move |context| Ok(number_of(context, 0)?.map(|number| answer(&number))))
}

/// A function of a number and of digits behind the point, none where they are left out.
fn digits(connection: &Connection, name: &str, answer: fn(&Number, i64) -> Number) -> Result<()> {
    define(connection, name, -1, move |context| {
        let digits = match context.len() {
            1 => 0,
            2 => match context.get_raw(1) {
                ValueRef::Null => return Ok(None),
                ValueRef::Integer(digits) => digits,
                _ => return Err(wrong("invalid decimal: a number of digits is an integer")),
            },
            _ => return Err(wrong("invalid decimal: expected a number and its digits")),
        };
        Ok(number_of(context, 0)?.map(|number| answer(&number, digits).to_string()))
    })
}

/// An operator. None is NULL.
fn two(
    connection: &Connection,
    name: &str,
    answer: fn(&Number, &Number) -> std::result::Result<Option<Number>, TooLarge>,
) -> Result<()> {
    define(connection, name, 2, move |context| {
        let (Some(left), Some(right)) = (number_of(context, 0)?, number_of(context, 1)?) else {
            return Ok(None);
        };
        Ok(answer(&left, &right).map_err(too_large)?.map(|number| number.to_string()))
    })
}

/// A number as a column of NUMERIC(precision, scale) holds it.
fn sized(context: &Context<'_>) -> Result<Option<String>> {
    let (Some(number), ValueRef::Integer(precision), ValueRef::Integer(scale)) =
        (number_of(context, 0)?, context.get_raw(1), context.get_raw(2))
    else {
        return Ok(None);
    };
    let size = |digits: i64| u32::try_from(digits).map_err(|_| wrong("invalid decimal: a size below zero"));
    match number.sized(size(precision)?, size(scale)?) {
        Ok(number) => Ok(Some(number.to_string())),
        Err(TooLarge) => Err(wrong(format!("out of range: a number for NUMERIC({precision}, {scale})"))),
    }
}

fn too_large(_: TooLarge) -> Error {
    wrong("out of range: a result has more digits than a NUMERIC")
}

/// An argument as a number. None for NULL.
fn number_of(context: &Context<'_>, index: usize) -> Result<Option<Number>> {
    let text = match context.get_raw(index) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(int) => return Ok(Some(Number::of_int(int))),
        ValueRef::Real(float) => return Ok(Some(Number::of_float(float))),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => utf8(bytes)?,
    };
    Number::parse(text).map(Some).ok_or_else(|| wrong("invalid decimal: expected a number, found other text"))
}

/// The number as PostgreSQL shows it: without an exponent, zeros behind the point kept.
pub(super) fn shown(text: &str) -> String {
    let plain = Numeric::parse(text).map_or_else(|_| text.to_owned(), |number| number.to_string());
    match plain.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits.to_owned(),
        _ => plain,
    }
}

/// One text for equal numbers.
pub(super) fn canonical(text: &str) -> String {
    let mut plain = shown(text);
    if plain.contains('.') {
        plain.truncate(plain.trim_end_matches('0').trim_end_matches('.').len());
    }
    plain
}

/// The order of two texts by their numbers: as in PostgreSQL NaN is the greatest of them. Behind it stands what is no
/// number, which nothing but another program has written there.
pub(super) fn order(left: &str, right: &str) -> Ordering {
    match (Plain::of(left), Plain::of(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => {
            let ((left_kind, left), (right_kind, right)) = (kind(left), kind(right));
            left_kind.cmp(&right_kind).then_with(|| match (Plain::of(&left), Plain::of(&right)) {
                (Some(left), Some(right)) => left.cmp(&right),
                _ => left.cmp(&right),
            })
        }
    }
}

/// Where a text stands among those of other kinds, and the text without an exponent.
fn kind(text: &str) -> (u8, String) {
    match Numeric::parse(text).map(|number| number.to_string()) {
        Err(_) => (4, text.to_owned()),
        Ok(text) => match text.as_str() {
            "NaN" => (3, text),
            "Infinity" => (2, text),
            "-Infinity" => (0, text),
            _ => (1, text),
        },
    }
}

/// The digits of a number that is written without an exponent: those that count.
struct Plain<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl<'a> Plain<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes() {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let point = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        let (mut whole, mut fraction) = match &digits[point..] {
            [] => (digits, &[][..]),
            [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => (&digits[..point], fraction),
            _ => return None,
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        while let [b'0', rest @ ..] = whole {
            whole = rest;
        }
        while let [rest @ .., b'0'] = fraction {
            fraction = rest;
        }
        let negative = negative && !(whole.is_empty() && fraction.is_empty());
        Some(Self { negative, whole, fraction })
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let size = || {
            let length = self.whole.len().cmp(&other.whole.len());
            length.then_with(|| (self.whole, self.fraction).cmp(&(other.whole, other.fraction)))
        };
        match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => size(),
            (true, true) => size().reverse(),
        }
    }
}

/// The number rounded to an integer, halves away from zero. None where it does not fit.
pub(super) fn rounded(text: &str) -> Option<i64> {
    Number::parse(text)?.integer().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        assert_eq!(shown("1.50e1"), "15.0");
        assert_eq!(shown("-0.0"), "0.0");
        assert_eq!(canonical("100"), "100");
        assert_eq!(canonical("1.00"), "1");
        assert_eq!(canonical("123456789012345678901234567890.10"), "123456789012345678901234567890.1");
        assert_eq!(rounded("2.5"), Some(3));
        assert_eq!(rounded("-0.5"), Some(-1));
        assert_eq!(rounded("1e30"), None);
    }

    #[test]
    fn numbers_are_put_in_order_whatever_their_texts() {
        let sorted = [
            "-Infinity",
            "-1e2",
            "-10",
            "-9",
            "-0.11",
            "-0.1",
            "0",
            "0.1",
            "0.11",
            "9.5",
            "10",
            "1.5e1",
            "12345678901234567890.01",
            "12345678901234567890.02",
            "1e30",
            "Infinity",
            "NaN",
            "abc",
        ];
        for (at, left) in sorted.iter().enumerate() {
            for (place, right) in sorted.iter().enumerate() {
                assert_eq!(order(left, right), at.cmp(&place), "{left} {right}");
            }
        }
        for (left, right) in
            [("2", "2.00"), ("-0", "0.0"), (".5", "0.50"), ("+1", "1"), ("1e2", "100.0"), ("007", "7")]
        {
            assert_eq!(order(left, right), Ordering::Equal, "{left} {right}");
        }
    }
}
