//! Connections that a cancelled operation left behind, or whose session was changed, are cleaned in the background.

use std::sync::Arc;
use std::time::Duration;

use super::lent::Lent;
use super::policy::{self, Fate};
use super::slots::{Pooled, Stage};
use super::{Reason, Shared, hooks, upkeep};
use crate::error::Error;
use crate::runtime::within;

/// A connection that is not clean by then is closed.
const LIMIT: Duration = Duration::from_secs(5);

/// Cleans a connection that is counted as draining.
pub(super) fn start(shared: &Arc<Shared>, pooled: Pooled) {
    let draining = Draining { shared: Arc::clone(shared), pooled: Some(pooled) };
    shared.runtime.spawn(Box::pin(draining.run()));
}

/// A connection in the drainer. Dropped, also unrun, it closes the connection and counts itself out.
struct Draining {
    shared: Arc<Shared>,
    /// Present until it is clean.
    pooled: Option<Pooled>,
}

impl Draining {
    async fn run(mut self) {
        let runtime = Arc::clone(&self.shared.runtime);
        let Some(pooled) = &mut self.pooled else { return };
        let connection = &mut pooled.connection;
        let cleaned = async {
            connection.clean().await?;
            let changed = !connection.is_pristine();
            if changed {
                connection.reset().await?;
            }
            Ok::<_, Error>(changed)
        };
        if let Some(Ok(was_reset)) = within(&*runtime, Some(LIMIT), cleaned).await
            && let Some(lent) = self.put_back(was_reset)
        {
            hooks::renew(Arc::clone(&self.shared), lent, was_reset).await;
        }
    }

    /// Clean again: to the first waiter or among the idle, where there is room left for it. The answer is the connection
    /// when callbacks have to run on it first.
    fn put_back(&mut self, was_reset: bool) -> Option<Lent> {
        let pooled = self.pooled.take()?;
        let shared = &self.shared;
        let now = shared.runtime.now();
        let health = policy::standing(&*pooled.connection);
        let due = (was_reset && shared.hooks.preparing().is_some())
            || (pooled.stage == Stage::Used && shared.hooks.reset.is_some());
        let end = shared.update(|slots| {
            slots.draining -= 1;
            slots.counters.resets += u64::from(was_reset);
            let current = !slots.closed && pooled.generation == slots.generation;
            let fate = policy::returned(health, pooled.facts, current, now);
            if fate != Fate::Keep || slots.open() >= shared.options.max {
                let reason = policy::closing(health, pooled.facts, current, now);
                return End::Close(pooled, reason);
            }
            if due {
                slots.used += 1;
                return End::Renew(pooled);
            }
            slots.put_idle(pooled, now);
            End::Kept
        });
        match end {
            End::Kept => upkeep::start(shared),
            End::Renew(pooled) => return Some(Lent::raw(shared, pooled)),
            End::Close(pooled, reason) => shared.retire([pooled], reason),
        }
        None
    }
}

/// What cleaning comes to.
enum End {
    Kept,
    /// Callbacks are due; its slot is counted as used.
    Renew(Pooled),
    Close(Pooled, Reason),
}

impl Drop for Draining {
    fn drop(&mut self) {
        if let Some(pooled) = self.pooled.take() {
            self.shared.update(|slots| slots.draining -= 1);
            self.shared.retire([pooled], Reason::Unclean);
        }
    }
}
