//! Reading: by key, by query, again.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::Session;
use super::identity::{Key, has_null, own};
use super::mark::Mark;
use super::stale::unload_stale;
use super::unit::{Unit, stored_key_of};
use crate::driver::{Batch, Effect, Statement};
use crate::error::{Error, Result};
use crate::host::{Fill, Host};
use crate::load::hydrate::{Hydrator, Item, Layouts, Parents, layouts};
use crate::load::select_in::Ahead;
use crate::load::several::Several;
use crate::model::{FieldId, Lazy, Model, ModelId, Relation, RelationId, Schema};
use crate::plan::{Output, Plan};
use crate::query::{Item as Selected, Load, Reach, Select, Strategy};
use crate::session::identity::KeyCells;
use crate::value::Params;

/// What a query answered: objects and values, row after row.
pub struct Rows<H: Host> {
    /// Visible columns, row after row.
    pub items: Vec<Item<H>>,
    /// How the statement was planned: names and shapes of its columns.
    pub plan: Arc<Plan>,
}

impl<H: Host> Rows<H> {
    /// Columns per row.
    pub fn width(&self) -> usize {
        self.plan.visible
    }

    /// The columns' names: a class's for objects.
    pub fn names(&self, schema: &crate::model::Schema) -> Vec<String> {
        let name = |output: &Output| match output {
            Output::Entity { model, .. } => schema.model(*model).name().to_owned(),
            Output::Value { name, .. } => name.clone(),
        };
        self.plan.outputs[..self.width()].iter().map(name).collect()
    }

    /// The objects of the first column: rows of an outer join without one are left out.
    pub fn into_objects(self) -> Vec<H::Object> {
        let width = self.width().max(1);
        self.items.into_iter().step_by(width).filter_map(Item::into_object).collect()
    }

    /// The values of each row, without its objects.
    pub fn into_values(self) -> Vec<Vec<H::Value>> {
        let width = self.width().max(1);
        let mut rows = Vec::with_capacity(self.items.len() / width);
        let mut items = self.items.into_iter();
        while items.len() > 0 {
            rows.push(items.by_ref().take(width).filter_map(Item::into_value).collect());
        }
        rows
    }
}

/// What one of several queries answered.
pub(crate) struct Fetched<H: Host> {
    /// Objects, row after row.
    pub(crate) objects: Vec<H::Object>,
    /// For each the key of the parent that it was loaded for; empty where the objects have it themselves.
    pub(crate) parents: Vec<Key>,
}

impl<H: Host> Default for Fetched<H> {
    fn default() -> Self {
        Self { objects: Vec::new(), parents: Vec::new() }
    }
}

impl<H: Host> Session<H> {
    /// The object of a primary key: the session's own without any IO when it holds it, else by a query. None for one that
    /// counts as deleted: [`get_with_deleted`](Self::get_with_deleted) answers it.
    ///
    /// # Errors
    /// The key has another number of parts than the model's, or the query fails.
    pub async fn get(
        &mut self,
        model: ModelId,
        key: &(impl KeyCells + Sync + ?Sized),
        loads: &[Load],
    ) -> Result<Option<H::Object>> {
        self.link.check()?;
        let schema = Arc::clone(&self.schema);
        let model = schema.model(model);
        if key.len() != model.key.len() {
            return Err(Error::invalid_request(format!(
                "{} has a key of {} column(s), {} value(s) were given",
                model.name(),
                model.key.len(),
                key.len()
            )));
        }
        // Boxed where it is rare: what a future may await at most is what every call of it moves around.
        if let Some(object) = self.held(model.id, key)? {
            return Box::pin(self.answer_held(model, object, loads)).await;
        }
        if has_null(key)? {
            return Ok(None); // a key with NULL names no row
        }
        if self.autoflushes() && self.unit.may_write() {
            Box::pin(self.autoflush(|_| format!("get({})", model.name()))).await?;
            if let Some(object) = self.held(model.id, key)? {
                return Box::pin(self.answer_held(model, object, loads)).await;
            }
        }
        let key = own(key)?;
        if !loads.is_empty() || self.is_watched() {
            return Box::pin(self.get_along(model, key, None, loads)).await;
        }
        let (plan, statement) = {
            let mut params = Params::new();
            let plan = self.plans.by_key(&schema, model, &key, &mut params)?;
            let statement = plan.with(params);
            (plan, statement)
        };
        let items = self.run(&plan, &statement, Fill::Missing).await?;
        let rows = Rows { items, plan };
        self.load_along(&rows, loads, Reach::default()).await?;
        Ok(rows.items.into_iter().next().and_then(Item::into_object))
    }

