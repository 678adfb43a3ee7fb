//! Arrays in binary (`array_send` and `array_recv` in the server's sources): number of dimensions, NULL flag, element
//! type, then length and lower bound of each dimension, then the elements, each behind its length.

use std::sync::LazyLock;

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{ArrayRef, Dimensions, Format, Params, Parts, SqlType, ValueRef};

use super::bind::{Target, encode, length_prefixed};
use super::named::List;
use super::{Codec, catalog, literal, malformed};
use crate::narrow::to_u32;

/// The most dimensions that the server has (`MAXDIM`).
const MAX_DIMENSIONS: usize = 6;
/// Dimensions, flag and element type, in bytes; each dimension has eight more.
const HEADER: usize = 12;

/// How the array of each type of the catalog is read.
static FORMATS: LazyLock<Box<[Format]>> = LazyLock::new(|| {
    let codecs = catalog::TYPES.iter().map(|(_, _, codec)| *codec);
    codecs.map(|codec| Format::new(codec.sql_type(), Builtin(codec))).collect()
});

/// The elements of a built-in type.
struct Builtin(Codec);

impl Parts for Builtin {
    fn dimensions(&self, cell: &[u8]) -> Dimensions {
        dimensions(cell)
    }

    fn first(&self, cell: &[u8]) -> usize {
        first(cell)
    }

    fn part<'a>(&'a self, cell: &'a [u8], _index: usize, offset: usize) -> (ValueRef<'a>, usize) {
        let checked = take(&cell[offset..]).and_then(|(element, rest)| {
            let value = element.map_or(Ok(ValueRef::Null), |bytes| self.0.decode(bytes))?;
            Ok((value, cell.len() - rest.len()))
        });
        checked.expect("`decode` has read every element of this array before")
    }
}

/// An array of the catalog's type at `index`, every element checked.
///
/// # Errors
/// The bytes are no array of this type, or an element has no neutral form. Nothing is allocated for what they announce.
pub(crate) fn decode(cell: &[u8], index: usize) -> Result<ArrayRef<'_>> {
    let (oid, _, codec) = catalog::TYPES[index];
    check(cell, oid, |bytes| codec.decode(bytes).map(drop))?;
    Ok(ArrayRef::received(cell, &FORMATS[index]))
}

/// Checks an array of elements of type `oid`, of which none is NULL that `element` is given.
///
/// # Errors
/// The bytes are no array of this type, or `element` says so.
pub(crate) fn check<E: From<Error>>(
    cell: &[u8],
    oid: u32,
    mut element: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (header, rest) = cell.split_first_chunk::<HEADER>().ok_or_else(broken)?;
    let (words, _) = header.as_chunks::<4>();
    let [count, flag, found] = [0, 1, 2].map(|at| u32::from_be_bytes(words[at]));
    let count = usize::try_from(count).ok().filter(|count| *count <= MAX_DIMENSIONS).ok_or_else(broken)?;
    if flag > 1 || found != oid {
        return Err(broken().into());
    }
    let elements = rest.get(8 * count..).ok_or_else(broken)?;
    let dimensions = dimensions(cell);
    let places = dimensions.iter().try_fold(usize::from(count > 0), |product, length| {
        product.checked_mul(*length).filter(|product| *product > 0 && *product <= elements.len() / 4)
    });
    let mut left = elements;
    for _ in 0..places.ok_or_else(broken)? {
        let (bytes, rest) = take(left)?;
        match bytes {
            None if flag == 0 => return Err(broken().into()),
            None => {}
            Some(bytes) => element(bytes)?,
        }
        left = rest;
    }
    if left.is_empty() { Ok(()) } else { Err(broken().into()) }
}

/// One element, None for NULL, and the bytes behind it.
pub(crate) fn take(bytes: &[u8]) -> Result<(Option<&[u8]>, &[u8])> {
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
pub(crate) fn dimensions(cell: &[u8]) -> Dimensions {
    let (words, _) = cell[HEADER..first(cell)].as_chunks::<8>();
    // A length above `i32::MAX` is above every number of elements that bytes can hold.
    words.iter().map(|[a, b, c, d, ..]| u32::from_be_bytes([*a, *b, *c, *d]) as usize).collect()
}

pub(crate) fn first(cell: &[u8]) -> usize {
    // `check` has seen that there are six at most, and their bytes.
    HEADER + 8 * usize::from(cell[3])
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
    encode_elements(&dimensions, array.iter(), oid, out, |value, out| match (element, value) {
        // A row of a column of arrays, ranges or maps: it travels as text, for arrays of arrays have one length, and the
        // types of the others no number that is known.
        (Codec::Text, ValueRef::Array(_) | ValueRef::Range(_) | ValueRef::Map(_)) => {
            literal::write(value, out)
        }
        (element, value) => encode(element, value, out),
    })
}

/// The same for elements that `encode` writes.
///
/// # Errors
/// More dimensions than the server has, or what `encode` says.
pub(crate) fn encode_list<'a>(
    list: &List<'a>,
    oid: u32,
    out: &mut Vec<u8>,
    encode: impl FnMut(ValueRef<'a>, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    encode_elements(&list.dimensions, list.elements.iter().copied(), oid, out, encode)
}

/// Appends length and binary form of an `oid[]`.
///
/// # Errors
/// None that are known of.
pub(crate) fn encode_oids(oids: &[u32], out: &mut Vec<u8>) -> Result<()> {
    let mut params = Params::new();
    params.push_array(SqlType::Unknown, oids.iter().map(|oid| ValueRef::Int((*oid).into())));
    Target::InferredArray(Codec::Oid, 26).bind(params.get(0), out).map(drop)
}

fn encode_elements<'a>(
    dimensions: &[usize],
    elements: impl Iterator<Item = ValueRef<'a>> + Clone,
    oid: u32,
    out: &mut Vec<u8>,
    mut encode: impl FnMut(ValueRef<'a>, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    if dimensions.len() > MAX_DIMENSIONS {
        return Err(Error::data(None, "an array of PostgreSQL has at most 6 dimensions"));
    }
    let has_null = elements.clone().any(|value| value.is_null());
    out.extend_from_slice(&to_u32(dimensions.len()).to_be_bytes());
    out.extend_from_slice(&u32::from(has_null).to_be_bytes());
    out.extend_from_slice(&oid.to_be_bytes());
    for length in dimensions {
        out.extend_from_slice(&to_u32(*length).to_be_bytes());
        out.extend_from_slice(&1_u32.to_be_bytes());
    }
    for value in elements {
        length_prefixed(out, value, &mut encode)?;
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
