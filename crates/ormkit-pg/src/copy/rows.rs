//! Rows in COPY's binary format.

use std::sync::Arc;

use ormkit_core::driver::{Cell, CopyColumn, Row, RowSink};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::value::{ParamType, SqlType, ValueRef};

use crate::narrow::to_u16;
use crate::row::{DataRow, Shape, Span, spans};
use crate::types::Codec;
use crate::types::bind::Target;
use crate::types::catalog::element_of;
use crate::types::named::lookup::Catalog;

/// What the format begins with: no flags, no extension.
pub(crate) const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What it ends with.
pub(crate) const TRAILER: [u8; 2] = [0xff; 2];

/// The signature of the format.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// The columns of rows that are encoded and decoded here.
#[derive(Default)]
pub(crate) struct CopyRows {
    columns: Vec<CopyColumn>,
    writers: Vec<Target>,
    shape: Option<Arc<Shape>>,
    spans: Vec<Span>,
    place: Place,
}

/// Where the stream that comes in stands.
#[derive(Clone, Copy, Default, PartialEq)]
enum Place {
    #[default]
    Header,
    Rows,
    End,
}

impl CopyRows {
    /// Columns of these names and types.
    ///
    /// # Errors
    /// `Unsupported` for a type without a binary form here.
    pub(crate) fn new(described: Vec<(Box<str>, u32)>, catalog: &Catalog) -> Result<Self> {
        let mut columns = Vec::with_capacity(described.len());
        for (name, oid) in &described {
            let param = match (catalog.find(*oid), Codec::of(*oid)) {
                (Some(known), _) if !known.is_binary => return Err(no_binary(name, *oid)),
                // Of enums too, whose members are taken as well as their labels.
                (Some(known), _) if known.sql_type() == SqlType::Text => ParamType::scalar(SqlType::Enum),
                (Some(known), _) => ParamType::scalar(known.sql_type()),
                (None, Codec::Void | Codec::Opaque(_) | Codec::TextArray(_) | Codec::Other) => {
                    return Err(no_binary(name, *oid));
                }
                (None, Codec::Array(_)) => ParamType::array(
                    element_of(*oid).map_or(SqlType::Unknown, |oid| Codec::of(oid).sql_type()),
                ),
                (None, codec) => ParamType::scalar(codec.sql_type()),
            };
            columns.push(CopyColumn { name: name.clone(), param });
        }
        let writers = described.iter().map(|(_, oid)| Target::inferred(*oid, catalog)).collect();
        let mut shape = Shape::of(described);
        shape.resolve(catalog);
        Ok(Self { columns, writers, shape: Some(Arc::new(shape)), ..Self::default() })
    }

    pub(crate) fn columns(&self) -> &[CopyColumn] {
        &self.columns
    }

    /// True when rows are encoded and decoded, and not bytes moved as they are.
    pub(crate) fn is_some(&self) -> bool {
        self.shape.is_some()
    }

    /// Appends a row.
    ///
    /// # Errors
    /// A value does not fit its column. What was appended is of no use then.
    pub(crate) fn encode(&self, cell: &mut Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&to_u16(self.columns.len()).to_be_bytes());
        for (index, (column, writer)) in self.columns.iter().zip(&self.writers).enumerate() {
            let mut written = false;
            cell(index, &mut |value| {
                if std::mem::replace(&mut written, true) {
                    return Err(Error::invalid_request("a second value for one column of a row"));
                }
                write(column, writer, value, out)
            })
            .map_err(|error| error.at(|| column.name.to_string()))?;
            if !written {
                return Err(Error::invalid_request("no value for a column of a row"));
            }
        }
        Ok(())
    }

    /// Takes whole rows off the front of `data`.
    ///
    /// # Errors
    /// That of `sink`; `Protocol` for bytes that are no rows.
    pub(crate) fn decode(&mut self, data: &mut Vec<u8>, sink: &mut dyn RowSink) -> Result<()> {
        let mut taken = 0;
        let outcome = self.decode_from(data, &mut taken, sink);
        data.drain(..taken);
        outcome
    }

    fn decode_from(&mut self, data: &[u8], taken: &mut usize, sink: &mut dyn RowSink) -> Result<()> {
        let Some(shape) = self.shape.clone() else { return Ok(()) };
        if self.place == Place::Header {
            let Some(length) = header(data)? else { return Ok(()) };
            (*taken, self.place) = (length, Place::Rows);
        }
        loop {
            let rest = &data[*taken..];
            if self.place == Place::End {
                return if rest.is_empty() { Ok(()) } else { Err(broken()) };
            }
            if rest.starts_with(&TRAILER) {
                (*taken, self.place) = (*taken + TRAILER.len(), Place::End);
                continue;
            }
            let Some(length) = row_length(rest)? else { return Ok(()) };
            let body = &rest[..length];
            spans(body, shape.columns.len(), &mut self.spans)?;
            *taken += length;
            sink.row(0, &Row::new(&DataRow { body, spans: &self.spans, shape: &shape }))?;
        }
    }
}

/// Length and value in binary.
fn write(column: &CopyColumn, writer: &Target, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    let binary = writer.bind(value, out)? == 1;
    // The text of some types is their binary form as well.
    let is_text = matches!(writer, Target::Catalog(known) if known.sql_type() == SqlType::Text);
    if binary || value.is_null() || (is_text && matches!(value, ValueRef::Text(_))) {
        return Ok(());
    }
    let ParamType { element, array } = column.param;
    let expected = if array { format!("an array of {}", element.name()) } else { element.name().to_owned() };
    Err(Error::data(None, format!("expected {expected}, found a value of type {}", value.type_name())))
}

