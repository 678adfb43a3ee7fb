//! `insert(..).excluded`.

use ormkit_core::model::ModelId;
use ormkit_core::query::Expr as CoreExpr;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList};

use crate::errors::to_py;
use crate::expr::{Expr, expression};
use crate::model::schema;

/// The row that was to be inserted: its columns are attributes, or `["name"]`.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Excluded {
    model: ModelId,
}

impl Excluded {
    pub(super) fn of(model: ModelId) -> Self {
        Self { model }
    }

    /// Column by column the name of the attribute, and the column.
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, Expr>)>> {
        let schema = schema(py)?;
        let model = schema.model(self.model);
        let columns = model.field_ids().filter(|field| model.property(*field).is_none());
        columns
            .map(|field| {
                let column = expression(py, CoreExpr::Excluded(self.model, field))?;
                Ok((model.field(field).name.clone(), column))
            })
            .collect()
    }
}

#[pymethods]
impl Excluded {
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, Expr>> {
        let schema = schema(py)?;
        let field = schema.model(self.model).field_named(name);
        let field = field.map_err(|error| PyAttributeError::new_err(error.to_string()))?;
        expression(py, CoreExpr::Excluded(self.model, field))
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, Expr>> {
        let schema = schema(py)?;
        let field = schema.model(self.model).field_named(name).map_err(|error| to_py(py, error))?;
        expression(py, CoreExpr::Excluded(self.model, field))
    }

    /// The columns, in order.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let columns = self.columns(py)?.into_iter().map(|(_, column)| column);
        PyList::new(py, columns)?.try_iter()
    }

    /// The names of the attributes, in order.
    fn keys(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.columns(py)?.into_iter().map(|(name, _)| name).collect())
    }

    /// Names with their columns: `set_=dict(insert.excluded.items())`.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, Expr>)>> {
        self.columns(py)
    }
}
