//! `session.query(User)`: the builder. What runs it is the session's.

use ormkit_core::model::ModelId;
use ormkit_core::query::{Expr as CoreExpr, Item, Lock, Select as CoreSelect, Source, Strategy};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySlice, PyTuple};
use std::sync::Arc;

use super::loader::{Loader, apply_options};
use super::lookup::{condition_on, lookup_condition};
use super::read::no_truth;
use super::shown::shown;
use super::{columns_of, model_of, order_terms, row_number};
use crate::model::schema;

/// Objects of a model, to be narrowed down: every method returns a new query.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Query {
    core: Arc<CoreSelect>,
    model: ModelId,
    /// The session that runs it; None: it is only built.
    session: Option<Py<PyAny>>,
}

impl Query {
    /// All objects of a mapped class, to be read by `session`.
    ///
    /// # Errors
    /// `TypeError` for anything else than a mapped class.
    pub(crate) fn of_session(session: Py<PyAny>, model: &Bound<'_, PyAny>) -> PyResult<Self> {
        let model = model_of(model)?;
        Ok(Self { core: Arc::new(CoreSelect::entity(model)), model, session: Some(session) })
    }

    /// The statement of the core.
    pub(crate) fn core(&self) -> &Arc<CoreSelect> {
        &self.core
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

    /// The keys of its objects, as a list for `in`: the first key field, in a model with several.
    pub(super) fn keys(&self) -> Arc<CoreSelect> {
        let source = Source::plain(self.model);
        let key = Python::attach(|py| {
            schema(py).ok().and_then(|schema| schema.model(self.model).key.first().copied())
        });
        let items = key.map(|key| Item::Value { expr: CoreExpr::column(source, key), label: None });
        Arc::new(CoreSelect {
            items: items.into_iter().collect(),
            loads: Vec::new(),
            ..CoreSelect::clone(&self.core)
        })
    }

    fn with(&self, py: Python<'_>, change: impl FnOnce(&mut CoreSelect)) -> Self {
        let mut core = CoreSelect::clone(&self.core);
        change(&mut core);
        Self {
            core: Arc::new(core),
            model: self.model,
            session: self.session.as_ref().map(|session| session.clone_ref(py)),
        }
    }

    fn source(&self) -> Source {
        Source::plain(self.model)
    }

    /// All that one call of `filter` says.
    fn said(&self, given: &Bound<'_, PyTuple>, lookups: Option<&Bound<'_, PyDict>>) -> PyResult<CoreExpr> {
        let schema = schema(given.py())?;
        let mut parts = Vec::new();
        for item in given.iter() {
            parts.push(condition_on(&schema, self.source(), &item)?);
        }
        if let Some(lookups) = lookups {
            parts.push(lookup_condition(&schema, self.source(), lookups)?);
        }
        Ok(CoreExpr::all(parts))
    }

    fn narrowed(&self, py: Python<'_>, condition: CoreExpr) -> PyResult<Self> {
        if self.core.limit.is_some() || self.core.offset.is_some() {
            return Err(PyTypeError::new_err("filter before limit(), offset() and slices: they come last"));
        }
        let core = CoreSelect::clone(&self.core).filter(condition);
        Ok(Self {
            core: Arc::new(core),
            model: self.model,
            session: self.session.as_ref().map(|session| session.clone_ref(py)),
        })
    }

    fn loading(&self, relations: &Bound<'_, PyTuple>, strategy: Strategy) -> PyResult<Self> {
        let py = relations.py();
        let loader = |relation| Bound::new(py, Loader::along(strategy, &relation)?);
        let loaders = relations.iter().map(loader).collect::<PyResult<Vec<_>>>()?;
        self.options(&PyTuple::new(py, loaders)?)
    }
}

#[pymethods]
impl Query {
    /// A query that is only built: its text can be seen, and another statement can hold it.
    #[new]
    fn new(model: &Bound<'_, PyAny>) -> PyResult<Self> {
        let model = model_of(model)?;
        Ok(Self { core: Arc::new(CoreSelect::entity(model)), model, session: None })
    }

    /// Adds conditions, `Q` objects and lookups: all of them hold. Lookups of one call that cross the same relation meet
    /// in one related row.
    ///
    /// Raises:
    ///     FieldError: The model has no such attribute, or the attribute no such lookup.
    #[pyo3(signature = (*conditions, **lookups))]
    fn filter(&self, conditions: &Bound<'_, PyTuple>, lookups: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        self.narrowed(conditions.py(), self.said(conditions, lookups)?)
    }

    /// Leaves out the objects for which all that is said is true; where it is NULL they stay.
    #[pyo3(signature = (*conditions, **lookups))]
    fn exclude(
        &self,
        conditions: &Bound<'_, PyTuple>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let py = conditions.py();
        let said = self.said(conditions, lookups)?;
        self.narrowed(py, said.not_true(&*schema(py)?))
    }

