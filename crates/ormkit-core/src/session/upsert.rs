//! INSERT … ON CONFLICT of objects, and inserts that may find their row taken.

use std::sync::Arc;

use super::Session;
use super::gather::related;
use super::group::insert_fields;
use super::journal::Action;
use super::unit::{Unit, missing};
use crate::driver::{Batch, Row, RowSink, Statement};
use crate::error::{Error, ErrorClass, ErrorKind, Result};
use crate::host::{Fill, Host, State};
use crate::load::hydrate::{EntityLayout, Layouts, RowKey};
use crate::model::{FieldId, Model, RelationKind, Schema};
use crate::plan::Plan;
use crate::query::{
    Conflict, ConflictTarget, Deleted, Expr, Insert, Item as Selected, Select, Source, Write,
};
use crate::session::identity::own;
use crate::value::{Params, Value};

/// What an upsert does where a row exists already.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// The columns whose values tell rows apart.
    pub target: Vec<FieldId>,
    /// What is written into the existing row; None: the columns that were set by the program, without key and target.
    pub update: Option<Vec<FieldId>>,
    /// The existing row is left as it is.
    pub nothing: bool,
}

impl<H: Host> Session<H> {
    /// Inserts objects, or writes them into the rows that exist already. Answers the session's object for each row: the
    /// given one, unless the session held another.
    ///
    /// A row that counts as deleted is a row that exists: it is written, and counts as deleted unless the column that says
    /// so is among what is written.
    ///
    /// It joins the open transaction; without one it runs in one of its own, committed before it returns.
    ///
    /// # Errors
    /// After an error the objects are as before the call. `Unsupported` for objects with new relatives; `InvalidRequest`
    /// where the row that exists is of another class.
    pub async fn upsert(&mut self, objects: &[H::Object], how: &Upsert) -> Result<Vec<H::Object>> {
        self.may_write()?;
        let before = self.before()?;
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let own = !self.link.in_transaction();
        if own {
            self.begin()?;
        }
        let mut done = self.upsert_in(objects, how).await;
        if own && done.is_ok() {
            let committed = self.link.commit().await;
            done = done.and_then(|found| committed.map(|()| found));
        }
        match &done {
            Ok(_) if own => self.unit.keep(),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::OutcomeUnknown(_)) => {}
            Err(_) => {
                self.restore(before)?;
                if own {
                    self.link.rollback().await;
                }
            }
        }
        done.map_err(|error| self.schema.explain(error))
    }

    async fn upsert_in(&mut self, objects: &[H::Object], how: &Upsert) -> Result<Vec<H::Object>> {
        let schema = Arc::clone(&self.schema);
        let mut writes = Vec::with_capacity(objects.len());
        let mut reads = Vec::with_capacity(objects.len());
        for object in objects {
            let model = schema.model(self.host.model(object));
            writes.push(self.planned(&schema, &self.insert_of(model, object, how)?)?);
            reads.push(existing(&self.host, model, object, how)?);
        }
        let mut found: Vec<Option<H::Object>> = objects.iter().map(|_| None).collect();
        let all: Vec<usize> = (0..objects.len()).collect();
        self.adopt(objects, &all, &writes, &mut found).await?;
        let left: Vec<usize> = all.into_iter().filter(|at| found[*at].is_none()).collect();
        if !left.is_empty() {
            let mut planned = Vec::with_capacity(left.len());
            for at in &left {
                let mut params = Params::new();
                let plan = self.plans.select(&schema, &reads[*at], &mut params)?;
                planned.push((plan, params));
            }
            self.adopt(objects, &left, &planned, &mut found).await?;
        }
        let gone = |object: &H::Object| {
            let model = schema.model(self.host.model(object));
            Error::invalid_request(match model.family {
                None => "the row that was in the way is gone again: try once more".to_owned(),
                Some(_) => {
                    format!("the row that is in the way of a {0} is of another class than {0}", model.name())
                }
            })
        };
        let found = found.into_iter().zip(objects);
        found.map(|(found, object)| found.ok_or_else(|| gone(object))).collect()
    }

    fn planned(&self, schema: &Schema, insert: &Write) -> Result<(Arc<Plan>, Params)> {
        let mut params = Params::new();
        let plan = self.plans.write(schema, insert, &mut params)?;
        Ok((plan, params))
    }

    /// The INSERT of an object, answering the whole row.
    fn insert_of(&self, model: &Model, object: &H::Object, how: &Upsert) -> Result<Write> {
        let host = &self.host;
        check(host, &self.schema, model, object)?;
        let update: Vec<FieldId> = match &how.update {
            _ if how.nothing => Vec::new(),
            Some(update) => update.clone(),
            None => {
                let set = host.changed(object)?;
                set.iter().filter(|field| !model.key.contains(field) && !how.target.contains(field)).collect()
            }
        };
        // A version is made for it here, which the program has not set.
        let mut fields = insert_fields(host, model, object)?;
        let kind = model.of_class_itself();
        // The row stays of its class.
        let is_kind = |field: &FieldId| kind.as_ref().is_some_and(|(kind, _)| kind == field);
        let update: Vec<FieldId> = update.into_iter().filter(|field| !is_kind(field)).collect();
        if let Some(key) = update.iter().find(|field| model.key.contains(field)) {
            return Err(Error::unsupported(
                format!("{} among the columns that an upsert updates", model.place(*key)),
                "a key stays what it is",
            ));
        }
        update.iter().chain(&how.target).for_each(|field| fields.insert(*field));
        let mut row = host.expressions(object)?;
        row.iter().for_each(|(field, _)| fields.remove(*field));
        for field in fields.iter() {
            let value = read(host, model, object, field)?;
            if value.is_null() && !model.field(field).nullable {
                return Err(missing(model, field));
            }
            row.push((field, Expr::value(value, model.field(field).column_type.sql_type())));
        }
        let mut insert = Insert::new(model.id).row(model, row)?;
        let target = ConflictTarget::Columns(how.target.clone(), None);
        let mut set: Vec<_> = update.iter().map(|field| (*field, Expr::Excluded(model.id, *field))).collect();
        self.renew_existing(model, &mut set)?;
        let mut conflict = Conflict::update(target, set);
        if !conflict.set.is_empty() {
            conflict.filter.extend(kind.map(|(_, is_of_class)| is_of_class));
        }
        insert.conflict = Some(conflict);
        insert.returning.push(Selected::Entity { source: Source::plain(model.id), fields: None });
        Ok(Write::Insert(insert))
    }

    /// Runs one statement for each of `places` in one flight; the row that it answers is that of the object there.
    async fn adopt(
        &mut self,
        objects: &[H::Object],
        places: &[usize],
        planned: &[(Arc<Plan>, Params)],
        found: &mut [Option<H::Object>],
    ) -> Result<()> {
        let mut layouts = Vec::with_capacity(planned.len());
        for (plan, _) in planned {
            layouts.push(self.layouts(plan)?);
        }
        let statements: Vec<Statement> =
            planned.iter().map(|(plan, params)| plan.with(params.clone())).collect();
        let schema = Arc::clone(&self.schema);
        let mut sink = Adopting {
            host: &self.host,
            schema: &schema,
            unit: &mut self.unit,
            objects,
            places,
            layouts: &layouts,
            found,
        };
        self.link.run(Batch { before: &[], statements: &statements }, &mut sink).await
    }

    /// Inserts an object, unless a row is in its way: then the answer is the error that says so, the object is as before and
    /// an open transaction goes on.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn insert_unless_taken(&mut self, object: &H::Object) -> Result<Option<Error>> {
        let objects = std::slice::from_ref(object);
        let taken = |error: Error| match error.class() {
            ErrorClass::UniqueViolation => Ok(Some(error)),
            _ => Err(error),
        };
        if !self.link.in_transaction() {
            return self.insert(objects).await.map_or_else(taken, |()| Ok(None));
        }
        self.savepoint().await?;
        match self.insert(objects).await {
            Ok(()) => self.release().await.map(|()| None),
            Err(error) => {
                self.rollback_savepoint().await?;
                taken(error)
            }
        }
    }
}

