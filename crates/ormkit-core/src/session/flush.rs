//! Writing the unit of work: levels of statements, parents first.
//!
//! A level is one flight: its objects go to the journal, take over the keys of their parents, are grouped by model,
//! action and set of fields, and each group is one statement with an array per column.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::Session;
use super::gather::{Assignment, Scope, Work, Write};
use super::identity::{Key, KeyIndex, has_null};
use super::journal::Action;
use super::stale::unload_stale;
use super::unit::{key_of, missing, stored_key_of, values_of};
use super::written::Written;
use crate::driver::{Batch, Statement};
use crate::error::{Error, Result, SqlState};
use crate::host::{HomeId, Host, ObjectId, State};
use crate::model::{FieldDefault, FieldId, FieldSet, Model, ModelId, OnUpdate, Version};
use crate::plan::Plans;
use crate::sql::update_returning;
use crate::value::{Params, Value, ValueRef};

/// The most rows of one statement: bounds the memory of a flight.
pub(super) const MAX_ROWS: usize = 32_768;

/// Objects that one statement writes.
pub(super) struct Group<H: Host> {
    pub(super) action: Action,
    pub(super) model: Arc<Model>,
    /// What stands for the table: the model, unless its objects have several.
    pub(super) table: Arc<Model>,
    /// Which of them; None: there is one.
    part: Option<usize>,
    fields: Vec<FieldId>,
    /// The same in the table.
    columns: Vec<FieldId>,
    pub(super) returning: Vec<FieldId>,
    pub(super) layout: Option<H::Layout>,
    pub(super) objects: Vec<H::Object>,
    /// Per object the version that its row has, where rows have one.
    versions: Vec<Value>,
    /// The keys of the rows, where the objects take other ones.
    keys: Vec<Key>,
}

type Groups<H> = IndexMap<(ModelId, Option<usize>, Action, FieldSet), Vec<Group<H>>, FxBuildHasher>;

impl<H: Host> Session<H> {
    /// Writes what `scope` says: everything, or some objects and what their cascades reach.
    ///
    /// Without a transaction a single level is kept at once, since nothing else belongs to it; several levels open one,
    /// which the caller ends.
    ///
    /// # Errors
    /// `InvalidRequest` in a read-only transaction or session, before anything is sent.
    pub(super) async fn write(&mut self, scope: &mut Scope) -> Result<()> {
        self.may_write()?;
        loop {
            let marked = self.unit.deleted.len();
            self.unit.mark_orphans(&self.host, &self.schema, scope)?;
            self.load_for_deletes(scope).await?;
            // Those that go by a cascade may have lost members, and orphans have members of their own.
            if self.unit.deleted.len() == marked {
                break;
            }
        }
        let work = Work::gather(&self.host, &self.schema, &mut self.unit, scope)?;
        let flights = work.levels.len()
            + work.deletes.len()
            + usize::from(!work.late_level.is_empty())
            + usize::from(!work.seams.is_empty());
        if !self.link.in_transaction() && (flights > 1 || self.is_heard(&work)) {
            self.begin()?;
        }
        for level in &work.levels {
            self.write_level(&work.assignments, level, level).await?;
        }
        if !work.late_level.is_empty() {
            // The second part of writes: who has heard of them does not hear of it.
            self.write_level(&work.late, &work.late_level, &[]).await?;
        }
        if !work.seams.is_empty() {
            self.write_links(work.seams).await?;
        }
        for level in &work.deletes {
            self.write_level(&work.assignments, level, level).await?;
        }
        Ok(())
    }

