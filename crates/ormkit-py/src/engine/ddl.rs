//! `metadata.create_all` and `drop_all`.

use std::sync::Arc;

use ormkit_core::error::Result;
use ormkit_core::model::{ModelId, Schema};
use ormkit_core::schema;
use ormkit_core::session::Link;
use ormkit_core::sql::Spelling;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::pinned::open_transaction;
use super::{Connection, Engine};
use crate::bridge::Operation;
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
        let name = if create { "MetaData.create_all" } else { "MetaData.drop_all" };
        if let Ok(connection) = on.cast::<Connection>() {
            let link = Arc::clone(connection.get().link());
            return Operation::start(py, name, async move {
                let mut core = Python::attach(|py| link.lease(py))?;
                open_transaction(&mut core)?;
                carry_out(&mut core, &all, &models, link.engine().spelling(), create).await.map_err(raise)?;
                Ok(nothing())
            });
        }
        let Ok(engine) = on.cast::<Engine>() else {
            let found = on.get_type().name()?;
            return Err(PyTypeError::new_err(format!("{name} takes an engine or a connection, not {found}")));
        };
        let handle = engine.get().handle();
        Operation::start(py, name, async move {
            let mut link = Link::new(Python::attach(|py| handle.pool(py))?);
            carry_out(&mut link, &all, &models, handle.spelling(), create).await.map_err(raise)?;
            link.commit().await.map_err(raise)?;
            Ok(nothing())
        })
    }
}

/// Creates or drops inside of the link's transaction.
async fn carry_out(
    link: &mut Link,
    all: &Schema,
    models: &[ModelId],
    spelling: Spelling<'_>,
    create: bool,
) -> Result<()> {
    match create {
        true => schema::create_all_in(link, all, models, spelling).await,
        false => schema::drop_all_in(link, all, models, spelling).await,
    }
}
