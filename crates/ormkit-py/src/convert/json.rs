//! JSON text ↔ Python values in one pass: key order kept, integers of any size exact.
mod codec;
mod read;
mod write;

pub(crate) use codec::{JsonCodec, failed};

use super::Place;
use crate::fields::is_json_null;
use ormkit_core::error::{Error, Result};
use pyo3::prelude::*;

/// Deeper values are refused: reading and writing take stack for each level. Python's own limit is about the same.
const MAX_DEPTH: usize = 1000;

/// JSON text as Python values, read by the functions of `codec` where there are some.
///
/// # Errors
/// `DataError` without a place where the text is no JSON.
pub(crate) fn read<'py>(py: Python<'py>, text: &str, codec: Option<&JsonCodec>) -> Result<Bound<'py, PyAny>> {
    match codec {
        None => read::Reader::new(py, text).document(),
        Some(codec) => codec.read(py, text),
    }
}

/// A Python value as JSON text, written by the functions of `codec` where there are some.
///
/// # Errors
/// `DataError` without a place for values that JSON cannot hold.
pub(crate) fn write(value: &Bound<'_, PyAny>, codec: Option<&JsonCodec>) -> Result<String> {
    if is_json_null(value) {
        return Ok("null".to_owned());
    }
    if let Some(codec) = codec.filter(|codec| codec.has_dumps()) {
        return codec.write(value);
    }
    let mut out = String::new();
    write::value(value, &mut out, 0)?;
    Ok(out)
}

/// The same, naming the column.
pub(crate) fn text(value: &Bound<'_, PyAny>, codec: Option<&JsonCodec>, place: &Place<'_>) -> Result<String> {
    let text = write(value, codec).map_err(|error| error.at(place))?;
    if text.len() > super::MAX_SIZE {
        return Err(Error::data(Some(place()), "the JSON text is larger than 1 GiB"));
    }
    Ok(text)
}

fn data(problem: impl Into<String>) -> Error {
    Error::data(None, problem)
}
