//! Column types as models declare them.

use std::sync::Arc;

use crate::value::SqlType;

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
    /// A native enum; SQLite TEXT with a CHECK.
    Enum(Arc<EnumType>),
}

/// A native enum.
#[derive(Debug, PartialEq, Eq)]
pub struct EnumType {
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
        }
    }

    /// True for integers, which the database can number.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::SmallInt | Self::Integer | Self::BigInt)
    }
}
