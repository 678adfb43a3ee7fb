//! A name with several addresses: each is tried, as if it were a server of its own.

mod support;

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ormkit_core::driver::{Connection, Driver};
use ormkit_core::error::{ErrorClass, Result};
use ormkit_core::runtime::{Address, BoxFuture, Runtime, TcpOptions, Transport};
use ormkit_pg::{Config, PgDriver};
use support::{StdRuntime, block_on, row, url};

/// Knows one name, and notes where it is told to connect.
struct Named {
    inner: StdRuntime,
    addresses: io::Result<Vec<[u8; 4]>>,
    tried: Mutex<Vec<String>>,
}

impl Runtime for Named {
    fn connect<'a>(
        &'a self,
        to: &'a Address,
        tcp: &'a TcpOptions,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        if let Address::Tcp { host, .. } = to {
            self.tried.lock().unwrap().push(host.clone());
        }
        self.inner.connect(to, tcp)
    }

    fn resolve(&self, host: &str) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>> {
        assert_eq!(host, "db.example");
        let found = match &self.addresses {
            Ok(addresses) => Ok(addresses.iter().map(|ip| SocketAddr::new(IpAddr::from(*ip), 0)).collect()),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        Box::pin(async move { found })
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(time)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.inner.spawn(task);
    }

    fn offload(&self, job: Box<dyn FnOnce() + Send>) {
        self.inner.offload(job);
    }
}

const SERVER: [u8; 4] = [127, 0, 0, 1];
const NOBODY: [u8; 4] = [127, 0, 0, 2];
const SILENT: [u8; 4] = [127, 0, 0, 3];

fn named(addresses: io::Result<Vec<[u8; 4]>>) -> Arc<Named> {
    Arc::new(Named { inner: StdRuntime { step: None }, addresses, tried: Mutex::default() })
}

fn port() -> u16 {
    let url = url();
    url.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// The test server's URL with a name for its host.
fn connect(runtime: &Arc<Named>, parameters: &str) -> Result<Box<dyn Connection>> {
    let url = format!("{}?{parameters}", url().replace("@127.0.0.1:", "@db.example:"));
    let driver = PgDriver::new(Config::parse(&url).unwrap(), runtime.clone() as _);
    block_on(driver.connect())
}

#[test]
fn addresses_are_tried_in_the_resolvers_order() {
    let runtime = named(Ok(vec![NOBODY, SERVER]));
    let mut connection = connect(&runtime, "").unwrap();
    assert_eq!(row(&mut *connection, "SELECT 1"), ["1"]);
    assert_eq!(*runtime.tried.lock().unwrap(), ["127.0.0.2", "127.0.0.1"]);
}

#[test]
fn server_that_is_of_another_kind_leads_to_the_next_address() {
    let runtime = named(Ok(vec![SERVER, NOBODY]));
    let error = connect(&runtime, "target_session_attrs=standby").err().unwrap();
    let place = format!("db.example:{}", port());
    assert_eq!(error.class(), ErrorClass::ConnectionLost);
    let text = error.to_string();
    assert!(text.contains(&format!("the server at {place} (127.0.0.1) is not a standby; ")), "{text}");
    assert!(text.contains(&format!("cannot connect to {place} (127.0.0.2): ")), "{text}");
}

#[test]
fn address_that_does_not_answer_leaves_time_for_the_others() {
    // The system takes the connection, and nobody reads.
    let silent = TcpListener::bind((IpAddr::from(SILENT), port())).unwrap();
    let runtime = named(Ok(vec![SILENT, SERVER]));
    let began = Instant::now();
    assert!(connect(&runtime, "connect_timeout=2").is_ok());
    assert!(began.elapsed() >= Duration::from_millis(900), "it had its share");
    let runtime = named(Ok(vec![SILENT, NOBODY]));
    let text = connect(&runtime, "connect_timeout=1").err().unwrap().to_string();
    assert!(text.contains("no answer within 0.5 s") && text.contains("(127.0.0.2)"), "{text}");
    drop(silent);
}

#[test]
fn balanced_addresses_come_in_an_order_of_chance() {
    let mut first = HashSet::new();
    for _ in 0..64 {
        let runtime = named(Ok(vec![NOBODY, SERVER]));
        assert!(connect(&runtime, "load_balance_hosts=random").is_ok());
        first.insert(runtime.tried.lock().unwrap()[0].clone());
    }
    assert_eq!(first.len(), 2);
}

#[test]
fn name_that_is_not_found_is_said_and_the_next_host_is_tried() {
    let unknown = || named(Err(io::Error::other("no such name")));
    let text = connect(&unknown(), "").err().unwrap().to_string();
    assert_eq!(text, format!("cannot connect to db.example:{}: no such name", port()));
    let url = url().replace("@127.0.0.1:", &format!("@db.example:{},127.0.0.1:", port()));
    let driver = PgDriver::new(Config::parse(&url).unwrap(), unknown() as _);
    assert!(block_on(driver.connect()).is_ok());
    let text = connect(&named(Ok(vec![])), "").err().unwrap().to_string();
    assert!(text.ends_with("the host name has no address"), "{text}");
}

#[test]
fn cancel_request_goes_to_the_address_of_its_connection() {
    let runtime = named(Ok(vec![NOBODY, SERVER]));
    let connection = connect(&runtime, "").unwrap();
    runtime.tried.lock().unwrap().clear();
    block_on(connection.canceller().cancel()).unwrap();
    assert_eq!(*runtime.tried.lock().unwrap(), ["127.0.0.1"]);
}
