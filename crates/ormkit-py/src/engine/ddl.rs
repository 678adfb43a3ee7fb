//! `metadata.create_all` and `drop_all`.

use ormkit_core::schema;
use pyo3::prelude::*;

use super::Engine;
use crate::bridge::Operation;
use crate::model::{self, MetaData};
use crate::session::raise;

#[pymethods]
impl MetaData {
    /// Create what does not exist yet of these tables, with their types, constraints and indexes, in one transaction.
    fn create_all(&self, py: Python<'_>, engine: &Engine) -> PyResult<Py<Operation>> {
        let (models, all, handle) = (self.newest(py), model::schema(py)?, engine.handle());
        Operation::start(py, "MetaData.create_all", async move {
            let pool = Python::attach(|py| handle.pool(py))?;
            schema::create_all(&pool, &all, &models).await.map_err(raise)?;
            Ok(crate::session::nothing())
        })
    }

    /// Drop these tables and their types where they exist, in one transaction.
    fn drop_all(&self, py: Python<'_>, engine: &Engine) -> PyResult<Py<Operation>> {
        let (models, all, handle) = (self.newest(py), model::schema(py)?, engine.handle());
        Operation::start(py, "MetaData.drop_all", async move {
            let pool = Python::attach(|py| handle.pool(py))?;
            schema::drop_all(&pool, &all, &models).await.map_err(raise)?;
            Ok(crate::session::nothing())
        })
    }
}
