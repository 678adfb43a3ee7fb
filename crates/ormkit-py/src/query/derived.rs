//! `select(..).subquery()`, `select(..).cte()` and their columns.

use ormkit_core::query::{
    Cte as CoreCte, Derived, DerivedColumn, Expr as CoreExpr, FromItem, Item, Rows, Select as CoreSelect,
    Write,
};
use pyo3::exceptions::{PyAttributeError, PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyString};
use std::sync::Arc;

use super::Select;
use crate::errors::to_py;
use crate::expr::{Expr, expression};
use crate::model::schema;

/// Rows to read from in FROM and JOIN: a subquery, or the rows of a function. Their columns are `.c.name`.
#[pyclass(frozen, subclass, module = "ormkit")]
pub(crate) struct Subquery {
    derived: Arc<Derived>,
}

/// A common table expression: written once in front of the statement, read as often as it is mentioned.
#[pyclass(frozen, extends = Subquery, module = "ormkit", name = "CTE")]
pub(crate) struct Cte {
    core: Arc<CoreCte>,
}

impl Subquery {
    /// Rows of the core.
    pub(super) fn new(derived: Derived) -> Self {
        Self { derived: Arc::new(derived) }
    }

    /// The rows of a SELECT.
    pub(super) fn of(py: Python<'_>, select: Arc<CoreSelect>, name: Option<&str>) -> PyResult<Self> {
        Derived::select(&*schema(py)?, select, name).map(Self::new).map_err(|error| to_py(py, error))
    }

    /// The rows of the core.
    pub(super) fn derived(&self) -> &Arc<Derived> {
        &self.derived
    }

    /// What it is in FROM.
    pub(super) fn in_from(&self) -> FromItem {
        Arc::clone(&self.derived).into()
    }

    /// All its columns as values.
    pub(super) fn items(&self) -> impl Iterator<Item = Item> + '_ {
        let value = |at| Item::Value { expr: CoreExpr::part(&self.derived, at), label: None };
        (0..self.width()).map(value)
    }

    /// The SELECT of its one column.
    ///
    /// # Errors
    /// `TypeError` when it has several.
    pub(crate) fn only_column(&self) -> PyResult<CoreSelect> {
        match self.width() {
            1 => Ok(CoreSelect { items: self.items().collect(), ..CoreSelect::default() }),
            several => Err(PyTypeError::new_err(format!(
                "in_() takes a subquery of one column, this one has {several}: select(sub.c.name)"
            ))),
        }
    }

    fn width(&self) -> u16 {
        u16::try_from(self.derived.columns.len()).unwrap_or(u16::MAX)
    }
}

impl Cte {
    /// The common table expression of a SELECT.
    pub(super) fn of<'py>(
        py: Python<'py>,
        select: Arc<CoreSelect>,
        name: Option<&str>,
        recursive: bool,
        materialized: Option<bool>,
    ) -> PyResult<Bound<'py, Self>> {
        let core = CoreCte::select(&*schema(py)?, select, name, recursive, materialized);
        Self::bound(py, core.map_err(|error| to_py(py, error))?)
    }

    /// The common table expression of a statement that writes.
    pub(super) fn of_write<'py>(
        py: Python<'py>,
        write: Write,
        name: Option<&str>,
    ) -> PyResult<Bound<'py, Self>> {
        let core = CoreCte::write(&*schema(py)?, Arc::new(write), name);
        Self::bound(py, core.map_err(|error| to_py(py, error))?)
    }

    fn bound(py: Python<'_>, core: CoreCte) -> PyResult<Bound<'_, Self>> {
        let core = Arc::new(core);
        let rows = Subquery::new(Derived::cte(Arc::clone(&core)));
        Bound::new(py, PyClassInitializer::from(rows).add_subclass(Self { core }))
    }

    fn with<'py>(&self, all: bool, select: &Bound<'py, Select>) -> PyResult<Bound<'py, Self>> {
        let py = select.py();
        let core = self.core.add(&*schema(py)?, all, select.get().shared());
        Self::bound(py, core.map_err(|error| to_py(py, error))?)
    }
}

