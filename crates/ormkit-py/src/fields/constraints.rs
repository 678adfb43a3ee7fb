//! What stands in `__table_args__`: constraints and indexes over several columns.
use super::foreign_key::{key_check, place, timing};
use super::{ColumnName, MappedColumn};
use crate::model::raise::to_python;
use ormkit_core::model::{Constraint, ForeignKey, Timing};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// `UniqueConstraint("a", "b", name="uq_ab")`.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct UniqueConstraint {
    columns: Vec<ColumnName>,
    name: Option<String>,
    nulls_not_distinct: bool,
    timing: Timing,
}

#[pymethods]
impl UniqueConstraint {
    #[new]
    #[pyo3(signature = (*columns, name = None, deferrable = None, initially = None,
        postgresql_nulls_not_distinct = false))]
    fn new(
        columns: &Bound<'_, PyTuple>,
        name: Option<String>,
        deferrable: Option<bool>,
        initially: Option<&str>,
        postgresql_nulls_not_distinct: bool,
    ) -> PyResult<Self> {
        let columns = columns_of(columns.as_any(), "UniqueConstraint")?;
        let timing = timing(deferrable, initially)?;
        Ok(Self { columns, name, nulls_not_distinct: postgresql_nulls_not_distinct, timing })
    }
}

impl UniqueConstraint {
    /// As the core knows it; `named` finds the name of a column that was given as its declaration.
    pub(crate) fn def(&self, named: &Named<'_>) -> PyResult<Constraint> {
        Ok(Constraint::Unique {
            name: self.name.clone(),
            columns: self.columns.iter().map(|column| column.named(named)).collect::<PyResult<_>>()?,
            nulls_not_distinct: self.nulls_not_distinct,
            timing: self.timing,
        })
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
    columns: Vec<ColumnName>,
    /// Its name.
    pub(crate) name: Option<String>,
}

#[pymethods]
impl PrimaryKeyConstraint {
    #[new]
    #[pyo3(signature = (*columns, name = None))]
    fn new(columns: &Bound<'_, PyTuple>, name: Option<String>) -> PyResult<Self> {
        Ok(Self { columns: columns_of(columns.as_any(), "PrimaryKeyConstraint")?, name })
    }
}

impl PrimaryKeyConstraint {
    /// Its columns; `named` as for [`UniqueConstraint::def`].
    pub(crate) fn columns(&self, named: &Named<'_>) -> PyResult<Vec<String>> {
        self.columns.iter().map(|column| column.named(named)).collect()
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
    #[pyo3(signature = (columns, refcolumns, *, name = None, ondelete = None, onupdate = None, deferrable = None,
        initially = None, use_alter = false, r#match = None))]
    #[allow(clippy::too_many_arguments, reason = "the options of a foreign key")]
    fn new(
        columns: Vec<String>,
        refcolumns: Vec<String>,
        name: Option<String>,
        ondelete: Option<&str>,
        onupdate: Option<&str>,
        deferrable: Option<bool>,
        initially: Option<&str>,
        use_alter: bool,
        r#match: Option<&str>,
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
            check: key_check(deferrable, initially, r#match, use_alter)?,
        }))
    }
}

impl ForeignKeyConstraint {
    /// As the core knows it.
    pub(crate) fn def(&self) -> Constraint {
        self.0.clone()
    }
}

/// Finds the name of a column that was given as its declaration.
pub(crate) type Named<'a> = dyn Fn(&Bound<'_, MappedColumn>) -> PyResult<String> + 'a;

impl ColumnName {
    /// The name of the column.
    pub(crate) fn named(&self, named: &Named<'_>) -> PyResult<String> {
        match self {
            Self::Name(name) => Ok(name.clone()),
            Self::Declared(column) => Python::attach(|py| named(column.bind(py))),
        }
    }
}

/// Columns by their names, their declarations or their attributes.
fn columns_of(given: &Bound<'_, PyAny>, what: &str) -> PyResult<Vec<ColumnName>> {
    let columns: Vec<ColumnName> =
        given.try_iter()?.map(|item| column_of(&item?, what)).collect::<PyResult<_>>()?;
    match columns.is_empty() {
        true => Err(PyTypeError::new_err(format!("{what}() needs a column"))),
        false => Ok(columns),
    }
}

/// A column by its name, its declaration or its attribute.
pub(super) fn column_of(given: &Bound<'_, PyAny>, what: &str) -> PyResult<ColumnName> {
    if let Ok(name) = given.extract::<String>() {
        return Ok(ColumnName::Name(name));
    }
    if let Ok(declared) = given.cast::<MappedColumn>() {
        return Ok(ColumnName::Declared(declared.clone().unbind()));
    }
    let attribute = given.cast::<crate::model::Attribute>().ok();
    let place = attribute.and_then(|attribute| attribute.get().column_place());
    place
        .map(|(_, column)| ColumnName::Name(column))
        .ok_or_else(|| PyTypeError::new_err(format!("{what}() takes the names of columns")))
}
