//! The OIDs of built-in types (`pg_type.dat` of the server's sources): they never change.

use ormkit_core::value::{ParamType, SqlType};

/// How values of a type are written in binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Text,
    Bytes,
    Numeric,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Void,
    Inet,
    Cidr,
    /// 64 bits without a sign.
    Xid8,
    /// `"char"`: one byte.
    Char,
    Jsonpath,
    /// An array of the type at this index of [`TYPES`].
    Array(u8),
    /// An array in text form, of a type whose binary form is not known here.
    TextArray(Delimiter),
    /// Any other type, in text form.
    Other,
    /// Any other type, in a binary form that is not known here.
    Opaque(u32),
}

/// What stands between the elements of an array in text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delimiter {
    Comma,
    Semicolon,
}

impl Delimiter {
    /// The character.
    pub(crate) fn mark(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
        }
    }
}

/// Type OID, OID of its array type (0: none of use), codec.
pub(crate) const TYPES: [(u32, u32, Codec); 34] = [
    (16, 1000, Codec::Bool),
    (17, 1001, Codec::Bytes),
    (18, 1002, Codec::Char),
    (19, 1003, Codec::Text),
    (20, 1016, Codec::Int8),
    (21, 1005, Codec::Int2),
    (23, 1007, Codec::Int4),
    (25, 1009, Codec::Text),
    (26, 1028, Codec::Oid),
    (28, 1011, Codec::Oid),
    (29, 1012, Codec::Oid),
    (114, 199, Codec::Json),
    (142, 143, Codec::Text),
    (650, 651, Codec::Cidr),
    (700, 1021, Codec::Float4),
    (701, 1022, Codec::Float8),
    (705, 0, Codec::Text),
    (869, 1041, Codec::Inet),
    (1042, 1014, Codec::Text),
    (1043, 1015, Codec::Text),
    (1082, 1182, Codec::Date),
    (1083, 1183, Codec::Time),
    (1114, 1115, Codec::Timestamp),
    (1184, 1185, Codec::TimestampTz),
    (1186, 1187, Codec::Interval),
    (1266, 1270, Codec::TimeTz),
    (1700, 1231, Codec::Numeric),
    (1790, 2201, Codec::Text),
    (2278, 0, Codec::Void),
    (2275, 1263, Codec::Text),
    (2950, 2951, Codec::Uuid),
    (3802, 3807, Codec::Jsonb),
    (4072, 4073, Codec::Jsonpath),
    (5069, 271, Codec::Xid8),
];

/// The array types of the other built-in types, whose binary form is not known here.
const TEXT_ARRAYS: [u32; 32] = [
    629, 719, 775, 791, 1006, 1008, 1010, 1013, 1017, 1018, 1019, 1027, 1034, 1040, 1561, 1563, 2207, 2208,
    2209, 2210, 2211, 2949, 3221, 3643, 3644, 3645, 3735, 3770, 4090, 4097, 4192, 5039,
];
/// `box[]`: elements with commas in them.
const BOX_ARRAY: u32 = 1020;

/// The OIDs above and some that are not there, for tests.
#[cfg(test)]
pub(crate) const KNOWN: [u32; 38] = [
    16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 700, 701, 705, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1266,
    1700, 2278, 2950, 3802, 869, 650, 28, 29, 142, 4072, 5069, 1790, 1561, 1020, 1041, 2275, 99_999,
];

/// The first OID that is given to objects of users.
const FIRST_USER_OID: u32 = 16_384;

impl Codec {
    /// The codec of a type; [`Codec::Other`] where none is known.
    pub(crate) fn of(oid: u32) -> Self {
        let found = TYPES.iter().enumerate().find(|(_, (known, array, _))| [*known, *array].contains(&oid));
        match found {
            Some((_, (known, _, codec))) if *known == oid => *codec,
            // OID 0 is no type: it stands for the arrays that are of no use.
            Some((index, _)) if oid != 0 => Self::Array(u8::try_from(index).expect("a short table")),
            _ if oid == BOX_ARRAY => Self::TextArray(Delimiter::Semicolon),
            _ if TEXT_ARRAYS.contains(&oid) => Self::TextArray(Delimiter::Comma),
            _ => Self::Other,
        }
    }

    /// The codec of a caller's type; None where the server has to infer it.
    pub(crate) fn of_sql_type(sql_type: SqlType) -> Option<Self> {
        match oid(sql_type) {
            0 => None,
            oid => Some(Self::of(oid)),
        }
    }

