//! A connected socket on an event loop.
//!
//! Its reader is registered once, when a read first has to wait, and stays: registering per read costs 7 to 9 µs. The
//! `readable` flag says whether reading is worth a system call: set by the reader callback, cleared by a read that
//! got less than it had room for. Loops report readability by level, so a flag cleared too often is set again.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use ormkit_core::runtime::{Aborter, Peek, Transport};
use pyo3::intern;
use pyo3::prelude::*;

use super::executor::{LoopRuntime, held_long};
use super::locked;

/// A socket that is never waited for in the kernel.
pub(super) struct Socket {
    runtime: Arc<LoopRuntime>,
    io: Arc<IoState>,
    /// Shared with the runtime alone, weakly. None only while it is dropped.
    socket: Option<Arc<socket2::Socket>>,
}

/// What the loop's callbacks know of a socket. They never reach the connection.
struct IoState {
    fd: RawFd,
    readable: AtomicBool,
    interest: Mutex<Interest>,
}

#[derive(Default)]
struct Interest {
    read: Option<Waker>,
    write: Option<Waker>,
    /// The loop has our reader, our writer.
    reads: bool,
    writes: bool,
}

/// Which way of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Read,
    Write,
}

impl Socket {
    /// Takes over a socket, which becomes non-blocking.
    pub(super) fn new(runtime: Arc<LoopRuntime>, socket: socket2::Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let io =
            IoState { fd: socket.as_raw_fd(), readable: AtomicBool::new(false), interest: Mutex::default() };
        let socket = Arc::new(socket);
        runtime.opened(&socket);
        Ok(Self { runtime, io: Arc::new(io), socket: Some(socket) })
    }

    /// The socket.
    ///
    /// # Errors
    /// The loop is closed, or a forked child asks: the connection is its parent's.
    fn open(&self) -> io::Result<&Arc<socket2::Socket>> {
        match &self.socket {
            Some(socket) if !self.runtime.is_closed() => Ok(socket),
            _ => Err(io::Error::new(
                ErrorKind::NotConnected,
                "this connection belongs to a closed loop or another process",
            )),
        }
    }

    /// Completes when a connect that was started has come to an end.
    pub(super) fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.open()?;
        if let Some(error) = socket.take_error()? {
            return Poll::Ready(Err(error));
        }
        match socket.peer_addr() {
            Ok(_) => Poll::Ready(Ok(())),
            Err(error) if error.kind() == ErrorKind::NotConnected => self.wait(Way::Write, cx.waker()),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Leaves a waker, and has the loop watch the socket.
    fn wait<T>(&self, way: Way, waker: &Waker) -> Poll<io::Result<T>> {
        let mut interest = locked(&self.io.interest);
        let replaced = interest.waker(way).replace(waker.clone());
        let watched = std::mem::replace(interest.watched(way), true);
        drop(interest);
        drop(replaced);
        if !watched && let Err(error) = self.watch(way) {
            *locked(&self.io.interest).watched(way) = false;
            return Poll::Ready(Err(error));
        }
        Poll::Pending
    }

    fn watch(&self, way: Way) -> io::Result<()> {
        Python::attach(|py| {
            let event_loop = self.runtime.event_loop(py)?;
            let ready = Ready { runtime: self.runtime.weak(), io: Arc::clone(&self.io), way };
            let add = match way {
                Way::Read => intern!(py, "add_reader"),
                Way::Write => intern!(py, "add_writer"),
            };
            event_loop.call_method1(add, (self.io.fd, ready)).map(drop).map_err(io::Error::other)
        })
    }
}

impl Interest {
    fn waker(&mut self, way: Way) -> &mut Option<Waker> {
        match way {
            Way::Read => &mut self.read,
            Way::Write => &mut self.write,
        }
    }

