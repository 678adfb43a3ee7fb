//! Scripted rows.

use std::sync::Arc;

use crate::driver::{Cells, Decoder};
use crate::error::{Error, Result};
use crate::value::{Value, ValueRef};

pub(super) type Rows = Vec<Vec<Value>>;

/// One row of a scripted result. Kept, it is its number: the decoder holds the rows.
pub(super) struct FakeRow {
    pub(super) rows: Arc<Rows>,
    pub(super) at: u32,
}

impl Cells for FakeRow {
    fn len(&self) -> usize {
        self.rows[self.at as usize].len()
    }

    fn cell(&self, index: usize) -> Result<ValueRef<'_>> {
        cell(&self.rows, self.at as usize, index)
    }

    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.at.to_be_bytes());
    }

    fn decoder(&self) -> Arc<dyn Decoder> {
        Arc::new(Kept(Arc::clone(&self.rows)))
    }
}

struct Kept(Arc<Rows>);

impl Decoder for Kept {
    fn len(&self, row: &[u8]) -> usize {
        self.0.get(number(row)).map_or(0, Vec::len)
    }

    fn cell<'a>(&self, row: &'a [u8], index: usize) -> Result<ValueRef<'a>> {
        // Only what needs no borrow of the decoder can outlive it: numbers and NULL are enough for scripts.
        match cell(&self.0, number(row), index)? {
            ValueRef::Null => Ok(ValueRef::Null),
            ValueRef::Int(int) => Ok(ValueRef::Int(int)),
            ValueRef::Bool(truth) => Ok(ValueRef::Bool(truth)),
            ValueRef::Float(float) => Ok(ValueRef::Float(float)),
            other => Err(Error::unsupported(
                format!("keeping {} in a scripted row", other.type_name()),
                "script numbers",
            )),
        }
    }
}

fn number(row: &[u8]) -> usize {
    row.try_into().map_or(usize::MAX, |bytes| u32::from_be_bytes(bytes) as usize)
}

fn cell(rows: &Rows, row: usize, index: usize) -> Result<ValueRef<'_>> {
    let value = rows.get(row).and_then(|row| row.get(index));
    value
        .and_then(Value::as_ref)
        .ok_or_else(|| Error::protocol(format!("the script has no cell {index} in row {row}")))
}
