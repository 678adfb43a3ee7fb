//! [`Record`] as a [`Host`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Body, Record, Shared, gained, given_of, lost, passed, value_of};
use crate::driver::Row;
use crate::error::Result;
use crate::host::{Fill, HomeId, Host, Moment, ObjectId, State};
use crate::model::{FieldId, FieldSet, Model, ModelId, RelationId, Schema};
use crate::query::{Expr, Shape};
use crate::runtime::BoxFuture;
use crate::session::{Home, Link};
use crate::value::{Value, ValueRef};

/// The host of [`Record`]s.
pub struct Records {
    schema: Arc<Schema>,
    homes: Mutex<HashMap<HomeId, Weak<Home<Records>>>>,
    listener: Option<RecordListener>,
}

/// Hears of records that are written. What it sets before is part of the statement, its error makes the write fail.
pub type RecordListener = Box<dyn Fn(Moment, &Record) -> Result<()> + Send + Sync>;

impl Records {
    /// A host for the models of `schema`.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { schema, homes: Mutex::new(HashMap::new()), listener: None }
    }

    /// Lets `listener` hear of every record that is written.
    #[must_use]
    pub fn listening(
        mut self,
        listener: impl Fn(Moment, &Record) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Makes a session's home known, so that its records can report their first change.
    pub(super) fn know(&self, home: &Arc<Home<Self>>) {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner).insert(home.id(), Arc::downgrade(home));
    }
}

/// Which cells of a row are a record's fields.
#[derive(Debug)]
pub struct RecordLayout {
    pub(super) model: Arc<Model>,
    pub(super) fields: Vec<FieldId>,
    pub(super) from: usize,
}

/// What a record was.
pub struct RecordSnapshot(Body);

/// A handle that does not keep its record.
pub struct WeakRecord(Weak<Shared>);

impl Host for Records {
    type Object = Record;
    type Weak = WeakRecord;
    type Layout = RecordLayout;
    type Value = Value;
    type Snapshot = RecordSnapshot;

    fn hears(&self, _model: ModelId) -> bool {
        self.listener.is_some()
    }

