//! The side of an operation that asyncio's tasks talk to: the protocol of its futures.

use pyo3::exceptions::PyRuntimeError;
use pyo3::exceptions::asyncio::{CancelledError, InvalidStateError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::{Operation, Parked, Stage};
use crate::bridge::locked;

#[pymethods]
impl Operation {
    /// None except while a task may park on it: otherwise `gather` and `ensure_future` would take an operation that
    /// nobody polls for a future.
    #[getter]
    fn _asyncio_future_blocking(&self) -> Option<bool> {
        let state = locked(&self.state);
        matches!(state.stage, Stage::Waiting(_)).then_some(state.blocking)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_asyncio_future_blocking(&self, blocking: bool) {
        locked(&self.state).blocking = blocking;
    }

    /// The loop that the operation is awaited on.
    fn get_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let runtime = locked(&self.state).link.as_ref().map(|link| link.runtime.clone());
        match runtime {
            Some(runtime) => Ok(runtime.event_loop(py)?),
            None => Err(PyRuntimeError::new_err(format!("'{}' is not awaited", self.name))),
        }
    }

    #[getter]
    fn _loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.get_loop(py)
    }

    /// Parks a task. An operation has one: it is a call, and is awaited once.
    #[pyo3(signature = (callback, *, context = None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        callback: Bound<'_, PyAny>,
        context: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        static COPY_CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = slf.py();
        let context = match context {
            Some(context) => context,
            None => COPY_CONTEXT.import(py, "contextvars", "copy_context")?.call0()?,
        };
        let parked = Parked { callback: callback.unbind(), context: context.unbind() };
        let operation = slf.get();
        let mut state = locked(&operation.state);
        let Some(link) = state.link.clone() else {
            return Err(PyRuntimeError::new_err(format!("'{}' is not awaited", operation.name)));
        };
        match state.stage {
            Stage::Waiting(_) if state.parked.is_none() => {
                state.parked = Some(parked);
                drop(state);
                link.runtime.park(&link.task, slf.clone().unbind());
                Ok(())
            }
            Stage::Waiting(_) | Stage::Polled => {
                Err(PyRuntimeError::new_err(format!("'{}' is being awaited already", operation.name)))
            }
            _ => {
                drop(state);
                parked.step_soon(slf, &link.runtime)
            }
        }
    }

    /// Forgets the parked task; answers how many there were.
    fn remove_done_callback(&self, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = callback.py();
        let parked = locked(&self.state).parked.as_ref().map(|parked| parked.clone_ref(py));
        match parked {
            Some(parked) if parked.callback.bind(py).eq(callback)? => {
                let (taken, link) = {
                    let mut state = locked(&self.state);
                    (state.parked.take(), state.link.clone())
                };
                if let Some(link) = link {
                    link.runtime.unpark(&link.task);
                }
                Ok(usize::from(taken.is_some()))
            }
            _ => Ok(0),
        }
    }

    /// Has the parked task throw `CancelledError` in, which drops the work; false when none is parked.
    #[pyo3(signature = (msg = None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let operation = slf.get();
        let (parked, link) = {
            let mut state = locked(&operation.state);
            let Some(link) = state.link.clone() else { return Ok(false) };
            let Some(parked) = state.parked.take() else { return Ok(false) };
            state.cancelled = Some(msg);
            (parked, link)
        };
        link.runtime.unpark(&link.task);
        parked.step_soon(slf, &link.runtime)?;
        Ok(true)
    }

    /// True when a task cancelled it.
    fn cancelled(&self) -> bool {
        locked(&self.state).cancelled.is_some()
    }

    /// True when awaiting it would not wait.
    fn done(&self) -> bool {
        let state = locked(&self.state);
        state.cancelled.is_some() || matches!(state.stage, Stage::Ready(_) | Stage::Ended)
    }

    /// Raises `CancelledError` when it was cancelled; the value itself goes to the awaiting coroutine alone.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        let state = locked(&self.state);
        match &state.cancelled {
            Some(Some(message)) => Err(CancelledError::new_err((message.clone_ref(py),))),
            Some(None) => Err(CancelledError::new_err(())),
            None => match state.stage {
                Stage::Ready(_) | Stage::Ended => Ok(()),
                _ => Err(InvalidStateError::new_err("the operation is not done")),
            },
        }
    }

    /// As `result`.
    fn exception(&self, py: Python<'_>) -> PyResult<()> {
        self.result(py)
    }
}
