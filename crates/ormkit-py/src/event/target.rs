//! What can be listened to, and how that is said.
use super::attribute::{self, AttributeEvent, Place};
use super::engine::{self, EngineEvent, EngineListeners};
use super::listener::Choices;
use super::mapper::{self, ClassEvent};
use super::session::{self, Listeners, SessionEvent};
use crate::attribute::Attribute;
use crate::engine::Engine;
use crate::errors::to_py;
use crate::inspection::Mapper;
use crate::instance;
use crate::session::{AsyncSession, SessionMaker};
use ormkit_core::error::Error;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::sync::Arc;

/// A target with an event that it has.
enum Subject<'py> {
    /// Objects of a class.
    Class(Bound<'py, PyType>, ClassEvent),
    /// A session, a maker of sessions, or a class of them.
    Sessions(SessionSet, SessionEvent),
    /// An attribute of a class.
    Attribute(Place, AttributeEvent),
    /// An engine.
    Engine(Py<Engine>, EngineEvent),
}

/// Whose listeners are meant.
enum SessionSet {
    One(Py<AsyncSession>),
    Shared(Arc<Listeners>),
}

impl SessionSet {
    fn listeners(&self) -> &Listeners {
        match self {
            Self::One(session) => &session.get().link.listeners,
            Self::Shared(listeners) => listeners,
        }
    }
}

/// Events of SQLAlchemy's that have another form here.
const CLASS_WORDS: [(&str, &str); 9] = [
    ("refresh_flush", "listen to after_insert and after_update"),
    ("init_failure", "write an __init__ that catches what super().__init__(**values) raises"),
    ("first_init", "write __init_subclass__"),
    ("instrument_class", "write __init_subclass__"),
    ("mapper_configured", "write __init_subclass__"),
    ("before_configured", "write __init_subclass__"),
    ("after_configured", "write __init_subclass__"),
    ("attribute_instrument", "write __init_subclass__"),
    ("before_mapper_configured", "write __init_subclass__"),
];

const SESSION_WORDS: [(&str, &str); 7] = [
    ("after_soft_rollback", "listen to after_rollback"),
    ("after_transaction_create", "listen to before_commit, after_commit and after_rollback"),
    ("after_transaction_end", "listen to after_commit and after_rollback"),
    ("after_bulk_update", "use what the verb or the statement answers"),
    ("after_bulk_delete", "use what the verb or the statement answers"),
    ("deleted_to_detached", "listen to after_commit"),
    ("init", "write an __init__ of a subclass, which calls super().__init__(..)"),
];

const ATTRIBUTE_WORDS: [(&str, &str); 6] = [
    ("modified", "listen to set, or ask inspect(obj).changes in before_flush"),
    ("bulk_replace", "listen to append and remove"),
    ("append_wo_mutation", "listen to append"),
    ("init_scalar", "give the column default="),
    ("init_collection", "listen to append"),
    ("dispose_collection", "listen to remove"),
];

const ENGINE_WORDS: [(&str, &str); 18] = [
    ("first_connect", "listen to connect with once=True"),
    ("do_connect", "give create_engine the arguments of the connection, password= a function"),
    ("reset", "give create_engine reset="),
    ("close_detached", "listen to close"),
    ("detach", "listen to close"),
    ("invalidate", "listen to close, and to handle_error"),
    ("soft_invalidate", "listen to close, and to handle_error"),
    ("savepoint", "listen to before_cursor_execute, which sees its statement"),
    ("release_savepoint", "listen to before_cursor_execute, which sees its statement"),
    ("rollback_savepoint", "listen to before_cursor_execute, which sees its statement"),
    (
        "before_execute",
        "listen to before_cursor_execute, or to do_orm_execute of sessions to change statements",
    ),
    ("after_execute", "listen to after_cursor_execute"),
    ("do_execute", "listen to before_cursor_execute"),
    ("do_executemany", "listen to before_cursor_execute"),
    ("set_connection_execution_options", "give the statement execution_options(..)"),
    ("set_engine_execution_options", "give the statement execution_options(..)"),
    ("engine_connect", "listen to checkout"),
    ("engine_disposed", "listen to close"),
];

