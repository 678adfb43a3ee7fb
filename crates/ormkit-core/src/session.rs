//! The session: identity map, unit of work and transaction of one task.
//!
//! Verbs act, the unit of work waits: [`Session::insert`] and its like write at once, objects given to
//! [`Session::add`] and changed attributes are written by [`Session::flush`]. All methods take `&mut self`, so Rust
//! callers get exclusion from the borrow checker; bindings share a session through [`Shared`].
//!
//! Three disjoint parts, so that a sink can borrow two while the third awaits: the host, the link (pool and
//! transaction) and the unit (identity, new, changed, deleted, journal).
//!
//! # Cancelling
//! Dropping a future is safe at any point. Outside a transaction the session is as it was; inside one it is broken until
//! [`Session::rollback`], and a retry writes each object once.

mod alone;
mod cascade;
mod common;
mod delete;
mod departure;
mod expire;
mod expressions;
mod flush;
mod gather;
mod group;
mod guest;
mod home;
pub(crate) mod identity;
mod journal;
mod junction;
mod levels;
mod link;
mod listener;
mod load;
pub(crate) mod mark;
mod merge;
mod order;
mod owned;
mod precede;
pub(crate) mod read;
mod refresh;
mod rekey;
mod renewal;
mod set_verb;
mod shared;
pub(crate) mod stale;
mod stream;
mod tell;
#[cfg(test)]
mod tests;
mod undone;
pub(crate) mod unit;
mod upsert;
mod verb;
mod written;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub use self::expire::Attributes;
pub use self::guest::{BorrowedLink, LendLink, guests};
pub use self::home::Home;
pub use self::identity::{Key, KeyCells};
pub use self::link::{Course, Link, Pieces};
pub use self::listener::SessionListener;
pub use self::read::Rows;
pub use self::refresh::Refresh;
pub use self::set_verb::Written;
pub use self::shared::{Lease, Shared};
pub use self::stream::Stream;
pub use self::upsert::Upsert;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use self::gather::{Scope, related};
use self::journal::Mark;
use self::stream::OpenStreams;
use self::unit::Unit;
use crate::error::{Error, Result};
use crate::host::{Host, ObjectId, State};
use crate::model::{Cascade, ModelId, Relation, Schema};
use crate::plan::Plans;
use crate::pool::Pool;
use crate::sql::TransactionMode;

/// Children, and the parents that they refer to.
pub(crate) type Moved<H> = IndexMap<ObjectId, (<H as Host>::Object, Option<ObjectId>), FxBuildHasher>;

/// What can be chosen of a session.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Queries flush first, so that they see what the program has changed.
    pub autoflush: bool,
    /// Of transactions that say nothing else. With an isolation level every statement opens a transaction, and a
    /// read-only session writes nothing.
    pub mode: TransactionMode,
}

impl Default for SessionOptions {
    /// `autoflush`, and the database's own mode.
    fn default() -> Self {
        Self { autoflush: true, mode: TransactionMode::default() }
    }
}

/// Objects, their changes, and one transaction at most.
pub struct Session<H: Host> {
    host: H,
    link: Link,
    unit: Unit<H>,
    schema: Arc<Schema>,
    plans: Arc<Plans>,
    options: SessionOptions,
    /// How many blocks without autoflush are open.
    pauses: Arc<AtomicU32>,
    listener: Option<Arc<dyn SessionListener>>,
    streams: OpenStreams,
}

impl<H: Host> Session<H> {
    /// A session without connection: it takes one when it needs one. `plans` are those of the pool's dialect.
    pub fn new(host: H, pool: Pool, schema: Arc<Schema>, plans: Arc<Plans>, options: SessionOptions) -> Self {
        let mut link = Link::new(pool);
        link.set_default_mode(options.mode);
        Self {
            host,
            link,
            unit: Unit::new(&schema),
            schema,
            plans,
            options,
            pauses: Arc::default(),
            listener: None,
            streams: OpenStreams::default(),
        }
    }

