//! `session.query(User)`: the builder. What runs it is the session's.

use ormkit_core::model::{FieldId, ModelId, RelationId, Schema};
use ormkit_core::query::lookup::{Formula, Path, resolve_value};
use ormkit_core::query::{
    Deleted, Expr as CoreExpr, Item, Lock, On, Order, Select as CoreSelect, Source, Strategy,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySlice, PyString, PyTuple, PyType};
use std::sync::Arc;

use super::aggregate::Joining;
use super::answer::{Answer, Answers};
use super::computed::RowQuery;
use super::hybrid::Hybrid;
use super::loader::{Loader, apply_options};
use super::lookup::{Said, lookups_in};
use super::names::{Annotation, Names};
use super::q::{condition_in, formula_in, says_nothing};
use super::read::no_truth;
use super::reading::Reading;
use super::shown::shown;
use super::{F, Q, columns_of, expression_of, model_of, row_number};
use crate::dialect::dialect_of;
use crate::errors::to_py;
use crate::model::{mapped_class, schema, unsupported};

/// Objects of a model, to be narrowed down: every method returns a new query.
#[pyclass(frozen, subclass, module = "ormkit")]
pub(crate) struct Query {
    core: Arc<CoreSelect>,
    model: ModelId,
    /// The session that runs it; None: it is only built.
    session: Option<Py<PyAny>>,
    annotations: Arc<[Annotation]>,
    answer: Answer,
    /// What `group_by()` said.
    group_by: Vec<CoreExpr>,
    /// Aggregates are of groups of rows: `values("a")`.
    groups: bool,
}

impl Query {
    fn of_model(model: ModelId, session: Option<Py<PyAny>>) -> Self {
        Self {
            core: Arc::new(CoreSelect::entity(model)),
            model,
            session,
            annotations: Arc::new([]),
            answer: Answer::Objects,
            group_by: Vec::new(),
            groups: false,
        }
    }

