//! One handle of SQLite: its settings, and the running of one statement.
//!
//! A handle is owned by whoever uses it: the connection on the polling thread, or a job on the handle's worker thread.
//! It is never shared, so nobody ever waits for it.

use std::sync::Arc;

use ormkit_core::driver::{self, Effect, Piece, Row, StatementText};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::value::{Params, ValueRef};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, InterruptHandle, OpenFlags, Statement, ffi};

use crate::config::{Config, Mode};
use crate::control::{Control, PROGRESS_OPERATIONS};
use crate::row::{NumberRow, StatementRow};
use crate::seat::Seat;
use crate::worker::Worker;
use crate::{error, function, value};

/// A connection of rusqlite with what surrounds it.
pub(crate) struct Handle {
    /// The connection of rusqlite; None only while it is dropped.
    seat: Option<Seat>,
    control: Arc<Control>,
    interrupt: Arc<InterruptHandle>,
    worker: Option<Worker>,
    /// The process that opened it: a forked child must not touch it.
    pid: u32,
    /// True when a commit waits for no disk: WAL without full synchronisation, or in memory.
    pub(crate) quick_commit: bool,
}

/// What takes the rows of a statement.
pub(crate) trait Receiver {
    /// The names of the columns, before the first row; only where the text does not fix them.
    fn columns(&mut self, names: Vec<String>) -> Result<()>;

    /// A row. False: enough, stop here.
    fn row(&mut self, row: &Row<'_>) -> Result<bool>;

    /// The rows of a piece are here, and there may be more.
    fn suspended(&mut self) {}
}

/// Why a statement did not run to its end.
pub(crate) enum Failure {
    /// Another process holds a lock; nothing was done.
    Busy(Error),
    /// The receiver said stop, or the inline budget was over.
    Stopped,
    /// It would write, on a handle that reads. Nothing was done.
    Writes,
    /// Anything else.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Handle {
    /// Opens a handle; `create_wal` makes the database a WAL one (only right for a new file). Blocks on the disk.
    pub(crate) fn open(config: &Config, create_wal: bool) -> Result<Self> {
        let mut connection = open(config).map_err(error::opening)?;
        let control = Arc::new(Control::new(config.busy_timeout, config.statement_timeout));
        control.wait_for_locks(true);
        let configured = configure(&mut connection, &control, config, create_wal);
        control.wait_for_locks(false);
        let quick_commit = configured.map_err(error::opening)?;
        let interrupt = Arc::new(connection.get_interrupt_handle());
        let pid = std::process::id();
        let seat = Some(Seat::new(connection));
        Ok(Self { seat, control, interrupt, worker: None, pid, quick_commit })
    }

    fn seat(&self) -> &Seat {
        self.seat.as_ref().expect("only drop takes the connection out")
    }

    /// The connection of rusqlite.
    pub(crate) fn connection(&self) -> &Connection {
        self.seat().connection()
    }

    /// What stops and measures it.
    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Stops what runs; harmless when nothing does.
    pub(crate) fn interrupt(&self) -> &Arc<InterruptHandle> {
        &self.interrupt
    }

    /// Its worker thread, started at the first need.
    pub(crate) fn worker(&mut self) -> Result<Worker> {
        if self.worker.is_none() {
            self.worker = Some(Worker::start()?);
        }
        self.worker.clone().ok_or_else(|| Error::interface("the worker thread is gone"))
    }

    /// False in a process forked from the one that opened it.
    pub(crate) fn is_ours(&self) -> bool {
        self.pid == std::process::id()
    }

    /// True inside a transaction.
    pub(crate) fn in_transaction(&self) -> bool {
        !self.connection().is_autocommit()
    }

    /// Gives up a statement that is half read.
    pub(crate) fn close_cursor(&self, cursor: u32) {
        self.seat().close(cursor);
    }

    /// True when a write has to read on first, which may take long.
    pub(crate) fn is_half_read(&self) -> bool {
        self.seat().reads_here()
    }

    /// Gives up all of them.
    pub(crate) fn close_cursors(&self) {
        self.seat().close_all();
    }

    /// Undoes an open transaction. It never waits for a lock.
    pub(crate) fn rollback(&self) -> Result<()> {
        self.seat().close_all();
        if self.in_transaction() {
            self.connection().execute_batch("ROLLBACK").map_err(|error| error::of(error, "ROLLBACK"))?;
        }
        Ok(())
    }

    /// Switches the checking of foreign keys, and whether renaming a table leaves what refers to it alone. Inside of a
    /// transaction the first has no effect.
    pub(crate) fn rebuilding(&self, rebuilds: bool) -> Result<()> {
        let switch = |config, on| self.connection().set_db_config(config, on);
        switch(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, !rebuilds)
            .and_then(|_| switch(DbConfig::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, rebuilds))
            .map(drop)
            .map_err(error::opening)
    }