    fn watched(&mut self, way: Way) -> &mut bool {
        match way {
            Way::Read => &mut self.reads,
            Way::Write => &mut self.writes,
        }
    }
}

impl Transport for Socket {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let socket = self.open()?;
        if self.io.readable.load(Ordering::Acquire) {
            if held_long() {
                cx.waker().wake_by_ref(); // a large result: the loop's turn, then the rest of it
                return Poll::Pending;
            }
            match retried(|| io::Read::read(&mut &**socket, buffer)) {
                // The end of the stream stays readable.
                Ok(read) => {
                    if read > 0 && read < buffer.len() {
                        self.io.readable.store(false, Ordering::Release);
                    }
                    return Poll::Ready(Ok(read));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.io.readable.store(false, Ordering::Release)
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.wait(Way::Read, cx.waker())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = self.open()?;
        match retried(|| socket.send_with_flags(bytes, SEND_FLAGS)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(Way::Write, cx.waker()),
            written => Poll::Ready(written),
        }
    }

    fn aborter(&self) -> Option<Aborter> {
        let socket = Arc::downgrade(self.socket.as_ref()?);
        Some(Box::new(move || {
            if let Some(socket) = socket.upgrade() {
                // The loop sees the end; without a connection there is nothing to be ended.
                let _ = socket.shutdown(std::net::Shutdown::Both);
            }
        }))
    }

    fn peek(&mut self) -> Peek {
        let Ok(socket) = self.open() else { return Peek::Closed };
        match retried(|| socket.peek(&mut [MaybeUninit::uninit()])) {
            Ok(0) => Peek::Closed,
            Ok(_) => {
                // The loop may not have had a turn since: whoever reads now gets what was seen.
                self.io.readable.store(true, Ordering::Release);
                Peek::Readable
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Peek::Quiet,
            Err(_) => Peek::Closed,
        }
    }
}

/// A peer that is gone is an error and not a signal.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const SEND_FLAGS: i32 = 0; // Python ignores SIGPIPE

fn retried(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let mut interest = locked(&self.io.interest);
        // The wakers may lead back to the future that owns this socket: the cycle ends here.
        let wakers = (interest.read.take(), interest.write.take());
        let (reads, writes) = (interest.reads, interest.writes);
        drop(interest);
        drop(wakers);
        if let Some(socket) = self.socket.take() {
            self.runtime.closed(self.io.fd);
            if reads || writes {
                self.runtime.close_later(Dropped { socket, reads, writes });
            }
        }
    }
}

/// A dropped socket that the loop still watches. Closing its descriptor first would have the loop watch whatever gets
/// the number next.
pub(super) struct Dropped {
    socket: Arc<socket2::Socket>,
    reads: bool,
    writes: bool,
}

impl Dropped {
    /// Unregisters and closes.
    pub(super) fn close(self, event_loop: &Bound<'_, PyAny>) {
        let py = event_loop.py();
        let fd = self.socket.as_raw_fd();
        let remove = |name| {
            if let Err(error) = event_loop.call_method1(name, (fd,)) {
                error.write_unraisable(py, Some(event_loop));
            }
        };
        if self.reads {
            remove(intern!(py, "remove_reader"));
        }
        if self.writes {
            remove(intern!(py, "remove_writer"));
        }
    }
}

/// The loop's callback for one way of a socket.
#[pyclass(frozen, name = "SocketReady", module = "ormkit._ormkit")]
struct Ready {
    runtime: Weak<LoopRuntime>,
    io: Arc<IoState>,
    way: Way,
}

#[pymethods]
impl Ready {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let Some(runtime) = self.runtime.upgrade().filter(|runtime| !runtime.is_closed()) else {
            return Ok(()); // a forked child that runs its parent's loop to an end: what the loop watches is shared
        };
        if self.way == Way::Read {
            self.io.readable.store(true, Ordering::Release);
        }
        let mut interest = locked(&self.io.interest);
        let waker = interest.waker(self.way).take();
        // Writability is asked for once. Bytes or an end that nobody reads would have the loop spin: the next read
        // that waits registers again.
        let unwatch = self.way == Way::Write || waker.is_none();
        if unwatch {
            *interest.watched(self.way) = false;
        }
        drop(interest);
        if unwatch {
            let event_loop = runtime.event_loop(py)?;
            let remove = match self.way {
                Way::Read => intern!(py, "remove_reader"),
                Way::Write => intern!(py, "remove_writer"),
            };
            event_loop.call_method1(remove, (self.io.fd,))?;
        }
        runtime.wake_and_drain(py, waker)
    }
}
