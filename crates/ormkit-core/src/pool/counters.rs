//! What a pool has done so far.

use std::time::Duration;

use super::Reason;

/// Numbers that only grow, counted since the pool was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that were opened.
    pub opened: u64,
    /// Attempts to open one that failed.
    pub connect_failures: u64,
    /// Requests for a connection.
    pub acquires: u64,
    /// Those of them that had to wait.
    pub waits: u64,
    /// How long they waited, together.
    pub wait_total: Duration,
    /// How long one of them waited at most.
    pub wait_max: Duration,
    /// Those whose time was up.
    pub timeouts: u64,
    /// Those that were cancelled while they waited.
    pub cancels: u64,
    /// Those that were refused because the line was full.
    pub refused: u64,
    /// Connections that were given back in the middle of something, or with a changed session, and cleaned.
    pub cleaned: u64,
    /// Those of them whose session was reset.
    pub resets: u64,
    closed: [u64; Reason::ALL.len()],
}

impl Counters {
    /// Connections that were closed for this reason.
    pub fn closed(&self, reason: Reason) -> u64 {
        self.closed[reason as usize]
    }

    pub(super) fn count_closed(&mut self, reason: Reason) {
        self.closed[reason as usize] += 1;
    }

    pub(super) fn count_wait(&mut self, waited: Duration) {
        self.wait_total += waited;
        self.wait_max = self.wait_max.max(waited);
    }

    /// Adds what another pool has done.
    pub fn add(&mut self, other: &Self) {
        let Self { wait_max, closed, .. } = other;
        self.wait_total += other.wait_total;
        self.wait_max = self.wait_max.max(*wait_max);
        for (sum, count) in [
            (&mut self.opened, other.opened),
            (&mut self.connect_failures, other.connect_failures),
            (&mut self.acquires, other.acquires),
            (&mut self.waits, other.waits),
            (&mut self.timeouts, other.timeouts),
            (&mut self.cancels, other.cancels),
            (&mut self.refused, other.refused),
            (&mut self.cleaned, other.cleaned),
            (&mut self.resets, other.resets),
        ] {
            *sum += count;
        }
        self.closed.iter_mut().zip(closed).for_each(|(sum, count)| *sum += count);
    }
}
