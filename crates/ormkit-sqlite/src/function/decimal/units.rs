//! Integers of any size.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

/// An integer: what fits is computed without allocating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Units {
    Small(i128),
    Big(BigInt),
}

impl Units {
    fn big(&self) -> BigInt {
        match self {
            Self::Small(small) => BigInt::from(*small),
            Self::Big(big) => big.clone(),
        }
    }

    fn from_big(big: BigInt) -> Self {
        i128::try_from(&big).map_or(Self::Big(big), Self::Small)
    }

    /// From decimal digits.
    pub(super) fn parse(digits: &str) -> Option<Self> {
        digits.parse().ok().map(Self::from_big)
    }

    pub(super) fn power_of_ten(exponent: u32) -> Self {
        10_i128.checked_pow(exponent).map_or_else(|| Self::Big(BigInt::from(10).pow(exponent)), Self::Small)
    }

    pub(super) fn is_negative(&self) -> bool {
        match self {
            Self::Small(small) => *small < 0,
            Self::Big(big) => big.sign() == Sign::Minus,
        }
    }

    pub(super) fn signum(&self) -> i128 {
        match self {
            Self::Small(small) => small.signum(),
            Self::Big(big) if big.sign() == Sign::Minus => -1,
            Self::Big(_) => 1, // zero is small
        }
    }

    fn computed(
        &self,
        other: &Self,
        small: fn(i128, i128) -> Option<i128>,
        big: fn(BigInt, BigInt) -> BigInt,
    ) -> Self {
        if let (Self::Small(left), Self::Small(right)) = (self, other)
            && let Some(result) = small(*left, *right)
        {
            return Self::Small(result);
        }
        Self::from_big(big(self.big(), other.big()))
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        self.computed(other, i128::checked_add, |left, right| left + right)
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        self.computed(other, i128::checked_sub, |left, right| left - right)
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        self.computed(other, i128::checked_mul, |left, right| left * right)
    }

    /// Toward zero. The divisor is not zero.
    pub(super) fn over(&self, other: &Self) -> Self {
        self.computed(other, i128::checked_div, |left, right| left / right)
    }

    /// What [`over`](Self::over) leaves, with the sign of what is divided.
    pub(super) fn rest(&self, other: &Self) -> Self {
        self.computed(other, i128::checked_rem, |left, right| left % right)
    }

    pub(super) fn absolute(&self) -> Self {
        if self.is_negative() { Self::Small(0).minus(self) } else { self.clone() }
    }

    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Small(left), Self::Small(right)) => left.cmp(right),
            _ => self.big().cmp(&other.big()),
        }
    }

    /// Divided, halves away from zero. The divisor is not zero.
    pub(super) fn rounded_over(&self, divisor: &Self) -> Self {
        let (quotient, rest) = (self.over(divisor), self.rest(divisor).absolute());
        let up = rest.cmp(&divisor.absolute().minus(&rest)) != Ordering::Less;
        let sign = self.signum() * divisor.signum();
        if up { quotient.plus(&Self::Small(sign)) } else { quotient }
    }

    /// The digits of the absolute value; none of zero.
    pub(super) fn digits(&self) -> String {
        match self {
            Self::Small(0) => String::new(),
            Self::Small(small) => small.unsigned_abs().to_string(),
            Self::Big(big) => big.magnitude().to_string(),
        }
    }

    /// How many there are.
    pub(super) fn length(&self) -> i64 {
        match self {
            Self::Small(small) => {
                small.unsigned_abs().checked_ilog10().map_or(0, |power| i64::from(power) + 1)
            }
            Self::Big(_) => length(&self.digits()),
        }
    }
}

/// How many digits there are.
pub(super) fn length(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}
