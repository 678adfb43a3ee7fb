//! A function that listens, and how it is called.
use crate::bridge;
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

    /// Calls it, and awaits what it returns where that can be awaited.
    ///
    /// # Errors
    /// What it raises.
    pub(crate) async fn call(&self, arguments: Arguments) -> PyResult<()> {
        if self.was_called.swap(true, Ordering::Relaxed) && self.choices.once {
            return Ok(());
        }
        let called = bridge::call(|py| {
            let function = self.function.bind(py);
            match self.choices.named {
                false => function.call1(PyTuple::new(py, arguments.iter().map(|(_, value)| value))?),
                true => {
                    let named = PyDict::new(py);
                    arguments.iter().try_for_each(|(name, value)| named.set_item(name, value))?;
                    function.call((), Some(&named))
                }
            }
        });
        called.await.map(drop)
    }
}

/// What a listener is called with, by the names that SQLAlchemy has for it.
pub(crate) type Arguments = Vec<(&'static str, Py<PyAny>)>;
