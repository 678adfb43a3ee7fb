//! Connections that are lent and come back.
//!
//! Callers are served in the order in which they came. A connection that comes back clean goes to the first waiter; one
//! that a cancelled operation left dirty goes to the drainer, and the waiter opens another one meanwhile: nobody waits
//! behind a stale answer. Whatever is dropped half way (a place in the line, a grant, a slot that was connecting, a
//! lent connection, a draining one) counts itself out and passes on what it held.
//!
//! A pool belongs to the runtime that it was made with; a program with several event loops keeps a pool for each.

mod counters;
mod drain;
mod hooks;
mod lent;
mod outage;
mod policy;
mod reason;
mod refill;
mod slots;
mod status;
#[cfg(test)]
mod tests;
mod trace;
mod turn;
mod upkeep;

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

pub use counters::Counters;
pub use hooks::{Closed, Hook, Hooks};
pub use lent::Lent;
pub use reason::Reason;
pub use status::{Holder, Status};
pub use trace::{Acquired, Connected, Ended, Outcome, Released, Started, Timing, TracedCopy, Tracer};

use crate::driver::{Driver, Introspect};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Runtime, within};
use crate::sql::Dialect;
use lent::{Checked, Refusal, Slot};
use slots::{Pooled, Slots, Stage};
use turn::Turn;

/// Limits of a pool.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// Connections that [`Pool::open_minimum`] opens and that are kept open from then on: what is lost or retires is
    /// replaced in the background.
    pub min: usize,
    /// The most connections at once, at least 1. As many again may be in the drainer for a moment.
    pub max: usize,
    /// Longest wait for a place among the open connections; None waits without limit.
    pub acquire_timeout: Option<Duration>,
    /// The most callers that wait at once, further ones are refused; None: any number.
    pub max_waiting: Option<usize>,
    /// A connection unused for this long is closed.
    pub idle_timeout: Option<Duration>,
    /// A connection older than this is closed when it is free; each one retires up to a tenth earlier, so that
    /// connections opened together do not end together.
    pub max_lifetime: Option<Duration>,
    /// A connection that was idle for this long is asked for a sign of life before it is lent, and replaced when none
    /// comes within 2 s; None: never. That its peer has closed it is seen without asking, always.
    pub ping_after: Option<Duration>,
    /// Budget for opening a connection: name resolution, connecting and authentication together.
    pub connect_timeout: Option<Duration>,
}

impl Default for PoolOptions {
    /// 1 to 10 connections; 30 s to acquire, any number of waiters, 10 s to connect, 10 minutes idle, an hour of life, a ping after 30 s: what is
    /// in steady use never pays for one, and the middle boxes that forget silent connections take minutes.
    fn default() -> Self {
        Self {
            min: 1,
            max: 10,
            acquire_timeout: Some(Duration::from_secs(30)),
            max_waiting: None,
            idle_timeout: Some(Duration::from_secs(600)),
            max_lifetime: Some(Duration::from_secs(3600)),
            ping_after: Some(Duration::from_secs(30)),
            connect_timeout: Some(Duration::from_secs(10)),
        }
    }
}

/// A pool of connections. Clones share it.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    driver: Arc<dyn Driver>,
    runtime: Arc<dyn Runtime>,
    options: PoolOptions,
    hooks: Hooks,
    slots: Mutex<Slots>,
    /// True while an upkeep task is under way. One that comes to its end says so under the lock of `slots`.
    upkeep: AtomicBool,
}

impl Pool {
    /// An empty pool: connections are opened when they are needed.
    pub fn new(driver: Arc<dyn Driver>, runtime: Arc<dyn Runtime>, options: PoolOptions) -> Self {
        Self::with_hooks(driver, runtime, options, Hooks::default())
    }