    /// All objects of a mapped class, to be read by `session`.
    ///
    /// # Errors
    /// `TypeError` for anything else than a mapped class.
    pub(crate) fn of_session(session: Py<PyAny>, model: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::of_model(model_of(model)?, Some(session)))
    }

    /// The statement of the core.
    pub(crate) fn core(&self) -> &Arc<CoreSelect> {
        &self.core
    }

    /// The model of its objects.
    pub(crate) fn model(&self) -> ModelId {
        self.model
    }

    /// What its rows are made into.
    pub(crate) fn answers(&self) -> Answers {
        Answers::new(self.answer, &self.annotations)
    }

    /// True where it answers objects.
    pub(crate) fn is_objects(&self) -> bool {
        self.answer == Answer::Objects
    }

    /// The statement without the values that are computed beside objects: their number is the same.
    pub(crate) fn uncomputed(&self) -> Arc<CoreSelect> {
        if !self.is_objects() || self.annotations.is_empty() {
            return Arc::clone(&self.core);
        }
        let mut core = CoreSelect::clone(&self.core);
        core.items.truncate(1);
        Arc::new(core)
    }

    /// The session that runs it.
    ///
    /// # Errors
    /// `TypeError` for a query that was made without one.
    pub(crate) fn session(&self) -> PyResult<&Py<PyAny>> {
        self.session
            .as_ref()
            .ok_or_else(|| PyTypeError::new_err("this query has no session: begin with session.query(Model)"))
    }

    /// The mapped class.
    pub(super) fn class<'py>(&self, py: Python<'py>) -> Bound<'py, PyType> {
        mapped_class(py, self.model).class.bind(py).clone()
    }

    /// Values that it computes.
    pub(super) fn annotations(&self) -> &[Annotation] {
        &self.annotations
    }

    /// True where aggregates are of groups of rows.
    pub(super) fn groups(&self) -> bool {
        self.groups || !self.group_by.is_empty()
    }

    /// What `group_by()` said.
    pub(super) fn grouped_by(&self) -> &[CoreExpr] {
        &self.group_by
    }

    /// The lists among its joined tables.
    pub(super) fn joined(&self, schema: &Schema) -> Vec<Joining> {
        joined_lists(schema, self.source(), &self.core)
    }

    /// The same query with another statement and other computed values.
    pub(super) fn made<'py>(
        &self,
        py: Python<'py>,
        core: CoreSelect,
        annotations: Vec<Annotation>,
    ) -> PyResult<Bound<'py, Self>> {
        let query = self.copy(py, core);
        bound(py, Self { annotations: annotations.into(), ..query })
    }

    /// The same query with rows instead of objects.
    pub(super) fn made_rows<'py>(
        &self,
        py: Python<'py>,
        core: CoreSelect,
        answer: Answer,
        groups: bool,
    ) -> PyResult<Bound<'py, Self>> {
        let query = self.copy(py, core);
        bound(py, Self { answer, groups, ..query })
    }

    fn copy(&self, py: Python<'_>, core: CoreSelect) -> Self {
        Self {
            core: Arc::new(core),
            model: self.model,
            session: self.session.as_ref().map(|session| session.clone_ref(py)),
            annotations: Arc::clone(&self.annotations),
            answer: self.answer,
            group_by: self.group_by.clone(),
            groups: self.groups,
        }
    }

    pub(super) fn with<'py>(
        &self,
        py: Python<'py>,
        change: impl FnOnce(&mut CoreSelect),
    ) -> PyResult<Bound<'py, Self>> {
        let mut core = CoreSelect::clone(&self.core);
        change(&mut core);
        bound(py, self.copy(py, core))
    }

    pub(super) fn source(&self) -> Source {
        Source::plain(self.model)
    }

    fn names<'a>(&'a self, schema: &'a Schema) -> Names<'a> {
        Names { annotations: &self.annotations, ..Names::of(schema, self.source()) }
    }

    /// All that one call of `filter` says.
    fn said(
        &self,
        given: &Bound<'_, PyTuple>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<(CoreExpr, Vec<CoreExpr>)> {
        let py = given.py();
        let schema = schema(py)?;
        let names = self.names(&schema);
        let mut said = match lookups {
            Some(lookups) => lookups_in(&names, lookups)?,
            None => Said::default(),
        };
        for item in given.iter() {
            match item.cast::<Q>().is_ok_and(|q| q.get().is_of_group(&names, py)) {
                true => said.groups.push(condition_in(&names, &item)?),
                false => said.rows.push(formula_in(&names, &item)?),
            }
        }
        Ok((Formula::All(said.rows).written(&schema, &names.around()), said.groups))
    }

    fn narrowed<'py>(
        &self,
        py: Python<'py>,
        rows: CoreExpr,
        groups: Option<CoreExpr>,
    ) -> PyResult<Bound<'py, Self>> {
        if self.core.limit.is_some() || self.core.offset.is_some() {
            return Err(PyTypeError::new_err("filter before limit(), offset() and slices: they come last"));
        }
        let mut core = CoreSelect::clone(&self.core).filter(rows);
        core.having.extend(groups);
        bound(py, self.copy(py, core))
    }

    fn loading<'py>(
        &self,
        relations: &Bound<'py, PyTuple>,
        strategy: Strategy,
    ) -> PyResult<Bound<'py, Self>> {
        let py = relations.py();
        let loader = |relation| Bound::new(py, Loader::along(strategy, &relation)?);
        let loaders = relations.iter().map(loader).collect::<PyResult<Vec<_>>>()?;
        self.options(&PyTuple::new(py, loaders)?)
    }

    /// Terms of ORDER BY; names may cross relations, which are joined to `core`, or be those of computed values.
    fn order_terms(
        &self,
        terms: &Bound<'_, PyTuple>,
        desc: bool,
        core: &mut CoreSelect,
    ) -> PyResult<Vec<Order>> {
        let py = terms.py();
        let schema = schema(py)?;
        let mut orders = Vec::with_capacity(terms.len());
        for term in terms.iter() {
            let order = match (term.cast::<PyString>(), term.cast::<F>()) {
                (Ok(name), _) => {
                    let name = name.to_str()?;
                    if name == "?" {
                        return Err(unsupported(
                            "order_by(\"?\")",
                            "order_by(func.random()) is a random order",
                        ));
                    }
                    let (bare, down) = name.strip_prefix('-').map_or((name, false), |bare| (bare, true));
                    let expr = self.named(py, &schema, bare, core)?;
                    if down { Order::desc(expr) } else { Order::asc(expr) }
                }
                (_, Ok(field)) => field.get().resolve_order(&self.names(&schema), py)?,
                _ => expression_of(&term)?.get().as_order()?,
            };
            orders.push(if desc && !order.descending { order.reversed() } else { order });
        }
        Ok(orders)
    }

    /// The values of columns or of their names, whose tables are joined to `core`.
    fn terms_of(&self, columns: &Bound<'_, PyTuple>, core: &mut CoreSelect) -> PyResult<Vec<CoreExpr>> {
        let py = columns.py();
        let schema = schema(py)?;
        let term = |column: Bound<'_, PyAny>| match (column.cast::<PyString>(), column.cast::<F>()) {
            (Ok(name), _) => self.named(py, &schema, name.to_str()?, core),
            (_, Ok(field)) => field.get().resolve_in(&self.names(&schema), py),
            _ => expression_of(&column)?.get().core().cloned(),
        };
        columns.iter().map(term).collect()
    }

    /// The value of a name, its tables joined to `core`.
    fn named(
        &self,
        py: Python<'_>,
        schema: &Schema,
        name: &str,
        core: &mut CoreSelect,
    ) -> PyResult<CoreExpr> {
        if let Some(annotation) = self.annotations.iter().find(|known| known.name == name) {
            let is_it = |item: &Item| matches!(item, Item::Value { label: Some(label), .. } if label == name);
            let place = core.items.iter().position(is_it);
            return Ok(match (&annotation.expr, place) {
                // In a grouped query it is written once: its values are other parameters each time.
                (expr, Some(at))
                    if self.groups() && !annotation.of_group && !matches!(expr, CoreExpr::Column(_)) =>
                {
                    CoreExpr::Text(Arc::from((at + 1).to_string()))
                }
                (expr, _) => expr.clone(),
            });
        }
        if let Some(hybrid) = Hybrid::named(py, schema, self.model, name)? {
            hybrid.require_one(name)?;
            let end = core.join_path(schema, self.source(), &hybrid.relations);
            return hybrid.value(py, schema, end, name);
        }
        let path = match Path::resolve_value(schema, self.model, name) {
            Ok(path) => path,
            // A part of a time, or what lies in a JSON column.
            Err(_) => {
                return resolve_value(schema, self.source(), name).map_err(|error| to_py(py, error));
            }
        };
        if path.is_many(schema, self.model) && self.is_objects() {
            return Err(unsupported(
                format!("`{name}` as an order"),
                "it means several rows: annotate an aggregate and sort by that",
            ));
        }
        let end = core.join_path(schema, self.source(), &path.relations);
        match path.field {
            Some(field) => Ok(CoreExpr::column(end, field)),
            None => Err(unsupported(format!("`{name}` as a value"), "it is a relation: name a column of it")),
        }
    }

    /// Tells own columns from those of related objects.
    fn reads<'py>(&self, columns: &Bound<'py, PyTuple>) -> PyResult<Reading<'py>> {
        let schema = schema(columns.py())?;
        Reading::of(schema.model(self.model), columns)
    }

    /// The fields of own columns.
    fn fields_of(&self, columns: &Bound<'_, PyTuple>) -> PyResult<Vec<FieldId>> {
        let columns = columns_of(Some(self.source()), columns)?;
        let field = |column: CoreExpr| match column {
            CoreExpr::Column(column) if column.source == self.source() => Ok(column.field),
            _ => Err(PyTypeError::new_err("only() and defer() take columns of the model itself")),
        };
        columns.into_iter().map(field).collect()
    }

    fn reading<'py>(&self, py: Python<'py>, wanted: Vec<FieldId>, below: bool) -> PyResult<Bound<'py, Self>> {
        if !self.is_objects() {
            return Err(PyTypeError::new_err(
                "only() and defer() are for objects: values() names its columns",
            ));
        }
        self.with(py, |core| {
            if let Some(Item::Entity { fields, .. }) = core.items.first_mut() {
                *fields = Some(wanted);
            }
            core.reads_below = below;
        })
    }
}

