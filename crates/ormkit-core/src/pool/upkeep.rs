//! Closes connections that are idle for too long or past their lifetime, and has the minimum kept.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use super::Shared;
use super::policy;
use super::refill;
use crate::runtime::BoxFuture;

/// Starts the upkeep task when none is under way and a connection will have to be closed some day. The task ends with the
/// last connection, where no minimum is kept, and does not keep the pool alive.
pub(super) fn start(shared: &Arc<Shared>) {
    let options = &shared.options;
    if options.idle_timeout.is_none() && options.max_lifetime.is_none() {
        return;
    }
    // Read first: it comes with every return of a connection, and is nearly always true.
    if shared.upkeep.load(Relaxed) || shared.upkeep.swap(true, Relaxed) {
        return;
    }
    let upkeep = Upkeep { shared: Arc::downgrade(shared), under_way: true };
    shared.runtime.spawn(Box::pin(upkeep.run()));
}

struct Upkeep {
    shared: Weak<Shared>,
    under_way: bool,
}

impl Upkeep {
    async fn run(mut self) {
        while let Some(pause) = self.pause() {
            pause.await;
            if let Some(shared) = self.shared.upgrade() {
                shared.evict();
                refill::start(&shared);
            }
        }
    }

    /// Until the next connection is due. The pool is not held meanwhile.
    fn pause(&mut self) -> Option<BoxFuture<'static, ()>> {
        let shared = self.shared.upgrade()?;
        let now = shared.runtime.now();
        let pause = {
            let slots = shared.lock();
            let pause = policy::next_upkeep(&slots.idle_facts(), slots.open(), &shared.options, now);
            let pause = pause.or((slots.keeps_minimum && !slots.closed).then_some(policy::ROUND));
            // Said under the lock: a connection that comes back after it starts the next task.
            shared.upkeep.store(pause.is_some(), Relaxed);
            pause
        };
        self.under_way = pause.is_some();
        pause.map(|time| shared.runtime.sleep(time))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        if self.under_way
            && let Some(shared) = self.shared.upgrade()
        {
            shared.upkeep.store(false, Relaxed);
        }
    }
}

impl Shared {
    fn evict(self: &Arc<Self>) {
        let now = self.runtime.now();
        let evicted = self.update(|slots| {
            let positions = policy::evicted(&slots.idle_facts(), slots.open(), &self.options, now);
            slots.remove_idle(&positions)
        });
        for pooled in evicted {
            let reason = policy::retiring(pooled.facts, now);
            self.retire([pooled], reason);
        }
    }
}
