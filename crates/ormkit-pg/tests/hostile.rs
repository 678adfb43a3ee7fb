//! Servers that misbehave: typed errors, closed connections, no panic and no hang.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ormkit_core::driver::{Connection, Driver, Health};
use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::runtime::{Address, BoxFuture, Runtime, TcpOptions, Transport};
use ormkit_pg::{Config, CopyFormat, CopyOptions, CopyTarget, PgDriver, copy_in, copy_out};
use support::{Recorder, StdRuntime, begin, block_on, commit, connect_to, raw, run};

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

fn login() -> Vec<u8> {
    [message(b'R', &[0; 4]), message(b'K', b"\0\0\0\x01abcd"), message(b'Z', b"I")].concat()
}

/// A server for one connection; `script` speaks first after the client's first message.
fn serve(script: impl FnOnce(&mut TcpStream) -> std::io::Result<()> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // A client that hangs up early is part of the play.
        let _ = read_sized(&mut stream).and_then(|_| script(&mut stream));
    });
    format!("postgresql://u:hunter2@127.0.0.1:{port}/db?sslmode=disable&prepared=named")
}

/// Reads a length and what follows it.
fn read_sized(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Reads messages up to one of the types of `last`, whose body is answered.
fn read_until(stream: &mut TcpStream, last: &[u8]) -> std::io::Result<Vec<u8>> {
    loop {
        let mut tag = [0];
        stream.read_exact(&mut tag)?;
        let body = read_sized(stream)?;
        if last.contains(&tag[0]) {
            return Ok(body);
        }
    }
}

/// A server that logs in and answers each flight with the next of `answers`, then closes.
fn answering(answers: Vec<Vec<u8>>) -> String {
    serve(move |stream| {
        stream.write_all(&login())?;
        for answer in answers {
            read_until(stream, b"SQH")?;
            stream.write_all(&answer)?;
        }
        Ok(())
    })
}

fn refused(url: &str) -> Error {
    let error = connect_to(url, None).err().expect("this is no server");
    assert!(!format!("{error:?}").contains("hunter2"));
    error
}

fn connected(answers: Vec<Vec<u8>>) -> Box<dyn Connection> {
    connect_to(&answering(answers), None).unwrap()
}

#[test]
fn what_is_no_postgres_is_refused_while_connecting() {
    for reply in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"R\xff\xff\xff\xff",
        b"R\0\0\0\x03",
        b"R\0\0\0\x00",
        b"R\x7f\xff\xff\xff",
        b"R\0\x01\0\x01",
        b"R\0\0\0\x08\0\0\0\x63",
        b"R\0\0\0\x08\0\0\0\x03",
        b"?\0\0\0\x04",
        b"Z\0\0\0\x05I",
        b"D\0\0\0\x06\0\0",
        b"R\0\0\0\x0c\0\0\0\0XXXX",
        b"R\0\0\0\x08\0\0\0\x0c",
        b"v\0\0\0\x0c\0\x03\0\0\0\0\0\0",
    ] {
        let error = refused(&serve(move |stream| stream.write_all(reply)));
        let kind = error.kind();
        let typed = matches!(kind, ErrorKind::Protocol(_) | ErrorKind::Unsupported { .. });
        assert!(typed, "{}: {error}", reply.escape_ascii());
    }
}

#[test]
fn answers_to_ssl_request_that_are_none_are_refused() {
    let error = message(b'E', b"SFATAL\0C28000\0Mplease send your password to evil.example\0\0");
    for (answer, told) in [
        ([b"S", &login()[..]].concat(), "behind its answer"),
        ([b"N", &login()[..]].concat(), "behind its answer"),
        (b"SN".to_vec(), "behind its answer"),
        (error, "refused TLS; without any proof of who it is it says"),
        (b"E\xff\xff\xff\xff".to_vec(), "refused TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n".to_vec(), "not a PostgreSQL server"),
        (b"G".to_vec(), "not a PostgreSQL server"),
        (Vec::new(), "closed the connection"),
    ] {
        for mode in ["prefer", "require"] {
            let answer = answer.clone();
            let url = serve(move |stream| stream.write_all(&answer)).replace("disable", mode);
            let error = refused(&url).to_string();
            assert!(error.contains(told), "{error}");
        }
    }
    // A server that says yes and does not speak TLS: nothing goes on in the clear.
    for mode in ["prefer", "require"] {
        let url = serve(|stream| {
            stream.write_all(b"S")?;
            stream.read_exact(&mut [0; 5])?;
            stream.write_all(&login())
        });
        let error = refused(&url.replace("disable", mode)).to_string();
        assert!(error.contains("TLS failed"), "{error}");
    }
}

