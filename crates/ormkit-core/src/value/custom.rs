//! Values whose form the host's own functions know: cells of types that have a codec, and objects on their way to one.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use super::Encoded;
use crate::error::{Error, Result};

/// What a codec's functions read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomFormat {
    /// The type's text form.
    Text,
    /// Its binary form.
    Binary,
}

/// The host's functions for the values of a type.
pub trait CustomCodec: Any + Send + Sync {
    /// The form of a value that is not NULL, in the codec's format: UTF-8 where that is text. A driver may ask several
    /// times for one value.
    ///
    /// # Errors
    /// The host's own, and `Data` for what is no such form, both without a place.
    fn encode(&self, value: super::ValueRef<'_>) -> Result<Vec<u8>>;
}

/// A type whose values the host reads and writes.
#[derive(Clone)]
pub struct CustomType {
    /// The type's name, for messages.
    pub name: Arc<str>,
    /// What its codec reads and writes.
    pub format: CustomFormat,
    /// Its functions.
    pub codec: Arc<dyn CustomCodec>,
    /// A backslash stands before some characters of the text: it comes out of an array's text form.
    pub escaped: bool,
}

impl CustomType {
    /// The codec as what the host made it of.
    pub fn host<T: CustomCodec>(&self) -> Option<&T> {
        let codec: &dyn Any = &*self.codec;
        codec.downcast_ref()
    }
}

impl std::fmt::Debug for CustomType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomType").field("name", &self.name).field("format", &self.format).finish()
    }
}

/// A cell that is not NULL, of a type that has a codec.
#[derive(Clone, Copy, Debug)]
pub struct CustomRef<'a> {
    cell: &'a [u8],
    of: &'a CustomType,
}

impl<'a> CustomRef<'a> {
    /// A cell in the format of its type's codec. The driver MUST have checked that text is UTF-8.
    pub fn received(cell: &'a [u8], of: &'a CustomType) -> Self {
        Self { cell, of }
    }

    /// Its type.
    pub fn custom_type(&self) -> &'a CustomType {
        self.of
    }

    /// The binary form.
    pub fn bytes(&self) -> &'a [u8] {
        self.cell
    }

    /// The text form.
    ///
    /// # Errors
    /// `Protocol`: the driver has let something through that is no text.
    pub fn text(&self) -> Result<Cow<'a, str>> {
        let text = std::str::from_utf8(self.cell)
            .map_err(|_| Error::protocol(format!("a cell of type {} is no text", self.of.name)))?;
        match self.of.escaped {
            true => Ok(Encoded::backslash(text).plain()),
            false => Ok(Cow::Borrowed(text)),
        }
    }
}

impl PartialEq for CustomRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cell == other.cell && self.of.name == other.of.name && self.of.format == other.of.format
    }
}

/// A value of the host's own, on its way to a type whose codec takes it.
#[derive(Clone)]
pub struct Object {
    value: Arc<dyn Any + Send + Sync>,
    problem: Arc<str>,
}

impl Object {
    /// A value and why nothing but a codec can write it.
    pub fn new(value: impl Any + Send + Sync, problem: &str) -> Self {
        Self { value: Arc::new(value), problem: problem.into() }
    }

    /// The value as what the host made it of.
    pub fn host<T: Any>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    /// The refusal where no codec takes it.
    #[cold]
    pub fn refused(&self) -> Error {
        Error::data(None, &*self.problem)
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<object>")
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.value, &other.value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Params, Value, ValueRef};
    use super::*;

    struct Upper;

    impl CustomCodec for Upper {
        fn encode(&self, value: ValueRef<'_>) -> Result<Vec<u8>> {
            match value {
                ValueRef::Text(text) => Ok(text.to_uppercase().into()),
                _ => Err(Error::data(None, "no text")),
            }
        }
    }

    fn upper(escaped: bool) -> CustomType {
        CustomType { name: "upper".into(), format: CustomFormat::Text, codec: Arc::new(Upper), escaped }
    }

    #[test]
    fn cell_is_read_by_the_codec_of_its_type() {
        let (plain, escaped) = (upper(false), upper(true));
        assert_eq!(CustomRef::received(br"a\b", &plain).text().unwrap(), r"a\b");
        assert_eq!(CustomRef::received(br"a\b", &escaped).text().unwrap(), "ab");
        assert!(CustomRef::received(b"\xff", &plain).text().is_err());
        assert!(plain.host::<Upper>().is_some());
        assert_eq!(plain.codec.encode(ValueRef::Text("a")).unwrap(), b"A");
    }

    #[test]
    fn objects_travel_through_parameters_as_they_are() {
        let object = Object::new(7_u8, "a value of type u8 cannot be bound");
        let mut params = Params::new();
        Value::Object(object.clone()).push_to(&mut params);
        Value::Record(vec![Value::Object(object.clone())]).push_to(&mut params);
        assert_eq!(params.get(0), ValueRef::Object(&object));
        let ValueRef::Record(record) = params.get(1) else { panic!("a record") };
        let Some(ValueRef::Object(found)) = record.iter().next() else { panic!("an object") };
        assert_eq!(found.host::<u8>(), Some(&7));
        assert_eq!(object.refused().to_string(), "a value of type u8 cannot be bound");
    }
}
