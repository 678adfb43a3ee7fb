//! Rows of Python values on their way into a table.

use ormkit_core::driver::{BulkCopy, CopyColumn};
use ormkit_core::error::{Error, Result};
use ormkit_core::model::ColumnType;
use ormkit_core::value::{Params, SqlType};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use std::sync::Arc;

use crate::convert::{self, Border};
use crate::engine::params;
use crate::errors::from_py;

/// Writes rows by the types of the table's columns.
pub(super) struct Encoder {
    columns: Vec<(Box<str>, Option<ColumnType>)>,
    /// Rows so far.
    rows: u64,
    /// For arrays.
    scratch: Params,
    border: Arc<Border>,
}

impl Encoder {
    pub(super) fn new(columns: &[CopyColumn], border: &Arc<Border>) -> Self {
        let columns = columns.iter().map(|column| (column.name.clone(), column_type(column))).collect();
        Self { columns, rows: 0, scratch: Params::new(), border: Arc::clone(border) }
    }

    /// Appends a row.
    ///
    /// # Errors
    /// `Data` with the column and the number of the row; `TypeError` for what is no row.
    pub(super) fn push(&mut self, row: &Bound<'_, PyAny>, copy: &mut dyn BulkCopy) -> Result<()> {
        self.rows += 1;
        if let Ok(row) = row.cast::<PyTuple>() {
            return self.push_tuple(row, copy);
        }
        let row = self.tuple(row).map_err(from_py)?;
        self.push_tuple(&row, copy)
    }

    fn tuple<'py>(&self, row: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        if let Ok(list) = row.cast::<PyList>() {
            return Ok(list.to_tuple());
        }
        let no_row = row.is_instance_of::<PyString>()
            || row.is_instance_of::<PyBytes>()
            || row.is_instance_of::<PyDict>()
            || row.hasattr("__await__")?;
        if no_row {
            let found = row.get_type().name()?;
            let text = format!("row {} is no tuple or list but a value of type {found}", self.rows);
            return Err(PyTypeError::new_err(text));
        }
        let values: Vec<Bound<'_, PyAny>> = row.try_iter()?.collect::<PyResult<_>>()?;
        PyTuple::new(row.py(), values)
    }

    fn push_tuple(&mut self, row: &Bound<'_, PyTuple>, copy: &mut dyn BulkCopy) -> Result<()> {
        let Self { columns, rows, scratch, border } = self;
        if row.len() != columns.len() {
            let problem = format!("row {rows} has {} values for {} columns", row.len(), columns.len());
            return Err(Error::data(None, problem));
        }
        copy.push_row(&mut |index, sink| {
            let (name, column_type) = &columns[index];
            let value = row.get_borrowed_item(index).map_err(from_py)?;
            let place = || format!("{name} (row {rows})");
            match column_type {
                Some(column_type) => convert::bind(&value, column_type, border.conversion(), &place, sink),
                None => {
                    let value = params::untyped(&value, border, &place).map_err(from_py)?;
                    scratch.clear();
                    value.push_to(scratch);
                    sink(scratch.get(0))
                }
            }
            .map_err(|error| error.at(place))
        })
    }
}

/// The type that values are checked by; None where it follows from the value.
fn column_type(column: &CopyColumn) -> Option<ColumnType> {
    if column.param.array {
        return None;
    }
    Some(match column.param.element {
        SqlType::Bool => ColumnType::Bool,
        SqlType::SmallInt => ColumnType::SmallInt,
        SqlType::Integer => ColumnType::Integer,
        SqlType::BigInt => ColumnType::BigInt,
        SqlType::Real | SqlType::Double => ColumnType::Double,
        SqlType::Text => ColumnType::Text,
        SqlType::Bytes => ColumnType::Bytes,
        SqlType::Numeric => ColumnType::Numeric(None),
        SqlType::Date => ColumnType::Date,
        SqlType::Time => ColumnType::Time,
        SqlType::Timestamp => ColumnType::Timestamp,
        SqlType::TimestampTz => ColumnType::TimestampTz,
        SqlType::Interval => ColumnType::Interval,
        SqlType::Uuid => ColumnType::Uuid,
        SqlType::Json | SqlType::Jsonb => ColumnType::Json,
        SqlType::TimeTz => ColumnType::TimeTz,
        SqlType::Inet => ColumnType::Inet,
        SqlType::Cidr => ColumnType::Cidr,
        SqlType::Enum | SqlType::Array(_) | SqlType::Literal | SqlType::Unknown => return None,
    })
}
