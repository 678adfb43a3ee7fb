//! TLS against a real server: every mode, certificates that are not what they should be, channel binding.

mod support;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;

use ormkit_core::driver::{Connection, Driver, Health};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::value::ValueRef;
use ormkit_pg::{Config, PgDriver};
use rcgen::{KeyPair, PKCS_ED25519, date_time_ymd};
use support::tls::{Authority, Server, authority, sign};
use support::{StdRuntime, block_on, connect_to, poll_times, raw, row, run};

const HOST: &str = "db.example";

fn ca() -> Authority {
    authority("ours", KeyPair::generate().unwrap())
}

fn refused(url: &str) -> Error {
    connect_to(url, None).err().unwrap_or_else(|| panic!("{url} is taken"))
}

/// True when the session that this URL leads to is encrypted.
fn is_encrypted(url: &str) -> Result<bool> {
    let mut connection = connect_to(url, None)?;
    let sql = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    Ok(row(&mut *connection, sql) == ["true"])
}

#[test]
fn modes_mean_what_they_mean_in_libpq() {
    let mut server = Server::start();
    let me = server.superuser().to_owned();
    let ours = ca();
    let root = server.file("root.crt", &ours.pem());
    let root = root.display();
    // A server without TLS.
    for (mode, encrypted) in
        [("disable", Some(false)), ("allow", Some(false)), ("prefer", Some(false)), ("require", None)]
    {
        let url = server.url(&me, HOST, &format!("sslmode={mode}"));
        assert_eq!(is_encrypted(&url).ok(), encrypted, "{mode}");
    }
    let error = refused(&server.url(&me, HOST, "sslmode=require")).to_string();
    assert!(error.contains("has no TLS"), "{error}");
    let clear = server.url("plainer:plainer", HOST, "sslmode=prefer");
    assert!(matches!(refused(&clear).kind(), ErrorKind::Unsupported { .. }));
    assert!(connect_to(&format!("{clear}&allow_cleartext_password=1"), None).is_ok());

    server.load(&sign(&ours, &[HOST, "*.wild.example", "127.0.0.1"], |_| {}), &ours.pem());
    for (query, encrypted) in [
        ("sslmode=disable".to_owned(), Some(false)),
        ("sslmode=allow".to_owned(), Some(false)),
        (String::new(), Some(true)),
        ("sslmode=require".to_owned(), Some(true)),
        ("sslmode=require&ssl_max_protocol_version=TLSv1.2".to_owned(), Some(true)),
        ("sslmode=require&ssl_min_protocol_version=TLSv1.3&sslsni=0".to_owned(), Some(true)),
        (format!("sslmode=require&sslrootcert={root}"), Some(true)),
        (format!("sslmode=verify-ca&sslrootcert={root}"), Some(true)),
        (format!("sslmode=verify-full&sslrootcert={root}"), Some(true)),
        ("sslmode=verify-ca&sslrootcert=/nowhere/root.crt".to_owned(), None),
        ("sslrootcert=system".to_owned(), None),
    ] {
        assert_eq!(is_encrypted(&server.url(&me, HOST, &query)).ok(), encrypted, "{query}");
    }
    // A role that is turned away in the clear is let in by TLS.
    for (mode, taken) in [("disable", false), ("allow", true), ("prefer", true), ("require", true)] {
        let url = server.url("tlser:tlser", HOST, &format!("sslmode={mode}"));
        assert_eq!(is_encrypted(&url).is_ok(), taken, "{mode}: {:?}", is_encrypted(&url));
    }
    // A password in clear text needs a server that has proven who it is.
    for (query, taken) in [
        ("sslmode=require".to_owned(), false),
        ("sslmode=require&allow_cleartext_password=1".to_owned(), true),
        (format!("sslmode=verify-full&sslrootcert={root}"), true),
    ] {
        assert_eq!(connect_to(&server.url("plainer:plainer", HOST, &query), None).is_ok(), taken, "{query}");
    }
    // Which names the certificate is for: verify-full alone asks.
    for (host, taken) in [
        (HOST, true),
        ("a.wild.example", true),
        ("a.b.wild.example", false),
        ("127.0.0.1", true),
        ("evil.example", false),
        ("127.0.0.2", false),
    ] {
        let url = |mode: &str| server.url(&me, host, &format!("sslmode={mode}&sslrootcert={root}"));
        assert!(connect_to(&url("verify-ca"), None).is_ok(), "{host}");
        assert_eq!(connect_to(&url("verify-full"), None).is_ok(), taken, "{host}");
    }
    let error = refused(&server.url(&me, "", &format!("sslmode=verify-full&sslrootcert={root}"))).to_string();
    assert!(error.contains("host name"), "{error}");
}