    /// What a caller is told of the type.
    pub(crate) const fn sql_type(self) -> SqlType {
        match self {
            Self::Bool => SqlType::Bool,
            Self::Int2 => SqlType::SmallInt,
            Self::Int4 => SqlType::Integer,
            Self::Int8 | Self::Oid | Self::Xid8 => SqlType::BigInt,
            Self::Float4 => SqlType::Real,
            Self::Float8 => SqlType::Double,
            Self::Text | Self::Jsonpath | Self::Char => SqlType::Text,
            Self::Bytes => SqlType::Bytes,
            Self::Numeric => SqlType::Numeric,
            Self::Date => SqlType::Date,
            Self::Time => SqlType::Time,
            Self::Timestamp => SqlType::Timestamp,
            Self::TimestampTz => SqlType::TimestampTz,
            Self::Interval => SqlType::Interval,
            Self::Uuid => SqlType::Uuid,
            Self::Json => SqlType::Json,
            Self::Jsonb => SqlType::Jsonb,
            Self::TimeTz => SqlType::TimeTz,
            Self::Inet => SqlType::Inet,
            Self::Cidr => SqlType::Cidr,
            Self::Void | Self::Array(_) | Self::TextArray(_) | Self::Other | Self::Opaque(_) => {
                SqlType::Unknown
            }
        }
    }

    /// True when results are asked for in binary once the type is known.
    pub(crate) fn is_binary(self) -> bool {
        !matches!(self, Self::Other | Self::TextArray(_))
    }
}

/// The OID of a caller's type; 0 where the server has to infer it.
fn oid(sql_type: SqlType) -> u32 {
    match sql_type {
        SqlType::Bool => 16,
        SqlType::SmallInt => 21,
        SqlType::Integer => 23,
        SqlType::BigInt => 20,
        SqlType::Real => 700,
        SqlType::Double => 701,
        SqlType::Text => 25,
        SqlType::Bytes => 17,
        SqlType::Numeric => 1700,
        SqlType::Date => 1082,
        SqlType::Time => 1083,
        SqlType::Timestamp => 1114,
        SqlType::TimestampTz => 1184,
        SqlType::Interval => 1186,
        SqlType::Uuid => 2950,
        SqlType::Json => 114,
        SqlType::Jsonb => 3802,
        SqlType::TimeTz => 1266,
        SqlType::Inet => 869,
        SqlType::Cidr => 650,
        // VARCHAR[] is no TEXT[]: there is no operator between them, so that the server has to say which it is.
        SqlType::Array(element) if element.sql_type() == SqlType::Text => 0,
        SqlType::Array(element) => array_of(oid(element.sql_type())),
        SqlType::Enum | SqlType::Literal | SqlType::Unknown => 0,
    }
}

/// The OID to name in Parse; 0 where the server has to infer it.
pub(crate) fn param_oid(param: ParamType) -> u32 {
    let oid = oid(param.element);
    if !param.array {
        return oid;
    }
    array_of(oid)
}

/// The OID of a type's array type; 0 where it is not known.
pub(crate) fn array_of(oid: u32) -> u32 {
    TYPES.iter().find(|(known, ..)| *known == oid).map_or(0, |(_, array, _)| *array)
}

/// True for columns that are asked for in text form: the caller knows a type by its text alone, or an array of a type
/// whose OID only the server knows.
pub(crate) fn is_asked_as_text(expected: SqlType) -> bool {
    match expected {
        SqlType::Literal => true,
        SqlType::Array(element) => matches!(element.sql_type(), SqlType::Literal | SqlType::Enum),
        _ => false,
    }
}

/// The type of an array type's elements.
pub(crate) fn element_of(array: u32) -> Option<u32> {
    TYPES.iter().find(|(_, known, _)| array != 0 && *known == array).map(|(oid, ..)| *oid)
}

/// The OID of a codec's own type, as the header of an array names it.
pub(crate) fn element_oid(sql_type: SqlType) -> u32 {
    oid(sql_type)
}

/// True for types whose binary form is their text: those of users (enums, domains over text, citext; composites are
/// not, and fail as text) and `xml`.
pub(crate) fn is_text_in_binary(oid: u32) -> bool {
    oid >= FIRST_USER_OID || oid == 142
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_know_their_elements() {
        assert_eq!(param_oid(ParamType::array(SqlType::Integer)), 1007);
        assert_eq!(element_of(1007), Some(23));
        assert_eq!(element_of(0), None);
        assert_eq!(param_oid(ParamType::array(SqlType::Enum)), 0);
    }

    #[test]
    fn types_of_the_core_have_codecs_of_the_same_type() {
        for sql_type in [SqlType::Bool, SqlType::SmallInt, SqlType::Numeric, SqlType::Jsonb, SqlType::Time] {
            assert_eq!(Codec::of_sql_type(sql_type).unwrap().sql_type(), sql_type);
        }
    }
}
