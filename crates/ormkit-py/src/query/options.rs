//! `execution_options(..)`: what a statement understands, and what says the same of SQLAlchemy's other options.

use ormkit_core::error::Error;
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
        "classes with {\"schema\": ..} in __table_args__, or settings={\"search_path\": ..} of an engine",
    ),
    ("autoflush", "with session.no_autoflush"),
    ("autocommit", "engine.execute(..), which commits by itself"),
    ("synchronize_session", "nothing: objects that the session holds take the new values"),
    ("populate_existing", "session.refresh(obj), or session.expire(obj) before the query"),
    ("compiled_cache", "nothing: statements of one shape are written once"),
    ("logging_token", "echo=True or a tracer of the engine"),
    ("preserve_rowcount", "nothing: result.rowcount is always there"),
    ("insertmanyvalues_page_size", "nothing: rows go in as few statements as the database allows"),
];

/// What the options say of rows that count as deleted.
///
/// # Errors
/// `Unsupported` for an option that has another form here; `FieldError` for an unknown one.
pub(super) fn include_deleted(options: Option<&Bound<'_, PyDict>>) -> PyResult<Option<bool>> {
    let mut included = None;
    for (name, value) in options.iter().flat_map(|options| options.iter()) {
        let name: String = name.extract()?;
        if name == "include_deleted" {
            included = Some(value.extract()?);
            continue;
        }
        if let Some((_, instead)) = ELSEWHERE.iter().find(|(known, _)| *known == name) {
            return Err(unsupported(format!("execution_options({name}=..)"), format!("use {instead}")));
        }
        let known = ELSEWHERE.iter().map(|(known, _)| *known).chain(["include_deleted"]);
        return Err(to_py(value.py(), Error::unknown_name("option", &name, "execution_options()", known)));
    }
    Ok(included)
}
