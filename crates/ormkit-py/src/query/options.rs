//! `execution_options(..)`: what a statement understands, and what says the same of SQLAlchemy's other options.

use ormkit_core::error::{Error, near_matches};
use ormkit_core::query::{Notes, Select};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Query;
use super::read::deleted;
use crate::errors::to_py;
use crate::model::unsupported;

/// Options of SQLAlchemy's, and what to type instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("yield_per", "select(..).execution_options(yield_per=..), and session.stream(..)"),
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

/// All that was said of a statement, by name: what is a program's own is for its listeners.
struct Said(Py<PyDict>);

/// What was said of a statement, and more.
fn noted(notes: &Notes, options: Option<&Bound<'_, PyDict>>) -> PyResult<Notes> {
    let Some(options) = options.filter(|options| !options.is_empty()) else { return Ok(notes.clone()) };
    let all = said(options.py(), notes)?;
    all.update(options.as_mapping())?;
    Ok(Notes::new(Said(all.unbind())))
}

/// The options that were said of a statement.
pub(crate) fn said<'py>(py: Python<'py>, notes: &Notes) -> PyResult<Bound<'py, PyDict>> {
    notes.get::<Said>().map_or_else(|| Ok(PyDict::new(py)), |said| said.0.bind(py).copy())
}

/// How many rows a stream is to read at a time, where the statement says so.
pub(crate) fn yield_per(py: Python<'_>, notes: &Notes) -> PyResult<Option<i64>> {
    let Some(said) = notes.get::<Said>() else { return Ok(None) };
    said.0.bind(py).get_item("yield_per")?.map(|rows| rows.extract()).transpose()
}

impl ReadOptions {
    /// What they say, and the notes of the statement with them.
    ///
    /// # Errors
    /// `Unsupported` for an option that has another form here; `FieldError` for one that is almost a known one;
    /// `ValueError` for a `yield_per` that is no number of rows.
    pub(super) fn read(notes: &Notes, options: Option<&Bound<'_, PyDict>>) -> PyResult<(Self, Notes)> {
        let mut said = Self::default();
        each(options, |name, value| {
            match name {
                "include_deleted" => said.include_deleted = Some(value.extract()?),
                "populate_existing" => said.populate_existing = Some(value.extract()?),
                "yield_per" => {
                    if !value.extract().is_ok_and(|rows| (1..=i64::from(u32::MAX)).contains(&rows)) {
                        let text =
                            format!("yield_per must be a number of rows from 1 on, not {}", value.repr()?);
                        return Err(PyValueError::new_err(text));
                    }
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok((said, noted(notes, options)?))
    }

    /// Says them of a query.
    pub(super) fn say(self, core: &mut Select, notes: Notes) {
        core.deleted = self.include_deleted.map_or(core.deleted, deleted);
        core.again = self.populate_existing.unwrap_or(core.again);
        core.notes = notes;
    }
}

/// What the options of a statement that writes say of rows that count as deleted, and its notes with them.
///
/// # Errors
/// As [`ReadOptions::read`].
pub(super) fn include_deleted(
    notes: &Notes,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<(Option<bool>, Notes)> {
    let mut included = None;
    each(options, |name, value| {
        match name {
            "include_deleted" => included = Some(value.extract()?),
            "synchronize_session" => follow(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok((included, noted(notes, options)?))
}

/// The notes of an INSERT with its options: there is none that changes it.
///
/// # Errors
/// As [`ReadOptions::read`].
pub(super) fn insert_notes(notes: &Notes, options: Option<&Bound<'_, PyDict>>) -> PyResult<Notes> {
    each(options, |_, _| Ok(false))?;
    noted(notes, options)
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

/// Shows the options one by one and refuses those that nobody takes, but for words of the program's own.
fn each(
    options: Option<&Bound<'_, PyDict>>,
    mut take: impl FnMut(&str, &Bound<'_, PyAny>) -> PyResult<bool>,
) -> PyResult<()> {
    for (name, value) in options.iter().flat_map(|options| options.iter()) {
        let name: String = name.extract()?;
        if !take(&name, &value)? && !is_own(&name) {
            return Err(elsewhere(value.py(), &name, "include_deleted"));
        }
    }
    Ok(())
}

/// True for a word that is none that is known, nor like one.
fn is_own(name: &str) -> bool {
    let mut known = ELSEWHERE.iter().map(|(word, _)| *word).chain(["include_deleted"]);
    known.clone().all(|word| word != name) && near_matches(name, &mut known).is_empty()
}

/// What an option gets that is not `known`, the only one that is understood.
pub(crate) fn elsewhere(py: Python<'_>, name: &str, known: &'static str) -> PyErr {
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(word, _)| *word == name) {
        return unsupported(format!("execution_options({name}=..)"), format!("use {instead}"));
    }
    let words = ELSEWHERE.iter().map(|(word, _)| *word).chain([known]);
    let words: Vec<&str> = words.collect();
    if near_matches(name, words.iter().copied()).is_empty() {
        let instead = "say it of the statement, or put it into session.info";
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

#[pymethods]
impl Query {
    /// Options of the execution: those of `select(..).execution_options(..)`.
    ///
    /// Raises:
    ///     NotSupportedError: An option of SQLAlchemy's that has another form here, which the error names.
    ///     FieldError: A word that is almost a known one.
    ///     ValueError: `yield_per` is no number of rows.
    #[pyo3(signature = (**options))]
    fn execution_options<'py>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let (said, notes) = ReadOptions::read(&self.core().notes, options)?;
        self.with(py, |core| said.say(core, notes))
    }
}
