//! Arrays as JSON, for databases without arrays: `["a", null]`, nested where there are more dimensions.
//!
//! Bools are `true` and `false`; bytes and UUIDs upper-case hexadecimal text (what `hex()` of SQLite writes and `unhex()`
//! reads); numerics, times and addresses text; intervals microseconds. Infinite floats are numbers too large for one, a
//! NaN is the text `"NaN"`.

use std::fmt::Write as _;
use std::str;
use std::sync::LazyLock;

use super::element::{ELEMENTS, Element};
use super::parts::{Dimensions, Format, Parts};
use super::{ArrayRef, Date, Encoded, SqlType, Time, Timestamp, ValueRef, coerce};
use crate::error::{Error, Result};

/// Appends the JSON form.
///
/// # Errors
/// `Data`: an element without such a form, as an interval of months.
pub fn write(array: ArrayRef<'_>, out: &mut String) -> Result<()> {
    let brackets = array.brackets();
    if array.is_empty() {
        out.push_str("[]");
    }
    for (index, value) in array.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.extend(std::iter::repeat_n('[', brackets.before(index)));
        write_element(value, out)?;
        out.extend(std::iter::repeat_n(']', brackets.behind(index)));
    }
    Ok(())
}

fn write_element(value: ValueRef<'_>, out: &mut String) -> Result<()> {
    // Writing to a String cannot fail.
    let _ = match value {
        ValueRef::Null => out.write_str("null"),
        ValueRef::Bool(value) => write!(out, "{value}"),
        ValueRef::Int(value) => write!(out, "{value}"),
        ValueRef::Interval(interval) => match interval.total_micros() {
            Some(micros) => write!(out, "{micros}"),
            None => return Err(Error::data(None, "an INTERVAL of months has no fixed length")),
        },
        ValueRef::Float(value) if value.is_nan() => out.write_str("\"NaN\""),
        // JSON has no infinity; a number too large for a float is read as one.
        ValueRef::Float(value) if value.is_infinite() => {
            out.write_str(if value > 0.0 { "9e999" } else { "-9e999" })
        }
        // `{:?}` keeps the point or the exponent: 1.0 stays a float.
        ValueRef::Float(value) => write!(out, "{value:?}"),
        ValueRef::Text(text) | ValueRef::Json(text) => write_string(text, out),
        ValueRef::Bytes(bytes) => write_hex(bytes, out),
        ValueRef::Uuid(bytes) => write_hex(&bytes, out),
        ValueRef::Numeric(value) => write!(out, "\"{value}\""),
        ValueRef::Date(Date::INFINITY | Date::NEG_INFINITY)
        | ValueRef::Timestamp(Timestamp::INFINITY | Timestamp::NEG_INFINITY)
        | ValueRef::TimestampTz(Timestamp::INFINITY | Timestamp::NEG_INFINITY) => {
            return Err(Error::data(None, "an infinite time in an array has no form in JSON"));
        }
        ValueRef::Date(date) => {
            out.push('"');
            write_date(date, out);
            out.write_char('"')
        }
        ValueRef::Time(time) => {
            out.push('"');
            write_time(time, out);
            out.write_char('"')
        }
        ValueRef::Timestamp(timestamp) | ValueRef::TimestampTz(timestamp) => {
            let (date, time) = timestamp.to_parts();
            out.push('"');
            write_date(date, out);
            out.push(' ');
            write_time(time, out);
            out.write_str(if matches!(value, ValueRef::TimestampTz(_)) { "+00:00\"" } else { "\"" })
        }
        ValueRef::Inet(inet) | ValueRef::Cidr(inet) => write!(out, "\"{inet}\""),
        ValueRef::Encoded(value) => {
            return value.decode().as_ref().map_or(Ok(()), |value| write_element(value, out));
        }
        ValueRef::TimeTz(_)
        | ValueRef::Array(_)
        | ValueRef::Record(_)
        | ValueRef::Range(_)
        | ValueRef::Map(_)
        | ValueRef::Custom(_)
        | ValueRef::Object(_) => {
            return Err(Error::data(
                None,
                format!("an element of type {} has no form in JSON", value.type_name()),
            ));
        }
    };
    Ok(())
}

