//! An executor that does only what the test tells it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::runtime::{Address, BoxFuture, Runtime, TcpOptions, Transport};

/// A runtime whose clock stands still until [`advance`](Self::advance), and whose background tasks run when the test
/// says so.
pub struct FakeRuntime {
    clock: Arc<Clock>,
    tasks: Mutex<Vec<Steps<'static, ()>>>,
}

struct Clock {
    now: Mutex<Instant>,
    sleepers: Mutex<Vec<Waker>>,
}

impl FakeRuntime {
    /// A runtime without tasks.
    pub fn new() -> Arc<Self> {
        let clock = Clock { now: Mutex::new(Instant::now()), sleepers: Mutex::default() };
        Arc::new(Self { clock: Arc::new(clock), tasks: Mutex::default() })
    }

    /// Polls `future`, and the background tasks with it, until it is done.
    ///
    /// # Panics
    /// When nothing can make progress any more: the future would hang.
    pub fn block_on<T>(&self, future: impl Future<Output = T> + Send) -> T {
        let mut steps = Steps::new(future);
        loop {
            if let Some(done) = steps.poll() {
                return done;
            }
            let progress = self.run_tasks();
            assert!(progress || steps.is_woken(), "the future waits for something that never comes");
        }
    }

    /// Polls the background tasks until none of them can go on; true when any was polled.
    pub fn run_tasks(&self) -> bool {
        let mut progress = false;
        loop {
            let (ready, waiting): (Vec<_>, Vec<_>) =
                std::mem::take(&mut *lock(&self.tasks)).into_iter().partition(|task| task.is_woken());
            lock(&self.tasks).extend(waiting);
            if ready.is_empty() {
                return progress;
            }
            progress = true;
            for mut task in ready {
                if task.poll().is_none() {
                    lock(&self.tasks).push(task);
                }
            }
        }
    }

    /// Background tasks that have not come to an end.
    pub fn tasks(&self) -> usize {
        lock(&self.tasks).len()
    }

    /// Drops the background tasks, as a runtime does that shuts down.
    pub fn drop_tasks(&self) {
        let dropped = std::mem::take(&mut *lock(&self.tasks));
        drop(dropped);
    }

    /// Moves the clock forward and wakes who sleeps.
    pub fn advance(&self, time: Duration) {
        *lock(&self.clock.now) += time;
        let sleepers = std::mem::take(&mut *lock(&self.clock.sleepers));
        sleepers.into_iter().for_each(Waker::wake);
    }
}

impl Runtime for FakeRuntime {
    fn connect<'a>(
        &'a self,
        _to: &'a Address,
        _tcp: &'a TcpOptions,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(Sleep { due: self.now() + time, clock: Arc::clone(&self.clock) })
    }

    fn now(&self) -> Instant {
        *lock(&self.clock.now)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        lock(&self.tasks).push(Steps::new(task));
    }

    fn offload(&self, job: Box<dyn FnOnce() + Send>) {
        self.spawn(Box::pin(async move { job() }));
    }
}

struct Sleep {
    due: Instant,
    clock: Arc<Clock>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if *lock(&self.clock.now) >= self.due {
            return Poll::Ready(());
        }
        lock(&self.clock.sleepers).push(cx.waker().clone());
        Poll::Pending
    }
}

/// A future that the test polls by hand.
pub struct Steps<'a, T> {
    future: BoxFuture<'a, T>,
    woken: Arc<Woken>,
}

impl<'a, T> Steps<'a, T> {
    /// Takes `future`, not polled yet.
    pub fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self { future: Box::pin(future), woken: Arc::new(Woken(AtomicBool::new(true))) }
    }

    /// Polls once.
    pub fn poll(&mut self) -> Option<T> {
        self.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    /// True when it has not been polled yet, or was woken since.
    pub fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed)
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
