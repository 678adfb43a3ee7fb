//! The end verbs of a fluent query: what runs it.

use std::sync::Arc;

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::query::lookup::resolve_field;
use ormkit_core::query::{Delete, Expr, Order, Select, Write};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::{AsyncSession, SessionLink, nothing, on_session, raise, value_of};
use crate::bridge::Operation;
use crate::engine::{Plan, explain};
use crate::expr::Expr as PyExpr;
use crate::model::schema;
use crate::query::{Aggregate, Q, Query, update_of, with_keys};

#[pymethods]
impl Query {
    /// All objects, as a list.
    fn all(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (select, answers) = (self.core().clone(), self.answers());
        on_session!(py, self.link(py)?, "Query.all", first autoflush_told, |session| {
            let objects = answers.of(session.select(&select).await.map_err(raise)?)?;
            Python::attach(|py| Ok(PyList::new(py, objects)?.into_any().unbind()))
        })
    }

    /// The first object, or None.
    fn first(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (select, answers) = (at_most(self.core(), 1), self.answers());
        on_session!(py, self.link(py)?, "Query.first", first autoflush_told, |session| {
            let rows = answers.of(session.select(&select).await.map_err(raise)?)?;
            Ok(rows.into_iter().next().unwrap_or_else(nothing))
        })
    }

    /// The last object in the order of the query, or None; without an order, that of the key. Of a slice, and of
    /// `distinct(..)` with columns, all objects are read.
    fn last(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (mut select, answers) = (Select::clone(self.core()), self.answers());
        // The other way round these would be other rows.
        let sliced = select.limit.is_some() || select.offset.is_some() || !select.distinct_on.is_empty();
        if !sliced {
            if select.order_by.is_empty() {
                if !self.is_objects() {
                    return Err(PyTypeError::new_err("last() of rows needs an order: order_by(..) first"));
                }
                let schema = schema(py)?;
                let key = schema.model(self.model()).key.iter();
                select.order_by = key.map(|key| Expr::column(self.model(), *key).into()).collect();
            }
            select.order_by = select.order_by.into_iter().map(Order::reversed).collect();
            select.limit = Some(1);
        }
        on_session!(py, self.link(py)?, "Query.last", first autoflush_told, |session| {
            let mut rows = answers.of(session.select(&select).await.map_err(raise)?)?;
            Ok(if sliced { rows.pop() } else { rows.into_iter().next() }.unwrap_or_else(nothing))
        })
    }

    /// Objects by their values of a column, `{value: object}`: those of a list, or all of the query.
    ///
    /// Args:
    ///     values: The values; None: every object.
    ///     field_name: The column, the key by default: a tuple where it has several columns. Where it is not unique, the last object of a value stays.
    #[pyo3(signature = (values = None, *, field_name = "pk"))]
    fn in_bulk(
        slf: &Bound<'_, Self>,
        values: Option<&Bound<'_, PyAny>>,
        field_name: &str,
    ) -> PyResult<Py<Operation>> {
        let py = slf.py();
        if !slf.get().is_objects() {
            return Err(PyTypeError::new_err("in_bulk() is for objects"));
        }
        let schema = schema(py)?;
        let model = schema.model(slf.get().model());
        let whole = field_name == "pk" && model.key.len() > 1 && model.find_field(field_name).is_none();
        let fields = match whole {
            true => model.key.to_vec(),
            false => vec![resolve_field(model, field_name).map_err(raise)?],
        };
        let names: Vec<String> = fields.iter().map(|field| model.field(*field).name.clone()).collect();
        let narrowed = match values {
            Some(values) => {
                let lookups = PyDict::new(py);
                let name = if whole { "pk" } else { &names[0] };
                lookups.set_item(format!("{name}__in"), values.try_iter()?.collect::<PyResult<Vec<_>>>()?)?;
                slf.call_method("filter", (), Some(&lookups))?.cast_into::<Self>()?
            }
            None => slf.clone(),
        };
        let this = narrowed.get();
        let (select, answers) = (this.core().clone(), this.answers());
        on_session!(py, this.link(py)?, "Query.in_bulk", first autoflush_told, |session| {
            let objects = answers.of(session.select(&select).await.map_err(raise)?)?;
            Python::attach(|py| {
                let found = PyDict::new(py);
                for object in objects {
                    let bound = object.bind(py);
                    let parts: Vec<_> =
                        names.iter().map(|name| bound.getattr(name.as_str())).collect::<PyResult<_>>()?;
                    match &parts[..] {
                        [value] => found.set_item(value, &object)?,
                        parts => found.set_item(PyTuple::new(py, parts)?, &object)?,
                    }
                }
                Ok(found.into_any().unbind())
            })
        })
    }

    /// The only object.
    ///
    /// Raises:
    ///     NoResultFound: There is none.
    ///     MultipleResultsFound: There are more.
    fn one(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.single(py, true)
    }

