//! Deleted objects leave the loaded lists that they were in.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Session;
use super::gather::{related, removed};
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
                .filter(|relation| relation.kind != RelationKind::ManyToOne && model.is_a(relation.target))
            {
                let mut members = Members::<H>::default();
                for object in gone {
                    for owner in self.owners(owner_model, relation, model, object)? {
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

    /// The held objects whose relation may show `object`: the one that it refers to, and the one that its foreign key
    /// names, which is another while a move is not written.
    fn owners(
        &self,
        owner_model: &Model,
        relation: &Relation,
        model: &Model,
        object: &H::Object,
    ) -> Result<Vec<H::Object>> {
        let mut owners = match relation.back {
            Some(back) => related(&self.host, object, model.relation(back))?,
            None => Vec::new(),
        };
        if relation.junction.is_some() {
            // Only a loaded list tells who has it, and it tells all of them that are stored.
            let is_whole = |back| {
                self.host.is_attached(object, back) && !self.unit.partial.contains(&(model.root(), back))
            };
            if !relation.back.is_some_and(is_whole) {
                let is_owner = |owner: &H::Object| {
                    self.host.model(owner) == owner_model.id && self.host.is_attached(owner, relation.id)
                };
                let held = self.unit.identity.living(&self.host, |wanted| wanted == owner_model.id);
                let new = self.unit.new.values().map(|owner| self.host.retain(owner));
                owners.extend(held.into_iter().chain(new).filter(is_owner));
            }
            return Ok(owners);
        }
        // A key that is not loaded, or names another column than the primary key, leads nowhere.
        if relation.local == owner_model.key
            && let Ok(key) = values_of(&self.host, model, object, &relation.remote)
        {
            owners.extend(self.unit.identity.find(&self.host, owner_model.id, &key)?);
        }
        Ok(owners)
    }

    fn take_out(
        &mut self,
        model: &Model,
        relation: &Relation,
        owner: &H::Object,
        gone: &FxHashSet<ObjectId>,
    ) -> Result<()> {
        let state = self.host.state(owner);
        if self.host.home(owner) != self.unit.home.id()
            || !matches!(state, State::Persistent | State::Pending)
        {
            return Ok(());
        }
        // Those that were taken out before would come back with an undo.
        let mut members = related(&self.host, owner, relation)?;
        members.append(&mut removed(&self.host, owner, relation)?);
        if members.iter().any(|member| gone.contains(&self.host.id(member))) {
            // A new owner is not put back: a rollback leaves it as the program made it.
            if state == State::Persistent {
                let known = Some((model.id, key_of(&self.host, model, owner)?));
                self.unit.journal.note(&self.host, Action::Update, owner, known);
            }
            self.host.detach(owner, relation.id, &|member| gone.contains(&member));
        }
        Ok(())
    }
}