    /// The same, with what is to be run on its connections.
    pub fn with_hooks(
        driver: Arc<dyn Driver>,
        runtime: Arc<dyn Runtime>,
        mut options: PoolOptions,
        hooks: Hooks,
    ) -> Self {
        options.max = options.max.max(1);
        options.min = options.min.min(options.max);
        let (slots, upkeep) = (Mutex::default(), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { driver, runtime, options, hooks, slots, upkeep }) }
    }

    /// How this database spells SQL.
    pub fn dialect(&self) -> &'static Dialect {
        self.shared.driver.dialect()
    }

    /// What reads the schema of this database.
    ///
    /// # Errors
    /// `Unsupported`: its driver cannot.
    pub fn introspector(&self) -> Result<&'static dyn Introspect> {
        self.shared.driver.introspector().ok_or_else(|| {
            Error::unsupported("reading the schema through this driver", "ask the database's catalog by SQL")
        })
    }

    /// What the names of savepoints begin with on its connections.
    pub fn savepoint_prefix(&self) -> Arc<str> {
        self.shared.driver.savepoint_prefix()
    }

    /// The runtime that the pool belongs to.
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.shared.runtime
    }

    /// Borrows a connection; it comes back when [`Lent`] is dropped.
    ///
    /// # Errors
    /// `PoolTimeout` naming the holders when none became free in time or the line is full, and the last error while the server is away; the
    /// driver's error when a new connection could not be opened, at once; `Interface` when the pool is closed.
    ///
    /// # Cancelling
    /// Dropping the future gives the place in the line back, or passes on what it was given; no connection is lost.
    pub async fn acquire(&self) -> Result<Lent> {
        self.acquire_as(None).await
    }

    /// As [`acquire`](Self::acquire), with the borrower's name for [`status`](Self::status) and for the text of
    /// timeouts.
    pub async fn acquire_as(&self, holder: Option<Arc<str>>) -> Result<Lent> {
        match self.shared.tracer() {
            None => self.lend(holder).await,
            Some(tracer) => Box::pin(self.lend_traced(&**tracer, holder)).await,
        }
    }

    async fn lend_traced(&self, tracer: &dyn Tracer, holder: Option<Arc<str>>) -> Result<Lent> {
        let runtime = &self.shared.runtime;
        let began = runtime.now();
        let mut lent = self.lend(holder).await;
        let time = runtime.now().saturating_duration_since(began);
        if let Ok(lent) = &mut lent {
            lent.waited = time;
        }
        let id = lent.as_mut().ok().map(Lent::watch);
        let backend_pid = lent.as_ref().ok().and_then(|lent| lent.backend_pid());
        let error = lent.as_ref().err();
        trace::tell(tracer, |tracer| tracer.acquired(&Acquired { time, error, id, backend_pid }));
        lent
    }

    async fn lend(&self, holder: Option<Arc<str>>) -> Result<Lent> {
        let shared = &self.shared;
        let limit = shared.options.acquire_timeout;
        let grant = within(&*shared.runtime, limit, Turn::new(shared)).await;
        let grant = grant.ok_or_else(|| self.timed_out())?;
        match Checked::of(shared, grant, &holder).map_err(|why| self.explain(why))? {
            Checked::Alive(lent) => Ok(lent.at(Stage::Used)),
            // Boxed, for it is rare: every statement's future would have room for it.
            checked => Box::pin(self.go_on(checked, holder)).await,
        }
    }

    /// Goes on until there is a connection that is alive, or an error.
    async fn go_on(&self, mut checked: Checked, holder: Option<Arc<str>>) -> Result<Lent> {
        let shared = &self.shared;
        let began = shared.runtime.now();
        loop {
            let slot = match checked {
                Checked::Alive(lent) => return Ok(lent.at(Stage::Used)),
                Checked::Silent(lent) => match ping(lent).await {
                    Ok(lent) => return Ok(lent.at(Stage::Used)),
                    Err(slot) => slot,
                },
                Checked::Gone(slot) => slot,
            };
            if let Some(slot) = slot.admitted() {
                return Ok(connect(slot, holder).await?.at(Stage::Used));
            }
            // The server is away: another turn, in front of all others.
            let passed = shared.runtime.now().saturating_duration_since(began);
            let limit = shared.options.acquire_timeout.map(|limit| limit.saturating_sub(passed));
            let grant = within(&*shared.runtime, limit, Turn::again(shared)).await;
            checked = Checked::of(shared, grant.ok_or_else(|| self.timed_out())?, &holder)
                .map_err(|why| self.explain(why))?;
        }
    }

    /// Opens connections until the minimum is reached, and keeps them from then on.
    ///
    /// # Errors
    /// The driver's error when one could not be opened; those that were opened stay.
    pub async fn open_minimum(&self) -> Result<()> {
        let shared = &self.shared;
        shared.lock().keeps_minimum = true;
        for _ in 0..shared.options.min {
            let attempt = {
                let mut slots = shared.lock();
                if slots.closed || slots.open() >= shared.options.min {
                    break;
                }
                slots.used += 1;
                slots.outage.admit_anyway()
            };
            drop(connect(Slot::new(shared, Some(attempt)), None).await?);
        }
        if shared.lock().closed { Err(closed()) } else { Ok(()) }
    }

    /// Closes the pool for good: idle connections at once, lent ones when they come back. Waits for them up to
    /// `timeout`; then they are ended under their borrowers, who get `ConnectionLost` (where the transport
    /// [can be](crate::runtime::Transport::aborter), as those of Python's loops). Answers how many are out after that. Whoever waits for a connection gets an error, and so does
    /// later use.
    ///
    /// # Cancelling
    /// The pool is closed all the same.
    pub async fn close(&self, timeout: Duration) -> usize {
        let shared = &self.shared;
        let idle = shared.update(|slots| {
            slots.closed = true;
            std::mem::take(&mut slots.idle)
        });
        shared.retire(idle, Reason::Disposed);
        let finished = || poll_fn(|cx| shared.poll_finished(cx.waker()));
        if within(&*shared.runtime, Some(timeout), finished()).await.is_none() {
            let lent: Vec<_> = shared.lock().lent.values().cloned().collect();
            let aborted = lent.iter().filter(|borrow| borrow.abort()).count();
            // Who has lost a connection gives it back as soon as its task has a turn.
            if aborted > 0 {
                let _ = within(&*shared.runtime, Some(LAST_TURN), finished()).await;
            }
        }
        shared.lock().used
    }

    /// Closes idle connections now and lent ones when they come back; the pool stays usable and opens new ones when they
    /// are needed, with whatever password holds then. The minimum is not kept until [`open_minimum`](Self::open_minimum).
    pub fn dispose(&self) {
        let idle = self.shared.update(|slots| {
            slots.generation += 1;
            slots.keeps_minimum = false;
            std::mem::take(&mut slots.idle)
        });
        self.shared.retire(idle, Reason::Disposed);
    }

    /// The pool at this moment.
    pub fn status(&self) -> Status {
        let (mut status, lent) = {
            let slots = self.shared.lock();
            let status = Status {
                size: slots.open(),
                idle: slots.idle.len(),
                in_use: slots.used,
                waiting: slots.waiting.len(),
                draining: slots.draining,
                max: self.shared.options.max,
                connect_error: slots.outage.error(),
                counters: slots.counters.clone(),
                holders: Vec::new(),
            };
            (status, slots.lent.values().cloned().collect::<Vec<_>>())
        };
        let now = self.shared.runtime.now();
        status.holders = lent.iter().map(|borrow| borrow.holder(now)).collect();
        status.holders.sort_by_key(|holder| std::cmp::Reverse(holder.age));
        status
    }

    fn explain(&self, why: Refusal) -> Error {
        match why {
            Refusal::Closed => closed(),
            Refusal::Full => Error::new(ErrorKind::PoolFull { state: self.status().to_string() }),
        }
    }

    fn timed_out(&self) -> Error {
        {
            // Leaving the line it was taken for a cancelled one.
            let counters = &mut self.shared.lock().counters;
            counters.cancels -= 1;
            counters.timeouts += 1;
        }
        let limit = self.shared.options.acquire_timeout.unwrap_or_default();
        let waited_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        Error::new(ErrorKind::PoolTimeout { waited_ms, state: self.status().to_string() })
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("status", &self.status()).finish()
    }
}

