//! `RecordedSchema`: the schema that a script makes on PostgreSQL, without a server.

use std::sync::{Mutex, PoisonError};

use ormkit_core::schema::Recorded;
use pyo3::prelude::*;

use crate::session::raise;

/// The schema that statements of PostgreSQL make, one after the other: no server is asked.
///
/// Args:
///     default_schema: The schema that names leave out.
#[pyclass(frozen, module = "ormkit.migrations.autogen")]
pub(crate) struct RecordedSchema(Mutex<Recorded>);

#[pymethods]
impl RecordedSchema {
    #[new]
    #[pyo3(signature = (*, default_schema = "public".to_owned()))]
    fn new(default_schema: String) -> Self {
        Self(Mutex::new(Recorded::new(default_schema)))
    }

    /// The dialect of the statements.
    #[getter]
    fn dialect(&self) -> &'static str {
        "postgresql"
    }

    /// The names of the tables, with their schema where that is not the default one.
    #[getter]
    fn tables(&self) -> Vec<String> {
        self.now().catalog().tables.iter().map(|table| table.name.to_string()).collect()
    }

    /// The names of the enum types, with their schema where that is not the default one.
    #[getter]
    fn enums(&self) -> Vec<String> {
        self.now().catalog().enums.iter().map(|kind| kind.name.to_string()).collect()
    }

    /// Do the statements of a script. Those that are about rows, rights, views and functions change nothing.
    ///
    /// Raises:
    ///     InvalidRequestError: A statement that may change tables and cannot be followed, or that is about what is not there.
    fn run(&self, script: &str) -> PyResult<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).run(script).map_err(raise)
    }

    fn __repr__(&self) -> String {
        format!("<RecordedSchema {}>", self.tables().join(", "))
    }
}

impl RecordedSchema {
    /// As it is now.
    pub(super) fn now(&self) -> Recorded {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
