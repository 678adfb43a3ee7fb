//! The list that an association proxy shows.
use super::proxy::AssociationProxy;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PySlice};

/// The values of the objects in a list: what comes in makes an object, what goes takes its object along.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct ProxyMembers {
    proxy: Py<AssociationProxy>,
    owner: Py<PyAny>,
}

impl ProxyMembers {
    pub(super) fn new(proxy: &Bound<'_, AssociationProxy>, owner: &Bound<'_, PyAny>) -> Self {
        Self { proxy: proxy.clone().unbind(), owner: owner.clone().unbind() }
    }

    fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        Ok(self.proxy.get().related(self.owner.bind(py))?.cast_into()?)
    }

    fn values<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.list(py)?.iter().map(|member| self.proxy.get().value(&member)).collect()
    }

    fn created<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.proxy.get().create(self.owner.bind(value.py()), value)
    }

    fn position(&self, value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        for (at, known) in self.values(value.py())?.iter().enumerate() {
            if known.eq(value)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Makes the list hold these values: objects whose value stays are kept.
    pub(super) fn replace(&self, values: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = values.py();
        let list = self.list(py)?;
        let mut old: Vec<_> = list.iter().collect();
        let mut members = Vec::new();
        for value in values.try_iter()? {
            let value = value?;
            let mut kept = None;
            for (at, member) in old.iter().enumerate() {
                if self.proxy.get().value(member)?.eq(&value)? {
                    kept = Some(at);
                    break;
                }
            }
            members.push(match kept {
                Some(at) => old.remove(at),
                None => self.created(&value)?,
            });
        }
        list.call_method1("set", (members,)).map(drop)
    }
}

#[pymethods]
impl ProxyMembers {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.list(py)?.len())
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, self.values(py)?)?.try_iter()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        PyList::new(index.py(), self.values(index.py())?)?.as_any().get_item(index)
    }

    /// Gives the object at an index another value; a slice is replaced by new objects.
    fn __setitem__(&self, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let list = self.list(index.py())?.into_any();
        if !index.is_instance_of::<PySlice>() {
            return self.proxy.get().set_value(&list.get_item(index)?, value);
        }
        let created: Vec<_> =
            value.try_iter()?.map(|value| self.created(&value?)).collect::<PyResult<_>>()?;
        list.set_item(index, created)
    }

    /// Takes the objects at an index or of a slice out.
    fn __delitem__(&self, index: &Bound<'_, PyAny>) -> PyResult<()> {
        self.list(index.py())?.as_any().del_item(index)
    }

    fn __iadd__(&self, values: &Bound<'_, PyAny>) -> PyResult<()> {
        self.extend(values)
    }

    fn __contains__(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.position(value)?.is_some())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = other.py();
        let other: Vec<Bound<'_, PyAny>> = match other.try_iter() {
            Ok(values) => values.collect::<PyResult<_>>()?,
            Err(_) => return Ok(false),
        };
        PyList::new(py, self.values(py)?)?.eq(PyList::new(py, other)?)
    }

    /// Add a value at the end.
    fn append(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.list(value.py())?.call_method1("append", (self.created(value)?,)).map(drop)
    }

    /// Add values at the end.
    fn extend(&self, values: &Bound<'_, PyAny>) -> PyResult<()> {
        values.try_iter()?.try_for_each(|value| self.append(&value?))
    }

    /// Add a value before an index.
    fn insert(&self, index: isize, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.list(value.py())?.call_method1("insert", (index, self.created(value)?)).map(drop)
    }

    /// Take the first object with this value out.
    ///
    /// Raises:
    ///     ValueError: None has it.
    fn remove(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(at) = self.position(value)? else {
            return Err(PyValueError::new_err("the value is not in the list"));
        };
        let list = self.list(value.py())?;
        list.call_method1("pop", (at,)).map(drop)
    }

    /// Take the object at an index out and answer its value.
    #[pyo3(signature = (index = -1))]
    fn pop<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        let list = self.list(py)?;
        if list.is_empty() {
            return Err(PyIndexError::new_err("pop from an empty list"));
        }
        self.proxy.get().value(&list.call_method1("pop", (index,))?)
    }

    /// Take all objects out.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.list(py)?.call_method0("clear").map(drop)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(PyList::new(py, self.values(py)?)?.repr()?.to_string())
    }
}
