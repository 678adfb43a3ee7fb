//! Listeners of what becomes of objects: `before_insert` and its like, `load`, `init`, `refresh`, `expire`.
use super::listener::{Arguments, Choices, Listener};
use super::{reading, state};
use crate::engine::{Connection, EngineHandle, Pinned};
use crate::errors::from_py;
use crate::host::class_info;
use crate::inspection::Mapper;
use crate::instance;
use ormkit_core::error::Result;
use ormkit_core::host::Moment;
use ormkit_core::model::ModelId;
use ormkit_core::session::Link;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// What happens to objects of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClassEvent {
    /// One is written.
    Write(Moment),
    /// One was made of a row.
    Load,
    /// One is going to be made by the program.
    Init,
    /// One that was there before has taken values of its row.
    Refresh,
    /// Attributes of one were unloaded.
    Expire,
}

/// The events and their names.
pub(super) const EVENTS: [(&str, ClassEvent); 10] = [
    ("before_insert", ClassEvent::Write(Moment::BeforeInsert)),
    ("after_insert", ClassEvent::Write(Moment::AfterInsert)),
    ("before_update", ClassEvent::Write(Moment::BeforeUpdate)),
    ("after_update", ClassEvent::Write(Moment::AfterUpdate)),
    ("before_delete", ClassEvent::Write(Moment::BeforeDelete)),
    ("after_delete", ClassEvent::Write(Moment::AfterDelete)),
    ("load", ClassEvent::Load),
    ("init", ClassEvent::Init),
    ("refresh", ClassEvent::Refresh),
    ("expire", ClassEvent::Expire),
];

/// A listener, and the class that it listens to.
#[derive(Clone)]
struct Entry {
    class: Arc<Py<PyType>>,
    event: ClassEvent,
    listener: Arc<Listener>,
}

/// The listeners of a model, in the order of calling.
type Heard = Arc<[(ClassEvent, Arc<Listener>)]>;

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
fn place(
    class: &Bound<'_, PyType>,
    event: ClassEvent,
    function: &Bound<'_, PyAny>,
) -> PyResult<Option<usize>> {
    for (at, entry) in entries().iter().enumerate() {
        if entry.event == event && entry.class.is(class) && entry.listener.is_of(function)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Lets a function hear of a class's objects. The same function once more changes nothing.
pub(super) fn add(
    class: &Bound<'_, PyType>,
    event: ClassEvent,
    function: &Bound<'_, PyAny>,
    choices: Choices,
) -> PyResult<()> {
    let listener = Arc::new(Listener::new(function, choices)?);
    if has(class, event, function)? {
        return Ok(());
    }
    let entry = Entry { class: Arc::new(class.clone().unbind()), event, listener };
    change(|entries| entries.insert(if choices.insert { 0 } else { entries.len() }, entry));
    match event {
        ClassEvent::Write(_) => ANY.store(true, Ordering::Relaxed),
        ClassEvent::Load => state::listen(),
        ClassEvent::Init => instance::watch_init(),
        ClassEvent::Refresh | ClassEvent::Expire => reading::listen(),
    }
    Ok(())
}

/// Takes a function out; false where it did not listen.
pub(super) fn take(
    class: &Bound<'_, PyType>,
    event: ClassEvent,
    function: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let Some(at) = place(class, event, function)? else { return Ok(false) };
    let mut taken = None;
    change(|entries| taken = Some(entries.remove(at)));
    drop(taken);
    Ok(true)
}

/// True where a function listens.
pub(super) fn has(
    class: &Bound<'_, PyType>,
    event: ClassEvent,
    function: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    place(class, event, function).map(|at| at.is_some())
}

/// True where somebody listens to a model's objects.
#[inline]
pub(crate) fn hears(model: ModelId) -> bool {
    let is_write = |(event, _): &(ClassEvent, Arc<Listener>)| matches!(event, ClassEvent::Write(_));
    ANY.load(Ordering::Relaxed) && Python::attach(|py| found(py, model).iter().any(is_write))
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
    let mut heard: Vec<(ClassEvent, Arc<Listener>)> = Vec::new();
    for entry in entries().into_iter().filter(is_meant) {
        let function = entry.listener.function.bind(py);
        // One function that listens to a class and to its base is called once.
        let known = |(event, other): &(ClassEvent, Arc<Listener>)| {
            *event == entry.event && other.function.bind(py).is(function)
        };
        if !heard.iter().any(known) {
            heard.push((entry.event, entry.listener));
        }
    }
    let heard: Heard = heard.into();
    FOUND.write().unwrap_or_else(PoisonError::into_inner).insert(model, Arc::clone(&heard));
    heard
}

/// Tells of an object in the middle of the session's work: what listeners raise harms it not.
pub(super) fn tell(
    object: &Bound<'_, PyAny>,
    event: ClassEvent,
    name: &str,
    more: impl Fn(Python<'_>) -> PyResult<Arguments>,
) {
    let py = object.py();
    let Ok(table) = instance::table_of(object) else { return };
    let listeners = found(py, table.model);
    for (_, listener) in listeners.iter().filter(|(at, _)| *at == event) {
        let told = listener.shown(object).and_then(|target| {
            let mut arguments: Arguments = vec![("target", target)];
            arguments.extend(more(py)?);
            listener.call_now(py, name, &arguments)
        });
        if let Err(error) = told {
            error.write_unraisable(py, Some(object));
        }
    }
}

/// Tells of an object that was made of a row: its columns are there.
pub(super) fn tell_loaded(object: &Bound<'_, PyAny>) {
    tell(object, ClassEvent::Load, "load", |py| Ok(vec![("context", py.None())]));
}

/// Tells of an object that the program makes, before its `__init__`. The dict of keywords may be changed.
///
/// # Errors
/// What a listener raises.
pub(crate) fn tell_init(
    object: &Bound<'_, PyAny>,
    arguments: &Bound<'_, PyTuple>,
    keywords: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let py = object.py();
    let listeners = found(py, instance::table_of(object)?.model);
    for (_, listener) in listeners.iter().filter(|(at, _)| *at == ClassEvent::Init) {
        let given = (arguments.clone().unbind().into_any(), keywords.clone().unbind().into_any());
        let arguments: Arguments =
            vec![("target", listener.shown(object)?), ("args", given.0), ("kwargs", given.1)];
        listener.call_now(py, "init", &arguments)?;
    }
    Ok(())
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
        for (_, listener) in listeners.iter().filter(|(at, _)| *at == ClassEvent::Write(moment)) {
            let arguments = Python::attach(|py| arguments(py, &connection, object, listener))?;
            listener.call(arguments).await?;
        }
    }
    Ok(())
}

fn arguments(
    py: Python<'_>,
    connection: &Py<Connection>,
    object: &Py<PyAny>,
    listener: &Listener,
) -> PyResult<Arguments> {
    let object = object.bind(py);
    let target = listener.shown(object)?;
    Ok(vec![
        ("mapper", Py::new(py, Mapper::of(&object.get_type()))?.into_any()),
        ("connection", connection.clone_ref(py).into_any()),
        ("target", target),
    ])
}