#[test]
fn password_in_clear_text_is_told_to_nobody_unproven() {
    let url = serve(|stream| {
        stream.write_all(&message(b'R', b"\0\0\0\x03"))?;
        assert_eq!(stream.read_to_end(&mut Vec::new())?, 0);
        Ok(())
    });
    assert!(matches!(refused(&url).kind(), ErrorKind::Unsupported { .. }));
}

#[test]
fn login_cut_at_any_byte_is_a_lost_connection() {
    let whole = login();
    for length in 0..whole.len() {
        let part = whole[..length].to_vec();
        let error = refused(&serve(move |stream| stream.write_all(&part)));
        assert!(matches!(error.kind(), ErrorKind::ConnectionLost(_)), "{length}: {error}");
    }
}

#[test]
fn silent_server_is_given_up() {
    let url = serve(|stream| stream.read_to_end(&mut Vec::new()).map(|_| ()));
    let error = refused(&format!("{url}&connect_timeout=0.1"));
    assert!(error.to_string().contains("within 0.1 s"), "{error}");
}

/// Plays SCRAM: `first` gets the client's nonce; `last` follows the client's proof.
fn scram(first: impl Fn(&str) -> String + Send + 'static, last: Vec<u8>) -> String {
    serve(move |stream| {
        stream.write_all(&message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0"))?;
        let initial = read_until(stream, b"p")?;
        let initial = String::from_utf8_lossy(&initial).into_owned();
        let nonce = initial.rsplit_once("r=").unwrap().1;
        let reply = [&b"\0\0\0\x0b"[..], first(nonce).as_bytes()].concat();
        stream.write_all(&message(b'R', &reply))?;
        read_until(stream, b"p")?;
        stream.write_all(&last)
    })
}

#[test]
fn fake_scram_is_seen_through() {
    let firsts: [fn(&str) -> String; 6] = [
        |nonce| format!("r={nonce},s=c2FsdA==,i=4096"),
        |nonce| format!("r={}x,s=c2FsdA==,i=4096", nonce.replace(|_| true, "A")),
        |nonce| format!("r={nonce}x,s=c2FsdA==,i=1"),
        |nonce| format!("r={nonce}x,s=c2FsdA==,i=2000000000"),
        |nonce| format!("r={nonce}x,s={},i=4096", "A".repeat(60_000) + "!"),
        |_| String::new(),
    ];
    for first in firsts {
        assert!(matches!(refused(&scram(first, login())).kind(), ErrorKind::Protocol(_)));
    }
    let good = |nonce: &str| format!("r={nonce}x,s=c2FsdA==,i=4096");
    for last in [
        login(),
        message(b'R', b"\0\0\0\x0cv=AAAA"),
        message(b'R', b"\0\0\0\x0ce=other-error"),
        message(b'R', b"\0\0\0\x0bagain"),
    ] {
        assert!(matches!(refused(&scram(good, last)).kind(), ErrorKind::Protocol(_)));
    }
}

/// Counts the jobs that are run elsewhere.
struct Counting(StdRuntime, AtomicUsize);

impl Runtime for Counting {
    fn connect<'a>(
        &'a self,
        to: &'a Address,
        tcp: &'a TcpOptions,
    ) -> BoxFuture<'a, std::io::Result<Box<dyn Transport>>> {
        self.0.connect(to, tcp)
    }
    fn sleep(&self, time: std::time::Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(time)
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
    fn offload(&self, job: Box<dyn FnOnce() + Send>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.offload(job);
    }
}

#[test]
fn long_key_derivation_leaves_the_polling_thread() {
    for (iterations, jobs) in [(4096, 0), (100_000, 1)] {
        let url = scram(move |nonce| format!("r={nonce}x,s=c2FsdA==,i={iterations}"), Vec::new());
        let runtime = Arc::new(Counting(StdRuntime { step: None }, AtomicUsize::new(0)));
        let driver = PgDriver::new(Config::parse(&url).unwrap(), runtime.clone());
        assert!(block_on(driver.connect()).is_err());
        assert_eq!(runtime.1.load(Ordering::SeqCst), jobs);
    }
}

