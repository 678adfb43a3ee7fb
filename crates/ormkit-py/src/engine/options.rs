//! The options of `create_engine`.

use std::collections::BTreeMap;
use std::time::Duration;

use ormkit_core::pool::PoolOptions;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::Engine;
use super::target::Target;
use crate::errors::to_py;

/// Checked options.
pub(super) struct Options {
    pub(super) pool: PoolOptions,
}

/// Describe a database; nothing is opened yet.
///
/// Args:
///     url: `postgresql://user:password@host:port/database?sslmode=verify-full`, `host=… dbname=…` (libpq's parameters and
///         its variables of the environment, both ways), `sqlite:///relative.db`, `sqlite:////absolute.db` or
///         `sqlite::memory:` (one database for the whole engine).
///     min_connections: Connections that `await engine` opens.
///     max_connections: The most connections at once.
///     acquire_timeout: Longest wait for a free connection, in seconds; None waits without limit.
///     idle_timeout: A connection unused for this long is closed, in seconds.
///     max_lifetime: A connection older than this is closed when it is free, in seconds.
///     connect_timeout: Budget for name resolution, connecting, TLS and authentication of all hosts together, in seconds;
///         None takes the URL's, which is 10 when it has none.
///     settings: Settings of every session, by name, on PostgreSQL: `{"search_path": "shop"}`.
///
/// Raises:
///     InterfaceError: The URL is malformed, or a setting cannot be changed: the error names the part, never the password.
///     ValueError: A size or time is out of range.
#[pyfunction]
#[pyo3(signature = (
    url, *, min_connections = 1, max_connections = 10, acquire_timeout = Some(30.0), idle_timeout = 600.0,
    max_lifetime = 3600.0, connect_timeout = None, settings = None
))]
#[expect(clippy::too_many_arguments, reason = "the public face takes them by keyword")]
pub(crate) fn create_engine(
    py: Python<'_>,
    url: &str,
    min_connections: i64,
    max_connections: i64,
    acquire_timeout: Option<f64>,
    idle_timeout: f64,
    max_lifetime: f64,
    connect_timeout: Option<f64>,
    settings: Option<BTreeMap<String, String>>,
) -> PyResult<Engine> {
    let connect_timeout = connect_timeout.map(|time| seconds("connect_timeout", time)).transpose()?;
    let target = Target::parse(url)
        .and_then(|target| target.with_settings(&settings.unwrap_or_default()))
        .map_err(|error| to_py(py, error))?
        .with_connect_timeout(connect_timeout);
    let size = |option: &str, given: i64| {
        usize::try_from(given)
            .map_err(|_| PyValueError::new_err(format!("{option} must be a number from 0 up, not {given}")))
    };
    let (min_connections, max_connections) =
        (size("min_connections", min_connections)?, size("max_connections", max_connections)?);
    if max_connections == 0 || min_connections > max_connections {
        return Err(PyValueError::new_err(
            "max_connections must be at least 1 and not below min_connections",
        ));
    }
    let pool = PoolOptions {
        min: min_connections,
        max: max_connections,
        acquire_timeout: acquire_timeout.map(|time| seconds("acquire_timeout", time)).transpose()?,
        idle_timeout: Some(seconds("idle_timeout", idle_timeout)?),
        max_lifetime: Some(seconds("max_lifetime", max_lifetime)?),
        connect_timeout: target.connect_timeout(),
    };
    Ok(Engine::new(target, Options { pool }))
}

/// A time in seconds.
///
/// # Errors
/// `ValueError` naming the option when the time is negative or not finite.
pub(super) fn seconds(option: &str, time: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(time)
        .map_err(|_| PyValueError::new_err(format!("{option} must be a number of seconds from 0 upwards")))
}
