//! Values in text form, for parameters whose type only the server knows. Never part of SQL text.

use std::io::Write;

use ormkit_core::error::Result;
use ormkit_core::value::{ArrayRef, MapRef, RangeRef, Timestamp, ValueRef};

/// Appends the text that the server's input functions read. NULL has none and appends nothing.
pub(crate) fn write(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    // Writing to a Vec cannot fail.
    let _ = match value {
        ValueRef::Null => Ok(()),
        ValueRef::Bool(value) => out.write_all(if value { b"t" } else { b"f" }),
        ValueRef::Int(value) => write!(out, "{value}"),
        ValueRef::Float(value) => write!(out, "{value}"),
        ValueRef::Text(text) | ValueRef::Json(text) => return super::bind::write_text(text, out),
        ValueRef::Bytes(bytes) => hex(b"\\x", bytes, out),
        ValueRef::Numeric(value) => write!(out, "{value}"),
        ValueRef::Date(value) => write!(out, "{value}"),
        ValueRef::Time(value) => write!(out, "{value}"),
        ValueRef::Timestamp(value) => write!(out, "{value}"),
        ValueRef::TimestampTz(value @ (Timestamp::INFINITY | Timestamp::NEG_INFINITY)) => {
            write!(out, "{value}")
        }
        ValueRef::TimestampTz(value) => write!(out, "{value}+00:00"),
        ValueRef::Interval(value) => {
            write!(out, "{} months {} days {} microseconds", value.months, value.days, value.micros)
        }
        ValueRef::Uuid(bytes) => hex(b"", &bytes, out),
        ValueRef::TimeTz(value) => write!(out, "{value}"),
        ValueRef::Inet(value) | ValueRef::Cidr(value) => write!(out, "{value}"),
        ValueRef::Encoded(value) => {
            return value.decode().as_ref().map_or(Ok(()), |value| write(value, out));
        }
        ValueRef::Array(array) if matches!(array.iter().next(), Some(ValueRef::Range(_))) => {
            return write_multirange(array, out);
        }
        ValueRef::Array(array) => return write_array(array, out),
        ValueRef::Object(object) => return Err(object.refused()),
        ValueRef::Range(range) => return write_range(range, out),
        ValueRef::Map(map) => return write_map(map, out),
        ValueRef::Record(_) | ValueRef::Custom(_) => {
            return Err(super::bind::unfit("a value without parts", &value));
        }
    };
    Ok(())
}

fn hex(prefix: &[u8], bytes: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
    out.write_all(prefix)?;
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

/// `["a","b")`; a bound that is not there is nothing at all.
fn write_range(range: RangeRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    let (bounds, [lower, upper]) = (range.bounds(), range.ends());
    if bounds.empty {
        out.extend_from_slice(b"empty");
        return Ok(());
    }
    out.push(if bounds.lower { b'[' } else { b'(' });
    write_part(lower, out)?;
    out.push(b',');
    write_part(upper, out)?;
    out.push(if bounds.upper { b']' } else { b')' });
    Ok(())
}

fn write_part(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    if !value.is_null() {
        let mut part = Vec::new();
        write(value, &mut part)?;
        write_quoted(&part, out);
    }
    Ok(())
}

/// `"a"=>"b","c"=>NULL`
fn write_map(map: MapRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_part(ValueRef::Text(key), out)?;
        out.extend_from_slice(b"=>");
        match value {
            Some(value) => write_part(ValueRef::Text(value), out)?,
            None => out.extend_from_slice(b"NULL"),
        }
    }
    Ok(())
}

/// `{["1","2"),["5","6")}`: a list of ranges is a multirange, whose parts stand without quotes.
fn write_multirange(ranges: ArrayRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.push(b'{');
    for (index, range) in ranges.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(range, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// `{"a","b",NULL}`, nested where there are more dimensions: every element quoted, so that none is taken for a brace or
/// for NULL.
fn write_array(array: ArrayRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    let mut element = Vec::new();
    let brackets = array.brackets();
    if array.is_empty() {
        out.extend_from_slice(b"{}");
    }
    for (index, value) in array.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend(std::iter::repeat_n(b'{', brackets.before(index)));
        if value.is_null() {
            out.extend_from_slice(b"NULL");
        } else {
            element.clear();
            write(value, &mut element)?;
            write_quoted(&element, out);
        }
        out.extend(std::iter::repeat_n(b'}', brackets.behind(index)));
    }
    Ok(())
}

pub(crate) fn write_quoted(element: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in element {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use ormkit_core::value::{Bounds, Dimensions, Interval, Params, SqlType, Value};

    use super::*;

    fn text(value: ValueRef<'_>) -> String {
        let mut out = Vec::new();
        write(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_written_as_the_server_reads_them() {
        assert_eq!(text(ValueRef::Bool(true)), "t");
        assert_eq!(text(ValueRef::Float(1e300)).len(), 301);
        assert_eq!(text(ValueRef::Bytes(b"\0\xff")), "\\x00ff");
        let interval = Interval { months: 1, days: -2, micros: 3 };
        assert_eq!(text(ValueRef::Interval(interval)), "1 months -2 days 3 microseconds");
    }

    #[test]
    fn array_elements_are_quoted() {
        let mut params = Params::new();
        let elements =
            [ValueRef::Text("a\"b\\"), ValueRef::Null, ValueRef::Text("NULL"), ValueRef::Text("{,}")];
        params.push_array(SqlType::Enum, elements);
        assert_eq!(text(params.get(0)), r#"{"a\"b\\",NULL,"NULL","{,}"}"#);
        params.push_array(SqlType::Enum, []);
        assert_eq!(text(params.get(1)), "{}");
    }

    #[test]
    fn ranges_and_maps_are_quoted() {
        let bounds = Bounds { empty: false, lower: true, upper: false };
        let range = |lower, upper| Value::Range(Box::new([lower, upper]), bounds);
        let mut params = Params::new();
        range(Value::Int(1), Value::Null).push_to(&mut params);
        Value::Range(Box::new([Value::Null, Value::Null]), Bounds::EMPTY).push_to(&mut params);
        Value::Array(
            SqlType::Unknown,
            vec![range(Value::Int(1), Value::Int(2)), range(Value::Int(5), Value::Null)],
        )
        .push_to(&mut params);
        Value::Map(vec![("a\"".into(), Some("NULL".into())), ("\\".into(), None)]).push_to(&mut params);
        let texts = [0, 1, 2, 3].map(|at| text(params.get(at)));
        assert_eq!(texts, [r#"["1",)"#, "empty", r#"{["1","2"),["5",)}"#, r#""a\""=>"NULL","\\"=>NULL"#]);
    }

    #[test]
    fn dimensions_are_nested_braces() {
        let mut params = Params::new();
        let elements = [1, 2, 3, 4, 5, 6].map(ValueRef::Int);
        params.push_nested(SqlType::Integer, Dimensions::from_slice(&[2, 1, 3]), elements.into_iter());
        assert_eq!(text(params.get(0)), r#"{{{"1","2","3"}},{{"4","5","6"}}}"#);
    }
}