const COLUMN: &[u8] = b"\0\x01n\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
const ROW: &[u8] = b"\0\x01\0\0\0\x04\0\0\0\x07";

/// The reply to Parse, Describe and Flush of a raw query.
fn described() -> Vec<u8> {
    [message(b'1', b""), message(b't', b"\0\0"), message(b'T', COLUMN)].concat()
}

/// The reply to Bind, Execute and Sync.
fn answered() -> Vec<Vec<u8>> {
    vec![message(b'2', b""), message(b'D', ROW), message(b'C', b"SELECT 1\0"), message(b'Z', b"I")]
}

fn ask(connection: &mut dyn Connection) -> Result<Recorder, Error> {
    run(connection, &[], &[raw("SELECT n FROM t", &[])])
}

#[test]
fn replies_in_any_pieces_are_the_same_rows() {
    let notice = message(b'N', b"SNOTICE\0C00000\0Mx\0\0");
    let aside = [notice, message(b'S', b"TimeZone\0UTC\0"), message(b'A', b"\0\0\0\x01c\0p\0")].concat();
    let mixed: Vec<u8> = answered().into_iter().flat_map(|reply| [aside.clone(), reply].concat()).collect();
    for (step, reply) in [(None, answered().concat()), (Some(1), answered().concat()), (Some(3), mixed)] {
        let mut connection = connect_to(&answering(vec![described(), reply]), step).unwrap();
        let answer = ask(&mut *connection).unwrap();
        assert_eq!((answer.rows, connection.health()), (vec![vec!["7".to_owned()]], Health::Idle));
    }
}

#[test]
fn replies_cut_at_any_byte_are_a_lost_connection() {
    let (first, second) = (described(), answered().concat());
    let cut_first = (0..first.len()).map(|length| vec![first[..length].to_vec()]);
    let cut_second = (0..second.len()).map(|length| vec![first.clone(), second[..length].to_vec()]);
    for (length, script) in cut_first.chain(cut_second).enumerate() {
        let mut connection = connected(script);
        let error = ask(&mut *connection).err().unwrap();
        assert!(matches!(error.kind(), ErrorKind::ConnectionLost(_)), "{length}: {error}");
        assert_eq!(connection.health(), Health::Closed);
    }
}

#[test]
fn replies_that_make_no_sense_close_the_connection() {
    let second = |reply: &[u8]| vec![described(), [&message(b'2', b"")[..], reply].concat()];
    let first = |reply: &[u8]| vec![reply.to_vec(), Vec::new()];
    let scripts = [
        first(&message(b'2', b"")),
        first(b"1\0\0\0\x03"),
        first(b"1\xff\xff\xff\xff"),
        first(&[message(b'1', b""), message(b't', b"\xff\xff")].concat()),
        first(&[message(b'1', b""), message(b't', b"\0\0"), message(b'T', b"\xff\xffn\0")].concat()),
        first(&[message(b'1', b""), message(b't', b"\0\0"), message(b'D', ROW)].concat()),
        first(&[message(b'1', b""), message(b'Z', b"I")].concat()),
        second(&message(b'D', b"\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x00")),
        second(&message(b'D', b"\0\0")),
        second(&message(b'D', b"\0\x01\0\0\0\x05\0\0\0\x07")),
        second(&message(b'D', b"\0\x01\xff\xff\xff\xfe")),
        second(&message(b'D', b"\0\x01\x7f\xff\xff\xff")),
        second(b"D\x7f\xff\xff\xff\0\x01"),
        second(b"HTTP/1.1 500\r\n\r\n"),
        second(&message(b'Z', b"I")),
        second(&message(b'R', &[0; 4])),
        second(&message(b'?', b"")),
        second(&message(b's', b"")),
        second(&message(b'K', b"\0\0\0\x01abcd")),
        second(&message(b'v', b"\0\x03\0\0\0\0\0\0")),
        second(&message(b'n', b"")),
        second(&message(b'T', COLUMN)),
        second(&message(b'd', ROW)),
        second(&message(b'c', b"")),
        second(&many(|n| message(b'S', format!("setting {n}\0on\0").as_bytes()))),
        first(&[message(b'1', b""), message(b't', b"\0\x01\0\0")].concat()),
        first(
            &[message(b'1', b""), message(b't', b"\0\0"), message(b'T', &[&[0, 2], &COLUMN[2..]].concat())]
                .concat(),
        ),
        first(
            &[message(b'1', b""), message(b't', b"\0\0"), message(b'T', &[COLUMN, b"\0"].concat())].concat(),
        ),
        second(&message(b'C', b"SELECT 1")),
        second(&[answered()[1..].concat(), message(b'D', ROW)].concat()),
        second(&[answered()[1..3].concat(), message(b'Z', b"?")].concat()),
    ];
    for (index, script) in scripts.into_iter().enumerate() {
        let mut connection = connected(script);
        let error = ask(&mut *connection).err().unwrap_or_else(|| panic!("script {index} was taken"));
        assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "script {index}: {error}");
        assert_eq!(connection.health(), Health::Closed);
    }
}

