//! Options that come by keyword, more than a signature can hold.

use std::cell::RefCell;

use ormkit_core::error::near_matches;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The keywords of a call. Each is taken once; what is left at the end is refused.
pub(super) struct Keywords<'py> {
    function: &'static str,
    left: Option<Bound<'py, PyDict>>,
    known: RefCell<Vec<&'static str>>,
}

impl<'py> Keywords<'py> {
    /// Those of one call of `function`.
    pub(super) fn new(function: &'static str, given: Option<&Bound<'py, PyDict>>) -> PyResult<Self> {
        Ok(Self { function, left: given.map(|given| given.copy()).transpose()?, known: RefCell::default() })
    }

    /// Takes one, as it was given; None when it was not.
    pub(super) fn take(&self, name: &'static str) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.known.borrow_mut().push(name);
        let Some(left) = &self.left else { return Ok(None) };
        let Some(value) = left.get_item(name)? else { return Ok(None) };
        left.del_item(name)?;
        Ok(Some(value))
    }

    /// Takes one of a type, or its default.
    ///
    /// # Errors
    /// `TypeError` naming the keyword when the value is of another type.
    pub(super) fn take_or<T>(&self, name: &'static str, default: T) -> PyResult<T>
    where
        T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
    {
        let Some(value) = self.take(name)? else { return Ok(default) };
        value.extract().map_err(|error: PyErr| {
            let py = value.py();
            if !error.is_instance_of::<PyTypeError>(py) {
                return error;
            }
            PyTypeError::new_err(format!("{}() argument {name}: {}", self.function, error.value(py)))
        })
    }

    /// The end of the call's options.
    ///
    /// # Errors
    /// `TypeError` for one that nobody has taken, with the nearest known ones.
    pub(super) fn finish(self) -> PyResult<()> {
        let Some(left) = self.left else { return Ok(()) };
        let Some(unknown) = left.keys().iter().next() else { return Ok(()) };
        let unknown: String = unknown.extract()?;
        let near = near_matches(&unknown, self.known.into_inner());
        let hint =
            if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
        let function = self.function;
        Err(PyTypeError::new_err(format!(
            "{function}() got an unexpected keyword argument '{unknown}'{hint}"
        )))
    }
}
