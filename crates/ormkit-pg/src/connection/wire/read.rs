//! Messages become rows.

use std::sync::Arc;

use ormkit_core::driver::{Column, Effect, Row, RowSink, StatementText};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::value::{ParamType, SqlType};

use super::Wire;
use super::lookup::{CATALOG, Lookup};
use super::write::retyped;
use crate::error::{diagnostics, is_fatal, is_stale_description, is_stale_statement};
use crate::protocol::backend::{Fields, Message, RowDescription, TxStatus};
use crate::protocol::pipeline::{Copy, Event};
use crate::row::{DataRow, Shape, spans};
use crate::session_state::{is_changed_by, moves_path};
use crate::types::bind::Target;
use crate::types::named::Misfit;
use crate::types::named::lookup::Catalog;

impl Wire {
    /// Takes a message; rows go to `sink` as long as nothing has failed.
    ///
    /// # Errors
    /// The message makes no sense, or the server ends the connection: it is of no more use.
    pub(crate) fn receive(&mut self, message: Message<'_>, sink: Option<&mut dyn RowSink>) -> Result<()> {
        let sink = sink.filter(|_| self.flight.error.is_none());
        match self.pipeline.receive(message)? {
            Event::Row(CATALOG, body) => self.lookup_row(body),
            Event::Complete(CATALOG, _) => {
                self.lookup_done();
                Ok(())
            }
            Event::Copy(CATALOG, ..) => Err(Error::protocol("the query for types was answered with COPY")),
            Event::Row(unit, body) => self.row(unit as usize, body, sink),
            Event::Noted => Ok(()),
            Event::ParamTypes(unit, types) => {
                self.flight.units[unit as usize].oids = types.oids().collect();
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
            Event::Suspended(unit) => self.suspend(unit as usize, sink),
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
                self.end_copy();
                self.settle();
                Ok(())
            }
        }
    }

