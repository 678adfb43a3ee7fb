//! Types that the server names only at run time: enums, domains, composites, ranges, and what extensions bring.
//!
//! A type is resolved once per database (`lookup`); its tree of parts is shared. Cells are checked as a whole when they
//! are decoded and read part by part when the host asks: nothing is allocated for what they announce.

mod array;
mod custom;
mod encode;
mod list;
pub(crate) mod lookup;
mod map;
mod range;
mod record;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod sample;
mod text;

use custom::Custom;
pub(crate) use list::{List, ragged};

use std::sync::Arc;

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{ArrayRef, Format, MapRef, RangeRef, RecordRef, SqlType, ValueRef};

use super::catalog::Delimiter;
use super::{Codec, malformed, text_array};

/// Types nest no deeper, and neither do records in a cell: the server's own limit is far above what anybody writes.
const MAX_DEPTH: u32 = 32;

/// A type that the catalog describes.
#[derive(Debug)]
pub(crate) struct PgType {
    pub(crate) oid: u32,
    pub(crate) name: Box<str>,
    kind: Kind,
    /// Levels of parts below it.
    depth: u32,
    /// Results are asked for in binary: the binary form of every part is known.
    pub(crate) is_binary: bool,
    /// It is a composite or holds one: `ALTER TYPE` may change it, or the cell alone says what it holds.
    pub(crate) may_change: bool,
    /// It is, or holds, a type whose codec reads text that no binary form holds.
    has_text_codec: bool,
    /// It is, or holds, a type that has a codec.
    pub(crate) has_codec: bool,
}

#[derive(Debug)]
enum Kind {
    /// A built-in type.
    Builtin(Codec),
    /// A type whose binary form is its text: enums, `citext`.
    Text,
    /// A type without a binary form that is known here.
    Opaque,
    Domain(Arc<PgType>),
    /// An array; its delimiter in text form, where that is one of the two that there are.
    Array {
        element: Arc<PgType>,
        format: Format,
        delimiter: Option<Delimiter>,
    },
    Composite {
        fields: Arc<[Arc<PgType>]>,
        format: Format,
    },
    /// `record`: its fields' types are in the cell.
    Record {
        fields: Arc<record::FieldTypes>,
        format: Format,
    },
    Range {
        subtype: Arc<PgType>,
        format: Format,
    },
    Multirange {
        range: Arc<PgType>,
        format: Format,
    },
    /// `hstore`.
    Map(Format),
    /// A type whose values the host reads and writes.
    Custom(Custom),
}

/// Why a cell is no value of its type.
#[derive(Debug)]
pub(crate) enum Misfit {
    /// The composite type of this name has other fields than before.
    Changed { name: Box<str> },
    /// A record holds a value of a type that has not been looked up.
    Unknown { oid: u32 },
    /// The bytes are no such value, or one without a neutral form.
    Value(Error),
}

impl From<Error> for Misfit {
    fn from(error: Error) -> Self {
        Self::Value(error)
    }
}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Changed { name } => Self::data(
                None,
                format!(
                    "the type {name} was altered while its fields were taken as known: run the statement again"
                ),
            ),
            Misfit::Unknown { oid } => Self::data(
                None,
                format!(
                    "a record holds a value of the type with OID {oid}, which was not known: run the statement again, or \
                     cast the record to a named type"
                ),
            ),
            Misfit::Value(error) => error,
        }
    }
}

impl PgType {
    fn new(oid: u32, name: &str, kind: Kind) -> Self {
        let parts: &[&Arc<Self>] = match &kind {
            Kind::Domain(part)
            | Kind::Array { element: part, .. }
            | Kind::Range { subtype: part, .. }
            | Kind::Multirange { range: part, .. } => &[part],
            Kind::Composite { fields, .. } => &fields.iter().collect::<Vec<_>>(),
            Kind::Builtin(_)
            | Kind::Text
            | Kind::Opaque
            | Kind::Record { .. }
            | Kind::Map(_)
            | Kind::Custom(_) => &[],
        };
        let is_binary = match &kind {
            Kind::Builtin(codec) => codec.is_binary(),
            Kind::Opaque => false,
            Kind::Custom(custom) => custom.is_binary(),
            _ => parts.iter().all(|part| part.is_binary),
        };
        let may_change = matches!(kind, Kind::Composite { .. } | Kind::Record { .. })
            || parts.iter().any(|part| part.may_change);
        let has_codec = matches!(kind, Kind::Custom(_)) || parts.iter().any(|part| part.has_codec);
        let has_text_codec = matches!(&kind, Kind::Custom(custom) if !custom.is_binary())
            || parts.iter().any(|part| part.has_text_codec);
        let depth = parts.iter().map(|part| part.depth + 1).max().unwrap_or(0);
        Self { oid, name: name.into(), kind, depth, is_binary, may_change, has_text_codec, has_codec }
    }

    /// A type of which no more is known than that it has text.
    pub(crate) fn opaque(oid: u32, name: &str) -> Self {
        Self::new(oid, name, Kind::Opaque)
    }

