//! Values of types that the catalog names, as the texts that the server reads: where a part is of another type than the
//! server's, so that the server has to judge it.

use ormkit_core::error::Result;
use ormkit_core::value::{RangeRef, RecordRef, ValueRef};

use super::encode::ranges;
use super::list::{List, ragged};
use super::{Kind, PgType};
use crate::types::bind::{self, unfit, write_text};
use crate::types::catalog::Delimiter;
use crate::types::literal::{self, write_quoted};
use crate::types::{Codec, catalog};

/// Appends the text of a value that is not NULL.
///
/// # Errors
/// The value is not of the type's kind, or a part may not be sent.
pub(super) fn write(of: &PgType, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    match (&of.kind, value) {
        (Kind::Custom(custom), value) => custom.write(value, out),
        (Kind::Domain(base), value) => write(base, value, out),
        (_, ValueRef::Text(text)) => write_text(text, out),
        (Kind::Builtin(Codec::Array(index)), ValueRef::Array(_) | ValueRef::Record(_)) => {
            let (oid, _, codec) = catalog::TYPES[usize::from(*index)];
            write_array(&PgType::builtin(oid, codec), Delimiter::Comma, value, out)
        }
        (Kind::Builtin(Codec::TextArray(delimiter)), ValueRef::Array(_) | ValueRef::Record(_)) => {
            write_array(&PgType::opaque(0, "an element"), *delimiter, value, out)
        }
        (Kind::Builtin(Codec::Json | Codec::Jsonb), ValueRef::Array(_) | ValueRef::Record(_)) => {
            bind::encode_json(Codec::Json, value, out)
        }
        (Kind::Array { element, delimiter, .. }, ValueRef::Array(_) | ValueRef::Record(_)) => {
            write_array(element, delimiter.unwrap_or(Delimiter::Comma), value, out)
        }
        (Kind::Composite { .. }, ValueRef::Record(record)) => write_record(of, record, out),
        (Kind::Range { subtype, .. }, ValueRef::Range(range)) => write_range(subtype, range, out),
        (Kind::Multirange { range, .. }, ValueRef::Array(_) | ValueRef::Record(_)) => {
            write_list(ranges(value)?.into_iter(), out, |value, out| write(range, value, out))
        }
        (Kind::Array { .. }, ValueRef::Json(_)) => Err(ragged()),
        // A scalar is what the server reads it as; something with parts is never one.
        (Kind::Builtin(_) | Kind::Text | Kind::Opaque, value) if !has_parts(&value) => {
            literal::write(value, out)
        }
        (_, value) => Err(unfit(&of.name, &value)),
    }
}

fn has_parts(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Array(_) | ValueRef::Record(_) | ValueRef::Range(_) | ValueRef::Map(_))
}

/// `{a,b}` without quotes.
fn write_list<'a>(
    values: impl Iterator<Item = ValueRef<'a>>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(ValueRef<'a>, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    out.push(b'{');
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_array(element: &PgType, delimiter: Delimiter, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    let list = List::of(value, element.is_record())?;
    if list.elements.is_empty() {
        out.extend_from_slice(b"{}");
        return Ok(());
    }
    let delimiter = match delimiter {
        Delimiter::Comma => b',',
        Delimiter::Semicolon => b';',
    };
    write_level(&list.dimensions, &list.elements, delimiter, out, &mut |value, out| match value {
        ValueRef::Null => {
            out.extend_from_slice(b"NULL");
            Ok(())
        }
        value => write_part(element, value, out),
    })
}

/// Elements in the braces of their dimensions.
fn write_level<'a>(
    dimensions: &[usize],
    elements: &[ValueRef<'a>],
    delimiter: u8,
    out: &mut Vec<u8>,
    write: &mut impl FnMut(ValueRef<'a>, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let [length, inner @ ..] = dimensions else {
        return elements.iter().try_for_each(|element| write(*element, out));
    };
    out.push(b'{');
    for (index, part) in elements.chunks(elements.len() / length).enumerate() {
        if index > 0 {
            out.push(delimiter);
        }
        write_level(inner, part, delimiter, out, write)?;
    }
    out.push(b'}');
    Ok(())
}

/// A part in quotes, so that nothing in it is taken for a mark of what is around it.
fn write_part(of: &PgType, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    let mut part = Vec::new();
    write(of, value, &mut part)?;
    write_quoted(&part, out);
    Ok(())
}

/// `("a",,"b")`: NULL is nothing at all.
fn write_record(of: &PgType, record: RecordRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.push(b'(');
    for (index, (field, value)) in of.fields(record)?.iter().zip(record.iter()).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if !value.is_null() {
            write_part(field, value, out)?;
        }
    }
    out.push(b')');
    Ok(())
}

/// `["a","b")`.
fn write_range(subtype: &PgType, range: RangeRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    let (bounds, [lower, upper]) = (range.bounds(), range.ends());
    if bounds.empty {
        out.extend_from_slice(b"empty");
        return Ok(());
    }
    out.push(if bounds.lower { b'[' } else { b'(' });
    if !lower.is_null() {
        write_part(subtype, lower, out)?;
    }
    out.push(b',');
    if !upper.is_null() {
        write_part(subtype, upper, out)?;
    }
    out.push(if bounds.upper { b']' } else { b')' });
    Ok(())
}
