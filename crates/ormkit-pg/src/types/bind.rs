//! The values of a statement as the parameters of Bind.

use std::sync::Arc;

use ormkit_core::error::{Error, Result};
use ormkit_core::value::{ParamType, SqlType, ValueRef};

use super::named::lookup::Catalog;
use super::named::{PgType, ragged};
use super::{Codec, array, catalog, json, literal, net, numeric, temporal};
use crate::narrow::to_u32;
use crate::protocol::buffer::MESSAGE_LIMIT;

/// What a parameter is sent as.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A type that the caller named: only values of its variant are taken.
    Named(Codec),
    /// An array of such.
    NamedArray(Codec, u32),
    /// A type that the server inferred: other variants go as text and the server reads them or refuses.
    Inferred(Codec),
    /// An array of such.
    InferredArray(Codec, u32),
    /// A type that the catalog describes.
    Catalog(Arc<PgType>),
    /// Only the server knows: always text.
    Text,
}

impl Target {
    /// For a type that the caller named.
    pub(crate) fn named(param: ParamType) -> Self {
        if let (SqlType::Array(element), false, true) =
            (param.element, param.array, catalog::param_oid(param) != 0)
        {
            return Self::named(ParamType::array(element.sql_type()));
        }
        match Codec::of_sql_type(param.element) {
            None => Self::Text,
            Some(codec) if param.array => Self::NamedArray(codec, catalog::element_oid(param.element)),
            Some(codec) => Self::Named(codec),
        }
    }

    /// For a type that the server inferred, with what is known of those of the database.
    pub(crate) fn inferred(oid: u32, types: &Catalog) -> Self {
        match types.find(oid) {
            Some(known) => Self::Catalog(known),
            None => Self::without_codecs(oid),
        }
    }

    /// The same for a value whose type the caller has named: its form is that of this type, and no codec's affair.
    pub(crate) fn inferred_for(param: ParamType, oid: u32, types: &Catalog) -> Self {
        match types.find(oid) {
            Some(known) if known.has_codec && param.element != SqlType::Unknown => Self::without_codecs(oid),
            _ => Self::inferred(oid, types),
        }
    }

    fn without_codecs(oid: u32) -> Self {
        match (Codec::of(oid), catalog::element_of(oid)) {
            (Codec::Other, None) => Self::Text,
            (_, Some(element)) => Self::InferredArray(Codec::of(element), element),
            (Codec::TextArray(_) | Codec::Void, None) => Self::Text,
            (codec, None) => Self::Inferred(codec),
        }
    }

    /// True where `ALTER TYPE` may change what is sent.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self, Self::Catalog(named) if named.may_change)
    }

    /// Appends length and value, and answers the format code: 0 text, 1 binary.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](ormkit_core::error::ErrorKind::Data) when the value is not of the type, out of its range, or
    /// too long. What was appended then is of no use.
    pub(crate) fn bind(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<u16> {
        match *self {
            Self::Named(codec) => length_prefixed(out, value, |value, out| encode(codec, value, out))?,
            Self::NamedArray(codec, oid) => length_prefixed(out, value, |value, out| match value {
                ValueRef::Array(array) => array::encode_array(array, codec, oid, out),
                _ => Err(unfit("an array", &value)),
            })?,
            Self::Inferred(codec) => return bind_inferred(codec, value, out),
            Self::InferredArray(codec, oid) => return bind_inferred_array(codec, oid, value, out),
            Self::Catalog(ref named) => return named.bind(value, out),
            Self::Text => return bind_text(value, out),
        }
        Ok(1)
    }
}

