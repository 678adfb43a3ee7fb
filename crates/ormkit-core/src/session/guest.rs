//! A session inside the transaction of somebody else's [`Link`]: its own BEGIN, COMMIT and ROLLBACK become a savepoint
//! there, so that whoever has the link keeps or undoes all of it.
//!
//! The session knows nothing of that. Its pool has a driver whose connections are tickets: each statement borrows the
//! link, runs on its connection, and gives it back. Statements outside of the session's own transaction have a
//! savepoint each, so that one that fails leaves the transaction around it as it was.
//!
//! # Errors
//! What was dropped half way breaks the transaction of the link, as it would for statements of its own: only its
//! rollback is possible then. So does a session that is dropped with work open while the link is in use for so long that
//! the savepoint cannot be undone: nothing of it is kept unseen.

use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::Link;
use crate::driver::{
    Batch, BulkCopy, Cancel, Connection, Driver, Effect, Health, Introspect, Piece, RowSink, Statement,
};
use crate::error::{Error, Result};
use crate::pool::{Pool, PoolOptions};
use crate::runtime::{BoxFuture, Runtime};
use crate::sql::{Dialect, DialectName, TransactionMode};

/// Lends the link for one operation.
///
/// # Errors
/// Somebody else has it.
pub type LendLink = Arc<dyn Fn() -> Result<BorrowedLink> + Send + Sync>;

/// The link, given back when it is dropped.
pub type BorrowedLink = Box<dyn DerefMut<Target = Link> + Send>;

/// Statements of one session at most wait here; its streams have tickets of their own.
const TICKETS: usize = 64;
/// How long the drainer waits between two attempts to borrow a link that is in use.
const PATIENCE: Duration = Duration::from_millis(2);

/// A pool for sessions that join the transaction of a link to the database of `base`. The link's transaction is begun with
/// the first statement where none is open.
pub fn guests(base: &Pool, lend: LendLink) -> Pool {
    let driver = GuestDriver {
        dialect: base.dialect(),
        introspector: base.introspector().ok(),
        prefix: format!("{}in_", base.savepoint_prefix()).into(),
        runtime: Arc::clone(base.runtime()),
        lend,
    };
    let options = PoolOptions {
        min: 0,
        max: TICKETS,
        idle_timeout: None,
        max_lifetime: None,
        ping_after: None,
        connect_timeout: None,
        ..PoolOptions::default()
    };
    Pool::new(Arc::new(driver), Arc::clone(base.runtime()), options)
}

struct GuestDriver {
    dialect: &'static Dialect,
    introspector: Option<&'static dyn Introspect>,
    /// Of the savepoints of its sessions: another one than the link's, or ROLLBACK TO would find theirs.
    prefix: Arc<str>,
    runtime: Arc<dyn Runtime>,
    lend: LendLink,
}

impl Driver for GuestDriver {
    fn connect(&self) -> BoxFuture<'static, Result<Box<dyn Connection>>> {
        static NUMBERS: AtomicU32 = AtomicU32::new(1);
        let guest = Guest {
            lend: Arc::clone(&self.lend),
            runtime: Arc::clone(&self.runtime),
            dialect: self.dialect,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            inside: None,
            health: Health::Idle,
            cursors: Vec::new(),
        };
        Box::pin(async { Ok(Box::new(guest) as Box<dyn Connection>) })
    }

    fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    fn introspector(&self) -> Option<&'static dyn Introspect> {
        self.introspector
    }

    fn savepoint_prefix(&self) -> Arc<str> {
        Arc::clone(&self.prefix)
    }
}

/// A ticket for the link's connection.
struct Guest {
    lend: LendLink,
    runtime: Arc<dyn Runtime>,
    dialect: &'static Dialect,
    number: u32,
    /// The savepoint that stands for the session's transaction.
    inside: Option<Inside>,
    health: Health,
    /// Results to be closed before the next statement.
    cursors: Vec<u32>,
}

