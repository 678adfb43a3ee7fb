//! NUMERIC in binary: four 16-bit words (groups, weight, sign, scale), then groups of four decimal digits
//! (`numeric_send` in the server's sources).

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{Numeric, Sign};

use super::malformed;

const SIGNS: [(u16, Sign); 5] = [
    (0x0000, Sign::Positive),
    (0x4000, Sign::Negative),
    (0xc000, Sign::NaN),
    (0xd000, Sign::PositiveInfinity),
    (0xf000, Sign::NegativeInfinity),
];

/// The most digits behind the point.
const MAX_SCALE: u16 = 0x3fff;

/// Reads the header and checks the groups.
pub(crate) fn decode(bytes: &[u8]) -> Result<Numeric<'_>> {
    let (header, groups) = bytes.split_first_chunk::<8>().ok_or_else(|| malformed("numeric"))?;
    let [a, b, weight @ .., c, d, e, f] = *header;
    let sign = u16::from_be_bytes([c, d]);
    let scale = u16::from_be_bytes([e, f]);
    let sign = SIGNS.iter().find(|(code, _)| *code == sign).map(|(_, sign)| *sign);
    match sign {
        Some(sign) if groups.len() == 2 * usize::from(u16::from_be_bytes([a, b])) && scale <= MAX_SCALE => {
            Numeric::from_groups(sign, i16::from_be_bytes(weight), scale, groups)
        }
        _ => Err(malformed("numeric")),
    }
}

/// Appends the binary form.
pub(crate) fn encode(number: Numeric<'_>, out: &mut Vec<u8>) -> Result<()> {
    let number = number.to_groups()?;
    let count = u16::try_from(number.groups.len())
        .map_err(|_| Error::data(None, "a NUMERIC holds at most 131,072 digits before the point"))?;
    let sign = SIGNS.iter().find(|(_, sign)| *sign == number.sign).map_or(0, |(code, _)| *code);
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&number.weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&number.scale.to_be_bytes());
    out.extend(number.groups.iter().flat_map(|group| group.to_be_bytes()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_with_value_and_scale() {
        for text in ["0", "0.00", "-1.50", "12345678.90", "1e20", "NaN", "Infinity", "-Infinity"] {
            let number = Numeric::parse(text).unwrap();
            let mut bytes = Vec::new();
            encode(number, &mut bytes).unwrap();
            assert_eq!(decode(&bytes).unwrap(), number, "{text}");
        }
    }

    #[test]
    fn wrong_headers_are_refused() {
        for bytes in [
            &b""[..],
            b"\0\x01\0\0\0\0\0",
            b"\0\x02\0\0\0\0\0\0\0\x01",
            b"\0\0\0\0\x12\x34\0\0",
            b"\0\0\0\0\0\0\x7f\xff",
            b"\0\x01\0\0\0\0\0\0\xff\xff",
        ] {
            assert!(decode(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