    /// The only object, or None.
    ///
    /// Raises:
    ///     MultipleResultsFound: There are more.
    fn one_or_none(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.single(py, false)
    }

    /// `filter(..)` and `one()`.
    ///
    /// Raises:
    ///     TypeError: A bare key was given: that is `session.get(Model, key)`.
    #[pyo3(signature = (*conditions, **lookups))]
    fn get(
        slf: &Bound<'_, Self>,
        conditions: &Bound<'_, PyTuple>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        refuse_keys(slf, conditions)?;
        slf.call_method("filter", conditions.clone(), lookups)?.cast::<Self>()?.get().single(slf.py(), true)
    }

    /// `filter(..)` and `one_or_none()`.
    #[pyo3(signature = (*conditions, **lookups))]
    fn get_or_none(
        slf: &Bound<'_, Self>,
        conditions: &Bound<'_, PyTuple>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        refuse_keys(slf, conditions)?;
        slf.call_method("filter", conditions.clone(), lookups)?.cast::<Self>()?.get().single(slf.py(), false)
    }

    /// Number of rows, with respect to filters, limit and offset.
    fn count(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let select = self.uncomputed();
        on_session!(py, self.link(py)?, "Query.count", first autoflush_told, |session| {
            let count = session.count(&select).await.map_err(raise)?;
            Python::attach(|py| Ok(count.into_pyobject(py)?.into_any().unbind()))
        })
    }

    /// True when there is a row.
    fn exists(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let select = self.uncomputed();
        on_session!(py, self.link(py)?, "Query.exists", first autoflush_told, |session| {
            let exists = session.exists(&select).await.map_err(raise)?;
            Python::attach(|py| Ok(exists.into_pyobject(py)?.to_owned().into_any().unbind()))
        })
    }

    /// The sum of a column over all rows that the query means; None of nothing.
    fn sum(&self, column: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        self.one_value("sum", column)
    }

    /// The average of a column; None of nothing.
    fn avg(&self, column: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        self.one_value("avg", column)
    }

    /// The least value of a column; None of nothing.
    fn min(&self, column: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        self.one_value("min", column)
    }

    /// The greatest value of a column; None of nothing.
    fn max(&self, column: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        self.one_value("max", column)
    }

    /// Several aggregates over all rows that the query means, as a dict: `aggregate(n=Count("*"), total=Sum("pages"))`. Without
    /// a name an aggregate is called `pages__sum`.
    ///
    /// Raises:
    ///     FieldError: The model has no such attribute.
    ///     NotSupportedError: Aggregates over several lists at once, which would multiply each other's rows.
    #[pyo3(signature = (*aggregates, **named))]
    fn aggregate(
        &self,
        aggregates: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        let py = aggregates.py();
        let mut list = Vec::new();
        for aggregate in aggregates.iter() {
            let name = match aggregate.cast::<Aggregate>() {
                Ok(aggregate) => aggregate.get().default_name()?,
                Err(_) => {
                    return Err(PyTypeError::new_err(
                        "aggregate() takes Count(..), Sum(..), Avg(..), Min(..), Max(..); arithmetic of them by a name",
                    ));
                }
            };
            list.push((name, aggregate));
        }
        for (name, aggregate) in named.into_iter().flatten() {
            list.push((name.extract()?, aggregate));
        }
        let select = self.aggregating(py, list)?;
        on_session!(py, self.link(py)?, "Query.aggregate", first autoflush_told, |session| {
            let rows = session.select(&select).await.map_err(raise)?;
            let dict = crate::query::Answers::dicts().of(rows)?;
            Ok(dict.into_iter().next().unwrap_or_else(nothing))
        })
    }

    /// Set attributes of all rows that the query means, at once: inside the open transaction, else by itself. Held objects take
    /// the new values. Values may be expressions and `F`; a relation to one object takes an object, its key or None.
    ///
    /// Returns:
    ///     int: The number of rows.
    ///
    /// Raises:
    ///     FieldError: The model has no such attribute.
    ///     NotSupportedError: Of the primary key, or of what SQL cannot say: limited rows where the key has several columns.
    #[pyo3(signature = (*dicts, **values))]
    fn update(
        &self,
        py: Python<'_>,
        dicts: &Bound<'_, PyTuple>,
        values: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        if !dicts.is_empty() {
            return Err(PyTypeError::new_err(
                "update() takes attributes by name: update(age=9), update(**values)",
            ));
        }
        let values = values.ok_or_else(|| PyTypeError::new_err("update() sets at least one attribute"))?;
        self.check_rows("update")?;
        let schema = schema(py)?;
        let values = with_keys(&schema, schema.model(self.model()), values)?;
        let write = update_of(schema.model(self.model()), &values, self.core())?;
        self.write(py, write)
    }

