//! After a rollback, lists that were loaded inside of the transaction show links that it has undone: they are put right.

use rustc_hash::FxHashSet;

use super::super::gather::related;
use super::super::unit::{Unit, model_of};
use super::{Link, Seam, told};
use crate::error::Result;
use crate::host::{Host, ObjectId, State};
use crate::model::{Model, Relation, Schema};

impl<H: Host> Unit<H> {
    /// Makes loaded lists agree with the links that were there before `undone`, which is in the order of writing.
    pub(in crate::session) fn relink(
        &self,
        host: &H,
        schema: &Schema,
        undone: Vec<(Seam, Link<H>)>,
    ) -> Result<()> {
        // What was there before the first of several changes is what is there again.
        let mut seen = FxHashSet::default();
        let mut before = Vec::new();
        for (seam, link) in undone {
            if seen.insert((seam.clone(), host.id(&link.one), host.id(&link.other))) {
                before.push((seam, Link { comes: !link.comes, ..link }));
            }
        }
        for told in told(host, schema, before.iter().map(|(seam, link)| (seam, link))) {
            let (owner, relation) = (&told.object, told.relation);
            if host.state(owner) != State::Persistent || host.relation_changed(owner, relation) {
                continue;
            }
            let relation = model_of(host, schema, owner).relation(relation);
            for member in told.came.iter().filter(|member| host.state(member) == State::Persistent) {
                put_in(host, owner, relation, member)?;
            }
            host.detach(owner, relation.id, &|member| told.went.contains(&member));
        }
        Ok(())
    }

    /// Objects whose deletion is undone are members again: of the lists that they know themselves to be in. Where they do not
    /// know, lists that do not hold them are unloaded. One that was inserted in what was rolled back as well is of no list.
    pub(in crate::session) fn readmit(&self, host: &H, schema: &Schema, back: &[H::Object]) -> Result<()> {
        for object in back.iter().filter(|object| host.state(object) == State::Persistent) {
            let model = model_of(host, schema, object);
            for owner_model in schema.models() {
                for relation in lists_of(owner_model, model) {
                    for owner in self.identity.living(host, |wanted| wanted == owner_model.id) {
                        self.readmit_to(host, model, &owner, relation, object)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn readmit_to(
        &self,
        host: &H,
        model: &Model,
        owner: &H::Object,
        relation: &Relation,
        object: &H::Object,
    ) -> Result<()> {
        let is_concerned = host.is_attached(owner, relation.id) && !host.relation_changed(owner, relation.id);
        if !is_concerned || holds(host, owner, relation, host.id(object))? {
            return Ok(());
        }
        match relation.back.map(|back| model.relation(back)) {
            Some(back) if host.is_attached(object, back.id) => {
                match holds(host, object, back, host.id(owner))? {
                    true => put_in(host, owner, relation, object),
                    false => Ok(()),
                }
            }
            _ => {
                host.unload_relation(owner, relation.id);
                Ok(())
            }
        }
    }
}

/// The many-to-many relations of a model that objects of another one may be in.
fn lists_of<'a>(owner: &'a Model, member: &'a Model) -> impl Iterator<Item = &'a Relation> {
    owner.relations.iter().filter(|relation| relation.junction.is_some() && member.is_a(relation.target))
}

fn holds<H: Host>(host: &H, owner: &H::Object, relation: &Relation, member: ObjectId) -> Result<bool> {
    Ok(related(host, owner, relation)?.iter().any(|known| host.id(known) == member))
}

/// Takes a member into a loaded list as if it had been loaded with it.
fn put_in<H: Host>(host: &H, owner: &H::Object, relation: &Relation, member: &H::Object) -> Result<()> {
    let mut members = related(host, owner, relation)?;
    if members.iter().any(|known| host.id(known) == host.id(member)) {
        return Ok(());
    }
    members.push(host.retain(member));
    host.attach_many(owner, relation.id, &mut members.into_iter())
}
