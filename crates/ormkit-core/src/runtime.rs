//! What core and drivers need from whoever polls them: bytes, time and a place for work that nobody awaits.
//!
//! Nothing here knows a socket or a clock. Python's event loop, tokio and a test's hand-written executor each
//! bring a [`Runtime`].

mod deadline;
mod elsewhere;
mod tcp;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use deadline::within;
pub use elsewhere::{Answer, elsewhere};
pub use tcp::{Keepalive, TcpOptions};

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A host name or IP address, resolved by the runtime, and a port.
    Tcp {
        /// Host name, IPv4 or IPv6 address without brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A Unix-domain socket, by its full path. One that begins with NUL is a name in Linux's abstract namespace.
    Unix(PathBuf),
}

/// The services of an executor.
pub trait Runtime: Send + Sync + 'static {
    /// Opens a connection; one over TCP has `tcp` set, and sends small writes at once (TCP_NODELAY). Dropping the future
    /// closes what it has opened so far.
    fn connect<'a>(
        &'a self,
        to: &'a Address,
        tcp: &'a TcpOptions,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>>;

    /// The addresses of a host name, in the resolver's order. Without one of the runtime's own it is the system's.
    fn resolve(&self, host: &str) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        Box::pin(async move {
            let resolved = elsewhere(self, move || Ok((host.as_str(), 0).to_socket_addrs()?.collect())).await;
            resolved.unwrap_or_else(|| Err(io::Error::other("name resolution could not be run")))
        })
    }

    /// Completes after `time`.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;

    /// The time now, on the clock that [`sleep`](Self::sleep) follows.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Runs `task` in the background: draining, pool upkeep.
    ///
    /// It is called from `Drop` on any thread, so it MUST NOT poll there and then. A task dropped unrun frees what it
    /// holds: its own `Drop` is the clean-up.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Runs a blocking job (name resolution, a long key derivation) away from the thread that polls.
    fn offload(&self, job: Box<dyn FnOnce() + Send>);
}

/// What can be told of a connection without reading from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// Nothing to read: as an idle connection should be.
    Quiet,
    /// The peer has sent something that nobody asked for.
    Readable,
    /// The peer has closed, or the socket has failed.
    Closed,
}

/// A stream of bytes. What `poll_write` took is with the operating system, or on its way there: a transport that encrypts
/// sends the rest of it while it is read from.
pub trait Transport: Send {
    /// Reads into `buffer`. `Ready(Ok(0))` is the end of the stream. Pending registers the waker for readability.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes from `bytes` and answers how many were taken. Pending registers the waker for writability; reading and
    /// writing may both be pending at once (a large pipeline is read while it is written).
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Looks at the receive queue without waiting and without consuming.
    fn peek(&mut self) -> Peek;

    /// What ends the transport from outside, while somebody waits on it: both ways are shut down, and who reads finds the
    /// end of the stream. None where that cannot be done.
    fn aborter(&self) -> Option<Aborter> {
        None
    }
}

/// Ends something from outside; harmless afterwards.
pub type Aborter = Box<dyn Fn() + Send + Sync>;
