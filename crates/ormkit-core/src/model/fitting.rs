//! Values on their way into a column or beside it: what it cannot hold is refused before anything is sent, on every
//! database alike. SQLite itself would store anything.

use super::ColumnType;
use crate::error::{Error, Result};
use crate::value::{Numeric, Params, Value, ValueRef, coerce};

impl ColumnType {
    /// Shows `value` to `sink` in the form that the column has it.
    ///
    /// # Errors
    /// `DataError` without a place for a value of another type, out of the column's range, too long, of a label that the
    /// enum has not, or that is no JSON; those of the sink.
    pub fn fit(&self, value: &Value, sink: &mut dyn FnMut(ValueRef<'_>) -> Result<()>) -> Result<()> {
        match (self, value) {
            (_, Value::Null) => sink(ValueRef::Null),
            (Self::Array(element), Value::Array(given, _)) => {
                if *given != element.sql_type() {
                    return Err(unfit(self, value));
                }
                if !is_even(value) {
                    return Err(Error::data(None, "the lists of one level of an array differ in length"));
                }
                members(value, &mut |member| element.fit(member, &mut |_| Ok(())))?;
                whole(value, sink)
            }
            (Self::Range(_), Value::Range(..))
            | (Self::MultiRange(_), Value::Array(..))
            | (Self::Hstore, Value::Map(_)) => whole(value, sink),
            (Self::Range(_) | Self::MultiRange(_) | Self::Hstore | Self::Array(_), _) => {
                Err(unfit(self, value))
            }
            _ => match value.as_ref() {
                Some(scalar) => one(value, scalar, self, sink),
                None => Err(unfit(self, value)),
            },
        }
    }

    /// The same value, owned.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fitted(&self, value: &Value) -> Result<Value> {
        let mut fitted = Value::Null;
        self.fit(value, &mut |value| {
            fitted = Value::from(value);
            Ok(())
        })?;
        Ok(fitted)
    }
}

fn one(
    value: &Value,
    given: ValueRef<'_>,
    column_type: &ColumnType,
    sink: &mut dyn FnMut(ValueRef<'_>) -> Result<()>,
) -> Result<()> {
    let sql_type = column_type.sql_type();
    let fitted = coerce(given, sql_type).map_err(|_| unfit(column_type, value))?;
    match (column_type, fitted) {
        (ColumnType::Numeric(Some(size)), ValueRef::Numeric(number)) => digits(number, *size, sink),
        (_, ValueRef::Int(int)) => match sql_type.int_range() {
            Some((least, most)) if int < least || int > most => {
                Err(Error::data(None, format!("expected {}, the int is out of its range", sql_type.name())))
            }
            _ => sink(fitted),
        },
        (_, ValueRef::Text(text)) if text.contains('\0') => {
            Err(Error::data(None, format!("{} cannot hold a NUL character", sql_type.name())))
        }
        (ColumnType::VarChar(length), ValueRef::Text(text)) if text.chars().count() > *length as usize => {
            Err(Error::data(None, format!("expected at most {length} characters, got more")))
        }
        (ColumnType::Enum(of), ValueRef::Text(label)) if !of.labels.iter().any(|known| known == label) => {
            let labels = of.labels.join(", ");
            Err(Error::data(None, format!("{} has no such label: it has {labels}", of.name)))
        }
        (_, ValueRef::Json(text)) => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(_) => sink(fitted),
            Err(error) => Err(Error::data(None, format!("the text is not JSON: {error}"))),
        },
        _ => sink(fitted),
    }
}

fn digits(
    number: Numeric<'_>,
    size: (u32, u32),
    sink: &mut dyn FnMut(ValueRef<'_>) -> Result<()>,
) -> Result<()> {
    let mut scratch = String::new();
    sink(ValueRef::Numeric(number.fitted(size, &mut scratch)?))
}

/// A value that has parts, which is borrowed from parameters only.
fn whole(value: &Value, sink: &mut dyn FnMut(ValueRef<'_>) -> Result<()>) -> Result<()> {
    let mut params = Params::new();
    value.push_to(&mut params);
    sink(params.get(0))
}

/// Visits what is no list, whatever the lists around it.
fn members(value: &Value, visit: &mut dyn FnMut(&Value) -> Result<()>) -> Result<()> {
    match value {
        Value::Array(_, values) => values.iter().try_for_each(|value| members(value, visit)),
        other => visit(other),
    }
}

/// True when the lists of each level are of one length.
fn is_even(value: &Value) -> bool {
    let Value::Array(_, values) = value else { return true };
    let length = |value: &Value| match value {
        Value::Array(_, values) => Some(values.len()),
        _ => None,
    };
    values.windows(2).all(|pair| length(&pair[0]) == length(&pair[1])) && values.iter().all(is_even)
}

fn unfit(column_type: &ColumnType, value: &Value) -> Error {
    let expected = match column_type {
        ColumnType::Range(_) => "a range",
        ColumnType::MultiRange(_) => "an array of ranges",
        ColumnType::Hstore => "a map",
        other => other.sql_type().name(),
    };
    let given = match value {
        Value::Array(element, _) => format!("an array of {}", element.name()),
        Value::Range(..) => "a range".into(),
        Value::Map(_) => "a map".into(),
        other => {
            format!("a value of type {}", other.as_ref().map_or("record", |scalar| scalar.type_name()))
        }
    };
    Error::data(None, format!("expected {expected}, found {given}"))
}
