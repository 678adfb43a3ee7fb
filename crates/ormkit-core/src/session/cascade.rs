//! Which objects come into a session, or leave it, because others refer to them.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::gather::{Scope, related, removed};
use super::identity::{Key, KeyIndex, has_null};
use super::unit::{Unit, is_dirty, key_of, model_of, values_of};
use crate::error::{Error, Result};
use crate::host::{HomeId, Host, ObjectId, State};
use crate::model::{Model, ModelId, Relation, RelationId, RelationKind, Schema};

/// What the cascades of a session's objects reach.
pub(super) struct Reached<H: Host> {
    /// Transient objects that will be inserted and detached ones that are persistent again, in order.
    pub(super) come: Vec<H::Object>,
    /// New objects that are not written: they go with a parent whose deletion cascades to them.
    pub(super) doomed: FxHashSet<ObjectId>,
    /// Why one that is related cannot come: it is of another session, or its row was deleted.
    refused: Option<Error>,
}

impl<H: Host> Unit<H> {
    /// Follows the save-update cascade, for a flush: takes in what it reaches, and lets go of new objects that go with
    /// their parents.
    pub(super) fn cascade(&mut self, host: &H, schema: &Schema, scope: &mut Scope) -> Result<()> {
        let reached = self.reached(host, schema, scope)?;
        if let Some(error) = reached.refused {
            return Err(error);
        }
        for id in &reached.doomed {
            if let Some(object) = self.new.shift_remove(id) {
                host.settle(&object, State::Transient, HomeId::NONE);
            }
        }
        for object in &reached.come {
            // One that came back may have brought others along.
            if matches!(host.state(object), State::Transient | State::Detached) {
                self.add(host, schema, object)?;
            }
        }
        Ok(())
    }

    /// What a flush of `scope` would take in, from new, changed and deleted objects on. Changes nothing but the scope.
    pub(super) fn reached(&self, host: &H, schema: &Schema, scope: &mut Scope) -> Result<Reached<H>> {
        let (mut come, mut refused) = (Vec::new(), None);
        if self.new.is_empty() && self.changed.is_empty() && self.deleted.is_empty() {
            return Ok(Reached { come, doomed: FxHashSet::default(), refused });
        }
        let mut doomed = self.doomed(host, schema, scope)?;
        let mut seen = doomed.clone();
        let cascades = |relation: &Relation| relation.cascade.save_update && !relation.view_only;
        // First in, first out: the children of several parents are inserted in the order of their parents.
        let mut queue = self.active(host, schema, scope, cascades);
        queue.retain(|object| !doomed.contains(&host.id(object)));
        queue.extend(self.leaving(host, schema, scope, |relation| cascades(relation) && !takes(relation)));
        while let Some(object) = queue.pop_front() {
            let leaves = self.deleted.contains_key(&host.id(&object));
            let model = model_of(host, schema, &object);
            for relation in model.relations.iter() {
                if !cascades(relation) || (leaves && takes(relation)) {
                    continue;
                }
                let is_anew = || {
                    host.relation_changed(&object, relation.id) || host.state(&object) != State::Persistent
                };
                for relative in related(host, &object, relation)? {
                    let id = host.id(&relative);
                    if self.was_expunged(host, id) {
                        continue;
                    }
                    let state = host.state(&relative);
                    if refused.is_none()
                        && !leaves
                        && (state == State::Deleted || self.is_foreign(host, &relative))
                        && is_anew()
                    {
                        refused =
                            Some(unrelatable(model, relation, model_of(host, schema, &relative), state));
                    }
                    let newly_reached = match state {
                        State::Transient => seen.insert(id),
                        State::Pending => !scope.has(id) && !doomed.contains(&id),
                        // What goes brings nobody back, and neither does a relation that nobody has touched.
                        State::Detached => {
                            if !leaves && is_anew() && seen.insert(id) {
                                come.push(relative);
                            }
                            continue;
                        }
                        _ => false,
                    };
                    if !newly_reached {
                        continue;
                    }
                    if self.goes_along(host, schema, scope, &relative)? {
                        doomed.insert(id);
                        continue;
                    }
                    if host.state(&relative) == State::Transient {
                        come.push(host.retain(&relative));
                    }
                    // A verb that deletes a child does not write its new parent.
                    if !(leaves && relation.kind == RelationKind::ManyToOne) {
                        scope.reach(id);
                    }
                    if scope.has(id) {
                        queue.push_back(relative);
                    }
                }
            }
        }
        Ok(Reached { come, doomed, refused })
    }

