//! Links of many-to-many relations: rows of junctions. They are written when both ends have their rows, and go before
//! either end goes.

mod undo;
mod write;

use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::Entry;
use rustc_hash::{FxBuildHasher, FxHashSet};

use super::gather::{Scope, Write, related, removed};
use super::identity::Key;
use super::unit::{Unit, model_of, stored_fields_of};
use crate::error::{Error, Result};
use crate::host::{Host, ObjectId, State};
use crate::model::{Constraint, FieldId, FieldIds, Junction, Model, ModelId, Relation, RelationId, Schema};

/// A junction as both of its ends see it: which of its fields name the first one, and which the second.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seam {
    pub(super) model: ModelId,
    pub(super) one: FieldIds,
    pub(super) other: FieldIds,
}

impl Seam {
    /// The same for both ends; true where the owner of the relation is the second one.
    fn of(junction: &Junction) -> (Self, bool) {
        let turned = junction.near > junction.far;
        let (one, other) = match turned {
            true => (&junction.far, &junction.near),
            false => (&junction.near, &junction.far),
        };
        (Self { model: junction.model, one: one.clone(), other: other.clone() }, turned)
    }

    /// True for a relation whose owner is the first end, or the second one.
    fn is_of(&self, relation: &Relation, second: bool) -> bool {
        let (near, far) = if second { (&self.other, &self.one) } else { (&self.one, &self.other) };
        relation.junction.as_ref().is_some_and(|junction| {
            junction.model == self.model && junction.near == *near && junction.far == *far
        })
    }
}

/// A row of a junction that comes or goes.
pub(super) struct Link<H: Host> {
    pub(super) one: H::Object,
    pub(super) other: H::Object,
    pub(super) comes: bool,
}

/// What a flush does to one junction.
pub(super) struct Links<H: Host> {
    /// Fields of the ends that the junction's fields refer to.
    one: FieldIds,
    other: FieldIds,
    links: IndexMap<(ObjectId, ObjectId), Link<H>, FxBuildHasher>,
}

/// All rows of a junction that name ends which are deleted.
struct Purge {
    junction: ModelId,
    fields: FieldIds,
    keys: Vec<Key>,
}

/// What a flush does to junctions.
pub(super) struct Seams<H: Host> {
    links: IndexMap<Seam, Links<H>, FxBuildHasher>,
    purges: Vec<Purge>,
}

impl<H: Host> Seams<H> {
    /// True when no row of a junction comes or goes.
    pub(super) fn is_empty(&self) -> bool {
        self.links.values().all(|links| links.links.is_empty()) && self.purges.is_empty()
    }

    /// The links that changed lists of the scope ask for, each once.
    pub(super) fn gather(host: &H, schema: &Schema, unit: &Unit<H>, scope: &Scope) -> Result<Self> {
        let mut seams = Self { links: IndexMap::default(), purges: Vec::new() };
        for owner in unit.active(host, schema, scope, is_written) {
            let model = model_of(host, schema, &owner);
            for relation in model.relations.iter().filter(|relation| is_written(relation)) {
                let is_new = host.state(&owner) == State::Pending;
                if is_new || host.relation_changed(&owner, relation.id) {
                    seams.add_members(host, schema, (unit, scope), model, &owner, relation)?;
                }
            }
        }
        seams.links.retain(|_, links| !links.links.is_empty());
        Ok(seams)
    }

    /// Takes out the links that go and have one of these objects at an end.
    pub(super) fn take_ends(&mut self, ends: &FxHashSet<ObjectId>) -> Self {
        let mut taken = Self { links: IndexMap::default(), purges: Vec::new() };
        for (seam, links) in &mut self.links {
            let goes = |(one, other): &(ObjectId, ObjectId), link: &mut Link<H>| {
                !link.comes && (ends.contains(one) || ends.contains(other))
            };
            let going: IndexMap<_, _, _> = links.links.extract_if(.., goes).collect();
            if !going.is_empty() {
                let (one, other) = (links.one.clone(), links.other.clone());
                taken.links.insert(seam.clone(), Links { one, other, links: going });
            }
        }
        self.links.retain(|_, links| !links.links.is_empty());
        taken
    }

    fn add_members(
        &mut self,
        host: &H,
        schema: &Schema,
        (unit, scope): (&Unit<H>, &Scope),
        model: &Model,
        owner: &H::Object,
        relation: &Relation,
    ) -> Result<()> {
        let is_new = host.state(owner) == State::Pending;
        let added = if is_new { related(host, owner, relation)? } else { came(host, owner, relation)? };
        for member in added {
            let leaves = unit.deleted.contains_key(&host.id(&member));
            if leaves {
                continue;
            }
            if unit.partial.contains(&(model.root(), relation.id))
                && is_known(host, schema, owner, relation, &member)?
            {
                continue;
            }
            let is_stored = match host.state(&member) {
                State::Persistent => host.home(&member) == unit.home.id(),
                State::Pending => host.home(&member) == unit.home.id() && scope.has(host.id(&member)),
                State::Deleted => continue,
                State::Transient | State::Detached => false,
            };
            if !is_stored {
                return Err(Error::invalid_request(format!(
                    "{}.{} refers to a {} that is not of this session: add it, or take it out of the relation",
                    model.name(),
                    relation.name,
                    schema.model(relation.target).name()
                )));
            }
            self.note(host, owner, relation, member, true);
        }
        if !is_new {
            for member in removed(host, owner, relation)? {
                if host.state(&member) == State::Persistent {
                    self.note(host, owner, relation, member, false);
                }
            }
        }
        Ok(())
    }

