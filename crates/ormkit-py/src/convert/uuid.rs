//! UUIDs: bare instances with their slots set, because the constructor costs a microsecond.
#![allow(unsafe_code)]
use super::{Place, unfit};
use crate::errors::from_py;
use ormkit_core::error::Result;
use ormkit_core::value::ValueRef;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple, PyType};
use pyo3::{IntoPyObjectExt, intern};

/// What every UUID needs; looked up once.
struct Parts {
    class: Py<PyType>,
    /// `SafeUUID.unknown`: what a UUID from elsewhere is.
    unknown: Py<PyAny>,
}

static PARTS: PyOnceLock<Parts> = PyOnceLock::new();

fn parts(py: Python<'_>) -> PyResult<&Parts> {
    PARTS.get_or_try_init(py, || {
        let module = py.import("uuid")?;
        Ok(Parts {
            class: module.getattr("UUID")?.cast_into::<PyType>()?.unbind(),
            unknown: module.getattr("SafeUUID")?.getattr("unknown")?.unbind(),
        })
    })
}

pub(super) fn bytes<'a>(value: &Bound<'_, PyAny>, place: &Place<'_>) -> Result<ValueRef<'a>> {
    let py = value.py();
    if !value.is_instance(parts(py).map_err(from_py)?.class.bind(py)).map_err(from_py)? {
        return Err(unfit(value, "UUID", place));
    }
    let int: u128 = value.getattr(intern!(py, "int")).and_then(|int| int.extract()).map_err(from_py)?;
    Ok(ValueRef::Uuid(int.to_be_bytes()))
}

/// A UUID of version 7 (RFC 9562): it begins with the time in milliseconds, so that an index of them grows at its end.
///
/// Each is greater than those that this process made before, also within a millisecond and when the clock goes back. Use it
/// as `default=uuid7`.
#[pyfunction]
pub(crate) fn uuid7(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    make(py, ::uuid::Uuid::now_v7().as_u128())
}

pub(super) fn read(py: Python<'_>, bytes: [u8; 16]) -> Result<Bound<'_, PyAny>> {
    make(py, u128::from_be_bytes(bytes)).map_err(from_py)
}

fn make(py: Python<'_>, int: u128) -> PyResult<Bound<'_, PyAny>> {
    let parts = parts(py)?;
    let object = bare(parts.class.bind(py))?;
    store(&object, intern!(py, "int"), &int.into_bound_py_any(py)?)?;
    store(&object, intern!(py, "is_safe"), parts.unknown.bind(py))?;
    Ok(object)
}

/// An instance whose constructor did not run.
fn bare<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    // SAFETY: `object`'s own `__new__`, which every class without a layout from C can be made with; it checks that.
    unsafe {
        let new = ffi::PyBaseObject_Type.tp_new;
        let empty = PyTuple::empty(py);
        let made = new.map_or(std::ptr::null_mut(), |new| {
            new(class.as_type_ptr(), empty.as_ptr(), std::ptr::null_mut())
        });
        Bound::from_owned_ptr_or_err(py, made)
    }
}

/// `object.__setattr__`: past the class's own, which refuses.
fn store(object: &Bound<'_, PyAny>, name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: all three are live objects, the name is a string.
    match unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(object.py())),
    }
}
