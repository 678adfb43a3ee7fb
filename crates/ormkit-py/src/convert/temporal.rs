//! Dates, times and spans, made and read through `datetime`'s C interface.
use super::conversion::{self, Beyond, Conversion};
use super::{Place, refused, unfit, unreadable};
use crate::errors::from_py;
use ormkit_core::error::Result;
use ormkit_core::value::{Date, Interval, Time, TimeTz, Timestamp, ValueRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyDate, PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyTime, PyTimeAccess, PyTzInfo, PyTzInfoAccess,
};

const DAY_MICROS: i64 = 86_400_000_000;

/// What a month counts where spans are compared, `interval_cmp_value` of the server's sources.
const MONTH_DAYS: i64 = 30;

/// 0001-01-01 and 9999-12-31.
const DAYS: [Date; 2] = [Date(-719_162), Date(2_932_896)];

/// 0001-01-01 00:00:00.000000.
const FIRST: i64 = -62_135_596_800_000_000;

/// 9999-12-31 23:59:59.999999.
const LAST: i64 = 253_402_300_799_999_999;

fn is_clamped(conversion: Option<&Conversion>) -> bool {
    matches!(conversion::beyond(conversion), Beyond::Clamped | Beyond::Sentinel)
}

/// Python's day for an infinite one.
fn nearest_day(date: Date) -> Option<Date> {
    match date {
        Date::NEG_INFINITY => Some(DAYS[0]),
        Date::INFINITY => Some(DAYS[1]),
        _ => None,
    }
}

/// Python's time for an infinite one.
fn nearest_time(timestamp: Timestamp) -> Option<Timestamp> {
    match timestamp {
        Timestamp::NEG_INFINITY => Some(Timestamp(FIRST)),
        Timestamp::INFINITY => Some(Timestamp(LAST)),
        _ => None,
    }
}

/// The infinite value that Python's least and greatest stand for; any other as it is.
pub(super) fn widened(value: ValueRef<'_>) -> ValueRef<'_> {
    let wide = |timestamp: Timestamp| match timestamp.0 {
        FIRST => Timestamp::NEG_INFINITY,
        LAST => Timestamp::INFINITY,
        _ => timestamp,
    };
    match value {
        ValueRef::Date(date) if date == DAYS[0] => ValueRef::Date(Date::NEG_INFINITY),
        ValueRef::Date(date) if date == DAYS[1] => ValueRef::Date(Date::INFINITY),
        ValueRef::Timestamp(timestamp) => ValueRef::Timestamp(wide(timestamp)),
        ValueRef::TimestampTz(timestamp) => ValueRef::TimestampTz(wide(timestamp)),
        other => other,
    }
}

/// A date; a datetime is none, although Python derives it from one.
pub(super) fn date<'a>(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<ValueRef<'a>> {
    match value.cast::<PyDate>() {
        Ok(date) if !value.is_instance_of::<PyDateTime>() => Ok(ValueRef::Date(day_of(date, place)?)),
        _ => Err(unfit(value, "date", place)),
    }
}

pub(super) fn time<'a>(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<ValueRef<'a>> {
    let Ok(time) = value.cast::<PyTime>() else { return Err(unfit(value, "time", place)) };
    if time.get_tzinfo().is_some() {
        return Err(refused("expected a time without time zone, got one with tzinfo", place));
    }
    Ok(ValueRef::Time(time_of(time)))
}

/// A time whose zone has one offset all the year, in whole seconds.
pub(super) fn time_tz<'a>(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<ValueRef<'a>> {
    let Ok(time) = value.cast::<PyTime>() else { return Err(unfit(value, "time", place)) };
    let offset = time.call_method0(intern!(time.py(), "utcoffset")).map_err(from_py)?;
    let Ok(offset) = offset.cast::<PyDelta>() else {
        let problem = "expected a time with a fixed offset from UTC, got one without: give it a tzinfo such as \
            timezone.utc";
        return Err(refused(problem, place));
    };
    if offset.get_microseconds() != 0 {
        return Err(refused("expected an offset from UTC in whole seconds", place));
    }
    let offset = offset.get_days() * 86_400 + offset.get_seconds(); // below a day, says Python
    Ok(ValueRef::TimeTz(TimeTz { time: time_of(time), offset }))
}

/// A datetime, with a zone where `zoned` says so and without one otherwise.
pub(super) fn timestamp<'a>(
    value: &Bound<'_, PyAny>,
    zoned: bool,
    place: &Place<'_>,
) -> Result<ValueRef<'a>> {
    let Ok(datetime) = value.cast::<PyDateTime>() else { return Err(unfit(value, "datetime", place)) };
    let local = Timestamp::from_parts(day_of(datetime, place)?, time_of(datetime));
    match (offset(datetime)?, zoned) {
        (None, false) => Ok(ValueRef::Timestamp(local)),
        (Some(offset), true) => {
            let utc = local.0 - offset;
            if !(FIRST..=LAST).contains(&utc) {
                return Err(refused("the datetime lies outside of the years 1 to 9999 in UTC", place));
            }
            Ok(ValueRef::TimestampTz(Timestamp(utc)))
        }
        (None, true) => {
            let problem = "expected a datetime with time zone, got a naive one: give it a tzinfo \
                (datetime.now(UTC)), or declare the column DateTime(timezone=False)";
            Err(refused(problem, place))
        }
        (Some(_), false) => {
            let problem = "expected a datetime without time zone, got an aware one: declare the column \
                DateTime(timezone=True), or take its tzinfo off";
            Err(refused(problem, place))
        }
    }
}