    /// What [`get`](Self::get) answers of an object that the session holds: only one that is expired, or does not say
    /// whether it counts as deleted, needs its row.
    async fn answer_held(
        &mut self,
        model: &Model,
        object: H::Object,
        loads: &[Load],
    ) -> Result<Option<H::Object>> {
        if self.unit.deleted.contains_key(&self.host.id(&object)) {
            return Ok(None);
        }
        let mark = self.mark_of(model, &object)?;
        if mark == Mark::Deleted {
            return Ok(None);
        }
        if mark == Mark::Unknown || self.unit.is_expired(&self.host, model, &object) {
            self.autoflush(|_| format!("get({})", model.name())).await?;
            let select = Select::by_key(model, stored_key_of(&self.host, model, &object)?);
            if self.fetch(&select, Fill::Missing).await?.items.is_empty() {
                return Ok(None);
            }
        }
        self.load_relations(model, std::slice::from_ref(&object), loads).await?;
        Ok(Some(object))
    }

    /// Runs a query: flushes first where the session does, and loads along what the query asks for.
    ///
    /// # Errors
    /// Those of the flush, of the database, and of values that the host cannot hold.
    ///
    /// # Cancelling
    /// Outside a transaction nothing happened; inside one it is broken until a rollback.
    pub async fn select(&mut self, select: &Select) -> Result<Rows<H>> {
        let apart = match select.items.len() > 1 || !select.group_by.is_empty() {
            true => self.lists_apart(select),
            false => None,
        };
        let select = apart.as_ref().unwrap_or(select);
        self.autoflush(|schema| query_of(schema, select)).await?;
        let revised = self.revised(select)?;
        let select = revised.as_deref().unwrap_or(select);
        self.open_for_select(select)?;
        let reach = Reach::of(&select.criteria, select.deleted).again(select.again);
        let rows = self.fetch(select, reach.fill()).await?;
        self.unload_stale_rows(&rows, reach);
        self.load_along(&rows, &select.loads, reach).await?;
        self.load_beside(&rows, &select.loads_beside, reach).await?;
        Ok(rows)
    }

    /// Number of rows that a query answers.
    pub async fn count(&mut self, select: &Select) -> Result<i64> {
        self.autoflush(|schema| query_of(schema, select)).await?;
        let revised = self.revised(select)?;
        let select = revised.as_deref().unwrap_or(select);
        let mut params = Params::new();
        let plan = self.plans.count(&self.schema, select, &mut params)?;
        self.scalar(&plan.with(params)).await
    }

    /// True when a query answers a row.
    pub async fn exists(&mut self, select: &Select) -> Result<bool> {
        self.autoflush(|schema| query_of(schema, select)).await?;
        let revised = self.revised(select)?;
        let select = revised.as_deref().unwrap_or(select);
        let mut params = Params::new();
        let plan = self.plans.exists(&self.schema, select, &mut params)?;
        Ok(self.scalar(&plan.with(params)).await? != 0)
    }

    /// Flushes where queries do. `what` is about to run: an error says so.
    pub(crate) async fn autoflush(&mut self, what: impl FnOnce(&Schema) -> String) -> Result<()> {
        self.link.check()?;
        if !self.autoflushes() {
            return Ok(());
        }
        self.flush().await.map_err(|error| {
            error.with_note(format!(
                "it was raised by the autoflush before {}: the rows of pending objects are written first, `no_autoflush` \
                 leaves them pending",
                what(&self.schema)
            ))
        })
    }

    /// Runs a query and nothing else.
    pub(crate) async fn fetch(&mut self, select: &Select, fill: Fill) -> Result<Rows<H>> {
        let mut params = Params::new();
        let plan = self.plans.select(&self.schema, select, &mut params)?;
        let items = self.run(&plan, &plan.with(params), fill).await?;
        Ok(Rows { items, plan })
    }

