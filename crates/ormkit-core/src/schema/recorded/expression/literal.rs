//! Constants that the server reads, and prints in words of its own: `interval '90 minutes'` as `'01:30:00'::interval`.

/// The text of a constant of a type as it is written in one way; None where it is not read here.
pub(super) fn plain(family: &str, text: &str) -> Option<String> {
    match family {
        "interval" => interval(text),
        "date" => day(text),
        "time without time zone" => clock(text).map(|micros| micros.to_string()),
        "timestamp without time zone" => {
            // A zone is not heeded by the type.
            moment(text).map(|(day, micros, _)| format!("{day} {micros}"))
        }
        "timestamp with time zone" => match moment(text)? {
            (day, micros, Some(offset)) => {
                let micros = micros - offset;
                let days = number_of(&day)? + micros.div_euclid(DAY);
                Some(format!("day {days} {}", micros.rem_euclid(DAY)))
            }
            // It is that of the session, which nobody knows here.
            (_, _, None) => None,
        },
        "uuid" => {
            let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
            (digits.len() == 32).then(|| digits.to_ascii_lowercase())
        }
        "bytea" => text.strip_prefix("\\x").map(|digits| format!("\\x{}", digits.to_ascii_lowercase())),
        "jsonb" => json(text),
        _ => None,
    }
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// What a unit is called, and how many months, days and microseconds it has.
type Unit = (&'static [&'static str], (i64, i64, i64));

const UNITS: [Unit; 10] = [
    (&["microsecond", "us", "usec"], (0, 0, 1)),
    (&["millisecond", "ms", "msec"], (0, 0, 1_000)),
    (&["second", "sec", "s"], (0, 0, 1_000_000)),
    (&["minute", "min", "m"], (0, 0, 60_000_000)),
    (&["hour", "hr", "h"], (0, 0, 3_600_000_000)),
    (&["day", "d"], (0, 1, 0)),
    (&["week", "w"], (0, 7, 0)),
    (&["month", "mon"], (1, 0, 0)),
    (&["year", "yr", "y"], (12, 0, 0)),
    (&["decade"], (120, 0, 0)),
];

/// `1 day 02:00:00`, `90 minutes`, `1.5 hours`: months, days and microseconds, which the server keeps apart.
fn interval(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let (mut months, mut days, mut micros) = (0_i64, 0_i64, 0_i64);
    let mut words = split(&lower).into_iter().peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        if word.contains(':') {
            let (sign, time) = match word.strip_prefix('-') {
                Some(time) => (-1, time),
                None => (1, word.strip_prefix('+').unwrap_or(&word)),
            };
            micros = micros.checked_add(sign * span(time)?)?;
            continue;
        }
        let amount = word.strip_prefix('+').unwrap_or(&word);
        let unit = words.next().unwrap_or_else(|| "second".to_owned());
        let is = |name: &&str| unit == **name || unit.strip_suffix('s') == Some(*name);
        let (_, of) = UNITS.iter().find(|(names, _)| names.iter().any(&is))?;
        match amount.parse::<i64>() {
            Ok(whole) => {
                months = months.checked_add(whole.checked_mul(of.0)?)?;
                days = days.checked_add(whole.checked_mul(of.1)?)?;
                micros = micros.checked_add(whole.checked_mul(of.2)?)?;
            }
            // A part of a month or of a day has rules of its own.
            Err(_) if of.2 > 0 => micros = micros.checked_add(scaled(amount, of.2)?)?,
            Err(_) => return None,
        }
    }
    Some(format!("{months} months {days} days {micros} microseconds"))
}

/// Numbers and words, also where nothing stands between them: `1h`.
fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = word.find(|char: char| char.is_alphabetic()).unwrap_or(word.len());
        words.extend(
            [&word[..unit], &word[unit..]].into_iter().filter(|part| !part.is_empty()).map(str::to_owned),
        );
    }
    words
}

