//! A place between two rows, as a text to hand out: base64url of a JSON list of the direction, a check sum of the order and
//! of what follows, and the values.
//!
//! It is no secret and no signature: it says where to go on, and its values are bound like any other. The sum tells an
//! altered text from a bookmark, and one order from another.

use std::hash::Hasher;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, ErrorKind, Result};
use crate::value::{Date, Numeric, SqlType, Time, Timestamp, Value};

/// A place in an order, and the way to go from there.
#[derive(Clone, Debug, PartialEq)]
pub struct Bookmark {
    /// The values of the order, as many as it has terms.
    pub values: Vec<Value>,
    /// Towards the first row.
    pub backwards: bool,
    /// The row of these values itself belongs to the page.
    pub inclusive: bool,
}

const DIRECTIONS: [(&str, bool, bool); 4] =
    [(">", false, false), (">=", false, true), ("<", true, false), ("<=", true, true)];

impl Bookmark {
    pub(super) fn write(&self, order: u64) -> Result<String> {
        let direction = DIRECTIONS
            .iter()
            .find(|(_, backwards, inclusive)| (*backwards, *inclusive) == (self.backwards, self.inclusive))
            .map_or(">", |(text, ..)| text);
        let values = self.values.iter().map(text_of).collect::<Result<Vec<String>>>()?;
        let mut parts = vec![direction.to_owned(), sum(order, direction, &values)];
        parts.extend(values);
        Ok(URL_SAFE_NO_PAD.encode(serde_json::json!(parts).to_string()))
    }

    pub(super) fn read(text: &str, order: u64) -> Result<Self> {
        let parts = URL_SAFE_NO_PAD.decode(text).ok();
        let parts: Vec<String> =
            parts.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(foreign)?;
        let [direction, check, values @ ..] = &parts[..] else { return Err(foreign()) };
        let way = DIRECTIONS.iter().find(|(text, ..)| text == direction);
        let (Some((_, backwards, inclusive)), true) = (way, *check == sum(order, direction, values)) else {
            return Err(foreign());
        };
        let values = values.iter().map(|text| value_of(text)).collect::<Option<Vec<Value>>>();
        Ok(Self { values: values.ok_or_else(foreign)?, backwards: *backwards, inclusive: *inclusive })
    }
}

/// The error of a text that is no bookmark of an order.
pub(super) fn foreign() -> Error {
    Error::new(ErrorKind::Bookmark(
        "this is no bookmark of this query: it was changed, or belongs to a query of another class or order"
            .into(),
    ))
}

fn sum(order: u64, direction: &str, values: &[String]) -> String {
    let mut digest = Digest::default();
    digest.write(&order.to_be_bytes());
    for part in std::iter::once(direction).chain(values.iter().map(String::as_str)) {
        digest.write(&(part.len() as u64).to_be_bytes());
        digest.write(part.as_bytes());
    }
    format!("{:016x}", digest.finish())
}

/// The kind of a value, and the value.
fn text_of(value: &Value) -> Result<String> {
    Ok(match value {
        Value::Null => "n".to_owned(),
        Value::Bool(value) => format!("b{}", u8::from(*value)),
        Value::Int(value) => format!("i{value}"),
        Value::Float(value) => format!("f{:016x}", value.to_bits()),
        Value::Text(value) => format!("t{value}"),
        Value::Bytes(value) => format!("x{}", URL_SAFE_NO_PAD.encode(value)),
        Value::Numeric(value) => format!("d{}", value.as_numeric()),
        Value::Date(value) => format!("D{}", value.0),
        Value::Time(value) => format!("T{}", value.0),
        Value::Timestamp(value) => format!("S{}", value.0),
        Value::TimestampTz(value) => format!("Z{}", value.0),
        Value::Uuid(value) => format!("u{}", URL_SAFE_NO_PAD.encode(value)),
        _ => return Err(no_place()),
    })
}

/// The error of an order by values that no bookmark holds.
pub(super) fn no_place() -> Error {
    Error::unsupported(
        "page() in the order of a value that is no number, text, time, UUID or bytes",
        "sort by another column",
    )
}

/// False for types whose values no bookmark holds.
pub(super) fn has_place(sql_type: SqlType) -> bool {
    use SqlType as T;
    !matches!(sql_type, T::Json | T::Jsonb | T::Array(_) | T::Interval | T::TimeTz | T::Inet | T::Cidr)
}

fn value_of(text: &str) -> Option<Value> {
    let kind = text.chars().next()?;
    let rest = &text[kind.len_utf8()..];
    Some(match kind {
        'n' if rest.is_empty() => Value::Null,
        'b' => Value::Bool(match rest {
            "0" => false,
            "1" => true,
            _ => return None,
        }),
        'i' => Value::Int(rest.parse().ok()?),
        'f' => Value::Float(f64::from_bits(u64::from_str_radix(rest, 16).ok()?)),
        't' => Value::Text(rest.into()),
        'x' => Value::Bytes(URL_SAFE_NO_PAD.decode(rest).ok()?.into()),
        'd' => Value::Numeric(Numeric::parse(rest).ok()?.into()),
        'D' => Value::Date(Date(rest.parse().ok()?)),
        'T' => Value::Time(Time(rest.parse().ok()?)),
        'S' => Value::Timestamp(Timestamp(rest.parse().ok()?)),
        'Z' => Value::TimestampTz(Timestamp(rest.parse().ok()?)),
        'u' => Value::Uuid(URL_SAFE_NO_PAD.decode(rest).ok()?.try_into().ok()?),
        _ => return None,
    })
}

/// True where a value may be compared with one of the type.
pub(super) fn fits(value: &Value, sql_type: SqlType) -> bool {
    match sql_type {
        SqlType::Bool => matches!(value, Value::Bool(_)),
        SqlType::SmallInt | SqlType::Integer | SqlType::BigInt => matches!(value, Value::Int(_)),
        SqlType::Real | SqlType::Double => matches!(value, Value::Float(_)),
        SqlType::Numeric => matches!(value, Value::Numeric(_)),
        SqlType::Text => matches!(value, Value::Text(_)),
        SqlType::Bytes => matches!(value, Value::Bytes(_)),
        SqlType::Date => matches!(value, Value::Date(_)),
        SqlType::Time => matches!(value, Value::Time(_)),
        SqlType::Timestamp => matches!(value, Value::Timestamp(_)),
        SqlType::TimestampTz => matches!(value, Value::TimestampTz(_)),
        SqlType::Uuid => matches!(value, Value::Uuid(_)),
        // Of others the database says it.
        _ => true,
    }
}

/// FNV-1a: the same in every process and release, as bookmarks outlive them.
pub(super) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
