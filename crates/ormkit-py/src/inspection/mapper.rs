//! What a class maps.
use super::named::NamedItems;
use crate::instance;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

/// What a class maps: `inspect(User)`.
#[pyclass(frozen, eq, hash, module = "ormkit")]
#[derive(PartialEq)]
pub(crate) struct Mapper {
    class: ClassHandle,
}

/// A class, compared by identity.
struct ClassHandle(Py<PyType>);

impl PartialEq for ClassHandle {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(&other.0)
    }
}

impl std::hash::Hash for Mapper {
    fn hash<S: std::hash::Hasher>(&self, state: &mut S) {
        (self.class.0.as_ptr() as usize).hash(state);
    }
}

impl Mapper {
    pub(crate) fn of(class: &Bound<'_, PyType>) -> Self {
        Self { class: ClassHandle(class.clone().unbind()) }
    }

    /// The class.
    pub(crate) fn class<'py>(&self, py: Python<'py>) -> &Bound<'py, PyType> {
        self.class.0.bind(py)
    }

    /// The entries of the class's dictionaries, in order.
    fn named(&self, py: Python<'_>, what: &str, from: &[&str]) -> PyResult<NamedItems> {
        let class = self.class.0.bind(py);
        let mut items = Vec::new();
        for attribute in from {
            for (name, item) in class.getattr(*attribute)?.cast_into::<PyDict>()? {
                items.push((name.extract()?, item.unbind()));
            }
        }
        Ok(NamedItems::new(format!("{what} of {}", class.name()?), items))
    }
}

#[pymethods]
impl Mapper {
    /// The class.
    #[getter]
    fn class_(&self, py: Python<'_>) -> Py<PyType> {
        self.class.0.clone_ref(py)
    }

    /// The class.
    #[getter]
    fn entity(&self, py: Python<'_>) -> Py<PyType> {
        self.class_(py)
    }

    /// Itself: what `inspect(obj)` and `inspect(Model)` have alike.
    #[getter(mapper)]
    fn itself(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// The columns by attribute name.
    #[getter]
    fn columns(&self, py: Python<'_>) -> PyResult<NamedItems> {
        self.named(py, "column", &["__columns__"])
    }

    /// The columns by attribute name.
    #[getter]
    fn c(&self, py: Python<'_>) -> PyResult<NamedItems> {
        self.columns(py)
    }

    /// The columns by attribute name.
    #[getter]
    fn column_attrs(&self, py: Python<'_>) -> PyResult<NamedItems> {
        self.columns(py)
    }

    /// The relations by attribute name.
    #[getter]
    fn relationships(&self, py: Python<'_>) -> PyResult<NamedItems> {
        self.named(py, "relationship", &["__relationships__"])
    }

    /// The columns, and behind them the relations, by attribute name.
    #[getter]
    fn attrs(&self, py: Python<'_>) -> PyResult<NamedItems> {
        self.named(py, "attribute", &["__columns__", "__relationships__"])
    }

    /// The columns of the primary key.
    #[getter]
    fn primary_key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let class = self.class.0.bind(py);
        let table = instance::class_table(class)?;
        let columns = class.getattr("__columns__")?;
        let of = |slot: &usize| columns.get_item(&table.slots[*slot].text);
        PyTuple::new(py, table.key.iter().map(of).collect::<PyResult<Vec<_>>>()?)
    }

    /// The table.
    #[getter]
    fn local_table<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.class.0.bind(py).getattr("__table__")
    }

    /// The table.
    #[getter]
    fn persist_selectable<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.local_table(py)
    }

    /// The key of an object's row, as a list; None where a new object has no value yet.
    fn primary_key_from_instance<'py>(
        &self,
        py: Python<'py>,
        object: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let table = instance::class_table(self.class.0.bind(py))?;
        table.key.iter().map(|slot| object.getattr(&*table.slots[*slot].text)).collect()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<Mapper of {}>", self.class.0.bind(py).name()?))
    }
}
