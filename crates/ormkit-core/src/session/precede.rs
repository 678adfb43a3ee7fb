//! Rows that make way: one that is deleted goes before another comes with its primary key, or with a value that is unique.
//!
//! Rows go last, as a rule: nothing must refer to them. A row that makes way goes first, and with it those that go and
//! refer to it; what stays and refers to it lets go before, in an UPDATE that would have come behind. Where that cannot
//! be, the order stays, and the database refuses the new row.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Session;
use super::flush::Assignments;
use super::gather::{Assignment, Scope, Write};
use super::identity::{Key, KeyIndex, has_null};
use super::journal::Action;
use super::junction::Seams;
use super::unit::{model_of, stored_fields_of, values_of};
use crate::error::Result;
use crate::host::{Host, ObjectId, State};
use crate::model::{Constraint, FieldIds, IndexTerm, Model, ModelId, Reference, Schema, Timing};

/// What is written ahead of everything else.
pub(super) struct Ahead<H: Host> {
    pub(super) assignments: Assignments<H>,
    /// Objects that let go of the rows that go, and are written once more behind those.
    pub(super) level: Vec<Write<H>>,
    /// Objects that refer to them and are written whole.
    pub(super) whole: Vec<Write<H>>,
    /// Links of the rows that go.
    pub(super) seams: Seams<H>,
    pub(super) deletes: Vec<Vec<Write<H>>>,
}

/// The order in which rows make way for others.
#[derive(Default)]
pub(super) struct Order {
    /// Rows that are deleted first.
    pub(super) deletes: FxHashSet<ObjectId>,
    /// UPDATEs that can be written whole before those.
    pub(super) whole: FxHashSet<ObjectId>,
    /// Objects that let go before those and are written again: which of their references.
    pub(super) releases: Vec<(usize, FieldIds, FieldIds)>,
    /// UPDATEs that come before the INSERTs of their level.
    pub(super) updates: FxHashSet<ObjectId>,
    /// What cannot make way, and why, for the error of the database.
    pub(super) kept: Option<String>,
}

impl Order {
    pub(super) fn find<H: Host>(
        host: &H,
        schema: &Schema,
        assignments: &Assignments<H>,
        saves: &[Write<H>],
        deletes: &[Write<H>],
    ) -> Result<Self> {
        let mut order = Self::default();
        let mut rows = Rows { host, schema, assignments, saves, deletes, unique: FxHashMap::default() };
        let freed = rows.freed()?;
        if freed.is_empty() {
            return Ok(order);
        }
        let wanted = rows.wanted(&freed)?;
        order.updates = wanted.updates;
        if wanted.deletes.is_empty() {
            return Ok(order);
        }
        let all: Vec<usize> = wanted.deletes.iter().map(|(at, _)| *at).collect();
        if let Ok(way) = rows.way(&all, &wanted.takers)? {
            order.take(way, host, deletes);
            return Ok(order);
        }
        // One that cannot go first keeps none of the others.
        for (at, columns) in wanted.deletes {
            match rows.way(&[at], &wanted.takers)? {
                Ok(way) => order.take(way, host, deletes),
                Err(because) => {
                    let name = deletes[at].model.name();
                    order.kept = Some(format!(
                        "a {name} with the same {columns} is deleted in this flush and cannot go first: {because}; flush \
                         after the delete, or change the {name} instead"
                    ));
                }
            }
        }
        Ok(order)
    }

    fn take<H: Host>(&mut self, way: Way, host: &H, deletes: &[Write<H>]) {
        self.deletes.extend(way.deletes.iter().map(|at| host.id(&deletes[*at].object)));
        self.whole.extend(way.whole);
        for release in way.releases {
            if !self.releases.contains(&release) {
                self.releases.push(release);
            }
        }
    }
}

/// What has to be done before some rows can be deleted.
struct Way {
    /// Those, and others that go and refer to them.
    deletes: FxHashSet<usize>,
    whole: Vec<ObjectId>,
    releases: Vec<(usize, FieldIds, FieldIds)>,
}

/// Values that rows are going to let go of: by the family and the columns.
type Freed = FxHashMap<(ModelId, Vec<String>), (KeyIndex, Vec<Holder>)>;

/// Who holds them: a row that is deleted, or one that is updated.
#[derive(Clone, Copy)]
enum Holder {
    Delete(usize),
    Update(ObjectId),
}

