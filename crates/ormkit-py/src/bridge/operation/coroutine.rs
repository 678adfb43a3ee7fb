//! The side of an operation that awaits: coroutine, iterator, and what the garbage collector sees.

use pyo3::exceptions::{PyBaseException, PyStopIteration, PyTypeError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Operation, Stage, Step};
use crate::bridge::locked;

#[pymethods]
impl Operation {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        match slf.get().step(py)? {
            Step::Return(value) => stop(py, value).map(|()| None),
            Step::Park => Ok(Some(slf.clone().into_any().unbind())),
            Step::Pause => Ok(Some(py.None())),
        }
    }

    /// As a coroutine's; the value is ignored.
    fn send(slf: &Bound<'_, Self>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        match Self::__next__(slf)? {
            Some(waiting) => Ok(waiting),
            None => Err(PyErr::take(py).unwrap_or_else(|| PyStopIteration::new_err(()))),
        }
    }

    /// Drop the work and raise.
    #[pyo3(signature = (kind, value = None, traceback = None))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        self.end()?;
        Err(exception(kind, value, traceback)?)
    }

    /// Drop the work.
    fn close(&self) -> PyResult<()> {
        self.end()
    }

    #[getter]
    fn __name__(&self) -> &'static str {
        self.name
    }

    #[getter]
    fn __qualname__(&self) -> &'static str {
        self.name
    }

    fn __repr__(&self) -> String {
        let stage = match locked(&self.state).stage {
            Stage::New(_) | Stage::Unstarted(_) => "not awaited yet",
            Stage::Waiting(_) | Stage::Polled => "waiting",
            Stage::Ready(_) | Stage::Ended => "done",
        };
        format!("<Operation {} {stage}>", self.name)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        if let Some(parked) = &state.parked {
            visit.call(&parked.callback)?;
            visit.call(&parked.context)?;
        }
        if let Some(Some(message)) = &state.cancelled {
            visit.call(message)?;
        }
        match &state.stage {
            Stage::Ready(Ok(value)) => visit.call(value),
            _ => Ok(()),
        }
    }

    fn __clear__(&self) {
        self.abandon();
    }
}

/// Ends an iteration with its value, as CPython's own coroutines do it: `StopIteration` is set without an instance of it,
/// which whoever awaits would take apart again. An error is an exception to be raised in its place.
#[expect(unsafe_code, reason = "pyo3 sets exceptions by instances only")]
fn stop(py: Python<'_>, value: Py<PyAny>) -> PyResult<()> {
    if value.is_none(py) {
        return Ok(());
    }
    let bound = value.bind(py);
    // What these hold would be taken for the arguments of the exception, or for the exception itself.
    if bound.is_instance_of::<PyTuple>() || bound.is_instance_of::<PyBaseException>() {
        return Err(PyStopIteration::new_err((value,)));
    }
    // SAFETY: the GIL is held (`py`); both references are borrowed for the call, which takes its own.
    unsafe { ffi::PyErr_SetObject(ffi::PyExc_StopIteration, value.as_ptr()) };
    Ok(())
}

/// What `throw(kind, value, traceback)` raises: the old form with a class is still what CPython calls.
fn exception(
    kind: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
    traceback: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyErr> {
    let base = kind.py().get_type::<pyo3::exceptions::PyBaseException>();
    let value = value.filter(|value| !value.is_none());
    let raised = if kind.is_instance(&base)? {
        kind.clone()
    } else {
        match value {
            Some(value) if value.is_instance(&base)? => value.clone(),
            Some(value) => kind.call1((value,))?,
            None => kind.call0()?,
        }
    };
    if !raised.is_instance(&base)? {
        return Err(PyTypeError::new_err(
            "exceptions must be classes or instances deriving from BaseException",
        ));
    }
    let error = PyErr::from_value(raised);
    if let Some(traceback) = traceback.filter(|traceback| !traceback.is_none()) {
        error.set_traceback(kind.py(), Some(traceback.cast::<pyo3::types::PyTraceback>()?.clone()));
    }
    Ok(error)
}
