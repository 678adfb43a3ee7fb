//! `update(..)`.

use ormkit_core::query::{Source, Update as CoreUpdate, Write};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::super::derived::Cte;
use super::super::lookup::lookup_condition;
use super::super::options::include_deleted;
use super::super::read::deleted;
use super::super::shown::shown;
use super::{assignments, conditions_on, returned};
use crate::dialect::dialect_of;
use crate::model::{schema, table_model};

/// UPDATE; every method returns a new one.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Update {
    core: CoreUpdate,
}

/// UPDATE of the table of a class; without `where` of every row.
#[pyfunction]
pub(crate) fn update(model: &Bound<'_, PyAny>) -> PyResult<Update> {
    Ok(Update { core: CoreUpdate::new(table_model(model)?, Vec::new()) })
}

impl Update {
    /// The statement that a session is going to run.
    pub(crate) fn of_core(core: CoreUpdate) -> Self {
        Self { core }
    }

    /// The statement of the core.
    pub(crate) fn core(&self) -> Write {
        Write::Update(self.core.clone())
    }
}

#[pymethods]
impl Update {
    /// The statement as a common table expression; its columns are those of `returning` (PostgreSQL).
    #[pyo3(signature = (name = None))]
    fn cte<'py>(&self, py: Python<'py>, name: Option<&str>) -> PyResult<Bound<'py, Cte>> {
        Cte::of_write(py, self.core(), name)
    }

    /// What is set: values, expressions or `F`.
    #[pyo3(signature = (values = None, **more))]
    fn values(&self, values: Option<&Bound<'_, PyDict>>, more: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut core = self.core.clone();
        for given in [values, more].into_iter().flatten() {
            for (field, value) in assignments(core.model, given)? {
                core.set.retain(|(known, _)| *known != field);
                core.set.push((field, value));
            }
        }
        Ok(Self { core })
    }

    /// Adds conditions: all of them hold.
    #[pyo3(signature = (*conditions))]
    fn r#where(&self, conditions: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let mut core = self.core.clone();
        core.filter.extend(conditions_on(core.model, conditions)?);
        Ok(Self { core })
    }

    /// Adds conditions by attribute.
    #[pyo3(signature = (**lookups))]
    fn filter_by(&self, py: Python<'_>, lookups: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut core = self.core.clone();
        if let Some(lookups) = lookups {
            core.filter.push(lookup_condition(&*schema(py)?, Source::plain(core.model), lookups)?);
        }
        Ok(Self { core })
    }

    /// Options of the execution.
    ///
    /// Args:
    ///     include_deleted: Rows that count as deleted are written, too. Subqueries say it of themselves.
    ///     ...: Words of your own, which listeners of `do_orm_execute` find in `state.execution_options`.
    ///
    /// Raises:
    ///     NotSupportedError: An option of SQLAlchemy's that has another form here, which the error names.
    #[pyo3(signature = (**options))]
    fn execution_options(&self, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut core = self.core.clone();
        let (included, notes) = include_deleted(&core.notes, options)?;
        core.deleted = included.map_or(core.deleted, deleted);
        core.notes = notes;
        Ok(Self { core })
    }

    /// What is answered: columns, their names, or the class.
    #[pyo3(signature = (*columns))]
    fn returning(&self, columns: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let mut core = self.core.clone();
        core.returning.extend(returned(core.model, columns)?);
        Ok(Self { core })
    }

    /// The text and its values: a list.
    #[pyo3(signature = (dialect = "postgresql"))]
    fn to_sql<'py>(&self, py: Python<'py>, dialect: &str) -> PyResult<(String, Bound<'py, PyList>)> {
        shown(py, dialect_of(dialect)?.into(), |schema, spelling| self.core().to_sql(schema, spelling))
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.to_sql(py, "postgresql")?.0)
    }
}
