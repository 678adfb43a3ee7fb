//! Decimals of any precision, with the digits behind the point that PostgreSQL's NUMERIC has.
//!
//! A sum has as many digits behind the point as the operand with the most, a product those of both, a quotient at least
//! sixteen that count. Halves are rounded away from zero.

use ormkit_core::value::Numeric;

use super::units::{Units, length};

/// Most digits before the point that a NUMERIC has.
const MAX_WHOLE: i64 = 131_072;

/// Most digits behind the point.
const MAX_SCALE: u32 = 16_383;

/// Most digits behind the point of a quotient.
const MAX_QUOTIENT_SCALE: i64 = 1_000;

/// Least digits of a quotient that count.
const QUOTIENT_DIGITS: i64 = 16;

/// Most digits that are rounded to, on either side of the point.
const MAX_ROUNDED: i64 = 2_000;

/// A number of units of 10^-scale; NaN and the infinities are those of a float.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    Finite(Decimal),
    Special(f64),
}

/// A finite number: units of 10^-scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    units: Units,
    scale: u32,
}

/// The result has more digits than a NUMERIC.
#[derive(Debug, PartialEq)]
pub(super) struct TooLarge;

type Result<T> = std::result::Result<T, TooLarge>;

impl Decimal {
    pub(super) const ZERO: Self = Self { units: Units::Small(0), scale: 0 };

    pub(super) fn of_int(int: i128) -> Self {
        Self { units: Units::Small(int), scale: 0 }
    }

    /// Plain decimal text; none of anything else.
    fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = || whole.bytes().chain(fraction.bytes());
        if (whole.is_empty() && fraction.is_empty()) || !all().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let scale = u32::try_from(fraction.len()).ok()?;
        let units = match whole.len() + fraction.len() {
            // below 10^38, which an i128 holds
            0..=38 => Units::Small(all().fold(0, |sum, byte| sum * 10 + i128::from(byte - b'0'))),
            _ => Units::parse(&[whole, fraction].concat())?,
        };
        let units = if negative { Units::Small(0).minus(&units) } else { units };
        Some(Self { units, scale })
    }

    fn is_zero(&self) -> bool {
        self.units == Units::Small(0)
    }

    /// The units of 10^-scale, for a scale that is not below its own.
    fn units_at(&self, scale: u32) -> Units {
        match scale - self.scale {
            0 => self.units.clone(),
            more => self.units.times(&Units::power_of_ten(more)),
        }
    }

    fn both(&self, other: &Self) -> (Units, Units, u32) {
        let scale = self.scale.max(other.scale);
        (self.units_at(scale), other.units_at(scale), scale)
    }

    /// With that many digits behind the point; those of the whole part are lost where it is negative.
    fn divided_to(&self, digits: i64, divide: fn(&Units, &Units) -> Units) -> Self {
        let digits = digits.clamp(-MAX_ROUNDED, MAX_ROUNDED);
        let scale = count(digits);
        let dropped = i64::from(self.scale) - digits;
        if dropped <= 0 {
            return Self { units: self.units_at(scale), scale };
        }
        let units = divide(&self.units, &Units::power_of_ten(count(dropped)));
        let zeros = Units::power_of_ten(count(-digits));
        Self { units: units.times(&zeros), scale }
    }

    pub(super) fn rounded(&self, digits: i64) -> Self {
        self.divided_to(digits, Units::rounded_over)
    }

    pub(super) fn truncated(&self, digits: i64) -> Self {
        self.divided_to(digits, Units::over)
    }

    /// The next integer in that direction: 1 up, -1 down.
    fn whole(&self, direction: i128) -> Self {
        let cut = self.truncated(0);
        let is_cut = cut.units_at(self.scale) != self.units;
        match is_cut && self.units.signum() == direction {
            true => Self { units: cut.units.plus(&Units::Small(direction)), scale: 0 },
            false => cut,
        }
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let (left, right, scale) = self.both(other);
        Self { units: left.plus(&right), scale }
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        let (left, right, scale) = self.both(other);
        Self { units: left.minus(&right), scale }
    }

    fn times(&self, other: &Self) -> Self {
        Self { units: self.units.times(&other.units), scale: self.scale + other.scale }
    }

    /// The divisor is not zero.
    pub(super) fn over(&self, other: &Self) -> Self {
        let scale = quotient_scale(self, other);
        let raised = self.units.times(&Units::power_of_ten(scale + other.scale - self.scale));
        Self { units: raised.rounded_over(&other.units), scale }
    }

    /// The whole part of a quotient. The divisor is not zero.
    fn whole_over(&self, other: &Self) -> Self {
        let (left, right, _) = self.both(other);
        Self { units: left.over(&right), scale: 0 }
    }

    /// The divisor is not zero.
    fn rest(&self, other: &Self) -> Self {
        let (left, right, scale) = self.both(other);
        Self { units: left.rest(&right), scale }
    }

    /// The power of 10,000 of its first group of four digits, counted from the point, and that group.
    fn first_group(&self) -> (i64, u32) {
        let digits = self.units.digits();
        if digits.is_empty() {
            return (0, 0);
        }
        let whole = length(&digits) - i64::from(self.scale);
        let weight = (whole - 1).div_euclid(4);
        let group =
            digits.bytes().chain(std::iter::repeat(b'0')).take((whole - 4 * weight).try_into().unwrap_or(4));
        (weight, group.fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0')))
    }

    /// The same number with so many digits behind the point, none of which is needed for it where there are fewer.
    pub(super) fn with_scale(&self, scale: u32) -> Self {
        self.rounded(scale.into())
    }

    /// The number without what stands behind the point, where it fits.
    pub(super) fn whole_units(&self) -> Option<i128> {
        match self.truncated(0).units {
            Units::Small(units) => Some(units),
            Units::Big(_) => None,
        }
    }

    pub(super) fn scale(&self) -> u32 {
        self.scale
    }

    /// None where it does not fit into NUMERIC(precision, scale), which it is rounded to.
    fn sized(&self, precision: u32, scale: u32) -> Option<Self> {
        let sized = self.rounded(scale.into());
        (sized.units.length() <= i64::from(precision)).then_some(sized)
    }

    /// As many digits as a NUMERIC has.
    pub(super) fn limited(self) -> Result<Self> {
        if self.scale <= MAX_SCALE && matches!(self.units, Units::Small(_)) {
            return Ok(self);
        }
        let scale = self.scale.min(MAX_SCALE);
        let units = self.units.rounded_over(&Units::power_of_ten(self.scale - scale));
        match units.length() - i64::from(scale) > MAX_WHOLE {
            true => Err(TooLarge),
            false => Ok(Self { units, scale }),
        }
    }

    /// A float of the same sign.
    fn signum(&self) -> f64 {
        f64::from(u8::from(!self.is_zero())).copysign(if self.units.is_negative() { -1.0 } else { 1.0 })
    }
}

