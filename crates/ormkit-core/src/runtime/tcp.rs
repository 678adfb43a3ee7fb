//! What is set on TCP connections.

use std::time::Duration;

/// How a TCP connection notices that its peer is gone. Unix-domain sockets need none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    /// Probes on a silent connection; None sends none.
    pub keepalive: Option<Keepalive>,
    /// The longest time for which sent bytes may stay unacknowledged before the connection breaks; None is the system's
    /// own. Only Linux, Android and Fuchsia know it; elsewhere it has no effect, as in libpq.
    pub user_timeout: Option<Duration>,
}

/// Keepalive probes; what is None is the system's own value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
    /// Unanswered probes after which the connection is broken.
    pub count: Option<u32>,
}

/// Probes after a minute of silence, then every ten seconds.
impl Default for TcpOptions {
    fn default() -> Self {
        let keepalive = Keepalive {
            idle: Some(Duration::from_secs(60)),
            interval: Some(Duration::from_secs(10)),
            count: None,
        };
        Self { keepalive: Some(keepalive), user_timeout: None }
    }
}

#[cfg(feature = "socket2")]
impl TcpOptions {
    /// Sets these options, and TCP_NODELAY, on a TCP socket.
    ///
    /// # Errors
    /// The system refuses a value.
    pub fn apply(&self, socket: &socket2::Socket) -> std::io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        match &self.keepalive {
            None => socket.set_keepalive(false)?,
            Some(keepalive) => socket.set_tcp_keepalive(&keepalive.probes())?,
        }
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
        if self.user_timeout.is_some() {
            socket.set_tcp_user_timeout(self.user_timeout)?;
        }
        Ok(())
    }
}

#[cfg(feature = "socket2")]
impl Keepalive {
    fn probes(&self) -> socket2::TcpKeepalive {
        let mut probes = socket2::TcpKeepalive::new();
        if let Some(idle) = self.idle {
            probes = probes.with_time(idle);
        }
        if let Some(interval) = self.interval {
            probes = probes.with_interval(interval);
        }
        if let Some(count) = self.count {
            probes = probes.with_retries(count);
        }
        probes
    }
}
