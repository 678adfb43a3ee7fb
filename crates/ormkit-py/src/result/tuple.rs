//! Tuples of cells that the garbage collector need not look at.
#![allow(unsafe_code)] // the collector's list has no safe interface

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A tuple of these values. One of nothing but numbers, texts and the like cannot be part of a cycle: CPython finds that out
/// at the first collection and leaves it alone from then on (`_PyTuple_MaybeUntrack`). Here it is known before the large
/// result has brought about a collection for every 700 of its rows.
pub(super) fn of<'py>(
    py: Python<'py>,
    values: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let mut is_leaf = true;
    let tuple = PyTuple::new(py, values.inspect(|value| is_leaf &= !may_refer(value)))?;
    if is_leaf && !tuple.is_empty() {
        // SAFETY: the tuple is new, tracked, and the GIL is held. What holds no container is in no cycle, and its values
        // never change.
        unsafe { ffi::PyObject_GC_UnTrack(tuple.as_ptr().cast()) };
    }
    Ok(tuple)
}

/// True for objects of types that take part in garbage collection.
fn may_refer(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a type is alive as long as its object, which is borrowed here.
    unsafe { ffi::PyType_HasFeature(ffi::Py_TYPE(value.as_ptr()), ffi::Py_TPFLAGS_HAVE_GC) != 0 }
}
