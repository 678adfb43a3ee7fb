//! `select(..)`.

use ormkit_core::model::{FieldId, ModelId, RelationId, Schema};
use ormkit_core::query::{Expr as CoreExpr, Item, Join, JoinKind, Lock, On, Select as CoreSelect, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::sync::Arc;

use super::loader::add_loader;
use super::lookup::{condition_on, lookup_condition};
use super::shown::shown;
use super::{columns_of, model_of, order_terms, row_number};
use crate::attribute::Attribute;
use crate::expr::{Condition, Expr, condition, condition_of, expression};
use crate::model::{schema, unsupported, with_def};

/// A SELECT; every method returns a new one.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Select {
    core: Arc<CoreSelect>,
}

/// A SELECT of classes, columns and expressions.
#[pyfunction]
#[pyo3(signature = (*entities))]
pub(crate) fn select(entities: &Bound<'_, PyTuple>) -> PyResult<Select> {
    if entities.is_empty() {
        return Err(PyTypeError::new_err("select() takes classes, columns or expressions"));
    }
    let items = entities.iter().map(|entity| item_of(&entity)).collect::<PyResult<_>>()?;
    Ok(Select { core: Arc::new(CoreSelect { items, ..CoreSelect::default() }) })
}

/// Whether a SELECT has rows.
#[pyfunction]
pub(crate) fn exists<'py>(select: &Bound<'py, Select>) -> PyResult<Bound<'py, Condition>> {
    select.get().exists(select.py())
}

/// What a class, column or expression is in a result.
pub(super) fn item_of(entity: &Bound<'_, PyAny>) -> PyResult<Item> {
    match entity.cast::<Expr>() {
        Ok(expr) => {
            let expr = expr.get();
            Ok(Item::Value { expr: expr.core()?.clone(), label: expr.label_name().map(str::to_owned) })
        }
        Err(_) => Ok(Item::Entity { source: Source::plain(model_of(entity)?), fields: None }),
    }
}

impl Select {
    /// The statement of the core.
    pub(crate) fn core(&self) -> &CoreSelect {
        &self.core
    }

    /// The same, shared.
    pub(crate) fn shared(&self) -> Arc<CoreSelect> {
        Arc::clone(&self.core)
    }

    fn with(&self, change: impl FnOnce(&mut CoreSelect)) -> Self {
        let mut core = CoreSelect::clone(&self.core);
        change(&mut core);
        Self { core: Arc::new(core) }
    }

    /// The table that names without a class speak of.
    fn named(&self) -> Option<Source> {
        self.core.root().or_else(|| self.core.from.first().copied()).or_else(|| {
            self.core.items.iter().find_map(|item| match item {
                Item::Value { expr: CoreExpr::Column(column), .. } => Some(column.source),
                _ => None,
            })
        })
    }

    fn required(&self, method: &str) -> PyResult<Source> {
        self.named().ok_or_else(|| {
            PyTypeError::new_err(format!("{method} needs a model: select a class or a column"))
        })
    }
}

