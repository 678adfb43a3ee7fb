//! From the shape of a query to a compiled statement, and the cache of them.
//!
//! A plan is found by the query's shape: bound values do not count. The first query of a shape is written once; every
//! later one only pushes its values, in the order of the placeholders, and gets the same [`Plan`].

mod cache;
mod select_in;

use std::any::Any;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cache::{Cache, Shape};
pub(crate) use select_in::Place;
pub use select_in::{keys_at_once, select_fields, select_in};

use crate::driver::{Effect, Statement, StatementText};
use crate::error::Result;
use crate::model::{FieldId, Mark, Model, ModelId, RelationId, Schema};
use crate::query::{Select, Shape as ValueShape, Write};
use crate::sql::select::{self, Layout};
use crate::sql::{self, Dialect, Expressions, SchemaNames, Spelling, SqlWriter, Written, write};
use crate::value::{Params, Value};

/// A compiled query.
pub struct Plan {
    /// The statement.
    pub text: Arc<StatementText>,
    /// What a row holds, in the order of its cells. Objects that only serve a load by join come last.
    pub outputs: Vec<Output>,
    /// How many of the outputs were selected.
    pub visible: usize,
    /// Loads by join.
    pub joined: Vec<Joined>,
    /// The cells that say whom a row was loaded for; empty where its object does.
    pub parents: Vec<usize>,
    /// Its values are not found without working out what it reads from.
    reads_derived: bool,
    /// Where a session keeps its host's layouts of the outputs.
    pub layouts: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("text", &self.text)
            .field("outputs", &self.outputs)
            .finish_non_exhaustive()
    }
}

/// What a row holds in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// An object. Of a load by join it is absent where the cells of its key are NULL.
    Entity {
        /// Its model.
        model: ModelId,
        /// Its fields, in the order of their cells.
        fields: Vec<FieldId>,
        /// Its first cell.
        from: usize,
        /// What tells of which class of a family it is.
        kinds: Option<Arc<Kinds>>,
    },
    /// A value.
    Value {
        /// Its name in the result.
        name: String,
        /// What is known of it.
        shape: ValueShape,
        /// Its cell.
        at: usize,
    },
}

/// The classes that an object of a family may be of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// The cell that tells.
    pub cell: usize,
    /// Each with what the cell holds.
    pub each: Vec<Kind>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What the cell holds.
    pub mark: Mark,
    /// The class.
    pub model: ModelId,
    /// Fields that it has beyond those of the output, in runs of cells, each with its first one.
    pub more: Vec<(Vec<FieldId>, usize)>,
}

/// A load by join: the object at `entity` is the relative of the object at `parent`. Parents come before their
/// relatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The parent, as an index of the outputs.
    pub parent: usize,
    /// The relation, of the parent's model.
    pub relation: RelationId,
    /// The relative, as an index of the outputs.
    pub entity: usize,
}

/// What a cache of plans did so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanCounters {
    /// Statements that it keeps.
    pub kept: usize,
    /// The most that it keeps: beyond them the least recently used give way.
    pub most: usize,
    /// Statements that were found.
    pub hits: u64,
    /// Statements that had to be written.
    pub misses: u64,
}

/// Plans of one engine, shared by its sessions. All models come from one registry.
pub struct Plans {
    dialect: &'static Dialect,
    schemas: SchemaNames,
    host: Option<Arc<dyn Any + Send + Sync>>,
    cache: Mutex<Cache>,
}

impl std::fmt::Debug for Plans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plans").field("dialect", &self.dialect.name).finish_non_exhaustive()
    }
}

impl Plans {
    /// An empty cache of plans for `dialect`. The least recently used ones give way beyond 1,000.
    pub fn new(dialect: &'static Dialect) -> Self {
        Self { dialect, schemas: SchemaNames::default(), host: None, cache: Mutex::new(Cache::new(1_000)) }
    }

    /// The same for an engine of which the host says something to its own [late values](crate::value::Object::late).
    #[must_use]
    pub fn for_host(mut self, host: Arc<dyn Any + Send + Sync>) -> Self {
        self.host = Some(host);
        self
    }

    /// The same where the database calls schemas otherwise than the models do.
    #[must_use]
    pub fn in_schemas(mut self, schemas: SchemaNames) -> Self {
        self.schemas = schemas;
        self
    }

