//! What a connection knows of the protocol, without IO: statements become bytes, messages become rows.
//!
//! Everything that outlives a dropped future is here. A flight consists of units (the statements of a batch, those of
//! `before` first). They are written at once, up to the first whose types only the server knows: behind that one goes a
//! Flush, and the rest follows when it is described. An error ends the flight; its Sync is sent as soon as possible.

use std::sync::Arc;

use ormkit_core::driver::{Batch, Column, Effect, Row, RowSink, Statement, StatementText};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::value::SqlType;

use crate::error::{connection_lost, diagnostics, is_fatal, is_stale_statement};
use crate::protocol::backend::{Fields, Message, RowDescription};
use crate::protocol::buffer::WriteBuffer;
use crate::protocol::frontend;
use crate::protocol::pipeline::{Copy, Event, Expected, Pipeline};
use crate::row::{DataRow, Shape, Span, spans};
use crate::statement_cache::{Number, Prepared, StatementCache};
use crate::types::bind::Target;

/// The protocol's state of one connection.
pub(crate) struct Wire {
    pub(crate) out: WriteBuffer,
    pub(crate) pipeline: Pipeline,
    pub(crate) cache: StatementCache,
    pub(crate) flight: Flight,
    spans: Vec<Span>,
}

/// The statements on their way.
#[derive(Default)]
pub(crate) struct Flight {
    units: Vec<Unit>,
    /// The unit that the server describes before more can be written.
    undescribed: Option<usize>,
    /// Statements that are closed in this flight.
    closing: Vec<Number>,
    /// True once the transport has taken a byte of it.
    pub(crate) sent: bool,
    /// The first error: of the database, of a value, or of the sink.
    error: Option<Error>,
}

/// One statement of a flight.
struct Unit {
    text: Arc<StatementText>,
    /// Its number for the sink; None for the statements of `before`.
    statement: Option<usize>,
    number: Number,
    targets: Arc<[Target]>,
    shape: Option<Arc<Shape>>,
    /// Its Parse is part of this flight.
    fresh: bool,
    /// The sink has heard of it.
    shown: bool,
    done: bool,
}

impl Wire {
    pub(crate) fn new(cache: StatementCache) -> Self {
        Self {
            out: WriteBuffer::default(),
            pipeline: Pipeline::default(),
            cache,
            flight: Flight::default(),
            spans: Vec::new(),
        }
    }

    /// Writes a new flight as far as it can be written.
    ///
    /// # Errors
    /// A value does not fit or is too large. Nothing has been written then.
    pub(crate) fn begin(&mut self, batch: Batch<'_>) -> Result<()> {
        self.flight = Flight { units: std::mem::take(&mut self.flight.units), ..Flight::default() };
        self.flight.units.clear();
        let written = match batch {
            Batch { before: [], statements: [] } => Ok(()),
            Batch { before: [], statements: [statement] } if is_simple(statement) => {
                self.write_simple(statement)
            }
            batch => self.write_closes().and_then(|()| self.write_from(batch, 0)),
        };
        if written.is_err() {
            self.abandon();
        }
        written
    }

    /// Takes back a flight of which nothing was sent.
    pub(crate) fn abandon(&mut self) {
        self.out.clear();
        self.pipeline.abandon();
        let closing = std::mem::take(&mut self.flight.closing);
        self.cache.evicted().extend(closing);
        for unit in self.flight.units.drain(..).filter(|unit| unit.fresh) {
            self.cache.forget_number(&unit.text, unit.number);
        }
        // What was forgotten just now was never prepared, but closing it does no harm.
    }

    /// Writes what has become possible: the rest of the batch once its statement is described, Sync after an error.
    pub(crate) fn advance(&mut self, batch: Option<Batch<'_>>) {
        if !self.pipeline.is_open() {
            return;
        }
        let Some(batch) = batch.filter(|_| self.flight.error.is_none()) else { return self.end() };
        let Some(index) = self.flight.undescribed else { return };
        if self.flight.units[index].shape.is_none() {
            return;
        }
        self.flight.undescribed = None;
        if let Err(error) = self.write_from(batch, index) {
            self.flight.error = Some(error);
            self.end();
        }
    }

    /// Ends an open flight.
    fn end(&mut self) {
        self.flight.undescribed = None;
        frontend::sync(&mut self.out);
        self.pipeline.expect(Expected::Sync);
    }

    fn write_simple(&mut self, statement: &Statement) -> Result<()> {
        self.flight.units.push(Unit::new(statement, Some(0)));
        frontend::query(&mut self.out, &statement.text.sql)?;
        self.pipeline.expect(Expected::Query(0));
        self.pipeline.expect(Expected::Sync);
        Ok(())
    }

