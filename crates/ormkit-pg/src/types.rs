//! (OID, binary or text) ↔ [`ValueRef`].

pub(crate) mod array;
pub(crate) mod bind;
pub(crate) mod catalog;
pub(crate) mod codecs;
pub(crate) mod json;
pub(crate) mod literal;
pub(crate) mod named;
pub(crate) mod net;
pub(crate) mod numeric;
pub(crate) mod temporal;
pub(crate) mod text_array;

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{SqlType, ValueRef, coerce};

pub(crate) use catalog::{Codec, Delimiter};

/// How the cells of one column are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnCodec {
    codec: Codec,
    /// The type that the caller knows the column by, where the server's type yields another variant.
    into: Option<SqlType>,
}

impl ColumnCodec {
    /// For a column of type `oid` that the caller takes for `expected`.
    pub(crate) fn new(oid: u32, expected: SqlType) -> Self {
        let codec = match Codec::of(oid) {
            _ if expected == SqlType::Literal => Codec::Other,
            _ if catalog::is_asked_as_text(expected) => Codec::TextArray(Delimiter::Comma),
            Codec::Other | Codec::TextArray(_)
                if expected != SqlType::Unknown && !catalog::is_text_in_binary(oid) =>
            {
                Codec::Opaque(oid)
            }
            codec => codec,
        };
        let same = match (codec, expected) {
            (_, SqlType::Unknown) | (Codec::TextArray(_), SqlType::Array(_)) => true,
            (Codec::Array(index), SqlType::Array(element)) => {
                variant(catalog::TYPES[usize::from(index)].2.sql_type()) == variant(element.sql_type())
            }
            (Codec::Array(_) | Codec::TextArray(_), _) | (_, SqlType::Array(_)) => false,
            (codec, expected) => variant(codec.sql_type()) == variant(expected),
        };
        Self { codec, into: (!same).then_some(expected) }
    }

    /// True when the cells are to be asked for in binary.
    pub(crate) fn is_binary(&self) -> bool {
        self.codec.is_binary()
    }

    /// Decodes one cell: None is NULL.
    ///
    /// # Errors
    /// The bytes are not a value of the type, or a value that has no neutral form (an infinite date).
    #[inline]
    pub(crate) fn decode<'a>(&self, cell: Option<&'a [u8]>) -> Result<ValueRef<'a>> {
        let Some(bytes) = cell else { return Ok(ValueRef::Null) };
        // The answer is handed on as it is: taken apart and put together it is copied in pieces that the CPU has to wait for
        // (a fifth of reading 10,000 rows).
        let decoded = self.codec.decode(bytes);
        match self.into {
            None => decoded,
            Some(expected) => decoded.and_then(|value| convert(value, expected)),
        }
    }
}

/// One representative of all types that share a variant of [`ValueRef`].
fn variant(sql_type: SqlType) -> SqlType {
    match sql_type {
        SqlType::SmallInt | SqlType::Integer => SqlType::BigInt,
        SqlType::Real => SqlType::Double,
        SqlType::Enum | SqlType::Literal | SqlType::Unknown => SqlType::Text,
        SqlType::Json => SqlType::Jsonb,
        other => other,
    }
}

#[cold]
fn convert(value: ValueRef<'_>, expected: SqlType) -> Result<ValueRef<'_>> {
    if let ValueRef::Numeric(number) = value {
        // Aggregates over integers are NUMERIC.
        let number = match variant(expected) {
            SqlType::BigInt => number.to_i64().map(ValueRef::Int),
            SqlType::Double => number.to_string().parse().ok().map(ValueRef::Float),
            _ => None,
        };
        return number
            .ok_or_else(|| Error::data(None, format!("a NUMERIC does not fit {}", expected.name())));
    }
    coerce(value, expected)
}

impl Codec {
    #[inline]
    fn decode(self, bytes: &[u8]) -> Result<ValueRef<'_>> {
        Ok(match self {
            Self::Int4 => ValueRef::Int(i32::from_be_bytes(fixed(bytes, "integer")?).into()),
            Self::Text | Self::Other => ValueRef::Text(text(bytes)?),
            Self::Int8 => ValueRef::Int(i64::from_be_bytes(fixed(bytes, "bigint")?)),
            Self::Int2 => ValueRef::Int(i16::from_be_bytes(fixed(bytes, "smallint")?).into()),
            Self::Oid => ValueRef::Int(u32::from_be_bytes(fixed(bytes, "oid")?).into()),
            Self::Bool => match bytes {
                [0] => ValueRef::Bool(false),
                [1] => ValueRef::Bool(true),
                _ => return Err(malformed("boolean")),
            },
            Self::Float4 => ValueRef::Float(f32::from_be_bytes(fixed(bytes, "real")?).into()),
            Self::Float8 => ValueRef::Float(f64::from_be_bytes(fixed(bytes, "double precision")?)),
            Self::Bytes => ValueRef::Bytes(bytes),
            Self::Numeric => ValueRef::Numeric(numeric::decode(bytes)?),
            Self::Date => ValueRef::Date(temporal::date(bytes)?),
            Self::Time => ValueRef::Time(temporal::time(bytes)?),
            Self::Timestamp => ValueRef::Timestamp(temporal::timestamp(bytes)?),
            Self::TimestampTz => ValueRef::TimestampTz(temporal::timestamp(bytes)?),
            Self::Interval => ValueRef::Interval(temporal::interval(bytes)?),
            Self::Uuid => ValueRef::Uuid(fixed(bytes, "uuid")?),
            Self::Json => ValueRef::Json(text(bytes)?),
            Self::Jsonb => match bytes.split_first() {
                Some((1, json)) => ValueRef::Json(text(json)?),
                _ => return Err(malformed("jsonb")),
            },
            Self::Void => ValueRef::Null,
            Self::Array(index) => ValueRef::Array(array::decode(bytes, index.into())?),
            Self::TextArray(delimiter) => ValueRef::Array(text_array::decode(bytes, delimiter)?),
            Self::TimeTz => ValueRef::TimeTz(temporal::time_tz(bytes)?),
            Self::Inet => ValueRef::Inet(net::decode(bytes, false)?),
            Self::Cidr => ValueRef::Cidr(net::decode(bytes, true)?),
            Self::Xid8 => ValueRef::Int(xid8(bytes)?),
            Self::Char => ValueRef::Text(char(bytes)?),
            Self::Jsonpath => match bytes.split_first() {
                Some((1, path)) => ValueRef::Text(text(path)?),
                _ => return Err(malformed("jsonpath")),
            },
            Self::Opaque(oid) => {
                return Err(Error::unsupported(
                    format!("the PostgreSQL type with OID {oid}"),
                    "cast the column to text",
                ));
            }
        })
    }
}

