//! Listeners of attributes: `set`, `append` and `remove`.
use super::listener::{Arguments, Choices, Listener};
use crate::attribute::Attribute;
use crate::host::class_info;
use crate::inspection::InstanceState;
use crate::instance::{self, SlotKind};
use crate::model::{classes_below, find_class};
use ormkit_core::model::ModelId;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyType};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What happens to an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttributeEvent {
    Set,
    Append,
    Remove,
}

/// The events and their names.
pub(super) const EVENTS: [(&str, AttributeEvent); 3] =
    [("set", AttributeEvent::Set), ("append", AttributeEvent::Append), ("remove", AttributeEvent::Remove)];

/// An attribute of a class.
#[derive(Clone)]
pub(super) struct Place {
    class: Arc<Py<PyType>>,
    model: ModelId,
    name: Arc<str>,
    many: bool,
}

impl Place {
    /// None for one of an alias or of derived rows, which no class has.
    pub(super) fn of(py: Python<'_>, attribute: &Attribute) -> PyResult<Option<Self>> {
        let model = attribute.model();
        if find_class(py, model).is_none() {
            return Ok(None);
        }
        let class = class_info(py, model).class(py);
        let kind = instance::class_table(class)?.slots.get(attribute.slot()).map(|slot| slot.kind);
        let many = kind == Some(SlotKind::Relation { many: true });
        Ok(Some(Self { class: Arc::new(class.clone().unbind()), model, name: attribute.name().into(), many }))
    }

    /// True where it can hear of an event: a list of members that come and go, anything else of values.
    pub(super) fn has(&self, event: AttributeEvent) -> bool {
        self.many == (event != AttributeEvent::Set)
    }
}

#[derive(Clone)]
struct Entry {
    place: Place,
    event: AttributeEvent,
    listener: Arc<Listener>,
}

/// True once an attribute was listened to.
static ANY: AtomicBool = AtomicBool::new(false);

/// In the order of calling.
static ENTRIES: RwLock<Vec<Entry>> = RwLock::new(Vec::new());

/// True where attributes are listened to: classes that are declared from now on have them looked after.
pub(crate) fn any() -> bool {
    ANY.load(Ordering::Relaxed)
}

