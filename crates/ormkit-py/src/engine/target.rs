//! Which database a URL names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ormkit_core::driver::Driver;
use ormkit_core::error::{Error, Result};
use ormkit_core::runtime::{Address, Runtime};
use ormkit_core::sql::Dialect;
use ormkit_pg::{Config, PgDriver, PrepareMode};
use ormkit_sqlite::{Database, Memory, SqliteDriver};

use super::notices::Logged;
use super::password::Password;
use crate::codec;

/// The budget for opening a file, where none is given.
const OPENING: Duration = Duration::from_secs(10);

/// What `create_engine` says of statements; None leaves what the URL says, or the default.
pub(super) struct Statements {
    /// How they are prepared.
    pub(super) prepared: Option<PrepareMode>,
    /// How many each connection keeps.
    pub(super) cache_size: Option<usize>,
    /// How long one may run.
    pub(super) timeout: Option<Duration>,
}

/// A parsed URL.
pub(super) enum Target {
    Postgres(Arc<Config>),
    /// With the budget for opening a file.
    Sqlite(ormkit_sqlite::Config, Memory, Duration),
}

impl Target {
    /// Reads a URL by its scheme, or a PostgreSQL keyword/value text.
    ///
    /// # Errors
    /// The scheme is none of ours, or a part is malformed: the error names the part and never the password.
    pub(super) fn parse(url: &str) -> Result<Self> {
        if Config::is_keyword_text(url) {
            return postgres(url);
        }
        let scheme = url.split([':', '+']).next().unwrap_or_default();
        match scheme {
            "postgresql" | "postgres" => postgres(url),
            "sqlite" => ormkit_sqlite::Config::parse(url)
                .map(|config| Self::Sqlite(config, Memory::default(), OPENING)),
            other if url.contains(':') && other.chars().all(|c| c.is_ascii_alphanumeric()) => {
                Err(Error::interface(format!(
                    "ormkit has no URL scheme `{other}`: the schemes are postgresql, postgres and sqlite"
                )))
            }
            _ => Err(Error::interface(
                "the URL has no scheme: write postgresql://user@host/database or sqlite:///file.db",
            )),
        }
    }

    /// With these settings in every session.
    ///
    /// # Errors
    /// A setting that the driver depends on, a NUL, or a database without settings.
    pub(super) fn with_settings(self, settings: &BTreeMap<String, String>) -> Result<Self> {
        match self {
            Self::Postgres(config) => {
                let set =
                    |config: Config, (name, value): (&String, &String)| config.with_setting(name, value);
                let config = settings.iter().try_fold(Arc::unwrap_or_clone(config), set)?;
                Ok(Self::Postgres(Arc::new(config)))
            }
            Self::Sqlite(..) if !settings.is_empty() => {
                Err(Error::unsupported("settings of a session on SQLite", "its URL has parameters"))
            }
            sqlite => Ok(sqlite),
        }
    }

    /// With another password than the URL's.
    ///
    /// # Errors
    /// A NUL in it, or a database without passwords.
    pub(super) fn with_password(self, password: Password) -> Result<Self> {
        let Self::Postgres(config) = self else {
            return Err(Error::unsupported("a password on SQLite", "its file has the system's permissions"));
        };
        let config = Arc::unwrap_or_clone(config);
        let config = match password {
            Password::Fixed(text) => config.with_password(&text)?,
            Password::Asked(source) => config.with_password_source(source),
        };
        Ok(Self::Postgres(Arc::new(config)))
    }

    /// # Errors
    /// A database whose connections cannot be prepared one by one.
    pub(super) fn require_callbacks(&self) -> Result<()> {
        match self {
            Self::Postgres(_) => Ok(()),
            Self::Sqlite(..) => Err(Error::unsupported(
                "callbacks of connections on SQLite",
                "they share one writer, and settings are part of the URL",
            )),
        }
    }

    /// With another budget for connecting than the URL's; None leaves it.
    pub(super) fn with_connect_timeout(self, time: Option<Duration>) -> Self {
        match (self, time) {
            (Self::Postgres(config), Some(_)) => {
                Self::Postgres(Arc::new(Arc::unwrap_or_clone(config).with_connect_timeout(time)))
            }
            (Self::Sqlite(config, memory, _), Some(time)) => Self::Sqlite(config, memory, time),
            (target, None) => target,
        }
    }

