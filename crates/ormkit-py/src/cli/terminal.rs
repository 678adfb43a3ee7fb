//! What a command prints: through Python's streams, so that whoever replaces them gets it.

use pyo3::exceptions::PyBrokenPipeError;
use pyo3::prelude::*;

/// The two streams.
pub(super) struct Terminal {
    /// Errors and progress may have colours.
    colours: bool,
}

impl Terminal {
    pub(super) fn of(py: Python<'_>) -> PyResult<Self> {
        let asked_not = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|kind| kind == "dumb");
        let is_terminal = py
            .import("sys")?
            .getattr("stderr")?
            .call_method0("isatty")
            .and_then(|answer| answer.extract())
            .unwrap_or(false);
        Ok(Self { colours: is_terminal && !asked_not })
    }

    /// True where what is said beside the result may have colours.
    pub(super) fn has_colours(&self) -> bool {
        self.colours
    }

    /// Prints a result. A reader that has gone is no error.
    pub(super) fn print(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        write(py, "stdout", text)
    }

    /// Says something beside the result.
    pub(super) fn say(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        write(py, "stderr", text)
    }

    /// `error: …`
    pub(super) fn error(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        let word = if self.colours { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
        self.say(py, &format!("{word} {text}\n"))
    }
}

fn write(py: Python<'_>, stream: &str, text: &str) -> PyResult<()> {
    let stream = py.import("sys")?.getattr(stream)?;
    let written = stream.call_method1("write", (text,)).and_then(|_| stream.call_method0("flush"));
    match written {
        Err(error) if error.is_instance_of::<PyBrokenPipeError>(py) => Ok(()),
        written => written.map(drop),
    }
}

/// A value as JSON on a line.
pub(super) fn json<'py>(py: Python<'py>, value: impl IntoPyObject<'py>) -> PyResult<String> {
    let text = py.import("json")?.call_method1("dumps", (value,))?;
    Ok(format!("{text}\n"))
}
