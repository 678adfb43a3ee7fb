//! What PostgreSQL says without being asked, as log records.

use ormkit_core::driver::{NoticeLevel, NoticeSink};
use ormkit_core::error::Diagnostics;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// The logger of the PostgreSQL driver.
fn logger(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || {
        let make = py.import("logging")?.getattr("getLogger")?;
        Ok::<_, PyErr>(make.call1(("ormkit.postgresql",))?.unbind())
    };
    Ok(LOGGER.get_or_try_init(py, make)?.bind(py).clone())
}

/// Logs notices by `logging.getLogger("ormkit.postgresql")`: the message and its SQLSTATE as text; `sqlstate`, `severity`,
/// `detail` and `hint` as attributes of the record.
///
/// Connections are polled on the thread of their event loop with the GIL held, and so are log handlers called there.
pub(super) struct Logged;

impl NoticeSink for Logged {
    fn wants(&self, level: NoticeLevel) -> bool {
        Python::attach(|py| is_enabled(py, level).unwrap_or_else(|error| tell(py, error, false)))
    }

    fn notice(&self, level: NoticeLevel, notice: &Diagnostics) {
        Python::attach(|py| log(py, level, notice).unwrap_or_else(|error| tell(py, error, ())));
    }
}

fn is_enabled(py: Python<'_>, level: NoticeLevel) -> PyResult<bool> {
    logger(py)?.call_method1(intern!(py, "isEnabledFor"), (number(level),))?.extract()
}

fn log(py: Python<'_>, level: NoticeLevel, notice: &Diagnostics) -> PyResult<()> {
    let extra = PyDict::new(py);
    extra.set_item("sqlstate", notice.sqlstate.as_str())?;
    extra.set_item("severity", &notice.severity)?;
    extra.set_item("detail", notice.detail.as_deref())?;
    extra.set_item("hint", notice.hint.as_deref())?;
    let keywords = PyDict::new(py);
    keywords.set_item("extra", extra)?;
    let args = (number(level), "%s (SQLSTATE %s)", &notice.message, notice.sqlstate.as_str());
    logger(py)?.call_method(intern!(py, "log"), args, Some(&keywords)).map(drop)
}

/// Logs what the driver has to say of itself.
pub(super) fn say(level: NoticeLevel, text: &str) {
    Python::attach(|py| {
        let logged = logger(py)
            .and_then(|logger| logger.call_method1(intern!(py, "log"), (number(level), "%s", text)));
        logged.map_or_else(|error| tell(py, error, ()), drop);
    });
}

/// What a log handler raised belongs to nobody who awaits.
fn tell<T>(py: Python<'_>, error: PyErr, instead: T) -> T {
    error.write_unraisable(py, None);
    instead
}

/// The level as `logging` counts it.
fn number(level: NoticeLevel) -> u8 {
    match level {
        NoticeLevel::Debug => 10,
        NoticeLevel::Info => 20,
        NoticeLevel::Warning => 30,
    }
}
