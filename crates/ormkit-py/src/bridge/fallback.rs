//! Event loops that cannot watch a descriptor.

use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;

/// The error for a loop whose `add_reader` is missing, such as the proactor loop of Windows; any other error of
/// `add_reader` stays what it is.
pub(super) fn explain(py: Python<'_>, event_loop: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyNotImplementedError>(py) {
        return error;
    }
    let name = event_loop
        .get_type()
        .fully_qualified_name()
        .map_or_else(|_| "this loop".to_owned(), |n| n.to_string());
    PyNotImplementedError::new_err(format!(
        "{name} has no add_reader, which ormkit needs: run under asyncio.SelectorEventLoop or uvloop"
    ))
}
