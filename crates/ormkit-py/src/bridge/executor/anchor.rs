//! What the loop holds of its runtime.

use std::sync::Arc;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::LoopRuntime;
use crate::bridge::pending::without_pending_exception;

/// The reader callback of the alarm, and the only Python object that owns what the loop keeps alive for us. The
/// garbage collector sees parked operations through it; when it goes, the loop is closed or gone.
#[pyclass(frozen, name = "LoopAnchor", module = "ormkit._ormkit")]
pub(super) struct Anchor {
    runtime: Arc<LoopRuntime>,
}

impl Anchor {
    pub(super) fn new(runtime: Arc<LoopRuntime>) -> Self {
        Self { runtime }
    }
}

#[pymethods]
impl Anchor {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.runtime.alarm.hush();
        self.runtime.wake_and_drain(py, None)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A lock that is held hides its content: that only makes the collector wait for its next run.
        if let Ok(parked) = self.runtime.parked.try_lock() {
            for operation in parked.values() {
                visit.call(operation)?;
            }
        }
        self.runtime.timers.traverse(&visit)
    }

    fn __clear__(&self) {
        self.runtime.shutdown();
    }
}

impl Drop for Anchor {
    fn drop(&mut self) {
        Python::try_attach(|py| without_pending_exception(py, || self.runtime.shutdown()));
    }
}
