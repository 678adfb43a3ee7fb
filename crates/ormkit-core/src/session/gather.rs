//! What a flush will write, found out before anything is sent: cascades, keys to carry over, and the order.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::cascade::Adopted;
use super::flush::Assignments;
use super::identity::has_null;
use super::journal::Action;
use super::junction::Seams;
use super::levels::{by_depth, delete_levels, save_edges};
use super::precede::{Ahead, Order};
use super::unit::{Unit, model_of, values_of};
use crate::error::{Error, Result};
use crate::host::{Host, ObjectId, State};
use crate::model::{Constraint, FieldId, FieldIds, Model, Relation, RelationId, RelationKind, Schema};

/// How much a flush writes.
pub(super) enum Scope {
    /// Everything.
    All,
    /// These objects, and new ones that their cascades reach.
    Objects(FxHashSet<ObjectId>),
}

impl Scope {
    pub(super) fn has(&self, id: ObjectId) -> bool {
        match self {
            Self::All => true,
            Self::Objects(objects) => objects.contains(&id),
        }
    }

    /// Takes in an object that a cascade has reached.
    pub(super) fn reach(&mut self, id: ObjectId) {
        if let Self::Objects(objects) = self {
            objects.insert(id);
        }
    }
}

/// One object to be written.
pub(super) struct Write<H: Host> {
    pub(super) action: Action,
    pub(super) object: H::Object,
    pub(super) model: Arc<Model>,
}

/// A child takes over the key of its parent, or NULL, before it is written.
pub(super) struct Assignment<H: Host> {
    pub(super) parent: Option<H::Object>,
    child: H::Object,
    pub(super) from: FieldIds,
    pub(super) into: FieldIds,
    /// The child's reference to the parent.
    reference: Option<RelationId>,
    /// `Model.relation`.
    pub(super) because: String,
    /// It is written behind all that is inserted.
    late: bool,
}

impl<H: Host> Assignment<H> {
    pub(super) fn apply(&self, host: &H) -> Result<()> {
        for (from, into) in self.from.iter().zip(&self.into) {
            host.copy(self.parent.as_ref().map(|parent| (parent, *from)), &self.child, *into)?;
        }
        // The reference of a child whose parent is deleted.
        match self.reference.filter(|reference| host.is_attached(&self.child, *reference)) {
            Some(reference) if self.parent.is_none() => host.attach_one(&self.child, reference, None),
            _ => Ok(()),
        }
    }
}

/// Everything that a flush writes, level by level.
pub(super) struct Work<H: Host> {
    /// Rows that make way for others.
    pub(super) ahead: Option<Box<Ahead<H>>>,
    /// What cannot make way, for the error of the database.
    pub(super) kept: Option<String>,
    pub(super) levels: Vec<Vec<Write<H>>>,
    pub(super) assignments: Assignments<H>,
    /// Behind all levels of INSERTs, before those of DELETEs: references of `post_update` relations.
    pub(super) late: Assignments<H>,
    pub(super) late_level: Vec<Write<H>>,
    pub(super) deletes: Vec<Vec<Write<H>>>,
    /// Behind all that is saved, before what is deleted.
    pub(super) seams: Seams<H>,
}

