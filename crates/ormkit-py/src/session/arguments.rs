//! The arguments of whatever makes sessions.

use ormkit_core::error::Error;
use ormkit_core::session::SessionOptions;
use ormkit_core::sql::{Isolation, TransactionMode};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use super::bind::Bind;
use super::{AsyncSession, raise};
use crate::keywords::Keywords;

/// What a caller has asked for.
pub(super) struct Arguments {
    /// What the session is made on; None: nothing yet.
    pub(super) bind: Option<Bind>,
    pub(super) options: SessionOptions,
    /// A subclass of `AsyncSession`.
    pub(super) class: Option<Py<PyType>>,
    /// The user's own notes.
    pub(super) info: Option<Py<PyDict>>,
}

/// SQLAlchemy's words whose usual value changes nothing, with that value and what says the same as another one.
const NEEDLESS: &[(&str, bool, &str)] = &[
    ("autocommit", false, "a verb of the session outside of a transaction, which commits by itself"),
    ("future", true, "nothing: there is no older form"),
    ("twophase", false, "a transaction for each database"),
    ("enable_baked_queries", true, "nothing: statements of one shape are written once"),
    ("close_resets_only", true, "session.close(), which leaves the session usable"),
];

/// Words that have another form here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("binds", "a session for each engine"),
    (
        "execution_options",
        "engine.execution_options(schema_translate_map=..), and sessions of the engine it returns",
    ),
    ("sync_session_class", "class_=, a subclass of AsyncSession"),
    ("query_cls", "functions that take a query"),
    ("join_transaction_mode", "nothing: a session on a connection works in savepoints of its own"),
];

impl Arguments {
    /// From a call: `engine` may come by its place or, as `bind=`, by name.
    ///
    /// # Errors
    /// `TypeError`: an unknown word, or a value of another type. `NotSupportedError`: a word that has another form here.
    /// `InvalidRequestError`: there is no such isolation.
    pub(super) fn read(
        function: &'static str,
        engine: Option<&Bound<'_, PyAny>>,
        more: Option<&Bound<'_, PyDict>>,
        py: Python<'_>,
    ) -> PyResult<Self> {
        let keywords = Keywords::new(function, py, more)?;
        let bind = keywords.take("bind")?;
        let class = keywords.take("class_")?.filter(|class| !class.is_none());
        let info = keywords.take("info")?.filter(|info| !info.is_none());
        let info = info.map(notes).transpose()?;
        let options = session_options(&keywords)?;
        for (word, usual, instead) in NEEDLESS {
            if keywords.take_or(word, *usual)? != *usual {
                return Err(elsewhere(word, instead));
            }
        }
        for (word, instead) in ELSEWHERE {
            if keywords.take(word)?.is_some_and(|value| !value.is_none()) {
                return Err(elsewhere(word, instead));
            }
        }
        keywords.finish()?;
        let bind = Bind::of(engine, bind.as_ref())?;
        if let Some(bind) = &bind {
            bind.check(&options)?;
        }
        Ok(Self {
            bind,
            options,
            class: class.map(subclass).transpose()?.flatten(),
            info: info.map(Bound::unbind),
        })
    }

    /// What a session is made on.
    ///
    /// # Errors
    /// `TypeError`: nothing was given.
    pub(super) fn bind(&self) -> PyResult<&Bind> {
        self.bind
            .as_ref()
            .ok_or_else(|| PyTypeError::new_err("a session needs an engine: AsyncSession(engine)"))
    }
}

fn notes(info: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyDict>> {
    info.cast_into::<PyDict>().map_err(|other| {
        let found =
            other.into_inner().get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
        PyTypeError::new_err(format!("info is a dict, not {found}"))
    })
}

fn elsewhere(word: &str, instead: &str) -> PyErr {
    raise(Error::unsupported(format!("{word}= of a session"), format!("use {instead}")))
}

fn session_options(keywords: &Keywords<'_>) -> PyResult<SessionOptions> {
    if keywords.take_or("expire_on_commit", false)? {
        return Err(raise(Error::unsupported(
            "expire_on_commit=True",
            "objects stay loaded after commit; refresh(obj) reads a row again",
        )));
    }
    let isolation: Option<String> = keywords.take_or("isolation", None)?;
    let mode = mode(isolation.as_deref(), keywords.take_or("read_only", false)?, false)?;
    Ok(SessionOptions { autoflush: keywords.take_or("autoflush", true)?, mode })
}

/// A class of sessions; None for `AsyncSession` itself.
fn subclass(class: Bound<'_, PyAny>) -> PyResult<Option<Py<PyType>>> {
    let py = class.py();
    let base = py.get_type::<AsyncSession>();
    match class.cast_into::<PyType>() {
        Ok(class) if class.is(&base) => Ok(None),
        Ok(class) if class.is_subclass(&base)? => Ok(Some(class.unbind())),
        Ok(class) => Err(not_a_session(&class.name()?.to_string())),
        Err(other) => Err(not_a_session(&other.into_inner().get_type().name()?.to_string())),
    }
}

fn not_a_session(found: &str) -> PyErr {
    PyTypeError::new_err(format!("class_ takes AsyncSession or a subclass of it, not {found}"))
}

/// The mode of a transaction, from a caller's words.
///
/// # Errors
/// `InvalidRequestError`: there is no such level, or the words contradict one another.
pub(super) fn mode(isolation: Option<&str>, read_only: bool, deferrable: bool) -> PyResult<TransactionMode> {
    let isolation = isolation.map(Isolation::parse).transpose().map_err(raise)?;
    TransactionMode { isolation, read_only, deferrable, ..TransactionMode::default() }
        .checked()
        .map_err(raise)
}
