//! Column types as models declare them.

use std::sync::Arc;

use crate::value::{Element, SqlType};

/// The type of a column, with what DDL needs of it.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnType {
    /// BOOLEAN; SQLite INTEGER 0/1.
    Bool,
    /// SMALLINT.
    SmallInt,
    /// INTEGER.
    Integer,
    /// BIGINT.
    BigInt,
    /// DOUBLE PRECISION; SQLite REAL.
    Double,
    /// TEXT.
    Text,
    /// VARCHAR(n), n in characters; SQLite TEXT.
    VarChar(u32),
    /// BYTEA; SQLite BLOB.
    Bytes,
    /// NUMERIC, with precision and scale where given; SQLite TEXT.
    Numeric(Option<(u32, u32)>),
    /// DATE; SQLite TEXT.
    Date,
    /// TIME; SQLite TEXT.
    Time,
    /// TIMESTAMP without time zone; SQLite TEXT.
    Timestamp,
    /// TIMESTAMP WITH TIME ZONE; SQLite TEXT in UTC.
    TimestampTz,
    /// TIME WITH TIME ZONE; not on SQLite.
    TimeTz,
    /// INTERVAL; SQLite INTEGER, microseconds.
    Interval,
    /// UUID; SQLite BLOB of 16 bytes.
    Uuid,
    /// JSONB; SQLite TEXT.
    Json,
    /// INET; not on SQLite.
    Inet,
    /// CIDR; not on SQLite.
    Cidr,
    /// `T[]` of any number of dimensions, T neither an array nor JSON; SQLite TEXT, a JSON array.
    Array(Arc<ColumnType>),
    /// A type of PostgreSQL alone, whose values travel in text form.
    Native(NativeType),
    /// A native enum; SQLite TEXT with a CHECK.
    Enum(Arc<EnumType>),
    /// INT4RANGE and its like; not on SQLite.
    Range(RangeType),
    /// INT4MULTIRANGE and its like; not on SQLite.
    MultiRange(RangeType),
    /// HSTORE of the extension of that name; not on SQLite.
    Hstore,
}

/// What a range of PostgreSQL is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RangeType {
    /// INTEGER.
    Int4,
    /// BIGINT.
    Int8,
    /// NUMERIC.
    Num,
    /// TIMESTAMP without time zone.
    Ts,
    /// TIMESTAMP WITH TIME ZONE.
    TsTz,
    /// DATE.
    Date,
}

impl RangeType {
    /// The name of the range type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int4 => "int4range",
            Self::Int8 => "int8range",
            Self::Num => "numrange",
            Self::Ts => "tsrange",
            Self::TsTz => "tstzrange",
            Self::Date => "daterange",
        }
    }

    /// The name of the type of several of them.
    pub fn multirange_name(self) -> &'static str {
        match self {
            Self::Int4 => "int4multirange",
            Self::Int8 => "int8multirange",
            Self::Num => "nummultirange",
            Self::Ts => "tsmultirange",
            Self::TsTz => "tstzmultirange",
            Self::Date => "datemultirange",
        }
    }

    /// The type of its bounds.
    pub fn bound(self) -> ColumnType {
        match self {
            Self::Int4 => ColumnType::Integer,
            Self::Int8 => ColumnType::BigInt,
            Self::Num => ColumnType::Numeric(None),
            Self::Ts => ColumnType::Timestamp,
            Self::TsTz => ColumnType::TimestampTz,
            Self::Date => ColumnType::Date,
        }
    }
}

/// A type of PostgreSQL that values travel to and from in text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NativeType {
    /// MACADDR.
    MacAddr,
    /// MACADDR8.
    MacAddr8,
    /// BIT(n).
    Bit(u32),
    /// BIT VARYING, of at most n bits where one is given.
    VarBit(Option<u32>),
    /// CITEXT of the extension of that name.
    Citext,
    /// TSVECTOR.
    Tsvector,
    /// VECTOR(n) of the extension pgvector.
    Vector(Option<u32>),
}

impl NativeType {
    /// The name without a size: what arrays of values are cast to, for a cast to a size would cut them.
    pub fn name(self) -> &'static str {
        match self {
            Self::MacAddr => "macaddr",
            Self::MacAddr8 => "macaddr8",
            Self::Bit(_) | Self::VarBit(_) => "varbit",
            Self::Citext => "citext",
            Self::Tsvector => "tsvector",
            Self::Vector(_) => "vector",
        }
    }
}

/// A native enum.
#[derive(Debug, PartialEq, Eq)]
pub struct EnumType {
    /// The schema that it stands in; None: the default one.
    pub schema: Option<String>,
    /// The type's name in the database.
    pub name: String,
    /// Its labels, in order.
    pub labels: Vec<String>,
}

impl ColumnType {
    /// What it means for values.
    pub fn sql_type(&self) -> SqlType {
        match self {
            Self::Bool => SqlType::Bool,
            Self::SmallInt => SqlType::SmallInt,
            Self::Integer => SqlType::Integer,
            Self::BigInt => SqlType::BigInt,
            Self::Double => SqlType::Double,
            Self::Text | Self::VarChar(_) => SqlType::Text,
            Self::Bytes => SqlType::Bytes,
            Self::Numeric(_) => SqlType::Numeric,
            Self::Date => SqlType::Date,
            Self::Time => SqlType::Time,
            Self::Timestamp => SqlType::Timestamp,
            Self::TimestampTz => SqlType::TimestampTz,
            Self::TimeTz => SqlType::TimeTz,
            Self::Inet => SqlType::Inet,
            Self::Cidr => SqlType::Cidr,
            Self::Interval => SqlType::Interval,
            Self::Uuid => SqlType::Uuid,
            Self::Json => SqlType::Jsonb,
            Self::Enum(_) => SqlType::Enum,
            Self::Native(_) => SqlType::Literal,
            // The server says what it is; the catalog, how it is written.
            Self::Range(_) | Self::MultiRange(_) | Self::Hstore => SqlType::Unknown,
            Self::Array(element) => Element::of(element.sql_type()).map_or(SqlType::Unknown, SqlType::Array),
        }
    }

    /// True for types whose values can be changed in place: JSON, arrays and maps.
    pub fn is_changed_in_place(&self) -> bool {
        matches!(self, Self::Json | Self::Array(_) | Self::Hstore)
    }

    /// True for arrays and ranges, whose values contain and overlap each other.
    pub fn has_members(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Range(_) | Self::MultiRange(_))
    }

    /// True for types that only PostgreSQL has, also of an array's elements.
    pub fn is_native(&self) -> bool {
        match self {
            Self::TimeTz | Self::Inet | Self::Cidr | Self::Native(_) => true,
            Self::Range(_) | Self::MultiRange(_) | Self::Hstore => true,
            Self::Array(element) => element.is_native(),
            _ => false,
        }
    }

    /// True for integers, which the database can number.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::SmallInt | Self::Integer | Self::BigInt)
    }
}