impl Shared {
    /// Who is to hear of what happens.
    fn tracer(&self) -> Option<&Arc<dyn Tracer>> {
        self.hooks.tracer.as_ref().filter(|tracer| tracer.wants())
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the books, serves who waits, and wakes them outside the lock. What `change` takes out it answers, to be
    /// dropped by the caller.
    fn update<T>(&self, change: impl FnOnce(&mut Slots) -> T) -> T {
        let (answer, woken) = {
            let mut slots = self.lock();
            let answer = change(&mut slots);
            (answer, slots.serve(self.options.max))
        };
        woken.into_iter().for_each(Waker::wake);
        answer
    }

    /// Closes connections that the books do not know any more.
    fn retire(self: &Arc<Self>, connections: impl IntoIterator<Item = Pooled>, reason: Reason) {
        for pooled in connections {
            self.lock().counters.count_closed(reason);
            let (hook, tracer) = (self.hooks.close.as_ref(), self.tracer());
            let is_told = hook.is_some() || tracer.is_some();
            let closed = is_told.then(|| Closed::of(&pooled, reason, self.runtime.now()));
            let id = pooled.id;
            drop(pooled);
            let Some(closed) = closed else { continue };
            if let Some(tracer) = tracer {
                trace::tell(&**tracer, |tracer| tracer.closed(id, &closed));
            }
            if let Some(hook) = hook {
                hook(closed);
            }
        }
        refill::start(self);
    }

    fn poll_finished(&self, waker: &Waker) -> Poll<()> {
        let waker = waker.clone();
        let mut slots = self.lock();
        if slots.is_finished() {
            return Poll::Ready(());
        }
        if !slots.closers.iter().any(|known| known.will_wake(&waker)) {
            slots.closers.push(waker);
        }
        Poll::Pending
    }
}

/// How long borrowers have to give back what was closed under them.
const LAST_TURN: Duration = Duration::from_millis(500);

/// A connection that gives no sign of life within this time is closed.
const PING_LIMIT: Duration = Duration::from_secs(2);

/// The connection when it is alive; else its slot.
async fn ping(mut lent: Lent) -> Result<Lent, Slot> {
    let runtime = Arc::clone(lent.runtime());
    match within(&*runtime, Some(PING_LIMIT), lent.ping()).await {
        Some(Ok(())) => Ok(lent),
        Some(Err(_)) | None => Err(lent.close(Reason::Lost)),
    }
}

/// Fills a slot with a new connection, ready to be lent. A failure is the caller's own: the slot passes on.
async fn connect(slot: Slot, holder: Option<Arc<str>>) -> Result<Lent> {
    let shared = Arc::clone(slot.shared());
    let limit = shared.options.connect_timeout;
    let began = shared.runtime.now();
    if let Some(tracer) = shared.tracer() {
        trace::tell(&**tracer, Tracer::connecting);
    }
    let opened = within(&*shared.runtime, limit, shared.driver.connect()).await.unwrap_or_else(|| {
        let seconds = limit.unwrap_or_default().as_secs_f64();
        Err(Error::new(ErrorKind::ConnectionLost(format!("no connection within {seconds} s"))))
    });
    if let Some(tracer) = shared.tracer() {
        let time = shared.runtime.now().saturating_duration_since(began);
        let backend_pid = opened.as_ref().ok().and_then(|connection| connection.backend_pid());
        let error = opened.as_ref().err();
        trace::tell(&**tracer, |tracer| tracer.connected(&Connected { time, backend_pid, error }));
    }
    let connection = match opened {
        Ok(connection) => connection,
        Err(error) => {
            slot.fail(&error);
            return Err(error);
        }
    };
    let lent = hooks::init(&shared, slot.fill(connection, holder)?).await?;
    if shared.lock().closed { Err(closed()) } else { Ok(lent) }
}

fn closed() -> Error {
    Error::interface("the pool is closed")
}