    /// Notes a link once, whichever end it was seen from. One that comes here and goes there is there already and stays.
    fn note(&mut self, host: &H, owner: &H::Object, relation: &Relation, member: H::Object, comes: bool) {
        let Some(junction) = &relation.junction else { return };
        let (seam, turned) = Seam::of(junction);
        let owner = host.retain(owner);
        let (one, other) = if turned { (member, owner) } else { (owner, member) };
        let links = self.links.entry(seam).or_insert_with(|| {
            let (one, other) = match turned {
                true => (&relation.remote, &relation.local),
                false => (&relation.local, &relation.remote),
            };
            Links { one: one.clone(), other: other.clone(), links: IndexMap::default() }
        });
        match links.links.entry((host.id(&one), host.id(&other))) {
            Entry::Occupied(known) if known.get().comes != comes => {
                known.shift_remove();
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(place) => {
                place.insert(Link { one, other, comes });
            }
        }
    }

    /// Rows of junctions that name deleted objects go before those, unless the database sees to them.
    pub(super) fn purge(&mut self, host: &H, schema: &Schema, deletes: &[Write<H>]) -> Result<()> {
        if deletes.is_empty() {
            return Ok(());
        }
        let mut ends: Vec<(ModelId, FieldIds, FieldIds, ModelId)> = Vec::new();
        for model in schema.models() {
            for relation in model.relations.iter().filter(|relation| is_written(relation)) {
                let Some(junction) = &relation.junction else { continue };
                let back = relation.back.map(|back| schema.model(relation.target).relation(back));
                let near = (model.id, &junction.near, &relation.local, relation.passive_deletes);
                let far_is_passive = back.is_some_and(|back| back.passive_deletes);
                let far = (relation.target, &junction.far, &relation.remote, far_is_passive);
                for (end, fields, keys, is_passive) in [near, far] {
                    let place = (junction.model, fields.clone(), keys.clone(), end);
                    let is_left = is_passive || cascades(schema.model(junction.model), fields);
                    if !is_left && !ends.contains(&place) {
                        ends.push(place);
                    }
                }
            }
        }
        for (junction, fields, referred, end) in ends {
            let gone = deletes.iter().filter(|write| write.model.id == end);
            let keys: Vec<Key> = gone
                .map(|write| stored_fields_of(host, &write.model, &write.object, &referred))
                .collect::<Result<_>>()?;
            if !keys.is_empty() {
                self.purges.push(Purge { junction, fields, keys });
            }
        }
        Ok(())
    }
}

/// A many-to-many relation that the unit of work writes.
fn is_written(relation: &Relation) -> bool {
    relation.junction.is_some() && !relation.view_only
}

/// The objects that came into a relation since it was loaded or written.
pub(super) fn came<H: Host>(host: &H, object: &H::Object, relation: &Relation) -> Result<Vec<H::Object>> {
    let mut found = Vec::new();
    host.added(object, relation.id, &mut |member| {
        found.push(host.retain(member));
        Ok(())
    })?;
    Ok(found)
}

/// True when the list of the other end was loaded with the owner in it: the link is there, and a partial list of the owner
/// does not show it.
fn is_known<H: Host>(
    host: &H,
    schema: &Schema,
    owner: &H::Object,
    relation: &Relation,
    member: &H::Object,
) -> Result<bool> {
    let Some(back) = relation.back else { return Ok(false) };
    let (back, id) = (schema.model(relation.target).relation(back), host.id(owner));
    let has = |objects: Vec<H::Object>| objects.iter().any(|object| host.id(object) == id);
    Ok(has(related(host, member, back)?) && !has(came(host, member, back)?))
}

/// True when the database deletes the rows of a junction with the end that these fields refer to, or lets it go.
fn cascades(junction: &Model, fields: &[FieldId]) -> bool {
    let own = fields.iter().any(|field| {
        junction.field(*field).foreign_key.as_ref().is_some_and(|key| key.on_delete.is_some_and(acts))
    });
    let columns = || fields.iter().map(|field| junction.field(*field).column.as_str());
    own || junction.def.constraints.iter().any(|constraint| match constraint {
        Constraint::ForeignKey { columns: own, on_delete: Some(action), .. } => {
            acts(action)
                && own.len() == fields.len()
                && columns().all(|column| own.iter().any(|own| own == column))
        }
        _ => false,
    })
}

/// True for a referential action that the database carries out by itself.
fn acts(action: &'static str) -> bool {
    !matches!(action, "RESTRICT" | "NO ACTION")
}

/// The ends of a junction's links whose lists are concerned: members that came, and those that went.
struct Told<H: Host> {
    object: H::Object,
    relation: RelationId,
    came: Vec<H::Object>,
    went: FxHashSet<ObjectId>,
}

/// What the lists of both ends have to be told of `links`.
fn told<'a, H: Host>(
    host: &H,
    schema: &Schema,
    links: impl Iterator<Item = (&'a Seam, &'a Link<H>)>,
) -> Vec<Told<H>> {
    let mut told: IndexMap<(ObjectId, RelationId), Told<H>, FxBuildHasher> = IndexMap::default();
    for (seam, link) in links {
        for (end, member, second) in [(&link.one, &link.other, false), (&link.other, &link.one, true)] {
            let model: &Arc<Model> = model_of(host, schema, end);
            for relation in model.relations.iter().filter(|relation| seam.is_of(relation, second)) {
                if !host.is_attached(end, relation.id) {
                    continue;
                }
                let entry = told.entry((host.id(end), relation.id)).or_insert_with(|| Told {
                    object: host.retain(end),
                    relation: relation.id,
                    came: Vec::new(),
                    went: FxHashSet::default(),
                });
                match link.comes {
                    true => entry.came.push(host.retain(member)),
                    false => {
                        entry.went.insert(host.id(member));
                    }
                }
            }
        }
    }
    told.into_values().collect()
}