    fn write_closes(&mut self) -> Result<()> {
        let closing = std::mem::take(self.cache.evicted());
        for number in &closing {
            frontend::close_statement(&mut self.out, &number.name())?;
            self.pipeline.expect(Expected::Close);
        }
        self.flight.closing = closing;
        Ok(())
    }

    /// Writes the units from `first` on and the Sync, or up to one that has to be described first.
    fn write_from(&mut self, batch: Batch<'_>, first: usize) -> Result<()> {
        let before = batch.before.len();
        let all = batch.before.iter().chain(batch.statements).enumerate().skip(first);
        for (index, statement) in all {
            if index == self.flight.units.len() {
                self.flight.units.push(Unit::new(statement, index.checked_sub(before)));
                if !self.write_prepare(index, statement)? {
                    frontend::flush(&mut self.out);
                    self.flight.undescribed = Some(index);
                    return Ok(());
                }
            }
            self.write_execute(index, statement)?;
        }
        self.end();
        Ok(())
    }

    /// Writes Parse where it is needed. False when the server has to describe the statement before it can be bound.
    fn write_prepare(&mut self, index: usize, statement: &Statement) -> Result<bool> {
        let (text, unit) = (&statement.text, &mut self.flight.units[index]);
        if let Some(found) = self.cache.find(text) {
            unit.number = found.number;
            unit.targets = Arc::clone(&found.targets);
            unit.shape = found.shape.as_ref().map(|shape| retyped(shape, found, text));
            return Ok(true);
        }
        unit.fresh = true;
        unit.number = self.cache.number(text);
        let oids = text.params.iter().map(|param| crate::types::catalog::param_oid(*param));
        frontend::parse(&mut self.out, &unit.number.name(), &text.sql, oids)?;
        self.pipeline.expect(Expected::Parse(index as u32));
        if is_inferred(statement) {
            frontend::describe_statement(&mut self.out, &unit.number.name())?;
            self.pipeline.expect(Expected::ParamTypes(index as u32));
            self.pipeline.expect(Expected::Columns(index as u32));
            return Ok(false);
        }
        unit.targets = text.params.iter().map(|param| Target::named(*param)).collect();
        let prepared = Prepared {
            number: unit.number,
            targets: Arc::clone(&unit.targets),
            columns_of: Arc::clone(text),
            shape: None,
        };
        self.cache.insert(Arc::clone(text), prepared);
        Ok(true)
    }

    /// Writes Bind and Execute, and a Describe between them when the columns are not known yet.
    fn write_execute(&mut self, index: usize, statement: &Statement) -> Result<()> {
        let unit = &self.flight.units[index];
        write_bind(&mut self.out, unit, statement).map_err(|error| error.in_statement(&unit.text.sql))?;
        self.pipeline.expect(Expected::Bind(index as u32));
        if unit.fresh && unit.shape.is_none() {
            frontend::describe_portal(&mut self.out);
            self.pipeline.expect(Expected::Columns(index as u32));
        }
        frontend::execute(&mut self.out);
        self.pipeline.expect(Expected::Execute(index as u32));
        Ok(())
    }

    /// Takes a message; rows go to `sink` as long as nothing has failed.
    ///
    /// # Errors
    /// The message makes no sense, or the server ends the connection: it is of no more use.
    pub(crate) fn receive(&mut self, message: Message<'_>, sink: Option<&mut dyn RowSink>) -> Result<()> {
        let sink = sink.filter(|_| self.flight.error.is_none());
        match self.pipeline.receive(message)? {
            Event::Row(unit, body) => self.row(unit as usize, body, sink),
            Event::Noted => Ok(()),
            Event::ParamTypes(unit, types) => {
                self.flight.units[unit as usize].targets = types.oids().map(Target::inferred).collect();
                Ok(())
            }
            Event::Columns(unit, columns) => self.describe(unit as usize, columns.as_ref()),
            Event::Complete(unit, tag) => {
                self.complete(unit as usize, tag.unwrap_or_default(), sink);
                Ok(())
            }
            Event::Failed(unit, fields) => self.fail(unit, &fields),
            Event::Copy(_, Copy::In) => Err(Error::unsupported(
                "COPY FROM STDIN as a statement",
                "the connection was closed, because the server waits for data",
            )),
            Event::Copy(unit, Copy::Out) => {
                let sql = &self.flight.units[unit as usize].text.sql;
                let error = Error::unsupported("COPY TO STDOUT as a statement", "use a query");
                self.flight.error.get_or_insert(error.in_statement(sql));
                Ok(())
            }
            Event::Ready => {
                self.settle();
                Ok(())
            }
        }
    }

