//! Rows that are read where they lie: in the receive buffer, or in [`KeptRows`](ormkit_core::driver::KeptRows).

use std::sync::Arc;

use ormkit_core::driver::{Cells, Decoder};
use ormkit_core::error::{Error, Result};
use ormkit_core::value::{SqlType, ValueRef};

use crate::narrow::to_u32;
use crate::protocol::backend::RowDescription;
use crate::types::named::lookup::Catalog;
use crate::types::named::{Misfit, PgType};
use crate::types::{Codec, ColumnCodec};

/// The columns of a result, and how their cells are read.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) columns: Box<[ShapeColumn]>,
    /// Of the catalog when its types were looked up, where one of them, or of the parameters, may be altered.
    pub(crate) epoch: Option<u64>,
    seen: u64,
    /// Of the codecs that were registered when its types were looked up.
    pub(crate) codecs: u64,
}

/// One column of a [`Shape`].
#[derive(Debug)]
pub(crate) struct ShapeColumn {
    pub(crate) name: Box<str>,
    pub(crate) oid: u32,
    codec: ColumnCodec,
    /// It is read as what the server says it is.
    inferred: bool,
    /// A type that is not built in.
    named: Option<Arc<PgType>>,
}

impl Shape {
    /// The columns that the server describes, read as the types that the caller `expected` (None or empty: as the
    /// server's).
    ///
    /// # Errors
    /// The statement has another number of columns.
    pub(crate) fn new(described: Option<&RowDescription<'_>>, expected: Option<&[SqlType]>) -> Result<Self> {
        let expected = expected.unwrap_or_default();
        let count = described.map_or(0, RowDescription::len);
        if !expected.is_empty() && expected.len() != count {
            return Err(Error::protocol(format!(
                "a statement compiled for {} columns has {count} columns on the server",
                expected.len()
            )));
        }
        let types = expected.iter().copied().chain(std::iter::repeat(SqlType::Unknown));
        let fields = described.into_iter().flat_map(RowDescription::fields);
        let columns = fields.zip(types).map(|(field, expected)| ShapeColumn {
            name: field.name.into(),
            oid: field.oid,
            codec: ColumnCodec::new(field.oid, expected),
            inferred: expected == SqlType::Unknown,
            named: None,
        });
        Ok(Self { columns: columns.collect(), epoch: None, seen: 0, codecs: 0 })
    }

    /// Columns of these names and types.
    pub(crate) fn of(columns: Vec<(Box<str>, u32)>) -> Self {
        let columns = columns.into_iter().map(|(name, oid)| ShapeColumn {
            name,
            oid,
            codec: ColumnCodec::new(oid, SqlType::Unknown),
            inferred: true,
            named: None,
        });
        Self { columns: columns.collect(), epoch: None, seen: 0, codecs: 0 }
    }

    /// The same columns, read as other types.
    pub(crate) fn retyped(&self, expected: Option<&[SqlType]>) -> Self {
        let types = expected.unwrap_or_default().iter().copied().chain(std::iter::repeat(SqlType::Unknown));
        let columns = self.columns.iter().zip(types).map(|(column, expected)| ShapeColumn {
            name: column.name.clone(),
            oid: column.oid,
            codec: ColumnCodec::new(column.oid, expected),
            inferred: expected == SqlType::Unknown,
            named: None,
        });
        Self { columns: columns.collect(), epoch: None, seen: 0, codecs: 0 }
    }

    /// The types of the columns that are read as what the server says they are.
    pub(crate) fn inferred(&self) -> impl Iterator<Item = u32> {
        self.columns.iter().filter(|column| column.inferred).map(|column| column.oid)
    }

    /// Takes what is known of the columns' types.
    pub(crate) fn resolve(&mut self, catalog: &Catalog) {
        self.seen = catalog.epoch();
        self.codecs = catalog.codecs_version();
        for column in self.columns.iter_mut().filter(|column| column.inferred) {
            column.named = catalog.find(column.oid);
        }
        let named = self.columns.iter().filter_map(|column| column.named.as_ref());
        self.epoch = named.into_iter().any(|named| named.may_change).then_some(self.seen);
    }

    /// Notes that a parameter's type may be altered.
    pub(crate) fn note_changing(&mut self, changing: bool) {
        if changing {
            self.epoch = Some(self.seen);
        }
    }

    /// True when these are the columns that the server describes: as many, of the same types.
    pub(crate) fn describes(&self, described: Option<&RowDescription<'_>>) -> bool {
        let oids = described.into_iter().flat_map(RowDescription::fields).map(|field| field.oid);
        oids.eq(self.columns.iter().map(|column| column.oid))
    }

