//! Parts of days and times, and arithmetic with them: of what SQLite stores as text, read as rows are read.

use ormkit_core::value::{Date, Time, Timestamp, ValueRef as Core};
use rusqlite::functions::Context;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Result};

use super::{define, text, utf8, wrong};
use crate::value::stored;

pub(super) fn install(connection: &Connection) -> Result<()> {
    define(connection, "ormkit_extract", 2, |context| {
        let (Some(part), Some(time)) = (text(context, 0)?, moment(context.get_raw(1))?) else {
            return Ok(ToSqlOutput::Owned(Value::Null));
        };
        extract(&part, time)
    })?;
    define(connection, "ormkit_shift", 3, |context| {
        let (Some(kind), Some(time), ValueRef::Integer(micros)) =
            (text(context, 0)?, moment(context.get_raw(1))?, context.get_raw(2))
        else {
            return Ok(ToSqlOutput::Owned(Value::Null));
        };
        let moved = time.0.checked_add(micros).map(Timestamp).ok_or_else(out_of_range)?;
        written(match &*kind {
            "date" => Core::Date(moved.to_parts().0),
            "timestamptz" => Core::TimestampTz(moved),
            _ => Core::Timestamp(moved),
        })
    })?;
    define(connection, "ormkit_span", 2, span)
}

/// Microseconds from the second to the first.
fn span(context: &Context<'_>) -> Result<Option<i64>> {
    let (Some(later), Some(earlier)) = (moment(context.get_raw(0))?, moment(context.get_raw(1))?) else {
        return Ok(None);
    };
    later.0.checked_sub(earlier.0).map(Some).ok_or_else(out_of_range)
}

/// What is stored: text of a timestamp in UTC, of a day, or of a time of day (on the first of 1970); or Unix seconds.
pub(super) fn moment(stored: ValueRef<'_>) -> Result<Option<Timestamp>> {
    let read = match stored {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(seconds) => Timestamp::from_epoch_seconds(seconds),
        ValueRef::Text(bytes) => {
            let text = utf8(bytes)?;
            Timestamp::parse_utc(text)
                .or_else(|error| Time::parse(text).map(|time| Timestamp(time.0)).map_err(|_| error))
        }
        _ => return Err(wrong("invalid time: a number with a fraction or bytes")),
    };
    read.map(Some).map_err(|_| wrong("invalid time: expected YYYY-MM-DD HH:MM:SS.ffffff"))
}

fn extract(part: &str, at: Timestamp) -> Result<ToSqlOutput<'static>> {
    let (date, time) = at.to_parts();
    let ((year, month, day), (hour, minute, second, _)) = (date.to_ymd(), time.to_hms());
    // 1970 began on a Thursday.
    let monday_first = (date.0 + 3).rem_euclid(7) + 1;
    let number = match part {
        "year" => year.into(),
        "quarter" => i64::from(month.div_ceil(3)),
        "month" => month.into(),
        "week" => i64::from(day_of_year(thursday(date, monday_first)) - 1) / 7 + 1,
        "isoyear" => thursday(date, monday_first).to_ymd().0.into(),
        "day" => day.into(),
        "doy" => day_of_year(date).into(),
        "dow" => (monday_first % 7).into(),
        "week_day" => (monday_first % 7 + 1).into(),
        "isodow" => monday_first.into(),
        "hour" => hour.into(),
        "minute" => minute.into(),
        "second" => second.into(),
        "microseconds" => time.0.rem_euclid(60_000_000),
        "epoch" => return Ok(ToSqlOutput::Owned(Value::Real(at.0 as f64 / 1e6))),
        "date" => return written(Core::Date(date)),
        "time" => return written(Core::Time(time)),
        other => return Err(wrong(format!("invalid part of a time: {other}"))),
    };
    Ok(ToSqlOutput::Owned(Value::Integer(number)))
}

/// The Thursday of the week of `date`, which decides whose week of ISO 8601 it is.
fn thursday(date: Date, monday_first: i32) -> Date {
    Date(date.0 + 4 - monday_first)
}

fn day_of_year(date: Date) -> i32 {
    let first = Date::from_ymd(date.to_ymd().0, 1, 1).unwrap_or(date);
    date.0 - first.0 + 1
}

/// A value in the form in which parameters are stored.
pub(super) fn written(value: Core<'_>) -> Result<ToSqlOutput<'static>> {
    let mut scratch = String::new();
    if stored(value, &mut scratch).is_err() {
        return Err(out_of_range());
    }
    Ok(ToSqlOutput::Owned(Value::Text(scratch)))
}

#[cold]
fn out_of_range() -> rusqlite::Error {
    wrong("out of range: a date or time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_calendar() {
        let number = |part, text: &str| match extract(part, Timestamp::parse_utc(text).unwrap()).unwrap() {
            ToSqlOutput::Owned(Value::Integer(number)) => number,
            other => panic!("{other:?}"),
        };
        assert_eq!(number("week", "2021-01-03"), 53);
        assert_eq!(number("isoyear", "2021-01-03"), 2020);
        assert_eq!(number("week", "2024-12-30"), 1);
        assert_eq!(number("week_day", "2024-02-25"), 1);
        assert_eq!(number("isodow", "2024-02-25"), 7);
        assert_eq!(number("doy", "2024-12-31"), 366);
        assert_eq!(number("second", "2024-01-01 23:59:59.999999"), 59);
        assert_eq!(number("day", "2024-01-01 00:30:00+01:00"), 31);
    }
}