/// Digits behind the point of a quotient: sixteen that count, by the first groups of four digits of both; not fewer than
/// an operand has (`select_div_scale` of PostgreSQL).
fn quotient_scale(left: &Decimal, right: &Decimal) -> u32 {
    let ((left_weight, left_group), (right_weight, right_group)) = (left.first_group(), right.first_group());
    let weight = left_weight - right_weight - i64::from(left_group <= right_group);
    let least = i64::from(left.scale.max(right.scale));
    count((QUOTIENT_DIGITS - 4 * weight).max(least).min(MAX_QUOTIENT_SCALE.max(least)))
}

/// A number of digits; none where it is negative.
fn count(digits: i64) -> u32 {
    u32::try_from(digits.max(0)).unwrap_or(u32::MAX)
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (digits, scale) = (self.units.digits(), self.scale as usize);
        if self.units.is_negative() {
            f.write_str("-")?;
        }
        let whole = digits.len().saturating_sub(scale);
        f.write_str(if whole == 0 { "0" } else { &digits[..whole] })?;
        match scale {
            0 => Ok(()),
            _ => write!(f, ".{:0>scale$}", &digits[whole..]),
        }
    }
}

impl Number {
    /// Text of a decimal, with an exponent or without; none of other text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(decimal) = Decimal::parse(text) {
            return Some(Self::Finite(decimal));
        }
        let numeric = Numeric::parse(text.trim()).ok()?;
        let text = numeric.to_string();
        Some(match text.as_str() {
            "NaN" => Self::Special(f64::NAN),
            "Infinity" => Self::Special(f64::INFINITY),
            "-Infinity" => Self::Special(f64::NEG_INFINITY),
            plain => Self::Finite(Decimal::parse(plain)?),
        })
    }

    /// The fifteen digits that every float keeps.
    pub(super) fn of_float(float: f64) -> Self {
        if !float.is_finite() {
            return Self::Special(float);
        }
        let text = format!("{float:.14e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
        Self::parse(&format!("{mantissa}e{exponent}")).unwrap_or(Self::Special(float))
    }

    fn float(&self) -> f64 {
        match self {
            Self::Finite(decimal) => decimal.signum(),
            Self::Special(float) => *float,
        }
    }

    fn combined(
        &self,
        other: &Self,
        finite: fn(&Decimal, &Decimal) -> Decimal,
        special: fn(f64, f64) -> f64,
    ) -> Result<Self> {
        match (self, other) {
            (Self::Finite(left), Self::Finite(right)) => finite(left, right).limited().map(Self::Finite),
            _ => Ok(Self::Special(special(self.float(), other.float()))),
        }
    }

    pub(super) fn plus(&self, other: &Self) -> Result<Self> {
        self.combined(other, Decimal::plus, |left, right| left + right)
    }

    pub(super) fn minus(&self, other: &Self) -> Result<Self> {
        self.combined(other, Decimal::minus, |left, right| left - right)
    }

    pub(super) fn times(&self, other: &Self) -> Result<Self> {
        self.combined(other, Decimal::times, |left, right| left * right)
    }

    /// None for a division by zero.
    pub(super) fn over(&self, other: &Self) -> Result<Option<Self>> {
        self.divided(other, Decimal::over, |left, right| left / right)
    }

    /// The whole part of the quotient; None for a division by zero.
    pub(super) fn whole_over(&self, other: &Self) -> Result<Option<Self>> {
        self.divided(other, Decimal::whole_over, |left, right| left / right)
    }

    /// What the whole part of the quotient leaves, with the sign of the dividend; None for a division by zero.
    pub(super) fn rest(&self, other: &Self) -> Result<Option<Self>> {
        match (self, other) {
            (Self::Finite(_), Self::Special(float)) if float.is_infinite() => Ok(Some(self.clone())),
            _ => self.divided(other, Decimal::rest, |left, right| left % right),
        }
    }

    fn divided(
        &self,
        other: &Self,
        finite: fn(&Decimal, &Decimal) -> Decimal,
        special: fn(f64, f64) -> f64,
    ) -> Result<Option<Self>> {
        match (self, other) {
            (_, Self::Finite(divisor)) if divisor.is_zero() && !self.float().is_nan() => Ok(None),
            // Its sign would be that of a float's zero.
            (Self::Finite(_), Self::Special(float)) if float.is_infinite() => {
                Ok(Some(Self::Finite(Decimal::ZERO)))
            }
            _ => self.combined(other, finite, special).map(Some),
        }
    }

    fn mapped(&self, finite: impl FnOnce(&Decimal) -> Decimal, special: fn(f64) -> f64) -> Self {
        match self {
            Self::Finite(decimal) => Self::Finite(finite(decimal)),
            Self::Special(float) => Self::Special(special(*float)),
        }
    }

    pub(super) fn negated(&self) -> Self {
        self.mapped(
            |decimal| Decimal { units: Units::Small(0).minus(&decimal.units), ..*decimal },
            |float| -float,
        )
    }

    pub(super) fn absolute(&self) -> Self {
        self.mapped(|decimal| Decimal { units: decimal.units.absolute(), ..*decimal }, f64::abs)
    }

    pub(super) fn sign(&self) -> Self {
        let sign = match self {
            Self::Finite(decimal) => decimal.units.signum(),
            Self::Special(float) if float.is_nan() => return self.clone(),
            Self::Special(float) if *float < 0.0 => -1,
            Self::Special(_) => 1,
        };
        Self::Finite(Decimal::of_int(sign))
    }

    pub(super) fn ceiling(&self) -> Self {
        self.mapped(|decimal| decimal.whole(1), |float| float)
    }

    pub(super) fn floor(&self) -> Self {
        self.mapped(|decimal| decimal.whole(-1), |float| float)
    }

    pub(super) fn rounded(&self, digits: i64) -> Self {
        self.mapped(|decimal| decimal.rounded(digits), |float| float)
    }

    pub(super) fn truncated(&self, digits: i64) -> Self {
        self.mapped(|decimal| decimal.truncated(digits), |float| float)
    }

    /// As NUMERIC(precision, scale) has it; an error where it does not fit.
    pub(super) fn sized(&self, precision: u32, scale: u32) -> Result<Self> {
        match self {
            Self::Finite(decimal) => decimal.sized(precision, scale).map(Self::Finite).ok_or(TooLarge),
            Self::Special(float) if float.is_nan() => Ok(self.clone()),
            Self::Special(_) => Err(TooLarge),
        }
    }

    /// The nearest integer, where it fits.
    pub(super) fn integer(&self) -> Result<i64> {
        match self {
            Self::Finite(decimal) => {
                let whole = decimal.rounded(0).whole_units();
                whole.and_then(|units| i64::try_from(units).ok()).ok_or(TooLarge)
            }
            Self::Special(_) => Err(TooLarge),
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Finite(decimal) => decimal.fmt(f),
            Self::Special(float) if float.is_nan() => f.write_str("NaN"),
            Self::Special(float) if *float < 0.0 => f.write_str("-Infinity"),
            Self::Special(_) => f.write_str("Infinity"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    /// Results as PostgreSQL 15 shows them.
    #[test]
    fn results_have_the_digits_of_numeric() {
        let plus = |left, right| number(left).plus(&number(right)).unwrap().to_string();
        let times = |left, right| number(left).times(&number(right)).unwrap().to_string();
        let over = |left, right| number(left).over(&number(right)).unwrap().unwrap().to_string();
        let rest = |left, right| number(left).rest(&number(right)).unwrap().unwrap().to_string();
        assert_eq!(plus("0.1", "0.20"), "0.30");
        assert_eq!(
            plus("12345678901234567890123456789012345678.01", "-0.01"),
            "12345678901234567890123456789012345678.00"
        );
        assert_eq!(times("-1.50", "2.0"), "-3.000");
        assert_eq!(over("1", "3"), "0.33333333333333333333");
        assert_eq!(over("10", "3"), "3.3333333333333333");
        assert_eq!(over("100000", "3"), "33333.333333333333");
        assert_eq!(over("1", "30000"), "0.000033333333333333333333");
        assert_eq!(over("2", "-3"), "-0.66666666666666666667");
        assert_eq!(over("0", "7"), "0.00000000000000000000");
        assert_eq!(rest("-5.5", "2"), "-1.5");
        assert_eq!(rest("5", "2.00"), "1.00");
        assert_eq!(number("1").over(&number("0.0")).unwrap(), None);
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let rounded = |text, digits| number(text).rounded(digits).to_string();
        assert_eq!(rounded("2.5", 0), "3");
        assert_eq!(rounded("-2.5", 0), "-3");
        assert_eq!(rounded("-0.4", 0), "0");
        assert_eq!(rounded("1.5", 3), "1.500");
        assert_eq!(rounded("1250", -2), "1300");
        assert_eq!(number("-1.29").truncated(1).to_string(), "-1.2");
        assert_eq!(number("-1.1").ceiling().to_string(), "-1");
        assert_eq!(number("-1.1").floor().to_string(), "-2");
        assert_eq!(number("1.1").ceiling().to_string(), "2");
        assert_eq!(number("0.005").sized(3, 2).unwrap().to_string(), "0.01");
        assert_eq!(number("9.995").sized(3, 2), Err(TooLarge));
        assert_eq!(number("9223372036854775807.4").integer(), Ok(i64::MAX));
        assert_eq!(number("9223372036854775807.5").integer(), Err(TooLarge));
    }

    #[test]
    fn nan_and_infinity_are_kept() {
        assert_eq!(number("NaN").plus(&number("1")).unwrap().to_string(), "NaN");
        assert_eq!(number("Infinity").times(&number("-2.5")).unwrap().to_string(), "-Infinity");
        assert_eq!(number("1").over(&number("-Infinity")).unwrap().unwrap().to_string(), "0");
        assert_eq!(number("Infinity").rest(&number("2")).unwrap().unwrap().to_string(), "NaN");
    }

    #[test]
    fn floats_keep_fifteen_digits() {
        assert_eq!(Number::of_float(0.1 + 0.2).to_string(), "0.3");
        assert_eq!(Number::of_float(1e20).to_string(), "100000000000000000000");
        assert_eq!(Number::of_float(-2.5e-7).to_string(), "-0.00000025");
    }

    #[test]
    fn more_digits_than_a_numeric_has_are_refused() {
        let large = number(&format!("1e{}", MAX_WHOLE - 1));
        assert_eq!(large.times(&number("10")), Err(TooLarge));
        let small = number("1e-10000");
        assert_eq!(small.times(&small).unwrap().to_string().len(), 2 + MAX_SCALE as usize);
    }
}
