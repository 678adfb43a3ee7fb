//! The types that an array's elements have.

use std::fmt;

use super::SqlType;

/// The type of an array's elements: any [`SqlType`] but an array.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Element(u8);

/// Every type that an element has.
pub(super) const ELEMENTS: [SqlType; 23] = [
    SqlType::Bool,
    SqlType::SmallInt,
    SqlType::Integer,
    SqlType::BigInt,
    SqlType::Real,
    SqlType::Double,
    SqlType::Text,
    SqlType::Bytes,
    SqlType::Numeric,
    SqlType::Date,
    SqlType::Time,
    SqlType::Timestamp,
    SqlType::TimestampTz,
    SqlType::Interval,
    SqlType::Uuid,
    SqlType::Json,
    SqlType::Jsonb,
    SqlType::TimeTz,
    SqlType::Inet,
    SqlType::Cidr,
    SqlType::Enum,
    SqlType::Literal,
    SqlType::Unknown,
];

impl Element {
    /// None for an array.
    pub fn of(sql_type: SqlType) -> Option<Self> {
        ELEMENTS.iter().position(|known| *known == sql_type).map(|index| Self(index as u8))
    }

    /// The type.
    pub fn sql_type(self) -> SqlType {
        ELEMENTS[usize::from(self.0)]
    }

    /// Its place among [`ELEMENTS`].
    pub(super) fn index(self) -> usize {
        self.0.into()
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sql_type().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_but_an_array_is_an_element() {
        for sql_type in ELEMENTS {
            let element = Element::of(sql_type).unwrap();
            assert_eq!(element.sql_type(), sql_type);
            assert_eq!(Element::of(SqlType::Array(element)), None);
        }
    }
}
