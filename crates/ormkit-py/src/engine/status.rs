//! What an engine tells about its connections.

use ormkit_core::pool::{Counters, Holder, Reason, Status};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

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
    /// What was done so far.
    counters: Py<PoolCounters>,
    /// Who has a connection, the longest first.
    holders: Py<PyTuple>,
    /// What the cache of compiled statements did so far.
    plans: Py<PlanCounters>,
}

/// The statements that an engine has compiled. Values are no part of a statement: one that is run with others is found
/// again.
#[pyclass(frozen, get_all, name = "PlanCounters", module = "ormkit")]
pub(crate) struct PlanCounters {
    /// Statements that are kept.
    kept: usize,
    /// The most that are kept: beyond them the least recently used give way.
    most: usize,
    /// Statements that were found.
    hits: u64,
    /// Statements that had to be written. Where it goes on growing, a program makes ever new statements.
    misses: u64,
}

impl From<ormkit_core::plan::PlanCounters> for PlanCounters {
    fn from(counters: ormkit_core::plan::PlanCounters) -> Self {
        let ormkit_core::plan::PlanCounters { kept, most, hits, misses } = counters;
        Self { kept, most, hits, misses }
    }
}

#[pymethods]
impl PlanCounters {
    fn __repr__(&self) -> String {
        let Self { kept, most, hits, misses } = self;
        format!("<PlanCounters kept={kept} most={most} hits={hits} misses={misses}>")
    }
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
    pub(super) fn of(
        py: Python<'_>,
        pools: impl Iterator<Item = Status>,
        max: usize,
        plans: PlanCounters,
    ) -> PyResult<Self> {
        let (mut size, mut idle, mut in_use, mut waiting, mut draining) = (0, 0, 0, 0, 0);
        let mut connect_error = None;
        let mut counters = Counters::default();
        let mut holders: Vec<Holder> = Vec::new();
        for status in pools {
            size += status.size;
            idle += status.idle;
            in_use += status.in_use;
            waiting += status.waiting;
            draining += status.draining;
            counters.add(&status.counters);
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
        let counters = Py::new(py, PoolCounters::of(py, &counters)?)?;
        let plans = Py::new(py, plans)?;
        Ok(Self { size, idle, in_use, waiting, draining, max, connect_error, counters, holders, plans })
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

/// What the pools of an engine have done: of each event loop since it first used the engine, as long as it is open.
#[pyclass(frozen, get_all, name = "PoolCounters", module = "ormkit")]
pub(crate) struct PoolCounters {
    /// Connections that were opened.
    opened: u64,
    /// Connections that were closed, by reason: the words of `ClosedConnection.reason`.
    closed: Py<PyDict>,
    /// Attempts to open a connection that failed.
    connect_failures: u64,
    /// Requests for a connection.
    acquires: u64,
    /// Those of them that had to wait.
    waits: u64,
    /// How long they waited, together, in seconds.
    wait_total: f64,
    /// How long one of them waited at most, in seconds.
    wait_max: f64,
    /// Those whose time was up.
    timeouts: u64,
    /// Those that were cancelled while they waited.
    cancels: u64,
    /// Those that were refused because the line was full.
    refused: u64,
    /// Connections that were given back in the middle of something, or with a changed session, and cleaned.
    cleaned: u64,
    /// Those of them whose session was reset.
    resets: u64,
}

impl PoolCounters {
    fn of(py: Python<'_>, counters: &Counters) -> PyResult<Self> {
        let closed = PyDict::new(py);
        for reason in Reason::ALL {
            closed.set_item(reason.as_str(), counters.closed(reason))?;
        }
        Ok(Self {
            opened: counters.opened,
            closed: closed.unbind(),
            connect_failures: counters.connect_failures,
            acquires: counters.acquires,
            waits: counters.waits,
            wait_total: counters.wait_total.as_secs_f64(),
            wait_max: counters.wait_max.as_secs_f64(),
            timeouts: counters.timeouts,
            cancels: counters.cancels,
            refused: counters.refused,
            cleaned: counters.cleaned,
            resets: counters.resets,
        })
    }
}

#[pymethods]
impl PoolCounters {
    fn __repr__(&self) -> String {
        let Self { opened, acquires, waits, wait_max, .. } = self;
        format!("<PoolCounters opened={opened} acquires={acquires} waits={waits} wait_max={wait_max:.3}>")
    }
}
