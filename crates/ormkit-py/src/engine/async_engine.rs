//! `create_async_engine`: the words of SQLAlchemy's function of that name, as options of ours.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use super::Engine;
use super::options::create;
use crate::keywords::Keywords;

const NAME: &str = "create_async_engine";

/// As many connections as anybody asks for: what `NullPool` means.
const NO_LIMIT: i64 = i32::MAX as i64;

/// SQLAlchemy's words that mean nothing here, with what to write instead.
const MEANINGLESS: &[(&str, &str)] = &[
    ("async_creator", "password= is for tokens, init= prepares a connection"),
    ("creator", "password= is for tokens, init= prepares a connection"),
    ("echo_pool", "engine.status() tells of the pool"),
    ("execution_options", "engine.execution_options(schema_translate_map=…), and statements have their own"),
    ("isolation_level", "AsyncSession(engine, isolation=…) and session.begin(isolation=…) have it"),
    ("pool", "the pool is the engine's own"),
    ("pool_reset_on_return", "a connection is rolled back and reset before it is lent again, always"),
    ("query_cache_size", "statement_cache_size= counts prepared statements"),
];

/// Describe a database in SQLAlchemy's words; nothing is opened yet.
///
/// Args:
///     url: As for `create_engine`, or SQLAlchemy's `URL`.
///     pool_size, max_overflow: Together they are `max_connections`, as many as may be open at once; 0 and -1 are no limit.
///         What is open stays for `idle_timeout`; nothing is opened ahead unless `min_connections` says so.
///     pool_timeout: `acquire_timeout`.
///     pool_recycle: `max_lifetime`; -1 is never.
///     pool_pre_ping: True asks every connection for a sign of life before it is lent (`ping_after=0`), False none; without
///         it `ping_after` decides.
///     poolclass: `NullPool` opens a connection for each borrower and closes it behind; `QueuePool`, its `AsyncAdapted` form
///         and `StaticPool` (a database in memory is one for the whole engine) change nothing.
///     json_serializer, json_deserializer: `json_dumps` and `json_loads`.
///     future: Only true.
///
///     Options of `create_engine` are understood as well.
///
/// Raises:
///     TypeError: An option has no meaning here; the error says what has.
#[pyfunction]
#[pyo3(
    signature = (url, **options),
    text_signature = "(url, *, pool_size=5, max_overflow=10, pool_timeout=30.0, pool_recycle=3600.0, pool_pre_ping=None, \
                      poolclass=None, json_serializer=None, json_deserializer=None, future=True, **options)"
)]
pub(crate) fn create_async_engine(
    url: &Bound<'_, PyAny>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Engine> {
    let py = url.py();
    let keywords = Keywords::new(NAME, py, options)?;
    for (word, instead) in MEANINGLESS {
        if keywords.has(word)? {
            return Err(PyTypeError::new_err(format!("{NAME}() has no use for {word}: {instead}")));
        }
    }
    future(&keywords)?;
    pool_class(&keywords)?;
    size(&keywords)?;
    if let Some(time) = keywords.take("pool_timeout")? {
        keywords.put("pool_timeout", "acquire_timeout", time)?;
    }
    if let Some(age) = keywords.take_or::<Option<f64>>("pool_recycle", None)? {
        keywords.put("pool_recycle", "max_lifetime", (age >= 0.0).then_some(age))?;
    }
    if let Some(ping) = keywords.take_or::<Option<bool>>("pool_pre_ping", None)? {
        keywords.put("pool_pre_ping", "ping_after", ping.then_some(0.0))?;
    }
    for (word, ours) in [("json_serializer", "json_dumps"), ("json_deserializer", "json_loads")] {
        if let Some(function) = keywords.take(word)? {
            keywords.put(word, ours, function)?;
        }
    }
    // SQLAlchemy's `URL`, whose `str` has no password.
    let url: String = match url.getattr_opt("render_as_string")? {
        Some(render) => render.call1((false,))?.extract()?,
        None => url.extract()?,
    };
    create(py, &url, keywords)
}

fn future(keywords: &Keywords<'_>) -> PyResult<()> {
    // What SQLAlchemy 1.4 asked for, and 2 always is.
    if !keywords.take_or("future", true)? {
        return Err(PyTypeError::new_err(format!("{NAME}() knows future=True alone")));
    }
    Ok(())
}

fn pool_class(keywords: &Keywords<'_>) -> PyResult<()> {
    let Some(class) = keywords.take("poolclass")?.filter(|class| !class.is_none()) else { return Ok(()) };
    let Ok(class) = class.cast::<PyType>() else {
        let found = class.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{NAME}() argument poolclass is a class, not {found}")));
    };
    let name = class.name()?.to_string();
    match name.as_str() {
        "QueuePool" | "AsyncAdaptedQueuePool" | "FallbackAsyncAdaptedQueuePool" | "StaticPool" => Ok(()),
        "NullPool" => {
            keywords.put("poolclass", "max_connections", NO_LIMIT)?;
            keywords.put("poolclass", "min_connections", 0)?;
            keywords.put("poolclass", "max_lifetime", 0.0)
        }
        _ => Err(PyTypeError::new_err(format!(
            "{NAME}() has no use for poolclass={name}: there are QueuePool, StaticPool and NullPool"
        ))),
    }
}

/// SQLAlchemy's defaults, where one of the two is given or none of ours.
fn size(keywords: &Keywords<'_>) -> PyResult<()> {
    let size: Option<i64> = keywords.take_or("pool_size", None)?;
    let overflow: Option<i64> = keywords.take_or("max_overflow", None)?;
    if size.is_none() && overflow.is_none() && keywords.has("max_connections")? {
        return Ok(());
    }
    let (size, overflow) = (size.unwrap_or(5), overflow.unwrap_or(10));
    if size < 0 || overflow < -1 {
        return Err(PyValueError::new_err("pool_size is a number from 0 up, max_overflow one from -1 up"));
    }
    let max =
        if size == 0 || overflow == -1 { NO_LIMIT } else { size.saturating_add(overflow).min(NO_LIMIT) };
    keywords.put("pool_size", "max_connections", max)?;
    if !keywords.has("min_connections")? {
        keywords.put("pool_size", "min_connections", 0)?;
    }
    Ok(())
}
