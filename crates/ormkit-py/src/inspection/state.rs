//! Where an object stands, and what was changed of it.
use super::history::History;
use super::mapper::Mapper;
use super::named::NamedItems;
use crate::host::owner;
use crate::instance::{self, SlotKind, State};
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyTuple};

/// Where an object stands: `inspect(user)`. It shows what is, whenever it is asked.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct InstanceState {
    /// The object.
    #[pyo3(get)]
    object: Py<PyAny>,
}

impl InstanceState {
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> Self {
        Self { object: object.clone().unbind() }
    }

    fn is(&self, py: Python<'_>, state: State) -> PyResult<bool> {
        Ok(instance::state(self.object.bind(py))? == state)
    }

    /// The names of the slots that are loaded, or not.
    fn names<'py>(&self, py: Python<'py>, loaded: bool) -> PyResult<Bound<'py, PySet>> {
        let object = self.object.bind(py);
        let names = PySet::empty(py)?;
        for (index, slot) in instance::table_of(object)?.slots.iter().enumerate() {
            if is_loaded(object, index)? == loaded {
                names.add(&slot.text)?;
            }
        }
        Ok(names)
    }
}

/// True where reading a slot needs no loading.
fn is_loaded(object: &Bound<'_, PyAny>, slot: usize) -> PyResult<bool> {
    if instance::table_of(object)?.slots[slot].write_only {
        return Ok(false);
    }
    if instance::slot(object, slot)?.is_some() {
        return Ok(true);
    }
    match instance::table_of(object)?.slots[slot].kind {
        SlotKind::Column { .. } => Ok(instance::is_new(object)? || instance::is_pending_json(object, slot)?),
        SlotKind::Relation { many: true } => instance::is_born(object),
        SlotKind::Relation { many: false } => match instance::read(object, slot) {
            Ok(_) => Ok(true),
            Err(error) if error.is_instance_of::<PyAttributeError>(object.py()) => Ok(false),
            Err(error) => Err(error),
        },
    }
}

/// The slots that were changed, in-place changes of JSON among them.
fn changed(object: &Bound<'_, PyAny>) -> PyResult<instance::SlotSet> {
    if instance::table_of(object)?.has_json {
        instance::mark_changed_json(object)?;
    }
    instance::dirty(object)
}

#[pymethods]
impl InstanceState {
    /// Made by the program, known to no session.
    #[getter]
    fn transient(&self, py: Python<'_>) -> PyResult<bool> {
        self.is(py, State::Transient)
    }

    /// Given to a session, not yet written.
    #[getter]
    fn pending(&self, py: Python<'_>) -> PyResult<bool> {
        self.is(py, State::Pending)
    }

    /// A row stands behind it, and a session holds it.
    #[getter]
    fn persistent(&self, py: Python<'_>) -> PyResult<bool> {
        self.is(py, State::Persistent)
    }

    /// Its row was deleted.
    #[getter]
    fn deleted(&self, py: Python<'_>) -> PyResult<bool> {
        self.is(py, State::Deleted)
    }

    /// Its row was deleted.
    #[getter]
    fn was_deleted(&self, py: Python<'_>) -> PyResult<bool> {
        self.deleted(py)
    }

    /// Persistent once, and of no session any more.
    #[getter]
    fn detached(&self, py: Python<'_>) -> PyResult<bool> {
        self.is(py, State::Detached)
    }

    /// The names of the columns and relations that can be read without loading.
    #[getter]
    fn loaded<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PySet>> {
        self.names(py, true)
    }

    /// The names of the columns and relations that are not loaded.
    #[getter]
    fn unloaded<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PySet>> {
        self.names(py, false)
    }