/// The offset from UTC in microseconds; None for a naive datetime.
fn offset(datetime: &Bound<'_, PyDateTime>) -> Result<Option<i64>> {
    let py = datetime.py();
    let Some(zone) = datetime.get_tzinfo() else { return Ok(None) };
    if zone.is(PyTzInfo::utc(py).map_err(from_py)?) {
        return Ok(Some(0));
    }
    let offset = datetime.call_method0(intern!(py, "utcoffset")).map_err(from_py)?;
    Ok(offset.cast::<PyDelta>().ok().map(total_micros).map(|micros| micros as i64)) // below a day, says Python
}

/// A timedelta, in days and microseconds.
pub(super) fn interval<'a>(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<ValueRef<'a>> {
    let Ok(delta) = value.cast::<PyDelta>() else { return Err(unfit(value, "timedelta", place)) };
    if i64::try_from(total_micros(delta)).is_err() {
        return Err(refused("expected a timedelta of at most 106,751,991 days, got a longer one", place));
    }
    let micros = i64::from(delta.get_seconds()) * 1_000_000 + i64::from(delta.get_microseconds());
    Ok(ValueRef::Interval(Interval { months: 0, days: delta.get_days(), micros }))
}

fn total_micros(delta: &Bound<'_, PyDelta>) -> i128 {
    let seconds = i128::from(delta.get_days()) * 86_400 + i128::from(delta.get_seconds());
    seconds * 1_000_000 + i128::from(delta.get_microseconds())
}

fn day_of(date: &impl PyDateAccess, place: &Place<'_>) -> Result<Date> {
    Date::from_ymd(date.get_year(), date.get_month().into(), date.get_day().into())
        .ok_or_else(|| refused("the date does not exist", place))
}

fn time_of(time: &impl PyTimeAccess) -> Time {
    let minutes = i64::from(time.get_hour()) * 60 + i64::from(time.get_minute());
    Time((minutes * 60 + i64::from(time.get_second())) * 1_000_000 + i64::from(time.get_microsecond()))
}

pub(super) fn read_date<'py>(
    py: Python<'py>,
    date: Date,
    conversion: Option<&Conversion>,
) -> Result<Bound<'py, PyAny>> {
    let (year, month, day) = date.to_ymd();
    if !(1..=9999).contains(&year) {
        if let (true, Some(end)) = (is_clamped(conversion), nearest_day(date)) {
            return read_date(py, end, None);
        }
        return Err(unreadable(
            "the database holds a date outside of the years 1 to 9999, or an infinite one",
        ));
    }
    // months and days of a calendar fit a byte
    Ok(PyDate::new(py, year, month as u8, day as u8).map_err(from_py)?.into_any())
}

pub(super) fn read_time(py: Python<'_>, time: Time) -> Result<Bound<'_, PyAny>> {
    if !(0..DAY_MICROS).contains(&time.0) {
        return Err(unreadable("the database holds the time 24:00, which Python does not have"));
    }
    let (hour, minute, second, micros) = time.to_hms();
    Ok(PyTime::new(py, hour as u8, minute as u8, second as u8, micros, None).map_err(from_py)?.into_any())
}

pub(super) fn read_time_tz(py: Python<'_>, value: TimeTz) -> Result<Bound<'_, PyAny>> {
    let zone = match value.offset {
        0 => PyTzInfo::utc(py).map_err(from_py)?.to_owned(),
        offset => {
            let offset = PyDelta::new(py, 0, offset, 0, true).map_err(from_py)?;
            PyTzInfo::fixed_offset(py, offset).map_err(from_py)?
        }
    };
    let (hour, minute, second, micros) = value.time.to_hms();
    let time = PyTime::new(py, hour as u8, minute as u8, second as u8, micros, Some(&zone));
    Ok(time.map_err(from_py)?.into_any())
}

pub(super) fn read_timestamp<'py>(
    py: Python<'py>,
    timestamp: Timestamp,
    zoned: bool,
    conversion: Option<&Conversion>,
) -> Result<Bound<'py, PyAny>> {
    if !(FIRST..=LAST).contains(&timestamp.0) {
        if let (true, Some(end)) = (is_clamped(conversion), nearest_time(timestamp)) {
            return read_timestamp(py, end, zoned, None);
        }
        return Err(unreadable(
            "the database holds a timestamp outside of the years 1 to 9999, or an infinite one",
        ));
    }
    let (date, time) = timestamp.to_parts();
    let (year, month, day) = date.to_ymd();
    let (hour, minute, second, micros) = time.to_hms();
    let zone = if zoned { Some(PyTzInfo::utc(py).map_err(from_py)?) } else { None };
    let zone = zone.as_deref();
    let datetime = PyDateTime::new(
        py,
        year,
        month as u8,
        day as u8,
        hour as u8,
        minute as u8,
        second as u8,
        micros,
        zone,
    );
    Ok(datetime.map_err(from_py)?.into_any())
}

pub(super) fn read_interval<'py>(
    py: Python<'py>,
    interval: Interval,
    conversion: Option<&Conversion>,
) -> Result<Bound<'py, PyAny>> {
    let as_days = conversion::beyond(conversion) == Beyond::MonthsAsDays;
    if interval.months != 0 && !as_days {
        return Err(unreadable("the database holds an interval of months, which a timedelta cannot hold"));
    }
    let days = i64::from(interval.months) * MONTH_DAYS
        + i64::from(interval.days)
        + interval.micros.div_euclid(DAY_MICROS);
    let rest = interval.micros.rem_euclid(DAY_MICROS);
    let days = i32::try_from(days).ok().filter(|days| days.unsigned_abs() <= 999_999_999);
    let Some(days) = days else {
        return Err(unreadable("the database holds a longer interval than a timedelta"));
    };
    let (seconds, micros) = ((rest / 1_000_000) as i32, (rest % 1_000_000) as i32);
    Ok(PyDelta::new(py, days, seconds, micros, false).map_err(from_py)?.into_any())
}