/// The length of the header at the front, None while it is not all here.
fn header(data: &[u8]) -> Result<Option<usize>> {
    let known = data.len().min(SIGNATURE.len());
    if data[..known] != SIGNATURE[..known] {
        return Err(broken());
    }
    let (flags, extension) = (word(data, SIGNATURE.len()), word(data, SIGNATURE.len() + 4));
    match (flags, extension) {
        // The upper half is for what changes the format.
        (Some(flags), _) if flags & 0xffff_0000 != 0 => Err(broken()),
        (Some(_), Some(extension)) => {
            let length = SIGNATURE.len() + 8 + extension as usize;
            Ok((data.len() >= length).then_some(length))
        }
        _ => Ok(None),
    }
}

/// The length of the row at the front, None while it is not all here.
fn row_length(data: &[u8]) -> Result<Option<usize>> {
    let Some(count) = data.first_chunk::<2>() else { return Ok(None) };
    let count = i16::from_be_bytes(*count);
    let count = usize::try_from(count).map_err(|_| broken())?;
    let mut at = 2;
    for _ in 0..count {
        let Some(length) = word(data, at) else { return Ok(None) };
        at += 4;
        if length != u32::MAX {
            at += usize::try_from(i32::from_be_bytes(length.to_be_bytes())).map_err(|_| broken())?;
        }
    }
    Ok((data.len() >= at).then_some(at))
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word))
}

#[cold]
fn broken() -> Error {
    Error::protocol("the data of COPY is not its binary format")
}

#[cold]
fn no_binary(name: &str, oid: u32) -> Error {
    Error::new(ErrorKind::Unsupported {
        feature: format!("rows with column \"{name}\", whose PostgreSQL type has OID {oid},"),
        instead: "copy in the format \"text\" or \"csv\", or cast the column to text in a query".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> CopyRows {
        CopyRows::new(vec![("a".into(), 23), ("b".into(), 25)], &Catalog::default()).unwrap()
    }

    fn encoded(values: [ValueRef<'_>; 2]) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        rows().encode(&mut |index, sink| sink(values[index]), &mut out).map(|()| out)
    }

    struct Seen(Vec<String>);

    impl RowSink for Seen {
        fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
            self.0.push(format!("{:?} {:?}", row.cell(0)?, row.cell(1)?));
            Ok(())
        }

        fn restart(&mut self, _statement: usize) {}
    }

    fn stream() -> Vec<u8> {
        let one = encoded([ValueRef::Int(1), ValueRef::Text("x")]).unwrap();
        let two = encoded([ValueRef::Null, ValueRef::Null]).unwrap();
        [&HEADER[..], &one, &two, &TRAILER].concat()
    }

    #[test]
    fn rows_are_the_same_in_any_pieces() {
        let stream = stream();
        for size in 1..=stream.len() {
            let (mut rows, mut seen, mut data) = (rows(), Seen(Vec::new()), Vec::new());
            for piece in stream.chunks(size) {
                data.extend_from_slice(piece);
                rows.decode(&mut data, &mut seen).unwrap();
            }
            assert_eq!(seen.0, ["Int(1) Text(\"x\")", "Null Null"], "{size}");
            assert!(data.is_empty() && rows.place == Place::End);
        }
    }

    #[test]
    fn streams_that_are_none_are_refused() {
        let stream = stream();
        let changed = |at: usize, byte: u8| {
            let mut bytes = stream.clone();
            bytes[at] = byte;
            bytes
        };
        for bytes in [
            changed(0, b'p'),
            changed(11, 1),
            changed(19, 0x80),
            changed(20, 3),
            changed(21, 0x80),
            [&stream[..], b"\0"].concat(),
        ] {
            let mut data = bytes.clone();
            let (mut rows, mut seen) = (rows(), Seen(Vec::new()));
            let outcome = rows.decode(&mut data, &mut seen);
            assert!(outcome.is_err() || rows.place != Place::End, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn values_that_do_not_fit_name_their_column() {
        for values in
            [[ValueRef::Text("12345"), ValueRef::Text("x")], [ValueRef::Int(i64::MAX), ValueRef::Text("x")]]
        {
            let error = encoded(values).unwrap_err().to_string();
            assert!(error.contains('a') && !error.contains("12345"), "{error}");
        }
        assert!(encoded([ValueRef::Int(1), ValueRef::Text("a\0b")]).unwrap_err().to_string().contains('b'));
        assert!(rows().encode(&mut |_, _| Ok(()), &mut Vec::new()).is_err());
    }

    #[test]
    fn types_without_a_binary_form_are_refused_by_name() {
        let error = CopyRows::new(vec![("where_to".into(), 600)], &Catalog::default()).err().unwrap();
        assert!(error.to_string().contains("where_to"), "{error}");
        assert!(CopyRows::new(vec![("mood".into(), 99_999)], &Catalog::default()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_stream_is_rows_or_an_error(bytes: Vec<u8>, kept in 0_usize..60) {
            let stream = stream();
            let mut data = [&stream[..kept.min(stream.len())], &bytes].concat();
            let _ = rows().decode(&mut data, &mut Seen(Vec::new()));
        }
    }
}
