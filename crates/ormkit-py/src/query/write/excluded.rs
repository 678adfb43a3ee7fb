//! `insert(..).excluded`.

use ormkit_core::model::ModelId;
use ormkit_core::query::Expr as CoreExpr;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;

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
}
