//! A place in the line.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::Shared;
use super::lent::{Lent, Slot};
use super::slots::{Grant, Slots};

/// Waits for a connection or for the right to open one. Dropped, it leaves the line; what it was given in the meantime
/// goes to the next.
pub(super) struct Turn<'a> {
    shared: &'a Arc<Shared>,
    place: Option<Place>,
    first: bool,
}

#[derive(Clone, Copy)]
struct Place {
    ticket: i64,
    since: Instant,
}

impl<'a> Turn<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>) -> Self {
        Self { shared, place: None, first: false }
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
        let Some(place) = self.place else {
            let free = self.take(&mut shared.lock());
            return match free {
                Some(grant) => Poll::Ready(grant),
                None => self.stand_in_line(cx),
            };
        };
        let waker = cx.waker().clone();
        let mut slots = shared.lock();
        if let Some(grant) = slots.granted.remove(&place.ticket) {
            self.place = None;
            slots.counters.count_wait(shared.runtime.now().saturating_duration_since(place.since));
            drop(slots);
            return Poll::Ready(grant);
        }
        let before = slots.waiting.insert(place.ticket, waker);
        drop(slots);
        drop(before);
        Poll::Pending
    }
}

impl Turn<'_> {
    fn take(&self, slots: &mut Slots) -> Option<Grant> {
        let grant = slots.take(self.shared.options.max, self.first)?;
        slots.counters.acquires += u64::from(!self.first);
        Some(grant)
    }

    fn stand_in_line(&mut self, cx: &Context<'_>) -> Poll<Grant> {
        let waker = cx.waker().clone();
        let (shared, first, since) = (self.shared, self.first, self.shared.runtime.now());
        // Something may have come back since the lock was let go: `update` serves the line, the newcomer included.
        let (place, grant) = shared.update(|slots| {
            if let Some(grant) = self.take(slots) {
                return (None, Some(grant));
            }
            slots.counters.acquires += u64::from(!first);
            let full = shared.options.max_waiting.is_some_and(|most| slots.waiting.len() >= most);
            if full && !first {
                slots.counters.refused += 1;
                return (None, Some(Grant::Full));
            }
            slots.counters.waits += 1;
            (Some(Place { ticket: slots.queue(waker, first), since }), None)
        });
        self.place = place;
        grant.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(Place { ticket, since }) = self.place else { return };
        let (waker, grant) = {
            let mut slots = self.shared.lock();
            slots.counters.count_wait(self.shared.runtime.now().saturating_duration_since(since));
            slots.counters.cancels += 1;
            (slots.waiting.remove(&ticket), slots.granted.remove(&ticket))
        };
        drop(waker);
        match grant {
            Some(Grant::Connection(pooled)) => drop(Lent::new(self.shared, pooled)),
            Some(Grant::Slot(attempt)) => drop(Slot::new(self.shared, Some(attempt))),
            Some(Grant::Closed | Grant::Full) | None => {}
        }
    }
}