    /// Writes a level; of `told` the host hears.
    async fn write_level(
        &mut self,
        assignments: &Assignments<H>,
        level: &[Write<H>],
        told: &[Write<H>],
    ) -> Result<()> {
        self.enter_journal(level)?;
        for write in level {
            for assignment in assignments.get(&self.host.id(&write.object)).into_iter().flatten() {
                assignment.apply(&self.host)?;
            }
        }
        // Boxed: a flush that nobody listens to has no room for it.
        let heard = self.heard(told)?;
        if !heard.is_empty() {
            Box::pin(self.tell_before(&heard)).await?;
        }
        let groups = self.groups(level)?;
        if !self.link.in_transaction() && groups.iter().any(|group| !group.is_all_or_nothing()) {
            self.begin()?;
        }
        let stages = in_stages(groups);
        for (at, groups) in stages.iter().enumerate() {
            for group in groups {
                group.mirror_keys(&self.host)?;
            }
            let mut statements = Vec::with_capacity(groups.len());
            for group in groups {
                statements.push(group.statement(&self.host, &self.plans)?);
            }
            if at == 0 {
                self.mark_sent(level, &stages);
            }
            if !statements.is_empty() {
                let mut sink = Written::new(&self.host, groups)?;
                let ran =
                    self.link.run_atomic(Batch { before: &[], statements: &statements }, &mut sink).await;
                ran.map_err(|error| {
                    let error = name_parameter(error, groups, &statements);
                    let error = name_objects(self.name_twins(groups, error), groups, &statements);
                    self.schema.explain_writes(error, groups.iter().filter_map(Group::wrote))
                })?;
            }
        }
        self.settle(&stages.into_iter().flatten().collect::<Vec<_>>())?;
        match heard.is_empty() {
            true => Ok(()),
            false => Box::pin(self.tell_after(&heard)).await,
        }
    }

    /// What is saved counts as written as soon as the statements hold its values: a change that comes while they are on
    /// their way is the next flush's. Where they fail, the journal gives the marks back.
    fn mark_sent(&self, level: &[Write<H>], stages: &[Vec<Group<H>>]) {
        for group in stages.iter().flatten().filter(|group| group.action == Action::Update) {
            for object in &group.objects {
                unload_stale(&self.host, &self.schema, &group.model, object, &group.fields);
            }
        }
        // Also those of which only relations were changed, which others write: an object that stays marked would not
        // report its next change.
        for write in level.iter().filter(|write| write.action != Action::Delete) {
            self.host.clean(&write.object);
        }
    }

    /// Hands the objects of a level to the journal: from here on a rollback undoes them.
    fn enter_journal(&mut self, level: &[Write<H>]) -> Result<()> {
        let mut taken: FxHashMap<ObjectId, Action> = FxHashMap::default();
        let noted = level.iter().try_for_each(|write| {
            let known = match write.action {
                Action::Insert => None,
                Action::Update | Action::Delete => {
                    Some((write.model.id, stored_key_of(&self.host, &write.model, &write.object)?))
                }
            };
            self.unit.journal.note(&self.host, write.action, &write.object, known);
            taken.insert(self.host.id(&write.object), write.action);
            Ok(())
        });
        // One pass over each map: to take out one by one would move all that follow, each time.
        let unit = &mut self.unit;
        unit.new.retain(|id, _| taken.get(id) != Some(&Action::Insert));
        unit.changed.retain(|id, _| !matches!(taken.get(id), Some(Action::Update | Action::Delete)));
        unit.deleted.retain(|id, _| taken.get(id) != Some(&Action::Delete));
        noted
    }

    fn groups(&self, level: &[Write<H>]) -> Result<Vec<Group<H>>> {
        let host = &self.host;
        let mut groups = Groups::<H>::default();
        for write in level {
            let model = &write.model;
            let version = stored_version(host, write)?;
            let fields = match write.action {
                Action::Insert => insert_fields(host, model, &write.object)?,
                Action::Update => update_fields(host, model, &write.object)?,
                Action::Delete => FieldSet::new(),
            };
            if write.action == Action::Update && fields.is_empty() {
                continue;
            }
            let mut add = |part: Option<usize>, fields: FieldSet| {
                let chunks = groups.entry((model.id, part, write.action, fields)).or_default();
                if chunks.last().is_none_or(|group| group.objects.len() >= MAX_ROWS) {
                    let table = part.map_or(model, |part| self.schema.model(model.parts()[part].model));
                    chunks.push(Group::new(write.action, Arc::clone(model), Arc::clone(table), part));
                }
                if let Some(group) = chunks.last_mut() {
                    group.objects.push(host.retain(&write.object));
                    if group.table.upkeep.version.is_some() {
                        group.versions.extend(version.clone());
                    }
                }
            };
            if model.parts().is_empty() {
                add(None, fields);
                continue;
            }
            for (at, part) in model.parts().iter().enumerate() {
                let of_part = part.written(at, write.action == Action::Insert, model.key.len(), &fields);
                let counts = at == 0 && self.schema.model(part.model).upkeep.version.is_some();
                if write.action != Action::Update || !of_part.is_empty() || counts {
                    add(Some(at), of_part);
                }
            }
        }
        let mut flat = Vec::new();
        for ((_, _, _, fields), chunks) in groups {
            for mut group in chunks {
                group.take_fields(host, &fields)?;
                flat.push(group);
            }
        }
        Ok(flat)
    }

