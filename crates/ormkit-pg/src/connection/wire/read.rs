//! Messages become rows.

use std::sync::Arc;

use ormkit_core::driver::{Column, Effect, Row, RowSink, StatementText};
use ormkit_core::error::{Error, ErrorKind, Result};

use super::Wire;
use super::write::retyped;
use crate::error::{connection_lost, diagnostics, is_fatal, is_stale_description, is_stale_statement};
use crate::protocol::backend::{Fields, Message, RowDescription};
use crate::protocol::pipeline::{Copy, Event};
use crate::row::{DataRow, Shape, spans};
use crate::session_state::is_changed_by;
use crate::types::bind::Target;

impl Wire {
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
                let unit = &mut self.flight.units[unit as usize];
                unit.oids = types.oids().collect();
                unit.targets = types.oids().map(Target::inferred).collect();
                Ok(())
            }
            Event::Columns(unit, columns) => match &mut self.flight.copy {
                Some(copy) => {
                    copy.describe(columns.as_ref());
                    Ok(())
                }
                None => self.describe(unit as usize, columns.as_ref()),
            },
            Event::Complete(unit, tag) => {
                self.complete(unit as usize, tag.unwrap_or_default(), sink);
                Ok(())
            }
            Event::Failed(unit, fields) => self.fail(unit, &fields),
            Event::Copy(_, way, response) if self.flight.copy.is_some() => self.copy_begins(way, &response),
            Event::CopyData(data) => match &mut self.flight.copy {
                Some(copy) => copy.take(data, sink.is_some()),
                // Nobody has asked for it, and an error says so.
                None => Ok(()),
            },
            Event::Copy(_, Copy::In, _) => Err(Error::unsupported(
                "COPY FROM STDIN as a statement",
                "the connection was closed, because the server waits for data",
            )),
            Event::Copy(unit, Copy::Out, _) => {
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
        if let Some(copy) = &mut self.flight.copy {
            copy.affected = affected(tag);
        }
        if matches!(tag, "DISCARD ALL" | "DEALLOCATE ALL") {
            self.cache.clear();
        }
        if tag.starts_with("ALTER ") || tag.starts_with("DROP ") {
            self.cache.forget_all();
            // What is dropped may be a temporary table, which is nobody else's.
            self.schema_changed |= tag.starts_with("ALTER ");
        }
        self.session_changed |= unit.text.effect == Effect::Unknown && is_changed_by(tag, &unit.text.sql);
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
        let unit = &mut self.flight.units[index];
        if unit.recalled && !self.is_as_recalled(index, columns)? {
            return Ok(());
        }
        let unit = &mut self.flight.units[index];
        if unit.recalled && unit.shape.is_some() {
            return Ok(());
        }
        let shape = Arc::new(Shape::new(columns, unit.text.columns.as_deref())?);
        if unit.inferred {
            self.cache.insert(Arc::clone(&unit.text), unit.prepared(Some(&shape)));
        } else {
            self.cache.describe(&unit.text, unit.name, &shape);
        }
        let text = Arc::clone(&unit.text);
        // The same statement again, in the same flight.
        for unit in self.flight.units.iter_mut().skip(index).filter(|unit| unit.shape.is_none()) {
            if unit.text == text {
                unit.shape = Some(retyped(&shape, &text, &unit.text));
            }
        }
        Ok(())
    }

    /// Compares the columns with those that were known when Bind asked for their formats. False when they cannot be read;
    /// where they can, and are others, what was known is forgotten.
    fn is_as_recalled(&mut self, index: usize, columns: Option<&RowDescription<'_>>) -> Result<bool> {
        let unit = &mut self.flight.units[index];
        let Some(known) = unit.shape.take_if(|known| !known.describes(columns)) else { return Ok(true) };
        self.cache.forget_named(&unit.text, unit.name);
        if Shape::new(columns, unit.text.columns.as_deref())?.has_formats_of(&known) {
            return Ok(true);
        }
        let error = Error::new(ErrorKind::Operational(
            "the statement was executed, and its rows cannot be read: the types of its columns have changed since it was \
             last described"
                .into(),
        ));
        self.flight.error.get_or_insert(error.in_statement(&unit.text.sql));
        self.flight.stale = self.flight.units.iter().all(|unit| unit.text.effect == Effect::Read);
        Ok(false)
    }

    fn fail(&mut self, unit: Option<u32>, fields: &Fields<'_>) -> Result<()> {
        let diagnostics = diagnostics(fields);
        if is_fatal(&diagnostics) || !self.pipeline.is_busy() {
            return Err(connection_lost(format!("the server has ended the connection: {diagnostics}")));
        }
        let recalled = unit.is_some_and(|unit| self.flight.units[unit as usize].recalled);
        if is_stale_statement(&diagnostics) || recalled && is_stale_description(&diagnostics) {
            self.flight.stale = true;
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
            self.cache.forget_named(&unit.text, unit.name);
        }
    }

    /// The flight is over: what was not prepared or not described is not kept.
    fn settle(&mut self) {
        for unit in self.flight.units.iter().filter(|unit| unit.fresh && unit.shape.is_none()) {
            self.cache.forget_named(&unit.text, unit.name);
            if unit.inferred {
                self.cache.evict(unit.name);
            }
        }
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
