//! Dialects by the names that users know.

use ormkit_core::sql::Dialect;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

/// The dialect of a name: `"postgresql"`, also as `"postgres"`, or `"sqlite"`.
///
/// # Errors
/// `ValueError` for another one.
pub(crate) fn dialect_of(name: &str) -> PyResult<&'static Dialect> {
    match name {
        "postgresql" | "postgres" => Ok(&Dialect::POSTGRES),
        "sqlite" => Ok(&Dialect::SQLITE),
        other => {
            Err(PyValueError::new_err(format!("the dialect is \"postgresql\" or \"sqlite\", not {other:?}")))
        }
    }
}

/// A dialect as a user reads it: a text, which SQLAlchemy's users ask for its `name`.
pub(crate) fn named_dialect<'py>(py: Python<'py>, dialect: &Dialect) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let made = CLASS.get_or_try_init(py, || {
        let text = py.get_type::<PyString>();
        let body = PyDict::new(py);
        body.set_item("__module__", "ormkit")?;
        body.set_item("__slots__", ())?;
        body.set_item("__doc__", "The name of a dialect, as a text.")?;
        let property = py.import("builtins")?.getattr("property")?;
        body.set_item("name", property.call1((text.getattr("__str__")?,))?)?;
        let made = py.get_type::<PyType>().call1(("DialectName", (text,), body))?;
        // Copies and pickles are plain texts.
        py.import("copyreg")?.call_method1("pickle", (&made, wrap_pyfunction!(plain, py)?))?;
        Ok::<_, PyErr>(made.cast_into::<PyType>()?.unbind())
    })?;
    made.bind(py).call1((dialect.name.as_str(),))
}

/// What a pickle of a dialect's name is made of: a text.
#[pyfunction]
fn plain<'py>(name: &Bound<'py, PyString>) -> (Bound<'py, PyType>, (String,)) {
    (name.py().get_type::<PyString>(), (name.to_string_lossy().into_owned(),))
}