    /// True when `sql` only reads and answers rows. Text that cannot be prepared counts as a read: running it reports
    /// why.
    pub(crate) fn reads_only(&self, sql: &str) -> bool {
        self.connection()
            .prepare_cached(sql)
            .map_or(true, |statement| statement.readonly() && statement.column_count() > 0)
    }

    /// True when `sql` changes the database file. Text that cannot be prepared does not: running it reports why.
    pub(crate) fn writes(&self, sql: &str) -> bool {
        self.connection().prepare_cached(sql).is_ok_and(|statement| !statement.readonly())
    }

    /// Runs one statement to its end, or the end of its piece, and answers the number of rows read or written.
    ///
    /// A COMMIT that fails for another reason than a lock is followed by a ROLLBACK: nothing was kept.
    pub(crate) fn execute(
        &self,
        statement: &driver::Statement,
        reads: bool,
        out: &mut dyn Receiver,
    ) -> Result<u64, Failure> {
        let (text, params) = (&statement.text, &statement.params);
        if matches!(text.effect, Effect::Commit | Effect::Rollback) {
            self.seat().close_all();
        }
        // Nobody could tell what a transaction is whose COMMIT was stopped.
        self.control.time_statement(matches!(
            text.effect,
            Effect::Read | Effect::Write { .. } | Effect::Unknown | Effect::Script
        ));
        let result = match statement.piece {
            _ if text.effect == Effect::Script => self.run_script(&text.sql),
            Some(piece) => self.read_piece(piece, text, params, out),
            None => self.try_execute(text, params, reads, out),
        };
        self.control.time_statement(false);
        if text.effect == Effect::Commit && matches!(result, Err(Failure::Error(_))) {
            self.rollback()?;
        }
        result
    }

