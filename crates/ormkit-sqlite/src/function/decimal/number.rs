//! Decimals of any precision, with the digits behind the point that PostgreSQL's NUMERIC has.
//!
//! A sum has as many digits behind the point as the operand with the most, a product those of both, a quotient at least
//! sixteen that count. Halves are rounded away from zero.

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, Signed, Zero};
use ormkit_core::value::Numeric;

/// Most digits before the point that a NUMERIC has.
const MAX_WHOLE: i64 = 131_072;

/// Most digits behind the point.
const MAX_SCALE: i64 = 16_383;

/// Most digits behind the point of a quotient.
const MAX_QUOTIENT_SCALE: i64 = 1_000;

/// Least digits of a quotient that count.
const QUOTIENT_DIGITS: i64 = 16;

/// Most digits that are rounded to, on either side of the point.
const MAX_ROUNDED: i64 = 2_000;

/// A decimal; NaN and the infinities are those of a float.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    Finite(BigDecimal),
    Special(f64),
}

/// The result has more digits than a NUMERIC.
#[derive(Debug, PartialEq)]
pub(super) struct TooLarge;

type Result<T> = std::result::Result<T, TooLarge>;

/// Plain decimal text; none of anything else.
fn plain(text: &str) -> Option<BigDecimal> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    text.parse().ok()
}

/// Digits behind the point.
pub(super) fn scale_of(decimal: &BigDecimal) -> i64 {
    decimal.fractional_digit_count()
}

/// The integer of which the decimal is so many units of 10^-scale.
fn units(decimal: &BigDecimal) -> BigInt {
    decimal.as_bigint_and_scale().0.into_owned()
}

/// With so many digits behind the point, none of which is lost.
pub(super) fn at_scale(decimal: BigDecimal, scale: i64) -> BigDecimal {
    if scale_of(&decimal) == scale { decimal } else { decimal.with_scale(scale) }
}

/// With that many digits behind the point; those of the whole part are lost where it is negative.
fn rounded(decimal: &BigDecimal, digits: i64, mode: RoundingMode) -> BigDecimal {
    let digits = digits.clamp(-MAX_ROUNDED, MAX_ROUNDED);
    at_scale(decimal.with_scale_round(digits, mode), digits.max(0))
}

fn plus(left: &BigDecimal, right: &BigDecimal) -> BigDecimal {
    at_scale(left + right, scale_of(left).max(scale_of(right)))
}

fn minus(left: &BigDecimal, right: &BigDecimal) -> BigDecimal {
    at_scale(left - right, scale_of(left).max(scale_of(right)))
}

fn times(left: &BigDecimal, right: &BigDecimal) -> BigDecimal {
    at_scale(left * right, scale_of(left) + scale_of(right))
}

/// The divisor is not zero.
fn over(left: &BigDecimal, right: &BigDecimal) -> BigDecimal {
    let scale = quotient_scale(left, right);
    let (dividend, divisor) = (units(&left.with_scale(scale + scale_of(right))), units(right));
    let (quotient, rest) = (&dividend / &divisor, &dividend % &divisor);
    let away = match rest.abs() * 2 >= divisor.abs() {
        true => dividend.signum() * divisor.signum(),
        false => BigInt::ZERO,
    };
    BigDecimal::new(quotient + away, scale)
}

/// The whole part of a quotient. The divisor is not zero.
fn whole_over(left: &BigDecimal, right: &BigDecimal) -> BigDecimal {
    let scale = scale_of(left).max(scale_of(right));
    BigDecimal::from(units(&left.with_scale(scale)) / units(&right.with_scale(scale)))
}

/// The divisor is not zero.
fn rest(left: &BigDecimal, right: &BigDecimal) -> BigDecimal {
    at_scale(left % right, scale_of(left).max(scale_of(right)))
}

