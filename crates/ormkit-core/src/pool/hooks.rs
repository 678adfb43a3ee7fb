//! What a pool's owner runs on its connections.
//!
//! A connection is *raw* until `init` has run on it to its end: dropped before, however that comes, it is closed and
//! nobody else gets it. The same holds while `reset` runs. What the two leave in the session is its state from then on;
//! when a borrower has changed that, the session is reset and `init` runs again, before `reset` does.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lent::Lent;
use super::slots::{Pooled, Stage};
use super::trace::Tracer;
use super::{Reason, Shared};
use crate::driver::Health;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{BoxFuture, within};

/// Runs on a connection and answers it: idle, outside a transaction. An error, and dropping the future, closes it.
pub type Hook = Arc<dyn Fn(Lent) -> BoxFuture<'static, Result<Lent>> + Send + Sync>;

/// What a pool runs on its connections. Each of them has the connect timeout as its limit.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Prepares a new connection before it is lent, and one whose session was reset. For a caller that waits for the new
    /// connection its error is the caller's.
    pub init: Option<Hook>,
    /// False while `init` has nothing to do; None: it always has.
    pub init_is_due: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// Runs in the background when a borrower has given a connection back, before the next one gets it.
    pub reset: Option<Hook>,
    /// Hears of each connection that the pool closes; on any thread, and it MUST NOT wait.
    pub close: Option<Arc<dyn Fn(Closed) + Send + Sync>>,
    /// Hears of an error of `init` or `reset` that nobody waits for.
    pub failed: Option<Arc<dyn Fn(Error) + Send + Sync>>,
    /// Hears of connections, waiting and statements.
    pub tracer: Option<Arc<dyn Tracer>>,
    /// What is [said of the statements](crate::driver::Connection::set_comment) that run next, asked for each flight.
    pub comment: Option<fn() -> Option<Arc<str>>>,
}

impl Hooks {
    /// What prepares connections now.
    pub(super) fn preparing(&self) -> Option<&Hook> {
        self.init.as_ref().filter(|_| self.init_is_due.as_ref().is_none_or(|is_due| is_due()))
    }
}

/// A connection that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Why.
    pub reason: Reason,
    /// How long it was open.
    pub age: Duration,
    /// The server's process that served it, where the database has one.
    pub backend_pid: Option<u32>,
}

impl Closed {
    pub(super) fn of(pooled: &Pooled, reason: Reason, now: Instant) -> Self {
        let age = now.saturating_duration_since(pooled.opened);
        Self { reason, age, backend_pid: pooled.connection.backend_pid() }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("init", &self.init.is_some())
            .field("reset", &self.reset.is_some())
            .field("close", &self.close.is_some())
            .field("tracer", &self.tracer.is_some())
            .finish_non_exhaustive()
    }
}

/// Runs `init` where there is one.
pub(super) async fn init(shared: &Shared, lent: Lent) -> Result<Lent> {
    let lent = match shared.hooks.preparing() {
        Some(hook) => run(shared, "init", hook, lent).await?,
        None => lent,
    };
    Ok(lent.at(Stage::Ready))
}

/// Makes a connection ready between two borrowers: `init` again when its session was reset, then `reset`. In the
/// background: an error is told to whoever listens.
pub(super) async fn renew(shared: Arc<Shared>, lent: Lent, was_reset: bool) {
    let lent = lent.at(Stage::Raw);
    let renewed = async {
        let lent = if was_reset { init(&shared, lent).await?.at(Stage::Raw) } else { lent };
        match &shared.hooks.reset {
            Some(hook) => run(&shared, "reset", hook, lent).await,
            None => Ok(lent),
        }
    };
    match renewed.await {
        Ok(lent) => drop(lent.at(Stage::Ready)),
        Err(error) => {
            if let Some(failed) = &shared.hooks.failed {
                failed(error);
            }
        }
    }
}

async fn run(shared: &Shared, name: &str, hook: &Hook, lent: Lent) -> Result<Lent> {
    let limit = shared.options.connect_timeout;
    let Some(done) = within(&*shared.runtime, limit, hook(lent)).await else {
        let seconds = limit.unwrap_or_default().as_secs_f64();
        return Err(failure(name, &format!("did not end within {seconds} s")));
    };
    let mut lent = done?;
    match lent.health() {
        Health::Idle => lent.keep_session(),
        Health::Closed => return Err(failure(name, "lost its connection")),
        _ => return Err(failure(name, "left its connection in a transaction")),
    }
    Ok(lent)
}

fn failure(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::Operational(format!("the {name} callback {what}")))
}
