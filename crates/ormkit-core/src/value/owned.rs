//! Values that own their data: constants of an expression, keys, cells of a `Record`.

use super::{
    Bounds, CustomFormat, Date, Dimensions, Inet, Interval, Numeric, Object, Params, SqlType, Time, TimeTz,
    Timestamp, ValueRef,
};

/// A value that owns its data.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BOOLEAN.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text, or an enum's label.
    Text(Box<str>),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// A decimal, as plain text that was checked.
    Numeric(NumericText),
    /// A day.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// A timestamp without time zone.
    Timestamp(Timestamp),
    /// A timestamp in UTC.
    TimestampTz(Timestamp),
    /// A span.
    Interval(Interval),
    /// A UUID.
    Uuid([u8; 16]),
    /// JSON text.
    Json(Box<str>),
    /// A time of day in a zone.
    TimeTz(TimeTz),
    /// A network address.
    Inet(Inet),
    /// A network.
    Cidr(Inet),
    /// A list that is bound as one array; of lists of one length where it has several dimensions.
    Array(SqlType, Vec<Value>),
    /// A tuple, or a composite value without its names.
    Record(Vec<Value>),
    /// The lower and the upper bound of a range, NULL where there is none; which of them belong to it.
    Range(Box<[Value; 2]>, Bounds),
    /// Texts by text.
    Map(Vec<(Box<str>, Option<Box<str>>)>),
    /// A value that only a codec of the host's can write.
    Object(Object),
    /// A list or tuple, and the object of which JSON is made where the parameter turns out to be that.
    Hosted(Box<Value>, Object),
}

/// Plain decimal text that was checked when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumericText(Box<str>);

impl From<Numeric<'_>> for NumericText {
    fn from(numeric: Numeric<'_>) -> Self {
        Self(numeric.to_string().into())
    }
}

impl NumericText {
    /// The decimal.
    pub fn as_numeric(&self) -> Numeric<'_> {
        Numeric::from_checked_text(&self.0)
    }
}

impl Value {
    /// Appends the value as one parameter.
    ///
    /// # Panics
    /// When the lists of one level differ in length.
    pub fn push_to(&self, params: &mut Params) {
        match self {
            Self::Array(element, _) => {
                let (dimensions, flat) = self.flat();
                params.push_owned(*element, dimensions, &flat);
            }
            Self::Hosted(value, object) => params.push_hosted(value, object),
            other => params.push_owned_scalar(other),
        }
    }

