//! Arrays, read where they lie: among the parameters of a statement, or in bytes that a driver received.

use super::params::Bound;
use super::parts::{Dimensions, Elements, Format, Source, product};
use super::{Object, SqlType, ValueRef};

/// An array of any number of dimensions. Its elements are in row-major order; none of them is an array.
#[derive(Clone, Copy)]
pub struct ArrayRef<'a>(Source<'a>);

impl<'a> ArrayRef<'a> {
    /// An array in bytes that a driver received. The driver MUST have checked every element: reading them cannot fail.
    pub fn received(cell: &'a [u8], format: &'a Format) -> Self {
        Self(Source::Received { cell, format })
    }

    pub(super) fn bound(array: Bound<'a>) -> Self {
        Self(Source::Bound(array))
    }

    /// The type of every element.
    pub fn element_type(&self) -> SqlType {
        match self.0 {
            Source::Bound(array) => array.element(),
            Source::Received { format, .. } => format.element,
        }
    }

    /// The host's object that a list among the parameters is, too.
    pub fn object(&self) -> Option<&'a Object> {
        self.0.object()
    }

    /// Number of elements along each dimension; none of an empty array.
    pub fn dimensions(&self) -> Dimensions {
        self.0.dimensions()
    }

    /// Number of elements in all dimensions.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements of all dimensions, the last one varying fastest.
    pub fn iter(&self) -> Elements<'a> {
        self.0.iter(self.len())
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