    /// The built-in type of a codec.
    fn builtin(oid: u32, codec: Codec) -> Self {
        Self::new(oid, codec.sql_type().name(), Kind::Builtin(codec))
    }

    /// The array type of a built-in type.
    pub(crate) fn array_of(oid: u32, codec: Codec) -> Self {
        array::new(0, "an array", Arc::new(Self::builtin(oid, codec)), Some(Delimiter::Comma))
    }

    /// A type whose binary form is its text.
    fn text(oid: u32, name: &str) -> Self {
        Self::new(oid, name, Kind::Text)
    }

    /// What a caller is told of the type.
    pub(crate) fn sql_type(&self) -> SqlType {
        match &self.kind {
            Kind::Builtin(codec) => codec.sql_type(),
            Kind::Domain(base) => base.sql_type(),
            Kind::Text => SqlType::Text,
            _ => SqlType::Unknown,
        }
    }

    /// Decodes a cell, after all of it was checked.
    ///
    /// # Errors
    /// The bytes are not a value of the type, or a part has no neutral form.
    pub(crate) fn decode<'a>(&'a self, cell: &'a [u8]) -> Result<ValueRef<'a>> {
        if !self.is_binary {
            return match &self.kind {
                Kind::Custom(custom) => custom.check(cell).map(|()| custom.view(cell)),
                Kind::Domain(base) => base.decode(cell),
                Kind::Array { delimiter: Some(delimiter), element, format } if element.custom().is_some() => {
                    text_array::decode_as(cell, *delimiter, format).map(ValueRef::Array)
                }
                _ if self.has_text_codec => Err(self.unread()),
                Kind::Array { delimiter: Some(delimiter), .. } => {
                    text_array::decode(cell, *delimiter).map(ValueRef::Array)
                }
                _ => Ok(ValueRef::Text(super::text(cell)?)),
            };
        }
        self.check(cell, 0)?;
        Ok(self.view(cell))
    }

    /// Checks a cell and all of its parts.
    ///
    /// # Errors
    /// Why it is no value of the type.
    pub(crate) fn check(&self, cell: &[u8], depth: u32) -> Result<(), Misfit> {
        if depth > MAX_DEPTH {
            return Err(Misfit::Value(Error::unsupported(
                "values nested in each other more than 32 levels deep",
                "cast them to text",
            )));
        }
        match &self.kind {
            Kind::Builtin(codec) => drop(codec.decode(cell)?),
            Kind::Text | Kind::Opaque => drop(super::text(cell)?),
            Kind::Domain(base) => base.check(cell, depth)?,
            Kind::Array { element, .. } => array::check(cell, element, depth)?,
            Kind::Composite { fields, .. } => record::check(self, cell, fields, depth)?,
            Kind::Record { fields, .. } => record::check_unnamed(cell, fields, depth)?,
            Kind::Range { subtype, .. } => range::check(cell, subtype, depth)?,
            Kind::Multirange { range, .. } => range::check_all(cell, range, depth)?,
            Kind::Map(_) => map::check(cell)?,
            Kind::Custom(custom) => custom.check(cell)?,
        }
        Ok(())
    }

    /// The value of a cell that [`check`](Self::check) has passed.
    fn view<'a>(&'a self, cell: &'a [u8]) -> ValueRef<'a> {
        match &self.kind {
            Kind::Builtin(codec) => view_builtin(*codec, cell),
            Kind::Text | Kind::Opaque => ValueRef::Text(super::text(cell).expect(CHECKED)),
            Kind::Domain(base) => base.view(cell),
            Kind::Array { format, .. } | Kind::Multirange { format, .. } => {
                ValueRef::Array(ArrayRef::received(cell, format))
            }
            Kind::Composite { format, .. } | Kind::Record { format, .. } => {
                ValueRef::Record(RecordRef::received(cell, format))
            }
            Kind::Range { format, .. } => ValueRef::Range(RangeRef::received(cell, format)),
            Kind::Map(format) => ValueRef::Map(MapRef::received(cell, format)),
            Kind::Custom(custom) => custom.view(cell),
        }
    }
}

fn view_builtin(codec: Codec, cell: &[u8]) -> ValueRef<'_> {
    codec.decode(cell).expect(CHECKED)
}

/// Why reading a part cannot fail.
const CHECKED: &str = "`PgType::check` has read every part of this cell before";

/// Reads a length and so many bytes: None where the length is -1.
fn take(bytes: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Error> {
    super::array::take(bytes)
}

/// A count or code of four bytes.
fn word<'a>(bytes: &'a [u8], name: &str) -> Result<(u32, &'a [u8]), Error> {
    let (word, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| malformed(name))?;
    Ok((u32::from_be_bytes(*word), rest))
}

/// The part of a checked cell whose length stands at `offset`, and the offset of the next.
fn part_at(cell: &[u8], offset: usize) -> (Option<&[u8]>, usize) {
    let (part, rest) = take(&cell[offset..]).expect(CHECKED);
    (part, cell.len() - rest.len())
}

#[cfg(test)]
mod tests;
