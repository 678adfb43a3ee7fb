//! `@validates("email")`: a method that sees every value before it is stored.
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// What `validates(..)` returns: decorates the method.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Validates {
    names: Vec<String>,
}

/// A method `(self, name, value)` that answers the value to be stored, or raises.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Validator {
    /// The attributes.
    pub(crate) names: Vec<String>,
    /// The method.
    pub(crate) function: Py<PyAny>,
}

/// Let a method see every value that the program gives to these attributes, in the constructor and afterwards; of a list
/// each object that comes into it. What it returns is stored; what it raises passes unchanged, and nothing is.
///
/// Args:
///     names: Attributes of the class: columns and relations.
#[pyfunction]
#[pyo3(signature = (*names))]
pub(crate) fn validates(names: &Bound<'_, PyTuple>) -> PyResult<Validates> {
    let names: Vec<String> =
        names
            .extract()
            .or_else(|_| names.iter().map(|name| name.extract()).collect())
            .map_err(|_: PyErr| PyTypeError::new_err("validates() takes the names of attributes"))?;
    match names.is_empty() {
        true => Err(PyTypeError::new_err("validates() takes the names of attributes: @validates(\"email\")")),
        false => Ok(Validates { names }),
    }
}

#[pymethods]
impl Validates {
    fn __call__(&self, function: Py<PyAny>) -> Validator {
        Validator { names: self.names.clone(), function }
    }
}

#[pymethods]
impl Validator {
    fn __get__<'py>(
        &self,
        instance: &Bound<'py, PyAny>,
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(instance.py()).call_method1("__get__", (instance, owner))
    }
}
