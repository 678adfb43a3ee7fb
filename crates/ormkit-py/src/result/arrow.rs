//! Rows as a stream of Arrow's C data interface: what polars, pyarrow, pandas and DuckDB read without a copy.
mod column;
mod ffi;

use super::QueryResult;
use crate::errors::to_py;
use column::{Column, Kind};
use ffi::Stream;
use ormkit_core::error::Result;
use ormkit_core::value::{SqlType, ValueRef};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// Texts and bytes of one batch: the offsets of Arrow's short types have 31 bits, and one value stays under 2^30 bytes.
const MAX_BYTES: usize = 1 << 30;

/// Rows of one batch.
struct Batch {
    rows: usize,
    columns: Vec<Column>,
}

#[pymethods]
impl QueryResult {
    /// The rows as an Arrow stream: `polars.DataFrame(result)`, `pyarrow.table(result)`, `duckdb.from_arrow(result)`.
    ///
    /// Args:
    ///     requested_schema: Accepted and not followed, as the protocol allows: the columns have the types that the database
    ///         says.
    ///
    /// Integers, floats, bool, text, bytes, date, time (µs), timestamps (µs, UTC where the database has a zone), interval, uuid
    /// (`arrow.uuid`), and numeric as decimal128 with the scale that its values need. JSON, enums and what is sent as text are
    /// text. On SQLite, which has no column types, the values say which type a column is.
    ///
    /// Raises:
    ///     DataError: A value that Arrow's type cannot hold (NaN as a decimal, more than 38 digits, an infinite date), or values
    ///         of several types in one column.
    ///     Unsupported: A column of arrays, ranges, composite or network types: cast it to text in the statement.
    ///
    /// Source: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let made = py.detach(|| self.batches());
        let (kinds, batches) = made.map_err(|error| to_py(py, error))?;
        let fields = self.names.iter().cloned().zip(kinds).collect();
        PyCapsule::new_with_value(py, Stream::new(fields, batches), c"arrow_array_stream")
    }
}

impl QueryResult {
    /// The types of the columns, and their values.
    fn batches(&self) -> Result<(Vec<Kind>, Vec<Batch>)> {
        let kinds = self.kinds()?;
        let empty = || kinds.iter().map(|kind| Column::new(*kind)).collect::<Vec<_>>();
        let (mut columns, mut rows, mut batches) = (empty(), 0, Vec::new());
        for row in 0..self.rows.len() {
            if columns.iter().any(|column| column.size() >= MAX_BYTES) {
                batches.push(Batch { rows, columns: std::mem::replace(&mut columns, empty()) });
                rows = 0;
            }
            self.each_cell(row, |at, cell| columns[at].push(cell))?;
            rows += 1;
        }
        batches.push(Batch { rows, columns });
        Ok((kinds, batches))
    }

    /// The types of the columns: what the database says, or what the values need.
    fn kinds(&self) -> Result<Vec<Kind>> {
        let declared = |at: usize| self.types.get(at).copied().unwrap_or(SqlType::Unknown);
        let mut kinds = Vec::new();
        for (at, name) in self.names.iter().enumerate() {
            kinds.push(Kind::declared(declared(at)).map_err(|error| error.at(|| name.clone()))?);
        }
        if kinds.iter().all(|kind| kind.is_fixed()) {
            return Ok(kinds);
        }
        for row in 0..self.rows.len() {
            self.each_cell(row, |at, cell| {
                kinds[at] = kinds[at].widened(cell)?;
                Ok(())
            })?;
        }
        Ok(kinds)
    }

    /// Shows the cells of a row with the numbers of their columns.
    fn each_cell(&self, row: usize, mut show: impl FnMut(usize, ValueRef<'_>) -> Result<()>) -> Result<()> {
        let mut at = 0;
        let shown = self.rows.cells(row, &mut |cell| {
            show(at, cell)?;
            at += 1;
            Ok(())
        });
        shown.map_err(|error| error.at(|| self.names.get(at).cloned().unwrap_or_default()))
    }
}