fn entries() -> Vec<Entry> {
    ENTRIES.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn at(place: &Place, event: AttributeEvent, function: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    for (at, entry) in entries().iter().enumerate() {
        let is_there =
            entry.event == event && entry.place.model == place.model && entry.place.name == place.name;
        if is_there && entry.listener.is_of(function)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Lets a function hear of an attribute. The same function once more changes nothing.
pub(super) fn add(
    place: &Place,
    event: AttributeEvent,
    function: &Bound<'_, PyAny>,
    choices: Choices,
) -> PyResult<()> {
    let py = function.py();
    let listener = Arc::new(Listener::new(function, choices)?);
    if has(place, event, function)? {
        return Ok(());
    }
    ANY.store(true, Ordering::Relaxed);
    for (_, mapped) in classes_below(place.class.bind(py))? {
        let table = instance::class_table(mapped.class.bind(py))?;
        table.slots.iter().filter(|slot| *slot.text == *place.name).for_each(instance::Slot::watch);
    }
    let entry = Entry { place: place.clone(), event, listener };
    let mut entries = ENTRIES.write().unwrap_or_else(PoisonError::into_inner);
    let at = if choices.insert { 0 } else { entries.len() };
    entries.insert(at, entry);
    Ok(())
}

/// Takes a function out; false where it did not listen.
pub(super) fn take(place: &Place, event: AttributeEvent, function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(at) = at(place, event, function)? else { return Ok(false) };
    let taken = ENTRIES.write().unwrap_or_else(PoisonError::into_inner).remove(at);
    drop(taken);
    Ok(true)
}

/// True where a function listens.
pub(super) fn has(place: &Place, event: AttributeEvent, function: &Bound<'_, PyAny>) -> PyResult<bool> {
    at(place, event, function).map(|at| at.is_some())
}

/// What an attribute was that had no value, or whose value is not loaded.
#[pyclass(frozen, name = "NoValue", module = "ormkit.event")]
pub(crate) struct NoValue;

#[pymethods]
impl NoValue {
    fn __repr__(&self) -> &'static str {
        "NO_VALUE"
    }

    fn __bool__(&self) -> bool {
        false
    }
}

/// The one of its kind.
pub(crate) fn no_value(py: Python<'_>) -> PyResult<Py<PyAny>> {
    static NO_VALUE: PyOnceLock<Py<NoValue>> = PyOnceLock::new();
    NO_VALUE.get_or_try_init(py, || Py::new(py, NoValue)).map(|value| value.clone_ref(py).into_any())
}

/// The listeners of an event of a slot of an object.
fn found(object: &Bound<'_, PyAny>, slot: usize, event: AttributeEvent) -> PyResult<Vec<Entry>> {
    let py = object.py();
    let name = &instance::table_of(object)?.slots[slot].text;
    let mut found: Vec<Entry> = Vec::new();
    for entry in entries() {
        if entry.event != event || *entry.place.name != **name {
            continue;
        }
        let (class, target) = (object.get_type(), entry.place.class.bind(py));
        if class.is(target) || (entry.listener.choices.propagate && class.is_subclass(target)?) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// A value or member comes into a slot: what listeners make of it.
///
/// # Errors
/// What one of them raises.
pub(crate) fn incoming<'py>(
    object: &Bound<'py, PyAny>,
    slot: usize,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if !any() {
        return Ok(value.clone());
    }
    let py = object.py();
    let many = instance::table_of(object)?.slots[slot].kind == SlotKind::Relation { many: true };
    let event = if many { AttributeEvent::Append } else { AttributeEvent::Set };
    let mut value = value.clone();
    for entry in found(object, slot, event)? {
        let mut arguments = begin(object, &entry)?;
        arguments.push(("value", value.clone().unbind()));
        if !many {
            let old = instance::slot(object, slot)?.map_or_else(|| no_value(py), |old| Ok(old.unbind()))?;
            arguments.push(("oldvalue", old));
        }
        let name = if many { "append" } else { "set" };
        if let Some(answer) = call(object, &entry, name, arguments)?
            && entry.listener.choices.retval
        {
            value = answer;
        }
    }
    Ok(value)
}

/// A member leaves a list, or the object of a reference: tells of it.
///
/// # Errors
/// What a listener raises.
pub(crate) fn leaving(object: &Bound<'_, PyAny>, slot: usize, member: &Bound<'_, PyAny>) -> PyResult<()> {
    if !any() {
        return Ok(());
    }
    // What a write-only list holds is not known: who takes a member out says so.
    if !instance::table_of(object)?.slots[slot].write_only {
        let Some(value) = instance::slot(object, slot)? else { return Ok(()) };
        let Ok(list) = value.cast::<PyList>() else {
            if value.is(member) {
                incoming(object, slot, object.py().None().bind(object.py()))?;
            }
            return Ok(());
        };
        if !list.iter().any(|other| other.is(member)) {
            return Ok(());
        }
    }
    for entry in found(object, slot, AttributeEvent::Remove)? {
        let mut arguments = begin(object, &entry)?;
        arguments.push(("value", member.clone().unbind()));
        call(object, &entry, "remove", arguments)?;
    }
    Ok(())
}

fn begin(object: &Bound<'_, PyAny>, entry: &Entry) -> PyResult<Arguments> {
    let target = match entry.listener.choices.raw {
        true => Py::new(object.py(), InstanceState::of(object))?.into_any(),
        false => object.clone().unbind(),
    };
    Ok(vec![("target", target)])
}

fn call<'py>(
    object: &Bound<'py, PyAny>,
    entry: &Entry,
    event: &str,
    mut arguments: Arguments,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let initiator = object.get_type().getattr(&*entry.place.name)?;
    arguments.push(("initiator", initiator.unbind()));
    entry.listener.call_now(object.py(), event, &arguments)
}