#[pymethods]
impl Select {
    /// Adds conditions: all of them hold.
    #[pyo3(signature = (*conditions))]
    fn r#where(&self, conditions: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let mut core = CoreSelect::clone(&self.core);
        for item in conditions.iter() {
            let condition = match self.named() {
                Some(source) => condition_on(&*schema(item.py())?, source, &item)?,
                None => condition_of(&item)?,
            };
            core = core.filter(condition);
        }
        Ok(Self { core: Arc::new(core) })
    }

    /// The same as `where`.
    #[pyo3(signature = (*conditions))]
    fn filter(&self, conditions: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.r#where(conditions)
    }

    /// Adds conditions by attribute: `filter_by(name="a")`.
    ///
    /// Raises:
    ///     FieldError: The model has no such attribute.
    #[pyo3(signature = (**lookups))]
    fn filter_by(&self, py: Python<'_>, lookups: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let Some(lookups) = lookups else { return Ok(self.with(|_| {})) };
        let condition = lookup_condition(&*schema(py)?, self.required("filter_by()")?, lookups)?;
        Ok(Self { core: Arc::new(CoreSelect::clone(&self.core).filter(condition)) })
    }

    /// Sorts by columns or their names; a leading `-`, `.desc()` or `desc=True` sorts downwards. `order_by(None)` takes
    /// the order away.
    #[pyo3(signature = (*columns, desc = false))]
    fn order_by(&self, columns: &Bound<'_, PyTuple>, desc: bool) -> PyResult<Self> {
        if columns.len() == 1 && columns.get_item(0)?.is_none() {
            return Ok(self.with(|core| core.order_by.clear()));
        }
        let terms = order_terms(self.named(), columns, desc)?;
        Ok(self.with(|core| core.order_by.extend(terms)))
    }

    /// At most so many rows; None: all.
    fn limit(&self, count: &Bound<'_, PyAny>) -> PyResult<Self> {
        let rows = row_number(count, "limit")?;
        Ok(self.with(|core| core.limit = rows))
    }

    /// Leaves out so many rows; None: none.
    fn offset(&self, count: &Bound<'_, PyAny>) -> PyResult<Self> {
        let rows = row_number(count, "offset")?;
        Ok(self.with(|core| core.offset = rows))
    }

    /// Each row once.
    fn distinct(&self) -> Self {
        self.with(|core| core.distinct = true)
    }

    /// Starts from these classes instead of those that are selected.
    #[pyo3(signature = (*classes))]
    fn select_from(&self, classes: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let sources =
            classes.iter().map(|class| model_of(&class).map(Source::plain)).collect::<PyResult<Vec<_>>>()?;
        Ok(self.with(|core| core.from.extend(sources)))
    }

    /// Joins along a relation (`join(User.posts)`), or to a class: on a condition, or on the one foreign key between
    /// them.
    #[pyo3(signature = (target, onclause = None, *, isouter = false))]
    fn join(
        &self,
        target: &Bound<'_, PyAny>,
        onclause: Option<&Bound<'_, PyAny>>,
        isouter: bool,
    ) -> PyResult<Self> {
        let kind = if isouter { JoinKind::Left } else { JoinKind::Inner };
        let schema = schema(target.py())?;
        let join = joined(&schema, &self.core, kind, target, onclause)?;
        Ok(self.with(|core| core.joins.push(join)))
    }

    /// As `join`, but rows without a partner stay.
    #[pyo3(signature = (target, onclause = None))]
    fn outerjoin(&self, target: &Bound<'_, PyAny>, onclause: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        self.join(target, onclause, true)
    }

    /// Groups by columns or their names.
    #[pyo3(signature = (*columns))]
    fn group_by(&self, columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let columns = columns_of(self.named(), columns)?;
        Ok(self.with(|core| core.group_by.extend(columns)))
    }

    /// Adds conditions on groups.
    #[pyo3(signature = (*conditions))]
    fn having(&self, conditions: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let conditions = crate::expr::conditions_of(conditions)?;
        Ok(self.with(|core| core.having.extend(conditions)))
    }

    /// Says how relations are loaded along.
    ///
    /// Raises:
    ///     FieldError: The model has no such relation.
    #[pyo3(signature = (*loaders))]
    fn options(&self, loaders: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let Some(root) = self.core.root() else {
            return Err(PyTypeError::new_err("options() needs objects: select a class"));
        };
        let mut loads = self.core.loads.clone();
        for loader in loaders.iter() {
            add_loader(loader.py(), root.model, &loader, &mut loads)?;
        }
        Ok(self.with(|core| core.loads = loads))
    }

    /// Locks the rows until the transaction ends; on SQLite, which locks as a whole, nothing more happens.
    #[pyo3(signature = (*, read = false, nowait = false, skip_locked = false, key_share = false))]
    fn with_for_update(&self, read: bool, nowait: bool, skip_locked: bool, key_share: bool) -> Self {
        self.with(|core| core.lock = Some(Lock { read, key_share, nowait, skip_locked }))
    }

    /// Whether there are rows, as a condition.
    fn exists<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Condition>> {
        condition(py, CoreExpr::exists(CoreSelect::clone(&self.core)))
    }

    /// The one value of a SELECT of one column, as an expression.
    fn scalar_subquery<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Expr>> {
        expression(py, CoreExpr::Scalar(self.shared()))
    }

    /// The text and its values: a list.
    #[pyo3(signature = (dialect = "postgresql"))]
    fn to_sql<'py>(&self, py: Python<'py>, dialect: &str) -> PyResult<(String, Bound<'py, PyList>)> {
        shown(py, dialect, |schema, dialect| self.core.to_sql(schema, dialect))
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.to_sql(py, "postgresql")?.0)
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(no_truth("select"))
    }

    fn __len__(&self) -> PyResult<usize> {
        Err(no_rows("a select"))
    }

    fn __iter__(&self) -> PyResult<Py<PyAny>> {
        Err(no_rows("a select"))
    }

    fn __getitem__(&self, _index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Err(no_rows("a select"))
    }
}

