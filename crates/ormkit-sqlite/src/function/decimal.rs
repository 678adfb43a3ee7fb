//! Decimal text of a JSON number: written out, compared, rounded.

use std::cmp::Ordering;

use ormkit_core::value::Numeric;

/// The number as PostgreSQL shows it: without an exponent, zeros behind the point kept.
pub(super) fn shown(text: &str) -> String {
    let plain = Numeric::parse(text).map_or_else(|_| text.to_owned(), |number| number.to_string());
    match plain.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits.to_owned(),
        _ => plain,
    }
}

/// One text for equal numbers.
pub(super) fn canonical(text: &str) -> String {
    let mut plain = shown(text);
    if plain.contains('.') {
        plain.truncate(plain.trim_end_matches('0').trim_end_matches('.').len());
    }
    plain
}

/// The order of two canonical numbers.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let parts = |text: &str| -> (bool, String, String) {
        let digits = text.trim_start_matches('-');
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        (text.starts_with('-'), whole.to_owned(), fraction.to_owned())
    };
    let (left, right) = (parts(left), parts(right));
    if left.0 != right.0 {
        return if left.0 { Ordering::Less } else { Ordering::Greater };
    }
    let size = left.1.len().cmp(&right.1.len()).then_with(|| (&left.1, &left.2).cmp(&(&right.1, &right.2)));
    if left.0 { size.reverse() } else { size }
}

/// The number rounded to an integer, halves away from zero. None where it does not fit.
pub(super) fn rounded(text: &str) -> Option<i64> {
    let plain = shown(text);
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let whole: i128 = whole.parse().ok()?;
    let up = i128::from(fraction.as_bytes().first().is_some_and(|digit| *digit >= b'5'));
    i64::try_from(if plain.starts_with('-') { whole - up } else { whole + up }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        assert_eq!(shown("1.50e1"), "15.0");
        assert_eq!(shown("-0.0"), "0.0");
        assert_eq!(canonical("100"), "100");
        assert_eq!(canonical("1.00"), "1");
        assert_eq!(canonical("123456789012345678901234567890.10"), "123456789012345678901234567890.1");
        assert_eq!(rounded("2.5"), Some(3));
        assert_eq!(rounded("-0.5"), Some(-1));
        assert_eq!(rounded("1e30"), None);
        assert_eq!(compare("-10", "-9"), Ordering::Less);
        assert_eq!(compare("10", "9.5"), Ordering::Greater);
        assert_eq!(compare("0.1", "0.11"), Ordering::Less);
    }
}