impl<'py> Subject<'py> {
    fn of(target: &Bound<'py, PyAny>, identifier: &str) -> PyResult<Self> {
        let py = target.py();
        if let Ok(class) = target.cast::<PyType>() {
            if class.is(py.get_type::<Mapper>()) {
                let all = instance::model(py).cast_into::<PyType>()?;
                return Self::of_class(all, identifier);
            }
            if instance::is_model_class(class)? || is_mixin(class)? {
                return Self::of_class(class.clone(), identifier);
            }
        }
        if let Ok(mapper) = target.cast::<Mapper>() {
            return Self::of_class(mapper.get().class(py).clone(), identifier);
        }
        let sessions = if let Ok(session) = target.cast::<AsyncSession>() {
            AsyncSession::show(session)?;
            Some(SessionSet::One(session.clone().unbind()))
        } else if let Ok(maker) = target.cast::<SessionMaker>() {
            Some(SessionSet::Shared(Arc::clone(&maker.get().listeners)))
        } else if let Ok(class) = target.cast::<PyType>()
            && class.is_subclass_of::<AsyncSession>()?
        {
            Some(SessionSet::Shared(session::of_class(class)))
        } else {
            None
        };
        if let Some(sessions) = sessions {
            return session_event(py, identifier).map(|event| Self::Sessions(sessions, event));
        }
        let shown = target.repr()?;
        if let Ok(attribute) = target.cast::<Attribute>()
            && let Some(place) = Place::of(py, attribute.get())?
        {
            return attribute_event(py, &place, identifier, &shown.to_string())
                .map(|event| Self::Attribute(place, event));
        }
        if let Ok(engine) = target.cast::<Engine>() {
            return engine_event(engine, identifier, &shown.to_string())
                .map(|event| Self::Engine(engine.clone().unbind(), event));
        }
        Err(PyTypeError::new_err(format!(
            "nothing can be listened to at {shown}: a target is a mapped class, a base, an attribute, a session, a \
             sessionmaker, a class of sessions or an engine"
        )))
    }

    fn of_class(class: Bound<'py, PyType>, identifier: &str) -> PyResult<Self> {
        let py = class.py();
        if let Some((_, event)) = mapper::EVENTS.iter().find(|(name, _)| *name == identifier) {
            return Ok(Self::Class(class, *event));
        }
        if let Some((_, instead)) = CLASS_WORDS.iter().find(|(word, _)| *word == identifier) {
            return Err(unsupported(py, format!("the event {identifier:?} of {}", class.name()?), instead));
        }
        let known = mapper::EVENTS.iter().map(|(name, _)| *name);
        Err(to_py(py, Error::unknown_name("event", identifier, class.name()?.to_string(), known)))
    }
}

fn session_event(py: Python<'_>, identifier: &str) -> PyResult<SessionEvent> {
    if let Some((_, event)) = session::EVENTS.iter().find(|(name, _)| *name == identifier) {
        return Ok(*event);
    }
    if let Some((_, instead)) = SESSION_WORDS.iter().find(|(word, _)| *word == identifier) {
        return Err(unsupported(py, format!("the event {identifier:?} of sessions"), instead));
    }
    let known = session::EVENTS.iter().map(|(name, _)| *name);
    Err(to_py(py, Error::unknown_name("event", identifier, "sessions", known)))
}