    fn try_execute(
        &self,
        text: &Arc<StatementText>,
        params: &Params,
        reads: bool,
        out: &mut dyn Receiver,
    ) -> Result<u64, Failure> {
        let mut statement = match self.connection().prepare_cached(&text.sql) {
            Ok(statement) => statement,
            Err(error) => return Err(self.failure(error, &text.sql, true)),
        };
        if reads && !(statement.readonly() && statement.column_count() > 0) {
            return Err(Failure::Writes);
        }
        check_count(&statement, text, params)?;
        if text.columns.is_none() && is_empty(&statement) {
            return Ok(0);
        }
        if !statement.readonly() {
            self.put_aside(&text.sql)?;
        }
        let mut scratch = String::new();
        let mut bind = |statement: &mut Statement<'_>, index, value| {
            bind(statement, index, value, &mut scratch).map_err(|error| error.in_statement(&text.sql))
        };
        if !text.per_row {
            for (index, value) in params.iter().enumerate() {
                bind(&mut statement, index, value)?;
            }
            return self.step_through(&mut statement, text, true, out);
        }
        let mut columns: Vec<_> = params.iter().map(elements).collect();
        let mut bind_next = |statement: &mut Statement<'_>| {
            columns.iter_mut().enumerate().try_for_each(|(index, column)| {
                bind(statement, index, column.next().unwrap_or(ValueRef::Null))
            })
        };
        let runs = runs(text, params);
        let mut affected = 0;
        let mut numbering = Numbering { out, looks: text.unreturning.is_some(), number: None };
        for run in 0..runs {
            bind_next(&mut statement)?;
            affected += self.step_through(&mut statement, text, run == 0, &mut numbering)?;
            let Some(unreturning) = numbering.unreturning(self, text) else { continue };
            let (name, out) = (names(&statement).swap_remove(0), numbering.out);
            let rest = runs - run - 1;
            return Ok(affected + self.insert_numbered(text, unreturning, &name, rest, &mut bind_next, out)?);
        }
        Ok(affected)
    }

    /// Before a write: nothing of it comes in a result that is half read.
    fn put_aside(&self, sql: &str) -> Result<(), Failure> {
        self.seat().put_aside().map_err(|error| self.failure(error, sql, false))
    }

    /// Runs several statements. What they had done when one of them fails stays, unless a transaction is around them.
    fn run_script(&self, script: &str) -> Result<u64, Failure> {
        self.put_aside(script)?;
        self.connection().execute_batch(script).map_err(|error| self.failure(error, script, false))?;
        Ok(0)
    }

    /// Reads a piece of a result. Its statement is not one of the cache: another may run the same text meanwhile.
    fn read_piece(
        &self,
        piece: Piece,
        text: &Arc<StatementText>,
        params: &Params,
        out: &mut dyn Receiver,
    ) -> Result<u64, Failure> {
        let mut scratch = String::new();
        let begin = |statement: &mut Statement<'_>| {
            check_count(statement, text, params)?;
            for (index, value) in params.iter().enumerate() {
                bind(statement, index, value, &mut scratch).map_err(|error| error.in_statement(&text.sql))?;
            }
            Ok(())
        };
        let refuse = |error| self.failure(error, &text.sql, true);
        let read = |statement: &mut Statement<'_>| self.step_piece(statement, piece, text, out);
        self.seat().read_piece(piece, &text.sql, refuse, begin, read)
    }

    /// Steps through a piece; true when there may be more.
    fn step_piece(
        &self,
        statement: &mut Statement<'_>,
        piece: Piece,
        text: &Arc<StatementText>,
        out: &mut dyn Receiver,
    ) -> Result<(u64, bool), Failure> {
        if piece.first && text.columns.is_none() && statement.column_count() > 0 {
            out.columns(names(statement))?;
        }
        let mut rows = statement.raw_query();
        for read in 0..piece.rows.get() {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok((read.into(), false)),
                Err(error) => return Err(self.failure(error, &text.sql, piece.first && read == 0)),
            };
            let columns = row.as_ref().column_count();
            if !out.row(&Row::new(&StatementRow::new(row, text, columns)))? {
                return Err(Failure::Stopped);
            }
        }
        out.suspended();
        // Dropped, it would begin anew.
        std::mem::forget(rows);
        Ok((0, true))
    }

    /// Inserts rows and answers the numbers that SQLite says it gave them.
    ///
    /// For RETURNING SQLite makes and drops a table of its own in every run (`sqlite3BtreeOpen` and its like in a profile):
    /// `make bench` measured 5,000 inserts at 26 ms with it and at 11 ms without, a leaner flush included.
    fn insert_numbered(
        &self,
        text: &Arc<StatementText>,
        sql: &str,
        name: &str,
        runs: usize,
        bind_next: &mut dyn FnMut(&mut Statement<'_>) -> Result<()>,
        out: &mut dyn Receiver,
    ) -> Result<u64, Failure> {
        let connection = self.connection();
        let failure = |error| self.failure(error, &text.sql, false);
        let mut statement = connection.prepare_cached(sql).map_err(failure)?;
        let mut affected = 0;
        for _ in 0..runs {
            bind_next(&mut statement)?;
            statement.raw_execute().map_err(failure)?;
            // A trigger may have refused the row without an error, and there is no number then.
            if connection.changes() == 0 {
                continue;
            }
            affected += 1;
            let row = NumberRow { number: connection.last_insert_rowid(), name, text };
            if !out.row(&Row::new(&row))? {
                return Err(Failure::Stopped);
            }
        }
        Ok(affected)
    }

    fn step_through(
        &self,
        statement: &mut Statement<'_>,
        text: &Arc<StatementText>,
        first: bool,
        out: &mut dyn Receiver,
    ) -> Result<u64, Failure> {
        let before = self.connection().total_changes();
        let readonly = statement.readonly();
        let mut described = text.columns.is_some() || !first;
        let mut read = 0;
        let mut rows = statement.raw_query();
        loop {
            let next = match rows.next() {
                Ok(next) => next,
                Err(error) => return Err(self.failure(error, &text.sql, first && read == 0)),
            };
            let Some(row) = next else { break };
            // Names and their number are read behind the first step: it prepares anew after a change of the schema.
            let columns = row.as_ref().column_count();
            if !described {
                out.columns(names(row.as_ref()))?;
                described = true;
            }
            read += 1;
            if !out.row(&Row::new(&StatementRow::new(row, text, columns)))? {
                return Err(Failure::Stopped);
            }
        }
        drop(rows);
        if !described && statement.column_count() > 0 {
            out.columns(names(statement))?;
        }
        Ok(match readonly {
            true => read,
            false if self.connection().total_changes() == before => 0,
            false => self.connection().changes(),
        })
    }

    fn failure(&self, error: rusqlite::Error, sql: &str, untouched: bool) -> Failure {
        match error::primary_code(&error) {
            Some(ffi::SQLITE_INTERRUPT) if self.control.is_over_budget() => Failure::Stopped,
            Some(ffi::SQLITE_INTERRUPT | ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED)
                if let Some(limit) = self.control.timed_out() =>
            {
                Failure::Error(error::timed_out(limit).in_statement(sql))
            }
            Some(ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED) if untouched => Failure::Busy(error::of(error, sql)),
            _ => Failure::Error(error::of(error, sql)),
        }
    }
}

/// Looks at the number that a run returns, on its way.
struct Numbering<'a> {
    out: &'a mut dyn Receiver,
    /// False where nobody wants to know.
    looks: bool,
    number: Option<i64>,
}

