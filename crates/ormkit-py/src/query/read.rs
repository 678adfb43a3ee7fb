//! `select(..)`.

use ormkit_core::query::{
    Correlation, Deleted, Derived, Expr as CoreExpr, FromItem, Item, Lock, Rows, Select as CoreSelect, Source,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use std::sync::Arc;

use super::derived::Subquery;
use super::joins::{JoinedTables, Known, from_item, joined, kind_of, sources_of};
use super::loader::apply_options;
use super::lookup::lookup_condition;
use super::options::ReadOptions;
use super::q::condition_on;
use super::shown::shown;
use super::{AliasedClass, ColumnSpec, columns_of, model_of, order_terms, row_number};
use crate::dialect::dialect_of;
use crate::errors::to_py;
use crate::expr::{Expr, condition_of, expression};
use crate::model::{Table, schema, unsupported, with_def};

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
    Ok(Select::new(CoreSelect { items: items_of(entities)?, ..CoreSelect::default() }))
}

/// What classes, aliases, columns, expressions and subqueries are in a result: of a subquery all its columns.
pub(super) fn items_of(entities: &Bound<'_, PyTuple>) -> PyResult<Vec<Item>> {
    let mut items = Vec::with_capacity(entities.len());
    for entity in entities.iter() {
        if let Ok(rows) = entity.cast::<Subquery>() {
            items.extend(rows.get().items());
        } else if let Ok(table) = entity.cast::<Table>() {
            items.extend(table.get().items());
        } else {
            items.push(item_of(&entity)?);
        }
    }
    Ok(items)
}

/// What a class, column or expression is in a result.
pub(super) fn item_of(entity: &Bound<'_, PyAny>) -> PyResult<Item> {
    match entity.cast::<Expr>() {
        Ok(expr) => {
            let named = entity.cast::<ColumnSpec>().ok().map(|column| column.get().name().to_owned());
            let expr = expr.get();
            if let Some(label) = named {
                return Ok(Item::Value { expr: expr.core()?.clone(), label: Some(label) });
            }
            Ok(Item::Value { expr: expr.core()?.clone(), label: expr.label_name().map(str::to_owned) })
        }
        Err(_) => match entity.cast::<AliasedClass>() {
            Ok(alias) => Ok(alias.get().item()),
            Err(_) => match model_of(entity) {
                Ok(model) => Ok(Item::Entity { source: Source::plain(model), fields: None }),
                Err(error) => Err(no_item(entity).unwrap_or(error)),
            },
        },
    }
}

/// What to write where values stand in the place of columns.
fn no_item(given: &Bound<'_, PyAny>) -> Option<PyErr> {
    let instead = if given.is_instance_of::<PyString>() {
        "a text is SQL of your own by literal_column(..) or text(..), a value by literal(..)"
    } else if given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
        "columns are given one by one: select(*columns)"
    } else if given.is_none() || given.is_instance_of::<PyInt>() || given.is_instance_of::<PyFloat>() {
        "a value is selected by literal(..), NULL by null()"
    } else {
        return None;
    };
    Some(PyTypeError::new_err(format!("a class, a column or an expression is expected here: {instead}")))
}

impl Select {
    /// A statement of the core.
    pub(crate) fn new(core: CoreSelect) -> Self {
        Self { core: Arc::new(core) }
    }