/// A savepoint: the transaction that it is in, and how many are open with it.
#[derive(Clone, Copy)]
struct Inside {
    transaction: u64,
    depth: usize,
    /// It takes no writes.
    read_only: bool,
}

/// What a batch of the session's link asks for.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Begin,
    Commit,
    Rollback,
    /// SAVEPOINT, RELEASE or ROLLBACK TO, and nothing else.
    Savepoint,
    Statements,
}

impl Asked {
    fn of(batch: Batch<'_>) -> Self {
        match batch.before.first().map(|statement| statement.text.effect) {
            Some(Effect::Begin { .. } | Effect::BeginRebuild) => return Self::Begin,
            Some(_) => return Self::Statements,
            None => {}
        }
        match batch.statements {
            [only] if only.text.effect == Effect::Commit => Self::Commit,
            [only] if only.text.effect == Effect::Rollback => Self::Rollback,
            [first, ..] if first.text.effect == Effect::Savepoint => Self::Savepoint,
            _ => Self::Statements,
        }
    }
}

impl Guest {
    async fn go(&mut self, link: &mut Link, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        for cursor in self.cursors.drain(..) {
            link.close_cursor(cursor);
        }
        match Asked::of(batch) {
            Asked::Begin => {
                let read_only = self.plain_mode(&batch.before[0])?;
                link.savepoint()?;
                let (transaction, depth) = (link.transaction(), link.open_savepoints());
                self.inside = Some(Inside { transaction, depth, read_only });
                let (mut before, behind) = (Vec::new(), &batch.before[1..]);
                if read_only && self.dialect.name == DialectName::Postgres {
                    // Until the end of the savepoint (access/transam/xact.c: prevXactReadOnly).
                    before.push(Statement::command("SET TRANSACTION READ ONLY", Effect::Savepoint));
                }
                before.extend_from_slice(behind);
                let batch = Batch { before: &before, statements: batch.statements };
                self.may_run(batch)?;
                self.run_inside(link, batch, sink).await
            }
            Asked::Commit => {
                self.innermost(link)?;
                link.release()?;
                self.inside = None;
                Ok(())
            }
            Asked::Rollback => {
                self.innermost(link)?;
                self.inside = None;
                link.rollback_savepoint().await
            }
            Asked::Savepoint => {
                self.innermost(link)?;
                link.run_savepoint(batch).await
            }
            Asked::Statements if self.inside.is_some() => {
                let reads = |statement: &Statement| statement.text.effect == Effect::Read;
                if batch.before.iter().chain(batch.statements).all(reads) {
                    self.still_inside(link)?;
                } else {
                    self.innermost(link)?;
                }
                self.may_run(batch)?;
                self.run_inside(link, batch, sink).await
            }
            Asked::Statements => {
                link.savepoint()?;
                match self.run_inside(link, batch, sink).await {
                    Ok(()) => link.release(),
                    Err(error) => {
                        // Where that is not possible the link says so itself from now on.
                        let _ = link.rollback_savepoint().await;
                        Err(error)
                    }
                }
            }
        }
    }

    /// Runs statements with the numbers that their results have on the link's connection.
    async fn run_inside(&self, link: &mut Link, batch: Batch<'_>, sink: &mut dyn RowSink) -> Result<()> {
        let [Statement { piece: Some(piece), .. }] = batch.statements else {
            return link.run(batch, sink).await;
        };
        let piece = Piece { cursor: self.cursor(piece.cursor), ..*piece };
        let numbered = [batch.statements[0].clone().in_pieces(piece)];
        link.run(Batch { before: batch.before, statements: &numbered }, sink).await
    }

    /// A number that no result of the link and of its other guests has.
    fn cursor(&self, own: u32) -> u32 {
        0x8000_0000 | ((self.number & 0x7ff) << 20) | (own & 0xf_ffff)
    }

