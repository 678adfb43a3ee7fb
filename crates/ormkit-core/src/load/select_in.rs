//! Loading a relation of many objects by a second statement: `WHERE key IN (..)`.

use crate::error::Result;
use crate::host::{Fill, Host, ObjectId};
use crate::load::hydrate::{attach_many, attach_one, back_of};
use crate::model::{Model, Relation, RelationKind};
use crate::plan::{KEYS_AT_ONCE, select_in};
use crate::query::{Load, Strategy};
use crate::session::Session;
use crate::session::identity::{Key, KeyIndex, has_null};
use crate::session::unit::values_of;
use rustc_hash::FxHashMap;

impl<H: Host> Session<H> {
    /// Loads what `loads` say of `parents`, which are of one model, level by level.
    pub(crate) async fn load_relations(
        &mut self,
        model: &Model,
        parents: &[H::Object],
        loads: &[Load],
    ) -> Result<()> {
        for load in loads_of(model, loads) {
            let relation = model.relation(load.relation);
            let children = match load.strategy {
                // A join fills what its statement reads; parents that the session held already are not among it.
                Strategy::SelectIn | Strategy::Joined => {
                    let children = self.select_in(model, parents, relation, &load).await?;
                    self.carry_over(parents, relation)?;
                    children
                }
                Strategy::NoLoad => {
                    self.mark_not_loaded(parents, relation)?;
                    continue;
                }
                _ => continue,
            };
            if !children.is_empty() {
                let target = std::sync::Arc::clone(self.schema().model(relation.target));
                Box::pin(self.load_relations(&target, &children, &load.then)).await?;
            }
        }
        Ok(())
    }

    /// Loads one relation of `parents` and answers all objects at its far end.
    async fn select_in(
        &mut self,
        model: &Model,
        parents: &[H::Object],
        relation: &Relation,
        load: &Load,
    ) -> Result<Vec<H::Object>> {
        let waiting: Vec<&H::Object> =
            parents.iter().filter(|parent| !self.host().is_attached(parent, relation.id)).collect();
        if waiting.is_empty() {
            // Nothing is sent. Relations that always load would follow each other round for ever.
            return if load.then.is_empty() { Ok(Vec::new()) } else { self.attached(parents, relation) };
        }
        let mut places = Places::with_capacity(waiting.len());
        for parent in &waiting {
            places.add(values_of(self.host(), model, parent, &relation.local)?)?;
        }
        let found = self.fetch_targets(model, relation, &places.index, load).await?;
        let schema = std::sync::Arc::clone(self.schema());
        let target = schema.model(relation.target);
        let back = back_of(&schema, relation);
        let mut members: Vec<(u32, &H::Object)> = Vec::with_capacity(found.len());
        for object in &found {
            let key = values_of(self.host(), target, object, &relation.remote)?;
            if let Some(place) = places.index.find(&key)? {
                members.push((place, object));
            }
        }
        members.sort_by_key(|(place, _)| *place);
        for (parent, place) in waiting.iter().zip(&places.of_parent) {
            let run = run_of(&members, *place);
            if relation.many {
                attach_many(self.host(), parent, relation.id, back, run.iter().map(|(_, object)| *object))?;
            } else {
                attach_one(self.host(), parent, relation.id, back, run.first().map(|(_, object)| *object))?;
            }
        }
        self.attached(parents, relation)
    }

    /// Lists show what the program has made of them: children whose own reference was changed and is not written yet are
    /// in the list of the parent that they refer to, whatever their rows say.
    fn carry_over(&mut self, parents: &[H::Object], relation: &Relation) -> Result<()> {
        let Some(back) = relation.back.filter(|_| relation.kind == RelationKind::OneToMany) else {
            return Ok(());
        };
        let schema = std::sync::Arc::clone(self.schema());
        let back = schema.model(relation.target).relation(back);
        let moved = self.moved(relation.target, back)?;
        if moved.is_empty() {
            return Ok(());
        }
        let host = self.host();
        let parents: FxHashMap<ObjectId, &H::Object> = parents
            .iter()
            .filter(|parent| host.is_attached(parent, relation.id))
            .map(|parent| (host.id(parent), parent))
            .collect();
        for (id, parent) in &parents {
            let mut gone = Vec::new();
            host.related(parent, relation.id, &mut |member| {
                if moved.get(&host.id(member)).is_some_and(|(_, to)| *to != Some(*id)) {
                    gone.push(host.retain(member));
                }
                Ok(())
            })?;
            gone.iter().try_for_each(|member| host.leave(parent, relation.id, member))?;
        }
        for (child, to) in moved.values() {
            if let Some(parent) = to.and_then(|to| parents.get(&to)) {
                host.join(parent, relation.id, child)?;
            }
        }
        Ok(())
    }