/// The SELECT of the row that is in an object's way.
fn existing<H: Host>(host: &H, model: &Model, object: &H::Object, how: &Upsert) -> Result<Select> {
    let mut select = Select::entity(model.id).limit(1);
    select.deleted = Deleted::Included;
    for field in &how.target {
        let value = read(host, model, object, *field)?;
        let sql_type = model.field(*field).column_type.sql_type();
        select.filter.push(Expr::column(model.id, *field).eq(Expr::value(value, sql_type)));
    }
    select.filter.extend(model.of_class_itself().map(|(_, is_of_class)| is_of_class));
    Ok(select)
}

/// # Errors
/// `InvalidRequest` for an object that has a row; `Unsupported` for one with relatives of its own to be written.
fn check<H: Host>(host: &H, schema: &Schema, model: &Model, object: &H::Object) -> Result<()> {
    if !matches!(host.state(object), State::Transient | State::Pending) {
        return Err(Error::invalid_request(format!(
            "this {} is stored already: update() writes it, upsert() is for new objects",
            model.name()
        )));
    }
    for relation in &model.relations {
        if !host.relation_changed(object, relation.id) {
            continue;
        }
        let relatives = related(host, object, relation)?;
        match (relation.kind, relatives.first()) {
            (_, None) => {}
            (RelationKind::ManyToOne, Some(target)) if host.state(target) == State::Persistent => {
                for (local, remote) in relation.local.iter().zip(&relation.remote) {
                    host.copy(Some((target, *remote)), object, *local)?;
                }
            }
            _ => {
                return Err(Error::unsupported(
                    format!("upsert of a {} with new objects in {}", model.name(), relation.name),
                    format!("insert the {} by itself", schema.model(relation.target).name()),
                ));
            }
        }
    }
    Ok(())
}

