//! Values as SQLite stores them: what each parameter becomes, and what a storage class reads as.
//!
//! | value | stored as |
//! |---|---|
//! | bool | INTEGER 0 or 1 |
//! | int | INTEGER |
//! | float | REAL; NaN is refused (SQLite would store NULL) |
//! | text, JSON, enum label | TEXT |
//! | bytes | BLOB |
//! | numeric | TEXT, plain decimal; NaN and infinities are refused |
//! | date | TEXT `YYYY-MM-DD` |
//! | time | TEXT `HH:MM:SS.ffffff` |
//! | timestamp | TEXT `YYYY-MM-DD HH:MM:SS.ffffff` |
//! | timestamp with time zone | TEXT `YYYY-MM-DD HH:MM:SS.ffffff+00:00` |
//! | interval | INTEGER microseconds, a day being 24 hours; months are refused |
//! | UUID | BLOB of 16 bytes |
//! | array | TEXT, the [JSON array](json_array) of a column, or for `json_each(?)` |
//!
//! Fractions of a second always have six digits, so that the order of the texts is the order of time.

use std::fmt::Write;

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{ArrayRef, Date, Interval, Numeric, Time, Timestamp, ValueRef, json_array};
use rusqlite::types::{ToSqlOutput, ValueRef as Stored};

/// The stored form of `value`. Text that has to be made is made in `scratch`.
///
/// # Errors
/// `Data` for what SQLite has no form for.
pub(crate) fn stored<'a>(value: ValueRef<'a>, scratch: &'a mut String) -> Result<ToSqlOutput<'a>> {
    scratch.clear();
    let direct = match value {
        ValueRef::Null => Stored::Null,
        ValueRef::Bool(value) => Stored::Integer(value.into()),
        ValueRef::Int(value) => Stored::Integer(value),
        ValueRef::Float(value) => Stored::Real(not_nan(value)?),
        ValueRef::Text(text) | ValueRef::Json(text) => Stored::Text(text.as_bytes()),
        ValueRef::Bytes(bytes) => Stored::Blob(bytes),
        ValueRef::Interval(interval) => Stored::Integer(micros(interval)?),
        ValueRef::Uuid(bytes) => {
            return Ok(ToSqlOutput::Owned(rusqlite::types::Value::Blob(bytes.to_vec())));
        }
        ValueRef::Array(array) => {
            write_array(array, scratch)?;
            Stored::Text(scratch.as_bytes())
        }
        ValueRef::Encoded(value) => {
            return match value.decode().as_ref() {
                Some(ValueRef::Text(text)) => Ok(ToSqlOutput::Owned(text.to_owned().into())),
                _ => Err(Error::data(None, "an element of an array holds an array")),
            };
        }
        ValueRef::TimeTz(_) | ValueRef::Inet(_) | ValueRef::Cidr(_) => {
            let feature = format!("a value of type {} on SQLite", value.type_name());
            return Err(Error::unsupported(feature, "bind it as text"));
        }
        ValueRef::Object(object) => return Err(object.refused()),
        ValueRef::Record(_) | ValueRef::Range(_) | ValueRef::Map(_) | ValueRef::Custom(_) => {
            return Err(no_form(value));
        }
        ValueRef::Numeric(_)
        | ValueRef::Date(_)
        | ValueRef::Time(_)
        | ValueRef::Timestamp(_)
        | ValueRef::TimestampTz(_) => {
            write_text(value, scratch)?;
            Stored::Text(scratch.as_bytes())
        }
    };
    Ok(ToSqlOutput::Borrowed(direct))
}

/// A stored value as its storage class; TEXT is checked to be UTF-8.
pub(crate) fn loaded(stored: Stored<'_>) -> Result<ValueRef<'_>> {
    Ok(match stored {
        Stored::Null => ValueRef::Null,
        Stored::Integer(value) => ValueRef::Int(value),
        Stored::Real(value) => ValueRef::Float(value),
        Stored::Text(bytes) => ValueRef::Text(utf8(bytes)?),
        Stored::Blob(bytes) => ValueRef::Bytes(bytes),
    })
}

/// Text of the database: nothing keeps other programs from storing any bytes in it.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Error::data(
            None,
            format!("expected text, the database holds bytes that are not UTF-8 (from byte {at})"),
        )
    })
}

/// The types that are stored as text made from them.
fn write_text(value: ValueRef<'_>, out: &mut String) -> Result<()> {
    match value {
        ValueRef::Numeric(value) => {
            finite(value)?;
            value.write_to(out);
            Ok(())
        }
        ValueRef::Date(date) => write_date(date, out),
        ValueRef::Time(time) => {
            write_time(time, out);
            Ok(())
        }
        ValueRef::Timestamp(timestamp) => write_timestamp(timestamp, out),
        ValueRef::TimestampTz(timestamp) => {
            write_timestamp(timestamp, out)?;
            out.push_str("+00:00");
            Ok(())
        }
        other => Err(no_form(other)),
    }
}

