//! Values in an expression.

use std::hash::{Hash, Hasher};

use crate::value::{Element, SqlType, Value};

/// A value that is bound as a parameter, never written into the text.
///
/// Equality and hash are those of the *shape*: two statements that differ in bound values only are equal, which is what
/// the plan cache needs. A list that has to be bound element by element counts its elements in.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The value.
    pub value: Value,
    /// Its type as the statement uses it; of a list, the type of each element.
    pub sql_type: SqlType,
}

impl Bound {
    /// `value` as `sql_type`.
    pub fn new(value: impl Into<Value>, sql_type: SqlType) -> Self {
        Self { value: value.into(), sql_type }
    }

    /// Number of elements where each is a parameter of its own; None for a value, or a list bound as one array.
    fn spread(&self) -> Option<usize> {
        match &self.value {
            // one array, and not a list of values
            Value::Array(element, _) if Element::of(*element).map(SqlType::Array) == Some(self.sql_type) => {
                None
            }
            Value::Array(_, values) if !fits_one_parameter(self.sql_type) => Some(values.len()),
            _ => None,
        }
    }
}

/// True for element types whose lists every dialect can bind as one parameter: JSON carries them exactly, and the
/// server knows the array's type without being told a name.
pub(crate) fn fits_one_parameter(element: SqlType) -> bool {
    json_carries(element) && element.has_array_parameter()
}

/// True for element types whose values JSON carries exactly. It does not promise that of floats.
pub(crate) fn json_carries(element: SqlType) -> bool {
    use SqlType as T;
    matches!(
        element,
        T::Bool
            | T::SmallInt
            | T::Integer
            | T::BigInt
            | T::Text
            | T::Enum
            | T::Bytes
            | T::Numeric
            | T::Date
            | T::Time
            | T::Timestamp
            | T::TimestampTz
            | T::Interval
            | T::Uuid
    )
}

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        self.sql_type == other.sql_type && self.spread() == other.spread()
    }
}

impl Eq for Bound {}

impl Hash for Bound {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sql_type.hash(state);
        self.spread().hash(state);
    }
}