    /// Says which objects of a refused INSERT have one key, where it is they that it was refused for.
    fn name_twins(&self, groups: &[Group<H>], error: Error) -> Error {
        if error.diagnostics().is_none_or(|known| known.sqlstate != SqlState::UNIQUE_VIOLATION) {
            return error;
        }
        let mut seen: FxHashMap<ModelId, KeyIndex> = FxHashMap::default();
        for group in groups.iter().filter(|group| group.action == Action::Insert) {
            let index = seen.entry(group.model.id).or_insert_with(|| KeyIndex::with_capacity(8));
            for object in &group.objects {
                // One without a key has none of its own.
                let Ok(key) = key_of(&self.host, &group.model, object) else { continue };
                let with = match has_null(&key) {
                    Ok(false) if self.is_held(&group.model, &key) => "one that the session holds",
                    Ok(false) if matches!(index.insert(key, 0), Ok(false)) => "another new one of this flush",
                    _ => continue,
                };
                let columns: Vec<_> =
                    group.model.key.iter().map(|field| group.model.field(*field).name.as_str()).collect();
                let (name, columns) = (group.model.name(), columns.join(", "));
                return error.with_note(format!("a new {name} has the same key ({columns}) as {with}"));
            }
        }
        error
    }

    fn is_held(&self, model: &Model, key: &Key) -> bool {
        matches!(self.unit.identity.find(&self.host, model.id, key), Ok(Some(_)))
    }

    /// The rows are written: the objects are what the database holds.
    fn settle(&mut self, groups: &[Group<H>]) -> Result<()> {
        let home = self.unit.home.id();
        for group in groups.iter().filter(|group| group.is_first()) {
            for object in &group.objects {
                match group.action {
                    Action::Insert => {
                        self.host.settle(object, State::Persistent, home);
                        let key = key_of(&self.host, &group.model, object)?;
                        self.unit.identity.insert(&self.host, group.model.id, &key, object)?;
                        self.unit.journal.known(self.host.id(object), group.model.id, key);
                    }
                    Action::Update => {}
                    Action::Delete => {
                        let key = stored_key_of(&self.host, &group.model, object)?;
                        self.unit.identity.remove(&self.host, group.model.id, &key, object)?;
                        self.host.settle(object, State::Deleted, HomeId::NONE);
                    }
                }
            }
        }
        if !self.plans.dialect().returns_triggered {
            groups.iter().for_each(|group| group.forget_triggered(&self.host));
        }
        for group in groups.iter().filter(|group| group.action == Action::Update && !group.keys.is_empty()) {
            self.rekey(&group.model, &group.objects, &group.keys)?;
        }
        // When all that goes is gone: an owner that goes as well keeps its list.
        for group in groups.iter().filter(|group| group.action == Action::Delete && group.is_first()) {
            self.depart(&group.model, &group.objects)?;
        }
        Ok(())
    }
}

/// Groups of objects with several tables one after the other: the first table has the key, which the database may number.
/// Rows go in the other order.
fn in_stages<H: Host>(groups: Vec<Group<H>>) -> Vec<Vec<Group<H>>> {
    let stage = |group: &Group<H>| match (group.part, group.action) {
        (None, _) => 0,
        (Some(part), Action::Delete) => group.model.parts().len() - 1 - part,
        (Some(part), _) => part,
    };
    let mut stages: Vec<Vec<Group<H>>> = Vec::new();
    for group in groups {
        let at = stage(&group);
        stages.resize_with(stages.len().max(at + 1), Vec::new);
        stages[at].push(group);
    }
    if stages.is_empty() {
        stages.push(Vec::new());
    }
    stages
}

