//! Exact decimals in a borrowed neutral form: no float on the way.

use std::fmt;

use smallvec::SmallVec;

use crate::error::{Error, Result};

/// The sign of a numeric, and the values that have no digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Zero or above.
    Positive,
    /// Below zero.
    Negative,
    /// Not a number (PostgreSQL only).
    NaN,
    /// Infinity (PostgreSQL 14 and later).
    PositiveInfinity,
    /// Negative infinity (PostgreSQL 14 and later).
    NegativeInfinity,
}

/// A decimal that borrows its digits, in either of the two forms that databases store: decimal text (SQLite, hosts) or
/// base-10,000 groups (PostgreSQL). Each side asks for the form it needs.
#[derive(Clone, Copy)]
pub struct Numeric<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    /// `[-]digits[.digits][E±digits]`, `NaN`, `[-]Infinity`: checked.
    Text(&'a str),
    /// PostgreSQL's binary form without its header: big-endian u16 groups of four decimal digits each.
    Groups {
        sign: Sign,
        weight: i16,
        scale: u16,
        groups: &'a [u8],
    },
    Int(i64),
}

/// The digits in PostgreSQL's form (`numeric_send`): value = Σ `group[i]` × 10,000^(weight − i), shown with `scale`
/// digits behind the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Sign or special value.
    pub sign: Sign,
    /// Power of 10,000 of the first group.
    pub weight: i16,
    /// Decimal digits behind the point.
    pub scale: u16,
    /// Groups, most significant first, without leading and trailing zero groups.
    pub groups: SmallVec<[u16; 12]>,
}

impl<'a> Numeric<'a> {
    /// Checks decimal text: `[+-]digits[.digits][E[+-]digits]`, `NaN`, `[+-]Infinity`.
    pub fn parse(text: &'a str) -> Result<Self> {
        if special(text).is_some() || split(text).is_some() {
            Ok(Self(Form::Text(text)))
        } else {
            Err(Error::data(None, "expected a decimal number, found other text"))
        }
    }

    /// Text that [`parse`](Self::parse) or [`write_to`](Self::write_to) has made sure of.
    pub(crate) fn from_checked_text(text: &'a str) -> Self {
        Self(Form::Text(text))
    }

    /// From PostgreSQL's groups: big-endian u16s, each below 10,000.
    ///
    /// # Errors
    /// An odd number of bytes, or a group of 10,000 and above.
    pub fn from_groups(sign: Sign, weight: i16, scale: u16, groups: &'a [u8]) -> Result<Self> {
        let (pairs, rest) = groups.as_chunks::<2>();
        if !rest.is_empty() || pairs.iter().any(|pair| u16::from_be_bytes(*pair) >= 10_000) {
            return Err(Error::protocol("a numeric has a digit group of 10,000 or above"));
        }
        Ok(Self(Form::Groups { sign, weight, scale, groups }))
    }

    /// True for NaN and the infinities.
    pub fn is_special(&self) -> bool {
        match self.0 {
            Form::Text(text) => special(text).is_some(),
            Form::Groups { sign, .. } => !matches!(sign, Sign::Positive | Sign::Negative),
            Form::Int(_) => false,
        }
    }

    /// Decimal digits before the point without leading zeros, and behind it without trailing ones. None for NaN and the
    /// infinities.
    pub fn digits(&self) -> Option<(i64, i64)> {
        let text = self.to_string();
        let parts = split(&text)?;
        let point = parts.whole.len() as i64 + i64::from(parts.exponent);
        let all = [parts.whole, parts.fraction].concat();
        let used = all.trim_end_matches('0').len() as i64;
        let unused = (all.len() - all.trim_start_matches('0').len()) as i64;
        Some(if used == 0 { (0, 0) } else { ((point - unused).max(0), (used - point).max(0)) })
    }

