//! `metadata.create_all` and `drop_all`.

use std::sync::Arc;

use ormkit_core::schema;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::pinned::open_transaction;
use super::{Connection, Engine};
use crate::bridge::Operation;
use crate::errors::to_py;
use crate::model::{self, MetaData};
use crate::session::{nothing, raise};

#[pymethods]
impl MetaData {
    /// Create what does not exist yet of these tables, with their types, constraints and indexes: on an engine in one
    /// transaction, on a connection in its own, which `commit()` keeps.
    fn create_all(&self, py: Python<'_>, engine: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        self.apply(py, engine, true)
    }

    /// Drop these tables and their types where they exist, as `create_all` creates them.
    fn drop_all(&self, py: Python<'_>, engine: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        self.apply(py, engine, false)
    }
}

impl MetaData {
    fn apply(&self, py: Python<'_>, on: &Bound<'_, PyAny>, create: bool) -> PyResult<Py<Operation>> {
        let all = model::schema(py)?;
        let models = self.newest(py);
        all.check(&models).map_err(|error| to_py(py, error))?;
        let name = if create { "MetaData.create_all" } else { "MetaData.drop_all" };
        if let Ok(connection) = on.cast::<Connection>() {
            let link = Arc::clone(connection.get().link());
            return Operation::start(py, name, async move {
                let mut core = Python::attach(|py| link.lease(py))?;
                open_transaction(&mut core)?;
                match create {
                    true => schema::create_all_in(&mut core, &all, &models).await,
                    false => schema::drop_all_in(&mut core, &all, &models).await,
                }
                .map_err(raise)?;
                Ok(nothing())
            });
        }
        let Ok(engine) = on.cast::<Engine>() else {
            let found = on.get_type().name()?;
            return Err(PyTypeError::new_err(format!("{name} takes an engine or a connection, not {found}")));
        };
        let handle = engine.get().handle();
        Operation::start(py, name, async move {
            let pool = Python::attach(|py| handle.pool(py))?;
            match create {
                true => schema::create_all(&pool, &all, &models).await,
                false => schema::drop_all(&pool, &all, &models).await,
            }
            .map_err(raise)?;
            Ok(nothing())
        })
    }
}
