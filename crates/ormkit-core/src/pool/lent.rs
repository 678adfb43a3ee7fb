//! What the pool has given away: a connection, or the right to open one.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outage::{self, Attempt};
use super::policy::{self, Facts, Fate};
use super::slots::{Grant, Pooled, Stage};
use super::status::Borrow;
use super::trace::{self, Released, TracedCopy};
use super::{Pool, Reason, Shared, closed, drain, hooks, upkeep};
use crate::driver::{Batch, Connection, Health, RowSink, StatementText};
use crate::error::{Error, Result};
use crate::runtime::{BoxFuture, Runtime};

/// A borrowed connection. Dropped, it goes back: clean to the first waiter, dirty or inside a transaction to the
/// drainer, closed to nobody.
pub struct Lent {
    shared: Arc<Shared>,
    /// Present until the loan ends.
    pooled: Option<Pooled>,
    /// How long its borrower waited for it, until a tracer was told.
    pub(super) waited: Duration,
    /// The connection has a comment.
    commented: bool,
    /// A tracer knows of the loan, and hears of its end.
    watched: bool,
}

impl Lent {
    /// Takes charge of a connection whose slot is counted as used.
    pub(super) fn new(shared: &Arc<Shared>, pooled: Pooled) -> Self {
        Self {
            shared: Arc::clone(shared),
            pooled: Some(pooled),
            waited: Duration::ZERO,
            commented: false,
            watched: false,
        }
    }

    /// The same, for a callback that is due: dropped before it ends, the connection is closed.
    pub(super) fn raw(shared: &Arc<Shared>, pooled: Pooled) -> Self {
        Self::new(shared, pooled).at(Stage::Raw)
    }

    /// Looks at an idle connection, and begins the loan where it may be lent.
    pub(super) fn checked(mut self, holder: Option<Arc<str>>) -> Checked {
        let (now, options) = (self.shared.runtime.now(), &self.shared.options);
        let Some(facts) = self.pooled.as_ref().map(|pooled| pooled.facts) else {
            return Checked::Gone(self.close(Reason::Lost));
        };
        if !policy::lendable(facts, options, now) {
            return Checked::Gone(self.close(policy::retiring(facts, now)));
        }
        let doubtful = policy::doubtful(facts, options, now);
        if !self.check() {
            return Checked::Gone(self.close(Reason::Lost));
        }
        self.begin(holder, now);
        if doubtful { Checked::Silent(self) } else { Checked::Alive(self) }
    }

    /// Closes the connection; its slot remains.
    pub(super) fn close(mut self, reason: Reason) -> Slot {
        let closing = self.pooled.take();
        let slot = Slot::new(&self.shared, None);
        if let Some(pooled) = &closing {
            let borrow = self.shared.lock().lent.remove(&pooled.serial);
            drop(borrow);
        }
        self.shared.retire(closing, reason);
        slot
    }

    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.shared.runtime
    }

    /// As [`Connection::run`], before the eyes of the pool's tracer.
    pub fn run<'a>(&'a mut self, batch: Batch<'a>, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<()>> {
        let queue = std::mem::take(&mut self.waited);
        let comment = self.comment();
        let Self { shared, pooled, .. } = self;
        let connection = &mut *pooled.as_mut().expect(PRESENT).connection;
        match shared.tracer() {
            None => connection.run(batch, sink),
            Some(tracer) => {
                let begun = trace::Begun { queue, comment };
                Box::pin(trace::run(connection, &**tracer, &shared.runtime, begun, batch, sink))
            }
        }
    }

    /// Asks for the comment of what runs next, and has the connection say it.
    fn comment(&mut self) -> Option<Arc<str>> {
        let comment = self.shared.hooks.comment.and_then(|ask| ask());
        if comment.is_some() || self.commented {
            self.commented = comment.is_some();
            self.set_comment(comment.clone());
        }
        comment
    }

    /// For a COPY that begins on this connection: who is to be told of its end. None where no tracer listens.
    pub fn trace_copy(&mut self, text: &Arc<StatementText>) -> Option<TracedCopy> {
        let tracer = self.shared.tracer()?;
        let queue = std::mem::take(&mut self.waited);
        Some(TracedCopy::start(tracer, &self.shared.runtime, text, queue, self.backend_pid()))
    }

    /// Notes the statement that runs next, for the list of borrowers.
    pub fn note(&self, statement: &Arc<StatementText>) {
        if let Some(pooled) = &self.pooled {
            pooled.borrow.note(statement);
        }
    }

    /// Has the tracer hear of the end of the loan; the connection's number.
    pub(super) fn watch(&mut self) -> u64 {
        self.watched = true;
        self.pooled.as_ref().map_or(0, |pooled| pooled.id)
    }

    /// The pool that it belongs to.
    pub fn pool(&self) -> Pool {
        Pool { shared: Arc::clone(&self.shared) }
    }

    pub(super) fn at(mut self, stage: Stage) -> Self {
        if let Some(pooled) = &mut self.pooled {
            pooled.stage = stage;
        }
        self
    }

    fn begin(&self, holder: Option<Arc<str>>, now: Instant) {
        let Some(pooled) = &self.pooled else { return };
        pooled.borrow.begin(holder, now);
        self.shared.lock().lent.insert(pooled.serial, Arc::clone(&pooled.borrow));
    }
}

const PRESENT: &str = "only the end of a loan takes the connection out, and it owns the value";

impl Deref for Lent {
    type Target = dyn Connection;

