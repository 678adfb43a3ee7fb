//! Values that have values inside: where their parts lie, and how they are read.

use smallvec::SmallVec;

use super::params::Bound;
use super::{Bounds, Object, SqlType, ValueRef};

/// Number of elements along each dimension of an array, outermost first.
pub type Dimensions = SmallVec<[usize; 2]>;

/// How a driver's values of one type are read that have parts: the elements of an array, the fields of a record, the
/// bounds of a range, the keys and values of a map.
///
/// The driver MUST have checked every part before it makes a value of bytes: reading them cannot fail.
pub trait Parts: Send + Sync {
    /// The dimensions of an array, none where it is empty; of a record or map its number of fields or entries.
    fn dimensions(&self, cell: &[u8]) -> Dimensions;

    /// The offset of the first part, in bytes.
    fn first(&self, cell: &[u8]) -> usize;

    /// The part at an offset in bytes, the `index`th, and the offset of the next.
    fn part<'a>(&'a self, cell: &'a [u8], index: usize, offset: usize) -> (ValueRef<'a>, usize);

    /// The bounds of a range. Of nothing else is it asked.
    fn bounds(&self, _cell: &[u8]) -> Bounds {
        Bounds::EMPTY
    }
}

/// What is known of all values of one type that has parts.
pub struct Format {
    /// The type of every element of an array.
    pub element: SqlType,
    /// The names of a record's fields; none where they have no names.
    pub names: Box<[Box<str>]>,
    /// How they are read.
    pub parts: Box<dyn Parts>,
}

impl Format {
    /// Of values without names.
    pub fn new(element: SqlType, parts: impl Parts + 'static) -> Self {
        Self { element, names: Box::default(), parts: Box::new(parts) }
    }
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Format")
            .field("element", &self.element)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// Where parts lie: among the parameters of a statement, or in bytes that a driver received.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Bound(Bound<'a>),
    Received { cell: &'a [u8], format: &'a Format },
}

impl<'a> Source<'a> {
    pub(super) fn dimensions(&self) -> Dimensions {
        match self {
            Self::Bound(bound) => bound.dimensions(),
            Self::Received { cell, format } => format.parts.dimensions(cell),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bound(bound) => bound.len(),
            Self::Received { .. } => product(&self.dimensions()),
        }
    }

    /// The host's object that a parameter is, too.
    pub(super) fn object(&self) -> Option<&'a Object> {
        match self {
            Self::Bound(bound) => bound.object(),
            Self::Received { .. } => None,
        }
    }

    pub(super) fn iter(self, count: usize) -> Elements<'a> {
        let offset = match self {
            Self::Bound(_) => 0,
            Self::Received { cell, format } => format.parts.first(cell),
        };
        Elements { source: self, offset, index: 0, count }
    }
}

pub(super) fn product(dimensions: &[usize]) -> usize {
    if dimensions.is_empty() { 0 } else { dimensions.iter().product() }
}

/// The parts of a value, in order.
#[derive(Clone)]
pub struct Elements<'a> {
    source: Source<'a>,
    /// Of the next part, in received bytes.
    offset: usize,
    index: usize,
    count: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        if self.index == self.count {
            return None;
        }
        let index = self.index;
        self.index += 1;
        match self.source {
            Source::Bound(bound) => Some(bound.get(index)),
            Source::Received { cell, format } => {
                let (value, next) = format.parts.part(cell, index, self.offset);
                self.offset = next;
                Some(value)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count - self.index, Some(self.count - self.index))
    }
}

impl ExactSizeIterator for Elements<'_> {}
