//! Arrays: lists of values, nested where there are more dimensions.
use super::{Conversion, JsonCodec, Place, Sink, bind, json, read, refused, unfit};
use ormkit_core::error::{Error, Result};
use ormkit_core::model::ColumnType;
use ormkit_core::value::{ArrayBuilder, Dimensions, Params, SqlType, ValueRef, json_array};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

/// The most dimensions that PostgreSQL has.
const MAX_DIMENSIONS: usize = 6;

/// A list (or tuple) of values of `element`, or of such lists of one length.
pub(super) fn list(
    value: &Bound<'_, PyAny>,
    element: &ColumnType,
    conversion: Option<&Conversion>,
    place: &Place<'_>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let mut params = Params::new();
    let Some(items) = items(value) else { return Err(unfit(value, "list", place)) };
    let array = params.array(element.sql_type());
    let mut lists = Lists { array, dimensions: Dimensions::new(), depth: None, element, conversion, place };
    if items.len() > 0 {
        lists.push(&items, 0)?;
    }
    let Lists { array, dimensions, .. } = lists;
    array.nested(dimensions);
    match params.is_whole() {
        true => sink(params.get(0)),
        false => Err(refused("the values of the list are together larger than 4 GiB", place)),
    }
}

/// What the list holds now: converting a value may run Python code that changes it.
fn items<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyTuple>> {
    match value.cast::<PyList>() {
        Ok(list) => Some(list.to_tuple()),
        Err(_) => value.cast::<PyTuple>().ok().cloned(),
    }
}

/// Lists on their way into an array.
struct Lists<'a> {
    array: ArrayBuilder<'a>,
    /// Length of the first list of each level.
    dimensions: Dimensions,
    /// Levels above the values; None before the first value.
    depth: Option<usize>,
    element: &'a ColumnType,
    conversion: Option<&'a Conversion>,
    place: &'a Place<'a>,
}

impl Lists<'_> {
    fn push(&mut self, items: &Bound<'_, PyTuple>, level: usize) -> Result<()> {
        match self.dimensions.get(level) {
            Some(length) if *length == items.len() => {}
            None if self.depth.is_none() && level < MAX_DIMENSIONS && items.len() > 0 => {
                self.dimensions.push(items.len());
            }
            _ => return Err(self.uneven()),
        }
        for item in items.iter() {
            match self::items(&item) {
                Some(inner) => self.push(&inner, level + 1)?,
                None => {
                    if *self.depth.get_or_insert(level) != level {
                        return Err(self.uneven());
                    }
                    let Self { array, element, conversion, place, .. } = self;
                    bind(&item, element, *conversion, *place, &mut |value| {
                        array.push(value);
                        Ok(())
                    })?;
                }
            }
        }
        Ok(())
    }

    fn uneven(&self) -> Error {
        let problem = "the lists of an array's dimension have one length, hold either values or lists, and there are at \
            most 6 dimensions: JSON holds any lists";
        refused(problem, self.place)
    }
}

/// A value that can be changed in place, as JSON text.
///
/// # Errors
/// As [`bind`], without a place.
pub(super) fn to_text(
    value: &Bound<'_, PyAny>,
    column_type: &ColumnType,
    conversion: Option<&Conversion>,
    codec: Option<&JsonCodec>,
) -> Result<String> {
    let ColumnType::Array(element) = column_type else { return json::write(value, codec) };
    let mut text = String::new();
    list(value, element, conversion, &String::new, &mut |value| match value {
        ValueRef::Array(array) => json_array::write(array, &mut text),
        _ => Ok(()),
    })?;
    Ok(text)
}

/// The value of such text.
///
/// # Errors
/// `DataError` without a place where the text is not of the type.
pub(super) fn from_text<'py>(
    py: Python<'py>,
    text: &str,
    column_type: &ColumnType,
    conversion: Option<&Conversion>,
    codec: Option<&JsonCodec>,
) -> Result<Bound<'py, PyAny>> {
    match column_type.sql_type() {
        SqlType::Array(element) => read(py, ValueRef::Array(json_array::read(text, element)?), conversion),
        _ => json::read(py, text, codec),
    }
}
