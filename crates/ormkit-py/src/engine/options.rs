//! The options of `create_engine`: each is named in its text signature, its documentation and [`Options::read`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ormkit_core::pool::PoolOptions;
use ormkit_pg::{Config, PrepareMode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};

use super::Engine;
use super::callbacks::Callbacks;
use super::password::Password;
use super::target::{Statements, Target};
use super::tracing::Tracing;
use crate::convert::{Conversion, JsonCodec};
use crate::errors::to_py;
use crate::keywords::Keywords;

/// What an engine is made of.
pub(super) struct Options {
    pub(super) pool: PoolOptions,
    pub(super) callbacks: Callbacks,
    pub(super) tracing: Arc<Tracing>,
    /// How all values are converted.
    pub(super) conversion: Option<Arc<Conversion>>,
}

impl Options {
    /// Reads and checks the keywords of `create_engine`.
    fn read(py: Python<'_>, url: &str, keywords: Keywords<'_>) -> PyResult<(Target, Self)> {
        let settings: Option<BTreeMap<String, String>> = keywords.take_or("settings", None)?;
        let connect_timeout = optional_seconds(&keywords, "connect_timeout", None)?;
        let url = with_parameters(url, keywords.take("connect_args")?)?;
        let target = Target::parse(&url)
            .and_then(|target| target.with_settings(&settings.unwrap_or_default()))
            .map_err(|error| to_py(py, error))?
            .with_connect_timeout(connect_timeout);
        let target = target.with_statements(statements(&keywords)?).map_err(|error| to_py(py, error))?;
        let target = match keywords.take("password")?.filter(|given| !given.is_none()) {
            Some(given) => target.with_password(Password::of(&given)?).map_err(|error| to_py(py, error))?,
            None => target,
        };
        let (min, max) = (size(&keywords, "min_connections", 1)?, size(&keywords, "max_connections", 10)?);
        if max == 0 || min > max {
            return Err(PyValueError::new_err(
                "max_connections must be at least 1 and not below min_connections",
            ));
        }
        let max_waiting = keywords.take_or("max_waiting", None)?;
        let max_waiting = max_waiting.map(|given| checked_size("max_waiting", given)).transpose()?;
        let pool = PoolOptions {
            min,
            max,
            acquire_timeout: optional_seconds(&keywords, "acquire_timeout", Some(30.0))?,
            max_waiting,
            idle_timeout: optional_seconds(&keywords, "idle_timeout", Some(600.0))?,
            max_lifetime: optional_seconds(&keywords, "max_lifetime", Some(3600.0))?,
            ping_after: optional_seconds(&keywords, "ping_after", Some(30.0))?,
            connect_timeout: target.connect_timeout(),
        };
        let callbacks = Callbacks::read(&keywords)?;
        if !callbacks.is_empty() {
            target.require_callbacks().map_err(|error| to_py(py, error))?;
        }
        let slow = optional_seconds(&keywords, "slow_query", None)?;
        let tracing = Arc::new(Tracing::new(py, keywords.take("echo")?, slow, &target)?);
        let given = |name| PyResult::Ok(keywords.take(name)?.filter(|given| !given.is_none()));
        let json = JsonCodec::new(given("json_dumps")?, given("json_loads")?)?;
        let conversion =
            json.map(|json| Arc::new(Conversion { json: Some(Arc::new(json)), ..Conversion::default() }));
        keywords.finish()?;
        Ok((target, Self { pool, callbacks, tracing, conversion }))
    }
}

