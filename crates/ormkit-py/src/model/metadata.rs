//! `Base.metadata`: the tables of one base.
use super::info::Table;
use super::raise::unsupported;
use super::registry;
use ormkit_core::model::{ModelId, Space};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::sync::atomic::{AtomicU32, Ordering};

/// The tables of the models under one base.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct MetaData {
    space: Space,
    tables: Py<PyDict>,
}

#[pymethods]
impl MetaData {
    #[new]
    #[pyo3(signature = (*, naming_convention = None, schema = None))]
    fn new(
        py: Python<'_>,
        naming_convention: Option<Bound<'_, PyAny>>,
        schema: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        if naming_convention.is_some() {
            return Err(unsupported("MetaData(naming_convention=..)", "name the constraints one by one"));
        }
        if schema.is_some() {
            return Err(unsupported(
                "MetaData(schema=..)",
                "say it per class: __table_args__ = {\"schema\": ..}",
            ));
        }
        Ok(Self::empty(py))
    }

    /// The newest table of each name, by name.
    #[getter]
    fn tables<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.tables.bind(py).copy()
    }

    /// The tables, those that others refer to first.
    #[getter]
    fn sorted_tables<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let schema = registry::schema(py)?;
        let mut newest = self.newest(py);
        newest.sort_by_key(|id| schema.model(*id).rank);
        let tables = self.tables.bind(py);
        let sorted = PyList::empty(py);
        for id in newest {
            sorted.append(tables.get_item(schema.model(id).table().to_string())?)?;
        }
        Ok(sorted)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("MetaData({} tables)", self.tables.bind(py).len())
    }
}

impl MetaData {
    /// Metadata without tables.
    pub(super) fn empty(py: Python<'_>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let space = Space(NEXT.fetch_add(1, Ordering::Relaxed));
        Self { space, tables: PyDict::new(py).unbind() }
    }

    /// The models that no later declaration of the same table replaces, in the order of their declaration.
    pub(crate) fn newest(&self, py: Python<'_>) -> Vec<ModelId> {
        registry::newest(py, self.space)
    }

    /// The name space of its models.
    pub(super) fn space(&self) -> Space {
        self.space
    }

    /// Adds a model's table.
    pub(super) fn add(&self, py: Python<'_>, table: &Bound<'_, Table>) -> PyResult<()> {
        self.tables.bind(py).set_item(table.get().fullname(), table)
    }
}
