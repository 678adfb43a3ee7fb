//! When two statements have one shape although their aliases have other numbers.
//!
//! A program that makes an alias or subquery anew for each query gets another number each time. Two statements are of
//! one shape when they are equal but for such numbers, and the numbers repeat in the same pattern. Outside of
//! [`by_shape`] numbers are what tells two appearances of a table apart, and count.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, Hash};

use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::source::FRESH;
use super::walk::{Met, Walk};

/// In which pattern fresh numbers repeat in a statement: of each its place among the different ones. Empty without any.
pub(crate) type Pattern = SmallVec<[u32; 4]>;

type Pairs = Vec<(u32, u32)>;

thread_local! {
    /// While shapes are compared: derived rows that were found equal.
    static EQUAL: RefCell<Option<Pairs>> = const { RefCell::new(None) };
    static HASHED_FRESH: Cell<bool> = const { Cell::new(false) };
}

/// The hash of a shape, and the pattern of its numbers, walked through only where the hash has met any.
pub(crate) fn hash_of<'a>(shape: &impl Hash, walk: impl for<'f> FnOnce(&mut Walk<'a, 'f>)) -> (u64, Pattern) {
    HASHED_FRESH.set(false);
    let hash = FxBuildHasher.hash_one(shape);
    if !HASHED_FRESH.get() {
        return (hash, Pattern::new());
    }
    let (mut known, mut pattern) = (SmallVec::<[u32; 8]>::new(), Pattern::new());
    let mut place = |number: u32| {
        let at = known.iter().position(|known| *known == number);
        let first = at.is_none();
        pattern.push(at.unwrap_or(known.len()) as u32);
        if first {
            known.push(number);
        }
        first
    };
    walk(&mut Walk::new(&mut |met| match met {
        Met::Source(source) if source.alias >= FRESH => place(source.alias),
        Met::Source(_) | Met::Param(_) | Met::Text(_) => true,
        Met::Derived(derived) => place(derived.number()),
    }));
    (FxBuildHasher.hash_one((hash, &pattern)), pattern)
}

/// Runs a comparison of shapes; their patterns are equal.
pub(crate) fn by_shape(compare: impl FnOnce() -> bool) -> bool {
    struct Ended;
    impl Drop for Ended {
        fn drop(&mut self) {
            EQUAL.set(None);
        }
    }
    EQUAL.set(Some(Vec::new()));
    let _ended = Ended;
    compare()
}

/// True for numbers that are the same, or are compared by shape and both fresh.
#[inline]
pub(super) fn same(one: u32, other: u32) -> bool {
    one == other || (one >= FRESH && other >= FRESH && EQUAL.with_borrow(Option::is_some))
}

/// Whether derived rows of two numbers are equal; None: they have to be looked at, and are taken for equal meanwhile.
pub(super) fn known(one: u32, other: u32) -> Option<bool> {
    EQUAL.with_borrow_mut(|pairs| match pairs {
        None => Some(one == other),
        Some(pairs) if pairs.contains(&(one, other)) => Some(true),
        Some(pairs) => {
            pairs.push((one, other));
            None
        }
    })
}

/// What of a number counts for the hash of a shape.
#[inline]
pub(super) fn hashed(number: u32) -> u32 {
    if number < FRESH {
        return number;
    }
    HASHED_FRESH.set(true);
    FRESH
}