    /// The host of its objects.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// How its database spells SQL.
    pub fn dialect(&self) -> &'static crate::sql::Dialect {
        self.plans.dialect()
    }

    /// Its transaction.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Its transaction, for statements that the unit of work knows nothing of. They may write anything: a rollback makes
    /// objects unloaded. To begin and to end it, or its savepoints, is the session's affair.
    pub fn link_mut(&mut self) -> &mut Link {
        self.unit.journal.wrote(None);
        &mut self.link
    }

    /// The models it knows.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Takes in models that were declared since.
    ///
    /// # Panics
    /// When `schema` is an earlier one: numbers would lose their meaning.
    pub fn set_schema(&mut self, schema: Arc<Schema>) {
        assert!(schema.models().len() >= self.schema.models().len(), "schemas of one registry only grow");
        self.unit.identity.set_schema(&schema);
        self.schema = schema;
    }

    /// Where its objects report their first change.
    pub fn home(&self) -> &Arc<Home<H>> {
        &self.unit.home
    }

    /// Blocks in which queries do not flush first: a count of those that are open, which bindings keep.
    pub fn pauses(&self) -> &Arc<AtomicU32> {
        &self.pauses
    }

    /// True where queries flush first now.
    pub(crate) fn autoflushes(&self) -> bool {
        self.options.autoflush && self.pauses.load(Ordering::Relaxed) == 0
    }

    /// True between BEGIN and its end, also when BEGIN is not sent yet and when the transaction has failed.
    pub fn in_transaction(&self) -> bool {
        self.link.in_transaction()
    }

    /// Takes an object in: it is written by the next flush. A detached one brings the detached objects along that its
    /// cascades reach; new ones are taken along by the flush, or by whoever asks for them before.
    ///
    /// # Errors
    /// The object belongs to another session, or the session holds another object of its key.
    pub fn add(&mut self, object: &H::Object) -> Result<()> {
        self.unit.add(&self.host, &self.schema, object)
    }

    /// Marks an object for deletion by the next flush.
    ///
    /// # Errors
    /// The object has no row, or belongs to another session.
    pub fn delete(&mut self, object: &H::Object) -> Result<()> {
        if self.reaches(object)? {
            return Err(unit::unwritten(self.schema.model(self.host.model(object))));
        }
        self.unit.delete(&self.host, &self.schema, object)
    }

    /// Lets an object go; its unsaved changes stay with it and are not written. Cascades do not bring it back, `add` does: a
    /// flush refuses relations of the session's objects that hold it and were changed.
    ///
    /// # Errors
    /// The object is of another session, or of none: one that only a relation takes along leaves with that relation.
    pub fn expunge(&mut self, object: &H::Object) -> Result<()> {
        if self.reaches(object)? {
            return Err(Error::invalid_request(format!(
                "this {} was not added itself: an object of the session refers to it, take it out of that relation",
                self.schema.model(self.host.model(object)).name()
            )));
        }
        let mut gone = self.follow(object, |cascade| cascade.expunge)?;
        gone.retain(|other| self.host.home(other) == self.unit.home.id());
        self.unit.keep_out(&self.host, &self.schema, object)?;
        let id = self.host.id(object);
        let others = gone.iter().filter(|other| self.host.id(other) != id);
        others.into_iter().try_for_each(|other| self.unit.keep_out(&self.host, &self.schema, other))
    }

    /// An object, and those that a cascade reaches from it through what is loaded.
    fn follow(&self, object: &H::Object, cascades: impl Fn(&Cascade) -> bool) -> Result<Vec<H::Object>> {
        let mut seen = rustc_hash::FxHashSet::from_iter([self.host.id(object)]);
        let mut found = vec![self.host.retain(object)];
        let mut next = 0;
        while next < found.len() {
            let model = Arc::clone(self.schema.model(self.host.model(&found[next])));
            for relation in model.relations.iter().filter(|relation| cascades(&relation.cascade)) {
                let mut relatives = related(&self.host, &found[next], relation)?;
                relatives.retain(|other| seen.insert(self.host.id(other)));
                found.append(&mut relatives);
            }
            next += 1;
        }
        Ok(found)
    }

    /// The stored objects that the session holds, with their models and keys.
    pub fn identity_map(&self) -> Vec<(ModelId, Key, H::Object)> {
        self.unit.identity.all(&self.host)
    }

    /// True for a stored object that differs from its row, as far as the session knows, and for a new one with a value.
    ///
    /// # Errors
    /// A value that was changed in place cannot be read.
    pub fn is_modified(&self, object: &H::Object) -> Result<bool> {
        let is_new = matches!(self.host.state(object), State::Transient | State::Pending);
        let given = is_new && !self.host.given(object)?.is_empty();
        Ok(given || unit::is_dirty(&self.host, self.schema.model(self.host.model(object)), object)?)
    }

    /// The session's object of a key, if it holds one. No IO.
    pub fn held(&self, model: ModelId, key: &(impl KeyCells + ?Sized)) -> Result<Option<H::Object>> {
        let found = self.unit.identity.find(&self.host, model, key)?;
        let schema = &self.schema;
        // The key may be that of an object of another class of its family.
        let is_one = |object: &H::Object| {
            schema.model(model).family.is_none() || schema.model(self.host.model(object)).is_a(model)
        };
        Ok(found.filter(is_one))
    }

    /// True for an object of this session, and for a new one that the next flush reaches.
    ///
    /// # Errors
    /// What the host says when it shows its relations.
    pub fn contains(&mut self, object: &H::Object) -> Result<bool> {
        Ok(self.host.home(object) == self.unit.home.id() || self.reaches(object)?)
    }

    /// True for a transient object that the next flush takes in, since a cascade reaches it.
    fn reaches(&mut self, object: &H::Object) -> Result<bool> {
        if self.host.state(object) != State::Transient {
            return Ok(false);
        }
        self.unit.collect(&self.host);
        let reached = self.unit.reached(&self.host, &self.schema, &mut Scope::All)?;
        Ok(reached.come.iter().any(|other| self.host.id(other) == self.host.id(object)))
    }

    /// New and changed objects of a model whose reference was changed and is not written, with what they refer to now; in
    /// the order in which they came.
    pub(crate) fn moved(&mut self, model: ModelId, back: &Relation) -> Result<Moved<H>> {
        self.unit.collect(&self.host);
        let mut moved = Moved::<H>::default();
        for (id, child) in self.unit.new.iter().chain(&self.unit.changed) {
            if self.schema.model(self.host.model(child)).is_a(model)
                && self.host.relation_changed(child, back.id)
            {
                let to = related(&self.host, child, back)?.pop().map(|parent| self.host.id(&parent));
                moved.insert(*id, (self.host.retain(child), to));
            }
        }
        Ok(moved)
    }

    /// Objects that wait for a flush: new ones, with those that cascades reach, changed and deleted ones.
    ///
    /// # Errors
    /// A value that was changed in place cannot be read.
    pub fn pending(&mut self) -> Result<[Vec<H::Object>; 3]> {
        self.unit.collect(&self.host);
        let reached = self.unit.reached(&self.host, &self.schema, &mut Scope::All)?;
        let all = |objects: &unit::Objects<H>| -> Vec<H::Object> {
            objects.values().map(|object| self.host.retain(object)).collect()
        };
        let mut new = all(&self.unit.new);
        new.retain(|object| !reached.doomed.contains(&self.host.id(object)));
        new.extend(reached.come.into_iter().filter(|object| self.host.state(object) == State::Transient));
        Ok([new, self.unit.dirty(&self.host, &self.schema)?, all(&self.unit.deleted)])
    }

    /// Objects that the open transaction has written, each once, in the order of writing.
    pub fn written(&self) -> Vec<H::Object> {
        self.unit.journal.objects(&self.host)
    }

    /// Tables that set verbs and SQL of the program's own have written in the open transaction, each once; None for SQL,
    /// of which that is not known.
    pub fn written_tables(&self) -> Vec<Option<String>> {
        let named = |model| self.schema.model(model).table().name.clone();
        self.unit.journal.written().into_iter().map(|model| model.map(named)).collect()
    }

    /// Opens a transaction. BEGIN travels with its first statement.
    ///
    /// # Errors
    /// One is open already.
    pub fn begin(&mut self) -> Result<()> {
        self.begin_as(self.options.mode)
    }

    /// The same in another mode than the session's.
    ///
    /// # Errors
    /// As [`begin`](Self::begin); a mode that contradicts itself.
    pub fn begin_as(&mut self, mode: TransactionMode) -> Result<()> {
        self.link.begin_as(mode)?;
        self.link.set_holder(self.host.caller());
        Ok(())
    }

    /// Writes new, changed and deleted objects, and opens a transaction where none is open and something is written.
    ///
    /// # Errors
    /// Whatever the database or a value says; the transaction has failed then, and waits for a rollback.
    ///
    /// # Cancelling
    /// The transaction is broken and takes only [`rollback`](Self::rollback).
    pub async fn flush(&mut self) -> Result<()> {
        self.link.check()?;
        self.unit.collect(&self.host);
        if !self.unit.is_pending(&self.host, &self.schema)? {
            self.unit.fade(&self.host);
            return Ok(());
        }
        let opened = !self.link.in_transaction();
        if opened {
            self.begin()?;
        }
        let written = Box::pin(self.write(&mut Scope::All)).await;
        match &written {
            Ok(()) => {
                self.unit.fade(&self.host);
                // A mark without a change: what a verb wrote from the other side of a relation.
                if opened && self.link.withdraw() {
                    self.unit.keep();
                }
            }
            Err(error) => self.link.fail(error),
        }
        written
    }

    /// Flushes and commits. Without a transaction and without changes nothing is sent.
    ///
    /// # Errors
    /// Those of a flush; a COMMIT that the server answers with ROLLBACK; an unknown outcome when the connection is lost
    /// during COMMIT. All of them wait for a rollback.
    ///
    /// # Cancelling
    /// During COMMIT its outcome is unknown: [`rollback`](Self::rollback) detaches the objects that were written.
    pub async fn commit(&mut self) -> Result<()> {
        if self.link.in_transaction() {
            self.flush().await?;
        } else {
            self.flush_alone().await?;
        }
        self.link.commit().await.map_err(|error| self.schema.explain(error))?;
        self.unit.keep();
        Ok(())
    }

    /// The flush of a commit without a transaction: what is one flight is written and kept by it.
    async fn flush_alone(&mut self) -> Result<()> {
        self.unit.collect(&self.host);
        if !self.unit.is_pending(&self.host, &self.schema)? {
            self.unit.fade(&self.host);
            return Ok(());
        }
        let written = Box::pin(self.write(&mut Scope::All)).await;
        match &written {
            Ok(()) => self.unit.fade(&self.host),
            Err(error) => {
                if !self.link.in_transaction() {
                    self.begin()?;
                }
                self.link.fail(error);
            }
        }
        written
    }

    /// Undoes the transaction in the database and in memory: added objects are transient again, deleted ones
    /// persistent, attributes and collections at their last committed values.
    ///
    /// # Cancelling
    /// The transaction is rolled back in the background all the same.
    pub async fn rollback(&mut self) -> Result<()> {
        self.undo()?;
        self.link.rollback().await;
        Ok(())
    }

    /// The part of a rollback that memory needs.
    fn undo(&mut self) -> Result<()> {
        if self.link.outcome_unknown() {
            // Nobody knows which of the written objects are stored: they are detached as they are, and nothing is
            // written again.
            self.unit.clear(&self.host);
        }
        // Memory first: it needs no server, and a dropped future finds the session rolled back.
        self.unit.undo_from(&self.host, &self.schema, Mark::default())?;
        self.unit.forget_written(&self.host, &self.schema, true);
        self.unit.journal.keep();
        Ok(())
    }

    /// Begins a savepoint, flushing first: its rollback goes back to here. Answers its number, for
    /// [`Link::has_savepoint`].
    pub async fn savepoint(&mut self) -> Result<u64> {
        self.flush().await?;
        if !self.link.in_transaction() {
            self.begin()?;
        }
        let number = self.link.savepoint()?;
        self.unit.journal.mark();
        Ok(number)
    }

    /// Flushes and ends the innermost savepoint; what was done in it belongs to the transaction around it.
    pub async fn release(&mut self) -> Result<()> {
        self.flush().await?;
        self.link.release()?;
        self.unit.journal.release();
        Ok(())
    }

    /// Undoes the innermost savepoint in the database and in memory; the transaction around it goes on, also when the
    /// savepoint had failed.
    pub async fn rollback_savepoint(&mut self) -> Result<()> {
        let start = self.unit.journal.unmark();
        self.unit.undo_from(&self.host, &self.schema, start)?;
        self.unit.forget_written(&self.host, &self.schema, false);
        self.link.rollback_savepoint().await
    }

    /// Rolls back what is open and lets all objects go: persistent ones are detached.
    pub async fn close(&mut self) -> Result<()> {
        let ended = if self.link.in_transaction() { self.rollback().await } else { Ok(()) };
        self.let_go();
        ended
    }

    /// Lets all objects go: persistent ones are detached; streams end. Without a transaction it is all that
    /// [`close`](Self::close) does.
    pub fn let_go(&mut self) {
        self.end_streams();
        self.unit.clear(&self.host);
    }

    /// True when there is nothing that an end of the session would lose or let go: no transaction, no objects.
    pub fn is_bare(&self) -> bool {
        !self.in_transaction() && self.unit.is_empty()
    }

    /// To be called on a session that is dropped unclosed, without waiting: objects are let go as
    /// [`close`](Self::close) does it, and with the session its connection goes back to the pool, which rolls back.
    ///
    /// # Errors
    /// An object could not be put back to its committed values; all objects are let go and the connection is given back
    /// all the same.
    pub fn abandon(&mut self) -> Result<()> {
        let undone = if self.link.in_transaction() { self.undo() } else { Ok(()) };
        self.let_go();
        undone
    }

    fn ids(&self, objects: &[H::Object]) -> rustc_hash::FxHashSet<ObjectId> {
        objects.iter().map(|object| self.host.id(object)).collect()
    }
}
