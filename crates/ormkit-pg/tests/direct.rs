//! TLS from the first byte, against a server that is made of rustls: Debian's does not have it yet.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use ormkit_core::driver::{Batch, Health, NoRows};
use ormkit_core::error::ErrorKind;
use rcgen::KeyPair;
use rustls::crypto::ring;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use support::tls::{authority, sign};
use support::{block_on, connect_to, poll_times, raw};

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Shakes hands at once with everybody who comes, and plays `script` with the listener.
fn serve<T: Send + 'static>(
    alpn: &'static [u8],
    script: impl FnOnce(&dyn Fn() -> Stream) -> T + Send + 'static,
) -> (String, std::thread::JoinHandle<T>) {
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
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let accept = move || {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        StreamOwned::new(session, listener.accept().unwrap().0)
    };
    let url = format!(
        "postgresql://u@db.example:{port}/db?hostaddr=127.0.0.1&sslmode=require&sslnegotiation=direct&prepared=named"
    );
    (url, std::thread::spawn(move || script(&accept)))
}

/// Answers the StartupMessage that comes inside of TLS, and tells what it was.
fn log_in(stream: &mut Stream) -> std::io::Result<Vec<u8>> {
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
        let (url, server) = serve(b"postgresql", |accept| log_in(&mut accept()));
        let connection = connect_to(&url, step).unwrap();
        assert!(server.join().unwrap().unwrap().starts_with(&[0, 3, 0, 0]));
        assert_eq!(connection.health(), Health::Idle);
    }
}

#[test]
fn server_of_another_protocol_is_refused() {
    let (url, server) = serve(b"", |accept| log_in(&mut accept()));
    let error = connect_to(&url, None).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::Protocol(_)) && error.to_string().contains("ALPN"), "{error}");
    assert!(server.join().unwrap().is_err(), "nothing was told");
    let (url, server) = serve(b"http/1.1", |accept| log_in(&mut accept()));
    assert!(connect_to(&url, None).is_err());
    assert!(server.join().unwrap().is_err());
}

#[test]
fn cancel_request_goes_inside_of_tls_as_well() {
    let (url, server) = serve(b"postgresql", |accept| {
        let mut session = accept();
        log_in(&mut session).unwrap();
        let mut request = [0; 16];
        accept().read_exact(&mut request).map(|()| request)
    });
    let mut connection = connect_to(&url, None).unwrap();
    let never = [raw("SELECT pg_sleep(600)", &[])];
    assert!(!poll_times(5, connection.run(Batch { before: &[], statements: &never }, &mut NoRows)));
    assert!(block_on(connection.clean()).is_err(), "the server closes without an answer");
    assert_eq!(&server.join().unwrap().unwrap(), b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01abcd");
}
