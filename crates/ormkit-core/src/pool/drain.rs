//! Connections that a cancelled operation left behind, or whose session was changed, are cleaned in the background.

use std::sync::Arc;
use std::time::Duration;

use super::policy::{self, Fate};
use super::slots::Pooled;
use super::{Shared, upkeep};
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
            if connection.is_pristine() { Ok(()) } else { connection.reset().await }
        };
        if let Some(Ok(())) = within(&*runtime, Some(LIMIT), cleaned).await {
            self.put_back();
        }
    }

    /// Clean again: to the first waiter or among the idle, where there is room left for it.
    fn put_back(&mut self) {
        let Some(pooled) = self.pooled.take() else { return };
        let shared = &self.shared;
        let now = shared.runtime.now();
        let health = policy::standing(&*pooled.connection);
        let (kept, surplus) = shared.update(|slots| {
            slots.draining -= 1;
            let current = !slots.closed && pooled.generation == slots.generation;
            let fate = policy::returned(health, pooled.facts, current, now);
            if fate == Fate::Keep && slots.open() < shared.options.max {
                slots.put_idle(pooled, now);
                (true, None)
            } else {
                (false, Some(pooled))
            }
        });
        drop(surplus);
        if kept {
            upkeep::start(shared);
        }
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        if let Some(pooled) = self.pooled.take() {
            self.shared.update(|slots| slots.draining -= 1);
            drop(pooled);
        }
    }
}