pub(super) fn no_truth(what: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "a {what} has no truth value: ask whether there are rows with `await session.query(Model).exists()`, and \
         compare with `is None`"
    ))
}

fn no_rows(what: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "{what} holds no rows: run it with `(await session.execute(statement)).all()`"
    ))
}

/// The join to a relation's target or to a class.
fn joined(
    schema: &Schema,
    select: &CoreSelect,
    kind: JoinKind,
    target: &Bound<'_, PyAny>,
    onclause: Option<&Bound<'_, PyAny>>,
) -> PyResult<Join> {
    let given = match target.cast::<Attribute>() {
        Ok(attribute) => Some(attribute.clone()),
        Err(_) => onclause.and_then(|clause| clause.cast::<Attribute>().ok().cloned()),
    };
    if let Some(attribute) = given {
        let model = attribute.get().model();
        let relation = relation_of(schema, &attribute)?;
        let to = schema.model(model).relation(relation).target;
        let known = sources_of(select);
        if known.contains(&Source::plain(to)) {
            let name = attribute.repr()?;
            return Err(unsupported(
                format!("join({name}) to a table that the statement has already"),
                "ask for related rows with any() or has()",
            ));
        }
        let parent = Source::plain(model);
        return Ok(Join { target: Source::plain(to), kind, on: On::Relation { parent, relation } });
    }
    let to = model_of(target)?;
    let on = match onclause {
        Some(clause) => condition_of(clause)?,
        None => only_key(schema, &sources_of(select), to)?,
    };
    Ok(Join { target: Source::plain(to), kind, on: On::Condition(on) })
}

fn relation_of(schema: &Schema, attribute: &Bound<'_, Attribute>) -> PyResult<RelationId> {
    let this = attribute.get();
    let columns = schema.model(this.model()).fields().len();
    match this.slot().checked_sub(columns) {
        Some(relation) => Ok(RelationId(relation as u16)),
        None => {
            let name = attribute.repr()?;
            Err(PyTypeError::new_err(format!("join() takes a relation or a class; {name} is a column")))
        }
    }
}

/// The tables that a statement has so far.
fn sources_of(select: &CoreSelect) -> Vec<Source> {
    let items = select.items.iter().filter_map(|item| match item {
        Item::Entity { source, .. } => Some(*source),
        Item::Value { expr: CoreExpr::Column(column), .. } => Some(column.source),
        Item::Value { .. } => None,
    });
    select.from.iter().copied().chain(items).chain(select.joins.iter().map(|join| join.target)).collect()
}

/// The condition of the one foreign key between the tables of a statement and another.
fn only_key(schema: &Schema, sources: &[Source], to: ModelId) -> PyResult<CoreExpr> {
    let target = schema.model(to);
    let mut found: Vec<CoreExpr> = Vec::new();
    let mut add = |holder: Source, fields: &[FieldId], referred: Source, referred_fields: &[FieldId]| {
        let pairs = fields.iter().zip(referred_fields);
        let same =
            pairs.map(|(own, far)| CoreExpr::column(holder, *own).eq(CoreExpr::column(referred, *far)));
        let condition = CoreExpr::all(same);
        if !found.contains(&condition) {
            found.push(condition);
        }
    };
    for source in sources {
        let model = schema.model(source.model);
        for reference in model.references.iter().filter(|reference| reference.target == to) {
            add(*source, &reference.fields, Source::plain(to), &reference.target_fields);
        }
        for reference in target.references.iter().filter(|reference| reference.target == source.model) {
            add(Source::plain(to), &reference.fields, *source, &reference.target_fields);
        }
    }
    let name = with_def(to, |def| def.name.clone());
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(PyTypeError::new_err(format!(
            "no foreign key joins {name} to the statement: give a condition"
        ))),
        _ => Err(PyTypeError::new_err(format!(
            "several foreign keys join {name} to the statement: join along a relation, or give a condition"
        ))),
    }
}
