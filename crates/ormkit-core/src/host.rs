//! What the ORM asks of an object in the caller's language.
//!
//! One implementation per binding. Core decides identity, order, cascades and loading; a host stores attributes and
//! turns [`ValueRef`]s into its own values and back.

use std::sync::Arc;

use crate::driver::Row;
use crate::error::Result;
use crate::model::{FieldId, FieldSet, Model, ModelId, RelationId};
use crate::query::{Expr, Shape};
use crate::runtime::BoxFuture;
use crate::session::{Attributes, Link};
use crate::value::{Value, ValueRef};

/// An object's address: stable while the object is held, and different for two objects held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub usize);

/// Where an object stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Made by the program, known to no session.
    Transient,
    /// Given to `add`, not yet written.
    Pending,
    /// A row stands behind it.
    Persistent,
    /// Its row was deleted in this transaction.
    Deleted,
    /// Persistent once, and of no session any more.
    Detached,
}

/// Which attributes a row's cells are stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Those that are not loaded: a query never overwrites an unsaved change.
    Missing,
    /// Those that the program has not changed.
    Unchanged,
    /// All; their changes are given up.
    All,
}

/// A session, as objects know it: where they report their first change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HomeId(pub u32);

impl HomeId {
    /// No session.
    pub const NONE: Self = Self(0);
}

/// When a host hears of objects that a session writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// An INSERT is going to be made of the object's values.
    BeforeInsert,
    /// The row is there, and what the database has filled in is known.
    AfterInsert,
    /// An UPDATE is going to be made of the changes; there may be none but of relations.
    BeforeUpdate,
    /// The row is written.
    AfterUpdate,
    /// The row is going to be deleted.
    BeforeDelete,
    /// The row is gone.
    AfterDelete,
}