fn read<H: Host>(host: &H, model: &Model, object: &H::Object, field: FieldId) -> Result<Value> {
    let mut found = Value::Null;
    host.read(object, field, &mut |value| {
        found = Value::from(value);
        Ok(())
    })
    .map_err(|error| error.at(|| model.place(field)))?;
    Ok(found)
}

/// Makes each object the session's object of the row that its statement answers, or finds the one that is.
struct Adopting<'a, H: Host> {
    host: &'a H,
    schema: &'a Schema,
    unit: &'a mut Unit<H>,
    objects: &'a [H::Object],
    /// The object of each statement.
    places: &'a [usize],
    layouts: &'a [Arc<Layouts<H>>],
    found: &'a mut [Option<H::Object>],
}

impl<H: Host> Adopting<'_, H> {
    fn take(&mut self, object: &H::Object, layout: &EntityLayout<H>, row: &Row<'_>) -> Result<H::Object> {
        let (host, unit) = (self.host, &mut *self.unit);
        let model = self.schema.model(host.model(object));
        let key = RowKey { row, cells: layout.key_cells() };
        let known = Some((model.id, own(&key)?));
        if let Some(held) = unit.identity.find(host, model.id, &key)? {
            unit.journal.note(host, Action::Update, &held, known);
            host.fill(&held, layout.layout(), row, Fill::Unchanged)?;
            return Ok(held);
        }
        unit.journal.note(host, Action::Insert, object, known);
        unit.new.shift_remove(&host.id(object));
        host.fill(object, layout.layout(), row, Fill::All)?;
        host.clean(object);
        host.settle(object, State::Persistent, unit.home.id());
        unit.identity.insert(host, model.id, &key, object)?;
        Ok(host.retain(object))
    }
}

impl<H: Host> RowSink for Adopting<'_, H> {
    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        let place = self.places[statement];
        let (objects, layouts) = (self.objects, self.layouts);
        if let Some(layout) = layouts[statement].entity(0) {
            self.found[place] = Some(self.take(&objects[place], layout, row)?);
        }
        Ok(())
    }

    /// Rows that come again find the object that they have made.
    fn restart(&mut self, _statement: usize) {}
}
