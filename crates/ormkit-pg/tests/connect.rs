//! Logging in to a real server.

mod support;

use ormkit_core::driver::Health;
use ormkit_core::error::{ErrorClass, ErrorKind};
use support::{connect, connect_to, row, url, url_of};

#[test]
fn every_way_to_log_in_leads_to_a_session() {
    for url in [url(), url_of("trusty"), url_of("md5er:md5er")] {
        let mut connection = connect_to(&url, None).unwrap();
        assert_eq!(connection.health(), Health::Idle);
        assert_eq!(row(&mut *connection, "SELECT 1"), ["1"]);
    }
}

#[test]
fn login_works_one_byte_at_a_time() {
    let mut connection = connect_to(&url(), Some(1)).unwrap();
    assert_eq!(row(&mut *connection, "SELECT 'slow'"), ["slow"]);
}

#[test]
fn wrong_password_is_the_servers_error_and_not_repeated() {
    for url in [url_of("md5er:hunter2"), url_of("ormkit:hunter2")] {
        let error = connect_to(&url, None).err().expect("the password is wrong");
        assert_eq!(error.diagnostics().unwrap().sqlstate.as_str(), "28P01");
        assert_eq!(error.class(), ErrorClass::OperationalError);
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn missing_password_is_said() {
    let error = connect_to(&url_of("md5er"), None).err().expect("there is no password");
    assert!(error.to_string().contains("md5er"), "{error}");
}

#[test]
fn refused_connection_names_the_address_only() {
    let error = connect_to("postgresql://u:hunter2@127.0.0.1:1/db", None).err().expect("nobody listens");
    assert!(matches!(error.kind(), ErrorKind::ConnectionLost(_)));
    assert!(error.to_string().contains("127.0.0.1:1") && !error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn next_host_is_tried() {
    let url = url();
    let (head, server) = url.rsplit_once('@').unwrap();
    let (place, database) = server.split_once('/').unwrap();
    let mut connection = connect_to(&format!("{head}@127.0.0.1:1,{place}/{database}"), None).unwrap();
    assert_eq!(row(&mut *connection, "SELECT 1"), ["1"]);
}

#[test]
fn unix_socket_serves_too() {
    let Ok(folder) = std::env::var("ORMKIT_TEST_POSTGRES_SOCKET") else {
        panic!("set ORMKIT_TEST_POSTGRES_SOCKET to the folder of the server's socket, or run `make test`");
    };
    let url = url();
    let (_, port) = url.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap();
    let database = url.rsplit_once('/').unwrap().1;
    let url = format!("postgresql://trusty@:{port}/{database}?host={folder}");
    assert_eq!(row(&mut *connect_to(&url, None).unwrap(), "SELECT current_user"), ["trusty"]);
}

#[test]
fn session_has_the_settings_that_were_asked_for() {
    let url = format!("{}?application_name=shop&options=-c%20search_path%3Dnowhere", url());
    let mut connection = connect_to(&url, None).unwrap();
    assert_eq!(row(&mut *connection, "SHOW application_name"), ["shop"]);
    assert_eq!(row(&mut *connection, "SHOW search_path"), ["nowhere"]);
    assert_eq!(row(&mut *connection, "SHOW client_encoding"), ["UTF8"]);
}

#[test]
fn idle_connection_passes_its_check_until_the_server_ends_it() {
    let (mut victim, mut killer) = (connect(), connect());
    assert!(victim.check());
    let pid = row(&mut *victim, "SELECT pg_backend_pid()").remove(0);
    row(&mut *killer, &format!("SELECT pg_terminate_backend({pid}, 5000)"));
    assert!(!victim.check());
    assert_eq!(victim.health(), Health::Closed);
}