impl<H: Host> Work<H> {
    pub(super) fn gather(host: &H, schema: &Schema, unit: &mut Unit<H>, scope: &mut Scope) -> Result<Self> {
        unit.cascade(host, schema, scope)?;
        let adopted = Adopted::find(host, schema, unit, scope)?;
        let mut gather = Gather {
            host,
            schema,
            unit,
            scope,
            assignments: FxHashMap::default(),
            late: Vec::new(),
            adopted,
        };
        gather.orphans()?;
        gather.assign()?;
        let writes = gather.writes()?;
        let (mut assignments, mut late) = (gather.assignments, gather.late);
        let (mut deletes, mut saves): (Vec<_>, Vec<_>) =
            writes.into_iter().partition(|write| write.action == Action::Delete);
        let order = Order::find(host, schema, &assignments, &saves, &deletes)?;
        let mut seams = Seams::gather(host, schema, gather.unit, gather.scope)?;
        let ahead = match order.deletes.is_empty() {
            true => None,
            false => {
                let writes = (&mut saves, &mut deletes);
                Some(Box::new(Ahead::take(host, schema, &order, &mut assignments, writes, &mut seams)?))
            }
        };
        if !order.updates.is_empty() {
            saves.sort_by_key(|write| !order.updates.contains(&host.id(&write.object)));
        }
        let levels = by_depth(saves, |writes| save_edges(host, writes, &assignments))?;
        late.extend(parting(host, schema, &deletes));
        seams.purge(host, schema, &deletes)?;
        let mut work = Self {
            ahead,
            kept: order.kept,
            levels,
            assignments,
            late: FxHashMap::default(),
            late_level: Vec::new(),
            deletes: delete_levels(host, schema, deletes)?,
            seams,
        };
        for assignment in late {
            let id = host.id(&assignment.child);
            if !work.late.contains_key(&id) {
                let object = host.retain(&assignment.child);
                let model = Arc::clone(model_of(host, schema, &object));
                work.late_level.push(Write { action: Action::Update, object, model });
            }
            work.late.entry(id).or_default().push(assignment);
        }
        Ok(work)
    }
}

impl<H: Host> Ahead<H> {
    /// Takes out of what is written what is written ahead.
    fn take(
        host: &H,
        schema: &Schema,
        order: &Order,
        assignments: &mut Assignments<H>,
        (saves, deletes): (&mut Vec<Write<H>>, &mut Vec<Write<H>>),
        seams: &mut Seams<H>,
    ) -> Result<Self> {
        let mut own = Assignments::<H>::default();
        let mut level = Vec::new();
        for (at, from, into) in &order.releases {
            let Write { object, model, .. } = &saves[*at];
            let (action, id) = (Action::Update, host.id(object));
            // One that is written whole lets go with all else.
            if order.whole.contains(&id) {
                continue;
            }
            if !own.contains_key(&id) {
                level.push(Write { action, object: host.retain(object), model: Arc::clone(model) });
            }
            own.entry(id).or_default().push(Assignment {
                parent: None,
                child: host.retain(object),
                from: from.clone(),
                into: into.clone(),
                reference: None,
                because: model.place(into[0]),
                late: false,
            });
        }
        let is_whole = |write: &mut Write<H>| order.whole.contains(&host.id(&write.object));
        let whole: Vec<Write<H>> = saves.extract_if(.., is_whole).collect();
        own.extend(order.whole.iter().filter_map(|id| assignments.remove_entry(id)));
        let goes = |write: &mut Write<H>| order.deletes.contains(&host.id(&write.object));
        let going: Vec<Write<H>> = deletes.extract_if(.., goes).collect();
        let mut links = seams.take_ends(&order.deletes);
        links.purge(host, schema, &going)?;
        let deletes = delete_levels(host, schema, going)?;
        Ok(Self { assignments: own, level, whole, seams: links, deletes })
    }

    /// Number of flights.
    pub(super) fn flights(&self) -> usize {
        usize::from(!self.level.is_empty())
            + usize::from(!self.whole.is_empty())
            + usize::from(!self.seams.is_empty())
            + self.deletes.len()
    }
}

struct Gather<'a, H: Host> {
    host: &'a H,
    schema: &'a Schema,
    unit: &'a mut Unit<H>,
    scope: &'a mut Scope,
    assignments: Assignments<H>,
    /// Those of `post_update` relations to parents that are new.
    late: Vec<Assignment<H>>,
    adopted: Adopted,
}

