//! What listeners of engines are given: connections of the pool, and errors.
use super::engine::ExecutionContext;
use crate::errors::told_of;
use ormkit_core::error::{Error, ErrorClass};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// A connection of the pool. Its events are given the same one, in whose `info` notes may be left for as long as it is open.
#[pyclass(frozen, get_all, name = "ConnectionRecord", module = "ormkit.event")]
pub(crate) struct ConnectionRecord {
    /// Its number: no other connection of the process has it.
    id: u64,
    /// The server's process that serves it, on PostgreSQL.
    backend_pid: Option<u32>,
    /// Notes of the listeners.
    info: Py<PyDict>,
}

impl ConnectionRecord {
    pub(super) fn new(py: Python<'_>, id: u64, backend_pid: Option<u32>) -> Self {
        Self { id, backend_pid, info: PyDict::new(py).unbind() }
    }
}

#[pymethods]
impl ConnectionRecord {
    fn __repr__(&self) -> String {
        let pid = self.backend_pid.map_or_else(String::new, |pid| format!(" backend_pid={pid}"));
        format!("<ConnectionRecord {}{pid}>", self.id)
    }
}

/// An error of the database or of a connection.
#[pyclass(frozen, get_all, name = "ExceptionContext", module = "ormkit.event")]
pub(crate) struct ExceptionContext {
    /// The exception: of the class of the one that the program gets, with what the database said.
    original_exception: Py<PyAny>,
    /// The connection is lost, or could not be opened.
    is_disconnect: bool,
    /// The statement that failed; None where a connection could not be opened.
    execution_context: Option<Py<ExecutionContext>>,
    /// Its SQL.
    statement: Option<String>,
    /// Its values.
    parameters: Option<Py<PyList>>,
}

impl ExceptionContext {
    pub(super) fn new(py: Python<'_>, error: &Error, context: Option<Py<ExecutionContext>>) -> Self {
        let shown = context.as_ref().map(Py::get);
        Self {
            original_exception: told_of(py, error).into_value(py).into_any(),
            is_disconnect: shown.is_none() || error.class() == ErrorClass::ConnectionLost,
            statement: shown.map(|shown| shown.statement.clone()),
            parameters: shown.map(|shown| shown.parameters.clone_ref(py)),
            execution_context: context,
        }
    }
}
