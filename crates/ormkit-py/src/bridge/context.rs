//! Running inside a task's context variables.

use pyo3::ffi;
use pyo3::prelude::*;

/// A `contextvars.Context` that is entered; dropping it leaves the context.
pub(super) struct Entered<'a, 'py>(&'a Bound<'py, PyAny>);

impl<'a, 'py> Entered<'a, 'py> {
    /// Enters `context`.
    ///
    /// # Errors
    /// `TypeError`: it is no context. `RuntimeError`: it is entered already.
    #[expect(unsafe_code, reason = "pyo3 does not wrap PyContext_Enter")]
    pub(super) fn new(context: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        // SAFETY: `context` is alive and the GIL is held; CPython checks its type.
        match unsafe { ffi::PyContext_Enter(context.as_ptr()) } {
            0 => Ok(Self(context)),
            _ => Err(PyErr::fetch(context.py())),
        }
    }
}

impl Drop for Entered<'_, '_> {
    #[expect(unsafe_code, reason = "pyo3 does not wrap PyContext_Exit")]
    fn drop(&mut self) {
        // SAFETY: this context was entered on this thread by `new`, and contexts are left in reverse order because
        // `Entered` borrows for a block.
        if unsafe { ffi::PyContext_Exit(self.0.as_ptr()) } != 0 {
            PyErr::fetch(self.0.py()).write_unraisable(self.0.py(), None);
        }
    }
}
