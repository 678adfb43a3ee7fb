//! Which runtime belongs to the running loop.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, Weak};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::LoopRuntime;
use super::anchor::Anchor;
use crate::bridge::fallback;
use crate::bridge::locked;

/// All runtimes, so that a loop that moves to another thread keeps its own.
static RUNTIMES: Mutex<Vec<Weak<LoopRuntime>>> = Mutex::new(Vec::new());

thread_local! {
    /// The runtime that was asked for last on this thread.
    static LAST: RefCell<Option<Arc<LoopRuntime>>> = const { RefCell::new(None) };
}

impl LoopRuntime {
    /// The runtime of the running loop, made on first use. It ends with the loop.
    ///
    /// # Errors
    /// `RuntimeError`: no loop is running. `NotImplementedError`: the loop has no `add_reader`.
    pub(crate) fn current(py: Python<'_>) -> PyResult<Arc<Self>> {
        static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        // Whoever has the turn runs on the loop of its runtime: asyncio, which asks the kernel for the process, need not
        // be asked.
        let in_turn = |last: &&Arc<Self>| last.has_turn() && !last.is_closed();
        if let Some(runtime) = LAST.with_borrow(|last| last.as_ref().filter(in_turn).map(Arc::clone)) {
            return Ok(runtime);
        }
        let event_loop = RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?.call0()?;
        let last =
            LAST.with_borrow(|last| last.as_ref().filter(|last| last.is_of(&event_loop)).map(Arc::clone));
        if let Some(runtime) = last {
            return Ok(runtime);
        }
        let known = locked(&RUNTIMES).iter().filter_map(Weak::upgrade).find(|known| known.is_of(&event_loop));
        let runtime = match known {
            Some(runtime) => runtime,
            None => Self::open(&event_loop)?,
        };
        let before = LAST.replace(Some(Arc::clone(&runtime)));
        drop(before);
        Ok(runtime)
    }

    /// True for the runtime of exactly this loop, while it is open.
    fn is_of(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        !self.is_closed()
            && self.event_loop.bind(event_loop.py()).upgrade().is_some_and(|own| own.is(event_loop))
    }

    /// Makes a runtime and ties its life to the loop's.
    fn open(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        let py = event_loop.py();
        let runtime = Self::new(PyWeakrefReference::new(event_loop)?.unbind())?;
        let anchor = Bound::new(py, Anchor::new(Arc::clone(&runtime)))?;
        event_loop
            .call_method1("add_reader", (runtime.alarm.fd(), anchor))
            .map_err(|error| fallback::explain(event_loop, error))?;
        let mut runtimes = locked(&RUNTIMES);
        runtimes.retain(|known| known.strong_count() > 0);
        runtimes.push(Arc::downgrade(&runtime));
        Ok(runtime)
    }
}
