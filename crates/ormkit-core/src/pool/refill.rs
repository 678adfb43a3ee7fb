//! Keeps the minimum: connections that retire or die are replaced in the background.
//!
//! From [`Pool::open_minimum`](super::Pool::open_minimum) on, until the pool is closed or disposed of. While the server is
//! away the pauses of an outage hold here, too: a refill ends with the first failure, and the end of the pause starts the
//! next one. After any other failure the next round of upkeep does.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Weak};

use super::lent::Slot;
use super::slots::Slots;
use super::{Shared, connect};

/// Starts a refill where one is due and none is under way.
pub(super) fn start(shared: &Arc<Shared>) {
    let due = {
        let mut slots = shared.lock();
        let due = is_due(shared, &slots) && !slots.refilling;
        slots.refilling |= due;
        due
    };
    if due {
        let refill = Refill { shared: Arc::downgrade(shared), under_way: true };
        shared.runtime.spawn(Box::pin(refill.run()));
    }
}

fn is_due(shared: &Shared, slots: &Slots) -> bool {
    slots.keeps_minimum && !slots.closed && slots.open() < shared.options.min
}

/// The task. Dropped, also unrun, it counts itself out.
struct Refill {
    shared: Weak<Shared>,
    under_way: bool,
}

impl Refill {
    async fn run(mut self) {
        while let Some(slot) = self.slot() {
            if connect(slot, None).await.is_err() {
                return;
            }
        }
    }

    /// A place for one more connection, with the right to open it.
    fn slot(&mut self) -> Option<Slot> {
        let shared = self.shared.upgrade()?;
        let attempt = {
            let mut slots = shared.lock();
            let attempt = if is_due(&shared, &slots) { slots.outage.admit() } else { None };
            match attempt {
                Some(_) => slots.used += 1,
                // Said under the lock: whoever closes a connection after it starts the next refill.
                None => slots.refilling = false,
            }
            attempt
        };
        self.under_way = attempt.is_some();
        attempt.map(|attempt| Slot::new(&shared, Some(attempt)))
    }
}

impl Drop for Refill {
    fn drop(&mut self) {
        if self.under_way
            && let Some(shared) = self.shared.upgrade()
        {
            shared.lock().refilling = false;
        }
    }
}