/// `YYYY-MM-DD`.
fn write_date(date: Date, out: &mut String) {
    let (year, month, day) = date.to_ymd();
    let _ = write!(out, "{year:04}-{month:02}-{day:02}"); // as above
}

/// `HH:MM:SS.ffffff`, always with six digits, so that the order of the texts is the order of time.
fn write_time(time: Time, out: &mut String) {
    let (hour, minute, second, micros) = time.to_hms();
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}.{micros:06}"); // as above
}

/// RFC 8259 section 7.
fn write_string(text: &str, out: &mut String) -> std::fmt::Result {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            char if char < ' ' => write!(out, "\\u{:04x}", char as u32)?,
            char => out.push(char),
        }
    }
    out.write_char('"')
}

fn write_hex(bytes: &[u8], out: &mut String) -> std::fmt::Result {
    out.push('"');
    for byte in bytes {
        write!(out, "{byte:02X}")?;
    }
    out.write_char('"')
}

/// How arrays of each element type are read.
static FORMATS: LazyLock<Vec<Format>> =
    LazyLock::new(|| ELEMENTS.iter().map(|element| Format::new(*element, Json(*element))).collect());

/// A JSON array of elements of this type.
struct Json(SqlType);

impl Parts for Json {
    fn dimensions(&self, cell: &[u8]) -> Dimensions {
        walk(cell, &mut |_| Ok(())).unwrap_or_default()
    }

    fn first(&self, _cell: &[u8]) -> usize {
        0
    }

    fn part<'a>(&'a self, cell: &'a [u8], _index: usize, offset: usize) -> (ValueRef<'a>, usize) {
        let between = cell[offset..].iter().take_while(|byte| b",[] \t\r\n".contains(byte)).count();
        let read = element(cell, offset + between)
            .and_then(|(raw, next)| typed(raw, self.0).ok().map(|value| (value, next)));
        read.expect("`read` has read every element of this array before")
    }
}

/// Reads a JSON array whose elements are of a type; all of them are checked.
///
/// # Errors
/// `Data`: the text is no JSON array, its lists differ in length, or an element is of another type.
pub fn read(text: &str, element: Element) -> Result<ArrayRef<'_>> {
    let cell = text.as_bytes();
    walk(cell, &mut |raw| typed(raw, element.sql_type()).map(drop))?;
    Ok(ArrayRef::received(cell, &FORMATS[element.index()]))
}

