//! Loading relations by further statements: `WHERE key IN (..)`. All relations of one level are one flight.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::Result;
use crate::host::{Fill, Host, ObjectId, State};
use crate::load::hydrate::{attach_aside, attach_many, attach_one, back_of};
use crate::model::{FieldId, FieldSet, Lazy, Model, Relation, RelationId, RelationKind};
use crate::plan::{Place, keys_at_once, select_fields, select_in};
use crate::query::{Load, Reach, Select, Strategy, strategy_of};
use crate::session::Session;
use crate::session::identity::{Key, KeyIndex, has_null};
use crate::session::mark::Mark;
use crate::session::read::Fetched;
use crate::session::stale::unload_stale;
use crate::session::unit::{stored_fields_of, stored_key_of, values_of};

/// Objects of one model, and what is to be loaded of them.
struct Task<'a, H: Host> {
    model: Arc<Model>,
    parents: Parents<'a, H::Object>,
    loads: Vec<Load>,
}

/// The objects that a caller gave, or that a level found.
enum Parents<'a, O> {
    Given(&'a [O]),
    Found(Vec<O>),
}

impl<O> std::ops::Deref for Parents<'_, O> {
    type Target = [O];

    fn deref(&self) -> &[O] {
        match self {
            Self::Given(given) => given,
            Self::Found(found) => found,
        }
    }
}

/// The objects that loads have gone on from: rows may refer to each other in a circle.
#[derive(Default)]
struct Passed {
    /// By recursive loads of a relation.
    deeper: FxHashSet<(ObjectId, RelationId)>,
    /// By what their models always load, behind a join.
    behind: FxHashSet<ObjectId>,
    /// Whose relation was loaded again.
    again: FxHashSet<(ObjectId, RelationId)>,
}

/// Objects at the far ends of relations that were read before their parents were known.
pub(crate) type Ahead<H> = FxHashMap<RelationId, Fetched<H>>;

/// One relation of a level.
struct Step<H: Host> {
    /// The place of its task.
    task: usize,
    load: Load,
    /// Places of the parents that lack the relation.
    waiting: Vec<usize>,
    places: Places,
    /// The objects at the far end, as far as they are known.
    found: Fetched<H>,
    /// How many statements are its own.
    statements: usize,
    /// What is loaded may be a part of the relation.
    partial: bool,
    /// So it may, but all that lacks counts as deleted.
    lacks_deleted: bool,
}

impl<H: Host> Session<H> {
    /// Loads what `loads` say of `parents`, which are of one model, level by level.
    pub(crate) async fn load_relations(
        &mut self,
        model: &Model,
        parents: &[H::Object],
        loads: &[Load],
    ) -> Result<()> {
        let criteria = self.criteria_along(model)?;
        let reach = Reach { criteria: &criteria, ..Reach::default() };
        self.load_levels(model, parents, loads, reach, Ahead::<H>::default()).await
    }

    /// The same, where the far ends of some relations were read ahead.
    pub(crate) async fn load_levels(
        &mut self,
        model: &Model,
        parents: &[H::Object],
        loads: &[Load],
        reach: Reach<'_>,
        mut ahead: Ahead<H>,
    ) -> Result<()> {
        let mut level = Vec::new();
        self.add_tasks(&mut level, model, Parents::Given(parents), loads);
        let mut passed = Passed::default();
        while !level.is_empty() {
            level = self.load_level(&level, reach, &mut passed, std::mem::take(&mut ahead)).await?;
        }
        Ok(())
    }

