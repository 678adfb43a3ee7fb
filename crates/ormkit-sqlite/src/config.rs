//! Where a database is and how it is opened: the URL forms of SQLite.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ormkit_core::error::{Error, Result};
use percent_encoding::percent_decode_str;

const PARAMETERS: [&str; 5] = ["mode", "cache", "immutable", "trusted", "timeout"];

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In memory: one database for the whole engine, gone with it.
    Memory,
    /// A file. [`Config::parse`] makes relative paths absolute, so that a later change of the working directory does
    /// not open another database.
    File(PathBuf),
}

/// What may be done to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Read only.
    ReadOnly,
    /// Read and write; the file must exist.
    ReadWrite,
    /// Read and write; a missing file is created.
    #[default]
    Create,
}

/// How to open a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where it is.
    pub database: Database,
    /// What may be done to it.
    pub mode: Mode,
    /// True promises that nobody changes the file while it is open: SQLite takes no locks and sees no change.
    pub immutable: bool,
    /// False for a file that a stranger may have made: functions with side effects are out of reach of its views, triggers
    /// and defaults, damaged pages are looked for when they are read, and no SQL can write to what would make a file
    /// harmful (`trusted_schema`, `cell_size_check` and `SQLITE_DBCONFIG_DEFENSIVE`; SQLite, "Defense Against The Dark
    /// Arts"). Default true.
    pub trusted: bool,
    /// Prepared statements kept per handle. Default 256.
    pub statement_cache: usize,
    /// Longest wait for a lock that another process holds (only worker threads wait), and for the writer that another
    /// transaction of this program holds. Default 5 s.
    pub busy_timeout: Duration,
    /// How long a statement may run, its waits for locks of other processes included; then it is stopped with SQLSTATE
    /// 57014. Default: as long as it takes.
    pub statement_timeout: Option<Duration>,
}

/// As a URL.
impl std::fmt::Display for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.database {
            Database::Memory => f.write_str("sqlite::memory:"),
            Database::File(path) => write!(f, "sqlite:///{}", path.display()),
        }
    }
}

impl Config {
    /// `database` with the defaults.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            mode: Mode::default(),
            immutable: false,
            trusted: true,
            statement_cache: 256,
            busy_timeout: Duration::from_secs(5),
            statement_timeout: None,
        }
    }

    /// Reads a URL.
    ///
    /// `sqlite:///relative.db`, `sqlite:////absolute.db` and `sqlite:relative.db` name a file; `sqlite::memory:`,
    /// `sqlite://` and `sqlite://:memory:` a database in memory; a driver part (`sqlite+aiosqlite://`) is ignored;
    /// `file:` URIs are read as SQLite reads them. Paths are percent-decoded. Parameters: `mode` (`ro`, `rw`, `rwc`,
    /// `memory`), `cache` (`private` alone: an engine needs no shared cache to share a database in memory), `immutable` and
    /// `trusted` (`0`, `1`).
    ///
    /// # Errors
    /// `Interface`, naming the part that is wrong.
    pub fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').ok_or_else(|| bad("a SQLite URL starts with `sqlite:`"))?;
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
        let database = match scheme.split_once('+').map_or(scheme, |(name, _)| name) {
            "sqlite" | "sqlite3" => sqlite_location(location)?,
            "file" => file_location(location)?,
            _ => return Err(bad("the scheme is not `sqlite`")),
        };
        let mut config = Self::new(database);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            config.set(&decode(name)?, &decode(value)?)?;
        }
        Ok(config)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match (name, value) {
            ("mode", "ro") => self.mode = Mode::ReadOnly,
            ("mode", "rw") => self.mode = Mode::ReadWrite,
            ("mode", "rwc") => self.mode = Mode::Create,
            ("mode", "memory") => self.database = Database::Memory,
            ("cache", "private") => {}
            // Its locks are per table and answer SQLITE_LOCKED at once, past every busy timeout.
            ("cache", "shared") => {
                return Err(bad(
                    "`cache=shared` is not supported: leave it out; all connections of one engine see one database, in memory too",
                ));
            }
            ("immutable", "1" | "true") => self.immutable = true,
            ("immutable", "0" | "false") => self.immutable = false,
            ("trusted", "1" | "true") => self.trusted = true,
            ("trusted", "0" | "false") => self.trusted = false,
            ("timeout", value) => self.busy_timeout = seconds(value)?,
            ("mode", _) => return Err(bad("the parameter `mode` is none of ro, rw, rwc, memory")),
            ("cache", _) => return Err(bad("the parameter `cache` is not `private`")),
            ("immutable" | "trusted", _) => {
                return Err(bad(&format!("the parameter `{name}` is neither 0 nor 1")));
            }
            _ => {
                let known = PARAMETERS.join(", ");
                return Err(bad(&format!("unknown parameter `{name}`; known are {known}")));
            }
        }
        Ok(())
    }

    /// The file, where there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.database {
            Database::Memory => None,
            Database::File(path) => Some(path),
        }
    }
}