    /// True when its columns come in the formats that were asked for in place of `other`'s.
    pub(crate) fn has_formats_of(&self, other: &Self) -> bool {
        let formats = |shape: &Self| shape.columns.iter().map(ShapeColumn::is_binary).collect::<Vec<_>>();
        // All in binary is one word, however many there are.
        other.is_binary() && self.is_binary() || formats(self) == formats(other)
    }

    /// True when every column is to be asked for in binary.
    pub(crate) fn is_binary(&self) -> bool {
        self.columns.iter().all(|column| column.is_binary())
    }
}

impl ShapeColumn {
    /// True when the column is to be asked for in binary: its type is known here.
    pub(crate) fn is_binary(&self) -> bool {
        self.named.as_ref().map_or_else(|| self.codec.is_binary(), |named| named.is_binary)
    }

    /// What a caller is told of the type.
    pub(crate) fn sql_type(&self) -> SqlType {
        self.named.as_ref().map_or_else(|| Codec::of(self.oid).sql_type(), |named| named.sql_type())
    }
}

impl Decoder for Shape {
    fn len(&self, _row: &[u8]) -> usize {
        self.columns.len()
    }

    fn cell<'a>(&'a self, row: &'a [u8], index: usize) -> Result<ValueRef<'a>> {
        let column = self.columns.get(index).ok_or_else(|| no_cell(index))?;
        let cell = KeptCells(row).nth(index).ok_or_else(|| no_cell(index))?;
        column.decode(cell)
    }

    fn cells(&self, row: &[u8], each: &mut dyn FnMut(ValueRef<'_>) -> Result<()>) -> Result<()> {
        let mut cells = KeptCells(row);
        for (index, column) in self.columns.iter().enumerate() {
            let cell = cells.next().ok_or_else(|| no_cell(index))?;
            each(column.decode(cell)?)?;
        }
        Ok(())
    }
}

impl ShapeColumn {
    #[inline(always)]
    fn decode<'a>(&'a self, cell: Option<&'a [u8]>) -> Result<ValueRef<'a>> {
        let decoded = match &self.named {
            None => self.codec.decode(cell),
            Some(named) => self.decode_named(named, cell),
        };
        if decoded.is_err() {
            return decoded.map_err(|error| self.place(error));
        }
        decoded
    }

    #[cold]
    fn decode_named<'a>(&self, named: &'a PgType, cell: Option<&'a [u8]>) -> Result<ValueRef<'a>> {
        cell.map_or(Ok(ValueRef::Null), |cell| named.decode(cell))
    }

    #[cold]
    fn place(&self, error: Error) -> Error {
        error.at(|| self.name.to_string())
    }
}

/// Where a cell lies in its row: start, and end; an end before the start is NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The bytes of the cell in its message; None is NULL.
    #[inline]
    pub(crate) fn of(self, body: &[u8]) -> Option<&[u8]> {
        // `spans` has checked the bounds; a NULL's end lies before its start.
        body.get(self.start as usize..self.end as usize)
    }
}

/// Finds the cells of a DataRow.
///
/// # Errors
/// Another number of cells than `columns`, a length below -1 or past the end, or bytes behind the last cell.
pub(crate) fn spans(body: &[u8], columns: usize, spans: &mut Vec<Span>) -> Result<()> {
    spans.clear();
    let Some(count) = body.first_chunk::<2>() else { return Err(broken()) };
    if usize::from(u16::from_be_bytes(*count)) != columns {
        return Err(broken());
    }
    let mut at = 2;
    for _ in 0..columns {
        let Some(length) = body.get(at..).and_then(|rest| rest.first_chunk::<4>()) else {
            return Err(broken());
        };
        let length = i32::from_be_bytes(*length);
        let start = at + 4;
        if length == -1 {
            spans.push(Span { start: 1, end: 0 });
            at = start;
            continue;
        }
        let Ok(length) = usize::try_from(length) else { return Err(broken()) };
        at = start + length;
        if at > body.len() {
            return Err(broken());
        }
        spans.push(Span { start: to_u32(start), end: to_u32(at) });
    }
    if at == body.len() { Ok(()) } else { Err(broken()) }
}

#[cold]
fn broken() -> Error {
    Error::protocol("DataRow has other cells than its result has columns")
}

#[cold]
fn no_cell(index: usize) -> Error {
    Error::interface(format!("the row has no cell {index}"))
}

/// A row in the receive buffer.
pub(crate) struct DataRow<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) spans: &'a [Span],
    pub(crate) shape: &'a Arc<Shape>,
}

