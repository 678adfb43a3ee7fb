//! `@declared_attr`: what a mixin declares anew for each class.
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

/// A function of a mixin or a base that answers a column, a relation or an option (`__tablename__`, `__table_args__`)
/// for each class that is mapped with it; it is called with a stand-in of the class, which is not made yet.
#[pyclass(frozen, name = "declared_attr", module = "ormkit")]
pub(crate) struct DeclaredAttr {
    function: Py<PyAny>,
    /// Subclasses of a mapped class get their own, too.
    pub(crate) cascading: bool,
}

#[pymethods]
impl DeclaredAttr {
    #[new]
    fn new(function: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::of(function, false)
    }

    /// The same, for options such as `__tablename__`.
    #[staticmethod]
    fn directive(function: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::of(function, false)
    }

    /// The same; subclasses of a mapped class do not inherit it but get their own.
    #[staticmethod]
    fn cascading(function: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::of(function, true)
    }

    fn __get__<'py>(
        &self,
        _instance: &Bound<'py, PyAny>,
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.answer(owner)
    }
}

impl DeclaredAttr {
    fn of(function: &Bound<'_, PyAny>, cascading: bool) -> PyResult<Self> {
        // `@declared_attr` above `@classmethod`
        let function = function.getattr_opt("__func__")?.unwrap_or_else(|| function.clone());
        if let Ok(inner) = function.cast::<Self>() {
            let inner = inner.get();
            let function = inner.function.clone_ref(function.py());
            return Ok(Self { function, cascading: cascading || inner.cascading });
        }
        match function.is_callable() {
            true => Ok(Self { function: function.unbind(), cascading }),
            false => Err(PyTypeError::new_err("declared_attr() decorates a function that takes the class")),
        }
    }

    /// What the function answers for a class.
    pub(crate) fn answer<'py>(&self, class: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(class.py()).call1((class,))
    }

    /// The annotation of what it answers.
    pub(crate) fn annotation<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.function.bind(py).getattr_opt("__annotations__")? {
            Some(all) => all.cast_into::<PyDict>()?.get_item("return"),
            None => Ok(None),
        }
    }
}
