//! What a connection knows of a COPY that is under way, without IO.
//!
//! It is a flight of one simple Query: after an error in the middle the server is ready at once, and drops what is still
//! sent (PostgreSQL manual, section 55.2.6). Data that goes in is written into messages of some ten thousand bytes. The
//! last one is open while rows are appended; nothing is sent then, and it is closed, or taken back, before anything is.

use std::sync::Arc;

use ormkit_core::driver::{CopyStatement, CopyWay, Statement};
use ormkit_core::error::{Error, Result};
use ormkit_core::value::Params;

use super::{Flight, Unit, Wire};
use crate::protocol::backend::{CopyResponse, RowDescription};
use crate::protocol::buffer::MESSAGE_LIMIT;
use crate::protocol::frontend;
use crate::protocol::pipeline::{Copy, Expected};
use crate::statement_cache::Name;

/// A message of data is closed at this size, in bytes.
const MESSAGE: usize = 64 * 1024;

/// What the server is told when data ends without its end.
const GIVEN_UP: &str = "the source of the data has failed";

/// A COPY, or the question for its columns.
pub(crate) struct CopyFlight {
    way: CopyWay,
    phase: Phase,
    /// Rows are encoded or decoded here: so many columns.
    width: Option<usize>,
    /// Where the open message of data begins in the write buffer.
    open: Option<usize>,
    /// Data that has come, as one stream.
    pub(crate) data: Vec<u8>,
    /// The names and types that the question was answered with.
    pub(crate) described: Vec<(Box<str>, u32)>,
    /// Rows that the command tag counts.
    pub(crate) affected: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The server has not said yet that it is ready to take or give data.
    Asked,
    /// Data goes.
    Going,
    /// Its end was sent, or has come.
    Ended,
}

impl CopyFlight {
    fn new(way: CopyWay, width: Option<usize>) -> Self {
        Self {
            way,
            phase: Phase::Asked,
            width,
            open: None,
            data: Vec::new(),
            described: Vec::new(),
            affected: 0,
        }
    }

    /// Keeps the columns that were asked for.
    pub(super) fn describe(&mut self, columns: Option<&RowDescription<'_>>) {
        let fields = columns.into_iter().flat_map(RowDescription::fields);
        self.described = fields.map(|field| (field.name.into(), field.oid)).collect();
    }

    /// Data has come.
    pub(super) fn take(&mut self, data: &[u8], wanted: bool) -> Result<()> {
        if (self.way, self.phase) != (CopyWay::Out, Phase::Going) {
            return Err(Error::protocol("CopyData where no data is due"));
        }
        if wanted {
            self.data.extend_from_slice(data);
        }
        Ok(())
    }
}

impl Wire {
    /// Asks for the columns of a query, without executing it.
    pub(crate) fn begin_describe(&mut self, query: &Statement) -> Result<()> {
        self.begin_copy_flight(query, CopyFlight::new(CopyWay::Out, None));
        frontend::parse(&mut self.out, Name::UNNAMED, &query.text.sql, [].into_iter())
            .and_then(|()| frontend::describe_statement(&mut self.out, Name::UNNAMED))
            .inspect_err(|_| self.out.clear())?;
        self.pipeline.expect(Expected::Parse(0));
        self.pipeline.expect(Expected::ParamTypes(0));
        self.pipeline.expect(Expected::Columns(0));
        frontend::sync(&mut self.out);
        self.pipeline.expect(Expected::Sync);
        Ok(())
    }

    /// Sends a COPY. `width`: the number of columns of the rows that are encoded and decoded here.
    pub(crate) fn begin_copy(&mut self, copy: &CopyStatement, width: Option<usize>) -> Result<()> {
        let statement = Statement::new(Arc::clone(&copy.text), Params::new());
        self.begin_copy_flight(&statement, CopyFlight::new(copy.way, width));
        frontend::query(&mut self.out, &copy.text.sql)?;
        self.pipeline.expect(Expected::Query(0));
        self.pipeline.expect(Expected::Sync);
        Ok(())
    }

    fn begin_copy_flight(&mut self, statement: &Statement, copy: CopyFlight) {
        self.flight = Flight { units: std::mem::take(&mut self.flight.units), ..Flight::default() };
        self.flight.units.clear();
        self.flight.units.push(Unit::new(statement, Some(0)));
        self.flight.copy = Some(copy);
    }