    /// The value as a column of NUMERIC(precision, scale) holds it: with `scale` digits behind the point, so that equal
    /// values have one text. Text that has to be made is made in `scratch`. NaN is as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::error::ErrorKind::Data) without a place where it does not fit as it is: one database
    /// would round, the other not.
    pub fn fitted<'b>(self, (precision, scale): (u32, u32), scratch: &'b mut String) -> Result<Numeric<'b>>
    where
        'a: 'b,
    {
        let problem = match self.digits() {
            None if self.to_string() == "NaN" => return Ok(self),
            None => format!("NUMERIC({precision}, {scale}) holds no infinity"),
            Some((whole, _)) if whole > i64::from(precision - scale) => format!(
                "NUMERIC({precision}, {scale}) has {} digit(s) before the point, the value has {whole}",
                precision - scale
            ),
            Some((_, fraction)) if fraction > i64::from(scale) => format!(
                "NUMERIC({precision}, {scale}) has {scale} digit(s) behind the point, the value has {fraction}: round \
                 it with quantize()"
            ),
            Some(_) => return Ok(self.at_scale(scale, scratch)),
        };
        Err(Error::data(None, problem))
    }

    /// A finite value with `scale` digits behind the point, of which it needs no more.
    fn at_scale<'b>(self, scale: u32, scratch: &'b mut String) -> Numeric<'b>
    where
        'a: 'b,
    {
        if let Form::Text(text) = self.0
            && has_scale(text, scale)
        {
            return self;
        }
        scratch.clear();
        self.write_to(scratch);
        let kept = scale as usize;
        match (scratch.find('.'), kept) {
            (Some(point), 0) => scratch.truncate(point),
            (Some(point), _) => {
                let digits = scratch.len() - point - 1;
                scratch.extend(std::iter::repeat_n('0', kept.saturating_sub(digits)));
                scratch.truncate(point + 1 + kept);
            }
            (None, 0) => {}
            (None, _) => {
                scratch.push('.');
                scratch.extend(std::iter::repeat_n('0', kept));
            }
        }
        if scratch.starts_with('-') && scratch.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.')) {
            scratch.remove(0);
        }
        Numeric(Form::Text(scratch))
    }

    /// True for two of one value, whatever their digits: `1.0` and `1.00`. NaN is that of itself.
    pub fn is_same_number(&self, other: &Self) -> bool {
        if let (Form::Text(one), Form::Text(two)) = (self.0, other.0)
            && one == two
        {
            return true;
        }
        self.canonical() == other.canonical()
    }

    /// One text for equal values: without zeros that do not count.
    fn canonical(&self) -> String {
        let text = self.to_string();
        let Some(parts) = split(&text) else { return text };
        let (whole, fraction) = (parts.whole.trim_start_matches('0'), parts.fraction.trim_end_matches('0'));
        let sign = if parts.negative && !(whole.is_empty() && fraction.is_empty()) { "-" } else { "" };
        format!("{sign}{whole}.{fraction}")
    }

    /// The value as an integer, where it is one that fits.
    pub fn to_i64(&self) -> Option<i64> {
        match self.0 {
            Form::Int(int) => Some(int),
            _ => {
                let text = self.to_string();
                text.split_once('.').map_or(text.as_str(), |(whole, _)| whole).parse().ok()
            }
        }
    }

    /// Appends plain decimal text (no exponent), or `NaN`, `Infinity`, `-Infinity`.
    pub fn write_to(&self, out: &mut String) {
        match self.0 {
            Form::Int(int) => out.push_str(&int.to_string()),
            Form::Text(text) => write_text(text, out),
            Form::Groups { sign, weight, scale, groups } => write_groups(sign, weight, scale, groups, out),
        }
    }

    /// The digits in PostgreSQL's form.
    ///
    /// # Errors
    /// More digits than a NUMERIC holds (131,072 before, 16,383 behind the point).
    pub fn to_groups(&self) -> Result<Groups> {
        if let Form::Groups { sign, weight, scale, groups } = self.0 {
            let groups = groups.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            return Ok(Groups { sign, weight, scale, groups });
        }
        let mut text = String::new();
        self.write_to(&mut text);
        groups_of(&text)
    }
}

impl From<i64> for Numeric<'_> {
    fn from(int: i64) -> Self {
        Self(Form::Int(int))
    }
}

impl fmt::Display for Numeric<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Form::Text(text) = self.0
            && special(text).is_none()
            && !text.contains(['e', 'E', '+'])
        {
            return f.write_str(text);
        }
        let mut text = String::new();
        self.write_to(&mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for Numeric<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Numeric({self})")
    }
}