/// A time in seconds, with or without a fraction.
fn seconds(value: &str) -> Result<Duration> {
    let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| bad("the parameter `timeout` is not a number of seconds"))
}

/// What stands between `sqlite:` and the parameters. Three slashes and a path are relative, four absolute.
fn sqlite_location(location: &str) -> Result<Database> {
    let Some(rest) = location.strip_prefix("//") else {
        return match location {
            "" => Err(bad("it names no database; `sqlite::memory:` is one in memory")),
            path => named(path),
        };
    };
    match rest {
        "" | "/" | ":memory:" => Ok(Database::Memory),
        rest => match rest.strip_prefix('/') {
            Some(path) => named(path),
            None => {
                Err(bad("a host has no meaning; a relative path takes three slashes, an absolute one four"))
            }
        },
    }
}

/// What stands behind `file:` (SQLite's URI file names): an authority is empty or `localhost`.
fn file_location(location: &str) -> Result<Database> {
    match location.strip_prefix("//") {
        None => named(location),
        Some(rest) => match rest.strip_prefix("localhost").unwrap_or(rest) {
            path if path.starts_with('/') => named(path),
            _ => Err(bad("the host of a `file:` URI is neither empty nor `localhost`")),
        },
    }
}

fn named(path: &str) -> Result<Database> {
    let path = decode(path)?;
    if path == ":memory:" {
        return Ok(Database::Memory);
    }
    if path.is_empty() || path.contains('\0') {
        return Err(bad("the path is empty or holds a NUL"));
    }
    let absolute = std::path::absolute(&path)
        .map_err(|error| bad(&format!("the path cannot be made absolute: {error}")))?;
    Ok(Database::File(absolute))
}

fn decode(text: &str) -> Result<String> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(bad("its percent-encoding is not UTF-8")),
    }
}

fn bad(problem: &str) -> Error {
    Error::interface(format!("malformed SQLite URL: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str) -> PathBuf {
        match Config::parse(url).unwrap().database {
            Database::File(path) => path,
            Database::Memory => panic!("{url} is in memory"),
        }
    }

    #[test]
    fn every_form_names_its_database() {
        let here = std::env::current_dir().unwrap();
        for url in
            ["sqlite:///a%20b.db", "sqlite:a b.db", "sqlite+aiosqlite:///a b.db", "file:a b.db?mode=ro"]
        {
            assert_eq!(file(url), here.join("a b.db"), "{url}");
        }
        for url in
            ["sqlite:////tmp/x.db", "sqlite:/tmp/x.db", "file:///tmp/x.db", "file://localhost/tmp/x.db"]
        {
            assert_eq!(file(url), Path::new("/tmp/x.db"), "{url}");
        }
        for url in [
            "sqlite::memory:",
            "sqlite://",
            "sqlite://:memory:",
            "sqlite:///:memory:",
            "sqlite:///x?mode=memory",
        ] {
            assert_eq!(Config::parse(url).unwrap().database, Database::Memory, "{url}");
        }
    }

    #[test]
    fn parameters_are_read() {
        let config = Config::parse("sqlite:///x.db?mode=ro&immutable=1&cache=private&trusted=0").unwrap();
        assert_eq!((config.mode, config.immutable, config.trusted), (Mode::ReadOnly, true, false));
    }

    #[test]
    fn timeout_is_a_number_of_seconds() {
        let config = Config::parse("sqlite:///x.db?timeout=0.25").unwrap();
        assert_eq!(config.busy_timeout, Duration::from_millis(250));
        for wrong in ["soon", "-1", "NaN", "inf", ""] {
            let error = Config::parse(&format!("sqlite:///x.db?timeout={wrong}")).unwrap_err().to_string();
            assert!(error.contains("`timeout` is not a number of seconds"), "{error}");
        }
    }

    #[test]
    fn unknown_parameter_is_refused_with_the_known_ones() {
        let error = Config::parse("sqlite:///x.db?jornal=wal").unwrap_err().to_string();
        assert_eq!(
            error,
            "malformed SQLite URL: unknown parameter `jornal`; known are mode, cache, immutable, trusted, timeout"
        );
    }

    #[test]
    fn shared_cache_is_refused_with_what_to_write_instead() {
        let error = Config::parse("sqlite::memory:?cache=shared").unwrap_err().to_string();
        assert!(error.contains("`cache=shared` is not supported: leave it out"), "{error}");
    }

    #[test]
    fn nonsense_is_refused() {
        for url in [
            "",
            "sqlite",
            "sqlite:",
            "mysql://x",
            "sqlite://host/x.db",
            "sqlite:///%ff",
            "sqlite:///x?mode=w",
            "sqlite:///x?trusted=no",
        ] {
            assert!(Config::parse(url).is_err(), "{url}");
        }
    }
}
