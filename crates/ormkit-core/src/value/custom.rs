//! Values whose form the host's own functions know: cells of types that have a codec, and objects on their way to one.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use super::{Encoded, Value};
use crate::error::{Error, Result};
use crate::sql::DialectName;

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

/// A value of the host's own: on its way to a type whose codec takes it, or one that becomes SQL's when it is known which
/// database it goes to.
#[derive(Clone)]
pub struct Object(Arc<Inner>);

struct Inner {
    value: Box<dyn Any + Send + Sync>,
    problem: Box<str>,
    late: Option<Late>,
    json: Option<ToJson>,
}

/// The value that a database is sent for an object of the host's.
pub type Late = fn(&Object, &Destination<'_>) -> Result<Value>;

/// The JSON text of an object of the host's.
pub type ToJson = fn(&Object) -> Result<String>;

/// Where the parameters of a statement go.
#[derive(Clone, Copy)]
pub struct Destination<'a> {
    /// The database.
    pub dialect: DialectName,
    /// What the host has said of the engine; None where there is none, as for a statement that is shown.
    pub host: Option<&'a (dyn Any + Send + Sync)>,
}

impl Object {
    /// A value and why nothing but a codec can write it.
    pub fn new(value: impl Any + Send + Sync, problem: &str) -> Self {
        Self(Arc::new(Inner { value: Box::new(value), problem: problem.into(), late: None, json: None }))
    }

    /// A value that `late` makes into one of SQL when the statement that it stands in is bound.
    pub fn late(value: impl Any + Send + Sync, late: Late) -> Self {
        let problem = "a value that waits for its database".into();
        Self(Arc::new(Inner { value: Box::new(value), problem, late: Some(late), json: None }))
    }

    /// A value that has other forms, too, and is `json` where JSON is asked for.
    pub fn json(value: impl Any + Send + Sync, json: ToJson) -> Self {
        let problem = "a value that JSON alone holds".into();
        Self(Arc::new(Inner { value: Box::new(value), problem, late: None, json: Some(json) }))
    }

    /// The value as what the host made it of.
    pub fn host<T: Any>(&self) -> Option<&T> {
        self.0.value.downcast_ref()
    }

    /// The value that the database is sent; None for an object that stays one.
    ///
    /// # Errors
    /// The host's own.
    pub fn bound(&self, to: &Destination<'_>) -> Option<Result<Value>> {
        self.0.late.map(|late| late(self, to))
    }

    /// The JSON text, where the object has one.
    ///
    /// # Errors
    /// The host's own.
    pub fn to_json(&self) -> Option<Result<String>> {
        self.0.json.map(|json| json(self))
    }

    /// The refusal where no codec takes it.
    #[cold]
    pub fn refused(&self) -> Error {
        Error::data(None, &*self.0.problem)
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<object>")
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Params, SqlType, Value, ValueRef};
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

    #[test]
    fn lists_and_tuples_keep_the_object_that_they_are_too() {
        let own =
            |text: &'static str| Object::json(text, |object| Ok(format!("{:?}", object.host::<&str>())));
        let list = Value::Array(SqlType::Unknown, vec![Value::Int(1)]);
        let tuple = Value::Record(vec![Value::Int(2), Value::Hosted(Box::new(list.clone()), own("inner"))]);
        let mut params = Params::new();
        Value::Hosted(Box::new(list.clone()), own("list")).push_to(&mut params);
        Value::Hosted(Box::new(tuple), own("tuple")).push_to(&mut params);
        list.push_to(&mut params);
        let params = params.clone();
        let text = |object: Option<&Object>| object.unwrap().to_json().unwrap().unwrap();
        let ValueRef::Array(array) = params.get(0) else { panic!("an array") };
        assert_eq!((array.len(), text(array.object()).as_str()), (1, "Some(\"list\")"));
        let ValueRef::Record(record) = params.get(1) else { panic!("a record") };
        assert_eq!(text(record.object()), "Some(\"tuple\")");
        let Some(ValueRef::Array(inner)) = record.iter().nth(1) else { panic!("an array") };
        assert_eq!(text(inner.object()), "Some(\"inner\")");
        let ValueRef::Array(plain) = params.get(2) else { panic!("an array") };
        assert!(plain.object().is_none());
    }
}