/// A decimal number of units, in microseconds.
fn scaled(amount: &str, unit: i64) -> Option<i64> {
    let (whole, part) = amount.split_once('.')?;
    let negative = whole.starts_with('-');
    let whole: i64 = if whole.trim_start_matches('-').is_empty() { 0 } else { whole.parse().ok()? };
    let digits = (!part.is_empty() && part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(part)?;
    let scale = 10_i64.pow(u32::try_from(digits.len()).ok()?);
    let part = i128::from(digits.parse::<i64>().ok()?) * i128::from(unit);
    // What is smaller than a microsecond is rounded, in a way of the server's own.
    let part = (part % i128::from(scale) == 0).then(|| part / i128::from(scale))?;
    let part = i64::try_from(part).ok()?;
    whole.checked_mul(unit)?.checked_add(if negative { -part } else { part })
}

/// `10:00`, `10:00:00.5`, in microseconds.
fn span(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds = match parts.next() {
        None => 0,
        Some(seconds) if seconds.contains('.') => scaled(seconds, 1_000_000)?,
        Some(seconds) => seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?,
    };
    let is_time = (0..60).contains(&minutes) && (0..60_000_000).contains(&seconds) && hours >= 0;
    let micros = hours.checked_mul(3_600_000_000)?.checked_add(minutes * 60_000_000 + seconds)?;
    (is_time && parts.next().is_none()).then_some(micros)
}

/// A time of the day.
fn clock(text: &str) -> Option<i64> {
    span(text.trim()).filter(|micros| *micros <= DAY)
}

/// `2020-01-05`, `2020-1-5`, `20200105`.
fn day(text: &str) -> Option<String> {
    let text = text.trim();
    let is_bare = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = match is_bare {
        true => vec![&text[..4], &text[4..6], &text[6..]],
        false => text.split('-').collect(),
    };
    let [year, month, day] = parts[..] else { return None };
    let numbers: Option<Vec<u32>> = [year, month, day].iter().map(|part| part.parse().ok()).collect();
    let numbers =
        numbers.filter(|numbers| (1..=12).contains(&numbers[1]) && (1..=31).contains(&numbers[2]))?;
    (year.len() == 4).then(|| format!("{year}-{:02}-{:02}", numbers[1], numbers[2]))
}

/// A day, the microseconds in it, and the zone's distance from UTC in microseconds.
fn moment(text: &str) -> Option<(String, i64, Option<i64>)> {
    let text = text.trim();
    let Some(at) = text.find([' ', 'T', 't']) else { return Some((day(text)?, 0, None)) };
    let (date, time) = (&text[..at], text[at + 1..].trim());
    let zone = time.find(['+', '-', 'Z', 'z']).unwrap_or(time.len());
    let offset = match time[zone..].trim() {
        "" => None,
        "Z" | "z" => Some(0),
        zone => {
            let (sign, zone) = (if zone.starts_with('-') { -1 } else { 1 }, &zone[1..]);
            let zone = match zone.len() {
                1 | 2 => format!("{zone}:00"),
                4 => format!("{}:{}", &zone[..2], &zone[2..]),
                _ => zone.to_owned(),
            };
            Some(sign * span(&zone)?)
        }
    };
    Some((day(date)?, clock(&time[..zone])?, offset))
}

/// Days since a day long ago (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn number_of(day: &str) -> Option<i64> {
    let mut parts = day.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year = if month <= 2 { year - 1 } else { year };
    let shifted = (month + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year)
}

/// `E'a\nb'` as the string that it is, in plain quotes; None for any other, and for escapes by number.
pub(super) fn unescaped(literal: &str) -> Option<String> {
    let inner = literal.strip_prefix(['e', 'E'])?.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut plain = String::from("'");
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next()? {
                'n' => plain.push('\n'),
                't' => plain.push('\t'),
                'r' => plain.push('\r'),
                '\'' => plain.push_str("''"),
                '\\' => plain.push('\\'),
                _ => return None,
            },
            char => plain.push(char),
        }
    }
    plain.push('\'');
    Some(plain)
}

/// JSON in one way, since the server keeps neither the space between its parts nor the order of names (PostgreSQL manual,
/// section 8.14). Numbers of many digits are not looked into.
fn json(text: &str) -> Option<String> {
    let longest = text.split(|char: char| !char.is_ascii_digit()).map(str::len).max();
    let read = (longest? < 16).then(|| serde_json::from_str::<serde_json::Value>(text).ok()).flatten();
    read.map(|value| ordered(&value))
}