impl Numbering<'_> {
    /// The text without RETURNING, where it answers the same: the column that was returned is the rowid of this table,
    /// which only the database knows.
    fn unreturning<'t>(&self, handle: &Handle, text: &'t StatementText) -> Option<&'t str> {
        let number = self.number?;
        text.unreturning.as_deref().filter(|_| handle.connection().last_insert_rowid() == number)
    }
}

impl Receiver for Numbering<'_> {
    fn columns(&mut self, names: Vec<String>) -> Result<()> {
        self.out.columns(names)
    }

    fn row(&mut self, row: &Row<'_>) -> Result<bool> {
        if self.looks {
            self.number = match row.cell(0)? {
                ValueRef::Int(number) => Some(number),
                _ => None,
            };
        }
        self.out.row(row)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.is_ours() {
            // Closing in a forked child would checkpoint and delete files that the parent is using.
            std::mem::forget(self.seat.take());
        }
    }
}

/// Sets a new connection up; true when a commit on it waits for no disk.
fn configure(
    connection: &mut Connection,
    control: &Arc<Control>,
    config: &Config,
    create_wal: bool,
) -> rusqlite::Result<bool> {
    let control = Arc::clone(control);
    connection.set_prepared_statement_cache_capacity(config.statement_cache.max(1));
    let busy = Arc::clone(&control);
    connection.busy_handler(Some(move |attempt| busy.wait_on_lock(attempt)))?;
    let progress = Arc::clone(&control);
    connection.progress_handler(PROGRESS_OPERATIONS, Some(move || progress.must_stop()))?;
    function::install(connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    if !config.trusted {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.execute_batch("PRAGMA cell_size_check=ON")?;
    }
    if config.path().is_none() {
        return Ok(true);
    }
    let pragma = if create_wal { "PRAGMA journal_mode=WAL" } else { "PRAGMA journal_mode" };
    let journal: String = connection.query_row(pragma, [], |row| row.get(0))?;
    if !journal.eq_ignore_ascii_case("wal") {
        return Ok(false);
    }
    connection.execute_batch("PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0")?;
    connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
        control.note_wal_pages(pages);
        Ok(())
    }))?;
    Ok(true)
}

/// Refuses another number of values than the statement has places for.
fn check_count(statement: &Statement<'_>, text: &StatementText, params: &Params) -> Result<()> {
    if statement.parameter_count() == params.len() {
        return Ok(());
    }
    let (wanted, given) = (statement.parameter_count(), params.len());
    let message = format!("the statement has {wanted} placeholder(s), {given} value(s) were given");
    Err(Error::new(ErrorKind::Programming(message)).in_statement(&text.sql))
}

fn open(config: &Config) -> rusqlite::Result<Connection> {
    let access = match config.mode {
        Mode::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Mode::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Mode::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    // A handle has one user at a time: SQLite needs no mutex of its own.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    match config.path() {
        None => Connection::open_in_memory_with_flags(
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        ),
        Some(path) if config.immutable => {
            let path = percent_encoding::utf8_percent_encode(
                &path.to_string_lossy(),
                percent_encoding::NON_ALPHANUMERIC,
            )
            .to_string();
            Connection::open_with_flags(
                format!("file:{path}?immutable=1"),
                flags | OpenFlags::SQLITE_OPEN_URI,
            )
        }
        Some(path) => Connection::open_with_flags(path, flags),
    }
}

fn bind(
    statement: &mut Statement<'_>,
    index: usize,
    value: ValueRef<'_>,
    scratch: &mut String,
) -> Result<()> {
    let stored = value::stored(value, scratch).map_err(|error| error.at_parameter(index))?;
    statement.raw_bind_parameter(index + 1, stored).map_err(error::opening)
}

/// True where the text holds blanks and comments alone: SQLite makes no statement of it, and steps none.
fn is_empty(statement: &Statement<'_>) -> bool {
    statement.readonly() && statement.column_count() == 0 && statement.expanded_sql().is_none()
}

/// How often the text runs: once, or once per element of its arrays.
pub(crate) fn runs(text: &StatementText, params: &Params) -> usize {
    if !text.per_row {
        return 1;
    }
    params
        .iter()
        .map(|value| if let ValueRef::Array(array) = value { array.len() } else { 1 })
        .max()
        .unwrap_or(1)
}

/// The values of a parameter, run by run, of a text that runs once per row.
fn elements(value: ValueRef<'_>) -> Box<dyn Iterator<Item = ValueRef<'_>> + '_> {
    match value {
        ValueRef::Array(array) => Box::new(array.iter()),
        scalar => Box::new(std::iter::repeat(scalar)),
    }
}

fn names(statement: &Statement<'_>) -> Vec<String> {
    statement.column_names().map(str::to_owned).collect()
}