/// Equal text: `1.0` and `1.00` differ, as their scales do.
impl PartialEq for Numeric<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// True for plain text that has those digits behind the point and is not below zero, where a sign could be that of zero.
fn has_scale(text: &str, scale: u32) -> bool {
    let point = text.len().checked_sub(scale as usize + usize::from(scale > 0));
    let Some((whole, fraction)) = point.and_then(|point| text.split_at_checked(point)) else { return false };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = whole == "0" || (!whole.is_empty() && !whole.starts_with('0'));
    is_plain && digits(whole) && (scale == 0 || fraction.strip_prefix('.').is_some_and(digits))
}

fn special(text: &str) -> Option<Sign> {
    let (negative, word) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if word.eq_ignore_ascii_case("nan") {
        Some(Sign::NaN)
    } else if word.eq_ignore_ascii_case("infinity") || word.eq_ignore_ascii_case("inf") {
        Some(if negative { Sign::NegativeInfinity } else { Sign::PositiveInfinity })
    } else {
        None
    }
}

/// The parts of a decimal: negative, digits before and behind the point, exponent.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i32,
}

/// The largest exponent that is looked at: a NUMERIC has at most 131,072 digits before the point.
const MAX_EXPONENT: i32 = 200_000;

fn split(text: &str) -> Option<Parts<'_>> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (digits, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    (fits && (-MAX_EXPONENT..=MAX_EXPONENT).contains(&exponent)).then_some(Parts {
        negative,
        whole,
        fraction,
        exponent,
    })
}

fn write_special(sign: Sign, out: &mut String) {
    out.push_str(match sign {
        Sign::NaN => "NaN",
        Sign::PositiveInfinity => "Infinity",
        Sign::NegativeInfinity => "-Infinity",
        Sign::Positive | Sign::Negative => "",
    });
}

fn write_text(text: &str, out: &mut String) {
    if let Some(sign) = special(text) {
        return write_special(sign, out);
    }
    let Some(parts) = split(text) else { return out.push_str(text) };
    if parts.negative {
        out.push('-');
    }
    let digits: String = [parts.whole, parts.fraction].concat();
    let point = parts.whole.len() as i32 + parts.exponent;
    if point <= 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
        out.push_str(&digits);
    } else if point as usize >= digits.len() {
        out.push_str(&digits);
        out.extend(std::iter::repeat_n('0', point as usize - digits.len()));
    } else {
        out.push_str(&digits[..point as usize]);
        out.push('.');
        out.push_str(&digits[point as usize..]);
    }
}

fn write_groups(sign: Sign, weight: i16, scale: u16, groups: &[u8], out: &mut String) {
    use fmt::Write;
    if !matches!(sign, Sign::Positive | Sign::Negative) {
        return write_special(sign, out);
    }
    if sign == Sign::Negative {
        out.push('-');
    }
    let pairs = groups.as_chunks::<2>().0;
    let group = |power: i32| -> u16 {
        let index = i32::from(weight) - power;
        usize::try_from(index)
            .ok()
            .and_then(|index| pairs.get(index))
            .map_or(0, |pair| u16::from_be_bytes(*pair))
    };
    // Writing to a String cannot fail.
    let _ = write!(out, "{}", if weight < 0 { 0 } else { group(weight.into()) });
    for power in (0..i32::from(weight)).rev() {
        let _ = write!(out, "{:04}", group(power));
    }
    if scale > 0 {
        out.push('.');
        let start = out.len();
        for index in 0..i32::from(scale.div_ceil(4)) {
            let _ = write!(out, "{:04}", group(-1 - index));
        }
        out.truncate(start + usize::from(scale));
    }
}

/// Groups of plain decimal text.
fn groups_of(text: &str) -> Result<Groups> {
    let none = |sign| Groups { sign, weight: 0, scale: 0, groups: SmallVec::new() };
    if let Some(sign) = special(text) {
        return Ok(none(sign));
    }
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    if whole.len() > 131_072 || fraction.len() > 16_383 {
        return Err(Error::data(
            None,
            "a NUMERIC holds at most 131,072 digits before the point and 16,383 behind it",
        ));
    }
    let mut groups: SmallVec<[u16; 12]> = SmallVec::new();
    let head = whole.len() % 4;
    if head > 0 {
        groups.push(digits_value(&whole.as_bytes()[..head]));
    }
    groups.extend(whole.as_bytes()[head..].chunks(4).map(digits_value));
    let mut weight = groups.len() as i32 - 1;
    for chunk in fraction.as_bytes().chunks(4) {
        groups.push(digits_value(chunk) * 10_u16.pow(4 - chunk.len() as u32));
    }
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight -= leading as i32;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    if groups.is_empty() {
        weight = 0;
    }
    let sign = if negative && !groups.is_empty() { Sign::Negative } else { Sign::Positive };
    Ok(Groups { sign, weight: weight as i16, scale: fraction.len() as u16, groups })
}

