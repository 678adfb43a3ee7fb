//! Event loops that cannot watch a descriptor.

use ormkit_core::error::Error;
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;

use crate::errors::to_py;

/// The error for a loop whose `add_reader` is missing, such as the proactor loop of Windows; any other error of
/// `add_reader` stays what it is.
pub(super) fn explain(event_loop: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    let py = event_loop.py();
    if !error.is_instance_of::<PyNotImplementedError>(py) {
        return error;
    }
    let name = event_loop
        .get_type()
        .fully_qualified_name()
        .map_or_else(|_| "this".to_owned(), |name| name.to_string());
    let feature = format!("the event loop {name}, which has no add_reader");
    to_py(py, Error::unsupported(feature, "run under asyncio.SelectorEventLoop or uvloop"))
}