/// Digits behind the point of a quotient: sixteen that count, by the first groups of four digits of both; not fewer than
/// an operand has (`select_div_scale` of PostgreSQL).
fn quotient_scale(left: &BigDecimal, right: &BigDecimal) -> i64 {
    let ((left_weight, left_group), (right_weight, right_group)) = (first_group(left), first_group(right));
    let weight = left_weight - right_weight - i64::from(left_group <= right_group);
    let least = scale_of(left).max(scale_of(right));
    (QUOTIENT_DIGITS - 4 * weight).max(least).min(MAX_QUOTIENT_SCALE.max(least))
}

/// The power of 10,000 of the first group of four digits, counted from the point, and that group.
fn first_group(decimal: &BigDecimal) -> (i64, u32) {
    if decimal.is_zero() {
        return (0, 0);
    }
    let digits = units(decimal).magnitude().to_string();
    let whole = i64::try_from(digits.len()).unwrap_or(i64::MAX) - scale_of(decimal);
    let weight = (whole - 1).div_euclid(4);
    let group =
        digits.bytes().chain(std::iter::repeat(b'0')).take((whole - 4 * weight).try_into().unwrap_or(4));
    (weight, group.fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0')))
}

/// How many digits there are, none of zero.
fn length(decimal: &BigDecimal) -> i64 {
    if decimal.is_zero() { 0 } else { i64::try_from(decimal.digits()).unwrap_or(i64::MAX) }
}

/// As many digits as a NUMERIC has.
pub(super) fn limited(decimal: BigDecimal) -> Result<BigDecimal> {
    let scale = scale_of(&decimal);
    // Counting digits costs more than adding.
    if scale <= MAX_SCALE && decimal.as_bigint_and_scale().0.bits() < 256 {
        return Ok(decimal);
    }
    let decimal = if scale > MAX_SCALE { rounded_to(&decimal, MAX_SCALE) } else { decimal };
    match length(&decimal) - scale_of(&decimal) > MAX_WHOLE {
        true => Err(TooLarge),
        false => Ok(decimal),
    }
}

fn rounded_to(decimal: &BigDecimal, scale: i64) -> BigDecimal {
    decimal.with_scale_round(scale, RoundingMode::HalfUp)
}

impl Number {
    pub(super) fn of_int(int: i64) -> Self {
        Self::Finite(BigDecimal::from(int))
    }

    /// Text of a decimal, with an exponent or without; none of other text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(decimal) = plain(text) {
            return Some(Self::Finite(decimal));
        }
        let numeric = Numeric::parse(text.trim()).ok()?;
        let text = numeric.to_string();
        Some(match text.as_str() {
            "NaN" => Self::Special(f64::NAN),
            "Infinity" => Self::Special(f64::INFINITY),
            "-Infinity" => Self::Special(f64::NEG_INFINITY),
            digits => Self::Finite(plain(digits)?),
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
            // its sign is what counts beside a float without end
            Self::Finite(decimal) if decimal.is_zero() => 0.0,
            Self::Finite(decimal) if decimal.is_negative() => -1.0,
            Self::Finite(_) => 1.0,
            Self::Special(float) => *float,
        }
    }

    fn combined(
        &self,
        other: &Self,
        finite: fn(&BigDecimal, &BigDecimal) -> BigDecimal,
        special: fn(f64, f64) -> f64,
    ) -> Result<Self> {
        match (self, other) {
            (Self::Finite(left), Self::Finite(right)) => limited(finite(left, right)).map(Self::Finite),
            _ => Ok(Self::Special(special(self.float(), other.float()))),
        }
    }

    pub(super) fn plus(&self, other: &Self) -> Result<Self> {
        self.combined(other, plus, |left, right| left + right)
    }

    pub(super) fn minus(&self, other: &Self) -> Result<Self> {
        self.combined(other, minus, |left, right| left - right)
    }

    pub(super) fn times(&self, other: &Self) -> Result<Self> {
        self.combined(other, times, |left, right| left * right)
    }

    /// None for a division by zero.
    pub(super) fn over(&self, other: &Self) -> Result<Option<Self>> {
        self.divided(other, over, |left, right| left / right)
    }

    /// The whole part of the quotient; None for a division by zero.
    pub(super) fn whole_over(&self, other: &Self) -> Result<Option<Self>> {
        self.divided(other, whole_over, |left, right| left / right)
    }

    /// What the whole part of the quotient leaves, with the sign of the dividend; None for a division by zero.
    pub(super) fn rest(&self, other: &Self) -> Result<Option<Self>> {
        match (self, other) {
            (Self::Finite(_), Self::Special(float)) if float.is_infinite() => Ok(Some(self.clone())),
            _ => self.divided(other, rest, |left, right| left % right),
        }
    }

    fn divided(
        &self,
        other: &Self,
        finite: fn(&BigDecimal, &BigDecimal) -> BigDecimal,
        special: fn(f64, f64) -> f64,
    ) -> Result<Option<Self>> {
        match (self, other) {
            (_, Self::Finite(divisor)) if divisor.is_zero() && !self.float().is_nan() => Ok(None),
            // Its sign would be that of a float's zero.
            (Self::Finite(_), Self::Special(float)) if float.is_infinite() => Ok(Some(Self::of_int(0))),
            _ => self.combined(other, finite, special).map(Some),
        }
    }

    fn mapped(&self, finite: impl FnOnce(&BigDecimal) -> BigDecimal, special: fn(f64) -> f64) -> Self {
        match self {
            Self::Finite(decimal) => Self::Finite(finite(decimal)),
            Self::Special(float) => Self::Special(special(*float)),
        }
    }

    pub(super) fn negated(&self) -> Self {
        self.mapped(|decimal| -decimal, |float| -float)
    }

    pub(super) fn absolute(&self) -> Self {
        self.mapped(BigDecimal::abs, f64::abs)
    }

    pub(super) fn sign(&self) -> Self {
        let sign = match self {
            Self::Finite(decimal) => i64::from(decimal.is_positive()) - i64::from(decimal.is_negative()),
            Self::Special(float) if float.is_nan() => return self.clone(),
            Self::Special(float) if *float < 0.0 => -1,
            Self::Special(_) => 1,
        };
        Self::of_int(sign)
    }

    pub(super) fn ceiling(&self) -> Self {
        self.mapped(|decimal| decimal.with_scale_round(0, RoundingMode::Ceiling), |float| float)
    }

    pub(super) fn floor(&self) -> Self {
        self.mapped(|decimal| decimal.with_scale_round(0, RoundingMode::Floor), |float| float)
    }

    pub(super) fn rounded(&self, digits: i64) -> Self {
        self.mapped(|decimal| rounded(decimal, digits, RoundingMode::HalfUp), |float| float)
    }

    pub(super) fn truncated(&self, digits: i64) -> Self {
        self.mapped(|decimal| rounded(decimal, digits, RoundingMode::Down), |float| float)
    }

    /// As NUMERIC(precision, scale) has it; an error where it does not fit.
    pub(super) fn sized(&self, precision: u32, scale: u32) -> Result<Self> {
        match self {
            Self::Finite(decimal) => {
                let sized = rounded_to(decimal, scale.into());
                if length(&sized) > i64::from(precision) { Err(TooLarge) } else { Ok(Self::Finite(sized)) }
            }
            Self::Special(float) if float.is_nan() => Ok(self.clone()),
            Self::Special(_) => Err(TooLarge),
        }
    }

    /// The nearest integer, where it fits.
    pub(super) fn integer(&self) -> Result<i64> {
        match self {
            Self::Finite(decimal) => i64::try_from(units(&rounded_to(decimal, 0))).map_err(|_| TooLarge),
            Self::Special(_) => Err(TooLarge),
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Finite(decimal) => decimal.write_plain_string(f),
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
