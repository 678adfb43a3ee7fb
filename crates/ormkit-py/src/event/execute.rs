//! `do_orm_execute`: a statement that is going to be run, for listeners that change it.
use crate::errors::{from_py, to_py};
use crate::host::class_info;
use crate::inspection::Mapper;
use crate::model::find_class;
use crate::query::{Delete, Insert, Select, Update, said};
use ormkit_core::error::{Error, Result};
use ormkit_core::model::ModelId;
use ormkit_core::query::{Deleted, Expr, FromItem, Item, Select as CoreSelect, Write};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a statement is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Select,
    Insert,
    Update,
    Delete,
}

impl Kind {
    fn of(statement: &Bound<'_, PyAny>) -> Option<Self> {
        if statement.is_instance_of::<Select>() {
            Some(Self::Select)
        } else if statement.is_instance_of::<Insert>() {
            Some(Self::Insert)
        } else if statement.is_instance_of::<Update>() {
            Some(Self::Update)
        } else if statement.is_instance_of::<Delete>() {
            Some(Self::Delete)
        } else {
            None
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Select => "select(..)",
            Self::Insert => "insert(..)",
            Self::Update => "update(..)",
            Self::Delete => "delete(..)",
        }
    }
}

/// A statement that a session is going to run. What is set to `statement` runs in its place.
#[pyclass(frozen, name = "ORMExecuteState", module = "ormkit.event")]
pub(crate) struct OrmExecuteState {
    /// The session, which runs the statement: its `info` can be read, it can do nothing else meanwhile.
    #[pyo3(get)]
    session: Py<PyAny>,
    kind: Kind,
    models: Vec<ModelId>,
    statement: Mutex<Py<PyAny>>,
}

impl OrmExecuteState {
    /// Of a query.
    pub(crate) fn of_select(py: Python<'_>, session: Py<PyAny>, select: &CoreSelect) -> PyResult<Self> {
        let mut models: Vec<ModelId> = Vec::new();
        let of_item = |item: &Item| match item {
            Item::Value { expr: Expr::Column(column), .. } => Some(column.source.model),
            item => item.model(),
        };
        let tables = select.from.iter().filter_map(FromItem::table).map(|table| table.model);
        for model in select.items.iter().filter_map(of_item).chain(tables) {
            if !models.contains(&model) {
                models.push(model);
            }
        }
        let statement = Py::new(py, Select::new(select.clone()))?.into_any();
        Ok(Self { session, kind: Kind::Select, models, statement: Mutex::new(statement) })
    }

    /// Of a statement that writes.
    pub(crate) fn of_write(py: Python<'_>, session: Py<PyAny>, write: &Write) -> PyResult<Self> {
        let (kind, statement) = match write.clone() {
            Write::Insert(core) => (Kind::Insert, Py::new(py, Insert::of_core(core))?.into_any()),
            Write::Update(core) => (Kind::Update, Py::new(py, Update::of_core(core))?.into_any()),
            Write::Delete(core) => (Kind::Delete, Py::new(py, Delete::of_core(core))?.into_any()),
        };
        Ok(Self { session, kind, models: vec![write.model()], statement: Mutex::new(statement) })
    }

    fn current(&self) -> MutexGuard<'_, Py<PyAny>> {
        self.statement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn statement_now<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.current().bind(py).clone()
    }

    /// The query as listeners have left it.
    pub(crate) fn select(&self, py: Python<'_>) -> Result<CoreSelect> {
        let statement = self.statement_now(py);
        let select = statement.cast::<Select>().map_err(|error| from_py(error.into()))?;
        Ok(select.get().core().clone())
    }

    /// The statement that writes as listeners have left it.
    pub(crate) fn write(&self, py: Python<'_>) -> Result<Write> {
        let statement = self.statement_now(py);
        if let Ok(insert) = statement.cast::<Insert>() {
            return insert.get().core(py).map_err(from_py);
        }
        if let Ok(update) = statement.cast::<Update>() {
            return Ok(update.get().core());
        }
        statement.cast::<Delete>().map(|delete| delete.get().core()).map_err(|error| from_py(error.into()))
    }
}

