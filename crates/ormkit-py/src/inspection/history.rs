//! What a change has made of an attribute.
use crate::instance::{self, SlotKind};
use crate::relation;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyTuple};
use std::collections::HashSet;

/// The values of an attribute: those that came since the object was read or written, those that stayed, those that went.
/// It can be unpacked: `added, unchanged, deleted = history`. A value that was not loaded when it was replaced is in none.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct History {
    /// What came.
    #[pyo3(get)]
    added: Py<PyList>,
    /// What stayed.
    #[pyo3(get)]
    unchanged: Py<PyList>,
    /// What went.
    #[pyo3(get)]
    deleted: Py<PyList>,
}

type Values<'py> = Vec<Bound<'py, PyAny>>;

impl History {
    /// Of a slot.
    ///
    /// # Errors
    /// The value from before the change is JSON that cannot be read.
    pub(super) fn of(object: &Bound<'_, PyAny>, slot: usize) -> PyResult<Self> {
        let [added, unchanged, deleted] = match instance::table_of(object)?.slots[slot].kind {
            SlotKind::Relation { many: true } => of_list(object, slot)?,
            SlotKind::Relation { many: false } | SlotKind::Column { .. } => of_value(object, slot)?,
        };
        let list = |values: Values<'_>| PyList::new(object.py(), values).map(Bound::unbind);
        Ok(Self { added: list(added)?, unchanged: list(unchanged)?, deleted: list(deleted)? })
    }

    fn all<'py>(&self, py: Python<'py>) -> [&Bound<'py, PyList>; 3] {
        [self.added.bind(py), self.unchanged.bind(py), self.deleted.bind(py)]
    }
}

fn of_value<'py>(object: &Bound<'py, PyAny>, slot: usize) -> PyResult<[Values<'py>; 3]> {
    let is_changed = instance::dirty(object)?.contains(slot);
    let value = match instance::slot(object, slot)? {
        None if instance::is_pending_json(object, slot)? => Some(instance::read(object, slot)?),
        None => instance::expression(object, slot)?,
        value => value,
    };
    let value: Values<'py> = value.into_iter().collect();
    match is_changed {
        true => Ok([value, Vec::new(), instance::original_value(object, slot)?.into_iter().collect()]),
        // What the constructor has filled in is no value that a row has.
        false if instance::is_new(object)? => Ok(Default::default()),
        false => Ok([Vec::new(), value, Vec::new()]),
    }
}

fn of_list<'py>(object: &Bound<'py, PyAny>, slot: usize) -> PyResult<[Values<'py>; 3]> {
    let py = object.py();
    let Some(list) = instance::slot(object, slot)? else { return Ok(Default::default()) };
    let bound = |members: Vec<Py<PyAny>>| members.into_iter().map(|member| member.into_bound(py)).collect();
    let added: Values<'py> = bound(relation::added(&list));
    let came: HashSet<usize> = added.iter().map(|member| member.as_ptr() as usize).collect();
    let mut stayed: Values<'py> = bound(relation::members(Some(list.clone())));
    stayed.retain(|member| !came.contains(&(member.as_ptr() as usize)));
    Ok([added, stayed, bound(relation::removed(&list).unwrap_or_default())])
}

#[pymethods]
impl History {
    /// True where something came or went.
    fn has_changes(&self, py: Python<'_>) -> bool {
        !self.added.bind(py).is_empty() || !self.deleted.bind(py).is_empty()
    }

    /// True where nothing is known: not loaded and not set.
    fn empty(&self, py: Python<'_>) -> bool {
        self.all(py).iter().all(|values| values.is_empty())
    }

    /// What the attribute held before: what stayed and what went.
    fn non_added<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.unchanged.bind(py).add(self.deleted.bind(py))
    }

    /// What the attribute holds: what came and what stayed.
    fn non_deleted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.added.bind(py).add(self.unchanged.bind(py))
    }

    /// All three, in one list.
    fn sum<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.non_deleted(py)?.add(self.deleted.bind(py))
    }

    fn __len__(&self) -> usize {
        3
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyTuple::new(py, self.all(py))?.try_iter()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        PyTuple::new(py, self.all(py))?.as_any().get_item(index)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let [added, unchanged, deleted] = self.all(py).map(|values| values.len());
        Ok(format!("<History added={added} unchanged={unchanged} deleted={deleted}>"))
    }
}