pub(super) type Assignments<H> = rustc_hash::FxHashMap<crate::host::ObjectId, Vec<Assignment<H>>>;

/// Names the attribute whose value a driver has refused: it knows the number of a parameter.
fn name_parameter<H: Host>(error: Error, groups: &[Group<H>], statements: &[Statement]) -> Error {
    let Some(group) = group_of(&error, groups, statements) else { return error };
    error.name_parameter(|index| {
        let field = group.fields.iter().chain(&group.model.key).nth(index)?;
        Some(group.model.place(*field))
    })
}

/// Says which objects a refused statement was to write: what was pending and not meant by whoever runs a query.
fn name_objects<H: Host>(error: Error, groups: &[Group<H>], statements: &[Statement]) -> Error {
    if error.diagnostics().is_none() {
        return error;
    }
    let Some(group) = group_of(&error, groups, statements) else { return error };
    let (what, name, count) = (group.action.of(), group.model.name(), group.objects.len());
    error.with_note(if count == 1 {
        format!("{what} one {name}")
    } else {
        format!("{what} {count} {name} objects")
    })
}

/// The objects of the statement that an error speaks of.
fn group_of<'a, H: Host>(
    error: &Error,
    groups: &'a [Group<H>],
    statements: &[Statement],
) -> Option<&'a Group<H>> {
    let at = match (error.statement(), statements) {
        (Some(sql), statements) => statements.iter().position(|statement| statement.text.sql == sql),
        (None, [_]) => Some(0),
        (None, _) => None,
    };
    at.map(|at| &groups[at])
}

/// What INSERT writes; a NOT NULL column that nobody fills is an error before anything is sent.
pub(super) fn insert_fields<H: Host>(host: &H, model: &Model, object: &H::Object) -> Result<FieldSet> {
    let mut given = host.given(object)?;
    refuse_generated(model, &given)?;
    for field in &model.upkeep.client_insert {
        if !given.contains(*field) {
            host.renew(object, *field)?;
            given.insert(*field);
        }
    }
    for field in model.field_ids() {
        let column = model.field(field);
        if !column.nullable && !column.filled_by_database() && !given.contains(field) {
            return Err(missing(model, field));
        }
    }
    Ok(given)
}

/// What UPDATE writes.
fn update_fields<H: Host>(host: &H, model: &Model, object: &H::Object) -> Result<FieldSet> {
    let mut changed = host.changed(object)?;
    if changed.is_empty() {
        return Ok(changed);
    }
    refuse_generated(model, &changed)?;
    for field in &model.upkeep.client {
        if !changed.contains(*field) {
            host.renew(object, *field)?;
            changed.insert(*field);
        }
    }
    Ok(changed)
}

/// Refuses a value for what the database alone writes.
fn refuse_generated(model: &Model, given: &FieldSet) -> Result<()> {
    let Some(field) = model.upkeep.generated.iter().find(|field| given.contains(**field)) else {
        return Ok(());
    };
    let how = match model.field(*field).computed.is_some() {
        true => "is computed by the database: set the columns that it is made of",
        false => "is numbered by the database alone (Identity(always=True)): leave it out",
    };
    Err(Error::invalid_request(format!("{} {how}", model.place(*field))))
}

/// The version that an object's row has.
fn stored_version<H: Host>(host: &H, write: &Write<H>) -> Result<Option<Value>> {
    let Some((field, version)) = write.model.upkeep.version.filter(|_| write.action != Action::Insert) else {
        return Ok(None);
    };
    if write.action == Action::Update && host.changed(&write.object)?.contains(field) {
        let place = write.model.place(field);
        let who = if version == Version::Server { "database" } else { "flush" };
        return Err(Error::invalid_request(format!(
            "{place} is the version of its row: the {who} writes it"
        )));
    }
    Ok(Some(values_of(host, &write.model, &write.object, &[field])?.remove(0)))
}