/// A thousand messages.
fn many(of: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    (0..1000).flat_map(of).collect()
}

#[test]
fn copy_that_nobody_asked_for_is_refused() {
    for (answer, health) in [
        (message(b'G', b"\0\0\0"), Health::Closed),
        (message(b'W', b"\0\0\0"), Health::Closed),
        (
            [message(b'H', b"\0\0\0"), message(b'd', ROW), message(b'c', b""), answered()[2..].concat()]
                .concat(),
            Health::Idle,
        ),
    ] {
        let mut connection = connected(vec![described(), [message(b'2', b""), answer].concat()]);
        let error = ask(&mut *connection).err().unwrap();
        assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }), "{error}");
        assert_eq!(connection.health(), health);
    }
}

#[test]
fn encoding_that_changes_under_way_ends_the_connection() {
    let changed = message(b'S', b"client_encoding\0LATIN1\0");
    let mut connection = connected(vec![described(), [changed, answered().concat()].concat()]);
    let error = ask(&mut *connection).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }), "{error}");
    assert_eq!(connection.health(), Health::Closed);
}

#[test]
fn flood_of_what_nobody_asked_for_hides_no_answer() {
    let aside = [message(b'N', b"SNOTICE\0C00000\0Mx\0\0"), message(b'A', b"\0\0\0\x01c\0p\0")].concat();
    let flood = many(|_| aside.repeat(20));
    let mut connection = connected(vec![described(), [flood, answered().concat()].concat()]);
    assert_eq!(ask(&mut *connection).unwrap().rows, [["7"]]);
}

#[test]
fn login_that_never_ends_is_given_up() {
    for said in [message(b'N', b"SNOTICE\0C00000\0Mx\0\0"), message(b'S', b"TimeZone\0UTC\0")] {
        for before in [Vec::new(), message(b'R', &[0; 4])] {
            let said = said.repeat(100);
            let url = serve(move |stream| {
                stream.write_all(&before)?;
                loop {
                    stream.write_all(&said)?;
                }
            });
            let error = refused(&format!("{url}&connect_timeout=30"));
            assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{error}");
        }
    }
}

#[test]
fn cell_that_is_no_value_fails_the_statement_alone() {
    let row = message(b'D', b"\0\x01\0\0\0\x01\x07");
    let reply = [message(b'2', b""), row, answered()[2..].concat()].concat();
    let mut connection = connected(vec![described(), reply]);
    assert!(ask(&mut *connection).is_err());
    assert_eq!(connection.health(), Health::Idle);
}

#[test]
fn reply_that_nobody_asked_for_never_reaches_a_statement() {
    let mut connection = connected(vec![described(), answered().concat(), answered().concat()]);
    assert_eq!(ask(&mut *connection).unwrap().rows, [["7"]]);
    let late = [answered().concat(), answered().concat()].concat();
    let mut connection = connected(vec![described(), late]);
    assert!(ask(&mut *connection).is_err() || !connection.check());
    assert_eq!(connection.health(), Health::Closed);
}

