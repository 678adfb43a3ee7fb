//! Statements become bytes.

use std::borrow::Cow;
use std::sync::Arc;

use ormkit_core::driver::{Batch, Effect, Piece, Statement, StatementText};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::value::SqlType;

use super::{Flight, Unit, Wire};
use crate::narrow::{to_u16, to_u32};
use crate::protocol::backend::TxStatus;
use crate::protocol::buffer::WriteBuffer;
use crate::protocol::frontend;
use crate::protocol::pipeline::Expected;
use crate::row::Shape;
use crate::statement_cache::{Name, Prepared};
use crate::types::bind::{Target, check_size};
use crate::types::catalog::{is_asked_as_text, param_oid};
use crate::types::named::lookup::Catalog;

/// A batch is written in parts of this many bytes.
const PART: usize = 64 * 1024;

impl Wire {
    /// Writes a new flight as far as it can be written.
    ///
    /// # Errors
    /// A value does not fit or is too large. Nothing has been written then.
    pub(crate) fn begin(&mut self, batch: Batch<'_>) -> Result<()> {
        self.catalog.refresh();
        self.flight = Flight { units: std::mem::take(&mut self.flight.units), ..Flight::default() };
        self.flight.units.clear();
        batch.before.iter().chain(batch.statements).try_for_each(Statement::check)?;
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

    /// Writes a flight of nothing but a Sync: the server answers that it is ready.
    pub(crate) fn ping(&mut self) {
        self.flight = Flight::default();
        self.end();
    }

    /// Writes what has become possible: the rest of the batch once its statement is described, Sync after an error.
    pub(crate) fn advance(&mut self, batch: Option<Batch<'_>>) {
        if !self.pipeline.is_open() {
            return;
        }
        let Some(batch) = batch.filter(|_| self.flight.error.is_none()) else { return self.end() };
        if self.has_room_for_rest()
            && let Some(rest) = self.flight.rest.take()
        {
            return self.write_rest(batch, rest);
        }
        let Some(index) = self.flight.undescribed else { return };
        match self.write_lookup() {
            Ok(false) => {}
            Ok(true) => return,
            Err(error) => {
                self.flight.error = Some(error);
                return self.end();
            }
        }
        if self.flight.units[index].shape.is_none() {
            return;
        }
        self.flight.undescribed = None;
        self.write_rest(batch, index);
    }

    fn write_rest(&mut self, batch: Batch<'_>, first: usize) {
        if let Err(error) = self.write_from(batch, first) {
            self.flight.error = Some(error);
            self.end();
        }
    }

    /// True when a part of the batch is not written yet, and most of what was is sent.
    pub(crate) fn has_room_for_rest(&self) -> bool {
        self.flight.rest.is_some() && self.out.pending().len() < PART / 2
    }

    /// Ends an open flight.
    fn end(&mut self) {
        self.flight.undescribed = None;
        self.flight.rest = None;
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
        for name in &closing {
            frontend::close_statement(&mut self.out, *name)?;
            self.pipeline.expect(Expected::Close);
        }
        self.flight.closing = closing;
        self.flight.closing_portals = std::mem::take(&mut self.portals.closing);
        for number in &self.flight.closing_portals {
            frontend::close_portal(&mut self.out, Some(*number))?;
            self.pipeline.expect(Expected::Close);
        }
        Ok(())
    }

    /// Writes the units from `first` on and the Sync, or up to one that has to be described first.
    fn write_from(&mut self, batch: Batch<'_>, first: usize) -> Result<()> {
        let before = batch.before.len();
        let begins =
            batch.before.first().is_some_and(|first| matches!(first.text.effect, Effect::Begin { .. }));
        let in_parts = begins || self.pipeline.status() == TxStatus::InTransaction;
        let all = batch.before.iter().chain(batch.statements).enumerate().skip(first);
        for (index, statement) in all {
            if in_parts && self.out.pending().len() > PART {
                self.flight.rest = Some(index);
                return Ok(());
            }
            if index == self.flight.units.len() {
                self.flight.units.push(Unit::new(statement, index.checked_sub(before)));
                if let Some(Piece { cursor, first: false, .. }) = statement.piece {
                    self.write_next(index, cursor)?;
                    continue;
                }
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
        let text = &statement.text;
        let is_unnamed = self.commented(text).is_some();
        let may_name = !is_unnamed && self.cache.keeps_names();
        let is_outdated = |found: &Prepared| {
            is_outdated(found, text, &self.catalog) || (may_name && found.name == Name::UNNAMED)
        };
        if self.cache.find(text).is_some_and(is_outdated) {
            self.cache.forget(text);
        }
        let unit = &mut self.flight.units[index];
        if let Some(found) = self.cache.find(text) {
            unit.name = if is_unnamed { Name::UNNAMED } else { found.name };
            unit.oids = Arc::clone(&found.oids);
            unit.targets = Arc::clone(&found.targets);
            unit.shape =
                found.shape.as_ref().map(|shape| retyped(shape, &found.columns_of, text, &self.catalog));
            unit.recalled = unit.name == Name::UNNAMED;
            if unit.recalled && !self.reuse_unnamed(index) {
                self.write_parse(index)?;
            }
            return Ok(true);
        }
        unit.name = if is_unnamed { Name::UNNAMED } else { self.cache.name(text) };
        unit.oids = text.params.iter().map(|param| param_oid(*param)).collect();
        if unit.name == Name::UNNAMED && self.reuse_unnamed(index) {
            return Ok(true);
        }
        self.write_parse(index)?;
        let unit = &mut self.flight.units[index];
        unit.inferred = is_inferred(statement);
        if unit.inferred {
            frontend::describe_statement(&mut self.out, unit.name)?;
            self.pipeline.expect(Expected::ParamTypes(to_u32(index)));
            self.pipeline.expect(Expected::Columns(to_u32(index)));
            return Ok(false);
        }
        unit.targets = text.params.iter().map(|param| Target::named(*param)).collect();
        let prepared = unit.prepared(None);
        self.cache.insert(Arc::clone(text), prepared);
        Ok(true)
    }

    fn write_parse(&mut self, index: usize) -> Result<()> {
        let unit = &mut self.flight.units[index];
        unit.fresh = true;
        if unit.name == Name::UNNAMED {
            self.flight.unnamed = Some(index);
        }
        let (name, oids, text) = (unit.name, Arc::clone(&unit.oids), Arc::clone(&unit.text));
        let sql = match self.commented(&text) {
            Some(comment) => Cow::Owned(format!("{} {comment}", text.sql)),
            None => Cow::Borrowed(text.sql.as_str()),
        };
        frontend::parse(&mut self.out, name, &sql, oids.iter().copied())?;
        self.pipeline.expect(Expected::Parse(to_u32(index)));
        Ok(())
    }

    /// The comment that a statement is sent with. It is another for each request, and so the statement goes without a name, as
    /// it would before a pooler: of the cache it uses, and leaves there, what is known of the text without it.
    fn commented(&self, text: &StatementText) -> Option<&str> {
        self.comment.as_deref().filter(|_| text.takes_comment())
    }

    /// True when the unnamed statement is this one already.
    fn reuse_unnamed(&mut self, index: usize) -> bool {
        let Some(before) = self.flight.unnamed else { return false };
        let [first, unit] = self.flight.units.get_disjoint_mut([before, index]).expect("an earlier unit");
        if first.text != unit.text {
            return false;
        }
        unit.recalled = false;
        unit.oids = Arc::clone(&first.oids);
        unit.targets = Arc::clone(&first.targets);
        unit.shape = first.shape.as_ref().map(|shape| retyped(shape, &first.text, &unit.text, &self.catalog));
        true
    }

    /// Writes Execute for the next rows of a portal.
    fn write_next(&mut self, index: usize, portal: u32) -> Result<()> {
        let Some(shape) = self.portals.shape(portal) else {
            return Err(Error::invalid_request(
                "there is nothing more to read: the transaction of the result has ended",
            ));
        };
        let unit = &mut self.flight.units[index];
        unit.shape = Some(Arc::clone(shape));
        unit.shown = true;
        self.write_rows(index)
    }

    fn write_rows(&mut self, index: usize) -> Result<()> {
        let rows = self.flight.units[index].piece.map_or(0, |piece| piece.rows.get());
        frontend::execute(&mut self.out, self.flight.units[index].portal(), rows)?;
        self.pipeline.expect(Expected::Execute(to_u32(index)));
        Ok(())
    }

    /// Writes Bind and Execute, and a Describe between them when the columns are not known yet.
    fn write_execute(&mut self, index: usize, statement: &Statement) -> Result<()> {
        let unit = &self.flight.units[index];
        write_bind(&mut self.out, unit, statement).map_err(|error| {
            if unit.shape.as_ref().is_some_and(|shape| shape.epoch.is_some()) {
                // The value may be of the type as it is by now.
                self.catalog.forget_composites();
            }
            error.in_statement(&unit.text.sql)
        })?;
        self.pipeline.expect(Expected::Bind(to_u32(index)));
        if unit.fresh && (unit.shape.is_none() || unit.recalled) {
            frontend::describe_portal(&mut self.out, unit.portal())?;
            self.pipeline.expect(Expected::Columns(to_u32(index)));
        }
        self.write_rows(index)
    }
}

/// COMMIT and ROLLBACK alone go by the simple protocol, and scripts.
fn is_simple(statement: &Statement) -> bool {
    let simple = matches!(statement.text.effect, Effect::Commit | Effect::Rollback | Effect::Script);
    simple && statement.params.is_empty()
}

/// True when only the server knows the types of parameters or columns. Their formats depend on the types, so that the
/// statement cannot be bound before it is described.
fn is_inferred(statement: &Statement) -> bool {
    let text = &statement.text;
    let columns_known = text.columns.as_ref().is_some_and(|columns| !columns.contains(&SqlType::Unknown));
    !columns_known || (text.params.is_empty() && !statement.params.is_empty())
}

/// True when a statement has to be described anew: a type was altered, codecs have changed, or one of its columns is to be read as what the
/// server says it is for the first time.
fn is_outdated(found: &Prepared, text: &StatementText, catalog: &Catalog) -> bool {
    let Some(shape) = &found.shape else { return false };
    shape.codecs != catalog.codecs_version()
        || shape.epoch.is_some_and(|epoch| epoch != catalog.epoch())
        || (found.columns_of.columns != text.columns
            && !catalog.missing(shape.retyped(text.columns.as_deref()).inferred()).is_empty())
}

/// A shape that was made for `columns_of`, for this text: equal texts can differ in their columns.
pub(super) fn retyped(
    shape: &Arc<Shape>,
    columns_of: &Arc<StatementText>,
    text: &Arc<StatementText>,
    catalog: &Catalog,
) -> Arc<Shape> {
    if Arc::ptr_eq(columns_of, text) || columns_of.columns == text.columns {
        return Arc::clone(shape);
    }
    let mut other = shape.retyped(text.columns.as_deref());
    other.resolve(catalog);
    other.note_changing(shape.epoch.is_some());
    Arc::new(other)
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
        let start = body.len();
        frontend::portal_name(body, unit.portal());
        unit.name.write(body);
        body.extend_from_slice(&count.to_be_bytes());
        let formats = body.len();
        body.resize(formats + 2 * params.len(), 0);
        body.extend_from_slice(&count.to_be_bytes());
        for (index, (target, value)) in targets.iter().zip(params.iter()).enumerate() {
            let format = target.bind(value, body).map_err(|error| error.at_parameter(index))?;
            let at = formats + 2 * index;
            body[at..at + 2].copy_from_slice(&format.to_be_bytes());
            check_size(body.len() - start)?;
        }
        write_result_formats(body, unit.shape.as_deref(), unit.text.columns.as_deref().unwrap_or_default());
        Ok(())
    })
}

/// All in binary, or each column's own: as the server has described it, or as the caller `expected` it before that.
fn write_result_formats(body: &mut Vec<u8>, shape: Option<&Shape>, expected: &[SqlType]) {
    match shape {
        None if expected.iter().copied().any(is_asked_as_text) => {
            body.extend_from_slice(&to_u16(expected.len()).to_be_bytes());
            let formats = expected.iter().map(|sql_type| u16::from(!is_asked_as_text(*sql_type)));
            body.extend(formats.flat_map(u16::to_be_bytes));
        }
        Some(shape) if !shape.is_binary() => {
            body.extend_from_slice(&to_u16(shape.columns.len()).to_be_bytes());
            let formats = shape.columns.iter().map(|column| u16::from(column.is_binary()));
            body.extend(formats.flat_map(u16::to_be_bytes));
        }
        _ => body.extend_from_slice(b"\0\x01\0\x01"),
    }
}
