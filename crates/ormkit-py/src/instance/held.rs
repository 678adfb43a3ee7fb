//! A strong reference that may be dropped where CPython calls us without pyo3's knowledge.
#![allow(unsafe_code)]
use pyo3::ffi;
use pyo3::prelude::*;
use std::ptr::NonNull;

/// How many references there are to a value.
pub(super) fn references(value: &Bound<'_, PyAny>) -> isize {
    // SAFETY: a bound reference keeps its object alive, and the interpreter is attached.
    unsafe { ffi::Py_REFCNT(value.as_ptr()) }
}

/// False for values without references of their own, as numbers and texts.
pub(super) fn refers(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: as above.
    unsafe { ffi::PyObject_IS_GC(value.as_ptr()) != 0 }
}

/// A strong reference to a Python object, held in memory that CPython's collector frees.
///
/// `Py` defers its decrement when pyo3 does not know that the thread is attached, as in `tp_dealloc`; this one never
/// does. It MUST be dropped with the interpreter lock held: everything that owns one lives in objects and types, and
/// those are touched under the lock only.
pub(crate) struct Held(NonNull<ffi::PyObject>);

// SAFETY: the pointer is only followed with the interpreter lock held (see above).
unsafe impl Send for Held {}
// SAFETY: as for Send.
unsafe impl Sync for Held {}

impl Held {
    /// Takes a reference of its own.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> Self {
        // SAFETY: `object` is alive and the lock is held by its token.
        unsafe { Self::from_borrowed(object.as_ptr()) }
    }

    /// Takes a reference of its own.
    ///
    /// # Safety
    /// `pointer` is a live object and the interpreter lock is held.
    pub(super) unsafe fn from_borrowed(pointer: *mut ffi::PyObject) -> Self {
        // SAFETY: the caller vouches for the object.
        unsafe {
            ffi::Py_INCREF(pointer);
            Self::from_owned(pointer)
        }
    }

    /// Takes over the caller's reference.
    ///
    /// # Safety
    /// `pointer` is not null and the caller owns a reference to it.
    pub(super) unsafe fn from_owned(pointer: *mut ffi::PyObject) -> Self {
        // SAFETY: not null, says the caller.
        Self(unsafe { NonNull::new_unchecked(pointer) })
    }

    /// The object, borrowed.
    pub(super) fn as_ptr(&self) -> *mut ffi::PyObject {
        self.0.as_ptr()
    }

    /// Gives the reference away.
    pub(super) fn into_ptr(self) -> *mut ffi::PyObject {
        let pointer = self.0.as_ptr();
        std::mem::forget(self);
        pointer
    }

    /// The object.
    pub(crate) fn bind<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        // SAFETY: we own a reference, and the token proves that the lock is held.
        unsafe { Bound::from_borrowed_ptr(py, self.0.as_ptr()) }
    }
}

impl Clone for Held {
    /// As dropping, with the interpreter lock held.
    fn clone(&self) -> Self {
        // SAFETY: we own a reference, so the object is alive.
        unsafe { Self::from_borrowed(self.0.as_ptr()) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: we own the reference; the lock is held (see the type).
        unsafe { ffi::Py_DECREF(self.0.as_ptr()) }
    }
}