#[test]
fn outcome_of_a_commit_whose_answer_is_lost_is_unknown() {
    let fatal = message(b'E', b"SFATAL\0VFATAL\0C57P01\0Mgoing down\0\0");
    let untold = message(b'Z', b"I");
    for answer in [Vec::new(), b"C\0\0".to_vec(), fatal, message(b'D', b""), untold] {
        let mut connection = connected(vec![answer]);
        let error = run(&mut *connection, &[], &[commit()]).err().unwrap();
        assert!(matches!(error.kind(), ErrorKind::OutcomeUnknown(_)), "{error}");
        assert_eq!(connection.health(), Health::Closed);
    }
    let mut connection = connected(vec![Vec::new()]);
    let error = run(&mut *connection, &[begin()], &[raw("SELECT 1", &[])]).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::ConnectionLost(_)), "{error}");
}

#[test]
fn last_words_of_the_server_are_passed_on() {
    let fatal = message(b'E', b"SFATAL\0VFATAL\0C57P01\0Mgoing down\0\0");
    let mut connection = connected(vec![fatal]);
    let error = ask(&mut *connection).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::ConnectionEnded(_)));
    assert!(error.to_string().contains("going down"), "{error}");
    assert_eq!(error.diagnostics().unwrap().sqlstate.as_str(), "57P01");
    assert_eq!(error.statement(), Some("SELECT n FROM t"));
}

#[test]
fn replies_to_copy_that_make_no_sense_close_the_connection() {
    let table = CopyTarget::Table { schema: None, name: "t".into(), columns: Vec::new() };
    let into = copy_in(&table, CopyFormat::Csv, &CopyOptions::default()).unwrap();
    let out = copy_out(&table, CopyFormat::Csv, &CopyOptions::default()).unwrap();
    let takes = message(b'G', b"\0\0\x01\0\0");
    let gives = message(b'H', b"\0\0\x01\0\0");
    for (index, (statement, answer)) in [
        (&into, message(b'G', b"")),
        (&into, message(b'G', b"\x02\0\0")),
        (&into, message(b'G', b"\0\0\x01")),
        (&into, message(b'G', b"\0\0\0\0")),
        (&into, message(b'G', b"\0\xff\xff\0\0")),
        (&into, message(b'D', ROW)),
        (&into, message(b'2', b"")),
        (&into, message(b'd', b"data")),
        (&into, [&takes[..], &takes].concat()),
        (&into, [&takes[..], &message(b'd', b"data")].concat()),
        (&out, message(b'd', b"data")),
        (&out, [&gives[..], &gives].concat()),
        (&out, [&gives[..], &message(b'c', b"x")].concat()),
        (&out, [&gives[..], b"d\0\0\0\x03"].concat()),
        (&out, [&gives[..], b"d\x7f\xff\xff\xff"].concat()),
    ]
    .into_iter()
    .enumerate()
    {
        let mut connection = connected(vec![answer, Vec::new()]);
        let copy = connection.bulk_copy().unwrap();
        let outcome = block_on(async {
            copy.begin(statement).await?;
            copy.receive().await?;
            copy.finish().await
        });
        let error = outcome.expect_err("the server makes no sense");
        assert!(matches!(error.kind(), ErrorKind::Protocol(_)), "{index}: {error}");
        assert_eq!(connection.health(), Health::Closed);
    }
}

#[test]
fn rows_in_another_form_than_asked_for_are_given_up() {
    let table = CopyTarget::Table { schema: None, name: "t".into(), columns: Vec::new() };
    let into = copy_in(&table, CopyFormat::Rows, &CopyOptions::default()).unwrap();
    let ready = message(b'Z', b"I");
    let columns = [&described()[..], &ready].concat();
    let failed = [message(b'E', b"SERROR\0C57014\0Mno data\0\0"), ready].concat();
    for answer in [&b"\0\0\x01\0\0"[..], b"\x01\0\x02\0\x01\0\x01"] {
        let (columns, failed, takes) = (columns.clone(), failed.clone(), message(b'G', answer));
        let url = serve(move |stream| {
            stream.write_all(&login())?;
            read_until(stream, b"S")?;
            stream.write_all(&columns)?;
            read_until(stream, b"Q")?;
            stream.write_all(&takes)?;
            read_until(stream, b"f")?;
            stream.write_all(&failed)?;
            read_until(stream, b"f").map(drop)
        });
        let mut connection = connect_to(&url, None).unwrap();
        let error = block_on(connection.bulk_copy().unwrap().begin(&into)).unwrap_err();
        assert!(error.to_string().contains("name the columns"), "{error}");
        assert_eq!(connection.health(), Health::Idle);
    }
}
