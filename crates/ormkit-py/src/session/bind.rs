//! What a session is made on: an engine, or a connection whose transaction it joins.

use std::sync::Arc;

use ormkit_core::error::Error;
use ormkit_core::pool::Pool;
use ormkit_core::session::{SessionOptions, guests};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::{AsyncSession, raise};
use crate::engine::{Connection, Engine, EngineHandle, Pinned};

/// What a session is made on.
#[derive(Clone)]
pub(super) struct Bind {
    /// What the caller gave: the engine, or the connection.
    given: Arc<Py<PyAny>>,
    pub(super) engine: EngineHandle,
    /// The connection whose transaction it joins.
    connection: Option<Arc<Pinned>>,
}

impl Bind {
    /// From a caller's arguments: `engine` and `bind` are two names of one. None where neither is given.
    ///
    /// # Errors
    /// `TypeError`: both are given, or something else.
    pub(super) fn of(
        engine: Option<&Bound<'_, PyAny>>,
        bind: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Self>> {
        let [engine, bind] = [engine, bind].map(|place| place.filter(|given| !given.is_none()));
        let given = match (engine, bind) {
            (Some(given), None) | (None, Some(given)) => given,
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let text = "`bind` is another name of `engine`: a session takes one of them";
                return Err(PyTypeError::new_err(text));
            }
        };
        if let Ok(engine) = given.cast::<Engine>() {
            let engine = engine.get().handle();
            return Ok(Some(Self { given: Arc::new(given.clone().unbind()), engine, connection: None }));
        }
        if let Ok(connection) = given.cast::<Connection>() {
            let link = connection.get().link();
            let (engine, connection) = (link.engine().clone(), Some(Arc::clone(link)));
            return Ok(Some(Self { given: Arc::new(given.clone().unbind()), engine, connection }));
        }
        let found = given.get_type().name()?;
        Err(PyTypeError::new_err(format!("a session takes an engine or a connection, not {found}")))
    }

    /// Refuses what only a transaction of the session's own can have.
    ///
    /// # Errors
    /// `NotSupportedError`.
    pub(super) fn check(&self, options: &SessionOptions) -> PyResult<()> {
        if self.connection.is_none() || options.mode.isolation.is_none() {
            return Ok(());
        }
        Err(raise(Error::unsupported(
            "an isolation level of its own for a session on a connection",
            "choose it where the connection's transaction begins",
        )))
    }

    /// Where the session gets its connections.
    pub(super) fn pool(&self, py: Python<'_>) -> PyResult<Pool> {
        let pool = self.engine.pool(py)?;
        let Some(connection) = &self.connection else { return Ok(pool) };
        Ok(guests(&pool, Pinned::lender(connection)))
    }
}

#[pymethods]
impl AsyncSession {
    /// The engine or connection that the session was made on.
    #[getter(bind)]
    fn made_on(&self, py: Python<'_>) -> Py<PyAny> {
        self.link.bind.given.clone_ref(py)
    }

    /// The same by SQLAlchemy's other name.
    #[pyo3(name = "get_bind")]
    fn made_on_by_method(&self, py: Python<'_>) -> Py<PyAny> {
        self.made_on(py)
    }
}
