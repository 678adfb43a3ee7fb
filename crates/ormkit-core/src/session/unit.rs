//! The unit of work: what the session's objects want written.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::home::Home;
use super::identity::{Identity, Key};
use super::journal::{Journal, Mark};
use super::undone::drop_strays;
use crate::error::{Error, ErrorKind, Result};
use crate::host::{Host, ObjectId, State};
use crate::model::{FieldId, Model, ModelId, RelationId, Schema};
use crate::value::Value;

/// Objects in the order in which they came.
pub(super) type Objects<H> = IndexMap<ObjectId, <H as Host>::Object, FxBuildHasher>;

/// New, changed and deleted objects, and what the transaction has written. All of them strong.
pub(super) struct Unit<H: Host> {
    pub(super) identity: Identity<H>,
    pub(super) home: Arc<Home<H>>,
    pub(super) new: Objects<H>,
    pub(super) changed: Objects<H>,
    pub(super) deleted: Objects<H>,
    pub(super) journal: Journal<H>,
    watched: Watched<H>,
    /// Objects that a rollback has made transient and that were not added again. An address may be another object's by
    /// now, which does no harm.
    undone: FxHashSet<ObjectId>,
    /// Objects that were let go by name: cascades leave them alone.
    expunged: FxHashMap<ObjectId, H::Weak>,
    /// Objects that were expired and not seen complete since: a get reads their rows.
    pub(super) expired: FxHashMap<ObjectId, H::Weak>,
    /// Lists of which a query has loaded a part, for whatever object; of a family by its first class.
    pub(super) partial: FxHashSet<(ModelId, RelationId)>,
}

/// Objects that may change without a word. Strong until the next flush, for nobody else may hold them; weak afterwards,
/// for whoever still has the value holds the object as a rule.
struct Watched<H: Host> {
    strong: Objects<H>,
    weak: Vec<H::Weak>,
}

impl<H: Host> Unit<H> {
    pub(super) fn new(schema: &Schema) -> Self {
        Self {
            identity: Identity::new(schema),
            home: Home::new(),
            new: Objects::<H>::default(),
            changed: Objects::<H>::default(),
            deleted: Objects::<H>::default(),
            journal: Journal::new(),
            watched: Watched { strong: Objects::<H>::default(), weak: Vec::new() },
            undone: FxHashSet::default(),
            expunged: FxHashMap::default(),
            expired: FxHashMap::default(),
            partial: FxHashSet::default(),
        }
    }

    /// Takes in the objects that have reported a change.
    pub(super) fn collect(&mut self, host: &H) {
        if let Some(mail) = self.home.take() {
            for object in mail.changed {
                self.take_changed(host, object);
            }
            for object in mail.watched {
                self.watched.strong.entry(host.id(&object)).or_insert(object);
            }
        }
        if self.watched.strong.is_empty() && self.watched.weak.is_empty() {
            return;
        }
        // A value that cannot be compared is a change: writing it says what is wrong with it.
        let is_changed = |object: &H::Object| host.changed(object).map_or(true, |fields| !fields.is_empty());
        let mut changed: Vec<H::Object> = self
            .watched
            .strong
            .extract_if(.., |_, object| is_changed(object))
            .map(|(_, object)| object)
            .collect();
        self.watched.weak.retain(|weak| match host.upgrade(weak) {
            Some(object) if is_changed(&object) => {
                changed.push(object);
                false
            }
            found => found.is_some(),
        });
        for object in changed {
            self.take_changed(host, object);
        }
    }

    fn take_changed(&mut self, host: &H, object: H::Object) {
        if host.state(&object) == State::Persistent && host.home(&object) == self.home.id() {
            self.changed.entry(host.id(&object)).or_insert(object);
        }
    }

    /// Everything is written: what was watched is held no longer, unless the program still has a value of it.
    pub(super) fn fade(&mut self, host: &H) {
        let strong = &mut self.watched.strong;
        let faded = strong.extract_if(.., |_, object| !host.shares_values(object));
        self.watched.weak.extend(faded.map(|(_, object)| host.downgrade(&object)));
    }

    /// True when no object is known here.
    pub(super) fn is_empty(&self) -> bool {
        self.identity.is_empty()
            && self.new.is_empty()
            && self.changed.is_empty()
            && self.deleted.is_empty()
            && self.journal.is_empty()
    }

    /// False when a flush would certainly write nothing.
    pub(super) fn may_write(&self) -> bool {
        !(self.new.is_empty()
            && self.changed.is_empty()
            && self.deleted.is_empty()
            && self.watched.strong.is_empty()
            && self.watched.weak.is_empty()
            && self.home.is_empty())
    }

