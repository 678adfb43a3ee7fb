//! What the storage asks of the parts above it: set once, when the module is made.
use super::{HomeId, SlotKind, State, state, table_of};
use crate::model::raise::to_python;
use ormkit_core::error::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::sync::OnceLock;

/// Compares two values of a slot.
pub(crate) type SameJson =
    fn(&Bound<'_, PyAny>, usize, &Bound<'_, PyAny>, &Bound<'_, PyAny>) -> PyResult<bool>;

/// `fn(object, slot, value)`: the value to store.
pub(crate) type Assign =
    for<'py> fn(&Bound<'py, PyAny>, usize, &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>;

/// `fn(object, arguments, keywords)`.
pub(crate) type Init = fn(&Bound<'_, PyAny>, &Bound<'_, PyTuple>, &Bound<'_, PyDict>) -> PyResult<()>;

/// Functions that the parts above give to the storage.
#[derive(Clone, Copy)]
pub(crate) struct Hooks {
    /// The first change of a clean object that belongs to the home with this number.
    pub(crate) first_change: fn(object: &Bound<'_, PyAny>, home: HomeId),
    /// Somebody looks at a JSON value, which can be changed in place, for the first time.
    pub(crate) first_look: fn(object: &Bound<'_, PyAny>, home: HomeId),
    /// True for an SQL expression that stands for the value of a column. Runs no Python code.
    pub(crate) is_expression: fn(value: &Bound<'_, PyAny>) -> bool,
    /// Before a relation's slot is set by the user: what to store. Keeps the other side in step and wraps lists.
    pub(crate) assign_relation: Assign,
    /// `fn(object, arguments, keywords)`: the program makes an object, whose `__init__` is going to be called with these.
    pub(crate) init: Init,
    /// True where attributes of some class are listened to.
    pub(crate) is_anything_heard: fn() -> bool,
    /// A value comes into a slot that is looked after: what to store.
    pub(crate) incoming: Assign,
    /// `fn(object, slot, member)`: one leaves such a slot.
    pub(crate) leaving: fn(&Bound<'_, PyAny>, usize, &Bound<'_, PyAny>) -> PyResult<()>,
    /// An empty slot was read: the value to store and answer, or the error that says how to load it.
    pub(crate) missing: for<'py> fn(object: &Bound<'py, PyAny>, slot: usize) -> PyResult<Bound<'py, PyAny>>,
    /// `fn(object, slot, members)`: a write-only list to which these members came.
    pub(crate) write_only: Assign,
    /// The members that came to a write-only list, as a list.
    pub(crate) write_only_members: for<'py> fn(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    /// `fn(object, slot, text)`: JSON text as the value that the user sees.
    pub(crate) decode_json:
        for<'py> fn(object: &Bound<'py, PyAny>, slot: usize, text: &str) -> PyResult<Bound<'py, PyAny>>,
    /// `fn(object, slot, value)`: the user's value as JSON text.
    pub(crate) encode_json: fn(&Bound<'_, PyAny>, usize, &Bound<'_, PyAny>) -> PyResult<String>,
    /// `fn(object, slot, old, new)`: true where two values of JSON, of one type, are the same.
    pub(crate) same_json: SameJson,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            first_change: |_, _| {},
            first_look: |_, _| {},
            is_expression: |_| false,
            assign_relation: |_, _, value| Ok(value.clone()),
            init: |_, _, _| Ok(()),
            is_anything_heard: || false,
            incoming: |_, _, value| Ok(value.clone()),
            leaving: |_, _, _| Ok(()),
            missing,
            write_only: |_, _, members| Ok(members.clone()),
            write_only_members: |list| Ok(list.clone()),
            decode_json: |object, _, text| object.py().import("json")?.call_method1("loads", (text,)),
            encode_json: |_, _, value| value.py().import("json")?.call_method1("dumps", (value,))?.extract(),
            same_json: |_, _, old, new| same_repr(old, new),
        }
    }
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// Gives the storage its hooks; later calls change nothing.
pub(crate) fn set_hooks(hooks: Hooks) {
    HOOKS.get_or_init(|| hooks);
}

/// The hooks in force.
pub(super) fn hooks() -> &'static Hooks {
    HOOKS.get_or_init(Hooks::default)
}

/// A new object's relations are known and empty; everything else is not loaded.
fn missing<'py>(object: &Bound<'py, PyAny>, slot: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let table = table_of(object)?;
    let SlotKind::Relation { many } = table.slots[slot].kind else { return Err(not_loaded(object, slot)?) };
    match state(object)? {
        State::Transient | State::Pending if many => Ok(PyList::empty(py).into_any()),
        State::Transient | State::Pending => Ok(py.None().into_bound(py)),
        _ => Err(not_loaded(object, slot)?),
    }
}

/// The error that names the attribute, the object and both ways out.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(crate) fn not_loaded(object: &Bound<'_, PyAny>, slot: usize) -> PyResult<PyErr> {
    let table = table_of(object)?;
    let place = format!("{}.{}", table.class, table.slots[slot].text);
    let relation = matches!(table.slots[slot].kind, SlotKind::Relation { .. });
    let option = if relation { "selectinload" } else { "undefer" };
    let shown = super::text::representation(object)?; // class and key: a repr of the user's may fail or tell secrets
    let cure = format!("query {shown} with .options({option}({place})), or await session.load(obj, {place})");
    Ok(to_python(Error::new(ErrorKind::NotLoaded { place, relation, cure })))
}

/// The error of reading what was set to an SQL expression and is not written yet.
///
/// # Errors
/// `TypeError` for a foreign object.
pub(super) fn not_computed(object: &Bound<'_, PyAny>, slot: usize) -> PyResult<PyErr> {
    let table = table_of(object)?;
    let place = format!("{}.{}", table.class, table.slots[slot].text);
    let cure =
        "it was set to an SQL expression, which the database computes: await session.flush() writes it and \
                reads the value, await session.refresh(obj) gives it up"
            .into();
    Ok(to_python(Error::new(ErrorKind::NotLoaded { place, relation: false, cure })))
}

/// True where two values are shown alike: inside of JSON values `1 == True == 1.0`, their text tells them apart.
///
/// # Errors
/// What `repr` raises.
pub(crate) fn same_repr(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(old.repr()?.to_str()? == new.repr()?.to_str()?)
}
