//! The PostgreSQL driver: our own wire protocol over [`ormkit_core::runtime::Transport`].
//!
//! ```no_run
//! # async fn example(runtime: std::sync::Arc<dyn ormkit_core::runtime::Runtime>) -> ormkit_core::error::Result<()> {
//! use ormkit_core::driver::Driver;
//! use ormkit_pg::{Config, PgDriver};
//!
//! let driver = PgDriver::new(Config::parse("postgresql://me@localhost/shop")?, runtime);
//! let connection = driver.connect().await?;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    not(test),
    deny(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)
)]

mod cancel;
mod common;
mod config;
mod connection;
mod copy;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod introspect;
mod listen;
mod narrow;
mod notice;
mod protocol;
mod row;
mod session_state;
mod statement_cache;
mod tls;
mod types;

use std::sync::Arc;

use ormkit_core::driver::{Connection, Driver, Introspect, NoNotices, NoticeSink};
use ormkit_core::error::Result;
use ormkit_core::runtime::{BoxFuture, Runtime};
use ormkit_core::sql::Dialect;

use common::Common;
pub use config::{Config, PasswordSource, PrepareMode};
pub use copy::{CopyFormat, CopyOptions, CopyTarget, copy_in, copy_out};
pub use listen::{Channels, Heard, Listener, Notification};
pub use types::codecs::{Codecs, TypeName};

/// Opens connections to one PostgreSQL database.
#[derive(Clone)]
pub struct PgDriver {
    config: Arc<Config>,
    runtime: Arc<dyn Runtime>,
    common: Arc<Common>,
}

impl PgDriver {
    /// A driver that connects as `config` says; `runtime` brings sockets and time. Nothing is opened yet.
    pub fn new(config: impl Into<Arc<Config>>, runtime: Arc<dyn Runtime>) -> Self {
        Self {
            config: config.into(),
            runtime,
            common: Arc::new(Common::new(Arc::new(NoNotices), Arc::default())),
        }
    }

    /// The same; what its servers say without being asked goes to `notices`, from the moment at which they have let the
    /// client in.
    #[must_use]
    pub fn with_notices(self, notices: Arc<dyn NoticeSink>) -> Self {
        Self { common: Arc::new(self.common.with_notices(notices)), ..self }
    }

    /// The same; values of types that have one of these codecs are read and written by it, in SQL whose types follow from
    /// what the server says: columns whose type the caller names are read as that.
    #[must_use]
    pub fn with_codecs(self, codecs: Arc<Codecs>) -> Self {
        Self { common: Arc::new(self.common.with_codecs(codecs)), ..self }
    }

    /// Where and how this driver connects.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Driver for PgDriver {
    /// Tries the servers in order, within the configuration's connect timeout.
    ///
    /// # Errors
    /// `ConnectionLost` when nobody answers or no server is of the kind that was asked for, the server's own error (a wrong
    /// password is `28P01`), `Operational` when a certificate does not hold or a policy (`sslmode`, `channel_binding`,
    /// `require_auth`) does not allow what the server does, `Unsupported` when it asks for a password in clear text without
    /// having proven who it is, or for a method that is not here, `Protocol` when it is no PostgreSQL server.
    /// Dropping the future closes what it has opened.
    fn connect(&self) -> BoxFuture<'static, Result<Box<dyn Connection>>> {
        let driver = self.clone();
        Box::pin(async move {
            let connection =
                connection::establish::connect(&driver.config, driver.runtime, &driver.common).await?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }

    fn dialect(&self) -> &'static Dialect {
        &Dialect::POSTGRES
    }

    fn introspector(&self) -> Option<&'static dyn Introspect> {
        Some(&introspect::PgCatalog)
    }
}

impl std::fmt::Debug for PgDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgDriver").field("config", &self.config).finish_non_exhaustive()
    }
}
