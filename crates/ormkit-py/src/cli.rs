//! The command line: `ormkit` and `python -m ormkit`.
//!
//! Clap reads the arguments; a command is one operation, which the thin `ormkit.cli` awaits on a loop of its own, with the
//! engine open where the command needs one.

mod arguments;
mod inspect;
mod lint;
mod migrate;
mod models;
mod ping;
mod sql;
mod terminal;

use std::path::PathBuf;

use ormkit_core::schema::Compare;
use ormkit_sqlite::{Database, Mode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use self::arguments::{Command, Mistake};
use self::lint::Rendered;
pub(crate) use self::models::load_models;
use self::terminal::Terminal;
use crate::autogen::table_name;
use crate::bridge::Operation;
use crate::engine::{Engine, EngineHandle};

/// Done.
const DONE: i32 = 0;
/// Something failed.
const FAILED: i32 = 1;
/// The command line makes no sense.
const USAGE: i32 = 2;
/// A check found something.
const FOUND: i32 = 3;

/// A command with its arguments.
#[pyclass(frozen, module = "ormkit.cli")]
pub(crate) struct CommandLine {
    command: Command,
    /// The database; None where the command needs none.
    #[pyo3(get)]
    url: Option<String>,
    /// Errors come with their traceback.
    #[pyo3(get)]
    debug: bool,
    /// The answer is for programs.
    #[pyo3(get)]
    json: bool,
    /// The configuration file and its section, where they were said.
    config: (Option<String>, Option<String>),
}

#[pymethods]
impl CommandLine {
    /// The verb of `ormkit migrate` and its arguments by name; None for every other command.
    #[getter]
    fn migrate<'py>(&self, py: Python<'py>) -> PyResult<Option<(String, Bound<'py, PyDict>)>> {
        match &self.command {
            Command::Migrate(migrate) => Ok(Some(migrate.for_python(py)?)),
            _ => Ok(None),
        }
    }

    /// The revision files that `ormkit lint` is to look at, and the dialects in which.
    #[getter]
    fn revisions(&self) -> (Vec<PathBuf>, Vec<String>) {
        match &self.command {
            Command::Lint(lint) => lint.revisions(),
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// The configuration file and its section, where they were said, of a command that reads it for more than the database.
    #[getter]
    fn config(&self) -> Option<(Option<String>, Option<String>)> {
        matches!(self.command, Command::Lint(_)).then(|| self.config.clone())
    }

    /// `ormkit lint` is to look at the revisions of the project: True for those only that the database has not run; None for
    /// everything else.
    #[getter]
    fn project(&self) -> Option<bool> {
        match &self.command {
            Command::Lint(lint) => lint.project,
            _ => None,
        }
    }

    /// Do it; the result is the exit code.
    ///
    /// Args:
    ///     engine: On `url`; None where that is None.
    ///     rendered: What the `revisions` do: file, dialect, statements with their lines, and what only a rebuild of SQLite does.
    ///     version_table: The table of the migrations, with its schema where that is said: no model's.
    ///     exclude: Tables that are let be.
    #[pyo3(signature = (engine, rendered = Vec::new(), *, version_table = "alembic_version", exclude = Vec::new()))]
    fn run(
        &self,
        py: Python<'_>,
        engine: Option<Bound<'_, Engine>>,
        rendered: Vec<Rendered>,
        version_table: &str,
        exclude: Vec<String>,
    ) -> PyResult<Py<Operation>> {
        let compare =
            Compare { version_table: Some(table_name(version_table)), exclude, ..Compare::default() };
        let engine = engine.map(|engine| engine.get().handle());
        let context = Context { engine, terminal: Terminal::of(py)?, json: self.json };
        let command = self.command.clone();
        Operation::start(py, "ormkit", async move {
            match command {
                Command::Inspect(command) => inspect::run(&context, &command).await,
                Command::Sql(command) => sql::run(&context, &command).await,
                Command::Lint(command) => lint::run(&context, &command, &rendered, compare).await,
                Command::Migrate(_) => Err(PyValueError::new_err("`ormkit.migrations` runs this command")),
                Command::Ping => ping::run(&context).await,
            }
        })
    }

    /// True where stderr is a terminal, and neither `NO_COLOR` nor `TERM=dumb` is against colours.
    #[staticmethod]
    fn has_colours(py: Python<'_>) -> PyResult<bool> {
        Ok(Terminal::of(py)?.has_colours())
    }

    /// Say what went wrong, in one line or a few; the result is the exit code.
    #[staticmethod]
    fn fail(py: Python<'_>, error: &Bound<'_, PyAny>) -> PyResult<i32> {
        let terminal = Terminal::of(py)?;
        let text = error.str()?.to_string();
        let kind = error.get_type().name()?.to_string();
        // Our own sentences say what they are about; those of others need their class beside them.
        let is_ours = error.get_type().module()?.to_string().starts_with("ormkit.");
        let text = if is_ours { text } else { format!("{kind}: {text}") };
        let text = raised_at(error)?.map_or_else(|| text.clone(), |place| format!("{place}: {text}"));
        terminal.error(py, &text)?;
        if let Ok(hint) = error.getattr("hint").and_then(|hint| hint.extract::<String>()) {
            terminal.say(py, &format!("hint: {hint}\n"))?;
        }
        Ok(FAILED)
    }
}

/// The file of SQLite that a URL names and that is not there: who only looks at it must not make it. None for every other URL.
#[pyfunction]
pub(crate) fn missing_database(url: &str) -> Option<PathBuf> {
    let config = ormkit_sqlite::Config::parse(url).ok().filter(|config| config.mode == Mode::Create)?;
    match config.database {
        Database::File(path) if !path.exists() => Some(path),
        _ => None,
    }
}

/// The line of the project that an exception came from, `app/models.py:12`; None where no file of it was running.
fn raised_at(error: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let here = std::env::current_dir()?;
    let prefix: PathBuf = error.py().import("sys")?.getattr("prefix")?.extract()?;
    let mut place = None;
    let mut traceback = error.getattr("__traceback__")?;
    while !traceback.is_none() {
        let file: PathBuf =
            traceback.getattr("tb_frame")?.getattr("f_code")?.getattr("co_filename")?.extract()?;
        if let Ok(inside) = file.strip_prefix(&here)
            && !file.starts_with(&prefix)
        {
            place = Some(format!("{}:{}", inside.display(), traceback.getattr("tb_lineno")?));
        }
        traceback = traceback.getattr("tb_next")?;
    }
    Ok(place)
}

/// What every command has.
struct Context {
    engine: Option<EngineHandle>,
    terminal: Terminal,
    json: bool,
}

impl Context {
    /// The engine, which [`arguments`] made sure of.
    fn engine(&self) -> PyResult<&EngineHandle> {
        let missing = || PyValueError::new_err("this command needs an engine");
        self.engine.as_ref().ok_or_else(missing)
    }
}

/// Reads the arguments: a command, or the exit code where help was asked for or they make no sense.
///
/// Raises:
///     MigrationError: The database is to be read from a configuration file, which cannot be read.
#[pyfunction]
pub(crate) fn parse_command_line(py: Python<'_>, argv: Vec<String>) -> PyResult<Py<PyAny>> {
    let terminal = Terminal::of(py)?;
    let matches =
        match arguments::parser().try_get_matches_from(std::iter::once("ormkit".to_owned()).chain(argv)) {
            Ok(matches) => matches,
            Err(error) if !error.use_stderr() => {
                terminal.print(py, &error.render().to_string())?;
                return Ok(DONE.into_pyobject(py)?.into_any().unbind());
            }
            Err(error) => {
                terminal.say(py, &error.render().to_string())?;
                return Ok(USAGE.into_pyobject(py)?.into_any().unbind());
            }
        };
    let configured = || {
        let [file, section] = ["config", "name"].map(|name| matches.get_one::<String>(name));
        let config = py.import("ormkit.migrations.config")?.getattr("configured")?.call1((file, section))?;
        if config.is_none() { Ok(None) } else { config.call_method0("get_url")?.extract() }
    };
    match arguments::command(&matches, configured) {
        Ok(command) => {
            let (url, debug, json) = (command.1, matches.get_flag("debug"), matches.get_flag("json"));
            let [file, section] = ["config", "name"].map(|name| matches.get_one::<String>(name).cloned());
            let config = (file, section);
            Ok(Py::new(py, CommandLine { command: command.0, url, debug, json, config })?.into_any())
        }
        Err(Mistake::Raised(error)) => Err(error),
        Err(Mistake::Usage(usage)) => {
            terminal.error(py, &usage)?;
            terminal.say(py, "Type `ormkit --help` for the commands.\n")?;
            Ok(USAGE.into_pyobject(py)?.into_any().unbind())
        }
    }
}
