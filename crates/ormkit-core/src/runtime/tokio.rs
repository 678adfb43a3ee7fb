//! The [`Runtime`] of Rust users: sockets, timers and tasks of tokio.
//!
//! ```
//! use std::sync::Arc;
//! use ormkit_core::runtime::{Runtime, tokio::TokioRuntime};
//!
//! let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! tokio.block_on(async {
//!     let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::current());
//!     runtime.sleep(std::time::Duration::ZERO).await;
//! });
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::runtime::Handle;

use super::{Address, BoxFuture, Peek, Runtime, TcpOptions, Transport};

/// A tokio runtime, with IO and time enabled (`enable_all`). A pool made with it belongs to it: connections are polled
/// by its tasks only.
#[derive(Clone, Debug)]
pub struct TokioRuntime {
    handle: Handle,
}

impl TokioRuntime {
    /// The runtime that the caller runs on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn current() -> Self {
        Self::new(Handle::current())
    }

    /// The runtime of a handle.
    pub fn new(handle: Handle) -> Self {
        Self { handle }
    }
}

impl Runtime for TokioRuntime {
    fn connect<'a>(
        &'a self,
        to: &'a Address,
        tcp: &'a TcpOptions,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(async move {
            match to {
                Address::Tcp { host, port } => connect_tcp(host, *port, tcp).await,
                Address::Unix(path) => connect_unix(path).await,
            }
        })
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        // A timer finds its runtime when it is made, and this may be any thread.
        let _entered = self.handle.enter();
        Box::pin(tokio::time::sleep(time))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(self.handle.spawn(task));
    }

    fn offload(&self, job: Box<dyn FnOnce() + Send>) {
        drop(self.handle.spawn_blocking(job));
    }
}

async fn connect_tcp(host: &str, port: u16, tcp: &TcpOptions) -> io::Result<Box<dyn Transport>> {
    // Addresses are tried in the resolver's order; the last failure is told.
    let stream = TcpStream::connect((host, port)).await?;
    tcp.apply(&SockRef::from(&stream))?;
    Ok(Box::new(Socket(stream)))
}

#[cfg(unix)]
async fn connect_unix(path: &std::path::Path) -> io::Result<Box<dyn Transport>> {
    Ok(Box::new(Socket(UnixStream::connect(path).await?)))
}

#[cfg(not(unix))]
async fn connect_unix(_path: &std::path::Path) -> io::Result<Box<dyn Transport>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix-domain sockets"))
}

/// A stream of tokio.
struct Socket<S>(S);

impl<S> Transport for Socket<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    for<'s> SockRef<'s>: From<&'s S>,
{
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn peek(&mut self) -> Peek {
        let mut byte = [MaybeUninit::uninit()];
        match SockRef::from(&self.0).peek(&mut byte) {
            Ok(0) => Peek::Closed,
            Ok(_) => Peek::Readable,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Peek::Quiet,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Peek::Quiet,
            Err(_) => Peek::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::future::poll_fn;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;

    use super::*;

    fn on_tokio<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
    }

    /// Writes `ping`, reads what comes back, and sees the other side close.
    async fn talk(mut transport: Box<dyn Transport>) {
        assert_eq!(transport.peek(), Peek::Quiet);
        assert_eq!(poll_fn(|cx| transport.poll_write(cx, b"ping")).await.unwrap(), 4);
        let mut buffer = [0; 16];
        let read = poll_fn(|cx| transport.poll_read(cx, &mut buffer)).await.unwrap();
        assert_eq!(&buffer[..read], b"pong");
        assert_eq!(poll_fn(|cx| transport.poll_read(cx, &mut buffer)).await.unwrap(), 0);
        assert_eq!(transport.peek(), Peek::Closed);
    }

    /// The other side of [`talk`].
    fn answer(mut stream: impl Read + Write) {
        let mut ping = [0; 4];
        stream.read_exact(&mut ping).unwrap();
        stream.write_all(b"pong").unwrap();
    }

    #[test]
    fn bytes_cross_a_tcp_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
        let server = std::thread::spawn(move || answer(listener.accept().unwrap().0));
        on_tokio(async {
            talk(TokioRuntime::current().connect(&address, &TcpOptions::default()).await.unwrap()).await
        });
        server.join().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn bytes_cross_a_unix_socket() {
        let path = std::env::temp_dir().join(format!("ormkit-core-{}.sock", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || answer(listener.accept().unwrap().0));
        let address = Address::Unix(path.clone());
        on_tokio(async {
            talk(TokioRuntime::current().connect(&address, &TcpOptions::default()).await.unwrap()).await
        });
        server.join().unwrap();
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn refused_connection_is_an_error() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = Address::Tcp { host: "127.0.0.1".into(), port };
        let refused =
            on_tokio(async { TokioRuntime::current().connect(&address, &TcpOptions::default()).await.err() });
        assert_eq!(refused.unwrap().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn work_can_be_given_from_a_foreign_thread() {
        let (done, both) = mpsc::channel();
        on_tokio(async {
            let runtime = TokioRuntime::current();
            let jobs = std::thread::spawn(move || {
                let (slept, offloaded) = (done.clone(), done);
                let sleep = runtime.sleep(Duration::ZERO);
                runtime.spawn(Box::pin(async move {
                    sleep.await;
                    slept.send("slept").unwrap();
                }));
                runtime.offload(Box::new(move || offloaded.send("offloaded").unwrap()));
            });
            jobs.join().unwrap();
            let mut arrived = BTreeSet::new();
            while arrived.len() < 2 {
                arrived.extend(both.try_iter());
                tokio::task::yield_now().await;
            }
            assert!(arrived.contains("slept") && arrived.contains("offloaded"));
        });
    }
}