    /// True for a transaction that only reads. The link's transaction has its mode already.
    ///
    /// # Errors
    /// `Unsupported`: any other mode.
    fn plain_mode(&self, begin: &Statement) -> Result<bool> {
        for read_only in [false, true] {
            let plain = TransactionMode { read_only, ..TransactionMode::default() }.begin(self.dialect);
            if begin.text == plain.text && begin.text.effect == plain.text.effect {
                return Ok(read_only);
            }
        }
        Err(Error::unsupported(
            "an isolation level of its own for a session on a connection",
            "choose it where the connection's transaction begins",
        ))
    }

    /// Refuses what SQLite would write in a transaction that only reads: it knows no such savepoints.
    fn may_run(&self, batch: Batch<'_>) -> Result<()> {
        let refuses = self.inside.is_some_and(|inside| inside.read_only)
            && self.dialect.name == DialectName::Sqlite
            && batch
                .statements
                .iter()
                .any(|statement| !matches!(statement.text.effect, Effect::Read | Effect::Savepoint));
        if !refuses {
            return Ok(());
        }
        Err(Error::unsupported(
            "SQL of your own in a transaction that only reads, of a session on a connection",
            "run it outside of the block, or on the connection",
        ))
    }

    fn still_inside(&self, link: &Link) -> Result<Inside> {
        let here = |inside: &Inside| {
            link.in_transaction()
                && link.transaction() == inside.transaction
                && link.open_savepoints() >= inside.depth
        };
        self.inside.filter(here).ok_or_else(|| {
            Error::invalid_request("the connection's transaction has ended, and the session's work with it")
        })
    }

    /// Refuses while a savepoint inside of the session's is open: what is written now would be undone with it, and it would end
    /// with the session's.
    fn innermost(&self, link: &Link) -> Result<()> {
        if link.open_savepoints() == self.still_inside(link)?.depth {
            return Ok(());
        }
        Err(Error::invalid_request(
            "another session or block of this connection is open that began later: it ends first",
        ))
    }

    /// What the session's link may believe of the connection.
    fn health_after(&self, link: &Link) -> Health {
        match (link.standing(), &self.inside) {
            (Health::InTransaction, Some(_)) => Health::InTransaction,
            (Health::Failed, Some(_)) => Health::Failed,
            (Health::Idle | Health::InTransaction | Health::Failed, None) => Health::Idle,
            _ => Health::Closed,
        }
    }

    /// Nobody can say any more that the session's work is not to be kept.
    fn give_up(&mut self) {
        if self.inside.is_some()
            && let Ok(mut link) = (self.lend)()
            && self.still_inside(&link).is_ok()
        {
            let text = "a session of this connection was dropped with work open: end it with close() or `async with`";
            link.fail(&Error::invalid_request(text));
        }
        self.inside = None;
    }
}

impl Connection for Guest {
    fn run<'a>(&'a mut self, batch: Batch<'a>, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut link = (self.lend)()?;
            self.health = Health::Dirty;
            let ran = self.go(&mut link, batch, sink).await;
            self.health = self.health_after(&link);
            ran
        })
    }

    fn health(&self) -> Health {
        self.health
    }

    fn close_cursor(&mut self, cursor: u32) {
        self.cursors.push(self.cursor(cursor));
    }

    fn clean(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut link = loop {
                match (self.lend)() {
                    Ok(link) => break link,
                    Err(_) => self.runtime.sleep(PATIENCE).await,
                }
            };
            if self.inside.is_some() && self.still_inside(&link).is_ok() {
                self.innermost(&link)?;
                link.rollback_savepoint().await?;
            }
            self.inside = None;
            self.health = self.health_after(&link);
            Ok(())
        })
    }

    fn check(&mut self) -> bool {
        self.health == Health::Idle
    }

    fn bulk_copy(&mut self) -> Result<&mut dyn BulkCopy> {
        Err(Error::unsupported(
            "COPY through a session that was made on a connection",
            "copy on that connection",
        ))
    }

    fn canceller(&self) -> Box<dyn Cancel> {
        Box::new(LinkCancels)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// What runs is stopped with the link's own connection, which the dropped operation leaves to the drainer.
struct LinkCancels;

impl Cancel for LinkCancels {
    fn cancel(&self) -> BoxFuture<'static, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}
