//! What keeps the polling thread free: how long it has been held, and which statements do not belong on it.

use std::sync::Mutex;
use std::task::Poll;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use crate::locked;

/// The statements that were over the inline budget last time.
#[derive(Default)]
pub(crate) struct Slow(Mutex<FxHashSet<u64>>);

impl Slow {
    /// Bounds the memory: beyond it everything gets a new chance.
    const LIMIT: usize = 4_096;

    pub(crate) fn note(&self, fingerprint: u64, slow: bool) {
        let mut set = locked(&self.0);
        if !slow {
            set.remove(&fingerprint);
        } else {
            if set.len() >= Self::LIMIT {
                set.clear();
            }
            set.insert(fingerprint);
        }
    }

    pub(crate) fn contains(&self, fingerprint: u64) -> bool {
        let set = locked(&self.0);
        !set.is_empty() && set.contains(&fingerprint)
    }
}

/// How long the polling thread has been held since it was last given back.
pub(crate) struct Pace {
    since: Instant,
    rows: u32,
}

impl Pace {
    /// Longest run of inline statements.
    pub(crate) const STATEMENTS: Duration = Duration::from_micros(500);
    /// Longest run of replaying rows.
    pub(crate) const ROWS: Duration = Duration::from_millis(2);

    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), rows: 0 }
    }

    /// True when the thread has been held for `limit`.
    pub(crate) fn is_due(&self, limit: Duration) -> bool {
        self.since.elapsed() >= limit
    }

    /// The same, looking at the clock only every 32 rows.
    pub(crate) fn is_due_after_row(&mut self) -> bool {
        self.rows = self.rows.wrapping_add(1);
        self.rows.is_multiple_of(32) && self.is_due(Self::ROWS)
    }

    /// Gives the thread back once.
    pub(crate) async fn rest(&mut self) {
        let mut rested = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut rested, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        self.restart();
    }

    /// The thread was given back by waiting.
    pub(crate) fn restart(&mut self) {
        self.since = Instant::now();
    }
}
