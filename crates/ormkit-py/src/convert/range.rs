//! Ranges, several of them, and maps of texts.
use super::{Place, Sink, bind, refused, unfit};
use crate::range::Range;
use ormkit_core::error::Result;
use ormkit_core::model::{ColumnType, RangeType};
use ormkit_core::value::{Bounds, Params, SqlType, Value};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// A `Range` with bounds of the type.
pub(super) fn one(
    value: &Bound<'_, PyAny>,
    of: RangeType,
    place: &Place<'_>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    give(&owned(value, of, place)?, place, sink)
}

/// A tuple of them: the server joins those that touch each other.
pub(super) fn several(
    value: &Bound<'_, PyAny>,
    of: RangeType,
    place: &Place<'_>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let Ok(ranges) = value.cast::<PyTuple>() else { return Err(unfit(value, "tuple of Range", place)) };
    let ranges = ranges.iter().map(|range| owned(&range, of, place)).collect::<Result<_>>()?;
    give(&Value::Array(SqlType::Unknown, ranges), place, sink)
}

/// A dict of texts to texts or None.
pub(super) fn map(value: &Bound<'_, PyAny>, place: &Place<'_>, sink: &mut Sink<'_>) -> Result<()> {
    let Ok(dict) = value.cast::<PyDict>() else { return Err(unfit(value, "dict", place)) };
    let text = |value: &Bound<'_, PyAny>| -> Result<Box<str>> {
        if !value.is_instance_of::<PyString>() {
            return Err(unfit(value, "str in a dict of HSTORE", place));
        }
        let mut text = Box::default();
        bind(value, &ColumnType::Text, None, place, &mut |bound| {
            if let Value::Text(bound) = Value::from(bound) {
                text = bound;
            }
            Ok(())
        })?;
        Ok(text)
    };
    let entries = dict.iter().map(|(key, value)| {
        let value = if value.is_none() { None } else { Some(text(&value)?) };
        Ok((text(&key)?, value))
    });
    give(&Value::Map(entries.collect::<Result<_>>()?), place, sink)
}

fn owned(value: &Bound<'_, PyAny>, of: RangeType, place: &Place<'_>) -> Result<Value> {
    let Ok(range) = value.cast::<Range>() else { return Err(unfit(value, "Range", place)) };
    let (ends, bounds) = range.get().parts(value.py());
    if bounds.empty {
        return Ok(Value::Range(Box::new([Value::Null, Value::Null]), Bounds::EMPTY));
    }
    let [lower, upper] = ends.map(|end| -> Result<Value> {
        let mut bound = Value::Null;
        bind(end, &of.bound(), None, place, &mut |value| {
            bound = Value::from(value);
            Ok(())
        })?;
        Ok(bound)
    });
    Ok(Value::Range(Box::new([lower?, upper?]), bounds))
}

fn give(value: &Value, place: &Place<'_>, sink: &mut Sink<'_>) -> Result<()> {
    let mut params = Params::new();
    value.push_to(&mut params);
    match params.is_whole() {
        true => sink(params.get(0)),
        false => Err(refused("the values are together larger than 4 GiB", place)),
    }
}
