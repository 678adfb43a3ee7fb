//! After a rollback, lists that were loaded inside of the transaction show rows that it has undone: they are put right.

use rustc_hash::FxHashSet;

use super::gather::related;
use super::identity::{Key, has_null};
use super::journal::Mark;
use super::unit::{Unit, model_of, values_of};
use crate::error::Result;
use crate::host::{Host, ObjectId, State};
use crate::model::{FieldSet, ModelId, Relation, RelationId, RelationKind, Schema};

/// An object that is being undone, and a parent whose list may show it.
pub(super) struct Membership<H: Host> {
    object: H::Object,
    /// The parent's model and its list.
    owner: ModelId,
    list: RelationId,
    /// The object's reference.
    reference: RelationId,
    /// What the foreign key named before the rollback.
    before: Option<Key>,
}

impl<H: Host> Unit<H> {
    /// Unloads objects of tables that statements of the program's own have written in what was rolled back: nobody knows which
    /// of their values were read in between. With `all` the whole transaction was.
    pub(super) fn forget_written(&mut self, host: &H, schema: &Schema, all: bool) {
        let written = self.journal.take_written(all);
        if written.is_empty() {
            return;
        }
        let any = written.contains(&None);
        let is_linked = |relation: &Relation| {
            relation.junction.as_ref().is_some_and(|junction| written.contains(&Some(junction.model)))
        };
        // A statement on one class writes rows of its whole family.
        let root = |model: ModelId| schema.model(model).root();
        let roots: FxHashSet<ModelId> = written.iter().flatten().map(|model| root(*model)).collect();
        let is_written = |model: ModelId| any || roots.contains(&root(model));
        let has_lists = |model: ModelId| schema.model(model).relations.iter().any(is_linked);
        for object in self.identity.living(host, |model| is_written(model) || has_lists(model)) {
            let model = model_of(host, schema, &object);
            let is_concerned = |relation: &&Relation| is_written(model.id) || is_linked(relation);
            for relation in model.relations.iter().filter(is_concerned) {
                if !host.relation_changed(&object, relation.id) {
                    host.unload_relation(&object, relation.id);
                }
            }
            if !is_written(model.id) {
                continue;
            }
            let mut fields = FieldSet::new();
            model
                .field_ids()
                .filter(|field| !model.key.contains(field))
                .for_each(|field| fields.insert(field));
            host.unload(&object, &fields);
        }
    }

    /// Which lists objects are in that were written since `start`, by their foreign keys.
    pub(super) fn memberships(&self, host: &H, schema: &Schema, start: Mark) -> Vec<Membership<H>> {
        let mut found = Vec::new();
        for object in self.journal.objects_from(host, start) {
            let model = model_of(host, schema, &object);
            for relation in &model.relations {
                let target = schema.model(relation.target);
                // Lists that go by another column than the primary key cannot be found by it.
                let Some(list) = relation
                    .back
                    .filter(|_| relation.kind == RelationKind::ManyToOne && relation.remote == target.key)
                else {
                    continue;
                };
                found.push(Membership {
                    object: host.retain(&object),
                    owner: relation.target,
                    list,
                    reference: relation.id,
                    before: values_of(host, model, &object, &relation.local).ok(),
                });
            }
        }
        found
    }

    /// Makes the loaded lists of held parents agree with what the objects are now.
    pub(super) fn put_right(&self, host: &H, schema: &Schema, memberships: Vec<Membership<H>>) -> Result<()> {
        for Membership { object, owner, list, reference, before } in memberships {
            let model = model_of(host, schema, &object);
            let after = match host.state(&object) {
                State::Persistent => values_of(host, model, &object, &model.relation(reference).local).ok(),
                _ => None,
            };
            for key in [before.as_ref().filter(|before| Some(*before) != after.as_ref()), after.as_ref()] {
                let Some(key) = key else { continue };
                if has_null(key)? {
                    continue;
                }
                let Some(parent) = self.identity.find(host, owner, key)? else { continue };
                let relation = schema.model(owner).relation(list);
                if !host.is_attached(&parent, list) || host.relation_changed(&parent, list) {
                    continue;
                }
                // Who else is in it than the key says is for the database to tell.
                if relation.condition.is_some() {
                    host.unload_relation(&parent, list);
                    continue;
                }
                let id = host.id(&object);
                let mut members = related(host, &parent, relation)?;
                let is_member = members.iter().any(|member| host.id(member) == id);
                let belongs = Some(key) == after.as_ref();
                if is_member && !belongs {
                    host.detach(&parent, list, &|member| member == id);
                } else if belongs && !is_member && relation.many {
                    members.push(host.retain(&object));
                    host.attach_many(&parent, list, &mut members.into_iter())?;
                }
            }
        }
        Ok(())
    }
}

/// Takes objects that were written out of lists that got them while the transaction lasted, and were changed since: what a
/// list holds that is undone was read of a row that is undone.
pub(super) fn drop_strays<H: Host>(
    host: &H,
    schema: &Schema,
    written: &[Membership<H>],
    owners: &[H::Object],
) -> Result<()> {
    let written: FxHashSet<ObjectId> = written.iter().map(|membership| host.id(&membership.object)).collect();
    if written.is_empty() {
        return Ok(());
    }
    for owner in owners.iter().filter(|owner| host.state(owner) == State::Persistent) {
        let model = model_of(host, schema, owner);
        for relation in &model.relations {
            let is_meant = relation.kind == RelationKind::OneToMany
                && relation.condition.is_none()
                && host.is_attached(owner, relation.id)
                && !host.relation_changed(owner, relation.id);
            if !is_meant {
                continue;
            }
            let key = values_of(host, model, owner, &relation.local).ok();
            let mut strays = FxHashSet::default();
            for member in related(host, owner, relation)? {
                let id = host.id(&member);
                if !written.contains(&id) {
                    continue;
                }
                let target = schema.model(relation.target);
                let refers = match host.state(&member) {
                    State::Persistent => values_of(host, target, &member, &relation.remote).ok(),
                    _ => None,
                };
                if refers.is_none() || refers != key {
                    strays.insert(id);
                }
            }
            if !strays.is_empty() {
                host.detach(owner, relation.id, &|member| strays.contains(&member));
            }
        }
    }
    Ok(())
}
