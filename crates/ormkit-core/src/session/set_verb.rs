//! INSERT, UPDATE and DELETE as a program writes them, with the session's objects kept in step.
//!
//! Where the session holds objects of the table, the statement answers their keys and new values as well (RETURNING): held
//! objects take them, deleted ones leave the session. They go to the journal as they come, so that a rollback undoes them
//! in memory.

use std::sync::Arc;

use super::Session;
use super::journal::Action;
use super::renewal::changed_by;
use super::stale::unload_stale;
use super::unit::Unit;
use crate::driver::{Batch, Row, RowSink};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{Fill, HomeId, Host, State};
use crate::load::hydrate::{Hydrator, Item, Layouts, RowKey};
use crate::model::{FieldId, Model};
use crate::plan::{Output, Plan};
use crate::query::{Item as Selected, Origin, Shape, Source, Write};
use crate::session::identity::own;
use crate::value::Params;

/// What a statement that writes has done.
pub struct Written<H: Host> {
    /// What RETURNING answered, row after row.
    pub items: Vec<Item<H>>,
    /// The names of its columns.
    pub names: Vec<String>,
    /// Rows that were written.
    pub affected: u64,
    /// The key of the one row that an INSERT made.
    pub key: Option<Vec<H::Value>>,
}

impl<H: Host> Session<H> {
    /// Writes at once: inside the open transaction, or in one of its own, committed before it returns. Flushes first where
    /// the session does. An UPDATE renews and counts versions as a flush does.
    ///
    /// # Errors
    /// Those of the flush and of the database; `Unsupported` for an UPDATE of the key. Held objects are as before the call.
    ///
    /// # Cancelling
    /// As any verb: inside a transaction it is broken until a rollback.
    pub async fn write_at_once(&mut self, statement: &Write) -> Result<Written<H>> {
        self.autoflush(|schema| written_by(schema, statement)).await?;
        let own = !self.link.in_transaction();
        self.write_set(statement, own).await
    }

    /// Writes inside the open transaction, and opens one where none is open.
    ///
    /// # Errors
    /// As [`write_at_once`](Self::write_at_once).
    pub async fn write_in_transaction(&mut self, statement: &Write) -> Result<Written<H>> {
        self.autoflush(|schema| written_by(schema, statement)).await?;
        if !self.link.in_transaction() {
            self.begin()?;
        }
        self.write_set(statement, false).await
    }

    async fn write_set(&mut self, statement: &Write, own: bool) -> Result<Written<H>> {
        self.may_write()?;
        let schema = Arc::clone(&self.schema);
        let model = schema.model(statement.model());
        let asked = statement.returning().len();
        let mut statement = self.revised_write(statement)?.unwrap_or_else(|| statement.clone());
        if let Write::Update(update) = &mut statement {
            self.renew_rows(model, update)?;
        }
        let returned = self.kept_in_step(model, &statement)?;
        statement.returning_mut().extend(returned);
        let mut params = Params::new();
        let plan = self.plans.write(&schema, &statement, &mut params)?;
        let layouts = self.layouts(&plan)?;
        let names = names(&schema, &plan, asked);
        // What is answered may not fit into the objects: then nothing is kept.
        let begun = own && !statement.returning().is_empty();
        if begun {
            self.begin()?;
        }
        let start = self.unit.journal.now();
        self.unit.journal.wrote(Some(model.id));
        let statement_sent = plan.with(params);
        let mut step = Step::new(&self.host, &mut self.unit, &plan, &layouts, &statement, model, asked);
        let ran = self.link.run_atomic(Batch::of(&statement_sent), &mut step).await;
        let Step { hydrator, gone, changed, rows, affected, key, .. } = step;
        let items = hydrator.items;
        let done = match ran {
            Ok(()) => {
                for object in &changed {
                    unload_stale(&self.host, &schema, model, object, &set_fields(&statement));
                }
                self.depart(model, &gone)?;
                if begun { self.link.commit().await } else { Ok(()) }
            }
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            let error = schema.explain(error);
            if !matches!(error.kind(), ErrorKind::OutcomeUnknown(_)) {
                self.unit.journal.revert_from(start, &self.host, &mut self.unit.identity)?;
                if begun {
                    self.link.rollback().await;
                }
            }
            return Err(error);
        }
        if own {
            self.unit.keep();
        }
        let affected = if plan.outputs.is_empty() { affected } else { rows };
        Ok(Written { items, names, affected, key })
    }

    /// What the statement answers beside what was asked for: keys and new values, where objects are held.
    fn kept_in_step(&self, model: &Model, statement: &Write) -> Result<Option<Selected>> {
        if model.bare {
            return Ok(None);
        }
        let set = set_fields(statement);
        if let Some(key) = set.iter().find(|field| model.key.contains(field)) {
            return Err(Error::unsupported(
                format!("{} in an UPDATE of a session", model.place(*key)),
                "a key stays what it is; SQL through engine.execute() can change it",
            ));
        }
        let item = |fields| Selected::Entity { source: Source::plain(model.id), fields: Some(fields) };
        let holds = self.unit.identity.holds(&self.host, model.id);
        Ok(match statement {
            Write::Insert(insert) if holds && !set.is_empty() || insert.rows.len() == 1 => Some(item(set)),
            Write::Update(update) if holds => Some(item(changed_by(model, update))),
            Write::Delete(_) if holds => Some(item(set)),
            _ => None,
        })
    }

    /// # Errors
    /// `InvalidRequest` in a read-only transaction or session.
    pub(super) fn may_write(&self) -> Result<()> {
        if !self.link.is_read_only() {
            return Ok(());
        }
        let what = if self.link.in_transaction() { "transaction" } else { "session" };
        Err(Error::invalid_request(format!("this {what} is read-only: it writes nothing")))
    }
}