    fn row(&mut self, unit: usize, body: &[u8], sink: Option<&mut dyn RowSink>) -> Result<()> {
        let unit = &mut self.flight.units[unit];
        let (Some(statement), Some(sink)) = (unit.statement, sink) else { return Ok(()) };
        let Some(shape) = &unit.shape else {
            return Err(Error::protocol("DataRow for a statement without columns"));
        };
        spans(body, shape.columns.len(), &mut self.spans)?;
        let cells = DataRow { body, spans: &self.spans, shape };
        let taken = match unit.shown {
            true => sink.row(statement, &Row::new(&cells)),
            false => {
                let told = tell(&unit.text, shape, statement, sink);
                unit.shown = true;
                told.and_then(|()| sink.row(statement, &Row::new(&cells)))
            }
        };
        if let Err(error) = taken {
            self.flight.error = Some(error);
        }
        Ok(())
    }

    fn complete(&mut self, unit: usize, tag: &str, sink: Option<&mut dyn RowSink>) {
        let unit = &mut self.flight.units[unit];
        unit.done = true;
        if matches!(tag, "DISCARD ALL" | "DEALLOCATE ALL") {
            self.cache.clear();
        }
        if unit.text.effect == Effect::Commit && tag.starts_with("ROLLBACK") {
            self.flight.error.get_or_insert(Error::new(ErrorKind::CommitRolledBack));
            return;
        }
        let (Some(statement), Some(sink)) = (unit.statement, sink) else { return };
        let told = match &unit.shape {
            Some(shape) if !unit.shown => tell(&unit.text, shape, statement, sink),
            _ => Ok(()),
        };
        unit.shown = true;
        if let Err(error) = told.and_then(|()| sink.done(statement, affected(tag))) {
            self.flight.error = Some(error);
        }
    }

    fn describe(&mut self, index: usize, columns: Option<&RowDescription<'_>>) -> Result<()> {
        let unit = &self.flight.units[index];
        let shape = Arc::new(Shape::new(columns, unit.text.columns.as_deref())?);
        if self.flight.undescribed == Some(index) || is_described_first(&unit.text) {
            let prepared = Prepared {
                number: unit.number,
                targets: Arc::clone(&unit.targets),
                columns_of: Arc::clone(&unit.text),
                shape: Some(Arc::clone(&shape)),
            };
            self.cache.insert(Arc::clone(&unit.text), prepared);
        } else {
            self.cache.describe(&unit.text, unit.number, &shape);
        }
        let number = unit.number;
        self.flight.units[index].shape = Some(Arc::clone(&shape));
        if number != Number::UNNAMED {
            // The same statement again, in the same flight.
            for unit in self.flight.units.iter_mut().filter(|unit| unit.number == number) {
                unit.shape.get_or_insert_with(|| Arc::clone(&shape));
            }
        }
        Ok(())
    }

    fn fail(&mut self, unit: Option<u32>, fields: &Fields<'_>) -> Result<()> {
        let diagnostics = diagnostics(fields);
        if is_fatal(&diagnostics) || !self.pipeline.is_busy() {
            return Err(connection_lost(format!("the server has ended the connection: {diagnostics}")));
        }
        if is_stale_statement(&diagnostics) {
            self.forget_stale(diagnostics.sqlstate.as_str() == "26000");
        }
        let mut error = Error::new(ErrorKind::Database(Box::new(diagnostics)));
        if let Some(unit) = unit {
            error = error.in_statement(&self.flight.units[unit as usize].text.sql);
        }
        self.flight.error.get_or_insert(error);
        Ok(())
    }

    /// Forgets the statements of this flight, or all where the server seems to be another than before.
    fn forget_stale(&mut self, all: bool) {
        if all {
            self.cache.clear();
        }
        for unit in &self.flight.units {
            self.cache.forget_number(&unit.text, unit.number);
        }
    }

    /// The flight is over: what was not prepared or not described is not kept.
    fn settle(&mut self) {
        for unit in self.flight.units.iter().filter(|unit| unit.fresh && unit.shape.is_none()) {
            self.cache.forget_number(&unit.text, unit.number);
            if is_described_first(&unit.text) && unit.number != Number::UNNAMED {
                self.cache.evicted().push(unit.number);
            }
        }
    }

    /// The first error of the flight that has ended.
    pub(crate) fn outcome(&mut self) -> Result<()> {
        self.flight.error.take().map_or(Ok(()), Err)
    }

