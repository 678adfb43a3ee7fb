//! Rows that are kept without being decoded.

use std::sync::Arc;

use super::{Cells, Row};
use crate::error::{Error, Result};
use crate::value::{SqlType, ValueRef, coerce};

/// Reads the cells of a row that was kept.
pub trait Decoder: Send + Sync {
    /// Number of cells of `row`.
    fn len(&self, row: &[u8]) -> usize;

    /// Decodes one cell of `row`.
    fn cell<'a>(&'a self, row: &'a [u8], index: usize) -> Result<ValueRef<'a>>;

    /// Decodes all cells of `row` in order: cheaper than one by one, where a cell is found from the one before it.
    fn cells(&self, row: &[u8], each: &mut dyn FnMut(ValueRef<'_>) -> Result<()>) -> Result<()> {
        (0..self.len(row)).try_for_each(|index| each(self.cell(row, index)?))
    }
}

/// Rows of one result, in their driver's own encoding, decoded when they are read. They can cross threads.
#[derive(Default)]
pub struct KeptRows {
    bytes: Vec<u8>,
    /// The end of each row in `bytes`.
    ends: Vec<usize>,
    decoder: Option<Arc<dyn Decoder>>,
}

impl KeptRows {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn push(&mut self, cells: &dyn Cells) {
        self.decoder.get_or_insert_with(|| cells.decoder());
        cells.encode(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Keeps the first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.bytes.truncate(self.ends.last().copied().unwrap_or_default());
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The memory that they take, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len() + size_of_val(&self.ends[..])
    }

    /// Decodes one cell.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn cell(&self, row: usize, index: usize) -> Result<ValueRef<'_>> {
        let kept = self.row(row);
        kept.decoder.cell(kept.bytes, index)
    }

    /// Decodes all cells of a row in order.
    ///
    /// # Errors
    /// That of a cell, or of `each`.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn cells(&self, row: usize, each: &mut dyn FnMut(ValueRef<'_>) -> Result<()>) -> Result<()> {
        let kept = self.row(row);
        kept.decoder.cells(kept.bytes, each)
    }

    /// Shows a row to `read` as a [`Row`].
    ///
    /// # Panics
    /// When there is no such row.
    pub fn with_row<T>(&self, row: usize, read: impl FnOnce(&Row<'_>) -> T) -> T {
        read(&Row::new(&self.row(row)))
    }

    /// Shows some cells of a row to `read` as a [`Row`]: those at these places, each as the variant of its type.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn with_cells_of<T>(
        &self,
        row: usize,
        cells: &[(usize, SqlType)],
        read: impl FnOnce(&Row<'_>) -> T,
    ) -> T {
        read(&Row::new(&Picked { row: self.row(row), cells }))
    }

    fn row(&self, row: usize) -> KeptRow<'_> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        let bytes = &self.bytes[start..self.ends[row]];
        let decoder = self.decoder.as_ref().expect("push sets the decoder before it adds a row");
        KeptRow { bytes, decoder }
    }
}

impl std::fmt::Debug for KeptRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeptRows({} rows)", self.len())
    }
}

struct KeptRow<'a> {
    bytes: &'a [u8],
    decoder: &'a Arc<dyn Decoder>,
}

impl Cells for KeptRow<'_> {
    fn len(&self) -> usize {
        self.decoder.len(self.bytes)
    }

    fn cell(&self, index: usize) -> Result<ValueRef<'_>> {
        self.decoder.cell(self.bytes, index)
    }

    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.bytes);
    }

    fn decoder(&self) -> Arc<dyn Decoder> {
        Arc::clone(self.decoder)
    }
}

/// Cells of a kept row in another order, as other types.
struct Picked<'a> {
    row: KeptRow<'a>,
    cells: &'a [(usize, SqlType)],
}

impl Cells for Picked<'_> {
    fn len(&self) -> usize {
        self.cells.len()
    }

    fn cell(&self, index: usize) -> Result<ValueRef<'_>> {
        let (from, to) = picked(self.cells, index)?;
        coerce(self.row.cell(from)?, to)
    }

    fn encode(&self, into: &mut Vec<u8>) {
        self.row.encode(into);
    }

    fn decoder(&self) -> Arc<dyn Decoder> {
        Arc::new(PickedDecoder { of: self.row.decoder(), cells: self.cells.into() })
    }
}

/// Reads the same cells of rows that are kept again.
struct PickedDecoder {
    of: Arc<dyn Decoder>,
    cells: Box<[(usize, SqlType)]>,
}

impl Decoder for PickedDecoder {
    fn len(&self, _row: &[u8]) -> usize {
        self.cells.len()
    }

    fn cell<'a>(&'a self, row: &'a [u8], index: usize) -> Result<ValueRef<'a>> {
        let (from, to) = picked(&self.cells, index)?;
        coerce(self.of.cell(row, from)?, to)
    }
}

fn picked(cells: &[(usize, SqlType)], index: usize) -> Result<(usize, SqlType)> {
    cells.get(index).copied().ok_or_else(|| {
        Error::interface(format!("the row has {} cells, there is no cell {index}", cells.len()))
    })
}