impl<H: Host> Gather<'_, H> {
    fn in_scope(&self, id: ObjectId) -> bool {
        self.scope.has(id)
    }

    /// New and changed objects of the scope that have such a relation and stay, in order.
    fn active(&self, has: impl Fn(&Relation) -> bool) -> VecDeque<H::Object> {
        self.unit.active(self.host, self.schema, self.scope, has)
    }

    /// Deleted objects of the scope that have such a relation.
    fn leaving(&self, has: impl Fn(&Relation) -> bool) -> VecDeque<H::Object> {
        self.unit.leaving(self.host, self.schema, self.scope, has)
    }

    /// True when a child that left a list has another parent by now.
    fn has_moved(&self, model: &Model, child: &H::Object, relation: &Relation) -> Result<bool> {
        self.adopted.has(self.host, self.schema, model, child, relation)
    }

    /// New children that were taken out of a delete-orphan relation, and have no other parent, are not written. Stored
    /// ones are marked for deletion by now.
    fn orphans(&mut self) -> Result<()> {
        let owns = |relation: &Relation| relation.cascade.delete_orphan;
        for object in self.active(owns).into_iter().chain(self.leaving(owns)) {
            let model = Arc::clone(model_of(self.host, self.schema, &object));
            for relation in model.relations.iter().filter(|relation| owns(relation)) {
                for child in removed(self.host, &object, relation)? {
                    if self.host.state(&child) == State::Pending
                        && !self.has_moved(&model, &child, relation)?
                    {
                        self.unit.expunge(self.host, self.schema, &child)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Finds the keys that changed relations carry over.
    fn assign(&mut self) -> Result<()> {
        for object in self.active(|relation| !relation.view_only) {
            let model = Arc::clone(model_of(self.host, self.schema, &object));
            self.pass_key_on(&model, &object)?;
            for relation in &model.relations {
                if relation.view_only || !self.host.relation_changed(&object, relation.id) {
                    continue;
                }
                match relation.kind {
                    RelationKind::ManyToOne => self.assign_parent(&model, &object, relation)?,
                    RelationKind::OneToMany => self.assign_children(&model, &object, relation)?,
                    // Links are written by themselves.
                    RelationKind::ManyToMany => {}
                }
            }
        }
        let is_list = |relation: &Relation| relation.kind == RelationKind::OneToMany && !relation.view_only;
        for parent in self.leaving(is_list) {
            let model = Arc::clone(model_of(self.host, self.schema, &parent));
            for relation in model.relations.iter().filter(|relation| is_list(relation)) {
                self.release_children(&model, &parent, relation)?;
            }
        }
        Ok(())
    }

    /// Children in loaded lists follow a changed key, unless the database sees to them.
    fn pass_key_on(&mut self, model: &Model, object: &H::Object) -> Result<()> {
        let is_list = |relation: &&Relation| relation.kind == RelationKind::OneToMany && !relation.view_only;
        if self.host.state(object) != State::Persistent || !model.relations.iter().any(|list| is_list(&list))
        {
            return Ok(());
        }
        let changed = self.host.changed(object)?;
        if !model.key.iter().any(|field| changed.contains(*field)) {
            return Ok(());
        }
        for relation in model.relations.iter().filter(is_list) {
            let concerned = relation.local.iter().any(|field| changed.contains(*field));
            if !concerned || follows_by_itself(self.schema.model(relation.target), &relation.remote) {
                continue;
            }
            for child in related(self.host, object, relation)? {
                self.scope.reach(self.host.id(&child));
                self.assign_child(model, Some(object), child, relation)?;
            }
        }
        Ok(())
    }

    fn assign_parent(&mut self, model: &Model, child: &H::Object, relation: &Relation) -> Result<()> {
        let mut parent = related(self.host, child, relation)?.pop();
        if let (Some(leaving), Some(back)) = (&parent, relation.back)
            && self.unit.deleted.contains_key(&self.host.id(leaving))
            && releases(self.schema, self.schema.model(relation.target).relation(back))
        {
            parent = None;
        }
        if let Some(absent) = &parent
            && self.host.state(absent) == State::Transient
        {
            return Err(self.outside(model, relation));
        }
        self.push(Assignment {
            parent,
            child: self.host.retain(child),
            from: relation.remote.clone(),
            into: relation.local.clone(),
            reference: Some(relation.id),
            because: place(model, relation),
            late: is_late(self.schema, relation),
        });
        Ok(())
    }

    /// The error of a relation that would be written with an object that is not.
    fn outside(&self, model: &Model, relation: &Relation) -> Error {
        Error::invalid_request(format!(
            "{} refers to a new {} that is not of this session: add it, or take it out of the relation",
            place(model, relation),
            self.schema.model(relation.target).name()
        ))
    }

    fn assign_children(&mut self, model: &Model, parent: &H::Object, relation: &Relation) -> Result<()> {
        for child in related(self.host, parent, relation)? {
            let left_out =
                !relation.cascade.save_update || self.unit.was_expunged(self.host, self.host.id(&child));
            if left_out && self.host.state(&child) == State::Transient {
                return Err(self.outside(model, relation));
            }
            self.assign_child(model, Some(parent), child, relation)?;
        }
        for child in removed(self.host, parent, relation)? {
            if !self.has_moved(model, &child, relation)? {
                self.assign_child(model, None, child, relation)?;
            }
        }
        Ok(())
    }

    /// Carries a parent's key to a child, unless the child's own relation does.
    fn assign_child(
        &mut self,
        model: &Model,
        parent: Option<&H::Object>,
        child: H::Object,
        relation: &Relation,
    ) -> Result<()> {
        let id = self.host.id(&child);
        let own = relation.back.is_some_and(|back| self.host.relation_changed(&child, back));
        let gone = self.unit.deleted.contains_key(&id)
            || !matches!(self.host.state(&child), State::Pending | State::Persistent);
        if own || gone || (self.host.state(&child) == State::Persistent && !self.in_scope(id)) {
            return Ok(());
        }
        if self.host.state(&child) == State::Persistent {
            let child = self.host.retain(&child);
            self.unit.changed.entry(id).or_insert(child);
        }
        self.push(Assignment {
            parent: parent.map(|parent| self.host.retain(parent)),
            child,
            from: relation.local.clone(),
            into: relation.remote.clone(),
            reference: relation.back,
            because: place(model, relation),
            late: is_late(self.schema, relation),
        });
        Ok(())
    }

    /// Children of a deleted parent that stay lose their key, unless the database or a cascade sees to them: then a new
    /// one is written with its key, as an earlier flush would have written it.
    fn release_children(&mut self, model: &Model, parent: &H::Object, relation: &Relation) -> Result<()> {
        let releases = releases(self.schema, relation);
        for child in related(self.host, parent, relation)? {
            if releases {
                self.scope.reach(self.host.id(&child));
                self.assign_child(model, None, child, relation)?;
            } else if self.host.state(&child) == State::Pending {
                self.assign_child(model, Some(parent), child, relation)?;
            }
        }
        if releases {
            for child in removed(self.host, parent, relation)? {
                if !self.has_moved(model, &child, relation)? {
                    self.scope.reach(self.host.id(&child));
                    self.assign_child(model, None, child, relation)?;
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, assignment: Assignment<H>) {
        let is_new = |parent: &H::Object| self.host.state(parent) == State::Pending;
        if assignment.late && assignment.parent.as_ref().is_some_and(is_new) {
            self.late.push(assignment);
            return;
        }
        self.assignments.entry(self.host.id(&assignment.child)).or_default().push(assignment);
    }

    fn writes(&self) -> Result<Vec<Write<H>>> {
        let mut writes = Vec::new();
        let mut push = |action, object: &H::Object| {
            let model = Arc::clone(model_of(self.host, self.schema, object));
            writes.push(Write { action, object: self.host.retain(object), model });
        };
        for (id, object) in &self.unit.new {
            if self.in_scope(*id) {
                push(Action::Insert, object);
            }
        }
        for (id, object) in &self.unit.changed {
            if self.in_scope(*id) && !self.unit.deleted.contains_key(id) {
                push(Action::Update, object);
            }
        }
        for (id, object) in &self.unit.deleted {
            if self.in_scope(*id) {
                push(Action::Delete, object);
            }
        }
        Ok(writes)
    }
}

/// True when deleting a parent must take its key out of the children: nobody else sees to them.
pub(super) fn releases(schema: &Schema, relation: &Relation) -> bool {
    relation.kind == RelationKind::OneToMany
        && !relation.view_only
        && !relation.passive_deletes
        && !relation.cascade.delete
        && !left_to_database(schema, relation)
}

/// True when the foreign key of a one-to-many relation has an ON DELETE that the database carries out.
pub(super) fn left_to_database(schema: &Schema, relation: &Relation) -> bool {
    let target = schema.model(relation.target);
    let own = relation
        .remote
        .iter()
        .any(|field| target.field(*field).foreign_key.as_ref().is_some_and(|key| key.on_delete.is_some()));
    let is_remote =
        |column: &String| relation.remote.iter().any(|field| target.field(*field).column == *column);
    own || target.def.constraints.iter().any(|constraint| match constraint {
        Constraint::ForeignKey { columns, on_delete: Some(_), .. } => columns.iter().all(is_remote),
        _ => false,
    })
}

/// True when the database carries a changed key over to these columns (ON UPDATE CASCADE).
pub(super) fn follows_by_itself(model: &Model, fields: &[FieldId]) -> bool {
    let cascades = |field: &FieldId| {
        model.field(*field).foreign_key.as_ref().is_some_and(|key| key.on_update == Some("CASCADE"))
    };
    fields.iter().all(cascades)
}

fn place(model: &Model, relation: &Relation) -> String {
    format!("{}.{}", model.name(), relation.name)
}

/// The loaded objects of a relation.
pub(super) fn related<H: Host>(host: &H, object: &H::Object, relation: &Relation) -> Result<Vec<H::Object>> {
    let mut found = Vec::new();
    host.related(object, relation.id, &mut |relative| {
        found.push(host.retain(relative));
        Ok(())
    })?;
    Ok(found)
}

pub(super) fn removed<H: Host>(host: &H, object: &H::Object, relation: &Relation) -> Result<Vec<H::Object>> {
    let mut found = Vec::new();
    host.removed(object, relation.id, &mut |relative| {
        found.push(host.retain(relative));
        Ok(())
    })?;
    Ok(found)
}

/// True when the foreign key of a relation is written behind the rows themselves: either side says so.
fn is_late(schema: &Schema, relation: &Relation) -> bool {
    let other = relation.back.map(|back| schema.model(relation.target).relation(back));
    relation.post_update || other.is_some_and(|other| other.post_update)
}

/// References of `post_update` relations, by the fields of their keys.
pub(super) fn late_references<'a>(
    schema: &'a Schema,
    model: &'a Model,
) -> impl Iterator<Item = &'a Relation> {
    let is_reference = |relation: &&Relation| relation.kind == RelationKind::ManyToOne;
    model.relations.iter().filter(is_reference).filter(|relation| is_late(schema, relation))
}

/// Objects that are deleted let go of what they refer to by a `post_update` relation, where that is deleted as well.
fn parting<H: Host>(host: &H, schema: &Schema, deletes: &[Write<H>]) -> Vec<Assignment<H>> {
    let mut parting = Vec::new();
    for write in deletes.iter().filter(|write| write.model.cyclic) {
        for relation in late_references(schema, &write.model) {
            // Unknown ones are let go of as well.
            let key = values_of(host, &write.model, &write.object, &relation.local);
            if key.is_ok_and(|key| has_null(&key).unwrap_or(false)) {
                continue;
            }
            parting.push(Assignment {
                parent: None,
                child: host.retain(&write.object),
                from: relation.remote.clone(),
                into: relation.local.clone(),
                reference: None,
                because: place(&write.model, relation),
                late: true,
            });
        }
    }
    parting
}
