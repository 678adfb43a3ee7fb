//! Dates and times in binary: days and microseconds since 2000-01-01.

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{Date, Interval, Time, TimeTz, Timestamp};

use super::fixed;

/// 2000-01-01 in days since 1970-01-01.
const EPOCH_DAYS: i32 = 10_957;
const DAY_MICROS: i64 = 86_400_000_000;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * DAY_MICROS;

/// 0001-01-01 and 9999-12-31 in days since 1970-01-01.
const DAYS: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;

pub(crate) fn date(bytes: &[u8]) -> Result<Date> {
    let days = i32::from_be_bytes(fixed(bytes, "date")?);
    if days == i32::MAX || days == i32::MIN {
        return Ok(Date(days)); // the infinite ones
    }
    match days.checked_add(EPOCH_DAYS) {
        Some(days) if DAYS.contains(&days) => Ok(Date(days)),
        _ => Err(far("date")),
    }
}

pub(crate) fn time(bytes: &[u8]) -> Result<Time> {
    let micros = i64::from_be_bytes(fixed(bytes, "time")?);
    match micros {
        0..DAY_MICROS => Ok(Time(micros)),
        DAY_MICROS => Err(Error::data(None, "the time 24:00:00 has no equal among times of a day")),
        _ => Err(super::malformed("time")),
    }
}

/// Microseconds, then the zone in seconds west of UTC.
pub(crate) fn time_tz(bytes: &[u8]) -> Result<TimeTz> {
    let [micros @ .., a, b, c, d] = fixed::<12>(bytes, "time with time zone")?;
    match i32::from_be_bytes([a, b, c, d]) {
        west @ -86_399..=86_399 => Ok(TimeTz { time: time(&micros)?, offset: -west }),
        _ => Err(super::malformed("time with time zone")),
    }
}

pub(crate) fn timestamp(bytes: &[u8]) -> Result<Timestamp> {
    let micros = i64::from_be_bytes(fixed(bytes, "timestamp")?);
    if micros == i64::MAX || micros == i64::MIN {
        return Ok(Timestamp(micros)); // the infinite ones
    }
    match micros.checked_add(EPOCH_MICROS) {
        Some(micros) if in_years(micros) => Ok(Timestamp(micros)),
        _ => Err(far("timestamp")),
    }
}

fn in_years(micros: i64) -> bool {
    let first = i64::from(*DAYS.start()) * DAY_MICROS;
    let last = (i64::from(*DAYS.end()) + 1) * DAY_MICROS;
    (first..last).contains(&micros)
}

/// Microseconds, days, months.
pub(crate) fn interval(bytes: &[u8]) -> Result<Interval> {
    let [micros @ .., a, b, c, d, e, f, g, h] = fixed::<16>(bytes, "interval")?;
    Ok(Interval {
        micros: i64::from_be_bytes(micros),
        days: i32::from_be_bytes([a, b, c, d]),
        months: i32::from_be_bytes([e, f, g, h]),
    })
}

pub(crate) fn encode_date(date: Date, out: &mut Vec<u8>) -> Result<()> {
    let days = match date {
        Date::INFINITY | Date::NEG_INFINITY => Some(date.0),
        Date(days) => days.checked_sub(EPOCH_DAYS).filter(|days| *days != i32::MIN),
    };
    out.extend_from_slice(&days.ok_or_else(|| far("date"))?.to_be_bytes());
    Ok(())
}

pub(crate) fn encode_time(time: Time, out: &mut Vec<u8>) -> Result<()> {
    if !(0..DAY_MICROS).contains(&time.0) {
        return Err(Error::data(None, "a time lies between 00:00 and 24:00"));
    }
    out.extend_from_slice(&time.0.to_be_bytes());
    Ok(())
}

pub(crate) fn encode_time_tz(time: TimeTz, out: &mut Vec<u8>) -> Result<()> {
    encode_time(time.time, out)?;
    // What the server refuses, it refuses by itself; no overflow comes near.
    let west = time.offset.checked_neg().ok_or_else(|| far("zone"))?;
    out.extend_from_slice(&west.to_be_bytes());
    Ok(())
}