    fn row(&mut self, unit: usize, body: &[u8], sink: Option<&mut dyn RowSink>) -> Result<()> {
        let unit = &mut self.flight.units[unit];
        if unit.text.effect == Effect::Script {
            return Ok(());
        }
        let (Some(statement), Some(sink)) = (unit.statement, sink) else { return Ok(()) };
        let Some(shape) = &unit.shape else {
            return Err(Error::protocol("DataRow for a statement without columns"));
        };
        spans(body, shape.columns.len(), &mut self.spans)?;
        let cells = DataRow { body, spans: &self.spans, shape };
        if shape.epoch.is_some()
            && let Some(misfit) = cells.changed()
        {
            self.flight.error = Some(changed(&self.catalog, misfit).in_statement(&unit.text.sql));
            self.flight.stale = self.flight.only_reads();
            return Ok(());
        }
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
        unit.portal().into_iter().for_each(|portal| self.portals.close(portal));
        if let Some(copy) = &mut self.flight.copy {
            copy.affected = affected(tag);
        }
        if matches!(tag, "DISCARD ALL" | "DEALLOCATE ALL") {
            self.cache.clear();
        }
        if tag.starts_with("ALTER ") || tag.starts_with("DROP ") {
            self.cache.forget_all();
            self.catalog.forget_composites();
            // What is dropped may be a temporary table, which is nobody else's.
            self.schema_changed |= tag.starts_with("ALTER ");
        }
        let own = matches!(unit.text.effect, Effect::Unknown | Effect::Script);
        self.session_changed |= own && is_changed_by(tag, &unit.text.sql);
        let moved = own && moves_path(tag, &unit.text.sql);
        if moved || self.path_moved && matches!(tag, "COMMIT" | "ROLLBACK") {
            self.cache.forget_all();
            // What is left of it after a ROLLBACK TO SAVEPOINT ends with the transaction.
            self.path_moved = moved || tag != "COMMIT" && unit.text.effect != Effect::Rollback;
        }
        if unit.text.effect == Effect::Commit && tag.starts_with("ROLLBACK") {
            self.flight.error.get_or_insert(Error::new(ErrorKind::CommitRolledBack));
            return;
        }
        if unit.text.effect == Effect::Script {
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

    /// The rows that were asked for are here, and there may be more.
    fn suspend(&mut self, unit: usize, sink: Option<&mut dyn RowSink>) -> Result<()> {
        let unit = &mut self.flight.units[unit];
        let (Some(portal), Some(shape)) = (unit.portal(), &unit.shape) else {
            return Err(Error::protocol("PortalSuspended where all rows were asked for"));
        };
        unit.done = true;
        self.portals.keep(portal, shape);
        if let (Some(statement), Some(sink)) = (unit.statement, sink) {
            sink.suspended(statement);
        }
        Ok(())
    }

    fn describe(&mut self, index: usize, columns: Option<&RowDescription<'_>>) -> Result<()> {
        let unit = &mut self.flight.units[index];
        if unit.text.effect == Effect::Script {
            return Ok(());
        }
        if unit.recalled && !self.is_as_recalled(index, columns)? {
            return Ok(());
        }
        let unit = &mut self.flight.units[index];
        if unit.recalled && unit.shape.is_some() {
            return Ok(());
        }
        let shape = Shape::new(columns, unit.text.columns.as_deref())?;
        if unit.inferred {
            let asked = self.catalog.missing(shape.inferred().chain(unit.oids.iter().copied()));
            if !asked.is_empty() {
                self.flight.lookup = Some(Lookup::new(index, shape, asked));
                return Ok(());
            }
        }
        self.described(index, shape);
        Ok(())
    }

    /// Notes the columns of a unit, whose types are known as far as they can be.
    pub(super) fn described(&mut self, index: usize, mut shape: Shape) {
        let unit = &mut self.flight.units[index];
        shape.resolve(&self.catalog);
        if unit.inferred {
            let named = unit.text.params.iter().copied();
            let named = named.chain(std::iter::repeat(ParamType::scalar(SqlType::Unknown)));
            let target = |(oid, param): (&u32, ParamType)| Target::inferred_for(param, *oid, &self.catalog);
            unit.targets = unit.oids.iter().zip(named).map(target).collect();
            shape.note_changing(unit.targets.iter().any(Target::may_change));
        }
        let shape = Arc::new(shape);
        if unit.inferred {
            self.cache.insert(Arc::clone(&unit.text), unit.prepared(Some(&shape)));
        } else {
            self.cache.describe(&unit.text, unit.name, &shape);
        }
        let text = Arc::clone(&unit.text);
        // The same statement again, in the same flight.
        for unit in self.flight.units.iter_mut().skip(index).filter(|unit| unit.shape.is_none()) {
            if unit.text == text {
                unit.shape = Some(retyped(&shape, &text, &unit.text, &self.catalog));
            }
        }
    }

    /// Compares the columns with those that were known when Bind asked for their formats. False when they cannot be read;
    /// where they can, and are others, what was known is forgotten.
    fn is_as_recalled(&mut self, index: usize, columns: Option<&RowDescription<'_>>) -> Result<bool> {
        let unit = &mut self.flight.units[index];
        let Some(known) = unit.shape.take_if(|known| !known.describes(columns)) else { return Ok(true) };
        self.cache.forget(&unit.text);
        let mut shape = Shape::new(columns, unit.text.columns.as_deref())?;
        shape.resolve(&self.catalog);
        if shape.has_formats_of(&known) {
            return Ok(true);
        }
        let error = Error::new(ErrorKind::Operational(
            "the statement was executed, and its rows cannot be read: the types of its columns have changed since it was \
             last described"
                .into(),
        ));
        self.flight.error.get_or_insert(error.in_statement(&unit.text.sql));
        self.flight.stale = self.flight.only_reads();
        Ok(false)
    }

    fn fail(&mut self, unit: Option<u32>, fields: &Fields<'_>) -> Result<()> {
        let diagnostics = diagnostics(fields);
        if is_fatal(&diagnostics) || !self.pipeline.is_busy() {
            let error = Error::new(ErrorKind::ConnectionEnded(Box::new(diagnostics)));
            return Err(match unit {
                Some(unit) => error.in_statement(&self.flight.units[unit as usize].text.sql),
                None => error,
            });
        }
        let recalled = unit.and_then(|unit| self.flight.units.get(unit as usize));
        let recalled = recalled.is_some_and(|unit| unit.recalled);
        if is_stale_statement(&diagnostics) || recalled && is_stale_description(&diagnostics) {
            self.flight.stale = true;
            self.forget_stale(diagnostics.sqlstate.as_str() == "26000");
            self.catalog.forget_composites();
        }
        let mut error = Error::new(ErrorKind::Database(Box::new(diagnostics)));
        if let Some(unit) = unit.and_then(|unit| self.flight.units.get(unit as usize)) {
            error = error.in_statement(&unit.text.sql);
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
            match unit.recalled {
                true => self.cache.forget(&unit.text),
                false => self.cache.forget_named(&unit.text, unit.name),
            }
        }
    }

    /// The flight is over: what was not prepared or not described is not kept.
    fn settle(&mut self) {
        self.flight.lookup = None;
        if self.pipeline.status() == TxStatus::Idle {
            self.portals.clear();
        }
        for unit in self.flight.units.iter().filter(|unit| unit.fresh && unit.shape.is_none()) {
            self.cache.forget_named(&unit.text, unit.name);
            if unit.inferred {
                self.cache.evict(unit.name);
            }
        }
    }
}

/// Has a type looked up anew that is not what it was taken for.
#[cold]
fn changed(catalog: &Catalog, misfit: Misfit) -> Error {
    match &misfit {
        Misfit::Unknown { oid } => catalog.want(*oid),
        Misfit::Changed { .. } | Misfit::Value(_) => catalog.forget_composites(),
    }
    misfit.into()
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
