//! A coroutine of several steps, each of which awaits something of Python's or of ours, in the task that awaits it.
//!
//! Code of the caller's own that is awaited between operations (an asynchronous iterator that is a source of data) runs as
//! if the caller had awaited it: in its task and context, cancelled with it, and without a task for each step.

use std::sync::Mutex;

use pyo3::exceptions::{PyRuntimeError, PyStopIteration, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::iterator::PySendResult;
use pyo3::types::{PyIterator, PyTuple};

use super::locked;

/// What is awaited next.
pub(crate) enum Next {
    /// An iterator as `__await__` returns it.
    Await(Py<PyIterator>),
    /// Nothing: the result.
    Return(Py<PyAny>),
}

impl Next {
    /// Awaits an awaitable.
    pub(crate) fn awaiting(awaitable: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = awaitable.py();
        Ok(Self::Await(awaitable.call_method0(pyo3::intern!(py, "__await__"))?.cast_into()?.unbind()))
    }
}

/// The steps of a coroutine.
pub(crate) trait Steps: Send {
    /// Called with what the step before came to.
    ///
    /// # Errors
    /// What the coroutine raises: it is over then.
    fn next(&mut self, py: Python<'_>, outcome: PyResult<Bound<'_, PyAny>>) -> PyResult<Next>;

    /// The Python objects that it holds, for the garbage collector.
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

/// See the module.
#[pyclass(frozen, weakref, name = "Steps", module = "ormkit._ormkit")]
pub(crate) struct Coroutine {
    name: &'static str,
    state: Mutex<State>,
}

enum State {
    /// What is awaited, and what comes after it.
    Waiting(Py<PyIterator>, Box<dyn Steps>),
    Running,
    Ended,
}

impl Coroutine {
    /// A coroutine that awaits `first`, and then what `steps` say.
    pub(crate) fn start(
        py: Python<'_>,
        name: &'static str,
        first: &Bound<'_, PyAny>,
        steps: impl Steps + 'static,
    ) -> PyResult<Py<Self>> {
        let first = first.cast::<PyIterator>()?.clone().unbind();
        Py::new(py, Self { name, state: Mutex::new(State::Waiting(first, Box::new(steps))) })
    }

    /// Resumes what is awaited by `resume`, and goes on as long as nothing has to be waited for. Ok is what the loop is
    /// given; the end is `StopIteration`.
    fn advance<'py>(
        &self,
        py: Python<'py>,
        resume: impl FnOnce(&Bound<'py, PyIterator>) -> PyResult<PySendResult<'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (mut awaited, mut steps) = self.take()?;
        let mut sent = resume(awaited.bind(py));
        loop {
            let outcome = match sent {
                Ok(PySendResult::Next(yielded)) => {
                    *locked(&self.state) = State::Waiting(awaited, steps);
                    return Ok(yielded);
                }
                Ok(PySendResult::Return(value)) => Ok(value),
                Err(error) => Err(error),
            };
            match steps.next(py, outcome) {
                Ok(Next::Await(next)) => awaited = next,
                Ok(Next::Return(value)) => {
                    *locked(&self.state) = State::Ended;
                    return Err(PyStopIteration::new_err((value,)));
                }
                Err(error) => {
                    *locked(&self.state) = State::Ended;
                    return Err(error);
                }
            }
            sent = awaited.bind(py).send(py.None().bind(py));
        }
    }

    fn take(&self) -> PyResult<(Py<PyIterator>, Box<dyn Steps>)> {
        let mut state = locked(&self.state);
        match std::mem::replace(&mut *state, State::Running) {
            State::Waiting(awaited, steps) => Ok((awaited, steps)),
            State::Running => Err(PyValueError::new_err(format!("'{}' is already executing", self.name))),
            State::Ended => {
                *state = State::Ended;
                Err(PyRuntimeError::new_err(format!("cannot reuse already awaited '{}'", self.name)))
            }
        }
    }
}

#[pymethods]
impl Coroutine {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.advance(py, |awaited| awaited.send(py.None().bind(py)))
    }

    fn send<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.advance(value.py(), |awaited| awaited.send(value))
    }

    #[pyo3(signature = (*exception))]
    fn throw<'py>(&self, py: Python<'py>, exception: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        self.advance(py, |awaited| match awaited.call_method1("throw", exception) {
            Ok(yielded) => Ok(PySendResult::Next(yielded)),
            Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
                Ok(PySendResult::Return(error.value(py).getattr("value")?))
            }
            Err(error) => Err(error),
        })
    }

    /// Closes what is awaited, and ends.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let waiting = {
            let mut state = locked(&self.state);
            if matches!(*state, State::Running) {
                return Err(PyValueError::new_err(format!("'{}' is already executing", self.name)));
            }
            std::mem::replace(&mut *state, State::Ended)
        };
        match waiting {
            State::Waiting(awaited, _) => awaited.bind(py).call_method0("close").map(drop),
            State::Running | State::Ended => Ok(()),
        }
    }

    #[getter]
    fn __name__(&self) -> &'static str {
        self.name
    }

    #[getter]
    fn __qualname__(&self) -> &'static str {
        self.name
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        match &*state {
            State::Waiting(awaited, steps) => {
                visit.call(awaited)?;
                steps.traverse(&visit)
            }
            State::Running | State::Ended => Ok(()),
        }
    }

    fn __clear__(&self) {
        let cleared = std::mem::replace(&mut *locked(&self.state), State::Ended);
        drop(cleared);
    }
}