    /// `filter` by lookups alone.
    #[pyo3(signature = (**lookups))]
    fn filter_by(&self, py: Python<'_>, lookups: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        self.filter(&PyTuple::empty(py), lookups)
    }

    /// Sorts by columns or their names; a leading `-` or `.desc()` sorts downwards. `order_by()` takes the order away.
    #[pyo3(signature = (*columns, desc = false))]
    fn order_by(&self, columns: &Bound<'_, PyTuple>, desc: bool) -> PyResult<Self> {
        let terms = order_terms(Some(self.source()), columns, desc)?;
        Ok(self.with(columns.py(), |core| match terms.is_empty() {
            true => core.order_by.clear(),
            false => core.order_by.extend(terms),
        }))
    }

    /// The order the other way round.
    fn reverse(&self, py: Python<'_>) -> Self {
        self.with(py, |core| core.order_by = core.order_by.drain(..).map(|term| term.reversed()).collect())
    }

    /// At most so many objects; None: all.
    fn limit(&self, count: &Bound<'_, PyAny>) -> PyResult<Self> {
        let rows = row_number(count, "limit")?;
        Ok(self.with(count.py(), |core| core.limit = rows))
    }

    /// Leaves out so many objects; None: none.
    fn offset(&self, count: &Bound<'_, PyAny>) -> PyResult<Self> {
        let rows = row_number(count, "offset")?;
        Ok(self.with(count.py(), |core| core.offset = rows))
    }

    /// Each object once.
    fn distinct(&self, py: Python<'_>) -> Self {
        self.with(py, |core| core.distinct = true)
    }

    /// Groups by columns or their names.
    #[pyo3(signature = (*columns))]
    fn group_by(&self, columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let columns_given = columns_of(Some(self.source()), columns)?;
        Ok(self.with(columns.py(), |core| core.group_by.extend(columns_given)))
    }

    /// Adds conditions on groups.
    #[pyo3(signature = (*conditions))]
    fn having(&self, conditions: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let given = crate::expr::conditions_of(conditions)?;
        Ok(self.with(conditions.py(), |core| core.having.extend(given)))
    }

    /// Nothing at all.
    fn none(&self, py: Python<'_>) -> Self {
        self.with(py, |core| core.filter.push(CoreExpr::Bool(false)))
    }

    /// Says what is loaded along, and how much of it.
    ///
    /// Raises:
    ///     FieldError: The model has no such relation or column.
    #[pyo3(signature = (*loaders))]
    fn options(&self, loaders: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let mut core = CoreSelect::clone(&self.core);
        apply_options(&mut core, loaders)?;
        Ok(self.with(loaders.py(), |known| *known = core))
    }

    /// Loads relations in the same statement, by joins.
    #[pyo3(signature = (*relations))]
    fn select_related(&self, relations: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.loading(relations, Strategy::Joined)
    }

    /// Loads relations by one more statement each: relations, their (dotted) names, or a `Prefetch`.
    #[pyo3(signature = (*relations))]
    fn prefetch_related(&self, relations: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.loading(relations, Strategy::SelectIn)
    }

    /// Locks the rows until the transaction ends.
    #[pyo3(signature = (*, read = false, nowait = false, skip_locked = false, key_share = false))]
    fn with_for_update(
        &self,
        py: Python<'_>,
        read: bool,
        nowait: bool,
        skip_locked: bool,
        key_share: bool,
    ) -> Self {
        self.with(py, |core| core.lock = Some(Lock { read, key_share, nowait, skip_locked }))
    }

    /// The text and its values: a list.
    #[pyo3(signature = (dialect = "postgresql"))]
    fn to_sql<'py>(&self, py: Python<'py>, dialect: &str) -> PyResult<(String, Bound<'py, PyList>)> {
        shown(py, dialect, |schema, dialect| self.core.to_sql(schema, dialect))
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.to_sql(py, "postgresql")?.0)
    }

    /// A part of the objects: `query[10:20]`.
    fn __getitem__(&self, part: &Bound<'_, PyAny>) -> PyResult<Self> {
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
        Ok(self.with(py, |core| {
            // A slice of a slice counts within it.
            let rest = core.limit.map(|limit| limit.saturating_sub(start));
            let wanted = stop.map(|stop| stop.saturating_sub(start));
            core.limit = match (rest, wanted) {
                (Some(rest), Some(wanted)) => Some(rest.min(wanted)),
                (rest, wanted) => rest.or(wanted),
            };
            let offset = core.offset.unwrap_or(0) + start;
            core.offset = (offset > 0).then_some(offset);
        }))
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
