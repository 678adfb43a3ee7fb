//! The pool's books: which slots are taken, who waits, what lies idle. All under one lock that is never held while
//! anything is dropped, woken, polled or spawned.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::counters::Counters;
use super::outage::{Attempt, Outage};
use super::policy::Facts;
use super::status::Borrow;
use crate::driver::Connection;

/// An open connection with what the pool knows of it.
pub(super) struct Pooled {
    pub(super) connection: Box<dyn Connection>,
    /// Its number, for the list of borrowers.
    pub(super) serial: u64,
    /// Its number among those of all pools, for tracers.
    pub(super) id: u64,
    /// The pool's generation that it belongs to.
    pub(super) generation: u64,
    pub(super) facts: Facts,
    pub(super) opened: Instant,
    pub(super) stage: Stage,
    /// Who has it, as [`status`](super::Pool::status) tells. Kept with the connection to be reused.
    pub(super) borrow: Arc<Borrow>,
}

/// How far a connection is on its way to the next borrower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A callback has still to run on it, or runs.
    Raw,
    Ready,
    /// A borrower has had it.
    Used,
}

/// What a waiter is given.
pub(super) enum Grant {
    /// An idle connection, not checked yet.
    Connection(Pooled),
    /// The right to open one.
    Slot(Attempt),
    /// The pool was closed.
    Closed,
    /// There is no room in the line.
    Full,
}

/// The books. `used + idle.len()` never exceeds the pool's maximum, and whoever is counted in `used` holds a
/// [`Lent`](super::Lent), a slot guard or a grant, each of which counts itself out when it is dropped.
#[derive(Default)]
pub(super) struct Slots {
    /// Idle connections; the most recently used last, which is lent first.
    pub(super) idle: Vec<Pooled>,
    /// Slots that are lent, connecting, or granted to a waiter.
    pub(super) used: usize,
    /// Connections being cleaned. They count apart, so that nobody waits behind a stale answer.
    pub(super) draining: usize,
    /// Waiters in the order of arrival. A waiter is in `waiting` or in `granted`, never in both.
    pub(super) waiting: BTreeMap<i64, Waker>,
    pub(super) granted: FxHashMap<i64, Grant>,
    next_ticket: i64,
    /// Below all tickets that were given.
    first_ticket: i64,
    pub(super) next_serial: u64,
    pub(super) generation: u64,
    pub(super) closed: bool,
    /// Connections below the minimum are opened in the background.
    pub(super) keeps_minimum: bool,
    /// A task that does so is under way.
    pub(super) refilling: bool,
    /// Who waits for the last borrower after a close.
    pub(super) closers: Vec<Waker>,
    pub(super) lent: FxHashMap<u64, Arc<Borrow>>,
    pub(super) outage: Outage,
    pub(super) counters: Counters,
}

impl Slots {
    /// Open and opening connections, those being cleaned left out.
    pub(super) fn open(&self) -> usize {
        self.used + self.idle.len()
    }

    /// Takes what is free at once; None when the caller has to wait. Nobody overtakes a waiter, except who is `first`.
    pub(super) fn take(&mut self, max: usize, first: bool) -> Option<Grant> {
        if self.closed {
            return Some(Grant::Closed);
        }
        if first || self.waiting.is_empty() { self.free(max) } else { None }
    }

    /// Stands in line: at its end, or in front of all for who has had its turn already.
    pub(super) fn queue(&mut self, waker: Waker, first: bool) -> i64 {
        let ticket = if first {
            self.first_ticket -= 1;
            self.first_ticket
        } else {
            self.next_ticket += 1;
            self.next_ticket
        };
        self.waiting.insert(ticket, waker);
        ticket
    }

    /// Gives what is free to those who wait, first come first served. The answer is woken outside the lock.
    #[must_use]
    pub(super) fn serve(&mut self, max: usize) -> Vec<Waker> {
        let mut woken = Vec::new();
        while !self.waiting.is_empty() {
            let grant = if self.closed { Some(Grant::Closed) } else { self.free(max) };
            let Some(grant) = grant else { break };
            if let Some((ticket, waker)) = self.waiting.pop_first() {
                self.granted.insert(ticket, grant);
                woken.push(waker);
            }
        }
        if self.is_finished() {
            woken.append(&mut self.closers);
        }
        woken
    }

    /// True when the pool is closed and the last borrower has come back.
    pub(super) fn is_finished(&self) -> bool {
        self.closed && self.used == 0 && self.draining == 0
    }

    /// Removes the idle connections at ascending `positions`.
    pub(super) fn remove_idle(&mut self, positions: &[usize]) -> Vec<Pooled> {
        positions.iter().rev().map(|at| self.idle.remove(*at)).collect()
    }

    /// What is known of the idle connections.
    pub(super) fn idle_facts(&self) -> Vec<Facts> {
        self.idle.iter().map(|pooled| pooled.facts).collect()
    }

    /// Puts a clean connection down, to be lent again.
    pub(super) fn put_idle(&mut self, mut pooled: Pooled, now: Instant) {
        pooled.facts.idle_since = now;
        self.idle.push(pooled);
    }

    fn free(&mut self, max: usize) -> Option<Grant> {
        if let Some(pooled) = self.idle.pop() {
            self.used += 1;
            return Some(Grant::Connection(pooled));
        }
        if self.used < max
            && let Some(attempt) = self.outage.admit()
        {
            self.used += 1;
            return Some(Grant::Slot(attempt));
        }
        None
    }
}