pub(crate) fn encode_timestamp(timestamp: Timestamp, out: &mut Vec<u8>) -> Result<()> {
    let micros = match timestamp {
        Timestamp::INFINITY | Timestamp::NEG_INFINITY => Some(timestamp.0),
        Timestamp(micros) => micros.checked_sub(EPOCH_MICROS).filter(|micros| *micros != i64::MIN),
    };
    out.extend_from_slice(&micros.ok_or_else(|| far("timestamp"))?.to_be_bytes());
    Ok(())
}

pub(crate) fn encode_interval(interval: Interval, out: &mut Vec<u8>) {
    out.extend_from_slice(&interval.micros.to_be_bytes());
    out.extend_from_slice(&interval.days.to_be_bytes());
    out.extend_from_slice(&interval.months.to_be_bytes());
}

fn far(name: &str) -> Error {
    Error::data(None, format!("a {name} outside the years 1 to 9999"))
}

#[cfg(test)]
mod tests {
    use ormkit_core::error::ErrorClass;

    use super::*;

    #[test]
    fn epochs_are_thirty_years_apart() {
        assert_eq!(date(&0_i32.to_be_bytes()).unwrap().to_ymd(), (2000, 1, 1));
        assert_eq!(timestamp(&0_i64.to_be_bytes()).unwrap().to_string(), "2000-01-01 00:00:00");
        let mut bytes = Vec::new();
        encode_timestamp(Timestamp(-1), &mut bytes).unwrap();
        assert_eq!(timestamp(&bytes).unwrap(), Timestamp(-1));
    }

    #[test]
    fn infinite_times_come_back() {
        let mut bytes = Vec::new();
        for day in [Date::INFINITY, Date::NEG_INFINITY] {
            bytes.clear();
            encode_date(day, &mut bytes).unwrap();
            assert_eq!(date(&bytes).unwrap(), day);
        }
        for time in [Timestamp::INFINITY, Timestamp::NEG_INFINITY] {
            bytes.clear();
            encode_timestamp(time, &mut bytes).unwrap();
            assert_eq!(timestamp(&bytes).unwrap(), time);
        }
        assert_eq!(Timestamp::NEG_INFINITY.to_string(), "-infinity");
    }

    #[test]
    fn what_no_host_holds_is_a_data_error() {
        let errors = [
            date(&(-800_000_i32).to_be_bytes()).unwrap_err(),
            timestamp(&(i64::MAX - 1).to_be_bytes()).unwrap_err(),
            time(&DAY_MICROS.to_be_bytes()).unwrap_err(),
            time_tz(&[&DAY_MICROS.to_be_bytes()[..], &[0; 4]].concat()).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.class(), ErrorClass::DataError, "{error}");
        }
    }

    #[test]
    fn zones_are_east_of_utc() {
        let moment = TimeTz { time: Time(1), offset: 5 * 3600 + 7 };
        let mut bytes = Vec::new();
        encode_time_tz(moment, &mut bytes).unwrap();
        assert_eq!(bytes[8..], (-18_007_i32).to_be_bytes());
        assert_eq!(time_tz(&bytes).unwrap(), moment);
        bytes[8..].copy_from_slice(&86_400_i32.to_be_bytes());
        assert!(time_tz(&bytes).is_err());
    }

    #[test]
    fn intervals_keep_their_three_parts() {
        let parts = Interval { months: 14, days: -3, micros: 5 };
        let mut bytes = Vec::new();
        encode_interval(parts, &mut bytes);
        assert_eq!(interval(&bytes).unwrap(), parts);
    }

    #[test]
    fn years_one_to_9999_are_the_limit() {
        assert_eq!(Date(*DAYS.start()).to_ymd(), (1, 1, 1));
        assert_eq!(Date(*DAYS.end()).to_ymd(), (9999, 12, 31));
    }
}
