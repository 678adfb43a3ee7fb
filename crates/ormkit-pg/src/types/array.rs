//! Arrays in binary (`array_send` and `array_recv` in the server's sources): number of dimensions, NULL flag, element
//! type, then length and lower bound of each dimension, then the elements, each behind its length.

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{ArrayFormat, ArrayRef, Dimensions, ValueRef};

use super::bind::{encode, length_prefixed};
use super::{Codec, catalog, malformed};

/// The most dimensions that the server has (`MAXDIM`).
const MAX_DIMENSIONS: usize = 6;
/// Dimensions, flag and element type, in bytes; each dimension has eight more.
const HEADER: usize = 12;

/// How the array of each type of the catalog is read.
static FORMATS: [ArrayFormat; catalog::TYPES.len()] = formats();

const fn formats() -> [ArrayFormat; catalog::TYPES.len()] {
    let mut formats = [const { format(0) }; catalog::TYPES.len()];
    let mut index = 1;
    while index < formats.len() {
        formats[index] = format(index);
        index += 1;
    }
    formats
}

const fn format(index: usize) -> ArrayFormat {
    let element = catalog::TYPES[index].2.sql_type();
    ArrayFormat { element, tag: index, dimensions, element_at, first }
}

/// An array of the catalog's type at `index`, every element checked.
///
/// # Errors
/// The bytes are no array of this type, or an element has no neutral form. Nothing is allocated for what they announce.
pub(crate) fn decode(cell: &[u8], index: usize) -> Result<ArrayRef<'_>> {
    let (oid, _, codec) = catalog::TYPES[index];
    let (header, rest) = cell.split_first_chunk::<HEADER>().ok_or_else(broken)?;
    let (words, _) = header.as_chunks::<4>();
    let [count, flag, element] = [0, 1, 2].map(|at| u32::from_be_bytes(words[at]));
    let count = usize::try_from(count).ok().filter(|count| *count <= MAX_DIMENSIONS).ok_or_else(broken)?;
    if flag > 1 || element != oid {
        return Err(broken());
    }
    let elements = rest.get(8 * count..).ok_or_else(broken)?;
    let dimensions = dimensions(cell);
    let places = dimensions.iter().try_fold(usize::from(count > 0), |product, length| {
        product.checked_mul(*length).filter(|product| *product > 0 && *product <= elements.len() / 4)
    });
    let mut left = elements;
    for _ in 0..places.ok_or_else(broken)? {
        let (element, rest) = take(left)?;
        match element {
            None if flag == 0 => return Err(broken()),
            None => {}
            Some(bytes) => drop(codec.decode(bytes)?),
        }
        left = rest;
    }
    if !left.is_empty() {
        return Err(broken());
    }
    Ok(ArrayRef::received(cell, &FORMATS[index]))
}

/// One element, None for NULL, and the bytes behind it.
fn take(bytes: &[u8]) -> Result<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(broken)?;
    match i32::from_be_bytes(*length) {
        -1 => Ok((None, rest)),
        length => {
            let length = usize::try_from(length).map_err(|_| broken())?;
            let (element, rest) = rest.split_at_checked(length).ok_or_else(broken)?;
            Ok((Some(element), rest))
        }
    }
}

/// The lengths in the header; lower bounds have no equal among hosts and are left out.
fn dimensions(cell: &[u8]) -> Dimensions {
    let (words, _) = cell[HEADER..first(cell)].as_chunks::<8>();
    // A length above `i32::MAX` is above every number of elements that bytes can hold.
    words.iter().map(|[a, b, c, d, ..]| u32::from_be_bytes([*a, *b, *c, *d]) as usize).collect()
}

fn first(cell: &[u8]) -> usize {
    // `decode` has checked that there are six at most, and their bytes.
    HEADER + 8 * usize::from(cell[3])
}

fn element_at(index: usize, cell: &[u8], offset: usize) -> (ValueRef<'_>, usize) {
    let checked = take(&cell[offset..]).and_then(|(element, rest)| {
        let value = element.map_or(Ok(ValueRef::Null), |bytes| catalog::TYPES[index].2.decode(bytes))?;
        Ok((value, cell.len() - rest.len()))
    });
    checked.expect("`decode` has read every element of this array before")
}

#[cold]
fn broken() -> Error {
    malformed("array")
}