    /// True for an object of another session.
    fn is_foreign(&self, host: &H, object: &H::Object) -> bool {
        let home = host.home(object);
        home != HomeId::NONE && home != self.home.id()
    }

    /// Takes a detached object in, and the detached ones that the save-update cascade reaches from it, those among them
    /// that were taken out of a list: it is their row that says so.
    ///
    /// # Errors
    /// One of them has no key, or the session holds another object of its key. Then none is taken in.
    pub(super) fn come_back(&mut self, host: &H, schema: &Schema, object: &H::Object) -> Result<()> {
        let mut known = FxHashSet::from_iter([host.id(object)]);
        let mut found = vec![host.retain(object)];
        let mut keys: FxHashMap<ModelId, KeyIndex> = FxHashMap::default();
        let mut next = 0;
        while next < found.len() {
            let model = model_of(host, schema, &found[next]);
            let key = self.check_key(host, model, &found[next])?;
            if !keys.entry(model.id).or_insert_with(|| KeyIndex::with_capacity(1)).insert(key, 0)? {
                return Err(Error::invalid_request(format!(
                    "two objects that come back together are {} of the same key: use one of them",
                    model.name()
                )));
            }
            let relations = model.relations.iter();
            for relation in relations.filter(|relation| relation.cascade.save_update && !relation.view_only) {
                let mut relatives = related(host, &found[next], relation)?;
                if relation.kind == RelationKind::OneToMany {
                    relatives.append(&mut removed(host, &found[next], relation)?);
                }
                relatives
                    .retain(|other| host.state(other) == State::Detached && known.insert(host.id(other)));
                found.append(&mut relatives);
            }
            next += 1;
        }
        for object in found {
            let model = model_of(host, schema, &object);
            let key = key_of(host, model, &object)?;
            self.identity.insert(host, model.id, &key, &object)?;
            host.settle(&object, State::Persistent, self.home.id());
            // One that is marked already does not report its next change.
            if is_dirty(host, model, &object)? {
                self.changed.insert(host.id(&object), object);
            }
        }
        Ok(())
    }

    fn check_key(&self, host: &H, model: &Model, object: &H::Object) -> Result<Key> {
        let key = key_of(host, model, object)?;
        if has_null(&key)? {
            return Err(Error::invalid_request(format!(
                "this {} has no key: an interrupted write of it may have been kept or not; look for its row, or insert \
                 a new object",
                model.name()
            )));
        }
        if self.identity.find(host, model.id, &key)?.is_some() {
            return Err(Error::invalid_request(format!(
                "this session holds another {} of the same key: use that one, or merge()",
                model.name()
            )));
        }
        Ok(key)
    }

    /// New and changed objects of the scope that have such a relation and stay, in order.
    pub(super) fn active(
        &self,
        host: &H,
        schema: &Schema,
        scope: &Scope,
        has: impl Fn(&Relation) -> bool,
    ) -> VecDeque<H::Object> {
        let objects = self.new.iter().chain(&self.changed).filter(|(id, _)| !self.deleted.contains_key(*id));
        with_relation(host, schema, scope, objects, has)
    }

    /// Deleted objects of the scope that have such a relation.
    pub(super) fn leaving(
        &self,
        host: &H,
        schema: &Schema,
        scope: &Scope,
        has: impl Fn(&Relation) -> bool,
    ) -> VecDeque<H::Object> {
        with_relation(host, schema, scope, self.deleted.iter(), has)
    }

