//! Writing the unit of work: levels of statements, parents first.
//!
//! A level is one flight, or one for each table of the class that has most: its objects go to the journal, take over the keys of their parents, are grouped by model,
//! action and set of fields, and each group is one statement with an array per column.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::Session;
use super::common::Inserts;
use super::expressions::Assigned;
use super::gather::{Assignment, Scope, Work, Write, related};
use super::group::{Group, in_stages, shown_all, stored_version, update_fields};
use super::identity::{Key, KeyIndex, has_null};
use super::journal::Action;
use super::precede::Ahead;
use super::stale::unload_stale;
use super::unit::{key_of, stored_key_of};
use super::written::Written;
use crate::driver::{Batch, Statement};
use crate::error::{Error, Result, SqlState};
use crate::host::{HomeId, Host, ObjectId, State};
use crate::model::{FieldSet, Model, ModelId};

/// The most rows of one statement: bounds the memory of a flight.
pub(super) const MAX_ROWS: usize = 32_768;

/// By what their statements are made of: the last is that of one object, where it computes something.
type Groups<H> =
    IndexMap<(ModelId, Option<usize>, Action, FieldSet, Option<Box<str>>), Vec<Group<H>>, FxBuildHasher>;

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
        self.mark_unseen_orphans(scope).await?;
        loop {
            let marked = self.unit.deleted.len();
            self.unit.mark_orphans(&self.host, &self.schema, scope)?;
            self.load_for_deletes(scope).await?;
            // Those that go by a cascade may have lost members, and orphans have members of their own.
            if self.unit.deleted.len() == marked {
                break;
            }
        }
        self.complete_versions(scope).await?;
        self.complete_unique(scope).await?;
        let mut work = Work::gather(&self.host, &self.schema, &mut self.unit, scope)?;
        let flights = work.levels.len()
            + work.ahead.as_ref().map_or(0, |ahead| ahead.flights())
            + work.deletes.len()
            + usize::from(!work.late_level.is_empty())
            + usize::from(!work.seams.is_empty());
        if !self.link.in_transaction() && (flights > 1 || self.is_heard(&work)) {
            self.begin()?;
        }
        if let Some(ahead) = work.ahead.take() {
            Box::pin(self.write_ahead(*ahead)).await?;
        }
        for level in &work.levels {
            let written = self.write_level(&work.assignments, level, level).await;
            written.map_err(|error| name_kept(error, work.kept.as_deref()))?;
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

    /// Writes what makes way for the rest.
    async fn write_ahead(&mut self, ahead: Ahead<H>) -> Result<()> {
        if !ahead.level.is_empty() {
            // The first part of writes: who listens hears of the second.
            self.write_level(&ahead.assignments, &ahead.level, &[]).await?;
        }
        if !ahead.whole.is_empty() {
            self.write_level(&ahead.assignments, &ahead.whole, &ahead.whole).await?;
        }
        if !ahead.seams.is_empty() {
            self.write_links(ahead.seams).await?;
        }
        for level in &ahead.deletes {
            self.write_level(&ahead.assignments, level, level).await?;
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
                statements.push(group.statement(&self.host, &self.schema, &self.plans)?);
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
                    let error = self.name_twins(groups, error);
                    let error = name_objects(&self.host, error, groups, &statements);
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
                unload_stale(&self.host, &self.schema, &group.model, object, &group.written());
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
        let mut inserts = Inserts::of(host, level)?;
        for (place, write) in level.iter().enumerate() {
            let model = &write.model;
            let version = stored_version(host, write)?;
            let fields = match write.action {
                Action::Insert => inserts.take(place, model.id),
                Action::Update => update_fields(host, model, &write.object)?,
                Action::Delete => FieldSet::new(),
            };
            if write.action == Action::Update && fields.is_empty() {
                continue;
            }
            let mut add = |part: Option<usize>, mut fields: FieldSet| -> Result<()> {
                let table = part.map_or(model, |part| self.schema.model(model.parts()[part].model));
                let fresh = || Group::new(write.action, Arc::clone(model), Arc::clone(table), part);
                let assigned = match write.action {
                    Action::Delete => None,
                    _ => Assigned::of(host, &self.schema, &self.plans, &write.object, &mut fields, fresh)?,
                };
                let sql = assigned.as_ref().map(|assigned| assigned.sql.clone());
                let chunks = groups.entry((model.id, part, write.action, fields, sql)).or_default();
                let joins = |group: &Group<H>| match (&group.assigned, &assigned) {
                    (Some(others), Some(own)) => others.joins(own, &self.plans),
                    _ => true,
                };
                let takes = |group: &Group<H>| group.objects.len() < MAX_ROWS && joins(group);
                if !chunks.last().is_some_and(takes) {
                    chunks.push(Group { assigned, ..fresh() });
                }
                if let Some(group) = chunks.last_mut() {
                    group.objects.push(host.retain(&write.object));
                    if group.table.upkeep.version.is_some() {
                        group.versions.extend(version.clone());
                    }
                }
                Ok(())
            };
            if model.parts().is_empty() {
                add(None, fields)?;
                continue;
            }
            for (at, part) in model.parts().iter().enumerate() {
                let of_part = part.written(at, write.action == Action::Insert, model.key.len(), &fields);
                let counts = at == 0 && self.schema.model(part.model).upkeep.version.is_some();
                if write.action != Action::Update || !of_part.is_empty() || counts {
                    add(Some(at), of_part)?;
                }
            }
        }
        let mut flat = Vec::new();
        for ((_, _, _, fields, _), chunks) in groups {
            for mut group in chunks {
                group.take_fields(host, &self.schema, &fields)?;
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
                        self.forget_viewed(&group.model, object)?;
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
        groups.iter().for_each(|group| group.forget_properties(&self.host));
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

    /// A row is there: what its `viewonly` relations lead to only the database knows, unless the program has said it.
    fn forget_viewed(&self, model: &Model, object: &H::Object) -> Result<()> {
        for relation in model.relations.iter().filter(|relation| relation.view_only) {
            if related(&self.host, object, relation)?.is_empty() {
                self.host.unload_relation(object, relation.id);
            }
        }
        Ok(())
    }
}

pub(super) type Assignments<H> = rustc_hash::FxHashMap<crate::host::ObjectId, Vec<Assignment<H>>>;

/// Names the attribute whose value a driver has refused: it knows the number of a parameter.
fn name_parameter<H: Host>(error: Error, groups: &[Group<H>], statements: &[Statement]) -> Error {
    let Some(group) = group_of(&error, groups, statements) else { return error };
    if group.assigned.is_some() {
        return error;
    }
    error.name_parameter(|index| {
        let field = group.fields.iter().chain(&group.model.key).nth(index)?;
        Some(group.model.place(*field))
    })
}

/// Says why a row that is deleted does not make way for a refused one.
fn name_kept(error: Error, kept: Option<&str>) -> Error {
    match kept {
        Some(kept)
            if error.diagnostics().is_some_and(|known| known.sqlstate == SqlState::UNIQUE_VIOLATION) =>
        {
            error.with_note(kept)
        }
        _ => error,
    }
}

/// Says which objects a refused statement was to write: what was pending and not meant by whoever runs a query.
fn name_objects<H: Host>(host: &H, error: Error, groups: &[Group<H>], statements: &[Statement]) -> Error {
    if error.diagnostics().is_none() {
        return error;
    }
    let Some(group) = group_of(&error, groups, statements) else { return error };
    error.with_note(format!("{} {}", group.action.of(), shown_all(host, &group.model, &group.objects)))
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
