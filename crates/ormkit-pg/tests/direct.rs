//! TLS from the first byte, against a server that is made of rustls: Debian's does not have it yet.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use ormkit_core::error::ErrorKind;
use rcgen::KeyPair;
use rustls::crypto::ring;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use support::connect_to;
use support::tls::{authority, sign};

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

/// Shakes hands at once and lets everybody in.
fn serve(alpn: &'static [u8]) -> (String, std::thread::JoinHandle<std::io::Result<Vec<u8>>>) {
    let own = sign(&authority("ours", KeyPair::generate().unwrap()), &["db.example"], |_| {});
    let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = if alpn.is_empty() { Vec::new() } else { vec![alpn.to_vec()] };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        log_in(stream, config)
    });
    (
        format!(
            "postgresql://u@db.example:{port}/db?hostaddr=127.0.0.1&sslmode=require&sslnegotiation=direct"
        ),
        server,
    )
}

/// Answers the StartupMessage that comes inside of TLS.
fn log_in(stream: TcpStream, config: ServerConfig) -> std::io::Result<Vec<u8>> {
    let session = ServerConnection::new(Arc::new(config)).unwrap();
    let mut stream = StreamOwned::new(session, stream);
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut startup)?;
    let answer = [message(b'R', &[0; 4]), message(b'K', b"\0\0\0\x01abcd"), message(b'Z', b"I")].concat();
    // In pieces that have nothing to do with the messages.
    for piece in answer.chunks(3) {
        stream.write_all(piece)?;
        stream.flush()?;
    }
    Ok(startup)
}

#[test]
fn direct_negotiation_begins_with_tls_and_agrees_on_the_protocol() {
    for step in [None, Some(1)] {
        let (url, server) = serve(b"postgresql");
        let connection = connect_to(&url, step).unwrap();
        assert!(server.join().unwrap().unwrap().starts_with(&[0, 3, 0, 0]));
        assert_eq!(connection.health(), ormkit_core::driver::Health::Idle);
    }
}

#[test]
fn server_of_another_protocol_is_refused() {
    let (url, server) = serve(b"");
    let error = connect_to(&url, None).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::Protocol(_)) && error.to_string().contains("ALPN"), "{error}");
    assert!(server.join().unwrap().is_err(), "nothing was told");
    let (url, server) = serve(b"http/1.1");
    assert!(connect_to(&url, None).is_err());
    assert!(server.join().unwrap().is_err());
}
