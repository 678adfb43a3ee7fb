//! `execution_options(..)`: what a statement understands, and what says the same of SQLAlchemy's other options.

use ormkit_core::error::{Error, near_matches};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::to_py;
use crate::model::unsupported;

/// Options of SQLAlchemy's, and what to type instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("yield_per", "session.stream(statement, batch_size=..)"),
    ("stream_results", "session.stream(statement, batch_size=..)"),
    ("max_row_buffer", "session.stream(statement, batch_size=..)"),
    ("isolation_level", "AsyncSession(engine, isolation=..) or session.begin(isolation=..)"),
    ("postgresql_readonly", "session.begin(read_only=True)"),
    ("postgresql_deferrable", "session.begin(deferrable=True)"),
    (
        "schema_translate_map",
        "engine.execution_options(schema_translate_map=..), and sessions of the engine it returns",
    ),
    ("autoflush", "with session.no_autoflush"),
    ("autocommit", "engine.execute(..), which commits by itself"),
    ("synchronize_session", "nothing: objects that the session holds take the new values"),
    ("populate_existing", "nothing: objects that the session holds take the new values"),
    ("compiled_cache", "nothing: statements of one shape are written once"),
    ("logging_token", "echo=True or a tracer of the engine"),
    ("preserve_rowcount", "nothing: result.rowcount is always there"),
    ("insertmanyvalues_page_size", "nothing: rows go in as few statements as the database allows"),
];

/// What the options of a SELECT say.
#[derive(Default)]
pub(super) struct ReadOptions {
    /// Of rows that count as deleted.
    pub(super) include_deleted: Option<bool>,
    /// Of objects that the session holds.
    pub(super) populate_existing: Option<bool>,
}

impl ReadOptions {
    /// # Errors
    /// `Unsupported` for an option that has another form here; `FieldError` for an unknown one.
    pub(super) fn read(options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut said = Self::default();
        each(options, |name, value| {
            match name {
                "include_deleted" => said.include_deleted = Some(value.extract()?),
                "populate_existing" => said.populate_existing = Some(value.extract()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(said)
    }
}

/// What the options of a statement that writes say of rows that count as deleted.
///
/// # Errors
/// As [`ReadOptions::read`].
pub(super) fn include_deleted(options: Option<&Bound<'_, PyDict>>) -> PyResult<Option<bool>> {
    let mut included = None;
    each(options, |name, value| {
        match name {
            "include_deleted" => included = Some(value.extract()?),
            "synchronize_session" => follow(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(included)
}

/// In what way objects of the session follow a statement: they always do, whatever is said.
fn follow(value: &Bound<'_, PyAny>) -> PyResult<()> {
    let known = value.extract::<bool>().is_ok_and(|follows| !follows)
        || value.extract::<String>().is_ok_and(|way| ["auto", "evaluate", "fetch"].contains(&way.as_str()));
    match known {
        true => Ok(()),
        false => Err(PyValueError::new_err(
            "synchronize_session is \"auto\", \"evaluate\", \"fetch\" or False, and objects follow in any case",
        )),
    }
}

/// Shows the options one by one and refuses those that nobody takes.
fn each(
    options: Option<&Bound<'_, PyDict>>,
    mut take: impl FnMut(&str, &Bound<'_, PyAny>) -> PyResult<bool>,
) -> PyResult<()> {
    for (name, value) in options.iter().flat_map(|options| options.iter()) {
        let name: String = name.extract()?;
        if take(&name, &value)? {
            continue;
        }
        return Err(elsewhere(value.py(), &name, "include_deleted"));
    }
    Ok(())
}

/// What an option gets that is not `known`, the only one that is understood.
pub(crate) fn elsewhere(py: Python<'_>, name: &str, known: &'static str) -> PyErr {
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(word, _)| *word == name) {
        return unsupported(format!("execution_options({name}=..)"), format!("use {instead}"));
    }
    let words = ELSEWHERE.iter().map(|(word, _)| *word).chain([known]);
    let words: Vec<&str> = words.collect();
    if near_matches(name, words.iter().copied()).is_empty() {
        let instead = "put what listeners ask for into session.info";
        return unsupported(format!("execution_options({name}=..), a word of your own,"), instead);
    }
    to_py(py, Error::unknown_name("option", name, "execution_options()", words))
}

/// The statement with options that are given beside it.
///
/// # Errors
/// What its `execution_options` says; `AttributeError` where it has none.
pub(crate) fn with_options<'py>(
    statement: &Bound<'py, PyAny>,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    match options.filter(|options| !options.is_empty()) {
        None => Ok(statement.clone()),
        Some(options) => statement.call_method("execution_options", (), Some(options)),
    }
}
