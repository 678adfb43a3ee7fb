//! Logging in to a real server.

mod support;

use ormkit_core::driver::Health;
use ormkit_core::error::{ErrorClass, ErrorKind};
use support::{connect, connect_to, raw, row, run, url, url_of};

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

/// The test server's URL with another query.
fn with(query: &str) -> String {
    format!("{}?{query}", url())
}

#[test]
fn server_of_the_wanted_kind_is_taken() {
    for (target, taken) in [
        ("any", true),
        ("read-write", true),
        ("read-only", false),
        ("primary", true),
        ("standby", false),
        ("prefer-standby", true),
    ] {
        let outcome = connect_to(&with(&format!("target_session_attrs={target}")), None);
        assert_eq!(outcome.is_ok(), taken, "{target}: {:?}", outcome.err());
    }
    let read_only = "target_session_attrs=read-only&options=-c%20default_transaction_read_only%3Don";
    let mut connection = connect_to(&with(read_only), None).unwrap();
    assert_eq!(
        (row(&mut *connection, "SELECT 1"), connection.health()),
        (vec!["1".to_owned()], Health::Idle)
    );
    let error = connect_to(&with("target_session_attrs=standby"), None).err().unwrap();
    assert!(error.to_string().contains("not a standby"), "{error}");
}

#[test]
fn newer_protocol_falls_back_to_what_the_server_speaks() {
    let mut connection = connect_to(&with("max_protocol_version=latest"), None).unwrap();
    assert_eq!(row(&mut *connection, "SELECT 1"), ["1"]);
    // Servers from 18 on speak it.
    let version: u32 = row(&mut *connection, "SHOW server_version_num")[0].parse().unwrap();
    assert_eq!(connect_to(&with("min_protocol_version=3.2"), None).is_ok(), version >= 180_000);
}

#[test]
fn keyword_text_and_password_file_lead_to_a_session() {
    use std::os::unix::fs::PermissionsExt;
    let url = url();
    let (credentials, server) = url.strip_prefix("postgresql://").unwrap().rsplit_once('@').unwrap();
    let (user, password) = credentials.split_once(':').unwrap();
    let (place, database) = server.split_once('/').unwrap();
    let (host, port) = place.rsplit_once(':').unwrap();
    let file = std::env::temp_dir().join(format!("ormkit-pgpass-{}", std::process::id()));
    std::fs::write(&file, format!("# ours\n{host}:{port}:*:{user}:{password}\n")).unwrap();
    let text = format!("host={host} port={port} user={user} dbname={database} passfile={}", file.display());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(row(&mut *connect_to(&text, None).unwrap(), "SELECT 1"), ["1"]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = connect_to(&text, None).err().expect("there is no password").to_string();
    assert!(error.contains("0600") && !error.contains(password), "{error}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn reported_settings_are_read_without_asking() {
    let mut connection = connect();
    assert_eq!(connection.reported_setting("client_encoding"), Some("UTF8"));
    assert!(
        connection
            .reported_setting("server_version")
            .is_some_and(|version| version.starts_with(char::is_numeric))
    );
    row(&mut *connection, "SELECT set_config('TimeZone', 'Europe/Vienna', false)");
    assert_eq!(connection.reported_setting("TimeZone"), Some("Europe/Vienna"));
    assert_eq!(connection.reported_setting("search_path_of_nobody"), None);
    for (name, value) in [("client_encoding", "LATIN1"), ("standard_conforming_strings", "off")] {
        let mut connection = connect();
        let set = raw(&format!("SET {name} = '{value}'"), &[]);
        let error = run(&mut *connection, &[], &[set]).err().unwrap();
        assert_eq!((error.class(), connection.health()), (ErrorClass::NotSupportedError, Health::Closed));
        assert!(error.to_string().contains(name), "{error}");
    }
}
