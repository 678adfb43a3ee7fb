//! What stands in `__table_args__`: constraints and indexes over several columns.
use super::foreign_key::place;
use crate::model::raise::{to_python, unsupported};
use ormkit_core::model::{Constraint, ForeignKey, Index as IndexDef};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// `UniqueConstraint("a", "b", name="uq_ab")`.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct UniqueConstraint {
    columns: Vec<String>,
    name: Option<String>,
}

#[pymethods]
impl UniqueConstraint {
    #[new]
    #[pyo3(signature = (*columns, name = None))]
    fn new(columns: &Bound<'_, PyTuple>, name: Option<String>) -> PyResult<Self> {
        Ok(Self { columns: names(columns.as_any(), "UniqueConstraint")?, name })
    }
}

impl UniqueConstraint {
    /// As the core knows it.
    pub(crate) fn def(&self) -> Constraint {
        Constraint::Unique { name: self.name.clone(), columns: self.columns.clone() }
    }
}

/// `CheckConstraint("price > 0", name="positive")`.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct CheckConstraint {
    condition: String,
    name: Option<String>,
}

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl CheckConstraint {
    #[new]
    #[pyo3(signature = (condition, *, name = None))]
    fn new(condition: &Bound<'_, PyAny>, name: Option<String>) -> PyResult<Self> {
        Ok(Self { condition: condition.str()?.to_string(), name })
    }
}

impl CheckConstraint {
    /// As the core knows it.
    pub(crate) fn def(&self) -> Constraint {
        Constraint::Check { name: self.name.clone(), condition: self.condition.clone() }
    }
}

/// `PrimaryKeyConstraint("a", "b")`.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct PrimaryKeyConstraint {
    /// Column names.
    pub(crate) columns: Vec<String>,
}

#[pymethods]
impl PrimaryKeyConstraint {
    #[new]
    #[pyo3(signature = (*columns, name = None))]
    fn new(columns: &Bound<'_, PyTuple>, name: Option<String>) -> PyResult<Self> {
        if name.is_some() {
            return Err(unsupported("PrimaryKeyConstraint(name=..)", "the database names the primary key"));
        }
        Ok(Self { columns: names(columns.as_any(), "PrimaryKeyConstraint")? })
    }
}

/// `ForeignKeyConstraint(["a", "b"], ["t.a", "t.b"], ondelete="CASCADE")`.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct ForeignKeyConstraint(Constraint);

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl ForeignKeyConstraint {
    #[new]
    #[pyo3(signature = (columns, refcolumns, *, name = None, ondelete = None, onupdate = None))]
    fn new(
        columns: Vec<String>,
        refcolumns: Vec<String>,
        name: Option<String>,
        ondelete: Option<&str>,
        onupdate: Option<&str>,
    ) -> PyResult<Self> {
        if columns.is_empty() || columns.len() != refcolumns.len() {
            return Err(PyValueError::new_err(
                "ForeignKeyConstraint() needs as many columns as it refers to, one at least",
            ));
        }
        let places = refcolumns.iter().map(|text| place(text)).collect::<PyResult<Vec<_>>>()?;
        let table = places[0].0.clone();
        if places.iter().any(|(other, _)| *other != table) {
            return Err(PyValueError::new_err("ForeignKeyConstraint() must refer to columns of one table"));
        }
        let action = |word: Option<&str>| word.map(ForeignKey::action).transpose().map_err(to_python);
        Ok(Self(Constraint::ForeignKey {
            name,
            columns,
            table,
            referred: places.into_iter().map(|(_, column)| column).collect(),
            on_delete: action(ondelete)?,
            on_update: action(onupdate)?,
        }))
    }
}

impl ForeignKeyConstraint {
    /// As the core knows it.
    pub(crate) fn def(&self) -> Constraint {
        self.0.clone()
    }
}

/// `Index("ix_ab", "a", "b", unique=True)`; None for the name: one is made of table and columns.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Index(IndexDef);

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Index {
    #[new]
    #[pyo3(signature = (name, *columns, unique = false, **options))]
    fn new(
        name: Option<String>,
        columns: &Bound<'_, PyTuple>,
        unique: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        if let Some(option) = options.and_then(|options| options.keys().iter().next()) {
            return Err(unsupported(format!("Index({option}=..)"), "write such an index in a migration"));
        }
        Ok(Self(IndexDef { name, columns: names(columns.as_any(), "Index")?, unique }))
    }
}

impl Index {
    /// As the core knows it.
    pub(crate) fn def(&self) -> IndexDef {
        self.0.clone()
    }
}

fn names(given: &Bound<'_, PyAny>, what: &str) -> PyResult<Vec<String>> {
    let names: Vec<String> =
        given.extract().map_err(|_| PyTypeError::new_err(format!("{what}() takes the names of columns")))?;
    match names.is_empty() {
        true => Err(PyTypeError::new_err(format!("{what}() needs a column"))),
        false => Ok(names),
    }
}