/// An element as it is written.
#[derive(Clone, Copy)]
enum Raw<'a> {
    /// A number, `null`, `true` or `false`.
    Bare(&'a str),
    /// What stands between the quotes.
    Quoted(&'a str),
}

/// Reads everything once and answers the lengths: lists of one level have one length, and hold nothing but lists or
/// nothing but elements.
fn walk<'a>(cell: &'a [u8], each: &mut dyn FnMut(Raw<'a>) -> Result<()>) -> Result<Dimensions> {
    let mut lengths: Vec<Option<usize>> = Vec::new();
    let mut counts: Vec<usize> = Vec::new();
    let mut depth = None;
    let mut at = space(cell, 0);
    loop {
        // Where a value is due.
        match cell.get(at) {
            Some(b'[') if depth.is_none_or(|depth| counts.len() < depth) => {
                if counts.len() == lengths.len() {
                    lengths.push(None);
                }
                counts.push(0);
                at = space(cell, at + 1);
                let is_empty = cell.get(at) == Some(&b']');
                match (is_empty, counts.len()) {
                    (false, _) => continue,
                    (true, 1) if space(cell, at + 1) == cell.len() => return Ok(Dimensions::new()),
                    (true, _) => return Err(no_array()),
                }
            }
            _ => {
                if counts.is_empty() || *depth.get_or_insert(counts.len()) != counts.len() {
                    return Err(no_array());
                }
                let (raw, next) = element(cell, at).ok_or_else(no_array)?;
                each(raw)?;
                at = space(cell, next);
            }
        }
        // Behind a value.
        loop {
            let level = counts.len() - 1;
            counts[level] += 1;
            match cell.get(at) {
                Some(b',') => break at = space(cell, at + 1),
                Some(b']') => {
                    at = space(cell, at + 1);
                    let count = counts.pop().unwrap_or_default();
                    if *lengths[level].get_or_insert(count) != count {
                        return Err(no_array());
                    }
                }
                _ => return Err(no_array()),
            }
            if counts.is_empty() {
                return match at == cell.len() {
                    true => Ok(lengths.into_iter().flatten().collect()),
                    false => Err(no_array()),
                };
            }
        }
    }
}

fn no_array() -> Error {
    Error::data(
        None,
        "expected an array as JSON, with lists of one length in each dimension; the database holds other text",
    )
}

/// The offset behind blanks.
fn space(cell: &[u8], at: usize) -> usize {
    let blanks = cell.get(at..).unwrap_or_default().iter().take_while(|byte| b" \t\r\n".contains(byte));
    at + blanks.count()
}

/// The element at `at` and the offset behind it.
fn element(cell: &[u8], at: usize) -> Option<(Raw<'_>, usize)> {
    let rest = cell.get(at..)?;
    let Some(quoted) = rest.strip_prefix(b"\"") else {
        let length = rest.iter().take_while(|byte| !b",[]\" \t\r\n".contains(byte)).count();
        return Some((Raw::Bare(str::from_utf8(&rest[..length]).ok()?), at + length));
    };
    let mut length = 0;
    loop {
        match quoted.get(length)? {
            b'"' => break,
            b'\\' => length += 2,
            _ => length += 1,
        }
    }
    Some((Raw::Quoted(str::from_utf8(&quoted[..length]).ok()?), at + length + 2))
}

/// The value of an element of type `to`.
fn typed(raw: Raw<'_>, to: SqlType) -> Result<ValueRef<'_>> {
    use SqlType as T;
    let other = || {
        Error::data(None, format!("expected an array of {}, the database holds other elements", to.name()))
    };
    Ok(match (raw, to) {
        (Raw::Bare("null"), _) => ValueRef::Null,
        (Raw::Bare("true" | "1"), T::Bool) => ValueRef::Bool(true),
        (Raw::Bare("false" | "0"), T::Bool) => ValueRef::Bool(false),
        (Raw::Bare(number), T::SmallInt | T::Integer | T::BigInt) => {
            ValueRef::Int(number.parse().map_err(|_| other())?)
        }
        (Raw::Bare(number), T::Real | T::Double) if is_number(number) => {
            ValueRef::Float(number.parse().map_err(|_| other())?)
        }
        (Raw::Bare(number), T::Numeric) if is_number(number) => coerce(ValueRef::Text(number), to)?,
        (Raw::Bare(number), T::Interval) => coerce(ValueRef::Int(number.parse().map_err(|_| other())?), to)?,
        (Raw::Quoted("NaN"), T::Real | T::Double) => ValueRef::Float(f64::NAN),
        (Raw::Quoted(text), T::Text | T::Enum | T::Literal) => match text.contains('\\') {
            false if text.bytes().any(|byte| byte < b' ') => return Err(other()),
            false => ValueRef::Text(text),
            true => ValueRef::Encoded(Encoded::json(text).ok_or_else(other)?),
        },
        (Raw::Quoted(text), T::Bytes) => ValueRef::Encoded(Encoded::hex(text).ok_or_else(other)?),
        (Raw::Quoted(text), to) => coerce(ValueRef::Text(text), to)?,
        _ => return Err(other()),
    })
}

/// True for what begins as a number of JSON does: Rust reads more than those.
fn is_number(text: &str) -> bool {
    text.strip_prefix('-').unwrap_or(text).starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::{Inet, Interval, Numeric, Params, Value};

    fn values(text: &str, element: SqlType) -> Option<(Vec<usize>, Vec<Value>)> {
        let array = read(text, Element::of(element)?).ok()?;
        Some((array.dimensions().to_vec(), array.iter().map(Value::from).collect()))
    }

    #[test]
    fn every_element_comes_back_as_it_was_written() {
        let numeric = Numeric::parse("1.50").unwrap();
        for (element, value) in [
            (SqlType::Bool, ValueRef::Bool(true)),
            (SqlType::BigInt, ValueRef::Int(i64::MIN)),
            (SqlType::Double, ValueRef::Float(1.0)),
            (SqlType::Double, ValueRef::Float(f64::NEG_INFINITY)),
            (SqlType::Text, ValueRef::Text("a\"\\\n\u{1f}ä😀[,]")),
            (SqlType::Bytes, ValueRef::Bytes(b"\x0a\xff")),
            (SqlType::Numeric, ValueRef::Numeric(numeric)),
            (SqlType::Date, ValueRef::Date(Date(0))),
            (SqlType::Time, ValueRef::Time(Time(1))),
            (SqlType::Timestamp, ValueRef::Timestamp(Timestamp(-1))),
            (SqlType::TimestampTz, ValueRef::TimestampTz(Timestamp(1))),
            (SqlType::Interval, ValueRef::Interval(Interval { months: 0, days: 0, micros: -5 })),
            (SqlType::Uuid, ValueRef::Uuid([0xab; 16])),
            (SqlType::Inet, ValueRef::Inet(Inet::new([10, 0, 0, 1].into(), 8).unwrap())),
        ] {
            let mut params = Params::new();
            params.push_nested(element, Dimensions::from_slice(&[2, 1]), [value, ValueRef::Null].into_iter());
            let ValueRef::Array(array) = params.get(0) else { panic!("not an array") };
            let mut text = String::new();
            write(array, &mut text).unwrap();
            assert_eq!(
                values(&text, element).unwrap(),
                (vec![2, 1], vec![value.into(), Value::Null]),
                "{text}"
            );
        }
    }

    #[test]
    fn what_other_programs_write_is_read() {
        assert_eq!(values(" [ 1 ,\n2 ] ", SqlType::Integer).unwrap().1, [Value::Int(1), Value::Int(2)]);
        assert_eq!(values(r#"["\u00e4\ud83d\ude00\/"]"#, SqlType::Text).unwrap().1, ["ä😀/".into()]);
        assert_eq!(values("[1, 0]", SqlType::Bool).unwrap().1, [Value::Bool(true), Value::Bool(false)]);
        assert_eq!(values("[ ]", SqlType::Text).unwrap(), (vec![], vec![]));
    }

    #[test]
    fn what_is_no_array_of_the_type_is_refused() {
        for text in [
            "",
            "1",
            "null",
            "{}",
            "[",
            "]",
            "[1",
            "[1]]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[[1],2]",
            "[1,[2]]",
            "[[1],[2,3]]",
            "[[]]",
            "[[1],[]]",
            "[\"a\"]",
            "[1.5]",
            "[inf]",
            "[true]",
            "[1][2]",
            "[\"",
            "[\"\\",
        ] {
            assert_eq!(values(text, SqlType::Integer), None, "{text}");
        }
        for text in [r#"["\ud800"]"#, r#"["\x"]"#, "[\"\n\"]", "[a]"] {
            assert_eq!(values(text, SqlType::Text), None, "{text}");
        }
        assert_eq!(values("[inf]", SqlType::Double), None);
        assert_eq!(values(r#"["0g"]"#, SqlType::Bytes), None);
    }

    proptest! {
        #[test]
        fn any_text_is_an_array_or_an_error(text in "[\\[\\],1a \"\\\\]{0,14}", index in 0..ELEMENTS.len()) {
            if let Some((lengths, values)) = values(&text, ELEMENTS[index]) {
                prop_assert_eq!(if lengths.is_empty() { 0 } else { lengths.iter().product() }, values.len());
            }
        }
    }
}