#[pymethods]
impl OrmExecuteState {
    /// The statement, as listeners before have left it.
    #[getter]
    fn get_statement(&self, py: Python<'_>) -> Py<PyAny> {
        self.statement_now(py).unbind()
    }

    /// Raises:
    ///     TypeError: It is a statement of another kind.
    #[setter]
    fn set_statement(&self, statement: &Bound<'_, PyAny>) -> PyResult<()> {
        if Kind::of(statement) != Some(self.kind) {
            return Err(PyTypeError::new_err(format!(
                "statement is to be a {}, as it was, not {}",
                self.kind.name(),
                statement.get_type().name()?
            )));
        }
        let before = std::mem::replace(&mut *self.current(), statement.clone().unbind());
        drop(before);
        Ok(())
    }

    /// A `select(..)`, or a query.
    #[getter]
    fn is_select(&self) -> bool {
        self.kind == Kind::Select
    }

    #[getter]
    fn is_insert(&self) -> bool {
        self.kind == Kind::Insert
    }

    #[getter]
    fn is_update(&self) -> bool {
        self.kind == Kind::Update
    }

    #[getter]
    fn is_delete(&self) -> bool {
        self.kind == Kind::Delete
    }

    /// True: SQL of the program's own is not seen.
    #[getter]
    fn is_orm_statement(&self) -> bool {
        true
    }

    /// False: a refresh is not seen.
    #[getter]
    fn is_column_load(&self) -> bool {
        false
    }

    /// False: what is loaded along has the criteria of its query, and a later load is seen as a query of its objects.
    #[getter]
    fn is_relationship_load(&self) -> bool {
        false
    }

    /// Options of the statement, those that a program has made up among them.
    #[getter]
    fn execution_options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (notes, deleted) = match self.kind {
            Kind::Select => self.select(py).map(|select| (select.notes, select.deleted)),
            _ => self.write(py).map(|write| match write {
                Write::Update(update) => (update.notes, update.deleted),
                Write::Delete(delete) => (delete.notes, delete.deleted),
                Write::Insert(insert) => (insert.notes, Deleted::default()),
            }),
        }
        .map_err(|error| to_py(py, error))?;
        let options = said(py, &notes)?;
        if deleted == Deleted::Included {
            options.set_item("include_deleted", true)?;
        }
        Ok(options)
    }

    /// Says more options of the statement.
    #[pyo3(signature = (**options))]
    fn update_execution_options(&self, py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let changed = self.statement_now(py).call_method("execution_options", (), options)?;
        self.set_statement(&changed)
    }

    /// The mapper of the first class of the statement, or None.
    #[getter]
    fn bind_mapper(&self, py: Python<'_>) -> PyResult<Option<Mapper>> {
        Ok(self.mappers(py).next())
    }

    /// The mappers of the classes whose objects and columns the statement answers or writes.
    #[getter]
    fn all_mappers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mappers = self.mappers(py).map(|mapper| Py::new(py, mapper)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, mappers)
    }

    /// Raises:
    ///     NotSupportedError: Values are part of the statement here.
    #[getter]
    fn parameters(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Err(to_py(
            py,
            Error::unsupported(
                "the parameters of an ORMExecuteState",
                "values are part of the statement: `statement.to_sql()` shows them",
            ),
        ))
    }

    /// Raises:
    ///     NotSupportedError: A listener changes the statement; the session runs it.
    fn invoke_statement(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Err(to_py(
            py,
            Error::unsupported(
                "invoke_statement() in a listener",
                "set `statement`: the session runs it when all listeners have seen it",
            ),
        ))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let name = self.kind.name();
        let classes = self.mappers(py).map(|mapper| Ok(mapper.class(py).name()?.to_string()));
        Ok(format!("<ORMExecuteState {name} of {}>", classes.collect::<PyResult<Vec<_>>>()?.join(", ")))
    }
}

impl OrmExecuteState {
    fn mappers<'py>(&self, py: Python<'py>) -> impl Iterator<Item = Mapper> {
        let has_class = move |model: &&ModelId| find_class(py, **model).is_some();
        self.models.iter().filter(has_class).map(move |model| Mapper::of(class_info(py, *model).class(py)))
    }
}