    /// The server takes or gives data. It MUST be what was asked for.
    pub(super) fn copy_begins(&mut self, way: Copy, response: &CopyResponse) -> Result<()> {
        let Some(copy) = &mut self.flight.copy else { return Ok(()) };
        if copy.phase != Phase::Asked {
            return Err(Error::protocol("a second answer to one COPY"));
        }
        copy.phase = Phase::Going;
        let expected = if copy.way == CopyWay::In { Copy::In } else { Copy::Out };
        if way != expected {
            let error =
                Error::unsupported("another COPY inside of copy_from or copy_to", "call them one by one");
            self.flight.error.get_or_insert(error);
            // Whatever the server takes or gives now is ended or dropped.
            copy.way = if way == Copy::In { CopyWay::In } else { CopyWay::Out };
            return Ok(());
        }
        if let Some(width) = copy.width
            && (!response.binary || response.columns != width)
        {
            let error = Error::unsupported(
                format!("rows of {width} columns where COPY has {}", response.columns),
                "the table has generated columns, or was changed meanwhile: name the columns",
            );
            self.flight.error.get_or_insert(error);
        }
        Ok(())
    }

    /// True once data goes.
    pub(crate) fn copy_goes(&self) -> bool {
        self.flight.copy.as_ref().is_some_and(|copy| copy.phase == Phase::Going)
    }

    /// True while the server takes data.
    pub(crate) fn copy_takes(&self) -> bool {
        self.pipeline.is_busy()
            && self
                .flight
                .copy
                .as_ref()
                .is_some_and(|copy| (copy.way, copy.phase) == (CopyWay::In, Phase::Going))
    }

    /// True while data is at hand that nobody has taken.
    pub(crate) fn has_copy_data(&self) -> bool {
        self.flight.copy.as_ref().is_some_and(|copy| !copy.data.is_empty())
    }

    /// True when the flight has failed, though it may not be over.
    pub(crate) fn has_failed(&self) -> bool {
        self.flight.error.is_some()
    }

    /// True when every reply was read and everything written was sent: after an error the rest of a message is.
    pub(crate) fn is_settled(&self) -> bool {
        !self.pipeline.is_busy() && self.out.pending().is_empty()
    }

    /// Appends data by `write`, into the open message or a new one. What a failing `write` has appended is taken back.
    ///
    /// # Errors
    /// That of `write`; the data makes a message of over 1 GiB; no data is due.
    pub(crate) fn write_copy_data(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let takes = self.copy_takes();
        let Some(copy) = self.flight.copy.as_mut().filter(|_| takes) else {
            return Err(Error::invalid_request("no COPY takes data on this connection"));
        };
        let begun = self.out.position();
        let open = *copy.open.get_or_insert(begun);
        let out = self.out.bytes();
        if open == begun {
            out.extend_from_slice(b"d\0\0\0\0");
        }
        let written = write(out).and_then(|()| match out.len() - open < MESSAGE_LIMIT {
            true => Ok(()),
            false => Err(Error::data(None, "a row for COPY is limited to 1 GiB")),
        });
        if written.is_err() {
            out.truncate(begun);
            if open == begun {
                copy.open = None;
            }
        } else if out.len() - open > MESSAGE {
            self.close_copy_data();
        }
        written
    }

    /// Closes the open message.
    pub(crate) fn close_copy_data(&mut self) {
        if let Some(open) = self.flight.copy.as_mut().and_then(|copy| copy.open.take()) {
            self.out.patch(open + 1).expect("write_copy_data keeps messages within the limit");
        }
    }

    /// Ends the data.
    pub(crate) fn end_copy_data(&mut self) {
        self.close_copy_data();
        if self.copy_takes() {
            self.end_copy();
            frontend::copy_done(&mut self.out);
        }
    }

    /// Tells a server that waits for data that there will be none, when something has failed or nobody wants it any more.
    pub(crate) fn end_failed_copy(&mut self, wanted: bool) {
        if wanted && self.flight.error.is_none() {
            return;
        }
        self.close_copy_data();
        if self.copy_takes() {
            self.end_copy();
            frontend::copy_fail(&mut self.out, GIVEN_UP);
        }
    }

    /// No data goes any more.
    pub(super) fn end_copy(&mut self) {
        if let Some(copy) = &mut self.flight.copy {
            copy.phase = Phase::Ended;
        }
    }
}