#[pymethods]
impl Subquery {
    /// The columns, by name.
    #[getter]
    fn c(&self) -> Columns {
        Columns { derived: Arc::clone(&self.derived), own: false }
    }

    /// The same.
    #[getter]
    fn columns(&self) -> Columns {
        self.c()
    }

    /// Of a function with one column: that column.
    ///
    /// Raises:
    ///     AttributeError: There are several columns.
    #[getter]
    fn column<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Expr>> {
        match self.width() {
            1 => expression(py, CoreExpr::part(&self.derived, 0)),
            several => Err(PyAttributeError::new_err(format!("there are {several} columns: use .c.name"))),
        }
    }

    /// The name that it was given; None: the statement chooses one.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.derived.name.as_deref()
    }

    /// The same rows once more, under another name.
    #[pyo3(signature = (name = None))]
    pub(super) fn alias(&self, name: Option<&str>) -> Self {
        Self::new(self.derived.alias(name))
    }

    fn __repr__(&self) -> String {
        format!("<rows {}>", self.derived.name.as_deref().unwrap_or("without a name"))
    }
}

#[pymethods]
impl Cte {
    /// The same with the rows of another SELECT, each row once. It may read from the CTE as it was: see `recursive`.
    fn union<'py>(&self, select: &Bound<'py, Select>) -> PyResult<Bound<'py, Self>> {
        self.with(false, select)
    }

    /// The same with the rows of another SELECT. It may read from the CTE as it was: see `recursive`.
    fn union_all<'py>(&self, select: &Bound<'py, Select>) -> PyResult<Bound<'py, Self>> {
        self.with(true, select)
    }
}

/// The columns of a subquery: attributes, or `["name"]`.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Columns {
    derived: Arc<Derived>,
    /// They are the statement's own expressions, not those of a subquery.
    own: bool,
}

impl Columns {
    /// The columns that a statement answers.
    pub(super) fn of_statement(columns: Vec<DerivedColumn>) -> Self {
        let derived = Derived::new(Rows::Values(Vec::new()), Some("the statement"), columns);
        Self { derived: Arc::new(derived), own: true }
    }

    fn at<'py>(&self, py: Python<'py>, at: usize) -> PyResult<Bound<'py, Expr>> {
        if self.own {
            return expression(py, self.derived.columns[at].of.clone());
        }
        let at = u16::try_from(at).map_err(|_| PyKeyError::new_err(at))?;
        expression(py, CoreExpr::part(&self.derived, at))
    }

    fn names(&self) -> Vec<&str> {
        self.derived.columns.iter().map(|column| &*column.name).collect()
    }
}

#[pymethods]
impl Columns {
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, Expr>> {
        let at = self.derived.column_named(name);
        self.at(py, usize::from(at.map_err(|error| PyAttributeError::new_err(error.to_string()))?))
    }

    fn __getitem__<'py>(&self, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Expr>> {
        let py = name.py();
        if name.is_instance_of::<PyInt>() {
            let at: usize = name.extract()?;
            let width = self.derived.columns.len();
            return match at < width {
                true => self.at(py, at),
                false => Err(PyKeyError::new_err(format!("there are {width} columns"))),
            };
        }
        let text =
            name.cast::<PyString>().map_err(|_| PyTypeError::new_err("a column is named by a text"))?;
        let at = self.derived.column_named(text.to_str()?);
        self.at(py, usize::from(at.map_err(|error| PyKeyError::new_err(error.to_string()))?))
    }

    /// The names.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.names())
    }

    fn __contains__(&self, name: &str) -> bool {
        self.names().contains(&name)
    }

    fn __len__(&self) -> usize {
        self.derived.columns.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let columns = (0..self.derived.columns.len()).map(|at| self.at(py, at));
        let columns = PyList::new(py, columns.collect::<PyResult<Vec<_>>>()?)?;
        Ok(columns.try_iter()?.into_any())
    }

    fn __repr__(&self) -> String {
        format!("<columns {}>", self.names().join(", "))
    }
}