    fn hear<'a>(
        &'a self,
        moment: Moment,
        objects: &'a [Record],
        link: Link,
    ) -> BoxFuture<'a, (Option<Link>, Result<()>)> {
        let heard = match &self.listener {
            Some(listener) => objects.iter().try_for_each(|record| listener(moment, record)),
            None => Ok(()),
        };
        Box::pin(async move { (Some(link), heard) })
    }

    fn layout(&self, model: &Model, fields: &[FieldId], from: usize) -> Result<RecordLayout> {
        Ok(RecordLayout { model: Arc::clone(self.schema.model(model.id)), fields: fields.to_vec(), from })
    }

    fn create(&self, layout: &RecordLayout) -> Result<Record> {
        Ok(Record::bare(&layout.model, State::Persistent))
    }

    fn blank(&self, model: &Model) -> Result<Record> {
        Ok(Record::new(self.schema.model(model.id)))
    }

    fn fill(&self, object: &Record, layout: &RecordLayout, row: &Row<'_>, fill: Fill) -> Result<()> {
        object.body().cells(row, layout, fill)
    }

    fn value(&self, shape: &Shape, cell: ValueRef<'_>) -> Result<Value> {
        Ok(value_of(shape, cell))
    }

    fn model(&self, object: &Record) -> ModelId {
        object.model().id
    }

    fn id(&self, object: &Record) -> ObjectId {
        object.address()
    }

    fn retain(&self, object: &Record) -> Record {
        object.clone()
    }

    fn downgrade(&self, object: &Record) -> WeakRecord {
        WeakRecord(Arc::downgrade(&object.0))
    }

    fn upgrade(&self, weak: &WeakRecord) -> Option<Record> {
        weak.0.upgrade().map(Record)
    }

    fn read(
        &self,
        object: &Record,
        field: FieldId,
        sink: &mut dyn FnMut(ValueRef<'_>) -> Result<()>,
    ) -> Result<()> {
        let model = object.model();
        let value = object.get(&model.field(field).name)?;
        let fitted = model.field(field).column_type.fit(&value, sink);
        fitted.map_err(|error| error.at(|| model.place(field)))
    }

    fn read_stored(
        &self,
        object: &Record,
        field: FieldId,
        sink: &mut dyn FnMut(ValueRef<'_>) -> Result<()>,
    ) -> Result<()> {
        let body = object.body();
        let original = body.originals.iter().find(|(other, _)| *other == field);
        let Some((_, Some(value))) = original.cloned() else {
            drop(body);
            return self.read(object, field, sink);
        };
        drop(body);
        sink(value.as_ref().unwrap_or(ValueRef::Null))
    }

    fn carry(&self, from: (&Record, FieldId), to: &Record, into: FieldId) -> Result<()> {
        let value = from.0.get(&from.0.model().field(from.1).name)?;
        to.body().fields[into.index()] = Some(value);
        Ok(())
    }

    fn copy(&self, from: Option<(&Record, FieldId)>, to: &Record, into: FieldId) -> Result<()> {
        let assigned = from.and_then(|(record, field)| {
            let assigned = record.body().expressions.iter().find(|(known, _)| *known == field).cloned();
            assigned.map(|(_, expr)| expr)
        });
        if let Some(expr) = assigned {
            return to.set_expr(&to.model().field(into).name, expr);
        }
        let value = match from {
            Some((record, field)) => record.get(&record.model().field(field).name)?,
            None => Value::Null,
        };
        to.store(into, value);
        Ok(())
    }

    fn changed(&self, object: &Record) -> Result<FieldSet> {
        Ok(object.body().changed.clone())
    }

    fn given(&self, object: &Record) -> Result<FieldSet> {
        Ok(given_of(&object.body()))
    }

    fn expressions(&self, object: &Record) -> Result<Vec<(FieldId, Expr)>> {
        Ok(object.body().expressions.clone())
    }

    fn loaded(&self, object: &Record) -> FieldSet {
        let body = object.body();
        let loaded =
            |(index, value): (usize, &Option<Value>)| value.is_some().then_some(FieldId(index as u16));
        body.fields.iter().enumerate().filter_map(loaded).collect()
    }

    fn state(&self, object: &Record) -> State {
        object.state()
    }

    fn home(&self, object: &Record) -> HomeId {
        object.body().home
    }

    fn settle(&self, object: &Record, state: State, home: HomeId) {
        let reports_to = self.homes.lock().unwrap_or_else(PoisonError::into_inner).get(&home).cloned();
        let mut body = object.body();
        body.state = state;
        body.home = home;
        body.reports_to = reports_to;
    }

    fn snapshot(&self, object: &Record) -> RecordSnapshot {
        RecordSnapshot(object.body().clone())
    }

    fn revert(&self, object: &Record, snapshot: RecordSnapshot) {
        let old = std::mem::replace(&mut *object.body(), snapshot.0);
        drop(old);
    }

    fn undo(&self, object: &Record) {
        let mut dropped = Vec::new();
        let mut body = object.body();
        let body = &mut *body;
        for (field, original) in body.originals.drain(..) {
            body.fields[field.index()] = original;
        }
        body.changed = FieldSet::new();
        body.expressions.clear();
        for related in body.relations.iter_mut().filter(|related| related.changed) {
            related.changed = false;
            dropped.append(&mut related.members);
            related.members = std::mem::take(&mut related.original);
            dropped.append(&mut related.passing);
        }
    }

    fn clean(&self, object: &Record) {
        let mut dropped = Vec::new();
        let mut body = object.body();
        let body = &mut *body;
        if body.is_new() {
            for (index, value) in body.fields.iter_mut().enumerate() {
                let field = &object.model().fields()[index];
                let is_computed = body.expressions.iter().any(|(field, _)| field.index() == index);
                let is_left = !is_computed && field.property.is_none();
                if value.is_none() && is_left && !field.filled_by_database() {
                    *value = Some(Value::Null);
                }
            }
        }
        body.changed = FieldSet::new();
        body.expressions.clear();
        body.originals.clear();
        for related in &mut body.relations {
            related.changed = false;
            dropped.append(&mut related.original);
            dropped.append(&mut related.passing);
        }
    }

    fn unload(&self, object: &Record, fields: &FieldSet) {
        let mut body = object.body();
        for field in fields.iter() {
            body.fields[field.index()] = None;
            body.changed.remove(field);
            body.originals.retain(|(other, _)| *other != field);
            body.expressions.retain(|(other, _)| *other != field);
        }
    }

    fn unload_relation(&self, object: &Record, relation: RelationId) {
        let gone = std::mem::take(&mut object.body().relations[relation.index()]);
        drop(gone);
    }

    fn attach_one(&self, object: &Record, relation: RelationId, target: Option<&Record>) -> Result<()> {
        self.attach_many(object, relation, &mut target.into_iter().cloned())
    }

    fn attach_many(
        &self,
        object: &Record,
        relation: RelationId,
        targets: &mut dyn ExactSizeIterator<Item = Record>,
    ) -> Result<()> {
        let members: Vec<Record> = targets.collect();
        let mut body = object.body();
        let related = &mut body.relations[relation.index()];
        related.loaded = true;
        let old = std::mem::replace(&mut related.members, members);
        drop(body);
        drop(old);
        Ok(())
    }

    fn attach_nothing(&self, object: &Record, relation: RelationId) -> Result<()> {
        let mut body = object.body();
        let related = &mut body.relations[relation.index()];
        related.loaded = true;
        related.read_only = true;
        Ok(())
    }

    fn detach(&self, object: &Record, relation: RelationId, gone: &dyn Fn(ObjectId) -> bool) {
        let mut body = object.body();
        let related = &mut body.relations[relation.index()];
        let members = related.members.extract_if(.., |member| gone(member.address()));
        let mut dropped: Vec<Record> = members.collect();
        dropped.extend(related.original.extract_if(.., |member| gone(member.address())));
        drop(body);
        drop(dropped);
    }

    fn admit(&self, object: &Record, relation: RelationId, member: &Record) -> Result<()> {
        let mut body = object.body();
        let related = &mut body.relations[relation.index()];
        if related.changed && !related.original.contains(member) {
            related.original.push(member.clone());
        }
        if !related.members.contains(member) {
            related.members.push(member.clone());
        }
        Ok(())
    }

    fn join(&self, object: &Record, relation: RelationId, member: &Record) -> Result<()> {
        let many = object.model().relation(relation).many;
        object.edit(relation, |members| {
            if !members.contains(member) {
                members.truncate(if many { usize::MAX } else { 0 });
                members.push(member.clone());
            }
        });
        Ok(())
    }

    fn leave(&self, object: &Record, relation: RelationId, member: &Record) -> Result<()> {
        object.edit(relation, |members| members.retain(|other| other != member));
        Ok(())
    }

    fn is_attached(&self, object: &Record, relation: RelationId) -> bool {
        object.body().relations[relation.index()].loaded
    }

    fn relation_changed(&self, object: &Record, relation: RelationId) -> bool {
        object.body().relations[relation.index()].changed
    }

    fn related(
        &self,
        object: &Record,
        relation: RelationId,
        visit: &mut dyn FnMut(&Record) -> Result<()>,
    ) -> Result<()> {
        let members = object.body().relations[relation.index()].members.clone();
        members.iter().try_for_each(visit)
    }

    fn added(
        &self,
        object: &Record,
        relation: RelationId,
        visit: &mut dyn FnMut(&Record) -> Result<()>,
    ) -> Result<()> {
        let added = gained(&object.body().relations[relation.index()]);
        added.iter().try_for_each(visit)
    }

    fn removed(
        &self,
        object: &Record,
        relation: RelationId,
        visit: &mut dyn FnMut(&Record) -> Result<()>,
    ) -> Result<()> {
        let (mut removed, passed) = {
            let related = &object.body().relations[relation.index()];
            (lost(related), passed(related))
        };
        removed.extend(passed.into_iter().filter(|member| member.state() == State::Pending));
        removed.iter().try_for_each(visit)
    }
}
