//! One-dimensional arrays as parameters, in binary (`array_recv` in the server's sources).

use ormkit_core::error::Result;
use ormkit_core::value::ArrayRef;

use super::Codec;
use super::bind::{encode, length_prefixed};

/// Appends the binary form: dimensions, NULL flag, element type, then length and lower bound of the dimension, then
/// the elements.
pub(crate) fn encode_array(array: ArrayRef<'_>, element: Codec, oid: u32, out: &mut Vec<u8>) -> Result<()> {
    let has_null = array.iter().any(|value| value.is_null());
    out.extend_from_slice(&u32::from(!array.is_empty()).to_be_bytes());
    out.extend_from_slice(&u32::from(has_null).to_be_bytes());
    out.extend_from_slice(&oid.to_be_bytes());
    if array.is_empty() {
        return Ok(());
    }
    // Parameters address their elements with a u32.
    out.extend_from_slice(&(array.len() as u32).to_be_bytes());
    out.extend_from_slice(&1_u32.to_be_bytes());
    for value in array.iter() {
        length_prefixed(out, value, |value, out| encode(element, value, out))?;
    }
    Ok(())
}