fn engine_event(engine: &Bound<'_, Engine>, identifier: &str, shown: &str) -> PyResult<EngineEvent> {
    let py = engine.py();
    if let Some((_, event)) = engine::EVENTS.iter().find(|(name, _)| *name == identifier) {
        if *event == EngineEvent::Connect && engine.get().is_sqlite() {
            let instead = "nothing for foreign keys, which are checked; other settings are part of the URL, and init=, reset= and \
                 close= are for PostgreSQL: connections of SQLite share one writer";
            return Err(unsupported(py, format!("the event {identifier:?} of {shown}"), instead));
        }
        return Ok(*event);
    }
    if let Some((_, instead)) = ENGINE_WORDS.iter().find(|(word, _)| *word == identifier) {
        return Err(unsupported(py, format!("the event {identifier:?} of {shown}"), instead));
    }
    let known = engine::EVENTS.iter().map(|(name, _)| *name);
    Err(to_py(py, Error::unknown_name("event", identifier, shown.to_owned(), known)))
}

fn heard_of(engine: &Py<Engine>) -> &EngineListeners {
    engine.get().listeners()
}

fn attribute_event(py: Python<'_>, place: &Place, identifier: &str, shown: &str) -> PyResult<AttributeEvent> {
    let known = attribute::EVENTS.iter().filter(|(_, event)| place.has(*event));
    if let Some((_, event)) = known.clone().find(|(name, _)| *name == identifier) {
        return Ok(*event);
    }
    if attribute::EVENTS.iter().any(|(name, _)| *name == identifier) {
        let names: Vec<&str> = known.map(|(name, _)| *name).collect();
        let what = format!("the event {identifier:?} of {shown}");
        return Err(unsupported(py, what, &format!("listen to {}", names.join(" and "))));
    }
    if let Some((_, instead)) = ATTRIBUTE_WORDS.iter().find(|(word, _)| *word == identifier) {
        return Err(unsupported(py, format!("the event {identifier:?} of {shown}"), instead));
    }
    Err(to_py(py, Error::unknown_name("event", identifier, shown.to_owned(), known.map(|(name, _)| *name))))
}

/// A class that mapped classes may derive from: not one of Python's own, which all do.
fn is_mixin(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let module: String = class.getattr("__module__")?.extract()?;
    let is_ours = module == "builtins" || module == "ormkit" || module.starts_with("ormkit.");
    Ok(!is_ours && !class.is_subclass_of::<AsyncSession>()?)
}

fn unsupported(py: Python<'_>, what: String, instead: &str) -> PyErr {
    to_py(py, Error::unsupported(what, instead))
}

/// The subject, of which what a function returns can be asked for.
fn accepted<'py>(target: &Bound<'py, PyAny>, identifier: &str, retval: bool) -> PyResult<Subject<'py>> {
    let subject = Subject::of(target, identifier)?;
    let answers = matches!(subject, Subject::Attribute(_, AttributeEvent::Set | AttributeEvent::Append));
    if retval && !answers {
        let what = format!("retval=True of the event {identifier:?}");
        return Err(unsupported(
            target.py(),
            what,
            "change the object, or the `statement` of do_orm_execute",
        ));
    }
    Ok(subject)
}

