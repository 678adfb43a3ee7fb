//! Statements as records of the logger `ormkit`.

use ormkit_core::pool::{Ended, Outcome};
use ormkit_core::value::Params;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::bridge::current_site;
use crate::convert;
use crate::engine::trace_event::name;
use crate::errors::name_of;

const INFO: u8 = 20;
const WARNING: u8 = 30;

/// Longer values are cut, in characters of their `repr`.
const SHOWN_VALUE: usize = 200;
/// More values than this are only counted.
const SHOWN_VALUES: usize = 50;

fn logger(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || {
        let make = py.import("logging")?.getattr("getLogger")?;
        Ok::<_, PyErr>(make.call1(("ormkit",))?.unbind())
    };
    Ok(LOGGER.get_or_try_init(py, make)?.bind(py))
}

/// Gives the logger a handler that writes to stdout, where nobody has set logging up.
pub(super) fn ensure_handler(py: Python<'_>) -> PyResult<()> {
    let logger = logger(py)?;
    if logger.call_method0("hasHandlers")?.is_truthy()? {
        return Ok(());
    }
    let logging = py.import("logging")?;
    let handler = logging.call_method1("StreamHandler", (py.import("sys")?.getattr("stdout")?,))?;
    let format = "%(asctime)s %(levelname)s %(name)s %(message)s";
    handler.call_method1("setFormatter", (logging.call_method1("Formatter", (format,))?,))?;
    logger.call_method1("addHandler", (handler,)).map(drop)
}

/// Logs a statement that is over, whatever the logger's level: `echo` asked for it.
pub(super) fn statement(py: Python<'_>, ended: &Ended<'_>, values: bool) -> PyResult<()> {
    let time = ended.timing.map_or_else(
        || "with the next".to_owned(),
        |timing| format!("{:.3} ms", timing.statement().as_secs_f64() * 1e3),
    );
    let values = if values { shown(py, ended.params)? } else { String::new() };
    let comment = ended.comment.map(|comment| format!(" {comment}")).unwrap_or_default();
    let text = format!("{}{comment} ({}){values}", ended.text.sql, summary(ended, time));
    record(py, INFO, &text, ended)
}

/// Logs a statement that took long: where the time went, and the line that began it.
pub(super) fn slow(py: Python<'_>, ended: &Ended<'_>) -> PyResult<()> {
    let Some(timing) = ended.timing else { return Ok(()) };
    if !logger(py)?.call_method1(intern!(py, "isEnabledFor"), (WARNING,))?.is_truthy()? {
        return Ok(());
    }
    let [total, queue, server, network, hydrate] =
        [timing.total(), timing.queue, timing.server, timing.network, timing.hydrate]
            .map(|time| format!("{:.3} s", time.as_secs_f64()));
    let parts = format!("{total}: queue {queue}, server {server}, network {network}, hydrate {hydrate}");
    let site = current_site().map(|site| site.text(py)).transpose()?;
    let site = site.map_or_else(String::new, |site| format!(" at {site}"));
    let text = format!("slow statement{site} ({}): {}", summary(ended, parts), ended.text.sql);
    record(py, WARNING, &text, ended)
}

/// The time, and what came of it. The text of an error is left out: it may quote values.
fn summary(ended: &Ended<'_>, time: String) -> String {
    match ended.outcome {
        Outcome::Done if ended.timing.is_none() => time,
        Outcome::Done => format!("{time}, {} row(s)", ended.rows.max(ended.affected)),
        Outcome::Failed(error) => {
            let class = name_of(error.class());
            let state = error.diagnostics().map(|said| format!(", SQLSTATE {}", said.sqlstate.as_str()));
            format!("{time}, failed: {class}{}", state.unwrap_or_default())
        }
        Outcome::Skipped => "skipped, one before it has failed".to_owned(),
        Outcome::Cancelled => format!("{time}, cancelled"),
    }
}

fn shown(py: Python<'_>, params: &Params) -> PyResult<String> {
    if params.is_empty() {
        return Ok(String::new());
    }
    let mut texts = Vec::new();
    for index in 0..params.len().min(SHOWN_VALUES) {
        let text: String = match convert::read(py, params.get(index), None) {
            Ok(value) => value.repr()?.extract()?,
            // A value that Python cannot hold again, as one of JSON text that is none.
            Err(_) => "?".to_owned(),
        };
        texts.push(match text.char_indices().nth(SHOWN_VALUE) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        });
    }
    if params.len() > SHOWN_VALUES {
        texts.push(format!("and {} more", params.len() - SHOWN_VALUES));
    }
    Ok(format!(" [{}]", texts.join(", ")))
}

/// Hands a record to the logger's handlers, whatever the logger's own level. Attributes of the record: `sql`, `duration` in
/// seconds or None, `outcome`.
fn record(py: Python<'_>, level: u8, text: &str, ended: &Ended<'_>) -> PyResult<()> {
    let extra = PyDict::new(py);
    extra.set_item("sql", &ended.text.sql)?;
    extra.set_item("duration", ended.timing.map(|timing| timing.statement().as_secs_f64()))?;
    extra.set_item("outcome", name(ended.outcome))?;
    let logger = logger(py)?;
    let args = ("ormkit", level, "(ormkit)", 0, "%s", (text,), py.None(), py.None(), extra);
    let record = logger.call_method1(intern!(py, "makeRecord"), args)?;
    logger.call_method1(intern!(py, "handle"), (record,)).map(drop)
}