/// A query as a Python object: of rows where it shows rows.
fn bound(py: Python<'_>, query: Query) -> PyResult<Bound<'_, Query>> {
    if query.is_objects() {
        return Bound::new(py, query);
    }
    Ok(Bound::new(py, PyClassInitializer::from(query).add_subclass(RowQuery))?.into_super())
}

/// The lists among the joined tables of a SELECT, by the way to them.
fn joined_lists(schema: &Schema, root: Source, core: &CoreSelect) -> Vec<Joining> {
    let mut ways: Vec<(Source, Vec<RelationId>)> = vec![(root, Vec::new())];
    let mut lists = Vec::new();
    for join in &core.joins {
        let On::Relation { parent, relation, .. } = &join.on else { continue };
        let Some(mut way) = ways.iter().find(|(source, _)| source == parent).map(|(_, way)| way.clone())
        else {
            continue;
        };
        way.push(*relation);
        if schema.model(parent.model).relation(*relation).many {
            lists.push(Joining { many: Some(way.clone()), counts_repeated: false });
        }
        ways.extend(join.target.table().map(|target| (target, way)));
    }
    lists
}

#[pymethods]
impl Query {
    /// A query that is only built: its text can be seen, and another statement can hold it.
    #[new]
    fn new(model: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::of_model(model_of(model)?, None))
    }

    /// Adds conditions, `Q` objects and lookups: all of them hold. Lookups of one call that cross the same relation meet
    /// in one related row.
    ///
    /// Raises:
    ///     FieldError: The model has no such attribute, or the attribute no such lookup.
    #[pyo3(signature = (*conditions, **lookups))]
    fn filter<'py>(
        &self,
        conditions: &Bound<'py, PyTuple>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let (rows, groups) = self.said(conditions, lookups)?;
        let groups = (!groups.is_empty()).then(|| CoreExpr::all(groups));
        self.narrowed(conditions.py(), rows, groups)
    }

    /// Leaves out the objects for which all that is said is true; where it is NULL they stay.
    #[pyo3(signature = (*conditions, **lookups))]
    fn exclude<'py>(
        &self,
        conditions: &Bound<'py, PyTuple>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = conditions.py();
        let (rows, groups) = self.said(conditions, lookups)?;
        if says_nothing(conditions, lookups) {
            return self.narrowed(py, CoreExpr::Bool(true), None);
        }
        let schema = schema(py)?;
        if groups.is_empty() {
            return self.narrowed(py, rows.not_true(&schema), None);
        }
        // Both together are denied, so that both are asked of the groups.
        let said = CoreExpr::all(std::iter::once(rows).chain(groups)).not_true(&schema);
        self.narrowed(py, CoreExpr::Bool(true), Some(said))
    }

    /// `filter` by lookups alone.
    #[pyo3(signature = (**lookups))]
    fn filter_by<'py>(
        &self,
        py: Python<'py>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        self.filter(&PyTuple::empty(py), lookups)
    }

    /// Sorts by columns, or by the names of columns (across relations too) and of computed values; a leading `-` or `.desc()`
    /// sorts downwards. `order_by()` takes the order away.
    #[pyo3(signature = (*columns, desc = false))]
    fn order_by<'py>(&self, columns: &Bound<'py, PyTuple>, desc: bool) -> PyResult<Bound<'py, Self>> {
        let mut core = CoreSelect::clone(&self.core);
        let terms = self.order_terms(columns, desc, &mut core)?;
        match terms.is_empty() {
            true => core.order_by.clear(),
            false => core.order_by.extend(terms),
        }
        bound(columns.py(), self.copy(columns.py(), core))
    }

    /// The order the other way round.
    fn reverse<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.with(py, |core| core.order_by = core.order_by.drain(..).map(|term| term.reversed()).collect())
    }

    /// At most so many objects; None: all.
    fn limit<'py>(&self, count: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let rows = row_number(count, "limit")?;
        self.with(count.py(), |core| core.limit = rows)
    }

    /// Leaves out so many objects; None: none.
    fn offset<'py>(&self, count: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let rows = row_number(count, "offset")?;
        self.with(count.py(), |core| core.offset = rows)
    }

    /// Each object once; with columns or names of them the first one, in the query's order, of those that are equal in these
    /// (DISTINCT ON).
    ///
    /// Raises:
    ///     FieldError: The model has no such attribute.
    ///     NotSupportedError: Columns on SQLite, when the query runs.
    #[pyo3(signature = (*columns))]
    fn distinct<'py>(&self, columns: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        let py = columns.py();
        if columns.is_empty() {
            return self.with(py, |core| core.distinct = true);
        }
        let mut core = CoreSelect::clone(&self.core);
        core.distinct_on = self.terms_of(columns, &mut core)?;
        bound(py, self.copy(py, core))
    }

    /// Reads these columns only, and the key; the others are not loaded.
    ///
    /// Raises:
    ///     FieldError: The model has no such column.
    #[pyo3(signature = (*columns))]
    fn only<'py>(&self, columns: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        let py = columns.py();
        let Reading { own, held, related } = self.reads(columns)?;
        let fields = [self.fields_of(&own)?, held].concat();
        self.reading(py, fields, false)?.get().options(&related.loaders(py, true)?)
    }

    /// Leaves these columns out: they are not loaded.
    ///
    /// Raises:
    ///     FieldError: The model has no such column.
    #[pyo3(signature = (*columns))]
    fn defer<'py>(&self, columns: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        let py = columns.py();
        let Reading { own, related, .. } = self.reads(columns)?;
        let related = related.loaders(py, false)?;
        if own.is_empty() && !related.is_empty() {
            return self.options(&related);
        }
        let left_out = self.fields_of(&own)?;
        let schema = schema(py)?;
        let model = schema.model(self.model);
        let read: Vec<FieldId> = match self.core.items.first() {
            Some(Item::Entity { fields: Some(fields), .. }) => fields.clone(),
            _ => model.field_ids().filter(|field| !model.field(*field).deferred).collect(),
        };
        let read = read.into_iter().filter(|field| !left_out.contains(field)).collect();
        let below = self.core.reads_below
            || matches!(self.core.items.first(), Some(Item::Entity { fields: None, .. }));
        self.reading(py, read, below)?.get().options(&related)
    }

    /// Groups by columns or their names: what `values()` and aggregates then show is one row for each group.
    #[pyo3(signature = (*columns))]
    fn group_by<'py>(&self, columns: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        let py = columns.py();
        let mut core = CoreSelect::clone(&self.core);
        let mut group_by = self.group_by.clone();
        group_by.extend(self.terms_of(columns, &mut core)?);
        core.group_by.clone_from(&group_by);
        bound(py, Self { group_by, ..self.copy(py, core) })
    }

    /// Adds conditions on groups, also by the names of aggregates: `having(n__gt=3)`.
    #[pyo3(signature = (*conditions, **lookups))]
    fn having<'py>(
        &self,
        conditions: &Bound<'py, PyTuple>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let (rows, groups) = self.said(conditions, lookups)?;
        self.with(conditions.py(), |core| {
            core.having.extend(Some(rows).filter(is_said).into_iter().chain(groups))
        })
    }

    /// Nothing at all.
    fn none<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.with(py, |core| core.filter.push(CoreExpr::Bool(false)))
    }

    /// Rows that count as deleted are rows like others: of the model, in joins and lookups across relations, and among what
    /// is loaded along. Queries and statements in place of values say it of themselves.
    fn with_deleted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        self.with(py, |core| core.deleted = Deleted::Included)
    }

    /// Only rows that count as deleted; of other models only those that do not.
    ///
    /// Raises:
    ///     TypeError: The model has no soft deletion.
    fn only_deleted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Self>> {
        let schema = schema(py)?;
        let model = schema.model(self.model);
        if model.tombstone.is_none() {
            return Err(PyTypeError::new_err(format!(
                "only_deleted() needs a class with SoftDeleteMixin, or __soft_delete__ = \"column\": {} has none",
                model.name()
            )));
        }
        self.with(py, |core| core.deleted = Deleted::Only)
    }

    /// Says what is loaded along, and how much of it.
    ///
    /// Raises:
    ///     FieldError: The model has no such relation or column.
    #[pyo3(signature = (*loaders))]
    fn options<'py>(&self, loaders: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        let mut core = CoreSelect::clone(&self.core);
        apply_options(&mut core, loaders)?;
        self.with(loaders.py(), |known| *known = core)
    }

    /// Loads relations in the same statement, by joins.
    #[pyo3(signature = (*relations))]
    fn select_related<'py>(&self, relations: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        self.loading(relations, Strategy::Joined)
    }

    /// Loads relations by one more statement each: relations, their (dotted) names, or a `Prefetch`.
    #[pyo3(signature = (*relations))]
    fn prefetch_related<'py>(&self, relations: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Self>> {
        self.loading(relations, Strategy::SelectIn)
    }

    /// Locks the rows until the transaction ends.
    #[pyo3(signature = (*, read = false, nowait = false, skip_locked = false, key_share = false))]
    fn with_for_update<'py>(
        &self,
        py: Python<'py>,
        read: bool,
        nowait: bool,
        skip_locked: bool,
        key_share: bool,
    ) -> PyResult<Bound<'py, Self>> {
        self.with(py, |core| core.lock = Some(Lock { read, key_share, nowait, skip_locked }))
    }

    /// The text and its values: a list.
    #[pyo3(signature = (dialect = "postgresql"))]
    fn to_sql<'py>(&self, py: Python<'py>, dialect: &str) -> PyResult<(String, Bound<'py, PyList>)> {
        shown(py, dialect_of(dialect)?.into(), |schema, spelling| self.core.to_sql(schema, spelling))
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.to_sql(py, "postgresql")?.0)
    }

    /// A part of the objects: `query[10:20]`.
    fn __getitem__<'py>(&self, part: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = part.py();
        let Ok(slice) = part.cast::<PySlice>() else {
            return Err(PyTypeError::new_err(
                "a query is not indexed, because that would have to wait for the database: use `await query.first()`, \
                 or a slice such as query[10:20]",
            ));
        };
        if !slice.getattr("step")?.is_none() {
            return Err(PyValueError::new_err("a slice of a query has no step"));
        }
        let start = row_number(&slice.getattr("start")?, "slice")?.unwrap_or(0);
        let stop = row_number(&slice.getattr("stop")?, "slice")?;
        self.with(py, |core| {
            // A slice of a slice counts within it.
            let rest = core.limit.map(|limit| limit.saturating_sub(start));
            let wanted = stop.map(|stop| stop.saturating_sub(start));
            core.limit = match (rest, wanted) {
                (Some(rest), Some(wanted)) => Some(rest.min(wanted)),
                (rest, wanted) => rest.or(wanted),
            };
            let offset = core.offset.unwrap_or(0) + start;
            core.offset = (offset > 0).then_some(offset);
        })
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(no_truth("query"))
    }

    fn __len__(&self) -> PyResult<usize> {
        Err(PyTypeError::new_err("a query has no length in Python: use `await query.count()`"))
    }

    fn __iter__(&self) -> PyResult<Py<PyAny>> {
        Err(PyTypeError::new_err(
            "a query waits for the database: use `async for`, or `for x in await query.all()`",
        ))
    }
}

/// False for "no condition at all".
fn is_said(condition: &CoreExpr) -> bool {
    *condition != CoreExpr::Bool(true)
}
