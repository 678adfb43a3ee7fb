//! Options that come by keyword, more than a signature can hold.

use std::cell::RefCell;

use ormkit_core::error::near_matches;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The keywords of a call. Each is taken once; what is left at the end is refused.
pub(crate) struct Keywords<'py> {
    function: &'static str,
    left: Bound<'py, PyDict>,
    known: RefCell<Vec<&'static str>>,
}

impl<'py> Keywords<'py> {
    /// Those of one call of `function`.
    pub(crate) fn new(
        function: &'static str,
        py: Python<'py>,
        given: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Self> {
        let left = given.map_or_else(|| Ok(PyDict::new(py)), |given| given.copy())?;
        Ok(Self { function, left, known: RefCell::default() })
    }

    /// True when one is there that was not taken.
    pub(crate) fn has(&self, name: &str) -> PyResult<bool> {
        self.left.contains(name)
    }

    /// Puts one in the place of `word`, which says the same.
    ///
    /// # Errors
    /// `TypeError`: it was given, too.
    pub(crate) fn put(&self, word: &str, name: &str, value: impl IntoPyObject<'py>) -> PyResult<()> {
        if self.has(name)? {
            let function = self.function;
            return Err(PyTypeError::new_err(format!("{function}() got both {word} and {name}")));
        }
        self.left.set_item(name, value)
    }

    /// Takes one, as it was given; None when it was not.
    pub(crate) fn take(&self, name: &'static str) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.known.borrow_mut().push(name);
        let Some(value) = self.left.get_item(name)? else { return Ok(None) };
        self.left.del_item(name)?;
        Ok(Some(value))
    }

    /// Takes one of a type, or its default.
    ///
    /// # Errors
    /// `TypeError` naming the keyword when the value is of another type.
    pub(crate) fn take_or<T>(&self, name: &'static str, default: T) -> PyResult<T>
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
    pub(crate) fn finish(self) -> PyResult<()> {
        let Some(unknown) = self.left.keys().iter().next() else { return Ok(()) };
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