    /// The value, borrowed. None for one that has parts, which is borrowed from [`Params`] only.
    pub fn as_ref(&self) -> Option<ValueRef<'_>> {
        Some(match self {
            Self::Array(..) | Self::Record(_) | Self::Range(..) | Self::Map(_) | Self::Hosted(..) => {
                return None;
            }
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Int(value) => ValueRef::Int(*value),
            Self::Float(value) => ValueRef::Float(*value),
            Self::Text(value) => ValueRef::Text(value),
            Self::Bytes(value) => ValueRef::Bytes(value),
            Self::Numeric(value) => ValueRef::Numeric(value.as_numeric()),
            Self::Date(value) => ValueRef::Date(*value),
            Self::Time(value) => ValueRef::Time(*value),
            Self::Timestamp(value) => ValueRef::Timestamp(*value),
            Self::TimestampTz(value) => ValueRef::TimestampTz(*value),
            Self::Interval(value) => ValueRef::Interval(*value),
            Self::Uuid(value) => ValueRef::Uuid(*value),
            Self::Json(value) => ValueRef::Json(value),
            Self::TimeTz(value) => ValueRef::TimeTz(*value),
            Self::Inet(value) => ValueRef::Inet(*value),
            Self::Cidr(value) => ValueRef::Cidr(*value),
            Self::Object(value) => ValueRef::Object(value),
        })
    }

    /// The dimensions of an array, none of an empty one, and its elements in row-major order.
    pub(super) fn flat(&self) -> (Dimensions, Vec<&Self>) {
        let (mut dimensions, mut flat) = (Dimensions::new(), Vec::new());
        self.measure(&mut dimensions);
        self.flatten(&mut flat);
        if flat.is_empty() {
            dimensions.clear();
        }
        (dimensions, flat)
    }

    /// The dimensions, by the first list of each level.
    fn measure(&self, dimensions: &mut Dimensions) {
        if let Self::Array(_, values) = self {
            dimensions.push(values.len());
            values.iter().take(1).for_each(|value| value.measure(dimensions));
        }
    }

    fn flatten<'a>(&'a self, flat: &mut Vec<&'a Self>) {
        match self {
            Self::Array(_, values) => values.iter().for_each(|value| value.flatten(flat)),
            other => flat.push(other),
        }
    }

    /// True for SQL NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::Int(value) => Self::Int(value),
            ValueRef::Float(value) => Self::Float(value),
            ValueRef::Text(value) => Self::Text(value.into()),
            ValueRef::Bytes(value) => Self::Bytes(value.into()),
            ValueRef::Numeric(value) => Self::Numeric(value.into()),
            ValueRef::Date(value) => Self::Date(value),
            ValueRef::Time(value) => Self::Time(value),
            ValueRef::Timestamp(value) => Self::Timestamp(value),
            ValueRef::TimestampTz(value) => Self::TimestampTz(value),
            ValueRef::Interval(value) => Self::Interval(value),
            ValueRef::Uuid(value) => Self::Uuid(value),
            ValueRef::Json(value) => Self::Json(value.into()),
            ValueRef::TimeTz(value) => Self::TimeTz(value),
            ValueRef::Inet(value) => Self::Inet(value),
            ValueRef::Cidr(value) => Self::Cidr(value),
            ValueRef::Encoded(value) => value.decode(),
            ValueRef::Array(array) => {
                let list = |values| Self::Array(array.element_type(), values);
                let nested = array.nested(
                    &mut |value| Ok::<_, std::convert::Infallible>(Self::from(value)),
                    &mut |values| Ok(list(values)),
                );
                match nested {
                    Ok(value) => value,
                    Err(never) => match never {},
                }
            }
            ValueRef::Record(record) => Self::Record(record.iter().map(Self::from).collect()),
            ValueRef::Range(range) => Self::Range(Box::new(range.ends().map(Self::from)), range.bounds()),
            ValueRef::Custom(value) => match (value.custom_type().format, value.text()) {
                (CustomFormat::Text, Ok(text)) => Self::Text(text.into()),
                _ => Self::Bytes(value.bytes().into()),
            },
            ValueRef::Object(value) => Self::Object(value.clone()),
            ValueRef::Map(map) => {
                Self::Map(map.iter().map(|(key, value)| (key.into(), value.map(Into::into))).collect())
            }
        }
    }
}

/// A Rust type whose values are of one variant.
macro_rules! from {
    ($($given:ty => $value:ident $made:expr),+ $(,)?) => {
        $(
            impl From<$given> for Value {
                fn from($value: $given) -> Self {
                    $made
                }
            }
        )+
    };
}

from!(
    bool => value Self::Bool(value),
    i16 => value Self::Int(value.into()),
    i32 => value Self::Int(value.into()),
    i64 => value Self::Int(value),
    u8 => value Self::Int(value.into()),
    u16 => value Self::Int(value.into()),
    u32 => value Self::Int(value.into()),
    f32 => value Self::Float(value.into()),
    f64 => value Self::Float(value),
    &str => value Self::Text(value.into()),
    String => value Self::Text(value.into()),
    &[u8] => value Self::Bytes(value.into()),
    Vec<u8> => value Self::Bytes(value.into()),
    Numeric<'_> => value Self::Numeric(value.into()),
    Date => value Self::Date(value),
    Time => value Self::Time(value),
    Interval => value Self::Interval(value),
    [u8; 16] => value Self::Uuid(value),
);

/// NULL for none.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