fn ordered(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(parts) => {
            let mut parts: Vec<(&String, &serde_json::Value)> = parts.iter().collect();
            parts.sort_by_key(|(name, _)| *name);
            let parts: Vec<String> =
                parts.into_iter().map(|(name, value)| format!("{name:?}:{}", ordered(value))).collect();
            format!("{{{}}}", parts.join(","))
        }
        serde_json::Value::Array(parts) => {
            let parts: Vec<String> = parts.iter().map(ordered).collect();
            format!("[{}]", parts.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_and_what_the_server_prints_for_it_are_the_same() {
        for (family, written, printed) in [
            ("interval", "1 hour", "01:00:00"),
            ("interval", "90 minutes", "01:30:00"),
            ("interval", "1h", "01:00:00"),
            ("interval", "1.5 hours", "01:30:00"),
            ("interval", "2 weeks", "14 days"),
            ("interval", "1 day 2 hours", "1 day 02:00:00"),
            ("interval", "-5 minutes", "-00:05:00"),
            ("interval", "1 year 2 months", "1 year 2 mons"),
            ("interval", "500 ms", "00:00:00.5"),
            ("interval", "30", "00:00:30"),
            ("date", "2020-1-5", "2020-01-05"),
            ("date", "20200105", "2020-01-05"),
            ("time without time zone", "10:00", "10:00:00"),
            ("timestamp without time zone", "2020-01-01", "2020-01-01 00:00:00"),
            ("timestamp without time zone", "2020-01-01T10:00:00.500", "2020-01-01 10:00:00.5"),
            ("timestamp with time zone", "2020-01-01T00:30:00Z", "2019-12-31 23:30:00-01"),
            ("timestamp with time zone", "2020-03-01 00:00:00+0530", "2020-02-29 18:30:00+00"),
            ("uuid", "{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            ("bytea", "\\xDEAD", "\\xdead"),
            (
                "jsonb",
                "{\"bb\":1, \"c\":[{\"z\":1,\"y\":{}}], \"a\":null, \"a\":\"}\"}",
                "{\"a\": \"}\", \"c\": [{\"y\": {}, \"z\": 1}], \"bb\": 1}",
            ),
            ("jsonb", "{\"a b\":[1,2],\"c\":\"\\\" x\"}", "{\"a b\": [1, 2], \"c\": \"\\\" x\"}"),
        ] {
            assert!(plain(family, written).is_some(), "{written}");
            assert_eq!(plain(family, written), plain(family, printed), "{written}");
        }
    }

    #[test]
    fn escapes_are_what_they_stand_for() {
        assert_eq!(unescaped(r"E'a\n\'b\\c''d'").as_deref(), Some("'a\n''b\\c''d'"));
        assert_eq!(
            [unescaped("'a'"), unescaped(r"E'\x41'"), unescaped("E'"), unescaped(r"E'\")],
            [None, None, None, None]
        );
    }

    #[test]
    fn what_is_no_json_stays_as_it_is() {
        for json in ["", "{", "{\"a\"}", "[1 2", "{\"a\":1}}", "[,]", "\"a"] {
            assert_eq!(plain("jsonb", json), None, "{json}");
        }
        assert_eq!(plain("jsonb", "1234567890123456789"), None);
        assert_ne!(plain("jsonb", "[1, 2]"), plain("jsonb", "[2, 1]"));
    }

    #[test]
    fn what_is_another_or_cannot_be_read_is_let_be() {
        for (family, one, other) in [
            ("interval", "1 day", "24 hours"),
            ("interval", "1 month", "30 days"),
            ("timestamp with time zone", "2020-01-01 00:00:00+01", "2020-01-01 00:00:00+00"),
            ("jsonb", "{\"a\": \"x y\"}", "{\"a\": \"xy\"}"),
        ] {
            assert_ne!(plain(family, one), plain(family, other), "{one}");
        }
        for (family, text) in [
            ("interval", ""),
            ("interval", "1 fortnight"),
            ("interval", "1.5 months"),
            ("interval", "9223372036854775807 years"),
            ("timestamp with time zone", "2020-01-01 00:00:00"),
            ("timestamp without time zone", "now"),
            ("date", "infinity"),
            ("date", "2020-13-01"),
            ("text", "1 hour"),
        ] {
            assert_eq!(plain(family, text), None, "{text}");
        }
    }
}
