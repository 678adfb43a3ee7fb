//! The settings that a server reports by itself.

use ormkit_core::error::Error;
use pyo3::prelude::*;

use super::{Connection, Engine};
use crate::bridge::Operation;
use crate::errors::to_py;
use crate::session::raise;

#[pymethods]
impl Connection {
    /// A setting that PostgreSQL reports by itself, as it last said it: `"server_version"`, `"TimeZone"`, `"in_hot_standby"`,
    /// `"application_name"` and some more. Nothing is sent.
    ///
    /// Returns:
    ///     None for other settings (`SHOW` asks for them), and on SQLite.
    ///
    /// Raises:
    ///     InterfaceError: The connection was lost, or its block has ended.
    fn server_setting(&self, py: Python<'_>, name: &str) -> PyResult<Option<String>> {
        let link = self.link().lease(py)?;
        match link.connection() {
            Some(connection) => Ok(connection.reported_setting(name).map(str::to_owned)),
            None => Err(to_py(py, Error::interface("the connection of this block was lost or closed"))),
        }
    }
}

#[pymethods]
impl Engine {
    /// The same of one of the engine's connections, which is borrowed for it.
    ///
    /// Raises:
    ///     PoolTimeout: No connection became free within `acquire_timeout`.
    fn server_setting(&self, py: Python<'_>, name: String) -> PyResult<Py<Operation>> {
        let handle = self.handle();
        Operation::start(py, "ConnectionPool.server_setting", async move {
            let pool = Python::attach(|py| handle.pool(py))?;
            let lent = pool.acquire().await.map_err(raise)?;
            Ok(lent.reported_setting(&name).map(str::to_owned))
        })
    }
}
