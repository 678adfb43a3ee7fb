//! Rows: read in place from a statement, or kept in an encoding of our own.
//!
//! A kept row is a table of the ends of its cells (u32, little-endian, counted from the row's start) and the cells: a
//! tag, and behind it nothing (NULL), 8 bytes little-endian (INTEGER, REAL) or the bytes themselves (TEXT, BLOB).

use std::sync::Arc;

use ormkit_core::driver::{Cells, Decoder, StatementText};
use ormkit_core::error::{Error, Result};
use ormkit_core::value::{SqlType, ValueRef, coerce};
use rusqlite::types::ValueRef as Stored;

use crate::value::{loaded, utf8};

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

/// The row that a statement stands on.
pub(crate) struct StatementRow<'r> {
    pub(crate) row: &'r rusqlite::Row<'r>,
    pub(crate) text: &'r Arc<StatementText>,
    pub(crate) columns: usize,
}

impl<'r> StatementRow<'r> {
    pub(crate) fn new(row: &'r rusqlite::Row<'r>, text: &'r Arc<StatementText>, columns: usize) -> Self {
        Self { row, text, columns }
    }

    fn stored(&self, index: usize) -> Result<Stored<'_>> {
        if index >= self.columns {
            return Err(no_cell(index, self.columns));
        }
        self.row.get_ref(index).map_err(|_| no_cell(index, self.columns))
    }

    fn name(&self, index: usize) -> String {
        self.row.as_ref().column_name(index).unwrap_or("?").to_owned()
    }
}

impl Cells for StatementRow<'_> {
    fn len(&self) -> usize {
        self.columns
    }

    fn cell(&self, index: usize) -> Result<ValueRef<'_>> {
        loaded(self.stored(index)?)
            .and_then(|value| coerce(value, wanted(self.text, index)))
            .map_err(|error| error.at(|| self.name(index)))
    }

    fn encode(&self, into: &mut Vec<u8>) {
        let start = into.len();
        into.resize(start + 4 * self.columns, 0);
        for index in 0..self.columns {
            match self.row.get_ref(index).unwrap_or(Stored::Null) {
                Stored::Null => into.push(NULL),
                Stored::Integer(value) => put(into, INTEGER, &value.to_le_bytes()),
                Stored::Real(value) => put(into, REAL, &value.to_le_bytes()),
                Stored::Text(bytes) => put(into, TEXT, bytes),
                Stored::Blob(bytes) => put(into, BLOB, bytes),
            }
            let end = u32::try_from(into.len() - start)
                .expect("a row stays under 4 GiB: SQLite's own limit is 1,000,000,000 bytes");
            into[start + 4 * index..start + 4 * index + 4].copy_from_slice(&end.to_le_bytes());
        }
    }

    fn decoder(&self) -> Arc<dyn Decoder> {
        let names = (0..self.columns).map(|index| self.name(index)).collect();
        Arc::new(RowDecoder { text: Arc::clone(self.text), names })
    }
}

/// A row that SQLite was not asked for: the number that it gave to what was inserted.
pub(crate) struct NumberRow<'r> {
    pub(crate) number: i64,
    pub(crate) name: &'r str,
    pub(crate) text: &'r Arc<StatementText>,
}

impl Cells for NumberRow<'_> {
    fn len(&self) -> usize {
        1
    }

    fn cell(&self, index: usize) -> Result<ValueRef<'_>> {
        match index {
            0 => coerce(ValueRef::Int(self.number), wanted(self.text, 0))
                .map_err(|error| error.at(|| self.name.to_owned())),
            _ => Err(no_cell(index, 1)),
        }
    }

    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&(4 + 1 + 8_u32).to_le_bytes());
        put(into, INTEGER, &self.number.to_le_bytes());
    }

    fn decoder(&self) -> Arc<dyn Decoder> {
        Arc::new(RowDecoder { text: Arc::clone(self.text), names: vec![self.name.to_owned()] })
    }
}

/// Reads kept rows.
struct RowDecoder {
    text: Arc<StatementText>,
    names: Vec<String>,
}

impl Decoder for RowDecoder {
    fn len(&self, _row: &[u8]) -> usize {
        self.names.len()
    }

    fn cell<'a>(&self, row: &'a [u8], index: usize) -> Result<ValueRef<'a>> {
        if index >= self.names.len() {
            return Err(no_cell(index, self.names.len()));
        }
        let start = if index == 0 { 4 * self.names.len() } else { end(row, index - 1)? };
        let cell = row.get(start..end(row, index)?).ok_or_else(torn)?;
        kept(cell)
            .and_then(|value| coerce(value, wanted(&self.text, index)))
            .map_err(|error| error.at(|| self.names[index].clone()))
    }
}

/// The type that the ORM expects of a column; Unknown in SQL of the caller's own.
fn wanted(text: &StatementText, index: usize) -> SqlType {
    text.columns.as_deref().and_then(|types| types.get(index)).copied().unwrap_or(SqlType::Unknown)
}

fn put(into: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    into.push(tag);
    into.extend_from_slice(bytes);
}

fn end(row: &[u8], index: usize) -> Result<usize> {
    let bytes = row.get(4 * index..).and_then(<[u8]>::first_chunk).ok_or_else(torn)?;
    Ok(u32::from_le_bytes(*bytes) as usize)
}

fn kept(cell: &[u8]) -> Result<ValueRef<'_>> {
    let (tag, bytes) = cell.split_first().ok_or_else(torn)?;
    let number = || bytes.try_into().map_err(|_| torn());
    Ok(match *tag {
        NULL => ValueRef::Null,
        INTEGER => ValueRef::Int(i64::from_le_bytes(number()?)),
        REAL => ValueRef::Float(f64::from_le_bytes(number()?)),
        TEXT => ValueRef::Text(utf8(bytes)?),
        BLOB => ValueRef::Bytes(bytes),
        _ => return Err(torn()),
    })
}

fn no_cell(index: usize, columns: usize) -> Error {
    Error::interface(format!("the row has {columns} columns, there is no column {index}"))
}

fn torn() -> Error {
    Error::protocol("a kept row is not in the form that it was written in")
}
