//! What the open transaction has done to objects, so that a rollback can undo it in memory.

use rustc_hash::{FxHashMap, FxHashSet};

use super::identity::{Identity, Key};
use super::junction::{Link, Seam};
use crate::error::Result;
use crate::host::{HomeId, Host, ObjectId, State};
use crate::model::ModelId;

/// What was done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Insert,
    Update,
    Delete,
}

impl Action {
    /// In an error: what was being done to an object.
    pub(super) fn of(self) -> &'static str {
        match self {
            Self::Insert => "inserting",
            Self::Update => "updating",
            Self::Delete => "deleting",
        }
    }
}

struct Done<H: Host> {
    action: Action,
    object: H::Object,
    /// What the object was before.
    before: H::Snapshot,
    /// What it is known by: an insert's key is noted when the row is written.
    known: Option<(ModelId, Key)>,
    /// The key that an update has given it.
    rekeyed: Option<Key>,
}

/// A time in the life of a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    objects: usize,
    links: usize,
}

/// Objects that were written since the transaction began, oldest first.
///
/// They live here and not in the flush, because a dropped future takes its locals along. Undoing runs backwards, so that
/// an insert and the updates behind it fold into one insert again.
pub(super) struct Journal<H: Host> {
    done: Vec<Done<H>>,
    /// The newest entry of an object.
    newest: FxHashMap<ObjectId, usize>,
    /// Rows of junctions that came or went, oldest first.
    links: Vec<(Seam, Link<H>)>,
    /// The starts of the open savepoints.
    marks: Vec<Mark>,
    /// Models whose tables statements of the program's own have written, None where that is not known, and how many
    /// savepoints were open.
    wrote: Vec<(Option<ModelId>, usize)>,
}

impl<H: Host> Journal<H> {
    pub(super) fn new() -> Self {
        Self {
            done: Vec::new(),
            newest: FxHashMap::default(),
            links: Vec::new(),
            marks: Vec::new(),
            wrote: Vec::new(),
        }
    }

    /// Notes an object before it is written. An update behind an entry of the same savepoint adds nothing.
    pub(super) fn note(
        &mut self,
        host: &H,
        action: Action,
        object: &H::Object,
        known: Option<(ModelId, Key)>,
    ) {
        let id = host.id(object);
        let mark = self.marks.last().map_or(0, |mark| mark.objects);
        if action == Action::Update && self.newest.get(&id).is_some_and(|at| *at >= mark) {
            return;
        }
        self.newest.insert(id, self.done.len());
        self.done.push(Done {
            action,
            object: host.retain(object),
            before: host.snapshot(object),
            known,
            rekeyed: None,
        });
    }

    /// Notes a link that was written.
    pub(super) fn linked(&mut self, seam: Seam, link: Link<H>) {
        self.links.push((seam, link));
    }

    /// Takes out the links that were written since `start`, oldest first.
    pub(super) fn take_links(&mut self, start: Mark) -> Vec<(Seam, Link<H>)> {
        self.links.split_off(start.links)
    }

    /// Notes the key of an inserted row.
    pub(super) fn known(&mut self, id: ObjectId, model: ModelId, key: Key) {
        if let Some(at) = self.newest.get(&id) {
            self.done[*at].known = Some((model, key));
        }
    }

    /// Notes the key that an update has given to an object that was noted before.
    pub(super) fn rekeyed(&mut self, id: ObjectId, model: ModelId, key: Key) {
        let Some(at) = self.newest.get(&id) else { return };
        let done = &mut self.done[*at];
        match done.action {
            Action::Insert => done.known = Some((model, key)),
            Action::Update | Action::Delete => done.rekeyed = Some(key),
        }
    }

    /// Begins a savepoint.
    pub(super) fn mark(&mut self) {
        self.marks.push(self.now());
    }

    /// Ends a savepoint and keeps what was done in it.
    pub(super) fn release(&mut self) {
        self.marks.pop();
        let depth = self.marks.len();
        for (_, at) in &mut self.wrote {
            *at = (*at).min(depth);
        }
    }

    /// Notes that a statement of the program's own writes a model's table, or any.
    pub(super) fn wrote(&mut self, model: Option<ModelId>) {
        let entry = (model, self.marks.len());
        if !self.wrote.contains(&entry) {
            self.wrote.push(entry);
        }
    }

    /// Models whose tables statements of the program's own have written, each once; None where that is not known.
    pub(super) fn written(&self) -> Vec<Option<ModelId>> {
        let mut seen = FxHashSet::default();
        self.wrote.iter().map(|(model, _)| *model).filter(|model| seen.insert(*model)).collect()
    }

    /// Models that were so written in savepoints that are not open any more, or at all; they are forgotten.
    pub(super) fn take_written(&mut self, all: bool) -> Vec<Option<ModelId>> {
        let open = self.marks.len();
        self.wrote.extract_if(.., |(_, depth)| all || *depth > open).map(|(model, _)| model).collect()
    }

