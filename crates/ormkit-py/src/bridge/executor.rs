//! One event loop, as the core's `Runtime`: the queue of what can go on, and who is parked.

mod anchor;
mod registry;

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ormkit_core::runtime::{Address, BoxFuture, Runtime, TcpOptions, Transport};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyWeakrefMethods, PyWeakrefReference};
use rustc_hash::FxHashMap;

use super::alarm::Alarm;
use super::fork::Process;
use super::offload::Offload;
use super::operation::Operation;
use super::socket::Dropped;
use super::task::{Task, TaskId};
use super::timer::Timers;
use super::{connect, locked, panicked};

/// After this much work in one callback the loop gets its turn.
const BUDGET: Duration = Duration::from_micros(500);

/// After this time in one poll a socket lets no more bytes through: the loop gets its turn within a large result.
const POLL_BUDGET: Duration = Duration::from_millis(5);

thread_local! {
    /// The runtime whose turn it is on this thread: whoever has the turn looks at the queue before it ends.
    static TURN: Cell<*const LoopRuntime> = const { Cell::new(ptr::null()) };

    /// When the poll that runs on this thread began.
    static POLL_BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };

    /// The task whose poll runs on this thread: the innermost, for Python code in a poll may step others.
    static POLLED: Cell<Option<TaskId>> = const { Cell::new(None) };
}

/// The task whose poll runs on this thread.
pub(super) fn polled() -> Option<TaskId> {
    POLLED.get()
}

/// True in a poll that has taken longer than is fair to others on its loop.
pub(super) fn held_long() -> bool {
    POLL_BEGAN.get().is_some_and(|began| began.elapsed() > POLL_BUDGET)
}

/// Polls once. A panic does not pass: it is Err, and the future must not be polled again.
pub(super) fn poll<F: Future + ?Sized>(
    future: std::pin::Pin<&mut F>,
    task: &Arc<Task>,
    began: Instant,
) -> std::thread::Result<Poll<F::Output>> {
    let waker = Waker::from(Arc::clone(task));
    POLL_BEGAN.set(Some(began));
    let outer = POLLED.replace(Some(task.id()));
    let polled = catch_unwind(AssertUnwindSafe(|| future.poll(&mut Context::from_waker(&waker))));
    POLLED.set(outer);
    polled
}

/// A running event loop. It is bound weakly to the loop: closed with it, and never keeping it alive.
pub(crate) struct LoopRuntime {
    this: Weak<Self>,
    event_loop: Py<PyWeakrefReference>,
    process: Process,
    closed: AtomicBool,
    alarm: Alarm,
    queue: Mutex<VecDeque<Arc<Task>>>,
    /// Operations with a task parked on them. The loop keeps them alive, through its anchor, as it keeps the futures of
    /// its own IO.
    parked: Mutex<FxHashMap<TaskId, Py<Operation>>>,
    background: Mutex<FxHashMap<TaskId, Arc<Task>>>,
    timers: Timers,
    /// Open sockets, to be shut down with the loop: idle connections lie in pools that may live on.
    sockets: Mutex<FxHashMap<RawFd, Weak<socket2::Socket>>>,
    /// Sockets that were dropped and are still registered with the loop.
    dropped: Mutex<Vec<Dropped>>,
    /// Tasks whose awaiting future was dropped, to be cancelled.
    unwanted: Mutex<Vec<Py<PyAny>>>,
    /// Something waits for the end of the turn: a dropped socket, a task to be cancelled, a timer to be armed.
    unsettled: AtomicBool,
    /// Work done by operations that never suspended, since one last did, in ns.
    inline_work: AtomicU64,
    offload: Offload,
}

