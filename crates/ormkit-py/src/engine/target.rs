//! Which database a URL names.

use std::fmt;
use std::sync::Arc;

use ormkit_core::driver::Driver;
use ormkit_core::error::{Error, Result};
use ormkit_core::runtime::Runtime;
use ormkit_core::sql::Dialect;
use ormkit_pg::PgDriver;
use ormkit_sqlite::{Memory, SqliteDriver};

/// A parsed URL.
pub(super) enum Target {
    Postgres(Arc<ormkit_pg::Config>),
    Sqlite(ormkit_sqlite::Config, ormkit_sqlite::Memory),
}

impl Target {
    /// Reads a URL by its scheme, or a PostgreSQL keyword/value text.
    ///
    /// # Errors
    /// The scheme is none of ours, or a part is malformed: the error names the part and never the password.
    pub(super) fn parse(url: &str) -> Result<Self> {
        if ormkit_pg::Config::is_keyword_text(url) {
            return postgres(url);
        }
        let scheme = url.split([':', '+']).next().unwrap_or_default();
        match scheme {
            "postgresql" | "postgres" => postgres(url),
            "sqlite" => {
                ormkit_sqlite::Config::parse(url).map(|config| Self::Sqlite(config, Memory::default()))
            }
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

    pub(super) fn dialect(&self) -> &'static Dialect {
        match self {
            Self::Postgres(_) => &Dialect::POSTGRES,
            Self::Sqlite(..) => &Dialect::SQLITE,
        }
    }

    /// A driver whose connections belong to `runtime`.
    pub(super) fn driver(&self, runtime: Arc<dyn Runtime>) -> Arc<dyn Driver> {
        match self {
            Self::Postgres(config) => Arc::new(PgDriver::new(Arc::clone(config), runtime)),
            Self::Sqlite(config, memory) => Arc::new(SqliteDriver::sharing(memory, config.clone(), runtime)),
        }
    }
}

fn postgres(text: &str) -> Result<Target> {
    ormkit_pg::Config::parse(text).map(|config| Target::Postgres(Arc::new(config)))
}

/// Without the password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(config) => config.fmt(f),
            Self::Sqlite(config, _) => config.fmt(f),
        }
    }
}
