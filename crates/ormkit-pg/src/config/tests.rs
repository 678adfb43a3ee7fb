use super::*;

fn parse(url: &str) -> Result<Config> {
    Config::parse_with(url, &|name| (name == "PGUSER").then(|| "me".to_owned()))
}

fn tcp(host: &str, port: u16) -> Address {
    Address::Tcp { host: host.into(), port }
}

#[test]
fn every_part_is_decoded() {
    let config =
        parse("postgresql+asyncpg://a%40b:p%3Aw@db.example:6000/my%20db?application_name=x%26y").unwrap();
    assert_eq!(config.addresses(), [tcp("db.example", 6000)]);
    assert_eq!(
        (config.user(), config.places[0].password.as_deref(), config.database()),
        ("a@b", Some("p:w"), "my db")
    );
    assert!(config.startup_parameters().contains(&("application_name", "x&y")));
}

#[test]
fn hosts_are_tried_in_order() {
    let config = parse("postgres://h1:1,[::1]:2,h3/db").unwrap();
    assert_eq!(config.addresses(), [tcp("h1", 1), tcp("::1", 2), tcp("h3", 5432)]);
    assert_eq!(parse("postgres://h1,h2/db?port=7").unwrap().addresses(), [tcp("h1", 7), tcp("h2", 7)]);
}

#[test]
fn unix_sockets_are_folders() {
    let path = Address::Unix("/run/pg/.s.PGSQL.5433".into());
    assert_eq!(parse("postgresql:///db?host=/run/pg&port=5433").unwrap().addresses()[0], path);
    assert_eq!(parse("postgresql://%2Frun%2Fpg:5433/db").unwrap().addresses(), [path]);
    assert_eq!(parse("postgresql:///db").unwrap().addresses().len(), 3);
}

#[test]
fn environment_completes_the_url() {
    let environment = |name: &str| match name {
        "PGHOST" => Some("from-env".to_owned()),
        "PGPASSWORD" => Some("secret".to_owned()),
        "PGUSER" => Some("you".to_owned()),
        _ => None,
    };
    let config = Config::parse_with("postgresql://", &environment).unwrap();
    assert_eq!(config.addresses(), [tcp("from-env", 5432)]);
    assert_eq!(
        (config.user(), config.database(), config.places[0].password.as_deref()),
        ("you", "you", Some("secret"))
    );
    assert_eq!(Config::parse_with("postgresql://h", &environment).unwrap().addresses(), [tcp("h", 5432)]);
}