impl<H: Host> Group<H> {
    fn new(action: Action, model: Arc<Model>, table: Arc<Model>, part: Option<usize>) -> Self {
        Self {
            action,
            model,
            table,
            part,
            fields: Vec::new(),
            columns: Vec::new(),
            returning: Vec::new(),
            layout: None,
            objects: Vec::new(),
            versions: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// True for the group that stands for its objects, where several write their tables.
    fn is_first(&self) -> bool {
        self.part.unwrap_or(0) == 0
    }

    /// The field of the objects that a column of the table holds.
    fn field_of(&self, column: FieldId) -> FieldId {
        let Some(part) = self.part else { return column };
        let fields = &self.model.parts()[part].fields;
        fields.iter().find(|(_, of_table)| *of_table == column).map_or(column, |(field, _)| *field)
    }

    /// Gives objects their key under its other names, before the rows that hold them are written.
    fn mirror_keys(&self, host: &H) -> Result<()> {
        let Some(part) = self.part.filter(|_| self.action == Action::Insert) else { return Ok(()) };
        for (field, mirror) in self.model.key.iter().zip(&self.model.parts()[part].mirrors) {
            for object in &self.objects {
                host.carry((object, *field), object, *mirror)?;
            }
        }
        Ok(())
    }

    /// True when rows are answered with their keys in front, in any order.
    pub(super) fn is_keyed(&self) -> bool {
        self.action != Action::Insert && self.objects.len() > 1 && !self.returning.is_empty()
    }

    /// Makes unloaded what triggers fill in and RETURNING does not know.
    fn forget_triggered(&self, host: &H) {
        let is_triggered = |field: &FieldId| {
            let known = self.model.field(*field);
            match self.action {
                Action::Insert => known.default == FieldDefault::Fetched && !self.fields.contains(field),
                Action::Update => {
                    known.on_update == OnUpdate::Fetched || known.version == Some(Version::Server)
                }
                Action::Delete => false,
            }
        };
        let triggered: FieldSet = self.model.field_ids().filter(is_triggered).collect();
        if !triggered.is_empty() {
            self.objects.iter().for_each(|object| host.unload(object, &triggered));
        }
    }

    /// `User id=7`: an object, for messages.
    pub(super) fn shown(&self, host: &H, object: &H::Object) -> String {
        let mut shown = self.model.name().to_owned();
        if let Ok(key) = key_of(host, &self.model, object) {
            for (field, part) in self.model.key.iter().zip(&key) {
                let part = match part {
                    Value::Int(number) => number.to_string(),
                    Value::Text(text) => format!("{text:?}"),
                    other => format!("{other:?}"),
                };
                shown.push_str(&format!(" {}={part}", self.model.field(*field).name));
            }
        }
        shown
    }

    /// The fields that it writes; a DELETE violates the keys of other tables, which the models need not know.
    fn wrote(&self) -> Option<(&Model, &[FieldId])> {
        (self.action != Action::Delete).then_some((&self.table, &self.columns))
    }

    fn take_fields(&mut self, host: &H, fields: &FieldSet) -> Result<()> {
        self.fields = fields.iter().collect();
        self.columns = match self.part {
            None => self.fields.clone(),
            Some(part) => {
                let known = &self.model.parts()[part].fields;
                let column = |field: &FieldId| known.iter().find(|(of_class, _)| of_class == field);
                self.fields.iter().filter_map(column).map(|(_, column)| *column).collect()
            }
        };
        if self.is_first() && self.changes_key(host)? {
            let key = |object| stored_key_of(host, &self.model, object);
            self.keys = self.objects.iter().map(key).collect::<Result<_>>()?;
        }
        if self.action == Action::Insert {
            let filled = |column: &FieldId| {
                self.table.field(*column).filled_by_database() && !self.columns.contains(column)
            };
            self.returning = self.table.field_ids().filter(filled).collect();
        }
        let many = self.objects.len() > 1;
        let mut from = 0;
        match self.action {
            Action::Insert => {}
            Action::Update => self.returning = update_returning(&self.table, many),
            Action::Delete if many && self.table.upkeep.version.is_some() => {
                self.returning = self.table.key.to_vec();
            }
            Action::Delete => {}
        }
        if self.is_keyed() {
            from = self.model.key.len();
        }
        if !self.returning.is_empty() {
            let read: Vec<FieldId> =
                self.returning[from..].iter().map(|column| self.field_of(*column)).collect();
            self.layout = Some(host.layout(&self.model, &read, from)?);
        }
        Ok(())
    }

    /// True when rows are found by other keys than the objects have.
    fn changes_key(&self, host: &H) -> Result<bool> {
        let is_key = |field: &FieldId| self.model.key.contains(field);
        match self.action {
            Action::Insert => Ok(false),
            Action::Update => Ok(self.fields.iter().any(is_key)),
            Action::Delete => {
                for object in &self.objects {
                    if host.changed(object)?.iter().any(|field| is_key(&field)) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// True when the statement alone is done as a whole or not at all: its rows need no counting, and what it answers
    /// (numbers of the database) cannot fail to be taken in.
    fn is_all_or_nothing(&self) -> bool {
        match self.action {
            Action::Insert => {
                self.part.is_none()
                    && self.returning.iter().all(|field| self.table.field(*field).autoincrement)
            }
            Action::Update | Action::Delete => {
                self.part.is_none() && self.objects.len() == 1 && self.returning.is_empty()
            }
        }
    }

    fn statement(&self, host: &H, plans: &Plans) -> Result<Statement> {
        let many = self.objects.len() > 1;
        let (text, by_key) = match self.action {
            Action::Insert => (plans.insert(&self.table, &self.columns, many, &self.returning), false),
            Action::Update => (plans.update(&self.table, &self.columns, many), true),
            Action::Delete => (plans.delete(&self.table, many), true),
        };
        let key: &[FieldId] = if by_key { &self.model.key } else { &[] };
        let mut params = Params::new();
        // What the rows are found by stands behind the values: where keys change, their old ones; then the version.
        let (own, old) =
            text.params.split_at(if self.keys.is_empty() { text.params.len() } else { self.fields.len() });
        let mut old = old.iter();
        let mut own = own.iter();
        for (field, param) in self.fields.iter().chain(key).zip(&mut own) {
            if !param.array {
                self.read(host, &self.objects[0], *field, &mut |value| params.push(value))?;
                continue;
            }
            let mut array = params.array(param.element);
            for object in &self.objects {
                self.read(host, object, *field, &mut |value| array.push(value))?;
            }
        }
        let parts = if self.keys.is_empty() { 0 } else { self.model.key.len() };
        for (part, param) in (0..parts).zip(&mut old) {
            let mut values = self.keys.iter().map(|key| key[part].as_ref().unwrap_or(ValueRef::Null));
            match param.array {
                true => params.push_array(param.element, values),
                false => params.push(values.next().unwrap_or(ValueRef::Null)),
            }
        }
        if let Some(param) = own.chain(old).next().filter(|_| !self.versions.is_empty()) {
            let mut values = self.versions.iter().map(|version| version.as_ref().unwrap_or(ValueRef::Null));
            match param.array {
                true => params.push_array(param.element, values),
                false => params.push(values.next().unwrap_or(ValueRef::Null)),
            }
        }
        if many && self.fields.is_empty() && self.action == Action::Insert {
            // Rows without any value are counted by an array of NULLs.
            params.push_array(text.params[0].element, self.objects.iter().map(|_| ValueRef::Null));
        }
        Ok(Statement::new(text, params))
    }

    fn read(
        &self,
        host: &H,
        object: &H::Object,
        field: FieldId,
        push: &mut dyn FnMut(ValueRef<'_>),
    ) -> Result<()> {
        let model = &self.model;
        host.read(object, field, &mut |value| {
            if value.is_null() && !model.field(field).nullable {
                return Err(missing(model, field));
            }
            push(value);
            Ok(())
        })
        .map_err(|error| error.at(|| model.place(field)))
    }
}