    /// The objects whose `remote` fields are among the keys: those that the session holds already need no statement
    /// when they are asked for by their primary key.
    async fn fetch_targets(
        &mut self,
        model: &Model,
        relation: &Relation,
        index: &KeyIndex,
        load: &Load,
    ) -> Result<Vec<H::Object>> {
        let schema = std::sync::Arc::clone(self.schema());
        let by_key =
            relation.kind == RelationKind::ManyToOne && schema.model(relation.target).key == relation.remote;
        let mut found = Vec::new();
        let mut keys = Vec::new();
        for key in index.keys() {
            match if by_key { self.held(relation.target, key)? } else { None } {
                Some(object) => found.push(object),
                None => keys.push(key.clone()),
            }
        }
        for chunk in keys.chunks(KEYS_AT_ONCE) {
            let lists =
                (0..relation.local.len()).map(|part| chunk.iter().map(|key| key[part].clone()).collect());
            let select = select_in(&schema, model, relation.id, lists.collect(), &load.then);
            found.extend(self.fetch(&select, Fill::Missing).await?.into_objects());
        }
        Ok(found)
    }

    /// The objects that a relation of `parents` holds, each once.
    pub(crate) fn attached(&self, parents: &[H::Object], relation: &Relation) -> Result<Vec<H::Object>> {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut all = Vec::new();
        for parent in parents {
            self.host().related(parent, relation.id, &mut |object| {
                if seen.insert(self.host().id(object)) {
                    all.push(self.host().retain(object));
                }
                Ok(())
            })?;
        }
        Ok(all)
    }

    /// `noload`: the relation is empty and read-only.
    fn mark_not_loaded(&self, parents: &[H::Object], relation: &Relation) -> Result<()> {
        for parent in parents.iter().filter(|parent| !self.host().is_attached(parent, relation.id)) {
            self.host().attach_nothing(parent, relation.id)?;
        }
        Ok(())
    }
}

/// Parents by the key that their children refer to.
struct Places {
    index: KeyIndex,
    /// The place of each parent; None: its key is NULL.
    of_parent: Vec<Option<u32>>,
}

impl Places {
    fn with_capacity(parents: usize) -> Self {
        Self { index: KeyIndex::with_capacity(parents), of_parent: Vec::with_capacity(parents) }
    }

    fn add(&mut self, key: Key) -> Result<()> {
        if has_null(&key)? {
            self.of_parent.push(None);
            return Ok(());
        }
        let place = match self.index.find(&key)? {
            Some(place) => place,
            None => {
                let place = self.of_parent.len() as u32;
                self.index.insert(key, place)?;
                place
            }
        };
        self.of_parent.push(Some(place));
        Ok(())
    }
}

/// The members of one place.
fn run_of<T>(members: &[(u32, T)], place: Option<u32>) -> &[(u32, T)] {
    let Some(place) = place else { return &[] };
    let start = members.partition_point(|(other, _)| *other < place);
    let end = members.partition_point(|(other, _)| *other <= place);
    &members[start..end]
}

/// The loads that a query asks for, and those that models always want.
fn loads_of(model: &Model, loads: &[Load]) -> Vec<Load> {
    let mut all: Vec<Load> = loads.to_vec();
    for relation in &model.relations {
        let asked = loads.iter().any(|load| load.relation == relation.id);
        if !asked && relation.lazy == crate::model::Lazy::SelectIn {
            all.push(Load::new(relation.id, Strategy::SelectIn));
        }
    }
    all
}