#[test]
fn malformed_urls_name_the_part_and_hide_the_password() {
    for (url, part) in [
        ("mysql://u:s3cret@h/db", "postgresql://"),
        ("postgresql://u:s3cret@h:many/db", "port"),
        ("postgresql://u:s3cret@h:0/db", "port"),
        ("postgresql://u:s3cret@h:70000/db", "port"),
        ("postgresql://u:12/s3cret@h/db", "%2F"),
        ("postgresql://u:p@s3cret@h/db", "%40"),
        ("postgresql://u:p@s3cret,x@h/db", "%40"),
        ("postgresql://u:p?s3cret=x@h/db", "%3F"),
        ("postgresql://u:p@h/db?application_name=s3cret@h", "%40"),
        ("postgresql://u:s3cret/x@h/db", "%2F"),
        ("postgresql://u:s3cret@[::1/db", "host"),
        ("postgresql://u:s3cret@[::1]x/db", "host"),
        ("postgresql://u:s3cret%zz@h/db", "password"),
        ("postgresql://u:s3cret%00@h/db", "password"),
        ("postgresql://u:s3cret%ff@h/db", "password"),
        ("postgresql://u:s3cret@h/db?sslmode=maybe", "sslmode"),
        ("postgresql://u@h/db?pass%77ord=s3cret&x=1", "`x`"),
        ("postgresql://u:s3cret@h/db?connect_timeout=-1", "connect_timeout"),
        ("postgresql://u:s3cret@h/db?port", "parameter"),
    ] {
        let error = parse(url).unwrap_err();
        assert!(error.to_string().contains(part), "{url}: {error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn unknown_parameter_lists_the_known_ones() {
    let error = parse("postgresql://h/db?colour=red").unwrap_err().to_string();
    assert!(
        error.contains("`colour`") && error.contains("application_name, channel_binding, client_encoding"),
        "{error}"
    );
}

#[test]
fn weak_modes_and_contradictions_are_refused() {
    for (query, part) in [
        ("sslmode=require&sslrootcert=system", "verify-full"),
        ("sslmode=prefer&sslnegotiation=direct", "sslnegotiation"),
        ("ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2", "ssl_min_protocol_version"),
        ("ssl_min_protocol_version=SSLv3", "TLSv1.2"),
        ("require_auth=scram-sha-256,!md5", "require_auth"),
        ("require_auth=md5,md5", "twice"),
        ("require_auth=magic", "scram-sha-256"),
        ("channel_binding=perhaps", "channel_binding"),
        ("scram_min_iterations=9&scram_max_iterations=8", "scram_min_iterations"),
        ("scram_min_iterations=0", "scram_min_iterations"),
        ("target_session_attrs=slow", "prefer-standby"),
        ("keepalives_idle=-1", "keepalives_idle"),
        ("hostaddr=somewhere", "hostaddr"),
        ("hostaddr=::1,::2", "hostaddr"),
        ("min_protocol_version=3.2&max_protocol_version=3.0", "min_protocol_version"),
        ("gssencmode=require", "GSSAPI"),
        ("ssl_max_protocol_version=TLSv1.1", "TLS"),
    ] {
        let error = parse(&format!("postgresql://h/db?{query}")).unwrap_err();
        assert!(error.to_string().contains(part), "{query}: {error}");
    }
    assert_eq!(parse("postgresql://h?sslrootcert=system").unwrap().tls.mode, tls::SslMode::VerifyFull);
    assert_eq!(parse("postgresql://h?ssl=true").unwrap().tls.mode, tls::SslMode::Require);
}

#[test]
fn keyword_text_says_the_same_as_a_url() {
    let config =
        parse("host=h1,h2 hostaddr='10.0.0.1,' port=1 dbname='my db' user=a password=p\\'w").unwrap();
    assert_eq!(config.addresses(), [tcp("10.0.0.1", 1), tcp("h2", 1)]);
    assert_eq!(config.places[0].host, "h1");
    assert_eq!((config.database(), config.places[1].password.as_deref()), ("my db", Some("p'w")));
    assert!(parse("host=h colour=red").is_err());
}

#[test]
fn nul_is_refused_wherever_it_stands() {
    for text in [
        "host=h user='a\0b'",
        "host=h dbname=a\0b",
        "host=h\0 user=a",
        "host=h options='-c a=b\0c'",
        "host=h password=a\0b",
        "host=h sslcert=a\0b",
        "postgresql://a%00b@h/d",
        "postgresql://u@h/d%00",
        "postgresql://u@h/d?application_name=%00",
        "postgresql://u@h/d\0",
    ] {
        assert!(parse(text).is_err(), "{}", text.escape_debug());
    }
    let from_environment = |name: &str| (name == "PGDATABASE").then(|| "a\0b".to_owned());
    assert!(Config::parse_with("postgresql://u@h", &from_environment).is_err());
}

#[test]
fn abstract_sockets_begin_with_nul() {
    let config = parse("host=@pg port=7").unwrap();
    assert_eq!(config.addresses(), [Address::Unix("\0pg/.s.PGSQL.7".into())]);
    assert_eq!(config.to_string(), "postgresql://me@@pg%2F.s.PGSQL.7/me");
}

#[test]
fn probes_are_set_as_libpq_sets_them() {
    let tcp = |query: &str| parse(&format!("postgresql://h?{query}")).unwrap().tcp;
    assert_eq!(tcp("keepalives=0").keepalive, None);
    let set = tcp("keepalives_idle=5&keepalives_interval=0&keepalives_count=3&tcp_user_timeout=1500");
    let keepalive = Keepalive { idle: Some(Duration::from_secs(5)), interval: None, count: Some(3) };
    assert_eq!((set.keepalive, set.user_timeout), (Some(keepalive), Some(Duration::from_millis(1500))));
}

#[test]
fn balanced_hosts_come_in_every_order() {
    let config = parse("postgresql://a,b,c?load_balance_hosts=random").unwrap();
    let orders = (0..200).map(|_| config.places().iter().map(|place| place.host.clone()).collect::<String>());
    assert_eq!(orders.collect::<std::collections::BTreeSet<_>>().len(), 6);
}

#[cfg(unix)]
#[test]
fn password_file_completes_the_url() {
    use std::os::unix::fs::PermissionsExt;
    let file = std::env::temp_dir().join(format!("ormkit-config-{}", std::process::id()));
    std::fs::write(&file, "h2:*:db:me:two\nlocalhost:*:*:*:local\n").unwrap();
    let set = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    let text = format!("host=h1,h2,/tmp dbname=db passfile={}", file.display());
    set(0o600);
    let passwords =
        parse(&text).unwrap().places.iter().map(|place| place.password.clone()).collect::<Vec<_>>();
    assert_eq!(passwords, [None, Some("two".into()), Some("local".into())]);
    set(0o644);
    let config = parse(&text).unwrap();
    assert!(config.places.iter().all(|place| place.password.is_none()));
    assert!(config.password_note().unwrap().contains("0600"));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn password_is_never_shown() {
    let config = parse("postgresql://u:s3cret@h/db").unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    assert_eq!(config.to_string(), "postgresql://u@h:5432/db");
}

#[test]
fn settings_reach_the_server_but_not_those_that_the_driver_needs() {
    let config = parse("postgresql://h/db?options=-c%20search_path%3Dx").unwrap();
    assert!(config.startup_parameters().contains(&("options", "-c search_path=x")));
    assert!(config.clone().with_setting("DateStyle", "German").is_err());
    assert!(config.clone().with_setting("a", "x\0y").is_err());
    assert!(config.with_setting("lock_timeout", "5s").is_ok());
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        let _ = parse(&text);
        let _ = parse(&format!("postgresql://{text}"));
    }

    #[test]
    fn no_piece_of_a_password_is_shown(pieces in proptest::collection::vec("[@/?#:&=%,\\[\\]]{0,2}", 1..4)) {
        // Every piece of the password is marked: none may be told, encoded or not.
        let password: String = pieces.iter().map(|piece| format!("{piece}SECRET")).collect();
        let shown = match parse(&format!("postgresql://app:{password}@h:1/db")) {
            Ok(config) => format!("{config} {config:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        proptest::prop_assert!(!shown.contains("SECRET"), "{password}: {shown}");
    }
}
