//! Ranges: everything between two bounds.

use super::ValueRef;
use super::params::Bound;
use super::parts::{Format, Source};

/// Which of its bounds belong to a range. A bound that is not there never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Nothing lies in the range; it has no bounds then.
    pub empty: bool,
    /// The lower bound belongs to it.
    pub lower: bool,
    /// The upper bound belongs to it.
    pub upper: bool,
}

impl Bounds {
    /// Of a range in which nothing lies.
    pub const EMPTY: Self = Self { empty: true, lower: false, upper: false };
}

/// A range of values of one type.
#[derive(Clone, Copy)]
pub struct RangeRef<'a>(Source<'a>);

impl<'a> RangeRef<'a> {
    /// A range in bytes that a driver received: its parts are the lower and the upper bound, NULL where there is
    /// none. The driver MUST have checked both.
    pub fn received(cell: &'a [u8], format: &'a Format) -> Self {
        Self(Source::Received { cell, format })
    }

    pub(super) fn bound(ends: Bound<'a>) -> Self {
        Self(Source::Bound(ends))
    }

    /// Which of its bounds belong to it.
    pub fn bounds(&self) -> Bounds {
        match self.0 {
            Source::Bound(bound) => bound.bounds(),
            Source::Received { cell, format } => format.parts.bounds(cell),
        }
    }

    /// The lower and the upper bound; NULL where there is none.
    pub fn ends(&self) -> [ValueRef<'a>; 2] {
        let mut parts = self.0.iter(2);
        [(); 2].map(|()| parts.next().unwrap_or(ValueRef::Null))
    }
}

impl std::fmt::Debug for RangeRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Range").field(&self.bounds()).finish()
    }
}

impl PartialEq for RangeRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bounds() == other.bounds() && self.ends() == other.ends()
    }
}
