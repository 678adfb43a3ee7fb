//! Listeners of what is written: `before_insert` and its like.
use super::listener::{Arguments, Choices, Listener};
use crate::engine::{Connection, EngineHandle, Pinned};
use crate::errors::from_py;
use crate::host::class_info;
use crate::inspection::{InstanceState, Mapper};
use crate::instance;
use ormkit_core::error::Result;
use ormkit_core::host::Moment;
use ormkit_core::model::ModelId;
use ormkit_core::session::Link;
use pyo3::prelude::*;
use pyo3::types::PyType;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// The events and their names.
pub(super) const EVENTS: [(&str, Moment); 6] = [
    ("before_insert", Moment::BeforeInsert),
    ("after_insert", Moment::AfterInsert),
    ("before_update", Moment::BeforeUpdate),
    ("after_update", Moment::AfterUpdate),
    ("before_delete", Moment::BeforeDelete),
    ("after_delete", Moment::AfterDelete),
];

/// A listener, and the class that it listens to.
#[derive(Clone)]
struct Entry {
    class: Arc<Py<PyType>>,
    moment: Moment,
    listener: Arc<Listener>,
}

/// The listeners of a model, in the order of calling.
type Heard = Arc<[(Moment, Arc<Listener>)]>;

/// True once a class was listened to.
static ANY: AtomicBool = AtomicBool::new(false);

/// In the order of calling.
static ENTRIES: RwLock<Vec<Entry>> = RwLock::new(Vec::new());

/// What was found for a model; forgotten with every change of the listeners.
static FOUND: LazyLock<RwLock<FxHashMap<ModelId, Heard>>> = LazyLock::new(RwLock::default);

fn entries() -> Vec<Entry> {
    ENTRIES.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn change(change: impl FnOnce(&mut Vec<Entry>)) {
    change(&mut ENTRIES.write().unwrap_or_else(PoisonError::into_inner));
    FOUND.write().unwrap_or_else(PoisonError::into_inner).clear();
}

/// Where a function of a class and an event stands.
fn place(class: &Bound<'_, PyType>, moment: Moment, function: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    for (at, entry) in entries().iter().enumerate() {
        if entry.moment == moment && entry.class.is(class) && entry.listener.is_of(function)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Lets a function hear of a class's objects. The same function once more changes nothing.
pub(super) fn add(
    class: &Bound<'_, PyType>,
    moment: Moment,
    function: &Bound<'_, PyAny>,
    choices: Choices,
) -> PyResult<()> {
    let listener = Arc::new(Listener::new(function, choices)?);
    if has(class, moment, function)? {
        return Ok(());
    }
    let entry = Entry { class: Arc::new(class.clone().unbind()), moment, listener };
    change(|entries| entries.insert(if choices.insert { 0 } else { entries.len() }, entry));
    ANY.store(true, Ordering::Relaxed);
    Ok(())
}

/// Takes a function out; false where it did not listen.
pub(super) fn take(class: &Bound<'_, PyType>, moment: Moment, function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(at) = place(class, moment, function)? else { return Ok(false) };
    let mut taken = None;
    change(|entries| taken = Some(entries.remove(at)));
    drop(taken);
    Ok(true)
}

/// True where a function listens.
pub(super) fn has(class: &Bound<'_, PyType>, moment: Moment, function: &Bound<'_, PyAny>) -> PyResult<bool> {
    place(class, moment, function).map(|at| at.is_some())
}

/// True where somebody listens to a model's objects.
#[inline]
pub(crate) fn hears(model: ModelId) -> bool {
    ANY.load(Ordering::Relaxed) && Python::attach(|py| !found(py, model).is_empty())
}

fn found(py: Python<'_>, model: ModelId) -> Heard {
    if let Some(found) = FOUND.read().unwrap_or_else(PoisonError::into_inner).get(&model) {
        return Arc::clone(found);
    }
    let class = class_info(py, model).class(py);
    let is_meant = |entry: &Entry| {
        let target = entry.class.bind(py);
        // A class that cannot say what it derives from derives from nothing that is listened to.
        class.is(target) || (entry.listener.choices.propagate && class.is_subclass(target).unwrap_or(false))
    };
    let mut heard: Vec<(Moment, Arc<Listener>)> = Vec::new();
    for entry in entries().into_iter().filter(is_meant) {
        let function = entry.listener.function.bind(py);
        // One function that listens to a class and to its base is called once.
        let known = |(moment, other): &(Moment, Arc<Listener>)| {
            *moment == entry.moment && other.function.bind(py).is(function)
        };
        if !heard.iter().any(known) {
            heard.push((entry.moment, entry.listener));
        }
    }
    let heard: Heard = heard.into();
    FOUND.write().unwrap_or_else(PoisonError::into_inner).insert(model, Arc::clone(&heard));
    heard
}

/// Calls the listeners of objects of one model; the answer is the link, unless somebody else has it still.
pub(crate) async fn hear(
    engine: &EngineHandle,
    moment: Moment,
    objects: &[Py<PyAny>],
    link: Link,
) -> (Option<Link>, Result<()>) {
    let pinned = Pinned::of_flush(engine.clone(), link);
    let heard = call_all(&pinned, moment, objects).await.map_err(from_py);
    (pinned.take_link(), heard)
}

async fn call_all(pinned: &Arc<Pinned>, moment: Moment, objects: &[Py<PyAny>]) -> PyResult<()> {
    let Some(first) = objects.first() else { return Ok(()) };
    let (listeners, connection) = Python::attach(|py| {
        let model = instance::table_of(first.bind(py))?.model;
        let connection = Py::new(py, Connection::of_flush(Arc::clone(pinned)))?;
        Ok::<_, PyErr>((found(py, model), connection))
    })?;
    for object in objects {
        for (_, listener) in listeners.iter().filter(|(at, _)| *at == moment) {
            let arguments = Python::attach(|py| arguments(py, &connection, object, listener.choices))?;
            listener.call(arguments).await?;
        }
    }
    Ok(())
}

fn arguments(
    py: Python<'_>,
    connection: &Py<Connection>,
    object: &Py<PyAny>,
    choices: Choices,
) -> PyResult<Arguments> {
    let object = object.bind(py);
    let target = match choices.raw {
        true => Py::new(py, InstanceState::of(object))?.into_any(),
        false => object.clone().unbind(),
    };
    Ok(vec![
        ("mapper", Py::new(py, Mapper::of(&object.get_type()))?.into_any()),
        ("connection", connection.clone_ref(py).into_any()),
        ("target", target),
    ])
}