/// Who has to go before another comes.
#[derive(Default)]
struct Wanted {
    deletes: Vec<(usize, String)>,
    updates: FxHashSet<ObjectId>,
    /// The objects that come.
    takers: FxHashSet<ObjectId>,
}

struct Rows<'a, H: Host> {
    host: &'a H,
    schema: &'a Schema,
    assignments: &'a Assignments<H>,
    saves: &'a [Write<H>],
    deletes: &'a [Write<H>],
    /// Per model.
    unique: FxHashMap<ModelId, Arc<[FieldIds]>>,
}

impl<H: Host> Rows<'_, H> {
    fn unique(&mut self, model: &Model) -> Arc<[FieldIds]> {
        Arc::clone(self.unique.entry(model.id).or_insert_with(|| unique(self.schema, model).into()))
    }

    /// What the rows that are deleted hold, and what those that are updated give away; empty where nothing comes.
    fn freed(&mut self) -> Result<Freed> {
        let mut freed = Freed::default();
        let comes = |write: &Write<H>| write.action == Action::Insert;
        let (deletes, saves) = (self.deletes, self.saves);
        if deletes.is_empty() && !saves.iter().any(comes) {
            return Ok(freed);
        }
        let coming: FxHashSet<ModelId> =
            saves.iter().filter(|write| comes(write) || !deletes.is_empty()).map(root).collect();
        for (at, write) in deletes.iter().enumerate().filter(|(_, write)| coming.contains(&root(write))) {
            for fields in self.unique(&write.model).iter() {
                self.free(&mut freed, write, fields, Holder::Delete(at))?;
            }
        }
        let coming: FxHashSet<ModelId> = saves.iter().filter(|write| comes(write)).map(root).collect();
        for write in saves.iter().filter(|write| !comes(write) && coming.contains(&root(write))) {
            let unique = self.unique(&write.model);
            let id = self.host.id(&write.object);
            for fields in unique.iter() {
                if self.changes(write, fields)? {
                    self.free(&mut freed, write, fields, Holder::Update(id))?;
                }
            }
        }
        Ok(freed)
    }

    fn free(&self, freed: &mut Freed, write: &Write<H>, fields: &FieldIds, holder: Holder) -> Result<()> {
        // One that is not loaded is not known.
        let Ok(key) = stored_fields_of(self.host, &write.model, &write.object, fields) else { return Ok(()) };
        if has_null(&key)? {
            return Ok(());
        }
        let (index, holders) = freed.entry((root(write), columns(&write.model, fields))).or_default();
        let place = u32::try_from(holders.len()).unwrap_or(u32::MAX);
        if index.insert(key, place)? {
            holders.push(holder);
        }
        Ok(())
    }

    /// True when a save sets one of these fields, by itself or by a relation.
    fn changes(&self, write: &Write<H>, fields: &FieldIds) -> Result<bool> {
        let changed = self.host.changed(&write.object)?;
        Ok(fields.iter().any(|field| changed.contains(*field))
            || self.assigned(write).any(|given| fields.iter().any(|field| given.into.contains(field))))
    }

    fn assigned(&self, write: &Write<H>) -> impl DoubleEndedIterator<Item = &Assignment<H>> {
        self.assignments.get(&self.host.id(&write.object)).into_iter().flatten()
    }

    fn wanted(&mut self, freed: &Freed) -> Result<Wanted> {
        let mut wanted = Wanted::default();
        let mut seen = FxHashSet::default();
        for write in self.saves {
            for fields in self.unique(&write.model).iter() {
                let columns = columns(&write.model, fields);
                let place = (root(write), columns);
                let Some((index, holders)) = freed.get(&place) else { continue };
                let Some(key) = self.coming(write, fields)? else { continue };
                let Some(found) = index.find(&key)? else { continue };
                match holders[found as usize] {
                    Holder::Update(id) if write.action == Action::Insert => {
                        wanted.updates.insert(id);
                    }
                    Holder::Update(_) => {}
                    Holder::Delete(at) => {
                        wanted.takers.insert(self.host.id(&write.object));
                        if seen.insert(at) {
                            wanted.deletes.push((at, place.1.join(", ")));
                        }
                    }
                }
            }
        }
        Ok(wanted)
    }

    /// What a save is going to hold; None where it is not known yet, is NULL, or is what the row holds anyway.
    fn coming(&self, write: &Write<H>, fields: &FieldIds) -> Result<Option<Key>> {
        if write.action == Action::Update && !self.changes(write, fields)? {
            return Ok(None);
        }
        let given = self.host.given(&write.object)?;
        let mut key = Key::new();
        for field in fields {
            let assigned = self.assigned(write).rev().find_map(|assignment| {
                let at = assignment.into.iter().position(|into| into == field)?;
                Some((assignment.parent.as_ref(), assignment.from[at]))
            });
            let value = match assigned {
                Some((None, _)) => return Ok(None),
                Some((Some(parent), from)) => {
                    let model = model_of(self.host, self.schema, parent);
                    let is_known =
                        self.host.state(parent) != State::Pending || self.host.given(parent)?.contains(from);
                    if !is_known {
                        return Ok(None);
                    }
                    values_of(self.host, model, parent, &[from])
                }
                None if write.action == Action::Insert && !given.contains(*field) => return Ok(None),
                None => values_of(self.host, &write.model, &write.object, &[*field]),
            };
            let Ok(value) = value else { return Ok(None) };
            key.extend(value);
        }
        Ok((!has_null(&key)?).then_some(key))
    }

    /// How rows can be deleted first, or why they cannot.
    fn way(&self, first: &[usize], takers: &FxHashSet<ObjectId>) -> Result<std::result::Result<Way, String>> {
        let mut way =
            Way { deletes: first.iter().copied().collect(), whole: Vec::new(), releases: Vec::new() };
        let mut newest = first.to_vec();
        while !newest.is_empty() {
            let mut targets = Targets::new(self, &newest);
            for (at, write) in
                self.saves.iter().enumerate().filter(|(_, write)| write.action == Action::Update)
            {
                for reference in &write.model.references {
                    if !targets.has(write, reference)? {
                        continue;
                    }
                    if let Err(because) = self.let_go(&mut way, at, reference, takers)? {
                        return Ok(Err(because));
                    }
                }
            }
            let mut next = Vec::new();
            for (at, write) in self.deletes.iter().enumerate() {
                if way.deletes.contains(&at) {
                    continue;
                }
                for reference in &write.model.references {
                    if targets.has(write, reference)? {
                        next.push(at);
                        break;
                    }
                }
            }
            way.deletes.extend(next.iter().copied());
            newest = next;
        }
        Ok(Ok(way))
    }

    /// How an object that stays lets go of a row that goes first.
    fn let_go(
        &self,
        way: &mut Way,
        at: usize,
        reference: &Reference,
        takers: &FxHashSet<ObjectId>,
    ) -> Result<std::result::Result<(), String>> {
        let write = &self.saves[at];
        let id = self.host.id(&write.object);
        let place = write.model.place(reference.fields[0]);
        let is_its = |given: &&Assignment<H>| given.into == reference.fields;
        if !self.assigned(write).any(|given| is_its(&given)) {
            return Ok(Err(format!("{place} refers to it")));
        }
        if self.is_free(write)? && !takers.contains(&id) {
            if !way.whole.contains(&id) {
                way.whole.push(id);
            }
            return Ok(Ok(()));
        }
        if reference.fields.iter().any(|field| !write.model.field(*field).nullable) {
            return Ok(Err(format!("{place} refers to it, and is NOT NULL")));
        }
        way.releases.push((at, reference.target_fields.clone(), reference.fields.clone()));
        Ok(Ok(()))
    }

    /// True when an UPDATE waits for no other write: its references lead to rows that are there, by their keys.
    fn is_free(&self, write: &Write<H>) -> Result<bool> {
        let changed = self.host.changed(&write.object)?;
        for reference in &write.model.references {
            let is_assigned = self.assigned(write).any(|given| given.into == reference.fields);
            if !is_assigned && reference.fields.iter().any(|field| changed.contains(*field)) {
                return Ok(false);
            }
        }
        for given in self.assigned(write) {
            let Some(parent) = &given.parent else { continue };
            let changed = self.host.changed(parent)?;
            if self.host.state(parent) != State::Persistent
                || given.from.iter().any(|field| changed.contains(*field))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Rows that are to be deleted, by the fields that references name.
struct Targets<'a, H: Host> {
    rows: &'a Rows<'a, H>,
    newest: &'a [usize],
    index: FxHashMap<(ModelId, FieldIds), KeyIndex>,
}

impl<'a, H: Host> Targets<'a, H> {
    fn new(rows: &'a Rows<'a, H>, newest: &'a [usize]) -> Self {
        Self { rows, newest, index: FxHashMap::default() }
    }

    /// True when a row refers to one of them.
    fn has(&mut self, write: &Write<H>, reference: &Reference) -> Result<bool> {
        let rows = self.rows;
        let target = rows.schema.model(reference.target).root();
        let its = self.newest.iter().map(|at| &rows.deletes[*at]).filter(|write| root(write) == target);
        let mut its = its.peekable();
        if its.peek().is_none() {
            return Ok(false);
        }
        // One that is not loaded may refer to them: a row that goes can go first, and one that stays cannot.
        let Ok(key) = stored_fields_of(rows.host, &write.model, &write.object, &reference.fields) else {
            return Ok(write.action == Action::Delete);
        };
        if has_null(&key)? {
            return Ok(false);
        }
        let index = match self.index.entry((target, reference.target_fields.clone())) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                let mut index = KeyIndex::default();
                for gone in its {
                    let fields = &reference.target_fields;
                    if let Ok(key) = stored_fields_of(rows.host, &gone.model, &gone.object, fields) {
                        index.insert(key, 0)?;
                    }
                }
                place.insert(index)
            }
        };
        Ok(index.find(&key)?.is_some())
    }
}