fn digits_value(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |sum, byte| sum * 10 + u16::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn through_groups(text: &str) -> String {
        let groups = Numeric::parse(text).unwrap().to_groups().unwrap();
        let bytes: Vec<u8> = groups.groups.iter().flat_map(|group| group.to_be_bytes()).collect();
        Numeric::from_groups(groups.sign, groups.weight, groups.scale, &bytes).unwrap().to_string()
    }

    #[test]
    fn groups_keep_value_and_scale() {
        for text in
            ["0", "0.00", "1", "-1.50", "12345678.90", "0.0001", "0.00000001", "10000", "-99999999.99999999"]
        {
            assert_eq!(through_groups(text), text);
        }
        assert_eq!(through_groups("NaN"), "NaN");
        assert_eq!(through_groups("-Infinity"), "-Infinity");
    }

    #[test]
    fn equal_values_have_one_text_at_a_scale() {
        let at = |text, scale| Numeric::parse(text).unwrap().at_scale(scale, &mut String::new()).to_string();
        for text in ["2", "2.0", "2.00", "2.000", "+2", "02.0", "200E-2", "0.2e1"] {
            let at = at(text, 2);
            assert_eq!(at.strip_prefix('0').unwrap_or(&at), "2.00", "{text}");
        }
        assert_eq!(at("2.00", 0), "2");
        assert_eq!(at("-0.0", 2), "0.00");
        assert_eq!(at("-0.10", 1), "-0.1");
        assert_eq!(at("1E+3", 1), "1000.0");
        let fits =
            |text| Numeric::parse(text).unwrap().fitted((5, 2), &mut String::new()).map(|it| it.to_string());
        assert_eq!(fits("NaN").unwrap(), "NaN");
        assert_eq!(fits("999.9").unwrap(), "999.90");
        assert!(fits("1000").is_err() && fits("0.001").is_err() && fits("Infinity").is_err());
        assert_eq!(Numeric::from(-7).at_scale(2, &mut String::new()).to_string(), "-7.00");
    }

    #[test]
    fn numbers_are_the_same_whatever_their_digits() {
        let same = |one, two| Numeric::parse(one).unwrap().is_same_number(&Numeric::parse(two).unwrap());
        assert!(same("1", "1.00") && same("-0", "0.0") && same("NaN", "NaN") && same("1e2", "100"));
        assert!(!same("1", "-1") && !same("1.01", "1.1") && !same("10", "1") && !same("NaN", "1"));
    }

    #[test]
    fn exponents_are_written_out() {
        assert_eq!(Numeric::parse("1.5E+3").unwrap().to_string(), "1500");
        assert_eq!(Numeric::parse("-15e-3").unwrap().to_string(), "-0.015");
        assert_eq!(Numeric::parse("1.25e1").unwrap().to_string(), "12.5");
    }

    #[test]
    fn digits_are_those_that_a_column_has_to_hold() {
        let digits = |text| Numeric::parse(text).unwrap().digits();
        assert_eq!(digits("1234.50"), Some((4, 1)));
        assert_eq!(digits("-0.0012"), Some((0, 4)));
        assert_eq!(digits("1.5E3"), Some((4, 0)));
        assert_eq!(digits("15E-3"), Some((0, 3)));
        assert_eq!(digits("0E9"), Some((0, 0)));
        assert_eq!(digits("NaN"), None);
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "-", ".", "1.2.3", "1e", "0x1", "1e999999999", "١"] {
            assert!(Numeric::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_decimal_survives(whole in "0|[1-9][0-9]{0,30}", fraction in "[0-9]{0,30}", negative: bool) {
            let mut text = if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") };
            if negative && text.contains(|c: char| c.is_ascii_digit() && c != '0') {
                text.insert(0, '-');
            }
            prop_assert_eq!(through_groups(&text), text);
        }
    }
}