    /// True when a flush has something to write.
    ///
    /// # Errors
    /// A value that was changed in place cannot be read.
    pub(super) fn is_pending(&self, host: &H, schema: &Schema) -> Result<bool> {
        Ok(!self.new.is_empty() || !self.deleted.is_empty() || !self.dirty(host, schema)?.is_empty())
    }

    /// Stored objects that differ from their rows. Others are held as well: those whose changes were taken back, and
    /// those with a value that may be changed in place.
    ///
    /// # Errors
    /// A value that was changed in place cannot be read.
    pub(super) fn dirty(&self, host: &H, schema: &Schema) -> Result<Vec<H::Object>> {
        let mut dirty = Vec::new();
        for object in self.changed.values() {
            if is_dirty(host, model_of(host, schema, object), object)? {
                dirty.push(host.retain(object));
            }
        }
        Ok(dirty)
    }

    /// Takes an object in: a transient one will be inserted, a detached one is persistent again, one that was marked
    /// for deletion is not any more.
    pub(super) fn add(&mut self, host: &H, schema: &Schema, object: &H::Object) -> Result<()> {
        model_of(host, schema, object).check()?;
        let id = host.id(object);
        self.expunged.remove(&id);
        match host.state(object) {
            State::Transient => {
                host.settle(object, State::Pending, self.home.id());
                self.new.entry(id).or_insert_with(|| host.retain(object));
                if self.undone.remove(&id) {
                    self.rejoin(host, schema, object)?;
                }
            }
            _ if host.home(object) == self.home.id() => {
                self.deleted.shift_remove(&id);
            }
            State::Detached => self.come_back(host, schema, object)?,
            State::Deleted => return Err(deleted(schema.model(host.model(object)))),
            _ => return Err(foreign(schema.model(host.model(object)))),
        }
        Ok(())
    }

    /// Makes sure that an object has a row to be updated, or will have one; a detached one is persistent again.
    pub(super) fn revise(&mut self, host: &H, schema: &Schema, object: &H::Object) -> Result<()> {
        let model = schema.model(host.model(object));
        match host.state(object) {
            State::Transient => Err(Error::invalid_request(format!(
                "this {} was never stored: there is no row to update, insert it",
                model.name()
            ))),
            State::Deleted => Err(deleted(model)),
            State::Detached => self.add(host, schema, object),
            _ if host.home(object) == self.home.id() => Ok(()),
            _ => Err(foreign(model)),
        }
    }

    /// Marks an object for deletion.
    pub(super) fn delete(&mut self, host: &H, schema: &Schema, object: &H::Object) -> Result<()> {
        let model = schema.model(host.model(object));
        match host.state(object) {
            State::Persistent if host.home(object) == self.home.id() => {
                self.deleted.entry(host.id(object)).or_insert_with(|| host.retain(object));
                Ok(())
            }
            State::Detached => {
                self.add(host, schema, object)?;
                self.delete(host, schema, object)
            }
            State::Pending if host.home(object) == self.home.id() => Err(unwritten(model)),
            State::Transient => Err(Error::invalid_request(format!(
                "this {} was never stored: there is no row to delete",
                model.name()
            ))),
            State::Deleted => Ok(()),
            _ => Err(foreign(model)),
        }
    }

    /// Lets an object go: it is transient or detached afterwards.
    pub(super) fn expunge(&mut self, host: &H, schema: &Schema, object: &H::Object) -> Result<()> {
        let id = host.id(object);
        if host.home(object) != self.home.id() {
            return Err(foreign(schema.model(host.model(object))));
        }
        self.collect(host);
        self.changed.shift_remove(&id);
        self.deleted.shift_remove(&id);
        if self.new.shift_remove(&id).is_some() {
            host.settle(object, State::Transient, crate::host::HomeId::NONE);
        } else {
            let model = schema.model(host.model(object));
            let key = stored_key_of(host, model, object)?;
            self.identity.remove(host, model.id, &key, object)?;
            host.settle(object, State::Detached, crate::host::HomeId::NONE);
        }
        Ok(())
    }

    /// Undoes in memory what the journal holds from `start` on, and every change that was not written.
    pub(super) fn undo_from(&mut self, host: &H, schema: &Schema, start: Mark) -> Result<()> {
        self.collect(host);
        let memberships = self.memberships(host, schema, start);
        let mut owners = self.journal.objects_from(host, start);
        owners.extend(self.changed.values().map(|object| host.retain(object)));
        let (links, deleted) = (self.journal.take_links(start), self.journal.deleted_from(host, start));
        for (id, object) in std::mem::take(&mut self.new) {
            host.settle(&object, State::Transient, crate::host::HomeId::NONE);
            self.undone.insert(id);
        }
        for (_, object) in std::mem::take(&mut self.changed) {
            host.undo(&object);
        }
        self.deleted.clear();
        let undone = self.journal.undo_from(start, host, &mut self.identity, self.home.id())?;
        self.undone.extend(undone);
        drop_strays(host, schema, &memberships, &owners)?;
        self.put_right(host, schema, memberships)?;
        self.relink(host, schema, links)?;
        self.readmit(host, schema, &deleted)
    }