    fn deref(&self) -> &Self::Target {
        &*self.pooled.as_ref().expect(PRESENT).connection
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.pooled.as_mut().expect(PRESENT).connection
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(mut pooled) = self.pooled.take() {
            if self.commented {
                pooled.connection.set_comment(None);
            }
            if self.watched
                && let Some(tracer) = self.shared.tracer()
            {
                let released = Released { id: pooled.id, backend_pid: pooled.connection.backend_pid() };
                trace::tell(&**tracer, |tracer| tracer.released(&released));
            }
            take_back(&self.shared, pooled);
        }
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lent").field(&self.health()).finish()
    }
}

/// The end of a loan.
fn take_back(shared: &Arc<Shared>, pooled: Pooled) {
    let now = shared.runtime.now();
    let health = policy::standing(&*pooled.connection);
    let has_reset = shared.hooks.reset.is_some();
    let end = shared.update(|slots| {
        slots.lent.remove(&pooled.serial);
        let current = !slots.closed && pooled.generation == slots.generation;
        let fate = match (policy::returned(health, pooled.facts, current, now), pooled.stage) {
            (_, Stage::Raw) => Fate::Close,
            // It keeps its place: whoever waits, waits for this one.
            (Fate::Keep, Stage::Used) if has_reset => return End::Renew(pooled),
            (fate, _) => fate,
        };
        slots.used -= 1;
        match fate {
            Fate::Keep => {
                slots.put_idle(pooled, now);
                End::Kept
            }
            Fate::Drain if slots.draining < shared.options.max => {
                slots.draining += 1;
                slots.counters.cleaned += 1;
                End::Drain(pooled)
            }
            Fate::Drain | Fate::Close => {
                let reason = match pooled.stage {
                    Stage::Raw if health != Health::Closed => Reason::Callback,
                    _ => policy::closing(health, pooled.facts, current, now),
                };
                End::Close(pooled, reason)
            }
        }
    });
    match end {
        End::Kept => upkeep::start(shared),
        End::Renew(pooled) => {
            let renewed = hooks::renew(Arc::clone(shared), Lent::raw(shared, pooled), false);
            shared.runtime.spawn(Box::pin(renewed));
        }
        End::Drain(pooled) => drain::start(shared, pooled),
        End::Close(pooled, reason) => shared.retire([pooled], reason),
    }
}

/// What the end of a loan comes to.
enum End {
    Kept,
    /// A callback is due; its slot is still counted as used.
    Renew(Pooled),
    Drain(Pooled),
    Close(Pooled, Reason),
}

/// What was granted, at the beginning of a loan.
pub(super) enum Checked {
    /// It may be used.
    Alive(Lent),
    /// It has been silent for long: it may be used when it answers.
    Silent(Lent),
    /// There is none, or it was closed.
    Gone(Slot),
}

impl Checked {
    /// # Errors
    /// Nothing was granted.
    pub(super) fn of(shared: &Arc<Shared>, grant: Grant, holder: &Option<Arc<str>>) -> Result<Self, Refusal> {
        match grant {
            Grant::Connection(pooled) => Ok(Lent::new(shared, pooled).checked(holder.clone())),
            Grant::Slot(attempt) => Ok(Self::Gone(Slot::new(shared, Some(attempt)))),
            Grant::Closed => Err(Refusal::Closed),
            Grant::Full => Err(Refusal::Full),
        }
    }
}

/// Why nothing was granted.
pub(super) enum Refusal {
    Closed,
    Full,
}

/// A counted slot without connection: whoever opens one holds it. Dropped, it passes on.
pub(super) struct Slot {
    shared: Arc<Shared>,
    /// The right to connect, until it is used.
    attempt: Option<Attempt>,
    /// False once the slot is a connection's.
    counted: bool,
}

impl Slot {
    /// Takes charge of a slot that is counted as used.
    pub(super) fn new(shared: &Arc<Shared>, attempt: Option<Attempt>) -> Self {
        Self { shared: Arc::clone(shared), attempt, counted: true }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The slot with the right to connect; None, and it passes on, when that has to wait.
    pub(super) fn admitted(mut self) -> Option<Self> {
        if self.attempt.is_none() {
            let admitted = self.shared.lock().outage.admit();
            self.attempt = admitted;
        }
        self.attempt.is_some().then_some(self)
    }

    /// Connecting has failed: the slot passes on.
    pub(super) fn fail(mut self, error: &Error) {
        self.shared.lock().counters.connect_failures += 1;
        if let Some(attempt) = self.attempt.take() {
            outage::failed(&self.shared, attempt, error);
        }
    }

    /// Puts a new connection into this slot. It is raw.
    ///
    /// # Errors
    /// The pool was closed meanwhile; the connection is dropped.
    pub(super) fn fill(mut self, connection: Box<dyn Connection>, holder: Option<Arc<str>>) -> Result<Lent> {
        let now = self.shared.runtime.now();
        self.attempt = None;
        let (serial, generation, said) = self.shared.update(|slots| {
            slots.next_serial += 1;
            slots.counters.opened += 1;
            let said = slots.outage.succeeded();
            (slots.next_serial, slots.generation, said)
        });
        drop(said);
        if self.shared.lock().closed {
            return Err(closed());
        }
        let retires = policy::retirement(now, serial, &self.shared.options);
        let facts = Facts { retires, idle_since: now };
        let borrow = Arc::new(Borrow::new(now, connection.aborter()));
        let stage = Stage::Raw;
        let pooled =
            Pooled { connection, serial, id: trace::ids(1), generation, facts, opened: now, stage, borrow };
        self.counted = false;
        let lent = Lent::new(&self.shared, pooled);
        lent.begin(holder, now);
        Ok(lent)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.counted {
            self.shared.update(|slots| {
                slots.used -= 1;
                if let Some(attempt) = self.attempt {
                    slots.outage.given_up(attempt);
                }
            });
        }
    }
}