impl LoopRuntime {
    fn new(event_loop: Py<PyWeakrefReference>) -> io::Result<Arc<Self>> {
        let alarm = Alarm::new()?;
        Ok(Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            event_loop,
            process: Process::current(),
            closed: AtomicBool::new(false),
            alarm,
            queue: Mutex::default(),
            parked: Mutex::default(),
            background: Mutex::default(),
            timers: Timers::default(),
            sockets: Mutex::default(),
            dropped: Mutex::default(),
            unwanted: Mutex::default(),
            unsettled: AtomicBool::new(false),
            inline_work: AtomicU64::new(0),
            offload: Offload::default(),
        }))
    }

    /// False while the loop lives, in the process that made it.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire) || !self.process.is_current()
    }

    /// Tells the loop's exception handler what nobody awaits.
    pub(crate) fn report(&self, py: Python<'_>, context: &Bound<'_, PyDict>) -> PyResult<()> {
        self.event_loop(py)?.call_method1("call_exception_handler", (context,)).map(drop)
    }

    pub(super) fn weak(&self) -> Weak<Self> {
        Weak::clone(&self.this)
    }

    /// The event loop, while it is open.
    ///
    /// # Errors
    /// The loop is closed, or this is a forked child of its process.
    pub(super) fn event_loop<'py>(&self, py: Python<'py>) -> io::Result<Bound<'py, PyAny>> {
        let open = if self.is_closed() { None } else { self.event_loop.bind(py).upgrade() };
        open.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotConnected, "the event loop of this connection is closed")
        })
    }

    /// Has the loop call something on its next turn: in a forked child as well, where the copy of the loop may be run to
    /// its end. Nothing of the system is touched.
    ///
    /// # Errors
    /// The loop is closed.
    pub(super) fn call_soon(
        &self,
        py: Python<'_>,
        call: (&Py<PyAny>, &Bound<'_, PyAny>),
        context: &Py<PyAny>,
    ) -> PyResult<()> {
        let Some(event_loop) = self.event_loop.bind(py).upgrade() else { return Ok(()) };
        let keywords = PyDict::new(py);
        keywords.set_item("context", context)?;
        event_loop.call_method("call_soon", call, Some(&keywords)).map(drop)
    }

    /// Runs `work` with the turn: tasks woken meanwhile need no alarm. Nested turns are one.
    pub(super) fn turn<R>(&self, py: Python<'_>, work: impl FnOnce() -> R) -> R {
        let outer = TURN.replace(self);
        let restore = Restore(outer);
        let result = work();
        drop(restore);
        if !ptr::eq(outer, self) {
            self.settle(py);
        }
        result
    }

    /// The end of a turn: what could not be done by a waker or a `Drop`, because it needs the loop.
    fn settle(&self, py: Python<'_>) {
        if self.unsettled.swap(false, Ordering::AcqRel) {
            let dropped = std::mem::take(&mut *locked(&self.dropped));
            let unwanted = std::mem::take(&mut *locked(&self.unwanted));
            if let Ok(event_loop) = self.event_loop(py) {
                dropped.into_iter().for_each(|socket| socket.close(&event_loop));
                for task in unwanted {
                    if let Err(error) = task.call_method0(py, "cancel") {
                        error.write_unraisable(py, Some(&event_loop));
                    }
                }
                if let Err(error) = self.timers.arm(&event_loop, &self.this) {
                    error.write_unraisable(py, Some(&event_loop));
                }
            }
        }
        if !locked(&self.queue).is_empty() {
            self.alarm.ring();
        }
    }

    /// Asks for a settling at the end of this turn, or of the next one.
    pub(super) fn unsettle(&self) {
        self.unsettled.store(true, Ordering::Release);
        self.alarm_unless_turn();
    }

    /// True on the thread and in the time in which tasks that are woken need no alarm.
    fn has_turn(&self) -> bool {
        ptr::eq(TURN.get(), self)
    }

    fn alarm_unless_turn(&self) {
        if !self.has_turn() && self.process.is_current() {
            self.alarm.ring();
        }
    }

    /// Queues a task that can go on; any thread, no Python.
    pub(super) fn push(&self, task: Arc<Task>) {
        if self.is_closed() {
            return;
        }
        locked(&self.queue).push_back(task);
        self.alarm_unless_turn();
    }

    /// Lets what is queued go on, for about [`BUDGET`]; the rest has the loop's next turn.
    ///
    /// # Errors
    /// A stepped task let an exception out (`KeyboardInterrupt`, `SystemExit`). The rest stays queued.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let mut began = None;
        self.inline_work.store(0, Ordering::Relaxed);
        loop {
            let Some(task) = locked(&self.queue).pop_front() else { return Ok(()) };
            let began = *began.get_or_insert_with(Instant::now);
            task.taken();
            if task.background.is_some() {
                self.run_background(py, &task);
            } else {
                let operation = locked(&self.parked).get(&task.id()).map(|operation| operation.clone_ref(py));
                match operation {
                    Some(operation) => Operation::resume(operation.bind(py), self)?,
                    None => task.missed(),
                }
            }
            if began.elapsed() > BUDGET {
                return Ok(());
            }
        }
    }

    /// Polls a background task once.
    fn run_background(&self, py: Python<'_>, task: &Arc<Task>) {
        let Some(place) = &task.background else { return };
        let Some(mut future) = locked(place).take() else { return };
        let polled = poll(future.as_mut(), task, Instant::now());
        if matches!(polled, Ok(Poll::Pending)) && !self.is_closed() {
            *locked(place) = Some(future);
            return;
        }
        let ended = locked(&self.background).remove(&task.id());
        drop(ended);
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
        if let Some(panic) = polled.err().or(dropped.err()) {
            panicked(py, &*panic).write_unraisable(py, None); // nobody awaits it
        }
    }

    /// Wakes a task from a callback of the loop and lets everything that can go on.
    pub(super) fn wake_and_drain(
        &self,
        py: Python<'_>,
        wakers: impl IntoIterator<Item = Waker>,
    ) -> PyResult<()> {
        self.turn(py, || {
            wakers.into_iter().for_each(Waker::wake);
            self.drain(py)
        })
    }

    /// Lets timers that are due go on.
    pub(super) fn tick(&self, py: Python<'_>) -> PyResult<()> {
        self.unsettled.store(true, Ordering::Release);
        self.wake_and_drain(py, self.timers.due(Instant::now()))
    }

    /// Keeps an operation while a task is parked on it.
    pub(super) fn park(&self, task: &Arc<Task>, operation: Py<Operation>) {
        self.inline_work.store(0, Ordering::Relaxed);
        let replaced = locked(&self.parked).insert(task.id(), operation);
        drop(replaced);
        if task.take_missed() {
            std::task::Wake::wake_by_ref(task);
        }
    }

    /// The asyncio task that waits for the operation of `task`, if one does.
    pub(super) fn waiting_for<'py>(&self, py: Python<'py>, task: TaskId) -> Option<Bound<'py, PyAny>> {
        let operation = locked(&self.parked).get(&task)?.clone_ref(py);
        operation.get().waiting(py)
    }

    /// The operation has no task parked on it any more.
    pub(super) fn unpark(&self, task: &Arc<Task>) {
        let unparked = locked(&self.parked).remove(&task.id());
        drop(unparked);
    }

    /// Counts work of an operation that did not suspend; true when the loop should have its turn.
    pub(super) fn inline_work(&self, time: Duration) -> bool {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let total = self.inline_work.load(Ordering::Relaxed).saturating_add(time);
        let over = u128::from(total) > BUDGET.as_nanos();
        self.inline_work.store(if over { 0 } else { total }, Ordering::Relaxed);
        over
    }

    /// Takes over a socket that was dropped, to be unregistered and closed; any thread, no Python.
    pub(super) fn close_later(&self, socket: Dropped) {
        if self.is_closed() {
            return;
        }
        locked(&self.dropped).push(socket);
        self.unsettle();
    }

    /// Cancels a task of the loop at the end of this turn, or of the next one; any thread.
    pub(super) fn cancel_later(&self, task: Py<PyAny>) {
        if self.is_closed() {
            return;
        }
        locked(&self.unwanted).push(task);
        self.unsettle();
    }

    pub(super) fn opened(&self, socket: &Arc<socket2::Socket>) {
        locked(&self.sockets).insert(socket.as_raw_fd(), Arc::downgrade(socket));
    }

    /// The descriptor's number is about to be free.
    pub(super) fn closed(&self, fd: RawFd) {
        locked(&self.sockets).remove(&fd);
    }

    pub(super) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Frees everything that waits for the loop: it is closed, or nobody holds it any more.
    fn shutdown(&self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        // Each is moved out before it is dropped: dropping a future may come back here.
        let parked = std::mem::take(&mut *locked(&self.parked));
        parked.values().for_each(|operation| operation.get().abandon());
        drop(parked);
        let background = std::mem::take(&mut *locked(&self.background));
        for task in background.values() {
            let future = task.background.as_ref().and_then(|place| locked(place).take());
            drop(future);
        }
        drop(background);
        let queue = std::mem::take(&mut *locked(&self.queue));
        drop(queue);
        self.timers.clear();
        let dropped = std::mem::take(&mut *locked(&self.dropped));
        drop(dropped);
        let unwanted = std::mem::take(&mut *locked(&self.unwanted));
        drop(unwanted);
        let sockets = std::mem::take(&mut *locked(&self.sockets));
        if self.process.is_current() {
            // A peer that has gone already makes this fail, which is as good.
            sockets
                .values()
                .filter_map(Weak::upgrade)
                .for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
        }
    }
}

/// Gives the turn back, also when a panic passes.
struct Restore(*const LoopRuntime);

impl Drop for Restore {
    fn drop(&mut self) {
        TURN.set(self.0);
    }
}

impl Runtime for LoopRuntime {
    fn connect<'a>(
        &'a self,
        to: &'a Address,
        tcp: &'a TcpOptions,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(async move {
            let runtime = self.this.upgrade().ok_or(io::ErrorKind::NotConnected)?;
            connect::connect(runtime, to, tcp).await
        })
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.timers.sleep(self.weak(), time))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        if self.is_closed() {
            return; // dropping the task is its clean-up
        }
        let task = Task::background(self, task);
        locked(&self.background).insert(task.id(), Arc::clone(&task));
        std::task::Wake::wake(task);
    }

    fn offload(&self, job: Box<dyn FnOnce() + Send>) {
        self.offload.run(job);
    }
}
