//! The query for types that are not known yet. It stands inside of the flight that met them: between the description of a
//! statement and its Bind, where the server waits for more in any case. It changes nothing of the caller's transaction, is
//! never sent in one that has failed (there a statement's own Parse fails), and ends with the flight when that is dropped.

use ormkit_core::error::Result;

use super::{Flight, Wire};
use crate::protocol::frontend;
use crate::protocol::pipeline::Expected;
use crate::row::{Shape, spans};
use crate::statement_cache::Name;
use crate::types::array::encode_oids;
use crate::types::named::lookup::{COLUMNS, QUERY, Row};

/// Stands for the query where replies are told apart by unit. A flight has fewer units than that.
pub(super) const CATALOG: u32 = u32::MAX;

/// A query for types that a flight waits for.
pub(crate) struct Lookup {
    /// The unit that needs them, and its columns so far.
    waiting: Option<(usize, Shape)>,
    asked: Vec<u32>,
    written: bool,
    rows: Vec<Row>,
}

impl Lookup {
    pub(super) fn new(unit: usize, shape: Shape, asked: Vec<u32>) -> Self {
        Self { waiting: Some((unit, shape)), asked, written: false, rows: Vec::new() }
    }
}

impl Wire {
    /// Begins a flight of the query alone.
    pub(crate) fn begin_lookup(&mut self, asked: Vec<u32>) -> Result<()> {
        self.flight = Flight { units: std::mem::take(&mut self.flight.units), ..Flight::default() };
        self.flight.units.clear();
        self.flight.lookup = Some(Lookup { waiting: None, asked, written: false, rows: Vec::new() });
        self.write_lookup().map(drop)
    }

    /// Writes the query when it is due. True when it is on its way.
    ///
    /// # Errors
    /// None that are known of: the OIDs are far from filling a message.
    pub(super) fn write_lookup(&mut self) -> Result<bool> {
        let Some(lookup) = &mut self.flight.lookup else { return Ok(false) };
        if std::mem::replace(&mut lookup.written, true) {
            return Ok(true);
        }
        // A flight that failed may have left it, behind a pooler that of another client.
        frontend::close_statement(&mut self.out, Name::TYPES)?;
        frontend::parse(&mut self.out, Name::TYPES, QUERY, [0].into_iter())?;
        let asked = &lookup.asked;
        self.out.message(b'B', |body| {
            body.push(0);
            Name::TYPES.write(body);
            body.extend_from_slice(b"\0\x01\0\x01\0\x01");
            encode_oids(asked, body)?;
            body.extend_from_slice(b"\0\x01\0\x01");
            Ok(())
        })?;
        frontend::execute(&mut self.out, None, 0)?;
        frontend::close_statement(&mut self.out, Name::TYPES)?;
        frontend::flush(&mut self.out);
        for reply in [
            Expected::Close,
            Expected::Parse(CATALOG),
            Expected::Bind(CATALOG),
            Expected::Execute(CATALOG),
            Expected::Close,
        ] {
            self.pipeline.expect(reply);
        }
        Ok(true)
    }

    /// Takes a type of the answer.
    ///
    /// # Errors
    /// It is no row of the query: the connection is of no more use.
    pub(super) fn lookup_row(&mut self, body: &[u8]) -> Result<()> {
        spans(body, COLUMNS, &mut self.spans)?;
        let mut cells = [None; COLUMNS];
        for (cell, span) in cells.iter_mut().zip(&self.spans) {
            *cell = span.of(body);
        }
        let row = Row::decode(cells)?;
        if let Some(lookup) = &mut self.flight.lookup {
            lookup.rows.push(row);
        }
        Ok(())
    }

    /// The answer is complete: the unit that waits for it can go on.
    pub(super) fn lookup_done(&mut self) {
        let Some(lookup) = self.flight.lookup.take() else { return };
        self.catalog.learn(&lookup.asked, lookup.rows);
        let Some((unit, shape)) = lookup.waiting else { return };
        // What was known before may have been forgotten meanwhile, on behalf of another connection.
        let oids = shape.inferred().chain(self.flight.units[unit].oids.iter().copied());
        let mut asked = self.catalog.missing(oids);
        asked.retain(|oid| !lookup.asked.contains(oid));
        match asked.is_empty() {
            true => self.described(unit, shape),
            false => {
                asked.extend(lookup.asked);
                self.flight.lookup = Some(Lookup::new(unit, shape, asked));
            }
        }
    }
}