    /// The dialect.
    pub fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    /// What the database calls the schemas of the models.
    pub fn schemas(&self) -> &SchemaNames {
        &self.schemas
    }

    fn spelling(&self) -> Spelling<'_> {
        Spelling { dialect: self.dialect, schemas: &self.schemas }
    }

    /// What it did so far.
    pub fn counters(&self) -> PlanCounters {
        self.lock().counters()
    }

    /// INSERT of `fields`, answering `returning`.
    ///
    /// With `many` every parameter is an array of the type in [`StatementText::params`], one element per row, and rows
    /// are answered in the order of the arrays; a database without arrays runs the text [once per
    /// row](StatementText::per_row). `many` rows without any field take one array with a NULL per row.
    pub fn insert(
        &self,
        model: &Model,
        fields: &[FieldId],
        many: bool,
        returning: &[FieldId],
    ) -> Arc<StatementText> {
        let shape = Shape::Insert { model: model.id, fields, many, returning };
        self.text(shape, || sql::insert_rows(self.spelling(), model, fields, many, returning))
    }

    /// UPDATE of `fields` by key. Parameters: the fields, then the key and the version as they were. With `many` each is an array of the
    /// type in [`StatementText::params`].
    pub fn update(&self, model: &Model, fields: &[FieldId], many: bool) -> Arc<StatementText> {
        let shape = Shape::Update { model: model.id, fields, many };
        self.text(shape, || sql::update_by_key(self.spelling(), model, fields, many))
    }

    /// INSERT of `fields` and of expressions, as [`insert`](Self::insert). What the expressions bind is appended to
    /// `params` and comes before the fields. It is written anew each time.
    ///
    /// # Errors
    /// An expression reads columns, or the dialect lacks a feature.
    pub(crate) fn insert_expressions(
        &self,
        (model, fields): (&Model, &[FieldId]),
        many: bool,
        returning: &[FieldId],
        expressions: &Expressions<'_>,
        params: &mut Params,
    ) -> Result<StatementText> {
        let out = SqlWriter::new(self.spelling(), expressions.schema, params).for_host(self.host.as_deref());
        sql::insert_expressions(out, (model, fields), many, returning, expressions)
    }

    /// UPDATE of `fields` and of expressions, as [`update`](Self::update), in the same way.
    ///
    /// # Errors
    /// An expression reads columns of another table, or the dialect lacks a feature.
    pub(crate) fn update_expressions(
        &self,
        (model, fields): (&Model, &[FieldId]),
        many: bool,
        expressions: &Expressions<'_>,
        params: &mut Params,
    ) -> Result<StatementText> {
        let out = SqlWriter::new(self.spelling(), expressions.schema, params).for_host(self.host.as_deref());
        sql::update_expressions(out, (model, fields), many, expressions)
    }

    /// DELETE by key. Parameters: the key and the version; with `many` an array per key column of the type in
    /// [`StatementText::params`].
    pub fn delete(&self, model: &Model, many: bool) -> Arc<StatementText> {
        let shape = Shape::Delete { model: model.id, many };
        self.text(shape, || sql::delete_by_key(self.spelling(), model, many))
    }

    /// DELETE of the rows with values in `fields`. Parameters: the fields; with `many` an array per field of the type in
    /// [`StatementText::params`], one element for each of several such values.
    pub(crate) fn delete_by(&self, model: &Model, fields: &[FieldId], many: bool) -> Arc<StatementText> {
        let shape = Shape::DeleteBy { model: model.id, fields, many };
        self.text(shape, || sql::delete_by(self.spelling(), model, fields, &[], many))
    }

    /// The plan of a SELECT; its values are appended to `params`.
    ///
    /// # Errors
    /// A column's table is not part of the statement, or the dialect lacks a feature.
    pub fn select(&self, schema: &Schema, select: &Select, params: &mut Params) -> Result<Arc<Plan>> {
        self.read(schema, Shape::Select(select), params, |out| select::select(out, select))
    }

    /// The plan that reads the object of a key; the key's values are appended to `params`, none of them NULL. The same
    /// as that of [`Select::by_key`], found by the model alone: nothing is walked.
    ///
    /// # Errors
    /// As [`select`](Self::select).
    pub fn by_key(
        &self,
        schema: &Schema,
        model: &Model,
        key: &[Value],
        params: &mut Params,
    ) -> Result<Arc<Plan>> {
        let found = Shape::Key(model.id).key();
        if let Some(plan) = self.lock_for(schema).plan(&found) {
            key.iter().for_each(|part| part.push_to(params));
            return Ok(plan);
        }
        let plan = self.select(schema, &Select::by_key(model, key.iter().cloned()), params)?;
        // Properties may bind values of their own: those are only found by walking.
        if plan.text.params.len() == key.len() {
            self.lock().keep_plan(&found, &plan);
        }
        Ok(plan)
    }

    /// The plan that counts the rows of a SELECT: filters, LIMIT, OFFSET and DISTINCT count, loads do not. One row of
    /// one [`SqlType::BigInt`](crate::value::SqlType::BigInt).
    ///
    /// # Errors
    /// As [`select`](Self::select).
    pub fn count(&self, schema: &Schema, select: &Select, params: &mut Params) -> Result<Arc<Plan>> {
        self.read(schema, Shape::Count(select), params, |out| select::count(out, select))
    }

    /// The plan that asks whether a SELECT has rows. One row of one [`SqlType::Bool`](crate::value::SqlType::Bool).
    ///
    /// # Errors
    /// As [`select`](Self::select).
    pub fn exists(&self, schema: &Schema, select: &Select, params: &mut Params) -> Result<Arc<Plan>> {
        self.read(schema, Shape::Exists(select), params, |out| select::exists(out, select))
    }

    /// The plan of an INSERT, UPDATE or DELETE that a program wrote; its values are appended to `params`.
    ///
    /// # Errors
    /// As [`select`](Self::select).
    pub fn write(&self, schema: &Schema, statement: &Write, params: &mut Params) -> Result<Arc<Plan>> {
        let effect = Effect::Write { bounded: false };
        self.plan(schema, Shape::Write(statement), effect, params, |out| write::write(out, statement))
    }

    fn read(
        &self,
        schema: &Schema,
        shape: Shape<'_>,
        params: &mut Params,
        write: impl Fn(&mut SqlWriter<'_>) -> Layout,
    ) -> Result<Arc<Plan>> {
        self.plan(schema, shape, Effect::Read, params, write)
    }

    /// The cached plan, its values pushed by a walk that writes nothing; or a fresh one.
    fn plan(
        &self,
        schema: &Schema,
        shape: Shape<'_>,
        effect: Effect,
        params: &mut Params,
        write: impl Fn(&mut SqlWriter<'_>) -> Layout,
    ) -> Result<Arc<Plan>> {
        let key = shape.key();
        let found = self.lock_for(schema).plan(&key);
        if let Some(plan) = found {
            let mut out = SqlWriter::values_only(self.spelling(), schema, params, plan.reads_derived)
                .for_host(self.host.as_deref());
            write(&mut out);
            out.finish()?;
            return Ok(plan);
        }
        let mut out = SqlWriter::new(self.spelling(), schema, params).for_host(self.host.as_deref());
        let layout = write(&mut out);
        let plan = Arc::new(Plan::new(out.finish()?, layout, effect));
        self.lock().keep_plan(&key, &plan);
        Ok(plan)
    }

    fn text(&self, shape: Shape<'_>, write: impl FnOnce() -> StatementText) -> Arc<StatementText> {
        let key = shape.key();
        if let Some(text) = self.lock().text(&key) {
            return text;
        }
        let text = Arc::new(write());
        self.lock().keep_text(&key, &text);
        text
    }

    /// The cache, without plans of a schema in which a family had fewer classes.
    fn lock_for(&self, schema: &Schema) -> std::sync::MutexGuard<'_, Cache> {
        let mut cache = self.lock();
        cache.enter(schema.epoch());
        cache
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        // The cache is whole between its own calls: a panic elsewhere leaves nothing half done.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    /// The statement with the parameters of one run.
    pub fn with(&self, params: Params) -> Statement {
        Statement::new(Arc::clone(&self.text), params)
    }

    fn new(written: Written, layout: Layout, effect: Effect) -> Self {
        let effect = if written.writes { Effect::Write { bounded: false } } else { effect };
        let text = StatementText::new(written.text, written.types, Some(layout.types), effect);
        Self {
            reads_derived: written.derived,
            text: Arc::new(text),
            outputs: layout.outputs,
            visible: layout.visible,
            joined: layout.joined,
            parents: layout.parents,
            layouts: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests;