#[test]
fn certificates_that_do_not_hold_are_refused() {
    let mut server = Server::start();
    let me = server.superuser().to_owned();
    let (ours, theirs) = (ca(), authority("theirs", KeyPair::generate().unwrap()));
    let roots = server.file("roots.crt", &ours.pem());
    let modes = |server: &Server, taken: &[&str], more: &str| {
        for mode in ["require", "verify-ca", "verify-full"] {
            let root =
                if mode == "require" { String::new() } else { format!("&sslrootcert={}", roots.display()) };
            let url = server.url(&me, HOST, &format!("sslmode={mode}{root}{more}"));
            match connect_to(&url, None) {
                Ok(_) => assert!(taken.contains(&mode), "{mode} is taken"),
                Err(error) => {
                    assert!(!taken.contains(&mode), "{mode}: {error}");
                    assert!(matches!(error.kind(), ErrorKind::Operational(_)), "{error}");
                    assert!(error.to_string().contains("certificate"), "{error}");
                }
            }
        }
    };
    server.load(&sign(&theirs, &[HOST], |_| {}), "");
    modes(&server, &["require"], "");
    let strict = format!("sslmode=require&sslrootcert={}", roots.display());
    assert!(connect_to(&server.url(&me, HOST, &strict), None).is_err(), "a root file is looked at");
    server.load(&sign(&ours, &[HOST], |own| own.not_after = date_time_ymd(2020, 1, 1)), "");
    modes(&server, &["require"], "");
    server.load(&sign(&ours, &[HOST], |own| own.not_before = date_time_ymd(2090, 1, 1)), "");
    modes(&server, &["require"], "");
    // No names: the common name alone names no host.
    server.load(&sign(&ours, &[], |own| own.distinguished_name.push(rcgen::DnType::CommonName, HOST)), "");
    modes(&server, &["require", "verify-ca"], "");

    server.load(&sign(&ours, &[HOST], |own| own.serial_number = Some(7_u64.into())), "");
    modes(&server, &["require", "verify-ca", "verify-full"], "");
    let crl = |serial: u64| {
        let revoked = rcgen::RevokedCertParams {
            serial_number: serial.into(),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = rcgen::CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: 1_u64.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        list.signed_by(&ours).unwrap().pem().unwrap()
    };
    let (revoked, other) = (server.file("revoked.crl", &crl(7)), server.file("other.crl", &crl(8)));
    modes(&server, &["require"], &format!("&sslcrl={}", revoked.display()));
    modes(&server, &["require", "verify-ca", "verify-full"], &format!("&sslcrl={}", other.display()));

    // A certificate that signs itself, as the manual makes it, is its own root.
    let key = KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap();
    server.load(&support::tls::Signed { certificate: own.pem(), key: key.serialize_pem() }, "");
    modes(&server, &["require"], "");
    let own = server.file("own.crt", &own.pem());
    for (host, mode, taken) in [
        (HOST, "verify-full", true),
        ("evil.example", "verify-full", false),
        ("evil.example", "verify-ca", true),
    ] {
        let url = server.url(&me, host, &format!("sslmode={mode}&sslrootcert={}", own.display()));
        assert_eq!(connect_to(&url, None).is_ok(), taken, "{host} {mode}");
    }
}

#[test]
fn client_certificate_is_shown_when_asked_for() {
    let mut server = Server::start();
    let ours = ca();
    server.load(&sign(&ours, &[HOST], |_| {}), &ours.pem());
    let signed =
        |by: &Authority| sign(by, &[], |own| own.distinguished_name.push(rcgen::DnType::CommonName, "certy"));
    let client = signed(&ours);
    let foreign = signed(&authority("theirs", KeyPair::generate().unwrap()));
    let files = [
        server.file("client.crt", &client.certificate),
        server.file("client.key", &client.key),
        server.file("foreign.crt", &foreign.certificate),
        server.file("foreign.key", &foreign.key),
        server.file("locked.key", ""),
        server.file("open.key", &client.key),
    ];
    let [own, key, foreign, foreign_key, locked, open] = files.each_ref().map(|file| file.to_str().unwrap());
    let made = Command::new("openssl")
        .args([
            "pkcs8",
            "-topk8",
            "-v2",
            "aes-256-cbc",
            "-passout",
            "pass:s3cret",
            "-in",
            key,
            "-out",
            locked,
        ])
        .status();
    assert!(made.unwrap().success());
    std::fs::set_permissions(open, Permissions::from_mode(0o644)).unwrap();
    for (query, problem) in [
        (format!("sslcert={own}&sslkey={key}"), None),
        (format!("sslcert={own}&sslkey={locked}&sslpassword=s3cret"), None),
        (format!("sslcert={own}&sslkey={locked}&sslpassword=wrong"), Some("sslpassword")),
        (format!("sslcert={own}&sslkey={locked}"), Some("sslpassword")),
        (format!("sslcert={own}&sslkey={open}"), Some("0600")),
        (format!("sslcert={own}&sslkey=/nowhere"), Some("private key")),
        ("sslcert=/nowhere".to_owned(), Some("client certificate")),
        (format!("sslcert={foreign}&sslkey={foreign_key}"), Some("")),
        (format!("sslcert={own}&sslkey={foreign_key}"), Some("")),
        (String::new(), Some("certificate")),
    ] {
        let url = server.url("certy", HOST, &format!("sslmode=require&{query}"));
        match (connect_to(&url, None), problem) {
            (Ok(mut connection), None) => assert_eq!(row(&mut *connection, "SELECT current_user"), ["certy"]),
            (Err(error), Some(problem)) => {
                assert!(error.to_string().contains(problem), "{query}: {error}");
                assert!(!format!("{error:?}").contains("s3cret"));
            }
            (outcome, _) => panic!("{query}: {:?}", outcome.err()),
        }
    }
}

#[test]
fn scram_is_bound_to_the_channel() {
    let mut server = Server::start();
    let me = server.superuser().to_owned();
    let connects = |server: &Server, query: &str| connect_to(&server.url(&me, HOST, query), None).map(drop);
    assert!(connects(&server, "channel_binding=require").is_err(), "there is no TLS");
    server.load(&sign(&ca(), &[HOST], |_| {}), "");
    for binding in ["disable", "prefer", "require"] {
        connects(&server, &format!("sslmode=require&channel_binding={binding}&require_auth=scram-sha-256"))
            .unwrap();
    }
    // Ways to log in that cannot be bound.
    for user in ["trusty", "md5er:md5er", "plainer:plainer"] {
        let url =
            server.url(user, HOST, "sslmode=require&channel_binding=require&allow_cleartext_password=1");
        let error = refused(&url).to_string();
        assert!(error.contains("channel_binding"), "{error}");
        let url =
            server.url(user, HOST, "sslmode=require&require_auth=scram-sha-256&allow_cleartext_password=1");
        assert!(refused(&url).to_string().contains("require_auth"));
    }
    // A signature without a hash function of its own cannot be bound to.
    let ed25519 = authority("ed25519", KeyPair::generate_for(&PKCS_ED25519).unwrap());
    server.load(&sign(&ed25519, &[HOST], |_| {}), "");
    connects(&server, "sslmode=require").unwrap();
    assert!(connects(&server, "sslmode=require&channel_binding=require").is_err());
}

#[test]
fn encrypted_connection_works_as_any_other() {
    let mut server = Server::start();
    let me = server.superuser().to_owned();
    let ours = ca();
    let root = server.file("root.crt", &ours.pem());
    server.load(&sign(&ours, &[HOST], |_| {}), "");
    let url = server.url(&me, HOST, &format!("sslmode=verify-full&sslrootcert={}", root.display()));
    for step in [None, Some(1), Some(100)] {
        let mut connection = connect_to(&url, step).unwrap();
        assert!(connection.check(), "tickets and keys are no news");
        assert_eq!(row(&mut *connection, "SELECT 'slow'"), ["slow"]);
        // Larger than any buffer between the two, both ways.
        let size = if step.is_some() { 50_000 } else { 5_000_000 };
        let text = "x".repeat(size);
        let answer =
            run(&mut *connection, &[], &[raw("SELECT $1::text || 'y'", &[ValueRef::Text(&text)])]).unwrap();
        assert!(answer.rows[0][0].len() == size + 1 && answer.rows[0][0].ends_with("xy"));
        assert!(connection.check());
    }
    cancels(&mut *connect_to(&url, None).unwrap());
    let (mut victim, mut killer) = (connect_to(&url, None).unwrap(), connect_to(&url, None).unwrap());
    let pid = row(&mut *victim, "SELECT pg_backend_pid()").remove(0);
    row(&mut *killer, &format!("SELECT pg_terminate_backend({pid}, 5000)"));
    assert!(!victim.check());
    assert_eq!(victim.health(), Health::Closed);
    drops_at_every_poll(&url);
}

/// A statement that is dropped half way is cancelled, over TLS as well.
fn cancels(connection: &mut dyn Connection) {
    let sleep = [raw("SELECT pg_sleep(600)", &[])];
    let batch = ormkit_core::driver::Batch { before: &[], statements: &sleep };
    assert!(!poll_times(40, connection.run(batch, &mut ormkit_core::driver::NoRows)));
    assert_eq!(connection.health(), Health::Dirty);
    block_on(connection.clean()).unwrap();
    assert_eq!(row(connection, "SELECT 1"), ["1"]);
}

/// Connecting that is dropped after any poll leaves nothing behind.
fn drops_at_every_poll(url: &str) {
    let driver = PgDriver::new(Config::parse(url).unwrap(), Arc::new(StdRuntime { step: Some(200) }));
    let mut polls = 1;
    while !poll_times(polls, driver.connect()) {
        polls += 1;
    }
    assert!(polls > 5);
}