    /// With what is kept of statements, and how long one may run.
    ///
    /// # Errors
    /// `Unsupported` for a way of preparing on SQLite; `Interface` for a time that the server does not have.
    pub(super) fn with_statements(self, statements: Statements) -> Result<Self> {
        let Statements { prepared, cache_size, timeout } = statements;
        match self {
            Self::Postgres(config) => {
                let mut config = Arc::unwrap_or_clone(config);
                if let Some(mode) = prepared {
                    config = config.with_prepare_mode(mode);
                }
                if let Some(size) = cache_size {
                    config = config.with_statement_cache_size(size);
                }
                if let Some(time) = timeout {
                    config = config.with_statement_timeout(time)?;
                }
                Ok(Self::Postgres(Arc::new(config)))
            }
            Self::Sqlite(..) if prepared.is_some_and(|mode| mode != PrepareMode::Auto) => {
                Err(Error::unsupported(
                    "prepared= on SQLite",
                    "its statements are prepared in the process, and statement_cache_size says how many are kept",
                ))
            }
            Self::Sqlite(mut config, memory, opening) => {
                config.statement_cache = cache_size.unwrap_or(config.statement_cache);
                config.statement_timeout = timeout;
                Ok(Self::Sqlite(config, memory, opening))
            }
        }
    }

    /// The budget for connecting; None: no limit.
    pub(super) fn connect_timeout(&self) -> Option<Duration> {
        match self {
            Self::Postgres(config) => config.connect_timeout(),
            Self::Sqlite(_, _, time) => Some(*time),
        }
    }

    pub(super) fn dialect(&self) -> &'static Dialect {
        match self {
            Self::Postgres(_) => &Dialect::POSTGRES,
            Self::Sqlite(..) => &Dialect::SQLITE,
        }
    }

    /// The database's name, or its file.
    pub(super) fn namespace(&self) -> String {
        match self {
            Self::Postgres(config) => config.database().to_owned(),
            Self::Sqlite(config, ..) => match &config.database {
                Database::Memory => ":memory:".to_owned(),
                Database::File(path) => path.display().to_string(),
            },
        }
    }

    /// The server's host and port, where it is one and reached over TCP.
    pub(super) fn server(&self) -> Option<(String, u16)> {
        let Self::Postgres(config) = self else { return None };
        match &config.addresses()[..] {
            [Address::Tcp { host, port }] => Some((host.clone(), *port)),
            _ => None,
        }
    }

    /// The configuration of PostgreSQL, for a `feature` that it alone has.
    ///
    /// # Errors
    /// `Unsupported` on SQLite, with what to do `instead`.
    pub(super) fn postgres(&self, feature: &str, instead: &str) -> Result<&Arc<Config>> {
        match self {
            Self::Postgres(config) => Ok(config),
            Self::Sqlite(..) => Err(Error::unsupported(format!("{feature} on SQLite"), instead)),
        }
    }

    /// A driver whose connections belong to `runtime`.
    pub(super) fn driver(&self, runtime: Arc<dyn Runtime>) -> Arc<dyn Driver> {
        match self {
            Self::Postgres(config) => Arc::new(postgres_driver(config, runtime)),
            Self::Sqlite(config, memory, _) => {
                Arc::new(SqliteDriver::sharing(memory, config.clone(), runtime))
            }
        }
    }
}

/// A driver that logs what its servers say.
pub(super) fn postgres_driver(config: &Arc<Config>, runtime: Arc<dyn Runtime>) -> PgDriver {
    PgDriver::new(Arc::clone(config), runtime).with_notices(Arc::new(Logged)).with_codecs(codec::codecs())
}

fn postgres(text: &str) -> Result<Target> {
    Config::parse(text).map(|config| Target::Postgres(Arc::new(config)))
}

/// Without the password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(config) => config.fmt(f),
            Self::Sqlite(config, ..) => config.fmt(f),
        }
    }
}
