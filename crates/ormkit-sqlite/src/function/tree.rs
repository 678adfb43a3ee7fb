//! JSON values as trees: what PostgreSQL's jsonb holds, and how it compares them.

use std::cmp::Ordering;
use std::collections::HashMap;

use rusqlite::Result;
use serde_json::value::RawValue;

use super::{decimal, wrong};

/// Deeper values are refused: the trees are walked by recursion.
const MAX_DEPTH: usize = 1_000;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    String(String),
    /// As it is written.
    Number(String),
    Bool(bool),
    Array(Vec<Json>),
    /// Sorted by length of the key, then by its bytes; each key once.
    Object(Vec<(String, Json)>),
}

/// A step into a value.
pub(super) enum Step<'a> {
    Key(&'a str),
    Place(i64),
}

impl Json {
    pub(super) fn parse(text: &str) -> Result<Self> {
        parse(text, 0)
    }

    /// How kinds are ordered, least first.
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::String(_) => 1,
            Self::Number(_) => 2,
            Self::Bool(_) => 3,
            Self::Array(_) => 4,
            Self::Object(_) => 5,
        }
    }

    fn is_scalar(&self) -> bool {
        self.rank() < 4
    }

    /// The value as jsonb is written out; `canonical`: equal values alike.
    pub(super) fn write(&self, canonical: bool, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) if canonical => out.push_str(&decimal::canonical(text)),
            Self::Number(text) => out.push_str(&decimal::shown(text)),
            Self::String(text) => write_string(text, out),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    item.write(canonical, out);
                }
                out.push(']');
            }
            Self::Object(pairs) => {
                out.push('{');
                for (index, (key, value)) in pairs.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    write_string(key, out);
                    out.push_str(": ");
                    value.write(canonical, out);
                }
                out.push('}');
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(pairs) => pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// `self ? key`: a key of an object, a text of a list, the text itself.
    pub(super) fn has(&self, key: &str) -> bool {
        match self {
            Self::Object(_) => self.get(key).is_some(),
            Self::Array(items) => items.iter().any(|item| matches!(item, Self::String(text) if text == key)),
            Self::String(text) => text == key,
            _ => false,
        }
    }

    /// `self @> part`: a list holds a scalar by itself, too, but only here at the top.
    pub(super) fn contains(&self, part: &Self) -> bool {
        match (self, part) {
            (Self::Array(items), scalar) if scalar.is_scalar() => {
                items.iter().any(|item| item.equals(scalar))
            }
            _ => self.holds(part),
        }
    }

    fn holds(&self, part: &Self) -> bool {
        match (self, part) {
            (Self::Object(_), Self::Object(pairs)) => {
                pairs.iter().all(|(key, value)| self.get(key).is_some_and(|own| own.holds(value)))
            }
            (Self::Array(items), Self::Array(parts)) => {
                parts.iter().all(|part| items.iter().any(|item| item.holds(part)))
            }
            _ => self.equals(part),
        }
    }

    fn equals(&self, other: &Self) -> bool {
        self.compare(other) == Ordering::Equal
    }

    /// The order of jsonb, texts by their bytes. At the top an empty list is less than a scalar.
    pub(super) fn compare_top(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Array(items), scalar) if items.is_empty() && scalar.is_scalar() => Ordering::Less,
            (scalar, Self::Array(items)) if items.is_empty() && scalar.is_scalar() => Ordering::Greater,
            _ => self.compare(other),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::String(left), Self::String(right)) => left.cmp(right),
            (Self::Number(left), Self::Number(right)) => decimal::order(left, right),
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Array(left), Self::Array(right)) => left.len().cmp(&right.len()).then_with(|| {
                let pairs = left.iter().zip(right);
                pairs
                    .map(|(left, right)| left.compare(right))
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            }),
            (Self::Object(left), Self::Object(right)) => left.len().cmp(&right.len()).then_with(|| {
                let pairs = left.iter().zip(right);
                let order = |(left, right): (&(String, Self), &(String, Self))| {
                    left.0.cmp(&right.0).then_with(|| left.1.compare(&right.1))
                };
                pairs.map(order).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

pub(super) fn write_string(text: &str, out: &mut String) {
    // A string always has a JSON form.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// What lies at the end of a path, as it is written; only what is passed on the way is looked at.
pub(super) fn at<'a>(text: &'a str, path: &[Step<'_>]) -> Result<Option<&'a str>> {
    let mut here = trimmed(text);
    for step in path {
        let is_scalar = !here.starts_with(['{', '[']);
        let found = match step {
            // As jsonb has it, a scalar is a list of itself.
            Step::Place(0 | -1) if is_scalar => continue,
            Step::Key(key) if here.starts_with('{') => object(here)?.remove(*key),
            Step::Place(place) if here.starts_with('[') => {
                let items = array(here)?;
                match usize::try_from(place.unsigned_abs()) {
                    Ok(back) if *place < 0 => items.len().checked_sub(back).and_then(|at| items.get(at)),
                    Ok(at) => items.get(at),
                    Err(_) => None,
                }
                .copied()
            }
            _ => None,
        };
        match found {
            Some(found) => here = trimmed(found.get()),
            None => return Ok(None),
        }
    }
    Ok(Some(here))
}

fn parse(text: &str, depth: usize) -> Result<Json> {
    if depth > MAX_DEPTH {
        return Err(wrong("malformed JSON: it is nested too deeply"));
    }
    let text = trimmed(text);
    Ok(match text.bytes().next() {
        Some(b'{') => {
            let mut pairs = object(text)?
                .into_iter()
                .map(|(key, value)| Ok((key, parse(value.get(), depth + 1)?)))
                .collect::<Result<Vec<_>>>()?;
            pairs.sort_by(|(left, _), (right, _)| left.len().cmp(&right.len()).then_with(|| left.cmp(right)));
            Json::Object(pairs)
        }
        Some(b'[') => Json::Array(
            array(text)?.into_iter().map(|item| parse(item.get(), depth + 1)).collect::<Result<_>>()?,
        ),
        Some(b'"') => Json::String(serde_json::from_str(text).map_err(malformed)?),
        Some(b't' | b'f') => Json::Bool(serde_json::from_str(text).map_err(malformed)?),
        Some(b'n') => {
            serde_json::from_str::<()>(text).map_err(malformed)?;
            Json::Null
        }
        _ => {
            serde_json::from_str::<&RawValue>(text).map_err(malformed)?;
            Json::Number(text.to_owned())
        }
    })
}

fn object(text: &str) -> Result<HashMap<String, &RawValue>> {
    serde_json::from_str(text).map_err(malformed)
}

fn array(text: &str) -> Result<Vec<&RawValue>> {
    serde_json::from_str(text).map_err(malformed)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

#[cold]
fn malformed(_: serde_json::Error) -> rusqlite::Error {
    wrong("malformed JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn containment_is_that_of_jsonb() {
        let contains = |whole, part| json(whole).contains(&json(part));
        assert!(contains(r#"{"a": 1, "b": 2}"#, r#"{"b": 2.0}"#));
        assert!(contains("[1, 2, 3]", "[3, 1, 3]"));
        assert!(contains(r#"["foo", "bar"]"#, r#""bar""#));
        assert!(!contains(r#""bar""#, r#"["bar"]"#));
        assert!(!contains(r#"{"a": [1, 2]}"#, r#"{"a": 1}"#));
        assert!(contains(r#"{"a": [1, [2, 3]]}"#, r#"{"a": [[3]]}"#));
        assert!(!contains(r#"{"a": {"b": 1}}"#, r#"{"b": 1}"#));
        assert!(contains(r#"{"a": 1}"#, "{}"));
        assert!(!contains("[]", "{}"));
        assert!(!contains("[[1]]", "[1]"));
    }

    #[test]
    fn paths_tell_keys_from_places() {
        let text = r#" {"a": [10, {"b\"c": null}], "0": "x"} "#;
        assert_eq!(at(text, &[Step::Key("a"), Step::Place(0)]).unwrap(), Some("10"));
        assert_eq!(at(text, &[Step::Key("a"), Step::Place(-1), Step::Key("b\"c")]).unwrap(), Some("null"));
        assert_eq!(at(text, &[Step::Place(0)]).unwrap(), None);
        assert_eq!(at(text, &[Step::Key("a"), Step::Place(-3)]).unwrap(), None);
        assert_eq!(at(text, &[Step::Key("0"), Step::Place(0)]).unwrap(), Some("\"x\""));
        assert!(at("{", &[Step::Key("a")]).is_err());
    }

    #[test]
    fn values_are_ordered_as_jsonb_orders_them() {
        let ordered = [
            "[]",
            "null",
            r#""a""#,
            r#""b""#,
            "-1",
            "2",
            "10",
            "false",
            "true",
            "[1]",
            "[1, 2]",
            "{}",
            r#"{"a": 1}"#,
        ];
        for pair in ordered.windows(2) {
            assert_eq!(json(pair[0]).compare_top(&json(pair[1])), Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn equal_values_have_one_text() {
        let text = |given| {
            let mut out = String::new();
            json(given).write(true, &mut out);
            out
        };
        assert_eq!(text(r#"{"bb":1.0,"a":[ 1e2 ],"a":"\u00e4"}"#), r#"{"a": "ä", "bb": 1}"#);
    }
}
