//! Dates and times as integers, and their ISO-8601 text. Proleptic Gregorian calendar, years 1 to 9999.

use std::fmt::{self, Write};

use crate::error::{Error, Result};

const DAY_MICROS: i64 = 86_400_000_000;

/// A day: days since 1970-01-01. The least and the greatest are the infinite ones of PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

impl Date {
    /// After every other day: PostgreSQL's `infinity`.
    pub const INFINITY: Self = Self(i32::MAX);
    /// Before every other day: PostgreSQL's `-infinity`.
    pub const NEG_INFINITY: Self = Self(i32::MIN);
}

/// A time of day: microseconds since midnight, below 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A time of day and how far the zone's clocks are ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeTz {
    /// The time that the zone's clocks show.
    pub time: Time,
    /// Seconds east of UTC.
    pub offset: i32,
}

/// A point in time: microseconds since 1970-01-01 00:00, in UTC or in no zone at all. The least and the greatest are the
/// infinite ones of PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// After every other time: PostgreSQL's `infinity`.
    pub const INFINITY: Self = Self(i64::MAX);
    /// Before every other time: PostgreSQL's `-infinity`.
    pub const NEG_INFINITY: Self = Self(i64::MIN);
}

/// A span in PostgreSQL's three independent parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Calendar months.
    pub months: i32,
    /// Calendar days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

impl Interval {
    /// Days of 24 hours and microseconds together; None for months, which have no fixed length, and beyond 64 bits.
    pub fn total_micros(self) -> Option<i64> {
        let days = i64::from(self.days).checked_mul(DAY_MICROS).filter(|_| self.months == 0);
        days.and_then(|days| days.checked_add(self.micros))
    }

    /// Months, days, microseconds, big-endian in 4, 4 and 8 bytes.
    pub fn to_be_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.months.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.days.to_be_bytes());
        bytes[8..].copy_from_slice(&self.micros.to_be_bytes());
        bytes
    }

    /// The inverse of [`to_be_bytes`](Self::to_be_bytes).
    pub fn from_be_bytes(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, micros @ ..] = bytes;
        Self {
            months: i32::from_be_bytes([a, b, c, d]),
            days: i32::from_be_bytes([e, f, g, h]),
            micros: i64::from_be_bytes(micros),
        }
    }
}

impl TimeTz {
    /// Microseconds and offset, big-endian in 8 and 4 bytes.
    pub fn to_be_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.time.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.offset.to_be_bytes());
        bytes
    }

    /// The inverse of [`to_be_bytes`](Self::to_be_bytes).
    pub fn from_be_bytes(bytes: [u8; 12]) -> Self {
        let [time @ .., a, b, c, d] = bytes;
        Self { time: Time(i64::from_be_bytes(time)), offset: i32::from_be_bytes([a, b, c, d]) }
    }
}

