//! `metadata.create_all` and `drop_all`.

use std::sync::Arc;

use ormkit_core::error::{Error, Result};
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
    ///
    /// Args:
    ///     engine: An engine or a connection; `bind` is another name for it.
    ///     tables: Only these tables, as `User.__table__` or `User`.
    ///     checkfirst: Only true: what exists stays as it is.
    ///
    /// Raises:
    ///     InvalidRequestError: A table is not of this metadata.
    #[pyo3(signature = (engine = None, tables = None, checkfirst = true, *, bind = None))]
    fn create_all(
        &self,
        py: Python<'_>,
        engine: Option<&Bound<'_, PyAny>>,
        tables: Option<&Bound<'_, PyAny>>,
        checkfirst: bool,
        bind: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let models = self.chosen(py, tables)?;
        apply(py, "MetaData.create_all", place(engine, bind)?, Steps::Create(models), checkfirst)
    }

    /// Drop these tables and their types where they exist, as `create_all` creates them.
    ///
    /// Args:
    ///     engine, tables, checkfirst, bind: As for `create_all`. Enum types that other tables have as well stay.
    #[pyo3(signature = (engine = None, tables = None, checkfirst = true, *, bind = None))]
    fn drop_all(
        &self,
        py: Python<'_>,
        engine: Option<&Bound<'_, PyAny>>,
        tables: Option<&Bound<'_, PyAny>>,
        checkfirst: bool,
        bind: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let models = self.chosen(py, tables)?;
        let kept = self.newest(py).into_iter().filter(|model| !models.contains(model)).collect();
        apply(py, "MetaData.drop_all", place(engine, bind)?, Steps::Drop { models, kept }, checkfirst)
    }
}

impl MetaData {
    /// The models of tables that a caller names, or all.
    fn chosen(&self, py: Python<'_>, tables: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<ModelId>> {
        let all = self.newest(py);
        let Some(tables) = tables.filter(|tables| !tables.is_none()) else { return Ok(all) };
        let known = |table: PyResult<Bound<'_, PyAny>>| {
            let table = table?;
            let model = model::table_model(&table)?;
            match all.contains(&model) {
                true => Ok(model),
                false => Err(raise(Error::invalid_request(format!(
                    "tables: {} is not of this metadata, or was declared again since",
                    table.repr()?
                )))),
            }
        };
        tables.try_iter()?.map(known).collect()
    }
}

/// What is done to tables.
enum Steps {
    Create(Vec<ModelId>),
    Drop { models: Vec<ModelId>, kept: Vec<ModelId> },
}

impl Steps {
    fn models(&self) -> &[ModelId] {
        match self {
            Self::Create(models) | Self::Drop { models, .. } => models,
        }
    }
}

/// What a caller gave by either name.
fn place<'a, 'py>(
    engine: Option<&'a Bound<'py, PyAny>>,
    bind: Option<&'a Bound<'py, PyAny>>,
) -> PyResult<&'a Bound<'py, PyAny>> {
    match (engine, bind) {
        (Some(place), None) | (None, Some(place)) => Ok(place),
        (None, None) => Err(PyTypeError::new_err("an engine or a connection is needed: create_all(engine)")),
        (Some(_), Some(_)) => {
            Err(PyTypeError::new_err("`bind` is another name of `engine`: say one of them"))
        }
    }
}

fn apply(
    py: Python<'_>,
    name: &'static str,
    on: &Bound<'_, PyAny>,
    steps: Steps,
    checkfirst: bool,
) -> PyResult<Py<Operation>> {
    if !checkfirst {
        let instead = "what exists stays as it is; SQL of your own makes sure that nothing does";
        return Err(raise(Error::unsupported(format!("{name}(checkfirst=False)"), instead)));
    }
    let all = model::schema(py)?;
    all.check(steps.models()).map_err(raise)?;
    if let Ok(connection) = on.cast::<Connection>() {
        let link = Arc::clone(connection.get().link());
        return Operation::start(py, name, async move {
            let mut core = Python::attach(|py| link.lease(py))?;
            open_transaction(&mut core)?;
            carry_out(&mut core, &all, &steps, link.engine().spelling()).await.map_err(raise)?;
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
        carry_out(&mut link, &all, &steps, handle.spelling()).await.map_err(raise)?;
        link.commit().await.map_err(raise)?;
        Ok(nothing())
    })
}

/// Creates or drops inside of the link's transaction.
async fn carry_out(link: &mut Link, all: &Schema, steps: &Steps, spelling: Spelling<'_>) -> Result<()> {
    match steps {
        Steps::Create(models) => schema::create_all_in(link, all, models, spelling).await,
        Steps::Drop { models, kept } => schema::drop_all_in(link, all, models, kept, spelling).await,
    }
}