/// The fields of a class whose values no two rows share; the key first.
fn unique(schema: &Schema, model: &Model) -> Vec<FieldIds> {
    let mut unique = vec![model.key.clone()];
    unique.extend(
        model
            .field_ids()
            .filter(|field| model.field(*field).unique)
            .map(|field| FieldIds::from_slice(&[field])),
    );
    let above = model.family.iter().flat_map(|family| &family.above).map(|above| &**schema.model(*above));
    for class in std::iter::once(model).chain(above) {
        let constraints = class.def.constraints.iter().filter_map(|constraint| match constraint {
            Constraint::Unique { columns, timing, .. } if *timing != Timing::Deferred => {
                columns.iter().map(|column| class.find_column(column)).collect::<Option<FieldIds>>()
            }
            _ => None,
        });
        let indexes = class.def.indexes.iter().filter(|index| index.unique).filter_map(|index| {
            let column = |term: &IndexTerm| match term {
                IndexTerm::Column(column) => class.find_column(column),
                IndexTerm::Expr(_) => None,
            };
            index.parts.iter().map(|part| column(&part.term)).collect::<Option<FieldIds>>()
        });
        unique.extend(constraints.chain(indexes));
    }
    unique.retain(|fields| !fields.is_empty());
    unique
}

fn columns(model: &Model, fields: &FieldIds) -> Vec<String> {
    fields.iter().map(|field| model.field(*field).column.clone()).collect()
}

fn root<H: Host>(write: &Write<H>) -> ModelId {
    write.model.root()
}

impl<H: Host> Session<H> {
    /// Reads what deleted objects do not know of the values that new ones of their class may take.
    pub(super) async fn complete_unique(&mut self, scope: &Scope) -> Result<()> {
        if self.unit.deleted.is_empty() || (self.unit.new.is_empty() && self.unit.changed.is_empty()) {
            return Ok(());
        }
        let schema = Arc::clone(&self.schema);
        let saved = self.unit.new.values().chain(self.unit.changed.values());
        let saved: FxHashSet<ModelId> =
            saved.map(|object| model_of(&self.host, &schema, object).root()).collect();
        let mut unknown = Vec::new();
        for (_, object) in self.unit.deleted.iter().filter(|(id, _)| scope.has(**id)) {
            let model = model_of(&self.host, &schema, object);
            let loaded = self.host.loaded(object);
            let lacks = |fields: &FieldIds| fields.iter().any(|field| !loaded.contains(*field));
            if saved.contains(&model.root()) && unique(&schema, model).iter().any(lacks) {
                unknown.push((self.host.retain(object), model));
            }
        }
        for (object, model) in unknown {
            self.complete(model, &object).await?;
        }
        Ok(())
    }
}