fn no_form(value: ValueRef<'_>) -> Error {
    Error::data(None, format!("SQLite has no form for a value of type {}", value.type_name()))
}

fn finite(value: Numeric<'_>) -> Result<()> {
    if value.is_special() {
        return Err(Error::data(None, "expected a finite NUMERIC: SQLite stores neither NaN nor infinity"));
    }
    Ok(())
}

fn years(date: Date) -> Result<()> {
    if !(1..=9999).contains(&date.to_ymd().0) {
        return Err(Error::data(None, "expected a date of the years 1 to 9999"));
    }
    Ok(())
}

fn write_date(date: Date, out: &mut String) -> Result<()> {
    years(date)?;
    let (year, month, day) = date.to_ymd();
    let _ = write!(out, "{year:04}-{month:02}-{day:02}"); // writing to a String cannot fail
    Ok(())
}

fn write_time(time: Time, out: &mut String) {
    let (hour, minute, second, micros) = time.to_hms();
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}.{micros:06}"); // as above
}

fn write_timestamp(timestamp: Timestamp, out: &mut String) -> Result<()> {
    let (date, time) = timestamp.to_parts();
    write_date(date, out)?;
    out.push(' ');
    write_time(time, out);
    Ok(())
}

fn micros(interval: Interval) -> Result<i64> {
    if interval.months != 0 {
        return Err(Error::data(
            None,
            "an INTERVAL with months has no fixed length: SQLite stores microseconds",
        ));
    }
    interval.total_micros().ok_or_else(|| Error::data(None, "an INTERVAL of more than 2^63 microseconds"))
}

fn not_nan(value: f64) -> Result<f64> {
    if value.is_nan() {
        return Err(Error::data(None, "expected a number: SQLite would store NaN as NULL"));
    }
    Ok(value)
}

/// A JSON array, of elements that SQLite has a form for.
fn write_array(array: ArrayRef<'_>, out: &mut String) -> Result<()> {
    for value in array.iter() {
        match value {
            ValueRef::Float(value) => drop(not_nan(value)?),
            ValueRef::Numeric(value) => finite(value)?,
            ValueRef::Interval(value) => drop(micros(value)?),
            ValueRef::Date(date) => years(date)?,
            ValueRef::Timestamp(value) | ValueRef::TimestampTz(value) => years(value.to_parts().0)?,
            _ => {}
        }
    }
    json_array::write(array, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ormkit_core::value::{Params, SqlType};

    fn text(value: ValueRef<'_>) -> String {
        let mut scratch = String::new();
        match stored(value, &mut scratch).unwrap() {
            ToSqlOutput::Borrowed(Stored::Text(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("not text: {other:?}"),
        }
    }

    fn refused(value: ValueRef<'_>) -> bool {
        stored(value, &mut String::new()).is_err()
    }

    #[test]
    fn times_are_written_at_one_width() {
        let noon = Timestamp::parse("2024-03-01 12:00").unwrap();
        assert_eq!(text(ValueRef::TimestampTz(noon)), "2024-03-01 12:00:00.000000+00:00");
        assert_eq!(text(ValueRef::Timestamp(noon)), "2024-03-01 12:00:00.000000");
        assert_eq!(text(ValueRef::Time(Time(1))), "00:00:00.000001");
        assert_eq!(text(ValueRef::Date(Date(0))), "1970-01-01");
    }

    #[test]
    fn what_has_no_form_is_refused() {
        assert!(refused(ValueRef::Float(f64::NAN)));
        assert!(refused(ValueRef::Numeric(Numeric::parse("NaN").unwrap())));
        assert!(refused(ValueRef::Interval(Interval { months: 1, days: 0, micros: 0 })));
        assert!(refused(ValueRef::Interval(Interval { months: 0, days: i32::MAX, micros: 0 })));
        assert!(refused(ValueRef::Timestamp(Timestamp(i64::MIN))));
    }

    #[test]
    fn arrays_are_json() {
        let mut params = Params::new();
        let values = [
            ValueRef::Int(-1),
            ValueRef::Null,
            ValueRef::Bool(true),
            ValueRef::Float(1.0),
            ValueRef::Text("a\"\\\n"),
            ValueRef::Bytes(b"\x0a\xff"),
            ValueRef::Numeric(Numeric::parse("1.50").unwrap()),
        ];
        params.push_array(SqlType::Unknown, values);
        assert_eq!(text(params.get(0)), r#"[-1,null,true,1.0,"a\"\\\u000a","0AFF","1.50"]"#);
    }
}
