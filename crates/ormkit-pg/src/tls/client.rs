//! From a policy to sessions.

use std::sync::Arc;

use ormkit_core::error::{Error, ErrorKind, Result};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};
use rustls_pki_types::ServerName;

use super::{end_point, files, verify};
use crate::config::tls::{SslMode, TlsPolicy, Version};

/// The name of PostgreSQL's protocol inside TLS.
const ALPN: &[u8] = b"postgresql";

/// What sessions to the servers of one policy share.
#[derive(Clone)]
pub(crate) struct TlsClient {
    config: Arc<ClientConfig>,
    pub(crate) direct: bool,
    /// The server's certificate leads to a trusted root.
    verified: bool,
    /// And it is for the host's name.
    named: bool,
}

/// What a handshake has shown.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    /// The server's certificate leads to a trusted root.
    pub(crate) verified: bool,
    /// The hash of its certificate for channel binding (tls-server-end-point, RFC 5929); None where the signature of the
    /// certificate has no hash function of its own.
    pub(crate) end_point: Option<Vec<u8>>,
}

impl TlsClient {
    /// Reads the files of a policy: a blocking job.
    ///
    /// # Errors
    /// `Operational` for a file that is missing, malformed or readable by others.
    pub(crate) fn load(policy: &TlsPolicy) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let roots = files::roots(policy)?;
        let verified = roots.is_some();
        let named = policy.mode == SslMode::VerifyFull;
        let crls = files::crls(policy)?;
        let verifier = verify::verifier(roots, crls, named, &provider)?;
        let mut config = configure(policy, provider, verifier)?;
        config.enable_sni = policy.sni;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), direct: policy.direct, verified, named })
    }

    /// A session to the host of this name, and what it will have shown when hands are shaken.
    ///
    /// # Errors
    /// `Interface` when the name has to be verified and there is none.
    pub(crate) fn session(&self, host: &str) -> Result<ClientConnection> {
        let name = match ServerName::try_from(host.to_owned()) {
            Ok(name) => name,
            // No certificate can be for such a name. An address is never sent.
            Err(_) if !self.named => ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into()),
            Err(_) => {
                return Err(Error::interface(
                    "sslmode=verify-full needs a host name that a certificate can be for",
                ));
            }
        };
        ClientConnection::new(Arc::clone(&self.config), name).map_err(|error| failed(&error.to_string()))
    }

    /// What the handshake of this session has shown.
    ///
    /// # Errors
    /// `Protocol` when a server that was spoken to in TLS from the first byte does not say that it is PostgreSQL.
    pub(crate) fn proof(&self, session: &ClientConnection) -> Result<Proof> {
        if self.direct && session.alpn_protocol() != Some(ALPN) {
            return Err(Error::protocol(
                "the server did not agree on the protocol `postgresql` within TLS (ALPN)",
            ));
        }
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        Ok(Proof { verified: self.verified, end_point: certificate.and_then(|own| end_point::hash(own)) })
    }
}

fn configure(
    policy: &TlsPolicy,
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig> {
    let unusable = |error: rustls::Error| failed(&error.to_string());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(policy.versions))
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match files::identity(policy)? {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| failed(&format!("the client certificate and its key cannot be used: {error}"))),
    }
}

fn versions((least, most): (Version, Version)) -> &'static [&'static SupportedProtocolVersion] {
    static OLD: [&SupportedProtocolVersion; 1] = [&TLS12];
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    static NEW: [&SupportedProtocolVersion; 1] = [&TLS13];
    match (least, most) {
        (Version::Tls12, Version::Tls12) => &OLD,
        (Version::Tls12, Version::Tls13) => &BOTH,
        (Version::Tls13, _) => &NEW,
    }
}

/// TLS cannot be set up.
pub(super) fn failed(why: &str) -> Error {
    Error::new(ErrorKind::Operational(why.to_owned()))
}
