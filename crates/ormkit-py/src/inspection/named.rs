//! A few things by name, in order.
use ormkit_core::error::near_matches;
use pyo3::exceptions::{PyAttributeError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList};

/// Columns, relations or attributes by name, `items.name`, `items["name"]`, or by place, `items[0]`; iterating gives the items.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct NamedItems {
    /// Of what they are, for messages: "column of User".
    what: String,
    items: Vec<(String, Py<PyAny>)>,
}

impl NamedItems {
    pub(crate) fn new(what: String, items: Vec<(String, Py<PyAny>)>) -> Self {
        Self { what, items }
    }

    fn find(&self, name: &str) -> Option<&Py<PyAny>> {
        self.items.iter().find(|(known, _)| known == name).map(|(_, item)| item)
    }

    fn missing(&self, name: &str) -> String {
        let near = near_matches(name, self.items.iter().map(|(known, _)| known.as_str()));
        let near = near.first().map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
        format!("there is no {} called `{name}`{near}", self.what)
    }
}

#[pymethods]
impl NamedItems {
    fn __getattr__(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        match self.find(name) {
            Some(item) => Ok(item.clone_ref(py)),
            None => Err(PyAttributeError::new_err(self.missing(name))),
        }
    }

    fn __getitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if let Ok(place) = key.extract::<isize>() {
            return PyList::new(py, self.values(py))?.as_any().get_item(place).map(Bound::unbind);
        }
        let name: &str = &key.extract::<String>()?;
        match self.find(name) {
            Some(item) => Ok(item.clone_ref(py)),
            None => Err(PyKeyError::new_err(self.missing(name))),
        }
    }

    /// The item of a name, or `default`.
    #[pyo3(signature = (name, default = None, /))]
    fn get(&self, py: Python<'_>, name: &str, default: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
        self.find(name).map(|item| item.clone_ref(py)).or(default)
    }

    fn __contains__(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn __len__(&self) -> usize {
        self.items.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, self.values(py))?.try_iter()
    }

    /// The names, in the order of declaration.
    fn keys(&self) -> Vec<String> {
        self.items.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The items, in the order of declaration.
    fn values(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        self.items.iter().map(|(_, item)| item.clone_ref(py)).collect()
    }

    /// Names with their items.
    fn items(&self, py: Python<'_>) -> Vec<(String, Py<PyAny>)> {
        self.items.iter().map(|(name, item)| (name.clone(), item.clone_ref(py))).collect()
    }

    fn __repr__(&self) -> String {
        format!("<{}: {}>", self.what, self.keys().join(", "))
    }
}
