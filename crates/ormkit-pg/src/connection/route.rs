//! The way to a server: the socket, and TLS over it where it is asked for. A CancelRequest goes the same way.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::runtime::{Address, Runtime, TcpOptions, Transport};

use super::io::{run_elsewhere, write_all};
use crate::config::tls::TlsPolicy;
use crate::error::connection_lost;
use crate::protocol::backend::Message;
use crate::protocol::buffer::{ReadBuffer, STARTUP_LIMIT};
use crate::protocol::frontend::SSL_REQUEST;
use crate::tls::TlsTransport;
use crate::tls::client::{Proof, TlsClient};

/// The most of an unauthenticated server's words that is repeated.
const QUOTED: usize = 200;

/// How to reach one server.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) address: Address,
    /// The name that a certificate has to be for.
    pub(crate) host: String,
    pub(crate) tcp: TcpOptions,
    pub(crate) encryption: Encryption,
}

/// Whether to encrypt.
#[derive(Clone)]
pub(crate) enum Encryption {
    /// In the clear.
    None,
    /// Where the server has TLS, and only then are the files of the policy read; in the clear where it says that it has
    /// none.
    Offered(Arc<TlsPolicy>),
    Required(TlsClient),
}

/// An open way.
pub(crate) struct Opened {
    pub(crate) transport: Box<dyn Transport>,
    /// What the server has shown; None in the clear.
    pub(crate) proof: Option<Proof>,
    /// How to go the same way again.
    pub(crate) encryption: Encryption,
}

impl Route {
    /// Opens the socket and encrypts.
    ///
    /// # Errors
    /// `ConnectionLost` when nobody answers, `Operational` when the server has no TLS and it is required or when its
    /// certificate does not hold, `Protocol` when it does not speak as PostgreSQL does.
    pub(crate) async fn open(&self) -> Result<Opened> {
        let socket = self.runtime.connect(&self.address, &self.tcp).await;
        let mut transport = socket.map_err(|error| self.broken(&error))?;
        let asks = match &self.encryption {
            Encryption::None => false,
            Encryption::Offered(_) => true,
            Encryption::Required(client) => !client.direct,
        };
        let has_tls = asks && self.ask(&mut *transport).await?;
        let client = match &self.encryption {
            Encryption::Required(_) if asks && !has_tls => {
                return Err(self.failed("the server has no TLS, and sslmode requires it"));
            }
            Encryption::Required(client) => client.clone(),
            Encryption::Offered(policy) if has_tls => load(&self.runtime, policy).await?,
            Encryption::None | Encryption::Offered(_) => {
                return Ok(Opened { transport, proof: None, encryption: Encryption::None });
            }
        };
        let session = client.session(&self.host)?;
        let tls = TlsTransport::connect(transport, session).await.map_err(|error| self.refused(&error))?;
        let proof = Some(client.proof(tls.session())?);
        Ok(Opened { transport: Box::new(tls), proof, encryption: Encryption::Required(client) })
    }

    /// The server's address, for messages.
    pub(crate) fn place(&self) -> String {
        match &self.address {
            Address::Tcp { host, port } if !self.host.is_empty() && *host != self.host => {
                format!("{}:{port} ({host})", self.host)
            }
            address => describe(address),
        }
    }

    /// SSLRequest: True when the server begins TLS, false when it has none.
    async fn ask(&self, transport: &mut dyn Transport) -> Result<bool> {
        write_all(transport, &SSL_REQUEST).await.map_err(|error| self.broken(&error))?;
        let mut answer = [0; 512];
        let count = poll_fn(|cx| transport.poll_read(cx, &mut answer)).await;
        let count = count.map_err(|error| self.broken(&error))?;
        match &answer[..count] {
            [] => Err(connection_lost(format!(
                "cannot connect to {}: the server closed the connection",
                self.place()
            ))),
            b"S" => Ok(true),
            b"N" => Ok(false),
            // What comes behind the answer was not encrypted, and would pass for what was (CVE-2021-23222).
            [b'S' | b'N', ..] => {
                Err(Error::protocol("the server sent bytes behind its answer to SSLRequest"))
            }
            [b'E', ..] => Err(self.failed(&format!("the server refused TLS{}", quote(&answer[..count])))),
            _ => Err(Error::protocol("the answer to SSLRequest is none: this is not a PostgreSQL server")),
        }
    }

    fn broken(&self, error: &io::Error) -> Error {
        connection_lost(format!("cannot connect to {}: {error}", self.place()))
    }

    /// A handshake that failed: the socket's error, or that of TLS.
    fn refused(&self, error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::InvalidData => self.failed(&format!("TLS failed: {error}")),
            _ => self.broken(error),
        }
    }

    fn failed(&self, why: &str) -> Error {
        Error::new(ErrorKind::Operational(format!("cannot connect to {}: {why}", self.place())))
    }
}

/// Reads the files of a policy.
pub(crate) async fn load(runtime: &Arc<dyn Runtime>, policy: &Arc<TlsPolicy>) -> Result<TlsClient> {
    let policy = Arc::clone(policy);
    run_elsewhere(runtime, move || TlsClient::load(&policy)).await?
}

/// What an ErrorResponse says that nobody vouches for (CVE-2024-10977).
fn quote(bytes: &[u8]) -> String {
    let mut inbox = ReadBuffer::default();
    inbox.spare()[..bytes.len()].copy_from_slice(bytes);
    inbox.filled(bytes.len());
    let Ok(Some(frame)) = inbox.take(STARTUP_LIMIT) else { return String::new() };
    let Ok(Message::Error(fields)) = Message::decode(frame.tag, inbox.body(&frame)) else {
        return String::new();
    };
    let said = fields.iter().find(|(code, _)| *code == b'M').map(|(_, text)| String::from_utf8_lossy(text));
    let said: String = said.unwrap_or_default().chars().take(QUOTED).collect();
    format!("; without any proof of who it is it says {said:?}")
}

/// An address as a person writes it.
pub(crate) fn describe(address: &Address) -> String {
    match address {
        Address::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Address::Tcp { host, port } => format!("{host}:{port}"),
        Address::Unix(path) => path.display().to_string().replace('\0', "@"),
    }
}
