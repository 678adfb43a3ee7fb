//! Values with values inside: arrays as lists, composites as rows, ranges, `hstore` as dicts.
use super::Conversion;
use crate::errors::from_py;
use crate::range::Range;
use crate::result::composite;
use ormkit_core::error::Result;
use ormkit_core::value::{ArrayRef, MapRef, RangeRef, RecordRef};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

/// Lists in lists, one level for each dimension.
pub(super) fn read_array<'py>(
    py: Python<'py>,
    array: ArrayRef<'_>,
    conversion: Option<&Conversion>,
) -> Result<Bound<'py, PyAny>> {
    let mut list = |items: Vec<Bound<'py, PyAny>>| match PyList::new(py, items) {
        Ok(list) => Ok(list.into_any()),
        Err(error) => Err(from_py(error)),
    };
    array.nested(&mut |item| super::read(py, item, conversion), &mut list)
}

/// The ranges of a multirange.
pub(super) fn read_tuple<'py>(py: Python<'py>, array: ArrayRef<'_>) -> Result<Bound<'py, PyAny>> {
    let items = array.iter().map(|item| super::read(py, item, None)).collect::<Result<Vec<_>>>()?;
    PyTuple::new(py, items).map(Bound::into_any).map_err(from_py)
}

/// A row with the names of the fields, or a tuple where they have none.
pub(super) fn read_record<'py>(
    py: Python<'py>,
    record: RecordRef<'_>,
    conversion: Option<&Conversion>,
) -> Result<Bound<'py, PyAny>> {
    let fields = record.iter().map(|field| super::read(py, field, conversion)).collect::<Result<Vec<_>>>()?;
    match record.names() {
        [] => PyTuple::new(py, fields).map(Bound::into_any).map_err(from_py),
        names => composite(py, names, fields).map_err(from_py),
    }
}

pub(super) fn read_range<'py>(
    py: Python<'py>,
    range: RangeRef<'_>,
    conversion: Option<&Conversion>,
) -> Result<Bound<'py, PyAny>> {
    let [lower, upper] = range.ends().map(|end| super::read(py, end, conversion));
    let range = Range::of(py, [lower?, upper?], range.bounds()).map_err(from_py)?;
    Ok(range.into_bound(py).into_any())
}

pub(super) fn read_map<'py>(py: Python<'py>, map: MapRef<'_>) -> Result<Bound<'py, PyAny>> {
    let dict = PyDict::new(py);
    for (key, value) in map.iter() {
        dict.set_item(key, value).map_err(from_py)?;
    }
    Ok(dict.into_any())
}
