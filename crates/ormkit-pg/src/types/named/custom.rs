//! Types whose values the host's own functions read and write.

use std::sync::Arc;

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{CustomFormat, CustomRef, CustomType, ValueRef};

use super::encode::Encoded;
use super::{Kind, PgType, array};
use crate::types::bind::{check_size, write_text};
use crate::types::catalog::Delimiter;
use crate::types::{Codec, malformed, text};

/// A codec, and where the server's cells have what it reads.
#[derive(Debug)]
pub(super) struct Custom {
    of: CustomType,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The binary form.
    Binary,
    /// The text form, which cells in binary do not hold.
    Text,
    /// The text form, which is the binary form too, behind so many bytes of the value 1.
    TextInBinary(usize),
}

impl Custom {
    /// Of a type whose binary form this function of the server makes.
    pub(super) fn sent_by(of: &CustomType, send: &str) -> Self {
        let form = match (of.format, send) {
            (CustomFormat::Binary, _) => Form::Binary,
            (CustomFormat::Text, "enum_send" | "citextsend" | "textsend") => Form::TextInBinary(0),
            (CustomFormat::Text, _) => Form::Text,
        };
        Self { of: of.clone(), form }
    }

    /// Of a built-in type.
    fn builtin(of: &CustomType, codec: Codec) -> Self {
        let form = match (of.format, codec) {
            (CustomFormat::Binary, _) => Form::Binary,
            (CustomFormat::Text, Codec::Text | Codec::Json) => Form::TextInBinary(0),
            (CustomFormat::Text, Codec::Jsonb | Codec::Jsonpath) => Form::TextInBinary(1),
            (CustomFormat::Text, _) => Form::Text,
        };
        Self { of: of.clone(), form }
    }

    pub(super) fn is_binary(&self) -> bool {
        self.form != Form::Text
    }

    /// The type of cells that an array's text form has escaped.
    pub(super) fn escaped(&self) -> CustomType {
        CustomType { escaped: true, ..self.of.clone() }
    }

    pub(super) fn check(&self, cell: &[u8]) -> Result<()> {
        match self.form {
            Form::Binary => Ok(()),
            Form::Text => text(cell).map(drop),
            Form::TextInBinary(prefix) => match cell.split_at_checked(prefix) {
                Some((version, rest)) if version.iter().all(|byte| *byte == 1) => text(rest).map(drop),
                _ => Err(malformed(&self.of.name)),
            },
        }
    }

    pub(super) fn view<'a>(&'a self, cell: &'a [u8]) -> ValueRef<'a> {
        let prefix = if let Form::TextInBinary(prefix) = self.form { prefix } else { 0 };
        ValueRef::Custom(CustomRef::received(&cell[prefix..], &self.of))
    }

    /// Appends the binary form of a value that is not NULL.
    pub(super) fn encode(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded> {
        match self.form {
            Form::Text => return Ok(Encoded::Unnatural),
            Form::Binary => {
                let bytes = self.of.codec.encode(value)?;
                check_size(bytes.len())?;
                out.extend_from_slice(&bytes);
            }
            Form::TextInBinary(prefix) => {
                out.extend(std::iter::repeat_n(1, prefix));
                self.write(value, out)?;
            }
        }
        Ok(Encoded::Binary)
    }

    /// Appends the text form of a value that is not NULL.
    ///
    /// # Errors
    /// `Unsupported` for a codec of the binary form: something beside the value has to go as text.
    pub(super) fn write(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
        let name = &self.of.name;
        if self.of.format == CustomFormat::Binary {
            return Err(Error::unsupported(
                format!(
                    "a value that the binary codec of {name} writes, beside one that only the server can read,"
                ),
                "give the other values in the types of their columns",
            ));
        }
        let encoded = self.of.codec.encode(value)?;
        let encoded = std::str::from_utf8(&encoded)
            .map_err(|_| Error::data(None, format!("the codec of {name} has written no UTF-8")))?;
        write_text(encoded, out)
    }
}

impl PgType {
    /// A built-in type with a codec.
    pub(crate) fn custom_builtin(oid: u32, of: &CustomType) -> Self {
        Self::new(oid, &of.name, Kind::Custom(Custom::builtin(of, Codec::of(oid))))
    }

    /// The array type of such a type.
    pub(crate) fn custom_array(oid: u32, element: &Arc<Self>) -> Self {
        array::new(oid, &format!("{}[]", element.name), Arc::clone(element), Some(Delimiter::Comma))
    }

    /// The codec of the type, or of the type that it is a domain over.
    pub(super) fn custom(&self) -> Option<&Custom> {
        match &self.kind {
            Kind::Custom(custom) => Some(custom),
            Kind::Domain(base) => base.custom(),
            _ => None,
        }
    }

    /// The refusal of a cell that holds a value of a text codec where it cannot be told from what is around it.
    #[cold]
    pub(super) fn unread(&self) -> Error {
        Error::unsupported(
            format!("a value of type {} that holds one whose codec reads text", self.name),
            "register a codec with format=\"binary\", or cast the value to text",
        )
    }
}