/// Appends the binary form of an array of elements of type `oid`.
///
/// # Errors
/// More dimensions than the server has, or an element that is not of the type.
pub(crate) fn encode_array(array: ArrayRef<'_>, element: Codec, oid: u32, out: &mut Vec<u8>) -> Result<()> {
    let dimensions = array.dimensions();
    if dimensions.len() > MAX_DIMENSIONS {
        return Err(Error::data(None, "an array of PostgreSQL has at most 6 dimensions"));
    }
    let has_null = array.iter().any(|value| value.is_null());
    out.extend_from_slice(&(dimensions.len() as u32).to_be_bytes());
    out.extend_from_slice(&u32::from(has_null).to_be_bytes());
    out.extend_from_slice(&oid.to_be_bytes());
    for length in dimensions {
        // Parameters address their elements with a u32.
        out.extend_from_slice(&(length as u32).to_be_bytes());
        out.extend_from_slice(&1_u32.to_be_bytes());
    }
    for value in array.iter() {
        length_prefixed(out, value, |value, out| encode(element, value, out))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ormkit_core::value::{ParamType, Params, SqlType};
    use proptest::prelude::*;

    use super::*;
    use crate::types::{ColumnCodec, bind::Target};

    /// `int4[]` with these words behind the element type.
    fn ints(count: i32, flag: i32, words: &[i32]) -> Vec<u8> {
        [count, flag, 23].iter().chain(words).flat_map(|word| word.to_be_bytes()).collect()
    }

    fn read(cell: &[u8]) -> Result<ValueRef<'_>> {
        ColumnCodec::new(1007, SqlType::Unknown).decode(Some(cell))
    }

    #[test]
    fn array_yields_its_dimensions_and_elements() {
        let cell = ints(2, 1, &[2, 1, 1, 5, 4, 7, -1]);
        let ValueRef::Array(array) = read(&cell).unwrap() else { panic!("not an array") };
        assert_eq!(array.dimensions()[..], [2, 1]);
        assert_eq!(array.iter().collect::<Vec<_>>(), [ValueRef::Int(7), ValueRef::Null]);
        let empty = ints(0, 0, &[]);
        let ValueRef::Array(array) = read(&empty).unwrap() else { panic!("not an array") };
        assert!(array.is_empty() && array.dimensions().is_empty());
    }

    #[test]
    fn hostile_headers_and_lengths_are_refused() {
        for cell in [
            vec![],
            ints(-1, 0, &[]),
            ints(7, 0, &[1; 32]),
            ints(i32::MIN, 0, &[]),
            ints(1, 0, &[]),
            ints(1, 2, &[1, 1, 4, 7]),
            ints(1, 0, &[1, 1, -1]),
            ints(1, 0, &[1, 1, 5, 7]),
            ints(1, 0, &[1, 1, -2, 7]),
            ints(1, 0, &[1, 1, i32::MAX, 7]),
            ints(1, 0, &[1, 1, 4, 7, 0]),
            ints(1, 0, &[0, 1]),
            ints(1, 0, &[-1, 1, 4, 7]),
            ints(1, 0, &[i32::MAX, 1, 4, 7]),
            ints(2, 0, &[i32::MAX, 1, i32::MAX, 1, 4, 7]),
            ints(4, 0, &[65_536, 1, 65_536, 1, 65_536, 1, 65_536, 1, 4, 7]),
            ints(0, 0, &[0]),
        ] {
            assert!(read(&cell).is_err(), "{}", cell.escape_ascii());
        }
        let other = [0, 0, 25].map(u32::to_be_bytes).concat();
        assert!(read(&other).is_err(), "another element type");
    }

    #[test]
    fn array_is_no_value_of_a_scalar_column() {
        for expected in [SqlType::Text, SqlType::Integer, SqlType::Json, SqlType::Enum] {
            let error = ColumnCodec::new(1007, expected).decode(Some(&ints(0, 0, &[]))).unwrap_err();
            assert_eq!(error.class(), ormkit_core::error::ErrorClass::DataError, "{expected:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_array_or_an_error(
            index in 0..catalog::TYPES.len(), count in 0_u32..4, flag in 0_u32..2,
            sizes in proptest::collection::vec(0_u32..4, 0..4), bytes: Vec<u8>,
        ) {
            let (oid, array, _) = catalog::TYPES[index];
            let header = [count, flag, oid];
            let sizes = sizes.iter().flat_map(|size| [*size, 1]);
            let words = header.into_iter().chain(sizes).flat_map(u32::to_be_bytes);
            let cell: Vec<u8> = words.chain(bytes.iter().copied()).collect();
            for cell in [&cell, &bytes] {
                if let Ok(ValueRef::Array(array)) = ColumnCodec::new(array, SqlType::Unknown).decode(Some(cell)) {
                    prop_assert_eq!(array.iter().count(), array.len());
                    prop_assert!(array.len() <= cell.len() / 4);
                }
            }
        }

        #[test]
        fn bound_array_decodes_to_itself(
            rows in 1_usize..4, columns in 1_usize..4, values: [Option<i32>; 9],
        ) {
            let mut params = Params::new();
            let values: Vec<_> = values[..rows * columns]
                .iter()
                .map(|value| value.map_or(ValueRef::Null, |value| ValueRef::Int(value.into())))
                .collect();
            params.push_nested(SqlType::Integer, Dimensions::from_slice(&[rows, columns]), values.into_iter());
            let mut out = Vec::new();
            let target = Target::named(ParamType::array(SqlType::Integer));
            prop_assert_eq!(target.bind(params.get(0), &mut out).unwrap(), 1);
            prop_assert_eq!(read(&out[4..]).unwrap(), params.get(0));
        }
    }
}
