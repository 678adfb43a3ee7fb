//! Moves the WAL into the database, away from those who write.
//!
//! An automatic checkpoint runs inside the commit that fills the WAL and stalls it for 3 to 16 ms. Here a handle of its
//! own does it on its own thread: PASSIVE waits for nobody and keeps nobody waiting. Only a WAL that has grown large
//! (a reader that never ended kept it from being reused) is truncated, which does wait for locks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::config::Config;
use crate::handle::Handle;
use crate::locked;
use crate::worker::Worker;

/// Pages in the WAL from which on it is moved: SQLite's own default.
const PASSIVE_PAGES: i32 = 1_000;
/// Pages from which on the file is also cut to nothing (64 MiB of 4 KiB pages).
const TRUNCATE_PAGES: i32 = 16_384;

/// The checkpointer of one database; its thread and handle start at first need.
pub(crate) struct Checkpointer {
    config: Config,
    worker: Mutex<Option<Worker>>,
    handle: Arc<Mutex<Option<Handle>>>,
    running: Arc<AtomicBool>,
}

impl Checkpointer {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, worker: Mutex::default(), handle: Arc::default(), running: Arc::default() }
    }

    /// Starts a checkpoint when a WAL of `pages` wants one and none is running.
    pub(crate) fn note(&self, pages: i32) {
        if pages < PASSIVE_PAGES || self.running.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut worker = locked(&self.worker);
        if worker.is_none() {
            *worker = Worker::start().ok();
        }
        let Some(worker) = &*worker else {
            self.running.store(false, Ordering::Release);
            return;
        };
        let job = Job {
            config: self.config.clone(),
            handle: Arc::clone(&self.handle),
            running: Running(Arc::clone(&self.running)),
        };
        worker.submit(move || job.run(pages >= TRUNCATE_PAGES));
    }
}

struct Job {
    config: Config,
    handle: Arc<Mutex<Option<Handle>>>,
    running: Running,
}

/// Says that the checkpoint is over, however it ends.
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Job {
    /// A checkpoint that fails is tried again by the next commit: the data is safe in the WAL.
    fn run(self, truncate: bool) {
        let mut handle = locked(&self.handle);
        if handle.is_none() {
            *handle = Handle::open(&self.config, false).ok();
        }
        if let Some(handle) = &*handle {
            let mode =
                if truncate { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
            handle.control().wait_for_locks(truncate);
            drop(handle.connection().query_row(mode, [], |_| Ok(())));
            handle.control().wait_for_locks(false);
        }
        drop(self.running);
    }
}
