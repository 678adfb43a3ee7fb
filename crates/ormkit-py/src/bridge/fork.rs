//! Which process this is: what was made before a fork belongs to the parent.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

static FORKS: AtomicU32 = AtomicU32::new(0);

/// The process in which something was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    /// This process.
    pub(crate) fn current() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// False in a child that was forked since.
    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }
}

#[pyfunction]
fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Counts forks from now on. It costs nothing per operation, unlike asking for the process id.
pub(super) fn watch(py: Python<'_>) -> PyResult<()> {
    let hook = PyDict::new(py);
    hook.set_item("after_in_child", wrap_pyfunction!(forked, py)?)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&hook))?;
    Ok(())
}