    /// Delete all rows that the query means, at once: inside the open transaction, else by itself. Held objects of these rows
    /// leave the session. Cascades are the database's (`ON DELETE`).
    ///
    /// Returns:
    ///     int: The number of rows.
    ///
    /// Raises:
    ///     IntegrityError: Other rows refer to them.
    fn delete(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.check_rows("delete")?;
        let mut delete = Delete::new(self.model());
        delete.filter = self.core().as_filter(schema(py)?.model(self.model())).map_err(raise)?;
        delete.deleted = self.core().deleted;
        self.write(py, Write::Delete(delete))
    }

    /// How the database would run the query: PostgreSQL's EXPLAIN, SQLite's EXPLAIN QUERY PLAN, as text.
    ///
    /// Args:
    ///     analyze: Run it, too, for times and numbers of rows; PostgreSQL only.
    ///
    /// Raises:
    ///     NotSupportedError: `analyze` on SQLite.
    #[pyo3(signature = (*, analyze = false))]
    fn explain(&self, py: Python<'_>, analyze: bool) -> PyResult<Py<Operation>> {
        let select = self.core().clone();
        on_session!(py, self.link(py)?, "Query.explain", first autoflush_told, |session| {
            let statement = session.statement(&select).map_err(raise)?;
            let dialect = session.dialect();
            let statement = explain(&statement.text, statement.params, analyze, dialect).map_err(raise)?;
            let mut plan = Plan::default();
            session.run_alone(&statement, &mut plan).await.map_err(raise)?;
            Ok(plan.into_text())
        })
    }

    fn __await__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        self.all(py)
    }
}

/// A bare key is what the session is asked for, which may hold the object.
fn refuse_keys(query: &Bound<'_, Query>, conditions: &Bound<'_, PyTuple>) -> PyResult<()> {
    let is_condition =
        |given: &Bound<'_, PyAny>| given.is_instance_of::<PyExpr>() || given.is_instance_of::<Q>();
    if conditions.iter().all(|given| is_condition(&given)) {
        return Ok(());
    }
    let schema = schema(query.py())?;
    Err(PyTypeError::new_err(format!(
        "get() of a query takes conditions and lookups: by its key an object is `await session.get({}, key)`",
        schema.model(query.get().model()).name()
    )))
}

impl Query {
    fn one_value(&self, function: &'static str, column: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let py = column.py();
        let aggregate = Bound::new(py, Aggregate::named(function, column)?)?;
        let select = self.aggregating(py, vec![(function.to_owned(), aggregate.into_any())])?;
        on_session!(py, self.link(py)?, "Query.aggregate", first autoflush_told, |session| {
            let rows = session.select(&select).await.map_err(raise)?;
            Python::attach(|py| {
                Ok(rows.items.into_iter().next().map_or_else(nothing, |item| value_of(py, item)))
            })
        })
    }

    /// Refuses to write what is no row of the model.
    fn check_rows(&self, verb: &str) -> PyResult<()> {
        if !self.is_objects() || !self.core().group_by.is_empty() {
            return Err(PyTypeError::new_err(format!(
                "{verb}() is for the rows of a model: session.query(Model).filter(..).{verb}(..)"
            )));
        }
        Ok(())
    }

    fn write(&self, py: Python<'_>, write: Write) -> PyResult<Py<Operation>> {
        on_session!(py, self.link(py)?, "Query.update", first autoflush_told, |session| {
            let written = session.write_at_once(&write).await.map_err(raise)?;
            Python::attach(|py| Ok(written.affected.into_pyobject(py)?.into_any().unbind()))
        })
    }

    pub(super) fn link(&self, py: Python<'_>) -> PyResult<Arc<SessionLink>> {
        Ok(Arc::clone(&self.session()?.bind(py).cast::<AsyncSession>()?.get().link))
    }

    fn single(&self, py: Python<'_>, required: bool) -> PyResult<Py<Operation>> {
        // A limit of the caller's own stays: two rows are enough to see that one is not alone.
        let (select, answers) = (at_most(self.core(), 2), self.answers());
        let name = schema(py)?.model(self.model()).name().to_owned();
        on_session!(py, self.link(py)?, "Query.one", first autoflush_told, |session| {
            let mut objects = answers.of(session.select(&select).await.map_err(raise)?)?;
            match (objects.len(), required) {
                (0, true) => Err(raise(Error::new(ErrorKind::NoResult(format!("the query found no {name}"))))),
                (0, false) => Ok(nothing()),
                (1, _) => Ok(objects.remove(0)),
                _ => Err(raise(Error::new(ErrorKind::MultipleResults(
                    format!("one {name} was asked for, there are more"),
                )))),
            }
        })
    }
}

/// The same query with a limit of `rows` or less.
fn at_most(select: &Arc<Select>, rows: u64) -> Select {
    let mut select = Select::clone(select);
    select.limit = Some(select.limit.map_or(rows, |limit| limit.min(rows)));
    select
}