/// Let a function hear of an event.
///
/// Args:
///     target: A mapped class, a base or mixin (for all classes that derive from it), or `Mapper` for all mapped classes; an
///         attribute such as `User.name`; a session, a sessionmaker or a class of sessions.
///     identifier: The event's name, such as `"before_insert"`.
///     fn: The function, async or not. It is called with the mapper, the connection of the flush, and the object.
///     once: Call it for the first event alone.
///     named: Give it its arguments by name.
///     propagate: Objects of classes that derive from the target are meant, too.
///     raw: Give it the object's `InstanceState` instead of the object.
///     insert: Call it before the listeners that are there.
///     retval: Of `set` and `append` of an attribute: what it returns is taken in place of the value.
///
/// Raises:
///     FieldError: The target has no such event; the near one is named.
///     NotSupportedError: An event of SQLAlchemy's that has another form here; the text says which.
///     TypeError: The target has no events, or the function cannot be called.
#[pyfunction]
#[pyo3(signature = (target, identifier, r#fn, *, once = false, named = false, propagate = true, raw = false, insert = false, retval = false))]
#[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)]
pub(crate) fn listen(
    target: &Bound<'_, PyAny>,
    identifier: &str,
    r#fn: &Bound<'_, PyAny>,
    once: bool,
    named: bool,
    propagate: bool,
    raw: bool,
    insert: bool,
    retval: bool,
) -> PyResult<()> {
    let choices = Choices { once, named, propagate, raw, insert, retval };
    match accepted(target, identifier, retval)? {
        Subject::Class(class, moment) => mapper::add(&class, moment, r#fn, choices),
        Subject::Sessions(sessions, event) => sessions.listeners().add(event, r#fn, choices),
        Subject::Attribute(place, event) => attribute::add(&place, event, r#fn, choices),
        Subject::Engine(engine, event) => heard_of(&engine).add(event, r#fn, choices),
    }
}

/// The same as a decorator: `@listens_for(User, "before_insert")`.
#[pyfunction]
#[pyo3(signature = (target, identifier, *, once = false, named = false, propagate = true, raw = false, insert = false, retval = false))]
#[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)]
pub(crate) fn listens_for(
    target: &Bound<'_, PyAny>,
    identifier: &str,
    once: bool,
    named: bool,
    propagate: bool,
    raw: bool,
    insert: bool,
    retval: bool,
) -> PyResult<ListensFor> {
    accepted(target, identifier, retval)?;
    let choices = Choices { once, named, propagate, raw, insert, retval };
    Ok(ListensFor { target: target.clone().unbind(), identifier: identifier.to_owned(), choices })
}

/// What `listens_for(..)` returns: decorates the function.
#[pyclass(frozen, module = "ormkit.event")]
pub(crate) struct ListensFor {
    target: Py<PyAny>,
    identifier: String,
    choices: Choices,
}

#[pymethods]
impl ListensFor {
    fn __call__<'py>(&self, function: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match Subject::of(self.target.bind(function.py()), &self.identifier)? {
            Subject::Class(class, moment) => mapper::add(&class, moment, &function, self.choices)?,
            Subject::Sessions(sessions, event) => sessions.listeners().add(event, &function, self.choices)?,
            Subject::Attribute(place, event) => attribute::add(&place, event, &function, self.choices)?,
            Subject::Engine(engine, event) => heard_of(&engine).add(event, &function, self.choices)?,
        }
        Ok(function)
    }
}

/// Let a function hear no more of an event.
///
/// Raises:
///     InvalidRequestError: It does not listen to it.
#[pyfunction]
pub(crate) fn remove(target: &Bound<'_, PyAny>, identifier: &str, r#fn: &Bound<'_, PyAny>) -> PyResult<()> {
    let taken = match Subject::of(target, identifier)? {
        Subject::Class(class, moment) => mapper::take(&class, moment, r#fn)?,
        Subject::Sessions(sessions, event) => sessions.listeners().take(event, r#fn)?,
        Subject::Attribute(place, event) => attribute::take(&place, event, r#fn)?,
        Subject::Engine(engine, event) => heard_of(&engine).take(event, r#fn)?,
    };
    match taken {
        true => Ok(()),
        false => {
            let text = format!("{} does not listen to {identifier:?} of {}", r#fn.repr()?, target.repr()?);
            Err(to_py(target.py(), Error::invalid_request(text)))
        }
    }
}

/// True where a function listens to an event of just this target.
#[pyfunction]
pub(crate) fn contains(
    target: &Bound<'_, PyAny>,
    identifier: &str,
    r#fn: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    match Subject::of(target, identifier)? {
        Subject::Class(class, moment) => mapper::has(&class, moment, r#fn),
        Subject::Sessions(sessions, event) => sessions.listeners().has(event, r#fn),
        Subject::Attribute(place, event) => attribute::has(&place, event, r#fn),
        Subject::Engine(engine, event) => heard_of(&engine).has(event, r#fn),
    }
}
