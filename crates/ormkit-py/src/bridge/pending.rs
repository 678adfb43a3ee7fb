//! Running Rust in the middle of an exception.

use pyo3::ffi;
use pyo3::prelude::*;

/// Runs the Python part of a `Drop`. What it raises nobody can catch: it goes to `sys.unraisablehook`. Without an
/// interpreter nothing runs.
pub(crate) fn at_drop(work: impl FnOnce(Python<'_>) -> PyResult<()>) {
    Python::try_attach(|py| {
        without_pending_exception(py, || {
            if let Err(error) = work(py) {
                error.write_unraisable(py, None);
            }
        });
    });
}

/// Runs `work` with the exception that is being raised, if any, set aside: objects are freed while exceptions unwind,
/// and what their `Drop` calls must neither see nor clear it.
#[expect(unsafe_code, reason = "pyo3's PyErr::take would resume a panic that is on its way")]
pub(super) fn without_pending_exception(_py: Python<'_>, work: impl FnOnce()) {
    #[cfg(Py_3_12)]
    {
        // SAFETY: the GIL is held (`_py`); the reference is owned here until it is given back.
        let raised = unsafe { ffi::PyErr_GetRaisedException() };
        work();
        // SAFETY: as above; null clears, which is how it was.
        unsafe { ffi::PyErr_SetRaisedException(raised) };
    }
    #[cfg(not(Py_3_12))]
    {
        let (mut kind, mut value, mut trace) =
            (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the GIL is held (`_py`); the three references are owned here until they are given back.
        unsafe { ffi::PyErr_Fetch(&mut kind, &mut value, &mut trace) };
        work();
        // SAFETY: as above; nulls clear, which is how it was.
        unsafe { ffi::PyErr_Restore(kind, value, trace) };
    }
}
