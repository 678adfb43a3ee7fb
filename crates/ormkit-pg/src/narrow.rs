//! Lengths and counts as the protocol writes them.
//!
//! Nothing is cut: in 2024 four drivers wrote 32 bits of a length over 4 GiB, and the rest of the value was read as messages
//! (CVE-2024-27304, RUSTSEC-2024-0363). What comes here was checked before: messages and values end at 1 GiB, parameters and
//! columns at 65,535. The crate denies casts that could cut.

/// Four bytes of a length or number that was checked.
///
/// # Panics
/// It was not.
#[inline]
pub(crate) fn to_u32(checked: usize) -> u32 {
    u32::try_from(checked).expect("lengths end at 1 GiB")
}

/// Two bytes of a count that was checked.
///
/// # Panics
/// It was not.
#[inline]
pub(crate) fn to_u16(checked: usize) -> u16 {
    u16::try_from(checked).expect("columns and parameters end at 65,535")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_not_changed() {
        assert_eq!((to_u32(0x3fff_ffff), to_u16(65_535)), (0x3fff_ffff, 65_535));
    }

    #[test]
    #[should_panic(expected = "1 GiB")]
    fn what_does_not_fit_is_never_cut() {
        to_u32(u32::MAX as usize + 5);
    }
}
