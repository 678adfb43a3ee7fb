//! Composites and `record` in binary (`record_send` in the server's sources): number of fields, then of each its type and
//! its value behind its length.

use std::sync::{Arc, OnceLock};

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{Dimensions, Format, Parts, SqlType, ValueRef};

use super::lookup::Known;
use super::{Kind, Misfit, PgType, array, part_at, take, view_builtin, word};
use crate::types::catalog::Delimiter;
use crate::types::{Codec, malformed};

/// `record` and `record[]`.
pub(crate) const RECORD: u32 = 2249;
pub(crate) const RECORD_ARRAY: u32 = 2287;

/// The composite type with these fields.
pub(super) fn new(oid: u32, name: &str, names: Vec<Box<str>>, fields: Vec<Arc<PgType>>) -> PgType {
    let fields: Arc<[Arc<PgType>]> = fields.into();
    let parts = CompositeParts(Arc::clone(&fields));
    let format = Format { names: names.into(), ..Format::new(SqlType::Unknown, parts) };
    PgType::new(oid, name, Kind::Composite { fields, format })
}

/// `record`, whose fields have the types that are `known` so far.
pub(super) fn unnamed(known: Arc<Known>) -> PgType {
    let fields = Arc::new(FieldTypes { known, record: OnceLock::new(), records: OnceLock::new() });
    let format = Format::new(SqlType::Unknown, RecordParts(Arc::clone(&fields)));
    PgType::new(RECORD, "record", Kind::Record { fields, format })
}

/// `record[]` of such.
pub(super) fn records(record: PgType) -> PgType {
    array::new(RECORD_ARRAY, "record[]", Arc::new(record), Some(Delimiter::Comma))
}

/// The types that the fields of a `record` may have.
#[derive(Debug)]
pub(super) struct FieldTypes {
    known: Arc<Known>,
    /// Made when a record in a record is met.
    record: OnceLock<Box<PgType>>,
    records: OnceLock<Box<PgType>>,
}

enum FieldType<'a> {
    Builtin(Codec),
    Named(&'a PgType),
}

impl FieldTypes {
    fn find(&self, oid: u32) -> Option<FieldType<'_>> {
        let record = || unnamed(Arc::clone(&self.known));
        Some(match (oid, Codec::of(oid)) {
            (RECORD, _) => FieldType::Named(self.record.get_or_init(|| Box::new(record()))),
            (RECORD_ARRAY, _) => FieldType::Named(self.records.get_or_init(|| Box::new(records(record())))),
            (_, Codec::Other) => FieldType::Named(self.known.find(oid)?),
            (_, codec) => FieldType::Builtin(codec),
        })
    }
}

/// The fields of a cell, in order: type and value.
///
/// # Errors
/// Too few or too many bytes. Nothing is allocated for what they announce.
fn each_field(
    cell: &[u8],
    count: impl FnOnce(u32) -> Result<(), Misfit>,
    mut field: impl FnMut(usize, u32, Option<&[u8]>) -> Result<(), Misfit>,
) -> Result<(), Misfit> {
    let (announced, mut rest) = word(cell, "record")?;
    count(announced)?;
    for index in 0..announced as usize {
        let (oid, value) = word(rest, "record")?;
        let (value, behind) = take(value)?;
        field(index, oid, value)?;
        rest = behind;
    }
    if rest.is_empty() { Ok(()) } else { Err(Misfit::Value(malformed("record"))) }
}

pub(super) fn check(
    composite: &PgType,
    cell: &[u8],
    fields: &[Arc<PgType>],
    depth: u32,
) -> Result<(), Misfit> {
    let changed = || Misfit::Changed { name: composite.name.clone() };
    let count = |count| if count as usize == fields.len() { Ok(()) } else { Err(changed()) };
    each_field(cell, count, |index, oid, value| match (&fields[index], value) {
        (field, _) if field.oid != oid => Err(changed()),
        (_, None) => Ok(()),
        (field, Some(value)) => field.check(value, depth + 1),
    })
}

pub(super) fn check_unnamed(cell: &[u8], types: &FieldTypes, depth: u32) -> Result<(), Misfit> {
    each_field(
        cell,
        |_| Ok(()),
        |_, oid, value| {
            let Some(value) = value else { return Ok(()) };
            match types.find(oid) {
                None => Err(Misfit::Unknown { oid }),
                Some(FieldType::Builtin(codec)) if !codec.is_binary() => {
                    Err(Misfit::Value(no_binary_form("an array")))
                }
                Some(FieldType::Builtin(codec)) => Ok(codec.decode(value).map(|_| ())?),
                Some(FieldType::Named(field)) if field.is_binary => field.check(value, depth + 1),
                Some(FieldType::Named(field)) => Err(Misfit::Value(no_binary_form(&field.name))),
            }
        },
    )
}

fn no_binary_form(name: &str) -> Error {
    Error::unsupported(format!("a value of type {name} inside of a record"), "cast it to text")
}

struct CompositeParts(Arc<[Arc<PgType>]>);

impl Parts for CompositeParts {
    fn dimensions(&self, _cell: &[u8]) -> Dimensions {
        Dimensions::from_slice(&[self.0.len()])
    }

    fn first(&self, _cell: &[u8]) -> usize {
        4
    }

    fn part<'a>(&'a self, cell: &'a [u8], index: usize, offset: usize) -> (ValueRef<'a>, usize) {
        let (part, next) = part_at(cell, offset + 4);
        (part.map_or(ValueRef::Null, |part| self.0[index].view(part)), next)
    }
}

struct RecordParts(Arc<FieldTypes>);

impl Parts for RecordParts {
    fn dimensions(&self, cell: &[u8]) -> Dimensions {
        // A count above what `usize` holds is above every number of fields that bytes can hold.
        let count = word(cell, "record").map_or(0, |(count, _)| count as usize);
        Dimensions::from_slice(&[count])
    }

    fn first(&self, _cell: &[u8]) -> usize {
        4
    }

    fn part<'a>(&'a self, cell: &'a [u8], _index: usize, offset: usize) -> (ValueRef<'a>, usize) {
        let oid = word(&cell[offset..], "record").map_or(0, |(oid, _)| oid);
        let (part, next) = part_at(cell, offset + 4);
        let value = part.and_then(|part| {
            Some(match self.0.find(oid)? {
                FieldType::Builtin(codec) => view_builtin(codec, part),
                FieldType::Named(field) => field.view(part),
            })
        });
        (value.unwrap_or(ValueRef::Null), next)
    }
}