/// Describe a database; nothing is opened yet.
///
/// Args:
///     url: `postgresql://user:password@host:port/database?sslmode=verify-full`, `host=… dbname=…` (libpq's parameters and
///         its variables of the environment, both ways), `sqlite:///relative.db`, `sqlite:////absolute.db` or
///         `sqlite::memory:` (one database for the whole engine).
///     min_connections: Connections that `await engine` opens and keeps open from then on: what is lost or retires is replaced
///         in the background. Not in the pool of a second event loop, and not after `dispose()`, until it is awaited there.
///     max_connections: The most connections at once.
///     acquire_timeout: Longest wait for a free connection, in seconds; None waits without limit.
///     max_waiting: The most callers that wait for a connection at once; further ones get `PoolTimeout` at once. None: any
///         number.
///     idle_timeout: A connection unused for this long is closed, in seconds; None: never.
///     max_lifetime: A connection older than this is closed when it is free, in seconds; None: never.
///     ping_after: A connection that was idle for this long is asked for a sign of life before it is lent, and replaced when
///         none comes within 2 seconds; None never asks. That the server has closed it is seen without asking.
///     connect_timeout: Budget for name resolution, connecting, TLS and authentication of all hosts together, in seconds;
///         None takes the URL's, which is 10 when it has none.
///     statement_cache_size: Statements that each connection keeps prepared; None takes the URL's, which is 256 when it has
///         none; 0 keeps none (on SQLite: one).
///     statement_timeout: How long a statement may run, in seconds; then it is stopped, and `QueryCanceled` is raised. None:
///         as long as it takes. On PostgreSQL it is the server's setting of that name, which some poolers refuse: set it for
///         the role there (`ALTER ROLE … SET`).
///     prepared: How statements are prepared on PostgreSQL: "auto", "named" (they stay prepared), "unnamed" (each is prepared
///         with its execution, in one round trip: for PgBouncer in transaction mode and its like) or "never" ("unnamed", and
///         nothing is remembered of SQL of your own). "auto" is "named", and "unnamed" where a pooler is found
///         before the server (asked once, before the second round trip of a connection). None takes the URL's.
///     echo: True logs every statement by `logging.getLogger("ormkit")`, at INFO whatever the logger's level: its text, time and
///         rows. "debug" logs its values, too. Where logging has no handler, one that writes to stdout is added. Texts are
///         logged as they were written: a password in one is seen.
///     slow_query: A statement that takes longer, in seconds, the wait for a connection included, is logged as a warning:
///         its text, where the time went, and the line that began it. None: never.
///     json_dumps: What makes the JSON text of a Python value, as a `str` or UTF-8 `bytes`: for JSON columns, and for lists, tuples
///         and dicts that are parameters of SQL and go as JSON. None: ormkit's own, which keeps integers exact.
///     json_loads: What makes a Python value of JSON text, given as `str`: of JSON columns, when they are first looked at, and of
///         results of SQL (on SQLite those are text). What the two raise is the cause of a `DataError`, and so is no JSON.
///     connect_args: More parameters of the URL, by name: `{"sslmode": "verify-full", "application_name": "shop"}`. One that
///         the URL has as well is this one's.
///     settings: Settings of every session, by name, on PostgreSQL: `{"search_path": "shop"}`.
///     password: The password, in place of the URL's: a text, or a function, also an `async` one, that is called for each new
///         connection (a token that expires). It runs on the loop that connects, within `connect_timeout`, and a cancelled
///         connect cancels it. What it raises is the cause of the connect's `OperationalError`.
///     init: A function, also an `async` one, that is called with a new `Connection` before it is lent first, inside a
///         transaction that is committed at its end. What it sets stays: where a borrower has changed the session, the
///         session is reset and `init` runs again. Its error closes the connection and is the error of whoever waits.
///     reset: The same, for a connection that a borrower has given back, before the next one gets it; in the background. Its
///         error closes the connection and goes to the loop's exception handler.
///     close: A function that is called with a `ClosedConnection` when the engine has closed a connection. Not called for
///         an engine that is dropped unclosed.
///
///     Each run of `init` and `reset` has `connect_timeout` as its limit. PostgreSQL only.
///
/// Raises:
///     InterfaceError: The URL is malformed, or a setting cannot be changed: the error names the part, never the password.
///     ValueError: A size or time is out of range.
#[pyfunction]
#[pyo3(
    signature = (url, **options),
    text_signature = "(url, *, min_connections=1, max_connections=10, acquire_timeout=30.0, max_waiting=None, \
                      idle_timeout=600.0, max_lifetime=3600.0, ping_after=30.0, connect_timeout=None, \
                      statement_cache_size=None, statement_timeout=None, prepared=None, echo=False, \
                      slow_query=None, json_dumps=None, json_loads=None, connect_args=None, settings=None, \
                      password=None, init=None, reset=None, close=None)"
)]
pub(crate) fn create_engine(
    py: Python<'_>,
    url: &str,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Engine> {
    create(py, url, Keywords::new("create_engine", py, options)?)
}

/// The same, with the sizes of its pool by position.
#[pyfunction]
#[pyo3(
    signature = (url, min_connections = 1, max_connections = 10, **options),
    text_signature = "(url, min_connections=1, max_connections=10, **options)"
)]
pub(crate) fn create_pool(
    py: Python<'_>,
    url: &str,
    min_connections: i64,
    max_connections: i64,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Engine> {
    let keywords = Keywords::new("create_pool", py, options)?;
    keywords.put("min_connections", "min_connections", min_connections)?;
    keywords.put("max_connections", "max_connections", max_connections)?;
    create(py, url, keywords)
}

/// Words of other drivers, with what to write instead. None: they change nothing here.
const DRIVERS: &[(&str, Option<&str>)] = &[
    ("check_same_thread", None),
    ("isolation_level", Some("AsyncSession(engine, isolation=..) and session.begin(isolation=..)")),
    (
        "statement_cache_size",
        Some("create_engine(prepared=\"unnamed\") behind a pooler, which is found without it"),
    ),
    (
        "prepared_statement_cache_size",
        Some("create_engine(prepared=\"unnamed\") behind a pooler, which is found without it"),
    ),
    (
        "prepared_statement_name_func",
        Some("create_engine(prepared=\"unnamed\") behind a pooler, which is found without it"),
    ),
    ("server_settings", Some("create_engine(settings={..})")),
    ("command_timeout", Some("create_engine(statement_timeout=seconds)")),
    ("timeout", Some("create_engine(connect_timeout=seconds)")),
    ("ssl", Some("connect_args={\"sslmode\": \"require\"}")),
    ("autocommit", Some("engine.execute(..), which commits by itself")),
    ("uri", None),
];

/// The URL with parameters that come as a mapping; a keyword/value text with more of them.
///
/// # Errors
/// `TypeError` for what is no mapping, and for a value that is no text, number or truth value.
fn with_parameters(url: &str, given: Option<Bound<'_, PyAny>>) -> PyResult<String> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(url.to_owned()) };
    let given = given.cast_into::<PyDict>().map_err(|_| {
        PyTypeError::new_err("connect_args is a dict of the URL's parameters: {\"sslmode\": \"require\"}")
    })?;
    let quote = given.py().import("urllib.parse")?.getattr("quote")?;
    let keyword_text = Config::is_keyword_text(url);
    let (url, fragment) = match url.split_once('#') {
        Some((url, fragment)) if url.starts_with("sqlite") => (url, format!("#{fragment}")),
        _ => (url, String::new()),
    };
    let mut text = url.to_owned();
    for (name, value) in given {
        let name: String = name.extract()?;
        // SQLite's URL has it, too.
        let is_own = name == "timeout" && url.starts_with("sqlite");
        match DRIVERS.iter().find(|(word, _)| *word == name && !is_own) {
            Some((_, None)) => continue,
            Some((_, Some(instead))) => {
                return Err(PyTypeError::new_err(format!(
                    "connect_args: `{name}` is a word of another driver: write {instead}"
                )));
            }
            None => {}
        }
        let value = if let Ok(text) = value.cast::<PyString>() {
            text.to_string()
        } else if let Ok(truth) = value.cast::<PyBool>() {
            i32::from(truth.is_true()).to_string()
        } else if value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>() {
            value.str()?.to_string()
        } else {
            let found = value.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "connect_args: {name} is a text, a number or a bool, not {found}"
            )));
        };
        if keyword_text {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            text.push_str(&format!(" {name}='{value}'"));
        } else {
            let quoted = |part: String| quote.call1((part, ""))?.extract::<String>();
            text.push(if text.contains('?') { '&' } else { '?' });
            text.push_str(&format!("{}={}", quoted(name)?, quoted(value)?));
        }
    }
    Ok(text + &fragment)
}

