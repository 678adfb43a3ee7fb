//! Lists inside of lists as one array.

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{Dimensions, ValueRef};

/// The elements of an array in row-major order.
pub(crate) struct List<'a> {
    pub(crate) dimensions: Dimensions,
    pub(crate) elements: Vec<ValueRef<'a>>,
}

impl<'a> List<'a> {
    /// Of an array or a tuple. Tuples inside of it are lists too, unless they are the `records` that the array holds.
    ///
    /// # Errors
    /// `Data`: the lists of one level differ in length.
    pub(crate) fn of(value: ValueRef<'a>, records: bool) -> Result<Self> {
        let mut list = Self { dimensions: Dimensions::new(), elements: Vec::new() };
        list.measure(value, true, records);
        list.flatten(value, 0, records)?;
        if list.elements.is_empty() {
            list.dimensions.clear();
        }
        Ok(list)
    }

    /// The dimensions, by the first list of each level.
    fn measure(&mut self, value: ValueRef<'a>, outermost: bool, records: bool) {
        let (dimensions, first) = match value {
            ValueRef::Array(array) => (array.dimensions(), array.iter().next()),
            ValueRef::Record(record) if outermost || !records => {
                (Dimensions::from_slice(&[record.len()]), record.iter().next())
            }
            _ => return,
        };
        self.dimensions.extend(dimensions);
        if let Some(first) = first {
            self.measure(first, false, records);
        }
    }

    fn flatten(&mut self, value: ValueRef<'a>, level: usize, records: bool) -> Result<()> {
        let (dimensions, parts) = match value {
            ValueRef::Array(array) => (array.dimensions(), array.iter()),
            ValueRef::Record(record) if level == 0 || !records => {
                (Dimensions::from_slice(&[record.len()]), record.iter())
            }
            _ if level == self.dimensions.len() => {
                self.elements.push(value);
                return Ok(());
            }
            _ => return Err(ragged()),
        };
        if !self.dimensions[level..].starts_with(&dimensions) || (level > 0 && parts.len() == 0) {
            return Err(ragged());
        }
        let below = level + dimensions.len();
        parts.into_iter().try_for_each(|part| self.flatten(part, below, records))
    }
}

pub(crate) fn ragged() -> Error {
    Error::data(
        None,
        "an array takes lists of one length in each dimension, none of them empty but the outermost",
    )
}
