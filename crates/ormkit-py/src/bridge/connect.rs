//! Opening connections.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ormkit_core::runtime::{Address, Runtime, TcpOptions, Transport, elsewhere};
use socket2::{Domain, Protocol, SockAddr, Type};

use super::executor::LoopRuntime;
use super::socket::Socket;

/// A Unix-domain server with a full backlog is asked again after this time.
const BACKLOG_PAUSE: Duration = Duration::from_millis(10);

/// Connects to `to`. There is no time limit: the caller sets one.
pub(super) async fn connect(
    runtime: Arc<LoopRuntime>,
    to: &Address,
    options: &TcpOptions,
) -> io::Result<Box<dyn Transport>> {
    let socket = match to {
        Address::Tcp { host, port } => tcp(&runtime, host, *port, options).await?,
        Address::Unix(path) => {
            let address = SockAddr::unix(path)?;
            open(&runtime, &address, options).await?
        }
    };
    Ok(Box::new(socket))
}

/// Tries every address of a host in the resolver's order; the last failure is the answer.
async fn tcp(runtime: &Arc<LoopRuntime>, host: &str, port: u16, options: &TcpOptions) -> io::Result<Socket> {
    let mut failure = io::Error::new(ErrorKind::NotFound, "the host name has no address");
    for address in resolve(runtime, host, port).await? {
        match open(runtime, &address.into(), options).await {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn resolve(runtime: &Arc<LoopRuntime>, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = host.to_owned();
    let resolved = elsewhere(&**runtime, move || Ok((host.as_str(), port).to_socket_addrs()?.collect()));
    resolved.await.unwrap_or_else(|| Err(io::Error::other("name resolution could not be run")))
}

async fn open(runtime: &Arc<LoopRuntime>, address: &SockAddr, options: &TcpOptions) -> io::Result<Socket> {
    loop {
        let socket = configured(address, options)?;
        match socket.connect(address) {
            Ok(()) => return Socket::new(Arc::clone(runtime), socket),
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
                let socket = Socket::new(Arc::clone(runtime), socket)?;
                poll_fn(|cx| socket.poll_connected(cx)).await?;
                return Ok(socket);
            }
            // What Linux says when a Unix-domain server's backlog is full.
            Err(error) if error.kind() == ErrorKind::WouldBlock => runtime.sleep(BACKLOG_PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

fn configured(address: &SockAddr, options: &TcpOptions) -> io::Result<socket2::Socket> {
    let unix = address.domain() == Domain::UNIX;
    let protocol = if unix { None } else { Some(Protocol::TCP) };
    let socket = socket2::Socket::new(address.domain(), Type::STREAM, protocol)?;
    socket.set_nonblocking(true)?;
    if !unix {
        options.apply(&socket)?;
    }
    Ok(socket)
}
