//! Lists whose parameter turns out to be JSON.

use std::io::Write;

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{ArrayRef, Object, RecordRef, SqlType, ValueRef};

use super::bind::write_text;

/// Appends a list or tuple as JSON text, nested where there are lists in it. JSON elements stand as they are.
///
/// # Errors
/// `Data` for elements that JSON has no form for: times, decimals, bytes, members of an enum, NaN.
pub(crate) fn write(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    // Writing to a Vec cannot fail.
    let _ = match value {
        ValueRef::Null => out.write_all(b"null"),
        ValueRef::Bool(value) => write!(out, "{value}"),
        ValueRef::Int(value) => write!(out, "{value}"),
        // `{:?}` keeps the point or the exponent.
        ValueRef::Float(value) if value.is_finite() => write!(out, "{value:?}"),
        ValueRef::Float(_) => return Err(Error::data(None, "JSON has no form for NaN and infinite floats")),
        ValueRef::Json(text) => return write_text(text, out),
        ValueRef::Text(text) => serde_json::to_writer(out, text).map_err(std::io::Error::from),
        ValueRef::Array(array) => return write_array(array, out),
        ValueRef::Record(record) => return write_record(record, out),
        ValueRef::Object(object) => return Err(object.refused()),
        other => return Err(no_form(other.type_name())),
    };
    Ok(())
}

/// The text that the host makes of a list or tuple of its own.
fn write_own(object: Option<&Object>, out: &mut Vec<u8>) -> Option<Result<()>> {
    let text = object?.to_json()?;
    Some(text.and_then(|text| write_text(&text, out)))
}

fn write_record(record: RecordRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    if let Some(written) = write_own(record.object(), out) {
        return written;
    }
    out.push(b'[');
    for (index, value) in record.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(value, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_array(array: ArrayRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    if let Some(written) = write_own(array.object(), out) {
        return written;
    }
    if array.element_type() == SqlType::Enum {
        return Err(no_form("an enum's member"));
    }
    let brackets = array.brackets();
    if array.is_empty() {
        out.extend_from_slice(b"[]");
    }
    for (index, value) in array.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend(std::iter::repeat_n(b'[', brackets.before(index)));
        write(value, out)?;
        out.extend(std::iter::repeat_n(b']', brackets.behind(index)));
    }
    Ok(())
}

fn no_form(type_name: &str) -> Error {
    Error::data(None, format!("JSON has no form for a value of type {type_name}"))
}

#[cfg(test)]
mod tests {
    use ormkit_core::value::{Dimensions, Numeric, Params};

    use super::*;

    fn json(params: &Params) -> Result<String> {
        let mut out = Vec::new();
        write(params.get(0), &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn dimensions_are_nested_lists() {
        let mut params = Params::new();
        let elements = [ValueRef::Text("a\"\n"), ValueRef::Null, ValueRef::Float(1.0), ValueRef::Bool(true)];
        params.push_nested(SqlType::Unknown, Dimensions::from_slice(&[2, 1, 2]), elements.into_iter());
        assert_eq!(json(&params).unwrap(), r#"[[["a\"\n",null]],[[1.0,true]]]"#);
        params.clear();
        params.push_array(SqlType::Unknown, []);
        assert_eq!(json(&params).unwrap(), "[]");
    }

    #[test]
    fn what_json_has_no_form_for_is_refused() {
        for (element, value) in [
            (SqlType::Unknown, ValueRef::Float(f64::NAN)),
            (SqlType::Unknown, ValueRef::Numeric(Numeric::from(1))),
            (SqlType::Unknown, ValueRef::Bytes(b"x")),
            (SqlType::Enum, ValueRef::Text("red")),
        ] {
            let mut params = Params::new();
            params.push_array(element, [value]);
            assert!(json(&params).is_err(), "{value:?}");
        }
    }
}
