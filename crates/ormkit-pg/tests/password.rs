//! Passwords that are asked for at each connect.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ormkit_core::driver::{Connection, Driver};
use ormkit_core::error::{Error, ErrorClass, Result};
use ormkit_pg::{Config, PgDriver};
use support::{StdRuntime, block_on, poll_times, url_of};

/// Connects as `md5er`, whose password only `source` knows.
fn driver(source: impl Fn(usize) -> Result<String> + Send + Sync + 'static) -> PgDriver {
    let asked = AtomicUsize::new(0);
    let source = Arc::new(source);
    let config = Config::parse(&url_of("md5er")).unwrap().with_password_source(Arc::new(move || {
        let (source, count) = (Arc::clone(&source), asked.fetch_add(1, Ordering::Relaxed));
        Box::pin(async move { source(count) })
    }));
    PgDriver::new(config, Arc::new(StdRuntime { step: None }))
}

fn connect(driver: &PgDriver) -> Result<Box<dyn Connection>> {
    block_on(driver.connect())
}

#[test]
fn each_connection_asks_for_its_password() {
    let passwords = Mutex::new(vec!["md5er", "wrong", "md5er"]);
    let driver = driver(move |_| Ok(passwords.lock().unwrap().pop().unwrap().to_owned()));
    assert!(connect(&driver).is_ok());
    assert_eq!(connect(&driver).err().unwrap().diagnostics().unwrap().sqlstate.as_str(), "28P01");
    assert!(connect(&driver).is_ok());
}

#[test]
fn its_error_is_the_connects() {
    let error = connect(&driver(|_| Err(Error::interface("no token")))).err().unwrap();
    assert_eq!((error.class(), error.to_string().as_str()), (ErrorClass::InterfaceError, "no token"));
    let error = connect(&driver(|_| Ok("md5\0er".into()))).err().unwrap();
    assert_eq!(error.to_string(), "the password must not contain NUL");
}

#[test]
fn nothing_is_asked_before_the_connect_is_polled() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    let driver = driver(move |_| {
        seen.fetch_add(1, Ordering::Relaxed);
        Ok("md5er".into())
    });
    drop(driver.connect());
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    poll_times(1, driver.connect());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn fixed_password_stands_for_that_of_the_text() {
    let config = Config::parse(&url_of("md5er:wrong")).unwrap().with_password("md5er").unwrap();
    assert!(connect(&PgDriver::new(config, Arc::new(StdRuntime { step: None }))).is_ok());
    let error = Config::parse(&url_of("md5er")).unwrap().with_password("a\0").unwrap_err();
    assert_eq!(error.to_string(), "the password must not contain NUL");
}