    /// What was changed since the object was read or written: a `History` by the attribute's name.
    #[getter]
    fn changes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let object = self.object.bind(py);
        let table = instance::table_of(object)?;
        let changes = PyDict::new(py);
        for slot in changed(object)?.iter() {
            changes.set_item(&table.slots[slot].text, Bound::new(py, History::of(object, slot)?)?)?;
        }
        Ok(changes)
    }

    /// True where something was changed.
    #[getter]
    fn modified(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(!changed(self.object.bind(py))?.is_empty())
    }

    /// The session that holds it; None for transient, detached and deleted objects.
    #[getter]
    fn session(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match owner(instance::home(self.object.bind(py))?) {
            Some(owner) => owner.session(py),
            None => Ok(None),
        }
    }

    /// The session that holds it.
    #[getter]
    fn async_session(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.session(py)
    }

    /// True for an object that has, or had, a row.
    #[getter]
    fn has_identity(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(!instance::is_new(self.object.bind(py))?)
    }

    /// The primary key of its row, as a tuple, whatever was set since; None for a new object.
    #[getter]
    fn identity<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let object = self.object.bind(py);
        if instance::is_new(object)? {
            return Ok(None);
        }
        let stored = |slot: &usize| match instance::original_value(object, *slot)? {
            Some(value) => Ok(value),
            None => instance::read(object, *slot),
        };
        let key = instance::table_of(object)?.key.iter().map(stored).collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, key).map(Some)
    }

    /// Its class and its identity, as `session.identity_map` knows it; None for a new object.
    #[getter]
    fn identity_key<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(identity) = self.identity(py)? else { return Ok(None) };
        PyTuple::new(py, [self.object.bind(py).get_type().into_any(), identity.into_any()]).map(Some)
    }

    /// What its class maps.
    #[getter]
    fn mapper(&self, py: Python<'_>) -> Mapper {
        Mapper::of(&self.object.bind(py).get_type())
    }

    /// Its class.
    #[getter]
    fn class_(&self, py: Python<'_>) -> Py<PyAny> {
        self.object.bind(py).get_type().into_any().unbind()
    }

    /// Its attributes by name, each with `value` and `history`.
    #[getter]
    fn attrs(&self, py: Python<'_>) -> PyResult<NamedItems> {
        let table = instance::table_of(self.object.bind(py))?;
        let mut items = Vec::with_capacity(table.slots.len());
        for (slot, known) in table.slots.iter().enumerate() {
            let attribute = AttributeState { object: self.object.clone_ref(py), slot };
            items.push((known.text.clone(), Py::new(py, attribute)?.into_any()));
        }
        Ok(NamedItems::new(format!("attribute of {}", table.class), items))
    }

    /// The loaded values by name.
    #[getter]
    fn dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let object = self.object.bind(py);
        let values = PyDict::new(py);
        for (index, slot) in instance::table_of(object)?.slots.iter().enumerate() {
            if is_loaded(object, index)? {
                values.set_item(&slot.text, instance::read(object, index)?)?;
            }
        }
        Ok(values)
    }

    fn __getattr__(slf: &Bound<'_, Self>, name: &str) -> PyResult<Py<PyAny>> {
        let instead = match name {
            "expired" | "expired_attributes" => "unloaded: expired attributes are not loaded",
            "committed_state" => "changes, of which each has deleted",
            "unmodified" => "loaded, without the names in changes",
            "key" => "identity_key",
            _ => {
                "transient, pending, persistent, deleted, detached, loaded, unloaded, changes, session, identity, \
                  attrs or mapper"
            }
        };
        let class = slf.get_type().name()?;
        Err(PyAttributeError::new_err(format!("'{class}' object has no attribute '{name}': write {instead}")))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let object = self.object.bind(py);
        let state = format!("{:?}", instance::state(object)?).to_lowercase();
        Ok(format!("<{state} {}>", object.get_type().name()?))
    }
}

/// An attribute of an object: `inspect(user).attrs.name`.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct AttributeState {
    object: Py<PyAny>,
    slot: usize,
}

#[pymethods]
impl AttributeState {
    /// The attribute's name.
    #[getter]
    fn key(&self, py: Python<'_>) -> PyResult<String> {
        Ok(instance::table_of(self.object.bind(py))?.slots[self.slot].text.clone())
    }

    /// The value.
    ///
    /// Raises:
    ///     NotLoadedError: It is not loaded.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        instance::read(self.object.bind(py), self.slot)
    }

    /// True where the value can be read without loading.
    #[getter]
    fn loaded(&self, py: Python<'_>) -> PyResult<bool> {
        is_loaded(self.object.bind(py), self.slot)
    }

    /// What came, stayed and went since the object was read or written.
    #[getter]
    fn history(&self, py: Python<'_>) -> PyResult<History> {
        let object = self.object.bind(py);
        changed(object)?;
        History::of(object, self.slot)
    }

    fn __getattr__(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        let instead = match name {
            // Python asks here once more where `value` has raised an `AttributeError`.
            "value" => return instance::read(self.object.bind(py), self.slot).map(Bound::unbind),
            "loaded_value" => "value, where loaded is true",
            "load_history" => "history: what is not loaded stays so",
            _ => "key, value, loaded or history",
        };
        let text = format!("the attribute {:?} has no `{name}`: write {instead}", self.key(py)?);
        Err(PyAttributeError::new_err(text))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let class = &instance::table_of(self.object.bind(py))?.class;
        Ok(format!("<attribute {class}.{}>", self.key(py)?))
    }
}
