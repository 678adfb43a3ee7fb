//! The SQLite driver, through rusqlite.
//!
//! An engine has one writer and a reader per connection. Reads start on the thread that polls and move to the reader's
//! worker thread when they take longer than a millisecond; small writes run on the polling thread too; everything else
//! runs on a worker. Files that the driver creates are in WAL mode; the mode of an existing file is never changed.
//! Foreign keys are enforced, and text in double quotes is never a string.
//!
//! **Two copies of SQLite in one process lose data when both have the same file open.** POSIX locks belong to the
//! process: when one copy closes the file, the locks of the other are gone. Python's `sqlite3` module is such a second
//! copy. Look into a database that is in use through ormkit, or from another process.
//!
//! How values are stored is told in the table at the top of `value.rs`.

#![cfg_attr(
    not(test),
    deny(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)
)]

mod aside;
mod checkpoint;
mod config;
mod connection;
mod control;
mod engine;
mod error;
mod function;
mod handle;
mod inline;
mod introspect;
mod pace;
mod row;
mod seat;
mod value;
mod worker;
mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ormkit_core::driver::{Connection, Driver, Introspect};
use ormkit_core::error::Result;
use ormkit_core::runtime::{BoxFuture, Runtime};
use ormkit_core::sql::Dialect;

pub use config::{Config, Database, Mode};

/// Opens connections to one SQLite database. All connections of one driver share its writer, and its database when it
/// is in memory.
pub struct SqliteDriver {
    engine: Arc<engine::Engine>,
}

impl SqliteDriver {
    /// A driver for the database of `config`. Nothing is opened yet.
    pub fn new(config: Config, runtime: Arc<dyn Runtime>) -> Self {
        Self::sharing(&Memory::default(), config, runtime)
    }

    /// The same; a database in memory is that of `memory`, which other runtimes may use as well.
    pub fn sharing(memory: &Memory, config: Config, runtime: Arc<dyn Runtime>) -> Self {
        Self { engine: Arc::new(engine::Engine::new(memory, config, runtime)) }
    }
}

/// Holds a database in memory for the drivers of one engine, each on a runtime of its own. The database is made at
/// first use and is gone with the last of them.
#[derive(Clone, Default)]
pub struct Memory {
    database: Arc<writer::Database>,
}

impl Driver for SqliteDriver {
    fn connect(&self) -> BoxFuture<'static, Result<Box<dyn Connection>>> {
        let engine = Arc::clone(&self.engine);
        Box::pin(async move {
            let reader = engine.reader().await?;
            Ok(Box::new(connection::SqliteConnection::new(engine, reader)) as Box<dyn Connection>)
        })
    }

    fn dialect(&self) -> &'static Dialect {
        const { &Dialect::SQLITE }
    }

    fn introspector(&self) -> Option<&'static dyn Introspect> {
        Some(&introspect::SqliteCatalog)
    }
}

/// The guard of `mutex`. What it protects is consistent between any two statements, so a panic elsewhere spoils nothing.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
