//! A place in the line.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Shared;
use super::lent::{Lent, Slot};
use super::slots::Grant;

/// Waits for a connection or for the right to open one. Dropped, it leaves the line; what it was given in the meantime
/// goes to the next.
pub(super) struct Turn<'a> {
    shared: &'a Arc<Shared>,
    ticket: Option<i64>,
    first: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>) -> Self {
        Self { shared, ticket: None, first: false }
    }

    /// Another turn for who has had one: in front of all others.
    pub(super) fn again(shared: &'a Arc<Shared>) -> Self {
        Self { first: true, ..Self::new(shared) }
    }
}

impl Future for Turn<'_> {
    type Output = Grant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Grant> {
        let shared = self.shared;
        let Some(ticket) = self.ticket else {
            let free = shared.lock().take(shared.options.max, self.first);
            return match free {
                Some(grant) => Poll::Ready(grant),
                None => self.stand_in_line(cx),
            };
        };
        let waker = cx.waker().clone();
        let mut slots = shared.lock();
        if let Some(grant) = slots.granted.remove(&ticket) {
            self.ticket = None;
            drop(slots);
            return Poll::Ready(grant);
        }
        let before = slots.waiting.insert(ticket, waker);
        drop(slots);
        drop(before);
        Poll::Pending
    }
}

impl Turn<'_> {
    fn stand_in_line(&mut self, cx: &Context<'_>) -> Poll<Grant> {
        let waker = cx.waker().clone();
        let (shared, first) = (self.shared, self.first);
        // Something may have come back since the lock was let go: `update` serves the line, the newcomer included.
        let (ticket, grant) = shared.update(|slots| match slots.take(shared.options.max, first) {
            Some(grant) => (None, Some(grant)),
            None => (Some(slots.queue(waker, first)), None),
        });
        self.ticket = ticket;
        grant.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let (waker, grant) = {
            let mut slots = self.shared.lock();
            (slots.waiting.remove(&ticket), slots.granted.remove(&ticket))
        };
        drop(waker);
        match grant {
            Some(Grant::Connection(pooled)) => drop(Lent::new(self.shared, pooled)),
            Some(Grant::Slot(attempt)) => drop(Slot::new(self.shared, Some(attempt))),
            Some(Grant::Closed) | None => {}
        }
    }
}
