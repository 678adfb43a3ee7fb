//! What the parameters say of TLS (PostgreSQL manual, section 34.19).

use std::path::PathBuf;

use ormkit_core::error::{Error, Result};

use super::parameters::Parameters;

/// When to encrypt, and what the server has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Who vouches for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// The system's trusted certificates.
    System,
    /// A file of certificates that has to be there.
    Given(PathBuf),
    /// The file at its usual place, where there is one.
    Usual(Option<PathBuf>),
}

/// Versions of TLS that are spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    Tls12,
    Tls13,
}

/// How connections are encrypted.
#[derive(Clone)]
pub(crate) struct TlsPolicy {
    pub(crate) mode: SslMode,
    /// TLS from the first byte, without asking in PostgreSQL's protocol.
    pub(crate) direct: bool,
    pub(crate) roots: Roots,
    /// Certificates that are no longer good. A given file has to be there.
    pub(crate) crl: Option<(PathBuf, Given)>,
    /// The client's certificate. A given file has to be there.
    pub(crate) certificate: Option<(PathBuf, Given)>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) key_password: Option<String>,
    /// Tell the server the name that was asked for.
    pub(crate) sni: bool,
    pub(crate) versions: (Version, Version),
}

/// Whether a file was named, or is looked for at its usual place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Yes,
    No,
}

const MODES: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

/// Versions by libpq's names. The older two are no longer secure and not spoken here: as a minimum they mean TLSv1.2.
const VERSIONS: [(&str, Option<Version>); 4] = [
    ("TLSv1", None),
    ("TLSv1.1", None),
    ("TLSv1.2", Some(Version::Tls12)),
    ("TLSv1.3", Some(Version::Tls13)),
];

impl TlsPolicy {
    pub(super) fn read(parameters: &Parameters<'_>) -> Result<Self> {
        let roots = match parameters.find("sslrootcert") {
            Some(name) if name == "system" => Roots::System,
            Some(name) => Roots::Given(name.into()),
            None => Roots::Usual(parameters.file_at_home(".postgresql/root.crt")),
        };
        let default = if roots == Roots::System { SslMode::VerifyFull } else { SslMode::Prefer };
        let mode = parameters.choose("sslmode", &MODES, default)?;
        if roots == Roots::System && mode != SslMode::VerifyFull {
            return Err(Error::interface(
                "sslrootcert=system needs sslmode=verify-full: anybody can get a certificate that the system trusts",
            ));
        }
        let direct = parameters.choose("sslnegotiation", &[("postgres", false), ("direct", true)], false)?;
        if direct && mode < SslMode::Require {
            return Err(Error::interface(
                "sslnegotiation=direct needs sslmode=require, verify-ca or verify-full",
            ));
        }
        let file = |name: &str, usual: &str| match parameters.find(name) {
            Some(file) => Some((PathBuf::from(file), Given::Yes)),
            None => parameters.file_at_home(usual).map(|file| (file, Given::No)),
        };
        let policy = Self {
            mode,
            direct,
            roots,
            crl: file("sslcrl", ".postgresql/root.crl"),
            certificate: file("sslcert", ".postgresql/postgresql.crt"),
            key: file("sslkey", ".postgresql/postgresql.key").map(|(file, _)| file),
            key_password: parameters.find("sslpassword"),
            sni: parameters.switch("sslsni", true)?,
            versions: versions(parameters)?,
        };
        Ok(policy)
    }
}

fn versions(parameters: &Parameters<'_>) -> Result<(Version, Version)> {
    let least = parameters.choose("ssl_min_protocol_version", &VERSIONS, Some(Version::Tls12))?;
    let most = parameters.choose("ssl_max_protocol_version", &VERSIONS, Some(Version::Tls13))?;
    let most = most.ok_or_else(|| {
        Error::unsupported("TLS older than 1.2", "ssl_max_protocol_version is TLSv1.2 or TLSv1.3")
    })?;
    let least = least.unwrap_or(Version::Tls12);
    if least > most {
        return Err(Error::interface("ssl_min_protocol_version is above ssl_max_protocol_version"));
    }
    Ok((least, most))
}
