//! Ranges and multiranges in binary (`range_send` and `multirange_send` in the server's sources): flags, then the bounds
//! that there are, each behind its length; of a multirange the number of its ranges, each behind its length.

use std::sync::Arc;

use ormkit_core::error::Result;
use ormkit_core::value::{Bounds, Dimensions, Format, Parts, SqlType, ValueRef};

use super::{Kind, Misfit, PgType, part_at, take, word};
use crate::types::malformed;

pub(super) const EMPTY: u8 = 0x01;
pub(super) const LOWER_INCLUSIVE: u8 = 0x02;
pub(super) const UPPER_INCLUSIVE: u8 = 0x04;
pub(super) const NO_LOWER: u8 = 0x08;
pub(super) const NO_UPPER: u8 = 0x10;

/// The range type of `subtype`.
pub(super) fn new(oid: u32, name: &str, subtype: Arc<PgType>) -> PgType {
    let format = Format::new(SqlType::Unknown, RangeParts(Arc::clone(&subtype)));
    PgType::new(oid, name, Kind::Range { subtype, format })
}

/// The multirange type of `range`.
pub(super) fn multirange(oid: u32, name: &str, range: Arc<PgType>) -> PgType {
    let format = Format::new(SqlType::Unknown, MultirangeParts(Arc::clone(&range)));
    PgType::new(oid, name, Kind::Multirange { range, format })
}

pub(super) fn check(cell: &[u8], subtype: &PgType, depth: u32) -> Result<(), Misfit> {
    let broken = || Misfit::Value(malformed("range"));
    let (flags, mut rest) = cell.split_first().ok_or_else(broken)?;
    if flags & !(EMPTY | LOWER_INCLUSIVE | UPPER_INCLUSIVE | NO_LOWER | NO_UPPER) != 0 {
        return Err(broken());
    }
    for absent in [NO_LOWER, NO_UPPER] {
        if flags & (absent | EMPTY) == 0 {
            let (bound, behind) = take(rest)?;
            subtype.check(bound.ok_or_else(broken)?, depth + 1)?;
            rest = behind;
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(broken()) }
}

pub(super) fn check_all(cell: &[u8], range: &PgType, depth: u32) -> Result<(), Misfit> {
    let broken = || Misfit::Value(malformed("multirange"));
    let (count, mut rest) = word(cell, "multirange")?;
    for _ in 0..count {
        let (part, behind) = take(rest)?;
        range.check(part.ok_or_else(broken)?, depth + 1)?;
        rest = behind;
    }
    if rest.is_empty() { Ok(()) } else { Err(broken()) }
}

struct RangeParts(Arc<PgType>);

impl Parts for RangeParts {
    fn dimensions(&self, _cell: &[u8]) -> Dimensions {
        Dimensions::from_slice(&[2])
    }

    fn first(&self, _cell: &[u8]) -> usize {
        1
    }

    fn part<'a>(&'a self, cell: &'a [u8], index: usize, offset: usize) -> (ValueRef<'a>, usize) {
        let absent = if index == 0 { NO_LOWER } else { NO_UPPER };
        if cell[0] & (absent | EMPTY) != 0 {
            return (ValueRef::Null, offset);
        }
        let (part, next) = part_at(cell, offset);
        (part.map_or(ValueRef::Null, |part| self.0.view(part)), next)
    }

    fn bounds(&self, cell: &[u8]) -> Bounds {
        let has = |flag: u8, absent: u8| cell[0] & flag != 0 && cell[0] & (absent | EMPTY) == 0;
        Bounds {
            empty: cell[0] & EMPTY != 0,
            lower: has(LOWER_INCLUSIVE, NO_LOWER),
            upper: has(UPPER_INCLUSIVE, NO_UPPER),
        }
    }
}

struct MultirangeParts(Arc<PgType>);

impl Parts for MultirangeParts {
    fn dimensions(&self, cell: &[u8]) -> Dimensions {
        match word(cell, "multirange") {
            Ok((count @ 1.., _)) => Dimensions::from_slice(&[count as usize]),
            _ => Dimensions::new(),
        }
    }

    fn first(&self, _cell: &[u8]) -> usize {
        4
    }

    fn part<'a>(&'a self, cell: &'a [u8], _index: usize, offset: usize) -> (ValueRef<'a>, usize) {
        let (part, next) = part_at(cell, offset);
        (part.map_or(ValueRef::Null, |part| self.0.view(part)), next)
    }
}
