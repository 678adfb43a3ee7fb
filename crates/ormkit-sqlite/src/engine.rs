//! What the connections of one driver share: the writer, the checkpointer, what is known of statements.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use ormkit_core::driver::{Effect, Statement};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::runtime::{Runtime, within};
use ormkit_core::sql::Dialect;

use crate::Memory;
use crate::checkpoint::Checkpointer;
use crate::config::{Config, Mode};
use crate::error;
use crate::handle::Handle;
use crate::locked;
use crate::pace::Slow;
use crate::writer::{Database, Grant};

/// The shared part of a driver.
pub(crate) struct Engine {
    config: Config,
    runtime: Arc<dyn Runtime>,
    database: Arc<Database>,
    pub(crate) checkpointer: Checkpointer,
    /// Statements that were over the inline budget last time.
    pub(crate) slow: Arc<Slow>,
    pub(crate) begin: Statement,
    pub(crate) commit: Statement,
}

impl Engine {
    pub(crate) fn new(memory: &Memory, config: Config, runtime: Arc<dyn Runtime>) -> Self {
        let database = match config.path() {
            None => Arc::clone(&memory.database),
            Some(_) => Arc::default(),
        };
        let checkpointer = Checkpointer::new(config.clone());
        Self {
            config,
            runtime,
            database,
            checkpointer,
            slow: Arc::default(),
            begin: Statement::command(Dialect::SQLITE.begin, Effect::Begin { read_only: false }),
            commit: Statement::command("COMMIT", Effect::Commit),
        }
    }

    /// True for a database in memory: then the writer serves everybody.
    pub(crate) fn in_memory(&self) -> bool {
        self.config.path().is_none()
    }

    /// The writer, opened at first use. Waits for those who asked before.
    ///
    /// # Errors
    /// `LockNotAvailable` after the busy timeout: whoever has the writer may be waiting for the caller.
    pub(crate) async fn writer(&self) -> Result<Grant> {
        let limit = self.config.busy_timeout;
        let granted = within(&*self.runtime, Some(limit), self.database.writer.acquire()).await;
        let mut grant = granted.ok_or_else(|| error::writer_held(limit, self.in_memory()))?;
        if !grant.is_open() {
            if self.in_memory() && self.database.opened.load(Ordering::Acquire) {
                return Err(Error::new(ErrorKind::ConnectionLost("the database in memory was lost".into())));
            }
            let create_wal = self.config.mode == Mode::Create && self.config.path().is_some_and(is_new);
            grant.put(self.open(create_wal).await?);
            self.database.opened.store(true, Ordering::Release);
        }
        Ok(grant)
    }

    /// Makes sure that the database can be opened, and opens a handle for reading. None in memory.
    pub(crate) async fn reader(&self) -> Result<Option<Box<Handle>>> {
        if !self.database.opened.load(Ordering::Acquire) {
            drop(self.writer().await?);
        }
        if self.in_memory() {
            return Ok(None);
        }
        self.open(false).await.map(Some)
    }

    /// Opens a handle away from the polling thread: it reads and may write the disk.
    async fn open(&self, create_wal: bool) -> Result<Box<Handle>> {
        let config = self.config.clone();
        offload(&*self.runtime, move || Handle::open(&config, create_wal).map(Box::new)).await
    }
}

/// True for a file that is missing or empty: nobody's journal mode is changed by choosing one for it.
fn is_new(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |metadata| metadata.len() == 0)
}

struct Handover<T> {
    result: Option<Result<T>>,
    waker: Option<Waker>,
}

/// Sends a result, also when the runtime drops the job unrun.
struct Sender<T>(Arc<Mutex<Handover<T>>>, Option<Result<T>>);

impl<T> Sender<T> {
    fn send(mut self, result: Result<T>) {
        self.1 = Some(result);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let unrun = || Err(Error::interface("the runtime was closed before the database was opened"));
        let result = self.1.take().unwrap_or_else(unrun);
        let mut handover = locked(&self.0);
        handover.result = Some(result);
        let waker = handover.waker.take();
        drop(handover);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Runs a blocking job away from the polling thread.
async fn offload<T: Send + 'static>(
    runtime: &dyn Runtime,
    job: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let handover = Arc::new(Mutex::new(Handover { result: None, waker: None }));
    let sender = Sender(Arc::clone(&handover), None);
    runtime.offload(Box::new(move || sender.send(job())));
    std::future::poll_fn(move |cx| {
        let mut handover = locked(&handover);
        match handover.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                let old = handover.waker.replace(cx.waker().clone());
                drop(handover);
                drop(old);
                Poll::Pending
            }
        }
    })
    .await
}
