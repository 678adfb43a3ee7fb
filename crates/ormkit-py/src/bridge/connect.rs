//! Opening connections.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ormkit_core::runtime::{Address, Runtime, Transport};
use socket2::{Domain, Protocol, SockAddr, TcpKeepalive, Type};

use super::executor::LoopRuntime;
use super::offload;
use super::socket::Socket;

/// A peer that says nothing is asked after this time whether it is there, …
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
/// … and asked again at this interval.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// A Unix-domain server with a full backlog is asked again after this time.
const BACKLOG_PAUSE: Duration = Duration::from_millis(10);

/// Connects to `to`. There is no time limit: the caller sets one.
pub(super) async fn connect(runtime: Arc<LoopRuntime>, to: &Address) -> io::Result<Box<dyn Transport>> {
    let socket = match to {
        Address::Tcp { host, port } => tcp(&runtime, host, *port).await?,
        Address::Unix(path) => {
            let address = SockAddr::unix(path)?;
            open(&runtime, &address).await?
        }
    };
    Ok(Box::new(socket))
}

/// Tries every address of a host in the resolver's order; the last failure is the answer.
async fn tcp(runtime: &Arc<LoopRuntime>, host: &str, port: u16) -> io::Result<Socket> {
    let mut failure = io::Error::new(ErrorKind::NotFound, "the host name has no address");
    for address in resolve(runtime, host, port).await? {
        match open(runtime, &address.into()).await {
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
    let resolved = offload::ask(&**runtime, move || Ok((host.as_str(), port).to_socket_addrs()?.collect()));
    resolved.await.unwrap_or_else(|| Err(io::Error::other("name resolution could not be run")))
}

async fn open(runtime: &Arc<LoopRuntime>, address: &SockAddr) -> io::Result<Socket> {
    loop {
        let socket = configured(address)?;
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

fn configured(address: &SockAddr) -> io::Result<socket2::Socket> {
    let unix = address.domain() == Domain::UNIX;
    let protocol = if unix { None } else { Some(Protocol::TCP) };
    let socket = socket2::Socket::new(address.domain(), Type::STREAM, protocol)?;
    socket.set_nonblocking(true)?;
    if !unix {
        socket.set_tcp_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_INTERVAL);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(socket)
}
