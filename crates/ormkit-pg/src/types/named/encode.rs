//! Values as parameters of types that the catalog names.

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{RangeRef, RecordRef, ValueRef};

use super::list::List;
use super::range::{EMPTY, LOWER_INCLUSIVE, NO_LOWER, NO_UPPER, UPPER_INCLUSIVE};
use super::{Kind, PgType, map, text};
use crate::narrow::to_u32;
use crate::types::bind::{self, is_natural, length_prefixed, unfit};
use crate::types::{Codec, array, catalog};

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoded {
    /// It is there, in binary.
    Binary,
    /// It holds something that the server has to read: the whole value goes as text. What was appended is of no use.
    Unnatural,
}

impl PgType {
    /// Appends length and value, and answers the format code: 0 text, 1 binary.
    ///
    /// # Errors
    /// `Data` when the value is not of the type's kind, or a part does not fit.
    pub(crate) fn bind(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<u16> {
        let start = out.len();
        let mut encoded = Encoded::Unnatural;
        if self.is_binary {
            length_prefixed(out, value, |value, out| {
                encoded = self.encode(value, out)?;
                Ok(())
            })?;
        }
        if encoded == Encoded::Binary || value.is_null() && self.is_binary {
            return Ok(1);
        }
        out.truncate(start);
        length_prefixed(out, value, |value, out| text::write(self, value, out))?;
        Ok(0)
    }

    /// Appends the binary form of a value that is not NULL.
    fn encode(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded> {
        match (&self.kind, value) {
            (Kind::Custom(custom), value) => custom.encode(value, out),
            // Text is read by the server, whatever the type: an array's literal, a range's …
            (Kind::Text, ValueRef::Text(text)) => {
                bind::write_text(text, out)?;
                Ok(Encoded::Binary)
            }
            (Kind::Domain(base), value) => base.encode(value, out),
            (Kind::Builtin(codec), value) => encode_builtin(*codec, value, out),
            (Kind::Array { element, .. }, ValueRef::Array(_) | ValueRef::Record(_)) => {
                encode_array(element, value, out)
            }
            (Kind::Composite { .. }, ValueRef::Record(record)) => self.encode_record(record, out),
            (Kind::Record { .. }, ValueRef::Record(_)) => Err(Error::unsupported(
                "a tuple where PostgreSQL asks for a record without a name",
                "cast the placeholder to a composite type",
            )),
            (Kind::Range { subtype, .. }, ValueRef::Range(range)) => encode_range(subtype, range, out),
            (Kind::Multirange { range, .. }, ValueRef::Array(_) | ValueRef::Record(_)) => {
                encode_multirange(range, value, out)
            }
            (Kind::Map(_), ValueRef::Map(map)) => map::encode(map, out).map(|()| Encoded::Binary),
            (Kind::Map(_), ValueRef::Json(json)) => map::encode_json(json, out).map(|()| Encoded::Binary),
            _ => Ok(Encoded::Unnatural),
        }
    }

    fn encode_record(&self, record: RecordRef<'_>, out: &mut Vec<u8>) -> Result<Encoded> {
        let fields = self.fields(record)?;
        out.extend_from_slice(&to_u32(fields.len()).to_be_bytes());
        for (field, value) in fields.iter().zip(record.iter()) {
            out.extend_from_slice(&field.oid.to_be_bytes());
            if field.encode_part(value, out)? == Encoded::Unnatural {
                return Ok(Encoded::Unnatural);
            }
        }
        Ok(Encoded::Binary)
    }

    /// The fields of a composite, as many as the record has.
    ///
    /// # Errors
    /// It has more or fewer.
    pub(super) fn fields(&self, record: RecordRef<'_>) -> Result<&[std::sync::Arc<Self>]> {
        match &self.kind {
            Kind::Composite { fields, .. } if fields.len() == record.len() => Ok(fields),
            Kind::Composite { fields, .. } => Err(Error::data(
                None,
                format!("{} has {} fields, the tuple has {}", self.name, fields.len(), record.len()),
            )),
            _ => Err(unfit(&self.name, &ValueRef::Record(record))),
        }
    }

    /// Appends length and value.
    fn encode_part(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded> {
        let mut encoded = Encoded::Binary;
        length_prefixed(out, value, |value, out| {
            encoded = self.encode(value, out)?;
            Ok(())
        })?;
        Ok(encoded)
    }

    /// True for composites, multiranges and domains over them: a tuple is one value of them, and no list.
    pub(super) fn is_record(&self) -> bool {
        match &self.kind {
            Kind::Domain(base) => base.is_record(),
            kind => {
                matches!(kind, Kind::Composite { .. } | Kind::Record { .. } | Kind::Multirange { .. })
            }
        }
    }
}

fn encode_builtin(codec: Codec, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded> {
    match (codec, value) {
        (Codec::Array(index), ValueRef::Array(_) | ValueRef::Record(_)) => {
            let (oid, _, element) = catalog::TYPES[usize::from(index)];
            let list = List::of(value, false)?;
            if !list.elements.iter().all(|value| is_natural(element, value)) {
                return Ok(Encoded::Unnatural);
            }
            array::encode_list(&list, oid, out, |value, out| bind::encode(element, value, out))?;
        }
        (Codec::Json | Codec::Jsonb, ValueRef::Array(_) | ValueRef::Record(_)) => {
            bind::encode_json(codec, value, out)?;
        }
        (_, value) if is_natural(codec, &value) => bind::encode(codec, value, out)?,
        _ => return Ok(Encoded::Unnatural),
    }
    Ok(Encoded::Binary)
}

fn encode_array(element: &PgType, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded> {
    let list = List::of(value, element.is_record())?;
    let mut encoded = Encoded::Binary;
    array::encode_list(&list, element.oid, out, |value, out| {
        if encoded == Encoded::Binary {
            encoded = element.encode(value, out)?;
        }
        Ok(())
    })?;
    Ok(encoded)
}

fn encode_range(subtype: &PgType, range: RangeRef<'_>, out: &mut Vec<u8>) -> Result<Encoded> {
    let (bounds, ends) = (range.bounds(), range.ends());
    if bounds.empty {
        out.push(EMPTY);
        return Ok(Encoded::Binary);
    }
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(
        flag(bounds.lower, LOWER_INCLUSIVE)
            | flag(bounds.upper, UPPER_INCLUSIVE)
            | flag(ends[0].is_null(), NO_LOWER)
            | flag(ends[1].is_null(), NO_UPPER),
    );
    for end in ends.into_iter().filter(|end| !end.is_null()) {
        if subtype.encode_part(end, out)? == Encoded::Unnatural {
            return Ok(Encoded::Unnatural);
        }
    }
    Ok(Encoded::Binary)
}

fn encode_multirange(range: &PgType, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded> {
    let ranges = ranges(value)?;
    out.extend_from_slice(&to_u32(ranges.len()).to_be_bytes());
    for value in ranges {
        if range.encode_part(value, out)? == Encoded::Unnatural {
            return Ok(Encoded::Unnatural);
        }
    }
    Ok(Encoded::Binary)
}

/// The ranges of a list for a multirange.
///
/// # Errors
/// It holds something else.
pub(super) fn ranges(value: ValueRef<'_>) -> Result<Vec<ValueRef<'_>>> {
    let list = List::of(value, false)?;
    match list.elements.iter().find(|element| !matches!(element, ValueRef::Range(_) | ValueRef::Text(_))) {
        None => Ok(list.elements),
        Some(other) => Err(unfit("a range", other)),
    }
}