impl DataRow<'_> {
    #[inline]
    fn bytes(&self, span: Span) -> Option<&[u8]> {
        span.of(self.body)
    }

    /// Why a cell is not of the type that its column was taken for, where types may have been altered.
    pub(crate) fn changed(&self) -> Option<Misfit> {
        self.shape.columns.iter().zip(self.spans).find_map(|(column, span)| {
            let named = column.named.as_ref().filter(|named| named.may_change && named.is_binary)?;
            match named.check(self.bytes(*span)?, 0) {
                // What has no neutral form is told when it is read.
                Ok(()) | Err(Misfit::Value(_)) => None,
                Err(misfit) => Some(misfit),
            }
        })
    }
}

impl Cells for DataRow<'_> {
    fn len(&self) -> usize {
        self.spans.len()
    }

    #[inline]
    fn cell(&self, index: usize) -> Result<ValueRef<'_>> {
        match (self.spans.get(index), self.shape.columns.get(index)) {
            (Some(span), Some(column)) => column.decode(self.bytes(*span)),
            _ => Err(no_cell(index)),
        }
    }

    fn encode(&self, into: &mut Vec<u8>) {
        // Behind the number of the cells.
        into.extend_from_slice(self.body.get(2..).unwrap_or_default());
    }

    fn decoder(&self) -> Arc<dyn Decoder> {
        Arc::clone(self.shape) as Arc<dyn Decoder>
    }
}

/// The cells of a row that was kept: what a DataRow has behind their number, which is the shape's to know.
struct KeptCells<'a>(&'a [u8]);

impl<'a> Iterator for KeptCells<'a> {
    type Item = Option<&'a [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Option<&'a [u8]>> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        // A NULL's length is -1. `spans` has checked all of them.
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.0 = rest;
            return Some(None);
        };
        let (cell, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Some(cell))
    }
}

#[cfg(test)]
mod tests {
    use ormkit_core::driver::{KeptRows, Row};

    use super::*;
    use crate::protocol::backend::Message;

    fn shape() -> Arc<Shape> {
        let field = |name: &str, oid: u32| [name.as_bytes(), &[0; 7], &oid.to_be_bytes(), &[0; 8]].concat();
        let body = [&b"\0\x03"[..], &field("a", 23), &field("b", 25), &field("c", 25)].concat();
        match Message::decode(b'T', &body).unwrap() {
            Message::RowDescription(columns) => Arc::new(Shape::new(Some(&columns), None).unwrap()),
            other => panic!("{}", other.name()),
        }
    }

    const BODY: &[u8] = b"\0\x03\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff\0\0\0\x02hi";

    #[test]
    fn cells_are_read_in_place_and_kept() {
        let shape = shape();
        let mut found = Vec::new();
        spans(BODY, 3, &mut found).unwrap();
        let cells = DataRow { body: BODY, spans: &found, shape: &shape };
        let expected = [ValueRef::Int(7), ValueRef::Null, ValueRef::Text("hi")];
        let row = Row::new(&cells);
        let mut kept = KeptRows::new();
        row.keep(&mut kept);
        row.keep(&mut kept);
        for (index, value) in expected.into_iter().enumerate() {
            assert_eq!(row.cell(index).unwrap(), value);
            assert_eq!(kept.cell(1, index).unwrap(), value);
        }
        assert!(row.cell(3).is_err());
        assert!(kept.cell(0, 3).is_err());
    }

    #[test]
    fn hostile_rows_are_refused() {
        for body in [
            &b""[..],
            b"\0",
            b"\0\x02",
            b"\0\x03",
            b"\0\x03\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff\0\0\0\x03hi",
            b"\0\x03\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff\0\0\0\x01hi",
            b"\0\x03\0\0\0\x04\0\0\0\x07\xff\xff\xff\xfe\0\0\0\x02hi",
            b"\0\x03\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff\x7f\xff\xff\xffhi",
        ] {
            assert!(spans(body, 3, &mut Vec::new()).is_err(), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn wrong_value_names_its_column() {
        let shape = shape();
        let body = b"\0\x03\0\0\0\x01\0\xff\xff\xff\xff\0\0\0\x01\xff";
        let mut found = Vec::new();
        spans(body, 3, &mut found).unwrap();
        let cells = DataRow { body, spans: &found, shape: &shape };
        assert!(cells.cell(0).is_err());
        assert!(cells.cell(2).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_row_is_read_or_refused(body: Vec<u8>, columns in 0_usize..4) {
            let mut found = Vec::new();
            if spans(&body, columns, &mut found).is_ok() {
                proptest::prop_assert_eq!(found.len(), columns);
            }
        }
    }
}
