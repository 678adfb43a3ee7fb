//! A function that listens, and how it is called.
use crate::bridge;
use crate::inspection::InstanceState;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::atomic::{AtomicBool, Ordering};

/// What was said where it was registered.
#[derive(Clone, Copy)]
pub(crate) struct Choices {
    /// Called once and never again.
    pub(super) once: bool,
    /// Arguments go by name.
    pub(super) named: bool,
    /// Classes that derive from the target are meant, too.
    pub(super) propagate: bool,
    /// It is given the `InstanceState` instead of the object.
    pub(super) raw: bool,
    /// It is called before those that are there.
    pub(super) insert: bool,
    /// What it returns is taken in place of the value.
    pub(super) retval: bool,
}

/// A function that listens.
pub(crate) struct Listener {
    pub(super) function: Py<PyAny>,
    pub(super) choices: Choices,
    was_called: AtomicBool,
}

impl Listener {
    /// # Errors
    /// `TypeError`: it cannot be called.
    pub(super) fn new(function: &Bound<'_, PyAny>, choices: Choices) -> PyResult<Self> {
        if !function.is_callable() {
            let text = format!("a listener is a function, not {}", function.get_type().name()?);
            return Err(PyTypeError::new_err(text));
        }
        Ok(Self { function: function.clone().unbind(), choices, was_called: AtomicBool::new(false) })
    }

    /// True for the same function; bound methods are equal, not the same.
    pub(super) fn is_of(&self, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        let own = self.function.bind(function.py());
        Ok(own.is(function) || own.eq(function)?)
    }

    /// True where it is to be called: not a second time with `once`.
    fn is_due(&self) -> bool {
        !(self.was_called.swap(true, Ordering::Relaxed) && self.choices.once)
    }

    /// An object as it is shown to this function.
    ///
    /// # Errors
    /// `TypeError` for an object of a class that is not mapped.
    pub(super) fn shown(&self, object: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        match self.choices.raw {
            true => Ok(Py::new(object.py(), InstanceState::of(object))?.into_any()),
            false => Ok(object.clone().unbind()),
        }
    }

    fn called<'py>(&self, py: Python<'py>, arguments: &Arguments) -> PyResult<Bound<'py, PyAny>> {
        let function = self.function.bind(py);
        match self.choices.named {
            false => function.call1(PyTuple::new(py, arguments.iter().map(|(_, value)| value))?),
            true => {
                let named = PyDict::new(py);
                arguments.iter().try_for_each(|(name, value)| named.set_item(name, value))?;
                function.call((), Some(&named))
            }
        }
    }

    /// Calls it where nothing can be awaited.
    ///
    /// # Errors
    /// What it raises; `TypeError` for one that is `async`.
    pub(crate) fn call_now<'py>(
        &self,
        py: Python<'py>,
        event: &str,
        arguments: &Arguments,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !self.is_due() {
            return Ok(None);
        }
        let answer = self.called(py, arguments)?;
        if answer.hasattr(pyo3::intern!(py, "__await__"))? {
            if answer.hasattr(pyo3::intern!(py, "close"))? {
                answer.call_method0(pyo3::intern!(py, "close"))?;
            }
            let text =
                format!("a listener of {event} cannot be async: it is called where nothing can be awaited");
            return Err(PyTypeError::new_err(text));
        }
        Ok(Some(answer))
    }

    /// Calls it, and awaits what it returns where that can be awaited.
    ///
    /// # Errors
    /// What it raises.
    pub(crate) async fn call(&self, arguments: Arguments) -> PyResult<()> {
        if !self.is_due() {
            return Ok(());
        }
        bridge::call(|py| self.called(py, &arguments)).await.map(drop)
    }
}

/// What a listener is called with, by the names that SQLAlchemy has for it.
pub(crate) type Arguments = Vec<(&'static str, Py<PyAny>)>;
