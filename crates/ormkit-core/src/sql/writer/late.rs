//! Values of the host's that wait until it is known which database they go to.

use crate::error::Result;
use crate::value::{Destination, Value};

/// The value in the place of one that has waited for its database; None where nothing in it has.
pub(super) fn late(value: &Value, to: &Destination<'_>) -> Option<Result<Value>> {
    match value {
        Value::Object(object) => object.bound(to),
        Value::Array(element, values) => {
            let mut made = None;
            for (at, value) in values.iter().enumerate() {
                match late(value, to) {
                    None => {}
                    Some(Ok(value)) => made.get_or_insert_with(|| values.clone())[at] = value,
                    Some(Err(error)) => return Some(Err(error)),
                }
            }
            made.map(|values| Ok(Value::Array(*element, values)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::sql::DialectName;
    use crate::value::{Object, SqlType};

    fn named(object: &Object, to: &Destination<'_>) -> Result<Value> {
        match object.host::<&str>() {
            Some(&"bad") => Err(Error::data(None, "no such value")),
            Some(text) => Ok(Value::Text(format!("{text} on {}", to.dialect.as_str()).into())),
            None => Err(object.refused()),
        }
    }

    fn waiting(text: &'static str) -> Value {
        Value::Object(Object::late(text, named))
    }

    #[test]
    fn values_that_wait_become_those_of_their_database() {
        let to = Destination { dialect: DialectName::Sqlite, host: None };
        assert_eq!(late(&waiting("a"), &to).unwrap().unwrap(), "a on sqlite".into());
        let list = Value::Array(SqlType::Text, vec!["x".into(), waiting("b")]);
        let expected = Value::Array(SqlType::Text, vec!["x".into(), "b on sqlite".into()]);
        assert_eq!(late(&list, &to).unwrap().unwrap(), expected);
        assert!(late(&waiting("bad"), &to).unwrap().is_err());
    }

    #[test]
    fn other_values_are_left_alone() {
        let to = Destination { dialect: DialectName::Postgres, host: None };
        let plain = Value::Object(Object::new(1_u8, "a value for a codec"));
        for value in [Value::Int(1), plain, Value::Array(SqlType::Text, vec!["x".into()])] {
            assert!(late(&value, &to).is_none(), "{value:?}");
        }
    }
}
