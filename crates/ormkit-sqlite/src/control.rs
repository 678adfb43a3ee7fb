//! What stops a running statement and what it reports: shared between a handle's callbacks and whoever runs it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use crate::locked;

/// The progress handler is called every so many operations of the virtual machine (about 10 µs).
pub(crate) const PROGRESS_OPERATIONS: i32 = 1_000;

/// How long a statement may hold the polling thread before it is moved to the worker.
pub(crate) const INLINE_BUDGET: Duration = Duration::from_millis(1);

/// Flags of one handle.
pub(crate) struct Control {
    /// When the inline budget ends; None without one.
    deadline: Mutex<Option<Instant>>,
    over_budget: AtomicBool,
    cancelled: AtomicBool,
    /// Locks of other processes are waited for: only on a worker thread.
    waits: AtomicBool,
    /// Since when one lock is waited for.
    waiting_since: Mutex<Option<Instant>>,
    busy_timeout: Duration,
    /// How long a statement may run.
    statement_timeout: Option<Duration>,
    /// When what runs has run for that long.
    statement_end: Mutex<Option<Instant>>,
    /// Pages in the WAL after the last commit.
    wal_pages: AtomicI32,
}

impl Control {
    pub(crate) fn new(busy_timeout: Duration, statement_timeout: Option<Duration>) -> Self {
        Self {
            deadline: Mutex::new(None),
            over_budget: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            waits: AtomicBool::new(false),
            waiting_since: Mutex::new(None),
            busy_timeout,
            statement_timeout,
            statement_end: Mutex::new(None),
            wal_pages: AtomicI32::new(0),
        }
    }

    /// Starts the inline budget of a statement.
    pub(crate) fn start_budget(&self) -> Instant {
        let deadline = Instant::now() + INLINE_BUDGET;
        self.over_budget.store(false, Ordering::Relaxed);
        *locked(&self.deadline) = Some(deadline);
        deadline
    }

    /// Ends it: statements run as long as they take.
    pub(crate) fn end_budget(&self) {
        *locked(&self.deadline) = None;
        self.over_budget.store(false, Ordering::Relaxed);
    }

    /// True when the statement was stopped for its budget.
    pub(crate) fn is_over_budget(&self) -> bool {
        self.over_budget.load(Ordering::Relaxed)
    }

    /// Whether locks of other processes are waited for.
    pub(crate) fn wait_for_locks(&self, wait: bool) {
        self.waits.store(wait, Ordering::Relaxed);
    }

    /// Asks what runs to stop, or takes the request back.
    pub(crate) fn cancel(&self, cancelled: bool) {
        self.cancelled.store(cancelled, Ordering::Relaxed);
    }

    /// True when what runs was asked to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Starts the time of a statement, or ends it.
    pub(crate) fn time_statement(&self, start: bool) {
        if let Some(limit) = self.statement_timeout {
            *locked(&self.statement_end) = start.then(|| Instant::now() + limit);
        }
    }

    /// The time that a statement has, when it is over.
    pub(crate) fn timed_out(&self) -> Option<Duration> {
        let limit = self.statement_timeout?;
        locked(&self.statement_end).is_some_and(|end| Instant::now() > end).then_some(limit)
    }

    /// The progress handler.
    pub(crate) fn must_stop(&self) -> bool {
        let over = locked(&self.deadline).is_some_and(|deadline| Instant::now() > deadline);
        if over {
            self.over_budget.store(true, Ordering::Relaxed);
        }
        over || self.is_cancelled() || self.timed_out().is_some()
    }

    /// The busy handler: waits a little and answers whether to try again.
    pub(crate) fn wait_on_lock(&self, attempt: i32) -> bool {
        if !self.waits.load(Ordering::Relaxed) || self.is_cancelled() || self.timed_out().is_some() {
            return false;
        }
        let now = Instant::now();
        let since = {
            let mut since = locked(&self.waiting_since);
            if attempt == 0 {
                *since = Some(now);
            }
            since.unwrap_or(now)
        };
        if now.duration_since(since) >= self.busy_timeout {
            return false;
        }
        // Short at first: most locks are held for the time of one small commit.
        std::thread::sleep(Duration::from_millis(u64::from(attempt.clamp(1, 10).unsigned_abs())));
        true
    }

    /// The WAL hook.
    pub(crate) fn note_wal_pages(&self, pages: i32) {
        self.wal_pages.store(pages, Ordering::Relaxed);
    }

    /// Pages in the WAL after the last commit.
    pub(crate) fn wal_pages(&self) -> i32 {
        self.wal_pages.load(Ordering::Relaxed)
    }
}
