//! Notifications on a real server: listened to, lost with the connection, listened to again.

mod support;

use std::sync::Arc;

use ormkit_core::error::ErrorClass;
use ormkit_pg::{Channels, Config, Heard, Listener, Notification, PgDriver};
use support::{StdRuntime, block_on, connect, poll_times, script, url};

fn listener(url: &str, channels: &[&str], step: Option<usize>) -> Listener {
    let driver = PgDriver::new(Config::parse(url).unwrap(), Arc::new(StdRuntime { step }));
    Listener::new(driver, Channels::new(channels.iter().copied()).unwrap())
}

fn heard(listener: &mut Listener) -> Notification {
    match block_on(listener.next()).unwrap() {
        Heard::Notification(said) => said,
        other => panic!("{other:?}"),
    }
}

#[test]
fn notifications_come_in_order_and_in_any_pieces() {
    for step in [None, Some(1)] {
        let mut listener = listener(&url(), &["rust_News", "rust_other"], step);
        block_on(listener.open()).unwrap();
        let mut connection = connect();
        script(
            &mut *connection,
            &["NOTIFY \"rust_News\", 'one'", "NOTIFY rust_other", "NOTIFY \"rust_News\", 'two'"],
        );
        let all: Vec<_> =
            (0..3).map(|_| heard(&mut listener)).map(|said| (said.channel, said.payload)).collect();
        let expected = [("rust_News", "one"), ("rust_other", ""), ("rust_News", "two")];
        assert_eq!(all, expected.map(|(channel, payload)| (channel.to_owned(), payload.to_owned())));
    }
}

#[test]
fn wait_that_is_dropped_loses_nothing() {
    let mut listener = listener(&url(), &["rust_dropped"], None);
    block_on(listener.open()).unwrap();
    let mut connection = connect();
    for round in 0..20 {
        assert!(!poll_times(round, listener.next()));
        script(&mut *connection, &[&format!("NOTIFY rust_dropped, '{round}'")]);
        assert_eq!(heard(&mut listener).payload, round.to_string());
    }
}

#[test]
fn lost_connection_is_opened_again_and_listens() {
    let url = format!("{}?application_name=rust_lost", url());
    let mut listener = listener(&url, &["rust_lost"], None);
    block_on(listener.open()).unwrap();
    let mut connection = connect();
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rust_lost'";
    script(&mut *connection, &[ended]);
    match block_on(listener.next()).unwrap() {
        Heard::Lost { error, wait } => {
            assert_eq!(error.class(), ErrorClass::ConnectionLost);
            assert!(wait.as_millis() <= 100 && listener.is_open());
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(block_on(listener.next()).unwrap(), Heard::Restored));
    script(&mut *connection, &["NOTIFY rust_lost, 'again'"]);
    assert_eq!(heard(&mut listener).payload, "again");
}

#[test]
fn unreachable_server_is_tried_again_later_and_a_wrong_database_is_not() {
    let nobody = "postgresql://u@127.0.0.1:1/db?sslmode=disable";
    let error = block_on(listener(nobody, &["a"], None).open()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::ConnectionLost);
    let elsewhere = format!("{}/no_such_database", url().rsplit_once('/').unwrap().0);
    let mut listener = listener(&elsewhere, &["a"], None);
    assert!(block_on(listener.open()).unwrap_err().diagnostics().is_some());
    assert_eq!(block_on(listener.next()).unwrap_err().class(), ErrorClass::InterfaceError);
}

#[test]
fn listener_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let mut listener = listener(&url(), &["a"], None);
    is_send(&listener.open());
    is_send(&listener.next());
    is_send(&listener);
}