impl Date {
    /// From year (1 to 9999), month and day; None where there is no such day.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || day < 1
            || day > month_days(year, month)
        {
            return None;
        }
        // Days from civil, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let y = i64::from(if month <= 2 { year - 1 } else { year });
        let era = y.div_euclid(400);
        let yoe = y.rem_euclid(400);
        let doy = (153 * i64::from((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        Some(Self((era * 146_097 + doe - 719_468) as i32))
    }

    /// Year, month and day. The year may lie outside 1 to 9999: the host's range is the host's to check.
    pub fn to_ymd(self) -> (i32, u32, u32) {
        let z = i64::from(self.0) + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
        let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
        let year = (yoe + era * 400) as i32 + i32::from(month <= 2);
        (year, month, day)
    }

    /// Reads `YYYY-MM-DD`; a time behind it is refused unless it is midnight.
    pub fn parse(text: &str) -> Result<Self> {
        let mut scan = Scan::new(text);
        let date = scan.date().ok_or_else(|| bad("a date as YYYY-MM-DD"))?;
        if !scan.done() && !scan.time_part().is_some_and(|time| time.0 == 0 && scan.done()) {
            return Err(bad("a date as YYYY-MM-DD"));
        }
        Ok(date)
    }
}

impl Time {
    /// Hours, minutes, seconds, microseconds.
    pub fn to_hms(self) -> (u32, u32, u32, u32) {
        let seconds = self.0 / 1_000_000;
        (
            (seconds / 3600) as u32,
            (seconds / 60 % 60) as u32,
            (seconds % 60) as u32,
            (self.0 % 1_000_000) as u32,
        )
    }

    /// Reads `HH:MM[:SS[.ffffff]]`.
    pub fn parse(text: &str) -> Result<Self> {
        let mut scan = Scan::new(text);
        scan.time().filter(|_| scan.done()).ok_or_else(|| bad("a time as HH:MM:SS.ffffff"))
    }
}

impl Timestamp {
    /// From a day and a time of day.
    pub fn from_parts(date: Date, time: Time) -> Self {
        Self(i64::from(date.0) * DAY_MICROS + time.0)
    }

    /// The day and the time of day. Days are clamped to what an i32 holds.
    pub fn to_parts(self) -> (Date, Time) {
        (Date(self.0.div_euclid(DAY_MICROS) as i32), Time(self.0.rem_euclid(DAY_MICROS)))
    }

    /// From whole seconds since 1970.
    pub fn from_epoch_seconds(seconds: i64) -> Result<Self> {
        seconds.checked_mul(1_000_000).map(Self).ok_or_else(|| bad("seconds since 1970 within range"))
    }

    /// Reads `YYYY-MM-DD[( |T)HH:MM[:SS[.ffffff]]]` without a zone.
    pub fn parse(text: &str) -> Result<Self> {
        match zoned(text) {
            Some((timestamp, None)) => Ok(timestamp),
            _ => Err(bad("a timestamp without time zone as YYYY-MM-DD HH:MM:SS.ffffff")),
        }
    }

    /// The same with a zone (`Z`, `+HH[:MM]`), answered in UTC; text without one is UTC.
    pub fn parse_utc(text: &str) -> Result<Self> {
        let (timestamp, offset) =
            zoned(text).ok_or_else(|| bad("a timestamp as YYYY-MM-DD HH:MM:SS.ffffff+00:00"))?;
        Ok(Self(timestamp.0 - offset.unwrap_or(0)))
    }
}

/// A timestamp and its offset from UTC in microseconds, where one is written.
fn zoned(text: &str) -> Option<(Timestamp, Option<i64>)> {
    let mut scan = Scan::new(text);
    let date = scan.date()?;
    if scan.done() {
        return Some((Timestamp::from_parts(date, Time(0)), None));
    }
    let time = scan.time_part()?;
    let offset = if scan.done() { None } else { Some(scan.offset()?) };
    scan.done().then_some((Timestamp::from_parts(date, time), offset))
}

fn month_days(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn bad(expected: &str) -> Error {
    Error::data(None, format!("expected {expected}, the database holds other text"))
}

/// Reads digits and marks from the front of a text.
struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes() }
    }

    fn done(&self) -> bool {
        self.rest.is_empty()
    }