    /// The same, of a shared one.
    pub(super) fn shared_with(core: Arc<CoreSelect>) -> Self {
        Self { core }
    }

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
        self.core.root().or_else(|| self.core.from.iter().find_map(FromItem::table)).or_else(|| {
            self.core.items.iter().find_map(|item| match item {
                Item::Value { expr: CoreExpr::Column(column), .. } => Some(column.source),
                _ => None,
            })
        })
    }

    /// Refuses what is said of one SELECT where there are several.
    fn single(&self, method: &str) -> PyResult<()> {
        match &self.core.set {
            None => Ok(()),
            Some(_) => Err(PyTypeError::new_err(format!(
                "a union and its like have no {method}: say it of their parts, or select from .subquery()"
            ))),
        }
    }

    /// Names in place of columns: labels, and columns of a set operation.
    fn with_names<'py>(&self, columns: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyTuple>> {
        let py = columns.py();
        let one = |item: Bound<'py, PyAny>| -> PyResult<Bound<'py, PyAny>> {
            if let Ok(expr) = item.cast::<Expr>()
                && let Some(name) = expr.get().order_name()
            {
                let found = self.labelled(py, name)?.map(|found| expr.get().in_order_of(found));
                return Ok(found
                    .map(|found| Bound::new(py, found))
                    .transpose()?
                    .map_or(item.clone(), Bound::into_any));
            }
            let Ok(text) = item.cast::<PyString>() else { return Ok(item) };
            let text = text.to_str()?;
            let (name, down) = text.strip_prefix('-').map_or((text, false), |bare| (bare, true));
            let Some(expr) = self.labelled(py, name)? else { return Ok(item) };
            let found = expression(py, expr)?.into_any();
            if down { found.call_method0("desc") } else { Ok(found) }
        };
        PyTuple::new(py, columns.iter().map(one).collect::<PyResult<Vec<_>>>()?)
    }

    fn labelled(&self, py: Python<'_>, name: &str) -> PyResult<Option<CoreExpr>> {
        if self.core.set.is_some() {
            let columns = self.core.columns(&*schema(py)?).map_err(|error| to_py(py, error))?;
            let rows = Derived::new(Rows::Values(Vec::new()), Some("the statement"), columns);
            let at = rows.column_named(name).map_err(|error| to_py(py, error))?;
            return Ok(Some(CoreExpr::Text(Arc::from((at + 1).to_string()))));
        }
        let label = self.core.items.iter().find_map(|item| match item {
            Item::Value { expr, label: Some(label) } if label == name => Some(expr.clone().labelled(label)),
            Item::Value { expr: expr @ CoreExpr::Part(part), label: None } if *part.shown().name == *name => {
                Some(expr.clone())
            }
            Item::Value { expr: expr @ CoreExpr::Column(column), label: None }
                if with_def(column.source.model, |def| def.fields[column.field.index()].name == name) =>
            {
                Some(expr.clone())
            }
            _ => None,
        });
        Ok(label)
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
    pub(super) fn r#where(&self, conditions: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.single("where()")?;
        let mut core = CoreSelect::clone(&self.core);
        for item in conditions.iter() {
            let condition = match self.named() {
                // An expression is one before all classes are there.
                Some(source) if !item.is_instance_of::<Expr>() => {
                    condition_on(&*schema(item.py())?, source, &item)?
                }
                _ => condition_of(&item)?,
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

    /// Adds conditions by attribute, `filter_by(name="a")`: of the class that was joined last, of the selected one without a
    /// join.
    ///
    /// Raises:
    ///     FieldError: That class has no such attribute.
    #[pyo3(signature = (**lookups))]
    fn filter_by(&self, py: Python<'_>, lookups: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        self.single("filter_by()")?;
        let Some(lookups) = lookups else { return Ok(self.with(|_| {})) };
        let source = match self.core.joins.last() {
            Some(join) => join.target.table().ok_or_else(|| {
                PyTypeError::new_err(
                    "filter_by() speaks of what was joined last, here a subquery: use where(..)",
                )
            })?,
            None => self.required("filter_by()")?,
        };
        let condition = lookup_condition(&*schema(py)?, source, lookups)?;
        Ok(Self { core: Arc::new(CoreSelect::clone(&self.core).filter(condition)) })
    }

    /// Sorts by columns or their names; a leading `-`, `.desc()` or `desc=True` sorts downwards. `order_by(None)` takes
    /// the order away.
    #[pyo3(signature = (*columns, desc = false))]
    fn order_by(&self, columns: &Bound<'_, PyTuple>, desc: bool) -> PyResult<Self> {
        if columns.len() == 1 && columns.get_item(0)?.is_none() {
            return Ok(self.with(|core| core.order_by.clear()));
        }
        let terms = order_terms(self.named(), &self.with_names(columns)?, desc)?;
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

    /// The rows from one place up to another, as of a list: `slice(10, 20)` has ten of them.
    ///
    /// Raises:
    ///     ValueError: A place that is negative, or an end before the beginning.
    fn slice(&self, start: i64, stop: i64) -> PyResult<Self> {
        match (u64::try_from(start), u64::try_from(stop.saturating_sub(start))) {
            (Ok(first), Ok(rows)) => Ok(self.with(|core| {
                core.offset = Some(core.offset.unwrap_or(0).saturating_add(first));
                core.limit = Some(rows);
            })),
            _ => Err(PyValueError::new_err(format!(
                "slice({start}, {stop}) goes from a place that is not negative to one behind it"
            ))),
        }
    }

    /// At most so many rows: the same as `limit`.
    ///
    /// Raises:
    ///     NotSupportedError: `with_ties` or `percent`.
    #[pyo3(signature = (count, with_ties = false, percent = false))]
    fn fetch(&self, count: &Bound<'_, PyAny>, with_ties: bool, percent: bool) -> PyResult<Self> {
        if with_ties || percent {
            let option = if with_ties { "with_ties" } else { "percent" };
            return Err(unsupported(
                format!("fetch({option}=True)"),
                "number the rows with func.rank().over(order_by=..) in a subquery and take the first",
            ));
        }
        self.limit(count)
    }

    /// Each row once; of columns: the first row of each of their values, in the order of the statement (PostgreSQL).
    #[pyo3(signature = (*columns))]
    fn distinct(&self, columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.single("distinct()")?;
        let on = columns_of(self.named(), columns)?;
        Ok(self.with(|core| match on.is_empty() {
            true => core.distinct = true,
            false => core.distinct_on.extend(on),
        }))
    }

    /// Starts from these classes, aliases, subqueries or `join(..)`s instead of those that are selected.
    #[pyo3(signature = (*entities))]
    pub(super) fn select_from(&self, entities: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.single("select_from()")?;
        let mut core = CoreSelect::clone(&self.core);
        for entity in entities.iter() {
            match entity.cast::<JoinedTables>() {
                Ok(tables) => {
                    core.from.push(tables.get().from.clone());
                    core.joins.extend(tables.get().joins.iter().cloned());
                }
                Err(_) => core.from.push(from_item(&entity)?),
            }
        }
        Ok(Self::new(core))
    }

    /// Joins along a relation (`join(User.posts)`), or to a class, an alias or a subquery: on a condition, along a
    /// relation, or on the one foreign key between them.
    #[pyo3(signature = (target, onclause = None, *, isouter = false, full = false))]
    fn join(
        &self,
        target: &Bound<'_, PyAny>,
        onclause: Option<&Bound<'_, PyAny>>,
        isouter: bool,
        full: bool,
    ) -> PyResult<Self> {
        self.single("join()")?;
        let schema = schema(target.py())?;
        let join = joined(&schema, &sources_of(&self.core), kind_of(isouter, full), target, onclause)?;
        Ok(self.with(|core| core.joins.push(join)))
    }

    /// As `join`, but rows without a partner stay.
    #[pyo3(signature = (target, onclause = None, *, full = false))]
    fn outerjoin(
        &self,
        target: &Bound<'_, PyAny>,
        onclause: Option<&Bound<'_, PyAny>>,
        full: bool,
    ) -> PyResult<Self> {
        self.join(target, onclause, true, full)
    }

    /// As `join`, from `left` instead of what the statement reads from otherwise.
    #[pyo3(signature = (left, target, onclause = None, *, isouter = false, full = false))]
    fn join_from(
        &self,
        left: &Bound<'_, PyAny>,
        target: &Bound<'_, PyAny>,
        onclause: Option<&Bound<'_, PyAny>>,
        isouter: bool,
        full: bool,
    ) -> PyResult<Self> {
        self.single("join_from()")?;
        let left = from_item(left)?;
        let schema = schema(target.py())?;
        let join = joined(&schema, &Known::left(left.clone()), kind_of(isouter, full), target, onclause)?;
        Ok(self.with(|core| {
            if !sources_of(core).contains(&left) || core.from.is_empty() {
                core.from.push(left);
            }
            core.joins.push(join);
        }))
    }

    /// As `join_from`, but rows without a partner stay.
    #[pyo3(signature = (left, target, onclause = None, *, full = false))]
    fn outerjoin_from(
        &self,
        left: &Bound<'_, PyAny>,
        target: &Bound<'_, PyAny>,
        onclause: Option<&Bound<'_, PyAny>>,
        full: bool,
    ) -> PyResult<Self> {
        self.join_from(left, target, onclause, true, full)
    }

    /// Inside another statement: says which tables are that one's; without any of them, or of None, none is. By itself a
    /// table is that one's if the statement right around this one reads from it and another table is left here.
    #[pyo3(signature = (*entities))]
    pub(super) fn correlate(&self, entities: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let given = entities.iter().filter(|entity| !entity.is_none());
        let items = given.map(|entity| from_item(&entity)).collect::<PyResult<Vec<_>>>()?;
        Ok(self.with(|core| match &mut core.correlate {
            Some(Correlation::With(known)) => known.extend(items),
            other => *other = Some(Correlation::With(items)),
        }))
    }

    /// Inside another statement: says which tables are this one's own; all others are that one's, as far as it reads from
    /// them.
    #[pyo3(signature = (*entities))]
    pub(super) fn correlate_except(&self, entities: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let given = entities.iter().filter(|entity| !entity.is_none());
        let items = given.map(|entity| from_item(&entity)).collect::<PyResult<Vec<_>>>()?;
        Ok(self.with(|core| match &mut core.correlate {
            Some(Correlation::Except(known)) => known.extend(items),
            other => *other = Some(Correlation::Except(items)),
        }))
    }

    /// Adds columns or classes.
    #[pyo3(signature = (*entities))]
    fn add_columns(&self, entities: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.single("add_columns()")?;
        let items = items_of(entities)?;
        Ok(self.with(|core| core.items.extend(items)))
    }

    /// Selects these instead.
    #[pyo3(signature = (*entities))]
    fn with_only_columns(&self, entities: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.single("with_only_columns()")?;
        let items = items_of(entities)?;
        Ok(self.with(|core| core.items = items))
    }

    /// Groups by columns or their names.
    #[pyo3(signature = (*columns))]
    fn group_by(&self, columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.single("group_by()")?;
        let columns = columns_of(self.named(), &self.with_names(columns)?)?;
        Ok(self.with(|core| core.group_by.extend(columns)))
    }

    /// Adds conditions on groups.
    #[pyo3(signature = (*conditions))]
    fn having(&self, conditions: &Bound<'_, PyTuple>) -> PyResult<Self> {
        self.single("having()")?;
        let conditions = crate::expr::conditions_of(conditions)?;
        Ok(self.with(|core| core.having.extend(conditions)))
    }

    /// Says what is loaded along, and how much of it.
    ///
    /// Raises:
    ///     FieldError: The model has no such relation or column.
    #[pyo3(signature = (*loaders))]
    fn options(&self, loaders: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let mut core = CoreSelect::clone(&self.core);
        apply_options(&mut core, loaders)?;
        Ok(Self { core: Arc::new(core) })
    }

    /// Options of the execution.
    ///
    /// Args:
    ///     include_deleted: Rows that count as deleted are rows like others: in tables, joins and conditions across relations,
    ///         and among what is loaded along. Subqueries say it of themselves.
    ///     populate_existing: Objects that the session holds take what their rows say, and load again what is loaded along;
    ///         their unsaved changes, which the flush before the query has not written, are dropped.
    ///     yield_per: How many rows `session.stream(..)` reads at a time; what is not streamed comes at once.
    ///     ...: Words of your own, which listeners of `do_orm_execute` find in `state.execution_options`.
    ///
    /// Raises:
    ///     TypeError: Of a union and its like: their parts say it.
    ///     NotSupportedError: An option of SQLAlchemy's that has another form here, which the error names.
    ///     FieldError: A word that is almost one of these.
    ///     ValueError: `yield_per` is no number of rows.
    #[pyo3(signature = (**options))]
    fn execution_options(&self, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let (said, notes) = ReadOptions::read(&self.core.notes, options)?;
        self.single("execution_options()")?;
        Ok(self.with(|core| said.say(core, notes)))
    }

    /// Locks the rows until the transaction ends, of the first class or of those that `of` names; on SQLite, which locks as
    /// a whole, nothing more happens.
    #[pyo3(signature = (*, read = false, nowait = false, skip_locked = false, key_share = false, of = None))]
    fn with_for_update(
        &self,
        read: bool,
        nowait: bool,
        skip_locked: bool,
        key_share: bool,
        of: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        self.single("with_for_update()")?;
        if nowait && skip_locked {
            return Err(PyValueError::new_err("with_for_update() takes one of nowait and skip_locked"));
        }
        let of = of.map(locked).transpose()?.unwrap_or_default();
        Ok(self.with(|core| {
            core.lock = Some(Lock { read, key_share, nowait, skip_locked });
            core.lock_of = of;
        }))
    }

    /// The text and its values: a list.
    #[pyo3(signature = (dialect = "postgresql"))]
    fn to_sql<'py>(&self, py: Python<'py>, dialect: &str) -> PyResult<(String, Bound<'py, PyList>)> {
        shown(py, dialect_of(dialect)?.into(), |schema, spelling| self.core.to_sql(schema, spelling))
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

/// What a statement does with rows that count as deleted.
pub(super) fn deleted(included: bool) -> Deleted {
    if included { Deleted::Included } else { Deleted::LeftOut }
}

/// The tables of `of=`: a class, an alias, a column of one, or a list of them.
fn locked(of: &Bound<'_, PyAny>) -> PyResult<Vec<FromItem>> {
    if of.is_instance_of::<PyList>() || of.is_instance_of::<PyTuple>() {
        let nested = of.try_iter()?.map(|item| locked(&item?)).collect::<PyResult<Vec<_>>>()?;
        return Ok(nested.into_iter().flatten().collect());
    }
    if let Ok(expr) = of.cast::<Expr>()
        && let CoreExpr::Column(column) = expr.get().core()?
    {
        return Ok(vec![column.source.into()]);
    }
    Ok(vec![from_item(of)?])
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