    /// Runs queries of objects in one flight and answers those of each one's first column.
    pub(crate) async fn fetch_all(&mut self, selects: &[Select], fill: Fill) -> Result<Vec<Fetched<H>>> {
        if selects.is_empty() {
            return Ok(Vec::new());
        }
        let (mut planned, mut statements) =
            (Vec::with_capacity(selects.len()), Vec::with_capacity(selects.len()));
        for select in selects {
            let mut params = Params::new();
            let plan = self.plans.select(&self.schema, select, &mut params)?;
            statements.push(plan.with(params));
            let layouts = self.layouts(&plan)?;
            planned.push((plan, layouts));
        }
        self.open_for_read()?;
        let (plan, layouts) = &planned[0];
        let hydrator = hydrator(&self.host, &mut self.unit, plan, layouts, fill);
        let mut sink = Several { hydrator, planned: &planned, answers: Vec::with_capacity(selects.len()) };
        self.link.run(Batch { before: &[], statements: &statements }, &mut sink).await?;
        let answers = sink.finish()?.into_iter().zip(planned);
        let fetched = answers.map(|((items, parents), (plan, _))| Fetched {
            objects: Rows { items, plan }.into_objects(),
            parents,
        });
        Ok(fetched.collect())
    }

    /// Runs a planned statement and turns its rows into items.
    pub(crate) async fn run(
        &mut self,
        plan: &Plan,
        statement: &Statement,
        fill: Fill,
    ) -> Result<Vec<Item<H>>> {
        if plan.text.effect != Effect::Read && !self.link.in_transaction() {
            self.begin()?;
        }
        self.open_for_read()?;
        let layouts = self.layouts(plan)?;
        let mut hydrator = hydrator(&self.host, &mut self.unit, plan, &layouts, fill);
        self.link.run(Batch::of(statement), &mut hydrator).await?;
        hydrator.finish()?;
        Ok(hydrator.items)
    }

    /// Isolation is a property of transactions: a session that asks for a level reads inside of one, and so does one whose
    /// listener hears of transactions.
    pub(super) fn open_for_read(&mut self) -> Result<()> {
        let wanted =
            (self.options.mode.isolation.is_some() || self.link.is_heard()) && !self.link.in_transaction();
        if wanted { self.begin() } else { Ok(()) }
    }

    /// Locks last as long as their transaction: a read that locks opens one.
    pub(super) fn open_for_select(&mut self, select: &Select) -> Result<()> {
        if select.lock.is_some() && !self.link.in_transaction() { self.begin() } else { self.open_for_read() }
    }

    /// The layouts of a plan: made at its first run and kept with it.
    pub(super) fn layouts(&self, plan: &Plan) -> Result<Arc<Layouts<H>>> {
        if let Some(layouts) = plan.layouts.get().and_then(|made| made.downcast_ref::<Arc<Layouts<H>>>()) {
            return Ok(Arc::clone(layouts));
        }
        let made = Arc::new(layouts(&self.host, &self.schema, plan)?);
        // Lost only to another session that made the same.
        let _ = plan.layouts.set(Box::new(Arc::clone(&made)));
        Ok(made)
    }

    async fn scalar(&mut self, statement: &Statement) -> Result<i64> {
        self.open_for_read()?;
        let mut sink = Scalar(None);
        self.link.run(Batch::of(statement), &mut sink).await?;
        sink.0.ok_or_else(|| Error::protocol("an aggregate answered no row"))
    }

    /// Loads what a query asks for along with its entities.
    pub(super) async fn load_along(
        &mut self,
        rows: &Rows<H>,
        loads: &[Load],
        reach: Reach<'_>,
    ) -> Result<()> {
        let Some((column, model)) = first_entity(&rows.plan) else { return Ok(()) };
        let schema = Arc::clone(&self.schema);
        for joined in &rows.plan.joined {
            if let Output::Entity { model, .. } = rows.plan.outputs[joined.parent] {
                let target = schema.model(model).relation(joined.relation).target;
                if !reach.criteria.is_empty() || reach.leaves_out(schema.model(target)) {
                    self.unit.partial.insert((schema.model(model).root(), joined.relation));
                }
            }
        }
        let model = schema.model(model);
        if loads.is_empty() && model.relations.is_empty() && model.family.is_none() {
            return Ok(());
        }
        let parents = self.objects_at(rows, column);
        if parents.is_empty() {
            Ok(())
        } else {
            Box::pin(self.load_levels(model, &parents, loads, reach, Ahead::<H>::default())).await
        }
    }

    /// Unloads references of objects that were read again where their rows lead elsewhere now.
    pub(super) fn unload_stale_rows(&self, rows: &Rows<H>, reach: Reach<'_>) {
        if !reach.again {
            return;
        }
        for (column, _) in rows.plan.outputs[..rows.plan.visible].iter().enumerate().filter_map(entity) {
            for object in self.objects_at(rows, column) {
                let model = self.schema.model(self.host.model(&object));
                let all: Vec<FieldId> = model.field_ids().collect();
                unload_stale(&self.host, &self.schema, model, &object, &all);
            }
        }
    }