/// The objects of one language.
///
/// An implementation MUST NOT hold a lock on an object while it calls `sink` or `visit`.
pub trait Host: Send + Sync + 'static {
    /// A strong handle. Dropping it may run code of the host language.
    type Object: Send + Sync + 'static;
    /// A handle that does not keep its object alive.
    type Weak: Send + 'static;
    /// Where the values of a row go: per class and column list, made once per plan, so that no row looks anything up.
    type Layout: Send + Sync + 'static;
    /// A plain value of the language: a column of a row that is not an object.
    type Value: Send + 'static;

    /// Who runs now, such as the name of a task: the pool names it while the transaction that begins has a connection.
    fn caller(&self) -> Option<Arc<str>> {
        None
    }

    /// True where it wants to hear of writes of a model's objects. Asked for each object that is written.
    fn hears(&self, model: ModelId) -> bool {
        let _ = model;
        false
    }

    /// Hears of objects of one model that are written, in the order of writing; it may change columns of them before, and
    /// run statements by `link`, whose transaction is the flush's. MUST answer the link as it was: without it the
    /// transaction waits for its rollback. An error makes the write fail.
    ///
    /// # Cancelling
    /// The link that is dropped with the future is rolled back.
    fn hear<'a>(
        &'a self,
        moment: Moment,
        objects: &'a [Self::Object],
        link: Link,
    ) -> BoxFuture<'a, (Option<Link>, Result<()>)> {
        let _ = (moment, objects);
        Box::pin(async move { (Some(link), Ok(())) })
    }

    /// True where it wants to hear of objects whose attributes are read again or unloaded. Asked for each of them.
    fn hears_reading(&self) -> bool {
        false
    }

    /// Hears that columns of an object that was there before were filled from its row.
    fn refreshed(&self, object: &Self::Object, fields: &FieldSet) {
        let _ = (object, fields);
    }

    /// Hears that attributes of an object were unloaded because the program has asked for it.
    fn expired(&self, object: &Self::Object, attributes: Attributes<'_>) {
        let _ = (object, attributes);
    }

    /// The layout for rows whose cells `from`, `from + 1` … hold `fields` of `model`.
    fn layout(&self, model: &Model, fields: &[FieldId], from: usize) -> Result<Self::Layout>;

    /// A bare persistent object: the constructor does not run and every attribute is unloaded.
    fn create(&self, layout: &Self::Layout) -> Result<Self::Object>;

    /// A new object without values: transient, its lists known and empty. The constructor does not run.
    fn blank(&self, model: &Model) -> Result<Self::Object>;

    /// Stores the cells of `row`. Marks nothing as changed.
    fn fill(&self, object: &Self::Object, layout: &Self::Layout, row: &Row<'_>, fill: Fill) -> Result<()>;

    /// A cell of a row that is not an object.
    fn value(&self, shape: &Shape, cell: ValueRef<'_>) -> Result<Self::Value>;

    /// The object's model.
    fn model(&self, object: &Self::Object) -> ModelId;

    /// The object's address.
    fn id(&self, object: &Self::Object) -> ObjectId;

    /// Another strong handle.
    fn retain(&self, object: &Self::Object) -> Self::Object;

    /// A weak handle.
    fn downgrade(&self, object: &Self::Object) -> Self::Weak;

    /// True where the program may have a value of the object that it can change in place, and not the object.
    fn shares_values(&self, _object: &Self::Object) -> bool {
        false
    }

    /// The object, unless it is gone.
    fn upgrade(&self, weak: &Self::Weak) -> Option<Self::Object>;

    /// Shows an attribute's value to `sink`, checked against the column's type and range.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::error::ErrorKind::Data) naming `Model.attr`; an unloaded attribute is
    /// [`ErrorKind::NotLoaded`](crate::error::ErrorKind::NotLoaded).
    fn read(
        &self,
        object: &Self::Object,
        field: FieldId,
        sink: &mut dyn FnMut(ValueRef<'_>) -> Result<()>,
    ) -> Result<()>;

    /// The same of the value before its first change since it was loaded or written: what its row holds.
    fn read_stored(
        &self,
        object: &Self::Object,
        field: FieldId,
        sink: &mut dyn FnMut(ValueRef<'_>) -> Result<()>,
    ) -> Result<()>;

    /// Stores `from`'s `field` in `to`'s `into` as if it had been read from the row; the objects may be one.
    fn carry(&self, from: (&Self::Object, FieldId), to: &Self::Object, into: FieldId) -> Result<()>;

    /// Stores `from`'s `field` in `to`'s `into` and marks it changed; the objects may be one. `None` stores NULL.
    fn copy(&self, from: Option<(&Self::Object, FieldId)>, to: &Self::Object, into: FieldId) -> Result<()>;

    /// Makes a new value for a field that is [renewed by the host](crate::model::OnUpdate::Client) and sets it, as the
    /// program would.
    ///
    /// # Errors
    /// `Unsupported`, unless the host declares such fields.
    fn renew(&self, object: &Self::Object, field: FieldId) -> Result<()> {
        let _ = (object, field);
        Err(crate::error::Error::unsupported(
            "a value that the host renews",
            "give the column an SQL expression",
        ))
    }

    /// Makes a new value for such a field of rows that are written without their objects: one value for all of them. Of a
    /// version it is one that a new row would get.
    ///
    /// # Errors
    /// `Unsupported`, unless the host declares such fields.
    fn renewed(&self, model: &Model, field: FieldId) -> Result<Value> {
        let _ = (model, field);
        Err(crate::error::Error::unsupported(
            "a value that the host renews",
            "give the column an SQL expression",
        ))
    }

    /// Fields that were set since the object was read or made. Values that are changed in place (JSON, lists) count.
    fn changed(&self, object: &Self::Object) -> Result<FieldSet>;

    /// Fields of a new object that have a value or were set to NULL on purpose: what INSERT writes.
    fn given(&self, object: &Self::Object) -> Result<FieldSet>;

    /// Fields that were set to SQL expressions since the object was read or made: they count as
    /// [`changed`](Self::changed), and have no value until the row is written. The statement that writes the object sets
    /// them, and answers their values.
    ///
    /// # Errors
    /// The host's own: an expression that does not fit the model.
    fn expressions(&self, object: &Self::Object) -> Result<Vec<(FieldId, Expr)>> {
        let _ = object;
        Ok(Vec::new())
    }

    /// Fields that are loaded.
    fn loaded(&self, object: &Self::Object) -> FieldSet;

    /// Where the object stands.
    fn state(&self, object: &Self::Object) -> State;

    /// The session the object belongs to.
    fn home(&self, object: &Self::Object) -> HomeId;

    /// Moves the object to `state` in `home`. Its changes stay marked.
    fn settle(&self, object: &Self::Object, state: State, home: HomeId);

    /// The same, for an object whose state a [`revert`](Self::revert) has just put back: it was `from` before.
    fn settle_undone(&self, object: &Self::Object, from: State, state: State, home: HomeId) {
        let _ = from;
        self.settle(object, state, home);
    }

    /// What an object was.
    type Snapshot: Send + 'static;

    /// Keeps a copy of the object's attributes, relations, marks, originals and state, to be given back by
    /// [`revert`](Self::revert): taken before a transaction writes the object.
    fn snapshot(&self, object: &Self::Object) -> Self::Snapshot;

    /// Makes the object what it was, marks included.
    fn revert(&self, object: &Self::Object, snapshot: Self::Snapshot);

    /// Gives changed attributes and relations their original values back and clears the marks.
    fn undo(&self, object: &Self::Object);

    /// Forgets which fields and relations were changed: they are written. Fields that INSERT did not write and the
    /// database does not fill read as NULL.
    fn clean(&self, object: &Self::Object);

    /// Makes fields unloaded: reading them raises until they are loaded again.
    fn unload(&self, object: &Self::Object, fields: &FieldSet);

    /// Makes a relation unloaded; its changes are given up.
    fn unload_relation(&self, object: &Self::Object, relation: RelationId);

    /// Sets a relation to one object as loaded.
    fn attach_one(
        &self,
        object: &Self::Object,
        relation: RelationId,
        target: Option<&Self::Object>,
    ) -> Result<()>;

    /// Sets a relation to many objects as loaded.
    fn attach_many(
        &self,
        object: &Self::Object,
        relation: RelationId,
        targets: &mut dyn ExactSizeIterator<Item = Self::Object>,
    ) -> Result<()>;

    /// Sets objects beside the relations of an object, under a name of its own: a list, or without `many` at most one. It is
    /// never written.
    ///
    /// # Errors
    /// `Unsupported` of a host whose objects have no place for it.
    fn attach_aside(
        &self,
        _object: &Self::Object,
        name: &str,
        _many: bool,
        _targets: &mut dyn ExactSizeIterator<Item = Self::Object>,
    ) -> Result<()> {
        Err(crate::error::Error::unsupported(
            format!("a load to `{name}`, beside the relation"),
            "read it from the relation itself",
        ))
    }

    /// Sets a relation as explicitly empty and read-only (`noload`): it is never written.
    fn attach_nothing(&self, object: &Self::Object, relation: RelationId) -> Result<()>;

    /// Takes objects that are gone out of a loaded relation, as if it had been loaded without them.
    fn detach(&self, object: &Self::Object, relation: RelationId, gone: &dyn Fn(ObjectId) -> bool);

    /// Takes a member into a loaded list as if it had been loaded with it: it is written. Other changes stay what they are.
    fn admit(&self, object: &Self::Object, relation: RelationId, member: &Self::Object) -> Result<()>;

    /// Takes a member into a loaded relation as the program would: it is a change to be written. One that is there stays
    /// as it is.
    fn join(&self, object: &Self::Object, relation: RelationId, member: &Self::Object) -> Result<()>;

    /// Takes a member out of a loaded relation as the program would.
    fn leave(&self, object: &Self::Object, relation: RelationId, member: &Self::Object) -> Result<()>;

    /// True when the relation is loaded.
    fn is_attached(&self, object: &Self::Object, relation: RelationId) -> bool;

    /// True when the program changed the relation since it was loaded or written.
    fn relation_changed(&self, object: &Self::Object, relation: RelationId) -> bool;

    /// Shows the loaded objects of a relation to `visit`: none when it is unloaded or marked `noload`.
    fn related(
        &self,
        object: &Self::Object,
        relation: RelationId,
        visit: &mut dyn FnMut(&Self::Object) -> Result<()>,
    ) -> Result<()>;

    /// Shows the objects that came into a relation since it was loaded or written.
    fn added(
        &self,
        object: &Self::Object,
        relation: RelationId,
        visit: &mut dyn FnMut(&Self::Object) -> Result<()>,
    ) -> Result<()>;

    /// Shows the objects that were taken out of a relation since it was loaded or written.
    fn removed(
        &self,
        object: &Self::Object,
        relation: RelationId,
        visit: &mut dyn FnMut(&Self::Object) -> Result<()>,
    ) -> Result<()>;
}