    /// What is to be loaded of objects of `model`, and of the classes below it.
    fn add_tasks<'a>(
        &self,
        tasks: &mut Vec<Task<'a, H>>,
        model: &Model,
        parents: Parents<'a, H::Object>,
        loads: &[Load],
    ) {
        let schema = Arc::clone(self.schema());
        for id in model.family.iter().flat_map(|family| &family.below) {
            let class = schema.model(*id);
            let asked = loads.iter().filter(|load| load.of == Some(*id));
            let asked: Vec<Load> = asked.map(|load| Load { of: None, ..load.clone() }).collect();
            // What classes above have is loaded with theirs.
            let above = class.family.as_ref().and_then(|family| family.above.first());
            let inherited = above.map_or(0, |above| schema.model(*above).relations.len());
            let mut own = loads_of(class, &asked);
            own.retain(|load| {
                load.relation.index() >= inherited
                    || asked.iter().any(|asked| asked.relation == load.relation)
            });
            if own.is_empty() {
                continue;
            }
            let of_class = parents.iter().filter(|parent| schema.model(self.host().model(parent)).is_a(*id));
            let found: Vec<H::Object> = of_class.map(|parent| self.host().retain(parent)).collect();
            if !found.is_empty() {
                tasks.push(Task { model: Arc::clone(class), parents: Parents::Found(found), loads: own });
            }
        }
        let loads = loads_of(model, loads);
        if !loads.is_empty() {
            tasks.push(Task { model: Arc::clone(schema.model(model.id)), parents, loads });
        }
    }

    /// Loads one level and answers the next one.
    async fn load_level(
        &mut self,
        level: &[Task<'_, H>],
        reach: Reach<'_>,
        passed: &mut Passed,
        mut ahead: Ahead<H>,
    ) -> Result<Vec<Task<'static, H>>> {
        let (mut steps, mut selects) = (Vec::new(), Vec::new());
        for (index, task) in level.iter().enumerate() {
            for load in &task.loads {
                match load.strategy {
                    // A join fills what its statement reads; parents that the session held already are not among it.
                    Strategy::SelectIn | Strategy::Joined => {
                        if reach.again && load.strategy == Strategy::SelectIn && load.aside.is_none() {
                            self.make_room(&task.parents, load.relation, passed);
                        }
                        let known = load.aside.is_none().then(|| ahead.remove(&load.relation)).flatten();
                        let mut step = self.step(index, task, load, reach, &mut selects);
                        let links = &task.model.relation(load.relation).local;
                        // Rare, and not asked of every parent before.
                        if step.is_err() && self.lacks_any(&task.parents, links) {
                            self.read_missing(&task.model, &task.parents, links).await?;
                            step = self.step(index, task, load, reach, &mut selects);
                        }
                        let mut step = step?;
                        if let Some(known) = known {
                            selects.truncate(selects.len() - step.statements);
                            (step.found, step.statements) = (known, 0);
                        }
                        steps.push(step);
                    }
                    Strategy::Contained => steps.push(Step::settled(index, load, true)),
                    // The statement of the parents has joined it.
                    Strategy::Default => steps.push(Step::settled(index, load, false)),
                    Strategy::NoLoad => {
                        self.mark_not_loaded(&task.parents, task.model.relation(load.relation))?;
                    }
                    Strategy::Raise => {}
                }
            }
        }
        let mut answers = self.fetch_all(&selects, reach.fill()).await?.into_iter();
        let mut next = Vec::new();
        for mut step in steps {
            for rows in answers.by_ref().take(step.statements) {
                step.found.objects.extend(rows.objects);
                step.found.parents.extend(rows.parents);
            }
            self.attach(&level[step.task], &step)?;
            if reach.again {
                self.unload_stale_children(&level[step.task], &step)?;
            }
            self.complete_children(&level[step.task], &step).await?;
            self.go_on(&level[step.task], &step, passed, &mut next)?;
        }
        Ok(next)
    }

    /// What a select-in load of `task`'s objects lacks: statements are added to `selects`.
    fn step(
        &self,
        index: usize,
        task: &Task<'_, H>,
        load: &Load,
        reach: Reach<'_>,
        selects: &mut Vec<Select>,
    ) -> Result<Step<H>> {
        let (host, relation) = (self.host(), task.model.relation(load.relation));
        let waits =
            |place: &usize| load.aside.is_some() || !host.is_attached(&task.parents[*place], relation.id);
        let waiting: Vec<usize> = (0..task.parents.len()).filter(waits).collect();
        let narrowed = reach.criteria.iter().any(|criterion| criterion.model == relation.target);
        let partial = narrowed || load.is_partial();
        let places = Places::with_capacity(waiting.len());
        let target = self.schema().model(relation.target);
        let lacks_deleted = reach.leaves_out(target);
        let mut step = Step { places, waiting, lacks_deleted, ..Step::settled(index, load, partial) };
        for place in &step.waiting {
            // Rows refer to the key that is stored; a reference leads where the program has set it.
            let parent = &task.parents[*place];
            step.places.add(match relation.kind {
                RelationKind::ManyToOne => values_of(host, &task.model, parent, &relation.local)?,
                _ => stored_fields_of(host, &task.model, parent, &relation.local)?,
            })?;
        }
        let by_key = relation.kind == RelationKind::ManyToOne
            && target.key == relation.remote
            && relation.condition.is_none()
            && !partial;
        let mut keys: Vec<&Key> = Vec::new();
        for key in step.places.index.keys() {
            // Objects that the session holds need no statement when they are asked for by their primary key.
            let held = if by_key && !reach.again { self.held(relation.target, key)? } else { None };
            let Some(object) = held else {
                keys.push(key);
                continue;
            };
            match lacks_deleted.then(|| self.mark_of(target, &object)).transpose()? {
                None | Some(Mark::Living) => step.found.objects.push(object),
                Some(Mark::Deleted) => {}
                Some(Mark::Unknown) => keys.push(key),
            }
        }
        let place = Place::of(self.schema(), relation);
        for chunk in keys.chunks(keys_at_once(self.dialect(), place.model, place.fields)) {
            let lists = columns(relation.local.len(), chunk);
            let mut select = select_in(self.schema(), relation, lists, load, reach.criteria);
            select.deleted = reach.deleted();
            selects.push(select);
            step.statements += 1;
        }
        Ok(step)
    }

    /// Gives the parents what was found.
    fn attach(&mut self, task: &Task<'_, H>, step: &Step<H>) -> Result<()> {
        let relation = task.model.relation(step.load.relation);
        let aside = step.load.aside.as_deref();
        if (step.partial || step.lacks_deleted) && relation.many && aside.is_none() {
            self.note_partial(task.model.id, relation.id);
        }
        if !step.waiting.is_empty() {
            let schema = Arc::clone(self.schema());
            let (target, back) = (schema.model(relation.target), back_of(&schema, relation));
            let mut members: Vec<(u32, &H::Object)> = Vec::with_capacity(step.found.objects.len());
            for (at, object) in step.found.objects.iter().enumerate() {
                let place = match relation.junction {
                    Some(_) => step.found.parents.get(at).map(|key| step.places.index.find(key)),
                    None => {
                        let key = values_of(self.host(), target, object, &relation.remote)?;
                        Some(step.places.index.find(&key))
                    }
                };
                if let Some(place) = place.transpose()?.flatten() {
                    members.push((place, object));
                }
            }
            members.sort_by_key(|(place, _)| *place);
            for (waiting, place) in step.waiting.iter().zip(&step.places.of_parent) {
                let (parent, run) = (&task.parents[*waiting], run_of(&members, *place));
                if let Some(name) = aside {
                    let members = run.iter().map(|(_, object)| *object);
                    attach_aside(self.host(), parent, name, relation, back, members)?;
                } else if relation.many {
                    attach_many(
                        self.host(),
                        parent,
                        relation.id,
                        back,
                        run.iter().map(|(_, object)| *object),
                    )?;
                } else {
                    attach_one(
                        self.host(),
                        parent,
                        relation.id,
                        back,
                        run.first().map(|(_, object)| *object),
                    )?;
                }
            }
        }
        match step.load.strategy {
            Strategy::Contained | Strategy::Default => Ok(()),
            _ if aside.is_some() => Ok(()),
            _ => self.carry_over(&task.parents, relation, step.partial),
        }
    }

    /// Unloads a relation that is loaded again, once: rows may refer to each other in a circle.
    fn make_room(&self, parents: &[H::Object], relation: RelationId, passed: &mut Passed) {
        for parent in parents {
            if passed.again.insert((self.host().id(parent), relation)) {
                self.host().unload_relation(parent, relation);
            }
        }
    }

    /// Unloads references of children that were read again where their rows lead elsewhere now.
    fn unload_stale_children(&self, task: &Task<'_, H>, step: &Step<H>) -> Result<()> {
        let relation = task.model.relation(step.load.relation);
        let schema = self.schema();
        for child in self.reached(task, step, relation)? {
            let model = schema.model(self.host().model(&child));
            let fields: Vec<FieldId> = model.field_ids().collect();
            unload_stale(self.host(), schema, model, &child, &fields);
        }
        Ok(())
    }

    /// What is to be loaded of the objects at the far end.
    fn go_on(
        &self,
        task: &Task<'_, H>,
        step: &Step<H>,
        passed: &mut Passed,
        next: &mut Vec<Task<'static, H>>,
    ) -> Result<()> {
        let load = &step.load;
        let relation = task.model.relation(load.relation);
        let target = self.schema().model(relation.target);
        let mut loads = load.then.clone();
        let deeper = load.depth > 1 && task.model.is_a(relation.target);
        if deeper {
            let left = if load.depth == u32::MAX { u32::MAX } else { load.depth - 1 };
            Load::add(&mut loads, Load { depth: left, ..load.clone() });
        }
        // Where nothing was sent, relations that always load would follow each other round for ever. Behind a join they
        // follow once.
        let settled = loads.is_empty() && step.waiting.is_empty();
        if settled && load.strategy == Strategy::SelectIn {
            return Ok(());
        }
        if loads_of(target, &loads).is_empty() && target.family.is_none() {
            return Ok(());
        }
        let mut children = self.reached(task, step, relation)?;
        if deeper {
            children.retain(|child| passed.deeper.insert((self.host().id(child), relation.id)));
        } else if settled {
            children.retain(|child| passed.behind.insert(self.host().id(child)));
        }
        if !children.is_empty() {
            self.add_tasks(next, target, Parents::Found(children), &loads);
        }
        Ok(())
    }

    /// The objects at the far end, each once.
    fn reached(&self, task: &Task<'_, H>, step: &Step<H>, relation: &Relation) -> Result<Vec<H::Object>> {
        if step.load.aside.is_none() {
            return self.attached(&task.parents, relation);
        }
        let mut seen = FxHashSet::default();
        let found = step.found.objects.iter().filter(|object| seen.insert(self.host().id(object)));
        Ok(found.map(|object| self.host().retain(object)).collect())
    }

    /// Children that were there before may lack columns that the load asks for by name.
    async fn complete_children(&mut self, task: &Task<'_, H>, step: &Step<H>) -> Result<()> {
        let Some(fields) = &step.load.fields else { return Ok(()) };
        let relation = task.model.relation(step.load.relation);
        let children = self.reached(task, step, relation)?;
        let target = Arc::clone(self.schema().model(relation.target));
        self.read_missing(&target, &children, fields).await
    }

    /// Reads those of `fields` that stored objects lack, in one statement for all of them.
    pub(crate) async fn read_missing(
        &mut self,
        model: &Arc<Model>,
        objects: &[H::Object],
        fields: &[FieldId],
    ) -> Result<()> {
        let (mut missing, mut index) = (FieldSet::new(), KeyIndex::with_capacity(0));
        for object in objects.iter().filter(|object| self.host().state(object) == State::Persistent) {
            let loaded = self.host().loaded(object);
            let mut lacks = false;
            for field in fields.iter().filter(|field| !loaded.contains(**field)) {
                missing.insert(*field);
                lacks = true;
            }
            if lacks {
                index.insert(stored_key_of(self.host(), model, object)?, 0)?;
            }
        }
        let keys: Vec<&Key> = index.keys().collect();
        let selects: Vec<Select> = keys
            .chunks(keys_at_once(self.dialect(), model, &model.key))
            .map(|chunk| select_fields(model, missing.iter().collect(), columns(model.key.len(), chunk)))
            .collect();
        self.fetch_all(&selects, Fill::Missing).await.map(drop)
    }

    /// Lists show what the program has made of them: children whose own reference was changed and is not written yet are
    /// in the list of the parent that they refer to, whatever their rows say. A partial list takes none in.
    fn carry_over(&mut self, parents: &[H::Object], relation: &Relation, partial: bool) -> Result<()> {
        if relation.junction.is_some() {
            return self.carry_links_over(parents, relation, partial);
        }
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
        for (child, to) in moved.values().filter(|_| !partial) {
            if let Some(parent) = to.and_then(|to| parents.get(&to)) {
                host.join(parent, relation.id, child)?;
            }
        }
        Ok(())
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

impl<H: Host> Step<H> {
    /// Of a relation for which nothing is to be asked.
    fn settled(task: usize, load: &Load, partial: bool) -> Self {
        Self {
            task,
            load: load.clone(),
            waiting: Vec::new(),
            places: Places::with_capacity(0),
            found: Fetched::default(),
            statements: 0,
            partial,
            lacks_deleted: false,
        }
    }
}

/// Keys as one list per column.
fn columns(width: usize, keys: &[&Key]) -> Vec<Vec<crate::value::Value>> {
    (0..width).map(|part| keys.iter().map(|key| key[part].clone()).collect()).collect()
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

/// The loads that a query asks for, and those that models always want. By [`Strategy::Default`]: what a relation has joined
/// by itself, and is only gone on from.
pub(crate) fn loads_of(model: &Model, loads: &[Load]) -> Vec<Load> {
    let mut all: Vec<Load> = loads.iter().filter(|load| load.of.is_none()).cloned().collect();
    for load in &mut all {
        load.strategy = strategy_of(model.relation(load.relation), Some(load));
    }
    all.retain(|load| load.strategy != Strategy::Default);
    for relation in model.relations.iter().filter(|relation| relation.lazy.is_eager()) {
        if !loads.iter().any(|load| load.relation == relation.id && load.aside.is_none()) {
            let joined = relation.lazy == Lazy::Joined;
            let strategy = if joined { Strategy::Default } else { Strategy::SelectIn };
            all.push(Load::new(relation.id, strategy));
        }
    }
    all
}
