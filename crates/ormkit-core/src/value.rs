//! Values between drivers and hosts: borrowed on the way, never boxed.
//!
//! [`ValueRef`] is the hinge in both directions. Drivers decode into it without allocating and encode from it into the
//! wire buffer; hosts turn it into their own values. [`Params`] holds the values of one statement between the two.

mod array;
mod custom;
mod element;
mod encoded;
pub mod json_array;
mod net;
mod numeric;
mod owned;
mod params;
mod parts;
mod range;
mod record;
mod temporal;

pub use array::{ArrayRef, Brackets};
pub use custom::{CustomCodec, CustomFormat, CustomRef, CustomType, Destination, Late, Object, ToJson};
pub use element::Element;
pub use encoded::Encoded;
pub use net::Inet;
pub use numeric::{Groups, Numeric, Sign};
pub use owned::{NumericText, Value};
pub use params::{ArrayBuilder, Params};
pub use parts::{Dimensions, Elements, Format, Parts};
pub use range::{Bounds, RangeRef};
pub use record::{MapRef, RecordRef};
pub use temporal::{Date, Interval, Time, TimeTz, Timestamp};

use crate::error::{Error, Result};

/// A value in its neutral form.
///
/// A driver yields the variant that [`SqlType`] names for the column; where no type is known (SQL text of the caller's
/// own on SQLite) it yields the storage class as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// SQL NULL.
    Null,
    /// BOOLEAN.
    Bool(bool),
    /// SMALLINT, INTEGER, BIGINT.
    Int(i64),
    /// REAL and DOUBLE PRECISION.
    Float(f64),
    /// TEXT and VARCHAR; also the label of an enum.
    Text(&'a str),
    /// BYTEA, BLOB.
    Bytes(&'a [u8]),
    /// NUMERIC, exact.
    Numeric(Numeric<'a>),
    /// DATE.
    Date(Date),
    /// TIME without time zone.
    Time(Time),
    /// TIMESTAMP without time zone.
    Timestamp(Timestamp),
    /// TIMESTAMP WITH TIME ZONE, as UTC.
    TimestampTz(Timestamp),
    /// INTERVAL.
    Interval(Interval),
    /// UUID, in network order.
    Uuid([u8; 16]),
    /// JSON or JSONB, as JSON text.
    Json(&'a str),
    /// An array: bulk binds, `= ANY`, and arrays that PostgreSQL answers.
    Array(ArrayRef<'a>),
    /// TIME WITH TIME ZONE.
    TimeTz(TimeTz),
    /// INET.
    Inet(Inet),
    /// CIDR.
    Cidr(Inet),
    /// An element of an array that came as text; see [`Encoded::decode`].
    Encoded(Encoded<'a>),
    /// A composite value; a tuple on its way to the database.
    Record(RecordRef<'a>),
    /// A range.
    Range(RangeRef<'a>),
    /// HSTORE.
    Map(MapRef<'a>),
    /// A cell of a type whose values the host's own functions read.
    Custom(CustomRef<'a>),
    /// A value that only a codec of the host's can write.
    Object(&'a Object),
}

impl ValueRef<'_> {
    /// True for SQL NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The name of the variant, for messages: a type, never the value.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Numeric(_) => "numeric",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Timestamp(_) => "timestamp without time zone",
            Self::TimestampTz(_) => "timestamp with time zone",
            Self::Interval(_) => "interval",
            Self::Uuid(_) => "uuid",
            Self::Json(_) => "json",
            Self::Array(_) => "array",
            Self::TimeTz(_) => "time with time zone",
            Self::Inet(_) => "inet",
            Self::Cidr(_) => "cidr",
            Self::Encoded(_) => "text",
            Self::Record(_) => "record",
            Self::Range(_) => "range",
            Self::Map(_) => "map",
            Self::Custom(_) => "custom",
            Self::Object(_) => "object",
        }
    }
}

/// The type of a column or parameter, as far as values are concerned: lengths, precisions and enum names live in
/// the model's column type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// BOOLEAN ↔ [`ValueRef::Bool`]
    Bool,
    /// SMALLINT ↔ [`ValueRef::Int`]
    SmallInt,
    /// INTEGER ↔ [`ValueRef::Int`]
    Integer,
    /// BIGINT ↔ [`ValueRef::Int`]
    BigInt,
    /// REAL ↔ [`ValueRef::Float`]
    Real,
    /// DOUBLE PRECISION ↔ [`ValueRef::Float`]
    Double,
    /// TEXT, VARCHAR ↔ [`ValueRef::Text`]
    Text,
    /// BYTEA, BLOB ↔ [`ValueRef::Bytes`]
    Bytes,
    /// NUMERIC ↔ [`ValueRef::Numeric`]
    Numeric,
    /// DATE ↔ [`ValueRef::Date`]
    Date,
    /// TIME ↔ [`ValueRef::Time`]
    Time,
    /// TIMESTAMP ↔ [`ValueRef::Timestamp`]
    Timestamp,
    /// TIMESTAMP WITH TIME ZONE ↔ [`ValueRef::TimestampTz`]
    TimestampTz,
    /// INTERVAL ↔ [`ValueRef::Interval`]
    Interval,
    /// UUID ↔ [`ValueRef::Uuid`]
    Uuid,
    /// JSON ↔ [`ValueRef::Json`]
    Json,
    /// JSONB ↔ [`ValueRef::Json`]
    Jsonb,
    /// TIME WITH TIME ZONE ↔ [`ValueRef::TimeTz`]
    TimeTz,
    /// INET ↔ [`ValueRef::Inet`]
    Inet,
    /// CIDR ↔ [`ValueRef::Cidr`]
    Cidr,
    /// An array ↔ [`ValueRef::Array`]
    Array(Element),
    /// Any other type of PostgreSQL in text form ↔ [`ValueRef::Text`]; the server infers which from the context.
    Literal,
    /// A native enum ↔ [`ValueRef::Text`]; the server infers which from the context.
    Enum,
    /// Not known: the server infers a parameter's type, a column is decoded by what the server says.
    Unknown,
}

impl SqlType {
    /// True where a database with arrays takes many values of the type as one parameter, without being told a name.
    pub fn has_array_parameter(self) -> bool {
        !matches!(self, Self::Enum | Self::Literal | Self::Array(_) | Self::Unknown)
    }

    /// The least and greatest value of an integer type.
    pub fn int_range(self) -> Option<(i64, i64)> {
        match self {
            Self::SmallInt => Some((i16::MIN.into(), i16::MAX.into())),
            Self::Integer => Some((i32::MIN.into(), i32::MAX.into())),
            Self::BigInt => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }

    /// The SQL name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOLEAN",
            Self::SmallInt => "SMALLINT",
            Self::Integer => "INTEGER",
            Self::BigInt => "BIGINT",
            Self::Real => "REAL",
            Self::Double => "DOUBLE PRECISION",
            Self::Text => "TEXT",
            Self::Bytes => "BYTEA",
            Self::Numeric => "NUMERIC",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Timestamp => "TIMESTAMP",
            Self::TimestampTz => "TIMESTAMP WITH TIME ZONE",
            Self::Interval => "INTERVAL",
            Self::Uuid => "UUID",
            Self::Json => "JSON",
            Self::Jsonb => "JSONB",
            Self::TimeTz => "TIME WITH TIME ZONE",
            Self::Inet => "INET",
            Self::Cidr => "CIDR",
            Self::Array(_) => "an array",
            Self::Literal => "a type in text form",
            Self::Enum => "an enum",
            Self::Unknown => "unknown",
        }
    }
}

/// The type of a parameter: one value, or an array of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParamType {
    /// The type of the value or of each element.
    pub element: SqlType,
    /// True for an array.
    pub array: bool,
}

impl ParamType {
    /// One value.
    pub const fn scalar(element: SqlType) -> Self {
        Self { element, array: false }
    }

    /// An array of values.
    pub const fn array(element: SqlType) -> Self {
        Self { element, array: true }
    }
}

/// Turns a value that a loosely typed database stores (SQLite: TEXT, INTEGER, REAL, BLOB) into the variant of `to`.
///
/// Already of that variant: returned as it is. Accepts what other tools write: ISO-8601 text or epoch seconds for
/// times, text or 16 bytes for UUIDs, text, integer or real for numerics.
///
/// # Errors
/// [`ErrorKind::Data`](crate::error::ErrorKind::Data) without a place: the caller names the column.
pub fn coerce<'a>(value: ValueRef<'a>, to: SqlType) -> Result<ValueRef<'a>> {
    use ValueRef as V;
    Ok(match (to, value) {
        (_, V::Null) | (SqlType::Unknown, _) => value,
        (SqlType::Bool, V::Bool(_)) => value,
        (SqlType::Bool, V::Int(0)) => V::Bool(false),
        (SqlType::Bool, V::Int(1)) => V::Bool(true),
        (SqlType::SmallInt | SqlType::Integer | SqlType::BigInt, V::Int(_)) => value,
        (SqlType::Real | SqlType::Double, V::Float(_)) => value,
        (SqlType::Real | SqlType::Double, V::Int(int)) => V::Float(int as f64),
        (SqlType::Text | SqlType::Enum | SqlType::Literal, V::Text(_)) => value,
        (SqlType::Array(element), V::Text(text)) => V::Array(json_array::read(text, element)?),
        (SqlType::Array(element), V::Array(array)) if array.element_type() == element.sql_type() => value,
        (SqlType::Bytes, V::Bytes(_)) => value,
        (SqlType::Bytes, V::Text(text)) => V::Bytes(text.as_bytes()),
        (SqlType::Numeric, V::Numeric(_)) => value,
        (SqlType::Numeric, V::Text(text)) => V::Numeric(Numeric::parse(text)?),
        (SqlType::Numeric, V::Int(int)) => V::Numeric(Numeric::from(int)),
        (SqlType::Date, V::Date(_)) => value,
        (SqlType::Date, V::Text(text)) => V::Date(Date::parse(text)?),
        (SqlType::Time, V::Time(_)) => value,
        (SqlType::Time, V::Text(text)) => V::Time(Time::parse(text)?),
        (SqlType::Timestamp, V::Timestamp(_)) | (SqlType::TimestampTz, V::TimestampTz(_)) => value,
        (SqlType::Timestamp, V::Text(text)) => V::Timestamp(Timestamp::parse(text)?),
        (SqlType::TimestampTz, V::Text(text)) => V::TimestampTz(Timestamp::parse_utc(text)?),
        (SqlType::Timestamp, V::Int(seconds)) => V::Timestamp(Timestamp::from_epoch_seconds(seconds)?),
        (SqlType::TimestampTz, V::Int(seconds)) => V::TimestampTz(Timestamp::from_epoch_seconds(seconds)?),
        (SqlType::Interval, V::Interval(_)) => value,
        (SqlType::Interval, V::Int(micros)) => V::Interval(Interval { months: 0, days: 0, micros }),
        (SqlType::Uuid, V::Uuid(_)) => value,
        (SqlType::Uuid, V::Bytes(bytes)) => match bytes.try_into() {
            Ok(bytes) => V::Uuid(bytes),
            Err(_) => return Err(unfit(to, &value)),
        },
        (SqlType::Uuid, V::Text(text)) => V::Uuid(uuid_from_text(text).ok_or_else(|| unfit(to, &value))?),
        (SqlType::Json | SqlType::Jsonb, V::Json(_)) => value,
        (SqlType::Json | SqlType::Jsonb, V::Text(text)) => V::Json(text),
        (SqlType::TimeTz, V::TimeTz(_)) | (SqlType::Inet, V::Inet(_)) | (SqlType::Cidr, V::Cidr(_)) => value,
        (SqlType::Inet, V::Cidr(network)) => V::Inet(network),
        (SqlType::Inet, V::Text(text)) => V::Inet(Inet::parse(text).ok_or_else(|| unfit(to, &value))?),
        (SqlType::Cidr, V::Text(text)) => V::Cidr(Inet::parse(text).ok_or_else(|| unfit(to, &value))?),
        _ => return Err(unfit(to, &value)),
    })
}

fn unfit(to: SqlType, value: &ValueRef<'_>) -> Error {
    Error::data(
        None,
        format!("expected {}, the database holds a value of type {}", to.name(), value.type_name()),
    )
}

/// The 16 bytes of 32 hexadecimal digits, with or without hyphens and braces (RFC 9562 section 4).
pub fn uuid_from_text(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut digits = 0;
    for byte in text.bytes().filter(|byte| !matches!(byte, b'-' | b'{' | b'}')) {
        let digit = (byte as char).to_digit(16)? as u8;
        *bytes.get_mut(digits / 2)? |= digit << (4 * (1 - digits % 2));
        digits += 1;
    }
    (digits == 32).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_values_take_the_columns_type() {
        assert_eq!(coerce(ValueRef::Int(1), SqlType::Bool).unwrap(), ValueRef::Bool(true));
        assert_eq!(coerce(ValueRef::Text("{}"), SqlType::Json).unwrap(), ValueRef::Json("{}"));
        assert_eq!(coerce(ValueRef::Int(2), SqlType::Double).unwrap(), ValueRef::Float(2.0));
        assert_eq!(coerce(ValueRef::Null, SqlType::Uuid).unwrap(), ValueRef::Null);
    }

    #[test]
    fn value_of_another_type_is_refused_without_being_shown() {
        let error = coerce(ValueRef::Text("secret"), SqlType::BigInt).unwrap_err();
        assert_eq!(error.to_string(), "expected BIGINT, the database holds a value of type text");
    }

    #[test]
    fn value_has_four_words_whatever_it_borrows() {
        assert_eq!(size_of::<ValueRef<'_>>(), 32);
    }

    #[test]
    fn uuid_reads_with_and_without_hyphens() {
        let plain = uuid_from_text("00112233445566778899aabbccddeeff");
        assert_eq!(plain, uuid_from_text("{00112233-4455-6677-8899-AABBCCDDEEFF}"));
        assert_eq!(plain.unwrap()[15], 0xff);
        assert_eq!(uuid_from_text("00112233"), None);
    }
}