    fn number(&mut self, digits: usize) -> Option<u32> {
        let (head, rest) = self.rest.split_at_checked(digits)?;
        let number = head
            .iter()
            .try_fold(0, |sum: u32, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))?;
        self.rest = rest;
        Some(number)
    }

    fn mark(&mut self, marks: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        marks.contains(first).then(|| {
            self.rest = rest;
            *first
        })
    }

    fn date(&mut self) -> Option<Date> {
        let year = self.number(4)?;
        self.mark(b"-")?;
        let month = self.number(2)?;
        self.mark(b"-")?;
        Date::from_ymd(year as i32, month, self.number(2)?)
    }

    fn time_part(&mut self) -> Option<Time> {
        self.mark(b" T")?;
        self.time()
    }

    fn time(&mut self) -> Option<Time> {
        let hour = self.number(2)?;
        self.mark(b":")?;
        let minute = self.number(2)?;
        let second = if self.mark(b":").is_some() { self.number(2)? } else { 0 };
        let micros = if self.mark(b".").is_some() { self.fraction()? } else { 0 };
        (hour < 24 && minute < 60 && second < 60)
            .then(|| Time((i64::from(hour * 3600 + minute * 60 + second)) * 1_000_000 + i64::from(micros)))
    }

    /// Digits behind the point; those past the sixth are cut.
    fn fraction(&mut self) -> Option<u32> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let kept = digits.min(6);
        let value = self.number(kept)? * 10_u32.pow(6 - kept as u32);
        self.rest = &self.rest[digits - kept..];
        Some(value)
    }

    /// `Z`, `+HH`, `+HHMM` or `+HH:MM`, in microseconds.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.mark(b"Zz+-")? {
            b'-' => -1,
            b'+' => 1,
            _ => return Some(0),
        };
        let hours = self.number(2)?;
        let minutes = if self.done() {
            0
        } else {
            self.mark(b":");
            self.number(2)?
        };
        Some(sign * i64::from(hours * 60 + minutes) * 60_000_000)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::INFINITY => return f.write_str("infinity"),
            Self::NEG_INFINITY => return f.write_str("-infinity"),
            _ => {}
        }
        let (year, month, day) = self.to_ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second, micros) = self.to_hms();
        write!(f, "{hour:02}:{minute:02}:{second:02}")?;
        match micros {
            0 => Ok(()),
            _ => write!(f, ".{micros:06}"),
        }
    }
}

/// `HH:MM:SS[.ffffff]+HH:MM:SS`
impl fmt::Display for TimeTz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, offset) = (if self.offset < 0 { '-' } else { '+' }, self.offset.unsigned_abs());
        let (hours, minutes, seconds) = (offset / 3600, offset / 60 % 60, offset % 60);
        write!(f, "{}{sign}{hours:02}:{minutes:02}:{seconds:02}", self.time)
    }
}

/// `YYYY-MM-DD HH:MM:SS[.ffffff]`, without a zone: a writer of UTC appends `+00:00`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::INFINITY => return f.write_str("infinity"),
            Self::NEG_INFINITY => return f.write_str("-infinity"),
            _ => {}
        }
        let (date, time) = self.to_parts();
        date.fmt(f)?;
        f.write_char(' ')?;
        time.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        assert_eq!(Date::from_ymd(1970, 1, 1), Some(Date(0)));
        assert_eq!(Date::from_ymd(2000, 2, 29), Some(Date(11_016)));
        assert_eq!(Date::from_ymd(1, 1, 1).unwrap().to_ymd(), (1, 1, 1));
        assert_eq!(Date::from_ymd(2023, 2, 29), None);
    }

    #[test]
    fn times_in_a_zone_show_every_second_of_its_offset() {
        let time = TimeTz { time: Time(3_600_000_001), offset: -(5 * 3600 + 30 * 60 + 7) };
        assert_eq!(time.to_string(), "01:00:00.000001-05:30:07");
        assert_eq!(TimeTz::from_be_bytes(time.to_be_bytes()), time);
    }

    #[test]
    fn offsets_are_taken_off() {
        let utc = Timestamp::parse_utc("2024-03-01 12:00:00.5+02:30").unwrap();
        assert_eq!(utc.to_string(), "2024-03-01 09:30:00.500000");
        assert_eq!(Timestamp::parse_utc("2024-03-01T09:30:00.5Z").unwrap(), utc);
        assert!(Timestamp::parse("2024-03-01 12:00:00+02").is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "2024-13-01", "2024-01-01 24:00", "2024-01-01 10:00:00.", "24-01-01", "2024-01-01x"]
        {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            let timestamp = Timestamp(micros);
            prop_assert_eq!(Timestamp::parse(&timestamp.to_string()).unwrap(), timestamp);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = Timestamp::parse_utc(&text);
            let _ = Time::parse(&text);
            let _ = Date::parse(&text);
        }
    }
}
