//! Arrays, read where they lie: among the parameters of a statement, or in bytes that a driver received.

use smallvec::SmallVec;

use super::params::BoundArray;
use super::{SqlType, ValueRef};

/// Number of elements along each dimension of an array, outermost first.
pub type Dimensions = SmallVec<[usize; 2]>;

/// An array of any number of dimensions. Its elements are scalars, in row-major order.
#[derive(Clone, Copy)]
pub struct ArrayRef<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    Bound(BoundArray<'a>),
    Received { cell: &'a [u8], format: &'static ArrayFormat },
}

/// How a driver's arrays of one element type are read. The functions are given `tag` and the bytes that
/// [`ArrayRef::received`] was made of.
pub struct ArrayFormat {
    /// The type of every element.
    pub element: SqlType,
    /// What tells the formats of one driver apart.
    pub tag: usize,
    /// The dimensions; none of an empty array.
    pub dimensions: fn(cell: &[u8]) -> Dimensions,
    /// The element at an offset in bytes, and the offset of the next; the first is at [`ArrayFormat::first`].
    pub element_at: for<'a> fn(tag: usize, cell: &'a [u8], offset: usize) -> (ValueRef<'a>, usize),
    /// The offset of the first element, in bytes.
    pub first: fn(cell: &[u8]) -> usize,
}

impl<'a> ArrayRef<'a> {
    /// An array in bytes that a driver received. The driver MUST have checked every element: reading them cannot fail.
    pub fn received(cell: &'a [u8], format: &'static ArrayFormat) -> Self {
        Self(Source::Received { cell, format })
    }

    pub(super) fn bound(array: BoundArray<'a>) -> Self {
        Self(Source::Bound(array))
    }

    /// The type of every element.
    pub fn element_type(&self) -> SqlType {
        match self.0 {
            Source::Bound(array) => array.element(),
            Source::Received { format, .. } => format.element,
        }
    }

    /// Number of elements along each dimension; none of an empty array.
    pub fn dimensions(&self) -> Dimensions {
        match self.0 {
            Source::Bound(array) => array.dimensions(),
            Source::Received { cell, format } => (format.dimensions)(cell),
        }
    }

    /// Number of elements in all dimensions.
    pub fn len(&self) -> usize {
        match self.0 {
            Source::Bound(array) => array.len(),
            Source::Received { .. } => product(&self.dimensions()),
        }
    }

    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements of all dimensions, the last one varying fastest.
    pub fn iter(&self) -> Elements<'a> {
        let offset = match self.0 {
            Source::Bound(_) => 0,
            Source::Received { cell, format } => (format.first)(cell),
        };
        Elements { source: self.0, offset, left: self.len() }
    }

    /// Where lists begin and end among the elements, for texts that nest dimensions.
    pub fn brackets(&self) -> Brackets {
        let dimensions = self.dimensions();
        Brackets((0..dimensions.len()).map(|outer| product(&dimensions[outer..])).collect())
    }

    /// The value of the whole array where `scalar` makes the elements' values and `list` that of a dimension.
    ///
    /// # Errors
    /// The first of `scalar` or `list`.
    pub fn nested<T, E>(
        &self,
        scalar: &mut impl FnMut(ValueRef<'a>) -> Result<T, E>,
        list: &mut impl FnMut(Vec<T>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut level = self.iter().map(scalar).collect::<Result<Vec<T>, E>>()?;
        for length in self.dimensions().into_iter().skip(1).rev() {
            let mut values = level.into_iter();
            let mut outer = Vec::new();
            while values.len() > 0 {
                outer.push(list(values.by_ref().take(length).collect())?);
            }
            level = outer;
        }
        list(level)
    }
}

pub(super) fn product(dimensions: &[usize]) -> usize {
    if dimensions.is_empty() { 0 } else { dimensions.iter().product() }
}

/// Where the lists of an [`ArrayRef`] begin and end: its elements in each list of a dimension, outermost first.
pub struct Brackets(Dimensions);

impl Brackets {
    /// Number of lists that begin with the element at `index`.
    pub fn before(&self, index: usize) -> usize {
        self.0.iter().filter(|size| index.is_multiple_of(**size)).count()
    }

    /// Number of lists that end with the element at `index`.
    pub fn behind(&self, index: usize) -> usize {
        self.before(index + 1)
    }
}

/// The elements of an [`ArrayRef`].
pub struct Elements<'a> {
    source: Source<'a>,
    /// Of the next element: an index among parameters, or bytes.
    offset: usize,
    left: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        self.left = self.left.checked_sub(1)?;
        match self.source {
            Source::Bound(array) => {
                self.offset += 1;
                Some(array.get(self.offset - 1))
            }
            Source::Received { cell, format } => {
                let (value, next) = (format.element_at)(format.tag, cell, self.offset);
                self.offset = next;
                Some(value)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Elements<'_> {}

impl std::fmt::Debug for ArrayRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} × {}]", self.len(), self.element_type().name())
    }
}

impl PartialEq for ArrayRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.element_type() == other.element_type()
            && self.dimensions() == other.dimensions()
            && self.iter().eq(other.iter())
    }
}