/// As [`Target::bind`], for a type that the server inferred. A list is JSON where JSON is asked for, and nothing else.
fn bind_inferred(codec: Codec, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<u16> {
    match (codec, value) {
        (Codec::Json | Codec::Jsonb, ValueRef::Array(_) | ValueRef::Record(_)) => {
            length_prefixed(out, value, |value, out| encode_json(codec, value, out))?;
        }
        (_, ValueRef::Array(_) | ValueRef::Range(_) | ValueRef::Map(_)) => {
            return Err(unfit(codec.sql_type().name(), &value));
        }
        _ if is_natural(codec, &value) => {
            length_prefixed(out, value, |value, out| encode(codec, value, out))?;
        }
        _ => return bind_text(value, out),
    }
    Ok(1)
}

/// The same for an array: as text where the server has to read the elements.
fn bind_inferred_array(codec: Codec, oid: u32, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<u16> {
    match value {
        ValueRef::Array(array) if array.iter().all(|element| is_natural(codec, &element)) => {
            length_prefixed(out, value, |_, out| array::encode_array(array, codec, oid, out))?;
            Ok(1)
        }
        // Tuples among the elements are lists.
        ValueRef::Array(_) | ValueRef::Record(_) => PgType::array_of(oid, codec).bind(value, out),
        ValueRef::Text(_) | ValueRef::Null => bind_text(value, out),
        ValueRef::Json(_) => Err(ragged()),
        other => Err(unfit("an array", &other)),
    }
}

/// Appends a list as JSON.
pub(crate) fn encode_json(codec: Codec, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.extend((codec == Codec::Jsonb).then_some(1));
    json::write(value, out)
}

fn bind_text(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<u16> {
    length_prefixed(out, value, literal::write)?;
    Ok(0)
}

/// Writes four bytes of length in front of what `write` appends; NULL is a length of -1 and nothing else.
pub(crate) fn length_prefixed<'a>(
    out: &mut Vec<u8>,
    value: ValueRef<'a>,
    write: impl FnOnce(ValueRef<'a>, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let start = out.len();
    out.extend_from_slice(&(-1_i32).to_be_bytes());
    if value.is_null() {
        return Ok(());
    }
    write(value, out)?;
    let length = out.len() - start - 4;
    check_size(length)?;
    out[start..start + 4].copy_from_slice(&to_u32(length).to_be_bytes());
    Ok(())
}

/// True for the variant that `encode` takes for a codec without losing anything.
pub(crate) fn is_natural(codec: Codec, value: &ValueRef<'_>) -> bool {
    use ValueRef as V;
    matches!(
        (codec, value),
        (_, V::Null)
            | (Codec::Bool, V::Bool(_))
            | (Codec::Int2 | Codec::Int4 | Codec::Int8 | Codec::Oid, V::Int(_))
            | (Codec::Float4 | Codec::Float8, V::Float(_) | V::Int(_))
            | (Codec::Xid8, V::Int(_))
            | (Codec::Text | Codec::Jsonpath, V::Text(_))
            | (Codec::TimeTz, V::TimeTz(_))
            | (Codec::Inet, V::Inet(_) | V::Cidr(_))
            | (Codec::Cidr, V::Cidr(_))
            | (Codec::Bytes, V::Bytes(_))
            | (Codec::Numeric, V::Numeric(_) | V::Int(_))
            | (Codec::Date, V::Date(_))
            | (Codec::Time, V::Time(_))
            | (Codec::Timestamp, V::Timestamp(_) | V::TimestampTz(_))
            | (Codec::TimestampTz, V::TimestampTz(_))
            | (Codec::Interval, V::Interval(_))
            | (Codec::Uuid, V::Uuid(_))
            | (Codec::Json | Codec::Jsonb, V::Json(_))
    )
}

/// Appends the binary form of a value that is not NULL.
///
/// # Errors
/// Another variant than the codec's, or a value out of range: types and ranges are named, never the value.
pub(crate) fn encode(codec: Codec, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    match (codec, value) {
        (Codec::Int4, ValueRef::Int(value)) => {
            out.extend_from_slice(&int::<i32>(codec, value)?.to_be_bytes())
        }
        (Codec::Int8, ValueRef::Int(value)) => out.extend_from_slice(&value.to_be_bytes()),
        (Codec::Text, ValueRef::Text(text)) => write_text(text, out)?,
        (Codec::Int2, ValueRef::Int(value)) => {
            out.extend_from_slice(&int::<i16>(codec, value)?.to_be_bytes())
        }
        (Codec::Oid, ValueRef::Int(value)) => out.extend_from_slice(&int::<u32>(codec, value)?.to_be_bytes()),
        (Codec::Bool, ValueRef::Bool(value)) => out.push(value.into()),
        (Codec::Float4, ValueRef::Float(value)) => out.extend_from_slice(&real(value)?.to_be_bytes()),
        (Codec::Float8, ValueRef::Float(value)) => out.extend_from_slice(&value.to_be_bytes()),
        (Codec::Float4, ValueRef::Int(value)) => {
            out.extend_from_slice(&real(exact_float(value)?)?.to_be_bytes());
        }
        (Codec::Float8, ValueRef::Int(value)) => out.extend_from_slice(&exact_float(value)?.to_be_bytes()),
        (Codec::Bytes, ValueRef::Bytes(bytes)) => {
            check_size(bytes.len())?;
            out.extend_from_slice(bytes);
        }
        (Codec::Numeric, ValueRef::Numeric(value)) => numeric::encode(value, out)?,
        (Codec::Numeric, ValueRef::Int(value)) => numeric::encode(value.into(), out)?,
        (Codec::Date, ValueRef::Date(value)) => temporal::encode_date(value, out)?,
        (Codec::Time, ValueRef::Time(value)) => temporal::encode_time(value, out)?,
        (Codec::Timestamp, ValueRef::Timestamp(value))
        | (Codec::TimestampTz, ValueRef::TimestampTz(value)) => {
            temporal::encode_timestamp(value, out)?;
        }
        (Codec::Interval, ValueRef::Interval(value)) => temporal::encode_interval(value, out),
        (Codec::Uuid, ValueRef::Uuid(bytes)) => out.extend_from_slice(&bytes),
        (Codec::Json, ValueRef::Json(json)) => write_text(json, out)?,
        (Codec::Jsonb, ValueRef::Json(json)) => {
            out.push(1);
            write_text(json, out)?;
        }
        (Codec::TimeTz, ValueRef::TimeTz(value)) => temporal::encode_time_tz(value, out)?,
        (Codec::Inet, ValueRef::Inet(value) | ValueRef::Cidr(value)) => net::encode(value, false, out)?,
        (Codec::Cidr, ValueRef::Cidr(value)) => net::encode(value, true, out)?,
        (Codec::Xid8, ValueRef::Int(value)) => {
            out.extend_from_slice(&int::<u64>(codec, value)?.to_be_bytes())
        }
        (Codec::Jsonpath, ValueRef::Text(text)) => {
            out.push(1);
            write_text(text, out)?;
        }
        (codec, value) => return Err(unfit(codec.sql_type().name(), &value)),
    }
    Ok(())
}

fn int<T: TryFrom<i64>>(codec: Codec, value: i64) -> Result<T> {
    T::try_from(value).map_err(|_| {
        let name = match codec {
            Codec::Oid => "OID",
            Codec::Xid8 => "XID8",
            codec => codec.sql_type().name(),
        };
        Error::data(None, format!("an int out of the range of {name}"))
    })
}

/// A float that keeps every digit of the integer.
#[expect(clippy::cast_possible_truncation, reason = "i128 holds every float of an i64")]
fn exact_float(value: i64) -> Result<f64> {
    let float = value as f64;
    if float as i128 == i128::from(value) {
        return Ok(float);
    }
    Err(Error::data(None, "an int that DOUBLE PRECISION cannot hold exactly"))
}

#[expect(clippy::cast_possible_truncation, reason = "what does not fit becomes infinite, and is refused")]
fn real(value: f64) -> Result<f32> {
    let real = value as f32;
    if real.is_infinite() && value.is_finite() {
        return Err(Error::data(None, "a float out of the range of REAL"));
    }
    Ok(real)
}

/// Appends text that may be sent: no NUL, at most 1 GiB.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) -> Result<()> {
    check_size(text.len())?;
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(Error::data(None, "text for PostgreSQL must not contain NUL (U+0000)"));
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Refuses what is too long for one message, in bytes.
pub(crate) fn check_size(length: usize) -> Result<()> {
    if length < MESSAGE_LIMIT {
        return Ok(());
    }
    Err(Error::data(None, "a value for PostgreSQL is limited to 1 GiB"))
}

#[cold]
pub(crate) fn unfit(expected: &str, value: &ValueRef<'_>) -> Error {
    if let ValueRef::Object(object) = value {
        return object.refused();
    }
    Error::data(None, format!("expected {expected}, found a value of type {}", value.type_name()))
}

#[cfg(test)]
mod tests {
    use ormkit_core::value::Params;

    use super::*;
    use crate::types::ColumnCodec;

    fn inferred(oid: u32) -> Target {
        Target::inferred(oid, &Catalog::default())
    }

    fn bind(target: Target, value: ValueRef<'_>) -> Result<(u16, Vec<u8>)> {
        let mut out = Vec::new();
        let format = target.bind(value, &mut out)?;
        Ok((format, out))
    }

    #[test]
    fn bound_values_decode_to_themselves() {
        for (sql_type, value) in [
            (SqlType::Bool, ValueRef::Bool(true)),
            (SqlType::SmallInt, ValueRef::Int(-32_768)),
            (SqlType::Integer, ValueRef::Int(2_147_483_647)),
            (SqlType::BigInt, ValueRef::Int(i64::MIN)),
            (SqlType::Real, ValueRef::Float(0.5)),
            (SqlType::Double, ValueRef::Float(0.1)),
            (SqlType::Text, ValueRef::Text("grüße")),
            (SqlType::Bytes, ValueRef::Bytes(b"\0\x01")),
            (SqlType::Jsonb, ValueRef::Json("[1]")),
            (SqlType::Uuid, ValueRef::Uuid([3; 16])),
        ] {
            let param = ParamType::scalar(sql_type);
            let (format, bytes) = bind(Target::named(param), value).unwrap();
            assert_eq!(format, 1);
            let codec = ColumnCodec::new(catalog::param_oid(param), sql_type);
            assert_eq!(codec.decode(Some(&bytes[4..])).unwrap(), value, "{sql_type:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_without_being_shown() {
        let named = |sql_type| Target::named(ParamType::scalar(sql_type));
        for (target, value) in [
            (named(SqlType::SmallInt), ValueRef::Int(32_768)),
            (named(SqlType::Integer), ValueRef::Int(i64::from(i32::MIN) - 1)),
            (named(SqlType::Integer), ValueRef::Text("12345")),
            (named(SqlType::Real), ValueRef::Float(1e39)),
            (named(SqlType::Double), ValueRef::Int(9_007_199_254_740_993)),
            (named(SqlType::Text), ValueRef::Text("12345\0")),
            (named(SqlType::Enum), ValueRef::Text("12345\0")),
            (named(SqlType::TimestampTz), ValueRef::Timestamp(ormkit_core::value::Timestamp(12_345))),
            (inferred(26), ValueRef::Int(-1)),
            (inferred(21), ValueRef::Int(123_456)),
        ] {
            let error = bind(target, value).unwrap_err();
            assert!(!error.to_string().contains("12345"), "{error}");
        }
    }

    #[test]
    fn array_header_says_nulls_type_and_length() {
        let mut params = Params::new();
        params.push_array(SqlType::Integer, [ValueRef::Int(1), ValueRef::Null]);
        let target = Target::named(ParamType::array(SqlType::Integer));
        let (format, bytes) = bind(target, params.get(0)).unwrap();
        let expected = b"\0\0\0\x20\0\0\0\x01\0\0\0\x01\0\0\0\x17\0\0\0\x02\0\0\0\x01\0\0\0\x04\0\0\0\x01\xff\xff\xff\xff";
        assert_eq!((format, &bytes[4..]), (1, &expected[4..]));
    }

    #[test]
    fn list_is_what_the_server_infers_and_nothing_else() {
        let mut params = Params::new();
        params.push_array(SqlType::Unknown, [ValueRef::Int(1), ValueRef::Json("{}"), ValueRef::Null]);
        let list = params.get(0);
        let jsonb = b"\0\0\0\x0c\x01[1,{},null]";
        assert_eq!(bind(inferred(3802), list).unwrap(), (1, jsonb.to_vec()));
        assert_eq!(bind(inferred(3807), list).unwrap().0, 0, "the server reads elements of other types");
        assert_eq!(
            bind(inferred(23), list).unwrap_err().to_string(),
            "expected INTEGER, found a value of type array"
        );
        for value in [ValueRef::Json("[[1],[2,3]]"), ValueRef::Int(1)] {
            assert!(bind(inferred(1007), value).is_err());
        }
        params.push_array(SqlType::Unknown, [ValueRef::Int(70_000 << 16)]);
        assert!(bind(inferred(1007), params.get(1)).is_err(), "out of range");
    }

    #[test]
    fn values_of_other_types_go_as_text_where_the_server_chose_the_type() {
        assert_eq!(bind(inferred(25), ValueRef::Int(5)).unwrap(), (0, b"\0\0\0\x015".to_vec()));
        assert_eq!(bind(inferred(1082), ValueRef::Text("today")).unwrap().0, 0);
        assert_eq!(bind(inferred(869), ValueRef::Text("::1")).unwrap().0, 0);
        assert_eq!(bind(Target::Text, ValueRef::Null).unwrap().1, [255; 4]);
    }

    #[test]
    fn oversized_text_is_refused_before_it_is_copied() {
        assert!(check_size(MESSAGE_LIMIT).is_err());
        assert!(check_size(MESSAGE_LIMIT - 1).is_ok());
    }
}
