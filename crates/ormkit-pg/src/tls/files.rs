//! The files of TLS: certificates, a key, revocation lists.

use std::fs;
use std::io;
use std::path::Path;

use ormkit_core::error::Result;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::client::failed;
use crate::config::tls::{Given, Roots, SslMode, TlsPolicy};

/// The certificates that vouch for the server; None where the mode asks for none and there are none.
pub(super) fn roots(policy: &TlsPolicy) -> Result<Option<Vec<CertificateDer<'static>>>> {
    let file = match &policy.roots {
        Roots::System => return system().map(Some),
        Roots::Given(file) => Some(file),
        Roots::Usual(file) => file.as_ref().filter(|file| file.exists()),
    };
    match file {
        Some(file) if file.exists() => certificates("root certificate", file).map(Some),
        _ if policy.mode < SslMode::VerifyCa => Ok(None),
        _ => {
            let usual = Path::new("~/.postgresql/root.crt");
            Err(failed(&format!(
                "the root certificate file {} does not exist: name one with sslrootcert, take the system's trusted \
                 certificates with sslrootcert=system, or choose an sslmode that does not verify the server",
                file.map_or(usual, |file| file).display()
            )))
        }
    }
}

fn system() -> Result<Vec<CertificateDer<'static>>> {
    let found = rustls_native_certs::load_native_certs();
    match found.errors.first() {
        Some(error) if found.certs.is_empty() => {
            Err(failed(&format!("the system's trusted certificates cannot be read: {error}")))
        }
        None if found.certs.is_empty() => Err(failed("the system has no trusted certificates")),
        _ => Ok(found.certs),
    }
}

/// The revocation lists.
pub(super) fn crls(policy: &TlsPolicy) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    match &policy.crl {
        Some((file, given)) if *given == Given::Yes || file.exists() => {
            items("revocation list", file, &read("revocation list", file)?)
        }
        _ => Ok(Vec::new()),
    }
}

/// The client's certificate with what leads to its root, and the key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The client's certificate and key, where there is a certificate.
pub(super) fn identity(policy: &TlsPolicy) -> Result<Option<Identity>> {
    let Some((file, given)) = &policy.certificate else { return Ok(None) };
    if *given == Given::No && !file.exists() {
        return Ok(None);
    }
    let chain = certificates("client certificate", file)?;
    let Some(key) = &policy.key else {
        return Err(failed("there is a client certificate and no key for it: name it with sslkey"));
    };
    refuse_open_key(key)?;
    Ok(Some((chain, private_key(key, policy.key_password.as_deref())?)))
}

/// As libpq: the owner's alone, or root's with a group that may read it.
#[cfg(unix)]
fn refuse_open_key(file: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let known = fs::metadata(file).map_err(|error| unreadable("private key", file, &error))?;
    let forbidden = if known.uid() == 0 { 0o037 } else { 0o077 };
    if !known.is_file() {
        return Err(failed(&format!("the private key file {} is no plain file", file.display())));
    }
    if known.mode() & forbidden != 0 {
        return Err(failed(&format!(
            "others may read the private key file {}: its permissions must be u=rw (0600) or less, or u=rw,g=r (0640) or \
             less if root owns it",
            file.display()
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_open_key(_file: &Path) -> Result<()> {
    Ok(())
}

fn private_key(file: &Path, password: Option<&str>) -> Result<PrivateKeyDer<'static>> {
    let bytes = read("private key", file)?;
    let text = String::from_utf8_lossy(&bytes);
    if !text.contains("ENCRYPTED") {
        return PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
            failed(&format!("the private key file {} cannot be read: {error}", file.display()))
        });
    }
    let start = text.find("-----BEGIN ENCRYPTED PRIVATE KEY-----").ok_or_else(|| {
        failed(&format!(
            "the private key file {} is encrypted in OpenSSL's old way: `openssl pkcs8 -topk8` writes it as PKCS #8",
            file.display()
        ))
    })?;
    let password = password.ok_or_else(|| {
        failed(&format!("the private key file {} is encrypted: sslpassword is its password", file.display()))
    })?;
    let document = pkcs8::Document::from_pem(text[start..].trim()).ok();
    let encrypted = document.filter(|(label, _)| *label == "ENCRYPTED PRIVATE KEY");
    let key = encrypted.and_then(|(_, document)| {
        pkcs8::EncryptedPrivateKeyInfo::try_from(document.as_bytes()).ok()?.decrypt(password).ok()
    });
    let key = key.ok_or_else(|| {
        failed(&format!(
            "the private key file {} cannot be decrypted: sslpassword is wrong, or the method is not known",
            file.display()
        ))
    })?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

fn certificates(what: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    items(what, file, &read(what, file)?)
}

/// All items of one kind in a PEM file; there has to be one.
fn items<T: PemObject>(what: &str, file: &Path, bytes: &[u8]) -> Result<Vec<T>> {
    let read: std::result::Result<Vec<T>, _> = T::pem_slice_iter(bytes).collect();
    let problem = match read {
        Ok(items) if !items.is_empty() => return Ok(items),
        Ok(_) => format!("holds no {what}"),
        Err(error) => format!("cannot be read: {error}"),
    };
    Err(failed(&format!("the {what} file {} {problem}", file.display())))
}

fn read(what: &str, file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| unreadable(what, file, &error))
}

fn unreadable(what: &str, file: &Path, error: &io::Error) -> ormkit_core::error::Error {
    failed(&format!("the {what} file {} cannot be read: {error}", file.display()))
}
