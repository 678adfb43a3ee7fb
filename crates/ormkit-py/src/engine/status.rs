//! What an engine tells about its connections.

use ormkit_core::pool::{Holder, Status};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The connections of an engine at one moment.
#[pyclass(frozen, get_all, name = "PoolStatus", module = "ormkit")]
pub(crate) struct PoolStatus {
    /// Open and opening connections.
    size: usize,
    /// Connections that nobody uses.
    idle: usize,
    /// Connections that are lent or being opened.
    in_use: usize,
    /// Callers that wait for a connection.
    waiting: usize,
    /// Connections being cleaned after a cancelled operation; they are not among `size`.
    draining: usize,
    /// The most connections at once, for each event loop.
    max: usize,
    /// What the last attempt to connect said, while the server is away.
    connect_error: Option<String>,
    /// Who has a connection, the longest first.
    holders: Py<PyTuple>,
}

/// Who has a connection.
#[pyclass(frozen, get_all, name = "PoolHolder", module = "ormkit")]
pub(crate) struct PoolHolder {
    /// The task, as `task "import"`, that opened the transaction; None for a single statement.
    name: Option<String>,
    /// How long it has been lent, in seconds.
    age: f64,
    /// The SQL of the last statement, without its values.
    last_statement: Option<String>,
}

impl PoolStatus {
    /// The pools of all event loops together.
    pub(super) fn of(py: Python<'_>, pools: impl Iterator<Item = Status>, max: usize) -> PyResult<Self> {
        let (mut size, mut idle, mut in_use, mut waiting, mut draining) = (0, 0, 0, 0, 0);
        let mut connect_error = None;
        let mut holders: Vec<Holder> = Vec::new();
        for status in pools {
            size += status.size;
            idle += status.idle;
            in_use += status.in_use;
            waiting += status.waiting;
            draining += status.draining;
            connect_error = connect_error.or(status.connect_error);
            holders.extend(status.holders);
        }
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.age));
        let holders = holders.into_iter().map(|holder| PoolHolder {
            name: holder.name.map(|name| name.to_string()),
            age: holder.age.as_secs_f64(),
            last_statement: holder.last_statement,
        });
        let holders = holders.map(|holder| Py::new(py, holder)).collect::<PyResult<Vec<_>>>()?;
        let holders = PyTuple::new(py, holders)?.unbind();
        let connect_error = connect_error.map(|error| error.to_string());
        Ok(Self { size, idle, in_use, waiting, draining, max, connect_error, holders })
    }
}

#[pymethods]
impl PoolStatus {
    fn __repr__(&self) -> String {
        let Self { size, idle, in_use, waiting, draining, max, .. } = self;
        format!(
            "<PoolStatus size={size} idle={idle} in_use={in_use} waiting={waiting} draining={draining} max={max}>"
        )
    }
}

#[pymethods]
impl PoolHolder {
    fn __repr__(&self) -> String {
        let name = self.name.as_deref().unwrap_or("a single statement");
        let last = self.last_statement.as_deref().unwrap_or("nothing yet");
        format!("<PoolHolder {name} for {:.3} s, last {last}>", self.age)
    }
}
