//! `hstore` in binary (`hstore_send` in the extension's sources): number of entries, then keys and values in turn, each
//! behind its length.

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{Dimensions, Format, MapRef, Parts, SqlType, ValueRef};
use serde_json::{Map, Value};

use super::{Kind, Misfit, PgType, part_at, take, word};
use crate::narrow::to_u32;
use crate::types::bind::write_text;
use crate::types::{malformed, text};

/// `hstore`.
pub(super) fn new(oid: u32, name: &str) -> PgType {
    PgType::new(oid, name, Kind::Map(Format::new(SqlType::Text, MapParts)))
}

pub(super) fn check(cell: &[u8]) -> Result<(), Misfit> {
    let broken = || malformed("hstore");
    let (count, mut rest) = word(cell, "hstore")?;
    for _ in 0..count {
        let (key, behind) = take(rest)?;
        text(key.ok_or_else(broken)?)?;
        let (value, behind) = take(behind)?;
        value.map(text).transpose()?;
        rest = behind;
    }
    if rest.is_empty() { Ok(()) } else { Err(Misfit::Value(broken())) }
}

struct MapParts;

impl Parts for MapParts {
    fn dimensions(&self, cell: &[u8]) -> Dimensions {
        let count = word(cell, "hstore").map_or(0, |(count, _)| count as usize);
        Dimensions::from_slice(&[count])
    }

    fn first(&self, _cell: &[u8]) -> usize {
        4
    }

    fn part<'a>(&'a self, cell: &'a [u8], _index: usize, offset: usize) -> (ValueRef<'a>, usize) {
        let (part, next) = part_at(cell, offset);
        let value = part.map_or(ValueRef::Null, |part| ValueRef::Text(text(part).expect(super::CHECKED)));
        (value, next)
    }
}

/// Appends a map.
///
/// # Errors
/// Text that may not be sent.
pub(super) fn encode(map: MapRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    write(map.iter(), out)
}

/// Appends the map that a JSON object of texts and nulls stands for.
///
/// # Errors
/// `Data`: the JSON is something else.
pub(super) fn encode_json(json: &str, out: &mut Vec<u8>) -> Result<()> {
    let object: Map<String, Value> = serde_json::from_str(json).map_err(|_| no_map())?;
    if !object.values().all(|value| value.is_string() || value.is_null()) {
        return Err(no_map());
    }
    write(object.iter().map(|(key, value)| (key.as_str(), value.as_str())), out)
}

fn write<'a>(
    entries: impl ExactSizeIterator<Item = (&'a str, Option<&'a str>)>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let count = u32::try_from(entries.len()).map_err(|_| no_map())?;
    out.extend_from_slice(&count.to_be_bytes());
    for (key, value) in entries {
        for text in [Some(key), value] {
            let at = out.len();
            out.extend_from_slice(&u32::MAX.to_be_bytes());
            if let Some(text) = text {
                write_text(text, out)?;
                out[at..at + 4].copy_from_slice(&to_u32(text.len()).to_be_bytes());
            }
        }
    }
    Ok(())
}

fn no_map() -> Error {
    Error::data(None, "expected a dict of str to str or None for hstore")
}