    /// Now: where [`undo_from`](Self::undo_from) can go back to.
    pub(super) fn now(&self) -> Mark {
        Mark { objects: self.done.len(), links: self.links.len() }
    }

    /// The start of the innermost savepoint, which ends.
    pub(super) fn unmark(&mut self) -> Mark {
        self.marks.pop().unwrap_or_default()
    }

    /// True when something was written.
    pub(super) fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// The objects that were written, each once.
    pub(super) fn objects(&self, host: &H) -> Vec<H::Object> {
        self.objects_from(host, Mark::default())
    }

    /// The same, since a time.
    pub(super) fn objects_from(&self, host: &H, start: Mark) -> Vec<H::Object> {
        let mut seen = FxHashSet::default();
        let objects = self.done[start.objects..].iter().map(|done| &done.object);
        objects.filter(|object| seen.insert(host.id(object))).map(|object| host.retain(object)).collect()
    }

    /// The objects that were deleted since `start`.
    pub(super) fn deleted_from(&self, host: &H, start: Mark) -> Vec<H::Object> {
        let deleted = self.done[start.objects..].iter().filter(|done| done.action == Action::Delete);
        deleted.map(|done| host.retain(&done.object)).collect()
    }

    /// The transaction is kept: there is nothing to undo any more.
    pub(super) fn keep(&mut self) {
        self.newest.clear();
        self.links.clear();
        self.wrote.clear();
        self.marks.clear();
        self.done.clear();
    }

    /// Forgets everything and hands out the objects whose rows were being inserted: nobody said how that ended.
    pub(super) fn take_unfinished(&mut self, host: &H) -> Vec<H::Object> {
        let done = std::mem::take(&mut self.done);
        self.keep();
        let unfinished = |done: &Done<H>| host.state(&done.object) == State::Pending;
        done.into_iter().filter(unfinished).map(|done| done.object).collect()
    }

    /// Undoes everything from `start` on, newest first. Added objects are transient again, deleted ones persistent,
    /// changed ones what they last were. Answers the added ones.
    pub(super) fn undo_from(
        &mut self,
        start: Mark,
        host: &H,
        identity: &mut Identity<H>,
        home: HomeId,
    ) -> Result<Vec<ObjectId>> {
        let undone = self.done.split_off(start.objects);
        self.newest.retain(|_, at| *at < start.objects);
        let mut added = Vec::new();
        for done in undone.into_iter().rev() {
            let Done { action, object, before, known, rekeyed } = done;
            let from = host.state(&object);
            match action {
                Action::Insert => {
                    if let Some((model, key)) = &known {
                        identity.remove(host, *model, key, &object)?;
                    }
                    host.revert(&object, before);
                    host.settle_undone(&object, from, State::Transient, HomeId::NONE);
                    added.push(host.id(&object));
                }
                Action::Update => {
                    host.revert(&object, before);
                    host.undo(&object);
                    put_key_back(host, identity, &object, known, rekeyed)?;
                }
                Action::Delete => {
                    host.revert(&object, before);
                    host.undo(&object);
                    host.settle_undone(&object, from, State::Persistent, home);
                    if let Some((model, key)) = &known {
                        identity.insert(host, *model, key, &object)?;
                    }
                }
            }
        }
        Ok(added)
    }

    /// A verb has failed: objects are what they were before it, unsaved changes included. Hands out those that it
    /// inserted.
    pub(super) fn revert_from(
        &mut self,
        start: Mark,
        host: &H,
        identity: &mut Identity<H>,
    ) -> Result<Vec<H::Object>> {
        self.links.truncate(start.links);
        let undone = self.done.split_off(start.objects);
        self.newest.retain(|_, at| *at < start.objects);
        let mut inserted = Vec::new();
        for done in undone.into_iter().rev() {
            let Done { action, object, before, known, rekeyed } = done;
            host.revert(&object, before);
            match (action, &known) {
                (Action::Insert, Some((model, key))) => identity.remove(host, *model, key, &object)?,
                (Action::Delete, Some((model, key))) => identity.insert(host, *model, key, &object)?,
                _ => put_key_back(host, identity, &object, known, rekeyed)?,
            }
            if action == Action::Insert {
                inserted.push(object);
            }
        }
        Ok(inserted)
    }
}

/// An update that has changed a key is undone: the object is known by the old one again.
fn put_key_back<H: Host>(
    host: &H,
    identity: &mut Identity<H>,
    object: &H::Object,
    known: Option<(ModelId, Key)>,
    rekeyed: Option<Key>,
) -> Result<()> {
    let (Some((model, old)), Some(new)) = (known, rekeyed) else { return Ok(()) };
    identity.remove(host, model, &new, object)?;
    identity.insert(host, model, &old, object)
}