#[inline]
fn fixed<const N: usize>(bytes: &[u8], name: &str) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| malformed(name))
}

/// The byte 0 stands for no character.
fn char(bytes: &[u8]) -> Result<&str> {
    match bytes {
        [0] => Ok(""),
        [1..=0x7f] => text(bytes),
        [_] => Err(Error::data(None, "a \"char\" that is no character of ASCII")),
        _ => Err(malformed("char")),
    }
}

fn xid8(bytes: &[u8]) -> Result<i64> {
    let number = u64::from_be_bytes(fixed(bytes, "xid8")?);
    number.try_into().map_err(|_| Error::data(None, "an xid8 above 9,223,372,036,854,775,807"))
}

#[inline]
fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| malformed("text"))
}

#[cold]
fn malformed(name: &str) -> Error {
    Error::protocol(format!("a cell is not a binary value of type {name}"))
}

#[cfg(test)]
mod tests {
    use ormkit_core::error::ErrorClass;

    use super::*;

    fn decode(oid: u32, expected: SqlType, bytes: &[u8]) -> Result<ValueRef<'_>> {
        ColumnCodec::new(oid, expected).decode(Some(bytes))
    }

    #[test]
    fn common_types_are_decoded() {
        for (oid, bytes, value) in [
            (16, &b"\x01"[..], ValueRef::Bool(true)),
            (21, b"\xff\xfe", ValueRef::Int(-2)),
            (23, b"\0\0\x01\0", ValueRef::Int(256)),
            (20, b"\xff\xff\xff\xff\xff\xff\xff\xff", ValueRef::Int(-1)),
            (26, b"\xff\xff\xff\xff", ValueRef::Int(4_294_967_295)),
            (700, b"\x3f\x80\0\0", ValueRef::Float(1.0)),
            (701, b"\xc0\0\0\0\0\0\0\0", ValueRef::Float(-2.0)),
            (25, "ä".as_bytes(), ValueRef::Text("ä")),
            (18, b"x", ValueRef::Text("x")),
            (18, b"\0", ValueRef::Text("")),
            (17, b"\0\xff", ValueRef::Bytes(b"\0\xff")),
            (2950, &[7; 16], ValueRef::Uuid([7; 16])),
            (114, b"{}", ValueRef::Json("{}")),
            (3802, b"\x01{}", ValueRef::Json("{}")),
            (4072, b"\x01$.a", ValueRef::Text("$.a")),
            (5069, b"\0\0\0\x01\0\0\0\0", ValueRef::Int(1 << 32)),
            (99_999, b"happy", ValueRef::Text("happy")),
        ] {
            assert_eq!(decode(oid, SqlType::Unknown, bytes).unwrap(), value, "{oid}");
        }
        assert_eq!(ColumnCodec::new(25, SqlType::Text).decode(None).unwrap(), ValueRef::Null);
    }

    #[test]
    fn column_yields_the_variant_that_its_model_knows() {
        assert_eq!(decode(23, SqlType::Double, b"\0\0\0\x02").unwrap(), ValueRef::Float(2.0));
        assert_eq!(decode(25, SqlType::Json, b"[]").unwrap(), ValueRef::Json("[]"));
        let ten = b"\0\x01\0\0\0\0\0\0\0\x0a";
        assert_eq!(decode(1700, SqlType::BigInt, ten).unwrap(), ValueRef::Int(10));
        assert_eq!(decode(1700, SqlType::Double, ten).unwrap(), ValueRef::Float(10.0));
    }

    #[test]
    fn binary_of_a_type_without_text_form_is_not_taken_for_text() {
        let money = decode(790, SqlType::Text, b"\0\0\0\0\0\0\0\x7b").unwrap_err();
        assert_eq!(money.class(), ErrorClass::NotSupportedError);
        assert_eq!(decode(790, SqlType::Unknown, b"$1.23").unwrap(), ValueRef::Text("$1.23"));
    }

    proptest::proptest! {
        #[test]
        fn any_cell_is_a_value_or_an_error(index in 0..catalog::KNOWN.len(), bytes: Vec<u8>) {
            let _ = decode(catalog::KNOWN[index], SqlType::Unknown, &bytes);
            let _ = decode(catalog::KNOWN[index], SqlType::Text, &bytes);
        }
    }
}
