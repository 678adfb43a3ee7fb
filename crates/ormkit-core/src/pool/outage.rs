//! A server that is away: connecting goes on by one attempt at a time, with pauses that grow.
//!
//! Whoever connects is told its error at once. From the first failure that says that the server is away until the next
//! success, nobody else connects meanwhile: they wait in the line, where a connection that comes back serves them as well.
//! After a pause the first in the line may try; when that fails, too, the error is its own, and the next pause is longer. A
//! success lets all go on. An error that says something else (a wrong password) is its caller's business alone.

#[cfg(test)]
mod tests;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{Shared, policy, refill};
use crate::error::{Error, ErrorClass};

/// Where connecting stands.
#[derive(Default)]
pub(super) struct Outage {
    phase: Phase,
    /// Failures in a row, each of an attempt that began after the one before.
    failures: u32,
    /// Counts failures and successes: an attempt of an earlier round says nothing new.
    round: u64,
    /// What the last failure said, while the server is away.
    error: Option<Arc<str>>,
    chance: RandomState,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Everybody may connect.
    #[default]
    Clear,
    /// Nobody may.
    Paused,
    /// One may.
    Due,
    /// One does.
    Trying,
}

/// The right to connect, given in one round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    round: u64,
}

impl Outage {
    /// Lets somebody connect; None: wait.
    pub(super) fn admit(&mut self) -> Option<Attempt> {
        match self.phase {
            Phase::Clear => {}
            Phase::Due => self.phase = Phase::Trying,
            Phase::Paused | Phase::Trying => return None,
        }
        Some(Attempt { round: self.round })
    }

    /// Lets somebody connect who does not wait.
    pub(super) fn admit_anyway(&self) -> Attempt {
        Attempt { round: self.round }
    }

    /// The server is there.
    pub(super) fn succeeded(&mut self) -> Option<Arc<str>> {
        self.failures = 0;
        self.round += 1;
        self.phase = Phase::Clear;
        self.error.take()
    }

    /// The server is away. The answer is the pause that begins, where this is news, and what was said before.
    fn failed(&mut self, attempt: Attempt, error: Arc<str>) -> (Option<Pause>, Option<Arc<str>>) {
        if attempt.round != self.round {
            return (None, Some(error));
        }
        self.failures = self.failures.saturating_add(1);
        self.round += 1;
        self.phase = Phase::Paused;
        let time = policy::pause(self.failures, self.chance.hash_one(self.round));
        (Some(Pause { round: self.round, time }), self.error.replace(error))
    }

    /// An attempt ended without saying anything of the server.
    pub(super) fn given_up(&mut self, attempt: Attempt) {
        if attempt.round == self.round && self.phase == Phase::Trying {
            self.phase = Phase::Due;
        }
    }

    /// What the last failure said, while the server is away.
    pub(super) fn error(&self) -> Option<Arc<str>> {
        self.error.clone()
    }
}

struct Pause {
    round: u64,
    time: Duration,
}

/// True when an error of connecting says that the server is away, or takes nobody for the moment.
fn is_away(error: &Error) -> bool {
    const TOO_MANY_CONNECTIONS: &str = "53300";
    error.class() == ErrorClass::ConnectionLost
        || error.diagnostics().is_some_and(|said| said.sqlstate.as_str() == TOO_MANY_CONNECTIONS)
}

/// Notes how an attempt has failed.
pub(super) fn failed(shared: &Arc<Shared>, attempt: Attempt, error: &Error) {
    if !is_away(error) {
        return shared.update(|slots| slots.outage.given_up(attempt));
    }
    let text = error.to_string().into();
    let (pause, before) = shared.update(|slots| slots.outage.failed(attempt, text));
    drop(before);
    if let Some(Pause { round, time }) = pause {
        let end = End { shared: Arc::downgrade(shared), round };
        let sleep = shared.runtime.sleep(time);
        shared.runtime.spawn(Box::pin(async move {
            sleep.await;
            drop(end);
        }));
    }
}

/// The end of a pause, also of one that was dropped.
struct End {
    shared: Weak<Shared>,
    round: u64,
}

impl Drop for End {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        shared.update(|slots| {
            let outage = &mut slots.outage;
            if outage.round == self.round && outage.phase == Phase::Paused {
                outage.phase = Phase::Due;
            }
        });
        refill::start(&shared);
    }
}