/// An engine of checked options.
pub(super) fn create(py: Python<'_>, url: &str, keywords: Keywords<'_>) -> PyResult<Engine> {
    let (target, options) = Options::read(py, url, keywords)?;
    Ok(Engine::new(target, options))
}

/// What is said of statements.
fn statements(keywords: &Keywords<'_>) -> PyResult<Statements> {
    let prepared: Option<String> = keywords.take_or("prepared", None)?;
    let mode = |name: String| {
        PrepareMode::parse(&name).ok_or_else(|| {
            PyValueError::new_err(format!(
                "prepared is one of \"auto\", \"named\", \"unnamed\" and \"never\", not {name:?}"
            ))
        })
    };
    let cache_size = keywords.take_or("statement_cache_size", None)?;
    let cache_size = cache_size.map(|given| checked_size("statement_cache_size", given)).transpose()?;
    let timeout = optional_seconds(keywords, "statement_timeout", None)?;
    if timeout.is_some_and(|time| time.is_zero()) {
        return Err(PyValueError::new_err("statement_timeout must be above 0; None sets no limit"));
    }
    Ok(Statements { prepared: prepared.map(mode).transpose()?, cache_size, timeout })
}

fn size(keywords: &Keywords<'_>, name: &'static str, default: i64) -> PyResult<usize> {
    checked_size(name, keywords.take_or(name, default)?)
}

fn checked_size(name: &str, given: i64) -> PyResult<usize> {
    usize::try_from(given)
        .map_err(|_| PyValueError::new_err(format!("{name} must be a number from 0 up, not {given}")))
}

/// A time that may be None.
fn optional_seconds(
    keywords: &Keywords<'_>,
    name: &'static str,
    default: Option<f64>,
) -> PyResult<Option<Duration>> {
    keywords.take_or(name, default)?.map(|time| seconds(name, time)).transpose()
}

/// A time in seconds.
///
/// # Errors
/// `ValueError` naming the option when the time is negative or not finite.
pub(super) fn seconds(option: &str, time: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(time)
        .map_err(|_| PyValueError::new_err(format!("{option} must be a number of seconds from 0 upwards")))
}
