//! Deleted objects leave the loaded lists that they were in.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Session;
use super::gather::related;
use super::journal::Action;
use super::unit::{key_of, values_of};
use crate::error::Result;
use crate::host::{Host, ObjectId, State};
use crate::model::{Model, Relation, RelationKind};

/// A list and those of its members that go.
type Members<H> = FxHashMap<(ObjectId, usize), (<H as Host>::Object, FxHashSet<ObjectId>)>;

impl<H: Host> Session<H> {
    /// Takes deleted objects of one model out of the loaded relations of the objects that the session holds. A rollback
    /// puts them back.
    pub(super) fn depart(&mut self, model: &Model, gone: &[H::Object]) -> Result<()> {
        let schema = Arc::clone(&self.schema);
        for owner_model in schema.models() {
            let lists = owner_model.relations.iter();
            for relation in lists
                .filter(|relation| relation.kind == RelationKind::OneToMany && relation.target == model.id)
            {
                let mut members = Members::<H>::default();
                for object in gone {
                    if let Some(owner) = self.owner(owner_model, relation, model, object)? {
                        let place = (self.host.id(&owner), relation.id.index());
                        let entry = members.entry(place).or_insert_with(|| (owner, FxHashSet::default()));
                        entry.1.insert(self.host.id(object));
                    }
                }
                for (owner, gone) in members.into_values() {
                    self.take_out(owner_model, relation, &owner, &gone)?;
                }
            }
        }
        Ok(())
    }

    /// The held object whose relation shows `object`: its own reference or its foreign key tells.
    fn owner(
        &self,
        owner_model: &Model,
        relation: &Relation,
        model: &Model,
        object: &H::Object,
    ) -> Result<Option<H::Object>> {
        if let Some(back) = relation.back
            && let Some(owner) = related(&self.host, object, model.relation(back))?.pop()
        {
            return Ok(Some(owner));
        }
        // A key that is not loaded, or names another column than the primary key, leads nowhere.
        if relation.local != owner_model.key {
            return Ok(None);
        }
        match values_of(&self.host, model, object, &relation.remote) {
            Ok(key) => self.unit.identity.find(&self.host, owner_model.id, &key),
            Err(_) => Ok(None),
        }
    }

    fn take_out(
        &mut self,
        model: &Model,
        relation: &Relation,
        owner: &H::Object,
        gone: &FxHashSet<ObjectId>,
    ) -> Result<()> {
        let is_ours = self.host.home(owner) == self.unit.home.id();
        if !is_ours || self.host.state(owner) != State::Persistent {
            return Ok(());
        }
        let members = related(&self.host, owner, relation)?;
        if members.iter().any(|member| gone.contains(&self.host.id(member))) {
            let known = Some((model.id, key_of(&self.host, model, owner)?));
            self.unit.journal.note(&self.host, Action::Update, owner, known);
            self.host.detach(owner, relation.id, &|member| gone.contains(&member));
        }
        Ok(())
    }
}