    /// True when a COMMIT may have reached the server and its answer was not read.
    pub(crate) fn commit_is_pending(&self) -> bool {
        let pending = |unit: &Unit| unit.text.effect == Effect::Commit && !unit.done;
        self.flight.sent && self.flight.error.is_none() && self.flight.units.iter().any(pending)
    }

    /// Tells the sink that the statements it has heard of come again.
    pub(crate) fn restart(&self, sink: &mut dyn RowSink) {
        self.flight
            .units
            .iter()
            .filter(|unit| unit.shown)
            .filter_map(|unit| unit.statement)
            .for_each(|statement| sink.restart(statement));
    }
}

impl Unit {
    fn new(statement: &Statement, shown_as: Option<usize>) -> Self {
        Self {
            text: Arc::clone(&statement.text),
            statement: shown_as,
            number: Number::UNNAMED,
            targets: Arc::default(),
            shape: None,
            fresh: false,
            shown: false,
            done: false,
        }
    }
}

/// COMMIT and ROLLBACK alone go by the simple protocol.
fn is_simple(statement: &Statement) -> bool {
    matches!(statement.text.effect, Effect::Commit | Effect::Rollback) && statement.params.is_empty()
}

/// True when only the server knows the types of parameters or columns. Their formats depend on the types, so that the
/// statement cannot be bound before it is described.
fn is_inferred(statement: &Statement) -> bool {
    is_described_first(&statement.text) || (statement.text.params.is_empty() && !statement.params.is_empty())
}

fn is_described_first(text: &StatementText) -> bool {
    text.columns.as_ref().is_none_or(|columns| columns.contains(&SqlType::Unknown))
}

/// The shape of a prepared statement for this text: the cache takes texts for equal that differ in their columns.
fn retyped(shape: &Arc<Shape>, found: &Prepared, text: &Arc<StatementText>) -> Arc<Shape> {
    if Arc::ptr_eq(&found.columns_of, text) || found.columns_of.columns == text.columns {
        return Arc::clone(shape);
    }
    Arc::new(shape.retyped(text.columns.as_deref()))
}

fn write_bind(out: &mut WriteBuffer, unit: &Unit, statement: &Statement) -> Result<()> {
    let (targets, params) = (&unit.targets, &statement.params);
    let count = frontend::parameter_count(params.len())?;
    if targets.len() != params.len() {
        return Err(Error::new(ErrorKind::Programming(format!(
            "the statement has {} parameters and was given {}",
            targets.len(),
            params.len()
        ))));
    }
    out.message(b'B', |body| {
        body.push(0);
        body.extend_from_slice(unit.number.name().as_bytes());
        body.push(0);
        body.extend_from_slice(&count.to_be_bytes());
        let formats = body.len();
        body.resize(formats + 2 * params.len(), 0);
        body.extend_from_slice(&count.to_be_bytes());
        for (index, (target, value)) in targets.iter().zip(params.iter()).enumerate() {
            let format =
                target.bind(value, body).map_err(|error| error.at(|| format!("parameter ${}", index + 1)))?;
            let at = formats + 2 * index;
            body[at..at + 2].copy_from_slice(&format.to_be_bytes());
        }
        write_result_formats(body, unit.shape.as_deref());
        Ok(())
    })
}

/// All in binary, or each column's own.
fn write_result_formats(body: &mut Vec<u8>, shape: Option<&Shape>) {
    match shape {
        Some(shape) if !shape.is_binary() => {
            // RowDescription counts its columns in a u16.
            body.extend_from_slice(&(shape.columns.len() as u16).to_be_bytes());
            let formats = shape.columns.iter().map(|column| u16::from(column.is_binary()));
            body.extend(formats.flat_map(u16::to_be_bytes));
        }
        _ => body.extend_from_slice(b"\0\x01\0\x01"),
    }
}

/// Tells the sink the columns of a statement whose text does not fix them.
fn tell(text: &StatementText, shape: &Shape, statement: usize, sink: &mut dyn RowSink) -> Result<()> {
    if text.columns.is_some() || shape.columns.is_empty() {
        return Ok(());
    }
    let columns: Vec<Column<'_>> = shape
        .columns
        .iter()
        .map(|column| Column { name: &column.name, sql_type: column.sql_type() })
        .collect();
    sink.columns(statement, &columns)
}

/// The number at the end of a command tag: `INSERT 0 5`, `SELECT 2`.
fn affected(tag: &str) -> u64 {
    tag.rsplit(' ').next().and_then(|last| last.parse().ok()).unwrap_or(0)
}