    /// The transaction is kept: what it deleted stays deleted.
    pub(super) fn keep(&mut self) {
        self.journal.keep();
    }

    /// Lets all objects go. What was on its way to the database is detached: whether it is stored is not known.
    pub(super) fn clear(&mut self, host: &H) {
        self.collect(host);
        for (_, object) in std::mem::take(&mut self.new) {
            host.settle(&object, State::Transient, crate::host::HomeId::NONE);
        }
        for object in self.journal.take_unfinished(host) {
            host.settle(&object, State::Detached, crate::host::HomeId::NONE);
        }
        for object in self.identity.drain(host) {
            host.settle(&object, State::Detached, crate::host::HomeId::NONE);
        }
        self.changed.clear();
        self.deleted.clear();
        self.watched.strong.clear();
        self.watched.weak.clear();
        self.undone.clear();
        self.expunged.clear();
        self.expired.clear();
    }

    /// Lets an object go by name: cascades leave it alone until it is added again.
    pub(super) fn keep_out(&mut self, host: &H, schema: &Schema, object: &H::Object) -> Result<()> {
        self.expunge(host, schema, object)?;
        self.expunged.insert(host.id(object), host.downgrade(object));
        Ok(())
    }

    /// True for an object that was let go by name.
    pub(super) fn was_expunged(&self, host: &H, id: ObjectId) -> bool {
        self.expunged.get(&id).is_some_and(|weak| host.upgrade(weak).is_some())
    }
}

/// True when a column or a relation of an object was changed and not written.
pub(super) fn is_dirty<H: Host>(host: &H, model: &Model, object: &H::Object) -> Result<bool> {
    let related = || model.relations.iter().any(|relation| host.relation_changed(object, relation.id));
    Ok(!host.changed(object)?.is_empty() || related())
}

fn deleted(model: &Model) -> Error {
    Error::invalid_request(format!("this {} was deleted: insert a new object", model.name()))
}

pub(super) fn unwritten(model: &Model) -> Error {
    Error::invalid_request(format!("this {} is not written yet: expunge it, or flush first", model.name()))
}

fn foreign(model: &Model) -> Error {
    Error::invalid_request(format!(
        "this {} belongs to another session: expunge it there first",
        model.name()
    ))
}

/// The values of some fields of an object.
pub(crate) fn values_of<H: Host>(
    host: &H,
    model: &Model,
    object: &H::Object,
    fields: &[FieldId],
) -> Result<Key> {
    let mut key = Key::new();
    for field in fields {
        host.read(object, *field, &mut |value| {
            key.push(Value::from(value));
            Ok(())
        })
        .map_err(|error| error.at(|| model.place(*field)))?;
    }
    Ok(key)
}

/// The primary key of an object.
pub(crate) fn key_of<H: Host>(host: &H, model: &Model, object: &H::Object) -> Result<Key> {
    values_of(host, model, object, &model.key)
}

/// The primary key that an object's row has, whatever the program has set since.
pub(crate) fn stored_key_of<H: Host>(host: &H, model: &Model, object: &H::Object) -> Result<Key> {
    stored_fields_of(host, model, object, &model.key)
}

/// The values that some fields of an object's row have, whatever the program has set since.
pub(crate) fn stored_fields_of<H: Host>(
    host: &H,
    model: &Model,
    object: &H::Object,
    fields: &[FieldId],
) -> Result<Key> {
    let mut key = Key::new();
    for field in fields {
        host.read_stored(object, *field, &mut |value| {
            key.push(Value::from(value));
            Ok(())
        })
        .map_err(|error| error.at(|| model.place(*field)))?;
    }
    Ok(key)
}

/// The error of a NOT NULL column without a value.
pub(super) fn missing(model: &Model, field: FieldId) -> Error {
    Error::new(ErrorKind::MissingValue {
        place: model.place(field),
        table: model.table().name.clone(),
        column: model.field(field).column.clone(),
    })
}

/// A model by its number.
pub(super) fn model_of<'a, H: Host>(host: &H, schema: &'a Schema, object: &H::Object) -> &'a Arc<Model> {
    let id: ModelId = host.model(object);
    schema.model(id)
}