/// What a statement is called in an error.
fn written_by(schema: &crate::model::Schema, statement: &Write) -> String {
    let verb = match statement {
        Write::Insert(_) => "an INSERT",
        Write::Update(_) => "an UPDATE",
        Write::Delete(_) => "a DELETE",
    };
    format!("{verb} of {}", schema.model(statement.model()).name())
}

/// The columns that a statement sets in rows that were there before.
fn set_fields(statement: &Write) -> Vec<FieldId> {
    let set = match statement {
        Write::Insert(insert) => insert.conflict.as_ref().map(|conflict| &conflict.set),
        Write::Update(update) => Some(&update.set),
        Write::Delete(_) => None,
    };
    set.into_iter().flatten().map(|(field, _)| *field).collect()
}

fn names(schema: &crate::model::Schema, plan: &Plan, asked: usize) -> Vec<String> {
    let name = |output: &Output| match output {
        Output::Entity { model, .. } => schema.model(*model).name().to_owned(),
        Output::Value { name, .. } => name.clone(),
    };
    plan.outputs[..asked].iter().map(name).collect()
}

/// Takes the answer of a statement into the session.
struct Step<'a, H: Host> {
    hydrator: Hydrator<'a, H>,
    journal: &'a mut super::journal::Journal<H>,
    changed_objects: &'a mut super::unit::Objects<H>,
    deleted_objects: &'a mut super::unit::Objects<H>,
    action: Option<Action>,
    is_single_insert: bool,
    model: &'a Model,
    /// Columns of the answer that were asked for; what comes behind keeps objects in step.
    asked: usize,
    gone: Vec<H::Object>,
    changed: Vec<H::Object>,
    rows: u64,
    affected: u64,
    key: Option<Vec<H::Value>>,
}

impl<'a, H: Host> Step<'a, H> {
    fn new(
        host: &'a H,
        unit: &'a mut Unit<H>,
        plan: &'a Plan,
        layouts: &'a Layouts<H>,
        statement: &Write,
        model: &'a Model,
        asked: usize,
    ) -> Self {
        let hydrator = Hydrator {
            host,
            home: unit.home.id(),
            identity: &mut unit.identity,
            plan,
            layouts,
            fill: Fill::Unchanged,
            items: Vec::new(),
            children: Vec::new(),
            seen: None,
            pairs: Default::default(),
            current: Vec::new(),
            parents: Default::default(),
        };
        let (action, is_single_insert) = match statement {
            Write::Insert(insert) => {
                let sets = insert.conflict.as_ref().is_some_and(|conflict| !conflict.set.is_empty());
                (sets.then_some(Action::Update), insert.rows.len() == 1)
            }
            Write::Update(_) => (Some(Action::Update), false),
            Write::Delete(_) => (Some(Action::Delete), false),
        };
        Self {
            hydrator,
            journal: &mut unit.journal,
            changed_objects: &mut unit.changed,
            deleted_objects: &mut unit.deleted,
            action,
            is_single_insert,
            model,
            asked,
            gone: Vec::new(),
            changed: Vec::new(),
            rows: 0,
            affected: 0,
            key: None,
        }
    }

    /// Brings the held object of a row up to date.
    fn keep_in_step(&mut self, row: &Row<'_>) -> Result<()> {
        let layouts = self.hydrator.layouts;
        let Some(layout) = layouts.entity(self.asked) else { return Ok(()) };
        let cells = layout.key_cells();
        if self.is_single_insert {
            self.key = Some(self.key_values(row, cells)?);
        }
        let Some(action) = self.action else { return Ok(()) };
        let key = RowKey { row, cells };
        let host = self.hydrator.host;
        let identity = &mut *self.hydrator.identity;
        let Some(object) = identity.find(host, self.model.id, &key)? else { return Ok(()) };
        self.journal.note(host, action, &object, Some((self.model.id, own(&key)?)));
        if action == Action::Delete {
            identity.remove(host, self.model.id, &key, &object)?;
            let id = host.id(&object);
            self.changed_objects.shift_remove(&id);
            self.deleted_objects.shift_remove(&id);
            host.settle(&object, State::Deleted, HomeId::NONE);
            self.gone.push(object);
        } else {
            host.fill(&object, layout.layout(), row, Fill::Unchanged)?;
            self.changed.push(object);
        }
        Ok(())
    }

    fn key_values(&self, row: &Row<'_>, cells: &[usize]) -> Result<Vec<H::Value>> {
        let fields = self.model.key.iter().zip(cells);
        fields
            .map(|(field, cell)| {
                let sql_type = self.model.field(*field).column_type.sql_type();
                let shape = Shape { sql_type, origin: Some(Origin::of(self.model.id, *field)) };
                self.hydrator.host.value(&shape, row.cell(*cell)?)
            })
            .collect()
    }
}

impl<H: Host> RowSink for Step<'_, H> {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        self.rows += 1;
        self.keep_in_step(row)?;
        let layouts = self.hydrator.layouts;
        for (index, output) in self.hydrator.plan.outputs[..self.asked].iter().enumerate() {
            let item = match (output, layouts.entity(index)) {
                (Output::Value { shape, at, .. }, _) => {
                    Item::Value(self.hydrator.host.value(shape, row.cell(*at)?)?)
                }
                (Output::Entity { .. }, Some(layout)) => Item::Object(self.hydrator.place(layout, row)?),
                (Output::Entity { .. }, None) => Item::Object(None),
            };
            self.hydrator.items.push(item);
        }
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.rows = 0;
        self.hydrator.items.clear();
    }

    fn done(&mut self, _statement: usize, affected: u64) -> Result<()> {
        self.affected = affected;
        Ok(())
    }
}