    /// Loads what a query asks for along with entities behind the first: no join of its statement reads anything of theirs.
    pub(super) async fn load_beside(
        &mut self,
        rows: &Rows<H>,
        loads: &[(usize, Vec<Load>)],
        reach: Reach<'_>,
    ) -> Result<()> {
        let further = rows.plan.outputs[..rows.plan.visible].iter().enumerate().filter_map(entity).skip(1);
        for (column, model) in further.collect::<Vec<_>>() {
            let schema = Arc::clone(&self.schema);
            let model = schema.model(model);
            let asked = loads.iter().find(|(place, _)| *place == column);
            let mut loads = asked.map_or_else(Vec::new, |(_, loads)| loads.clone());
            for relation in model.relations.iter().filter(|relation| relation.lazy == Lazy::Joined) {
                if !loads.iter().any(|load| load.relation == relation.id && load.aside.is_none()) {
                    loads.push(Load::new(relation.id, Strategy::SelectIn));
                }
            }
            if loads.is_empty() && model.relations.is_empty() && model.family.is_none() {
                continue;
            }
            let parents = self.objects_at(rows, column);
            if !parents.is_empty() {
                Box::pin(self.load_levels(model, &parents, &loads, reach, Ahead::<H>::default())).await?;
            }
        }
        Ok(())
    }

    /// The same query where lists that join by themselves are loaded by further statements: its rows must not be multiplied.
    /// None where it has none.
    pub(super) fn lists_apart(&self, select: &Select) -> Option<Select> {
        let model = self.schema.model(select.root()?.model);
        let asked = |relation: RelationId| {
            select.loads.iter().any(|load| load.relation == relation && load.aside.is_none())
        };
        let joins = |relation: &&Relation| relation.many && relation.lazy == Lazy::Joined;
        let lists = model.relations.iter().filter(joins).filter(|relation| !asked(relation.id));
        let lists: Vec<Load> = lists.map(|list| Load::new(list.id, Strategy::SelectIn)).collect();
        if lists.is_empty() {
            return None;
        }
        let mut select = select.clone();
        select.loads.extend(lists);
        Some(select)
    }

    /// The objects in a column of rows, each once.
    fn objects_at(&self, rows: &Rows<H>, column: usize) -> Vec<H::Object> {
        let mut seen = FxHashSet::default();
        let mut objects = Vec::new();
        for item in rows.items.iter().skip(column).step_by(rows.width()) {
            if let Item::Object(Some(object)) = item
                && seen.insert(self.host.id(object))
            {
                objects.push(self.host.retain(object));
            }
        }
        objects
    }
}

/// What makes objects of a plan's rows.
fn hydrator<'a, H: Host>(
    host: &'a H,
    unit: &'a mut Unit<H>,
    plan: &'a Plan,
    layouts: &'a Layouts<H>,
    fill: Fill,
) -> Hydrator<'a, H> {
    Hydrator {
        host,
        home: unit.home.id(),
        identity: &mut unit.identity,
        plan,
        layouts,
        fill,
        items: Vec::new(),
        children: Vec::new(),
        seen: layouts.multiplies().then(FxHashSet::default),
        pairs: FxHashSet::default(),
        current: Vec::new(),
        parents: Parents::default(),
    }
}

/// What a query is called in an error: `a query of Book`.
pub(super) fn query_of(schema: &Schema, select: &Select) -> String {
    let entity = select.items.iter().find_map(Selected::model);
    entity.map_or("a query of columns".into(), |model| format!("a query of {}", schema.model(model).name()))
}

/// The first visible entity of a plan: the one that loader options speak of.
fn first_entity(plan: &Plan) -> Option<(usize, ModelId)> {
    plan.outputs[..plan.visible].iter().enumerate().find_map(entity)
}

fn entity((column, output): (usize, &Output)) -> Option<(usize, ModelId)> {
    match output {
        Output::Entity { model, .. } => Some((column, *model)),
        Output::Value { .. } => None,
    }
}

/// The one number that an aggregate answers.
struct Scalar(Option<i64>);

impl crate::driver::RowSink for Scalar {
    fn row(&mut self, _statement: usize, row: &crate::driver::Row<'_>) -> Result<()> {
        self.0 = match row.cell(0)? {
            crate::value::ValueRef::Int(int) => Some(int),
            crate::value::ValueRef::Bool(truth) => Some(truth.into()),
            _ => None,
        };
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0 = None;
    }
}
