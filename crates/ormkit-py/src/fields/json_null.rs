//! `JSON.NULL`: JSON's null as a value, beside None, which is SQL's NULL.
use super::types::Json;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// JSON's null, to be written or compared with. There is one object of it, `JSON.NULL`, also after copying and unpickling.
#[pyclass(frozen, module = "ormkit.types")]
pub(crate) struct JsonNull;

#[pymethods]
impl JsonNull {
    fn __repr__(&self) -> &'static str {
        "JSON.NULL"
    }

    /// The name under which copy and pickle find it again.
    fn __reduce__(&self) -> &'static str {
        "JSON.NULL"
    }

    fn __bool__(&self) -> bool {
        false
    }
}

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Json {
    /// JSON's null, where None is SQL's NULL. A stored one is read as None.
    #[classattr]
    #[pyo3(name = "NULL")]
    fn null(py: Python<'_>) -> PyResult<Py<PyAny>> {
        static NULL: PyOnceLock<Py<JsonNull>> = PyOnceLock::new();
        NULL.get_or_try_init(py, || Py::new(py, JsonNull)).map(|null| null.clone_ref(py).into_any())
    }
}

/// True for `JSON.NULL`.
pub(crate) fn is_json_null(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<JsonNull>()
}