    /// Puts an object that a rollback has made transient back into the loaded lists of those that it refers to: the
    /// rollback has taken it out of them.
    pub(super) fn rejoin(&self, host: &H, schema: &Schema, object: &H::Object) -> Result<()> {
        let model = model_of(host, schema, object);
        for relation in model.relations.iter().filter(|relation| relation.kind == RelationKind::ManyToOne) {
            let Some(back) = relation.back else { continue };
            for parent in related(host, object, relation)? {
                if host.is_attached(&parent, back) {
                    host.join(&parent, back, object)?;
                }
            }
        }
        Ok(())
    }

    /// Marks stored objects for deletion that were taken out of a delete-orphan relation and have no other parent; those
    /// of deleted owners as well.
    pub(super) fn mark_orphans(&mut self, host: &H, schema: &Schema, scope: &mut Scope) -> Result<()> {
        self.mark_parentless(host, schema, scope)?;
        self.mark_followers(host, schema, scope)?;
        let owns = |relation: &Relation| relation.cascade.delete_orphan;
        let mut owners = self.active(host, schema, scope, owns);
        owners.extend(self.leaving(host, schema, scope, owns));
        if owners.is_empty() {
            return Ok(());
        }
        let adopted = Adopted::find(host, schema, self, scope)?;
        for owner in owners {
            let model = model_of(host, schema, &owner);
            for relation in model.relations.iter().filter(|relation| owns(relation)) {
                for child in removed(host, &owner, relation)? {
                    let stays = host.state(&child) != State::Persistent
                        || adopted.has(host, schema, model, &child, relation)?;
                    if !stays {
                        scope.reach(host.id(&child));
                        self.delete(host, schema, &child)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// True for an object whose reference leads to a parent that takes it along when it is deleted: itself marked, or new
    /// and on its way with another one.
    fn goes_along(&self, host: &H, schema: &Schema, scope: &Scope, object: &H::Object) -> Result<bool> {
        if self.deleted.is_empty() {
            return Ok(false);
        }
        let mut seen = FxHashSet::default();
        let mut queue = vec![host.retain(object)];
        while let Some(child) = queue.pop() {
            if !seen.insert(host.id(&child)) {
                continue;
            }
            for relation in &model_of(host, schema, &child).relations {
                let back = relation.back.filter(|_| relation.kind == RelationKind::ManyToOne);
                if !back.is_some_and(|back| takes(schema.model(relation.target).relation(back))) {
                    continue;
                }
                for parent in related(host, &child, relation)? {
                    let id = host.id(&parent);
                    if self.deleted.contains_key(&id) && scope.has(id) {
                        return Ok(true);
                    }
                    if matches!(host.state(&parent), State::Transient | State::Pending) {
                        queue.push(parent);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Marks stored objects for deletion that were moved to a new parent which is not written, since its own parent is
    /// deleted.
    fn mark_followers(&mut self, host: &H, schema: &Schema, scope: &Scope) -> Result<()> {
        if self.deleted.is_empty() {
            return Ok(());
        }
        for child in self.active(host, schema, scope, |relation| relation.kind == RelationKind::ManyToOne) {
            if host.state(&child) == State::Persistent && self.goes_along(host, schema, scope, &child)? {
                self.delete(host, schema, &child)?;
            }
        }
        Ok(())
    }

    /// The same for those whose own reference was set to nothing: the list that they were in need not be loaded.
    fn mark_parentless(&mut self, host: &H, schema: &Schema, scope: &Scope) -> Result<()> {
        let is_owned = |relation: &Relation| {
            relation.kind == RelationKind::ManyToOne
                && relation
                    .back
                    .is_some_and(|back| schema.model(relation.target).relation(back).cascade.delete_orphan)
        };
        for child in self.active(host, schema, scope, is_owned) {
            let model = model_of(host, schema, &child);
            for relation in model.relations.iter().filter(|relation| is_owned(relation)) {
                let left = host.state(&child) == State::Persistent
                    && host.relation_changed(&child, relation.id)
                    && related(host, &child, relation)?.is_empty();
                // One whose key is NULL never had a parent; one whose key is not loaded had.
                let key = if left { values_of(host, model, &child, &relation.local).ok() } else { None };
                if left && !key.map_or(Ok(false), |key| has_null(&key))? {
                    self.delete(host, schema, &child)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// New objects in a list whose owner takes its members along when it is deleted, and those in their lists.
    fn doomed(&self, host: &H, schema: &Schema, scope: &Scope) -> Result<FxHashSet<ObjectId>> {
        let mut doomed = FxHashSet::default();
        let mut queue = self.leaving(host, schema, scope, takes);
        if queue.is_empty() {
            return Ok(doomed);
        }
        let is_new = |object: &H::Object| matches!(host.state(object), State::Transient | State::Pending);
        while let Some(owner) = queue.pop_front() {
            let model = model_of(host, schema, &owner);
            for relation in model.relations.iter().filter(|relation| takes(relation)) {
                for child in related(host, &owner, relation)? {
                    if is_new(&child) && doomed.insert(host.id(&child)) {
                        queue.push_back(child);
                    }
                }
            }
        }
        // A list that is not loaded does not hold those that refer to its owner by themselves.
        for (id, child) in &self.new {
            if !doomed.contains(id) && self.goes_along(host, schema, scope, child)? {
                doomed.insert(*id);
            }
        }
        Ok(doomed)
    }
}

/// Members of changed lists, and objects of changed references that own theirs, by the relation: who left one of them may
/// have come into another.
pub(super) struct Adopted(FxHashSet<(ModelId, RelationId, ObjectId)>);

impl Adopted {
    pub(super) fn find<H: Host>(host: &H, schema: &Schema, unit: &Unit<H>, scope: &Scope) -> Result<Self> {
        let mut members = FxHashSet::default();
        let is_list = |relation: &Relation| {
            (relation.kind == RelationKind::OneToMany || relation.cascade.delete_orphan)
                && !relation.view_only
        };
        for object in unit.active(host, schema, scope, is_list) {
            let model = model_of(host, schema, &object);
            for relation in model.relations.iter().filter(|relation| is_list(relation)) {
                if host.relation_changed(&object, relation.id) {
                    for child in related(host, &object, relation)? {
                        members.insert((model.id, relation.id, host.id(&child)));
                    }
                }
            }
        }
        Ok(Self(members))
    }

    /// True when a child that left a list has another parent by now: in another list of the relation, or by its own
    /// reference.
    pub(super) fn has<H: Host>(
        &self,
        host: &H,
        schema: &Schema,
        model: &Model,
        child: &H::Object,
        relation: &Relation,
    ) -> Result<bool> {
        if self.0.contains(&(model.id, relation.id, host.id(child))) {
            return Ok(true);
        }
        let Some(back) = relation.back else { return Ok(false) };
        let back = schema.model(relation.target).relation(back);
        Ok(!related(host, child, back)?.is_empty())
    }
}

/// The error of a relation to an object that cannot be written.
fn unrelatable(model: &Model, relation: &Relation, target: &Model, state: State) -> Error {
    let (place, target) = (format!("{}.{}", model.name(), relation.name), target.name());
    Error::invalid_request(match state {
        State::Deleted => {
            format!("{place} holds an object of {target} that was deleted: take it out, or insert a new one")
        }
        _ => format!(
            "{place} holds an object of {target} that belongs to another session: merge() it into this one, or expunge it there \
             first"
        ),
    })
}

/// True when a relation takes its members along when its owner is deleted.
fn takes(relation: &Relation) -> bool {
    relation.kind == RelationKind::OneToMany && relation.cascade.delete && !relation.view_only
}

fn with_relation<'a, H: Host>(
    host: &H,
    schema: &Schema,
    scope: &Scope,
    objects: impl Iterator<Item = (&'a ObjectId, &'a H::Object)>,
    has: impl Fn(&Relation) -> bool,
) -> VecDeque<H::Object> {
    objects
        .filter(|(id, object)| scope.has(**id) && model_of(host, schema, object).relations.iter().any(&has))
        .map(|(_, object)| host.retain(object))
        .collect()
}
