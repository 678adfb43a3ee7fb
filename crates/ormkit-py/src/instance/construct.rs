//! The constructor's slow paths: classes with an `__init__` of their own, properties as keywords.
#![allow(unsafe_code)]
use super::base::{class_lookup, or_null};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// True where the class has a settable attribute, such as a property, that is no slot.
///
/// # Safety
/// Both are live objects.
pub(super) unsafe fn is_settable(class: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller vouches for both.
    unsafe {
        let found = class_lookup(class, name);
        !found.is_null() && !is_private(name) && (*ffi::Py_TYPE(found)).tp_descr_set.is_some()
    }
}

/// True for a name with a leading underscore.
///
/// # Safety
/// `name` is a live string.
pub(super) unsafe fn is_private(name: *mut ffi::PyObject) -> bool {
    // SAFETY: the first character is only read where there is one.
    unsafe { ffi::PyUnicode_GetLength(name) > 0 && ffi::PyUnicode_ReadChar(name, 0) == u32::from(b'_') }
}

/// Calls a class as `type` does: `__new__`, then `__init__`, whoever wrote them.
///
/// # Safety
/// The arguments are those of a vectorcall with `given` positional ones.
pub(super) unsafe fn call_slowly(
    class: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    given: isize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: by the protocol `given` positional arguments lie in front of one for each name.
    unsafe {
        or_null(Python::attach(|py| {
            let argument = |at: isize| Bound::from_borrowed_ptr(py, *arguments.offset(at));
            let positional = PyTuple::new(py, (0..given).map(argument))?;
            let keywords = PyDict::new(py);
            let count = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names) };
            for at in 0..count {
                let name = Bound::from_borrowed_ptr(py, ffi::PyTuple_GET_ITEM(names, at));
                keywords.set_item(name, argument(given + at))?;
            }
            let metatype = ffi::Py_TYPE(class);
            let call = (*metatype).tp_call.or(ffi::PyType_Type.tp_call);
            let made =
                call.map_or(std::ptr::null_mut(), |call| call(class, positional.as_ptr(), keywords.as_ptr()));
            Bound::from_owned_ptr_or_err(py, made).map(Bound::into_ptr)
        }))
    }
}
