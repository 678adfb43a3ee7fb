//! Where and how to connect: a URL or a keyword/value text by libpq's rules (PostgreSQL manual, section 34.1), completed by
//! the environment and the password file.

pub(crate) mod auth;
mod dsn;
pub(crate) mod hosts;
mod parameters;
mod passfile;
pub(crate) mod tls;
mod url;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ormkit_core::error::{Error, Result};
use ormkit_core::runtime::{Address, Keepalive, TcpOptions};

use self::auth::AuthPolicy;
use self::hosts::{Place, SOCKET_FOLDERS};
use self::parameters::Parameters;
use self::tls::TlsPolicy;

/// Where and how to connect. Its `Debug` and `Display` never show a password.
#[derive(Clone)]
pub struct Config {
    places: Vec<Place>,
    /// Try the servers in an order of chance.
    balance: bool,
    user: String,
    database: String,
    /// Why the password file was not looked at.
    password_note: Option<String>,
    /// Settings of the session, by name.
    settings: Vec<(String, String)>,
    connect_timeout: Option<Duration>,
    statement_cache_size: usize,
    pub(crate) tls: TlsPolicy,
    pub(crate) auth: AuthPolicy,
    pub(crate) tcp: TcpOptions,
    pub(crate) target: TargetSession,
    /// The oldest and the newest minor version of protocol 3.
    pub(crate) minor_versions: (u16, u16),
}

/// Which of several servers will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetSession {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

const TARGETS: [(&str, TargetSession); 6] = [
    ("any", TargetSession::Any),
    ("read-write", TargetSession::ReadWrite),
    ("read-only", TargetSession::ReadOnly),
    ("primary", TargetSession::Primary),
    ("standby", TargetSession::Standby),
    ("prefer-standby", TargetSession::PreferStandby),
];

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_STATEMENTS: usize = 256;

impl Config {
    /// Reads `postgresql://[user[:password]@][host[:port],…][/database][?parameter=value&…]`, or `name=value …`.
    ///
    /// Both are read as libpq reads them, with one exception: a URL with an `@` behind its first `/` or `?`, or a second
    /// one, is refused, because what libpq would take for a host could be a piece of a password; what is decoded must be
    /// UTF-8. `postgres://` is the same
    /// as `postgresql://`, and a driver part such as `+asyncpg` is ignored. What is left out comes from the variables of
    /// the environment that libpq knows (`PGHOST`, `PGUSER`, …), then from these defaults:
    ///
    /// | parameter | default | meaning |
    /// |---|---|---|
    /// | `host`, `hostaddr`, `port` | the usual Unix sockets, then localhost; 5432 | lists, tried in order; a host that begins with `/` is the folder of a Unix socket, with `@` one in the abstract namespace; `hostaddr` saves the look-up of the name |
    /// | `user`, `dbname` | the system's user; the user's name | |
    /// | `password`, `passfile` | `~/.pgpass` | the file is ignored, and an error about a missing password says so, when others may read it |
    /// | `connect_timeout` | 10 | seconds for looking up, TCP, TLS and authentication of all hosts together; 0: no limit |
    /// | `target_session_attrs` | any | `read-write`, `read-only`, `primary`, `standby`, `prefer-standby`: the first server that is so |
    /// | `load_balance_hosts` | disable | `random`: the hosts in an order of chance |
    /// | `keepalives`, `keepalives_idle`, `keepalives_interval`, `keepalives_count` | 1, 60, 10, the system's | probes on a silent TCP connection; seconds |
    /// | `tcp_user_timeout` | 0: the system's | milliseconds for which sent bytes may stay unacknowledged |
    /// | `sslmode` | prefer | `disable`, `allow`, `prefer`, `require`, `verify-ca`, `verify-full`; no effect on Unix sockets |
    /// | `sslnegotiation` | postgres | `direct`: TLS from the first byte (servers from 17 on) |
    /// | `sslrootcert` | `~/.postgresql/root.crt` | who vouches for the server; where the file is there, every mode checks it; `system`: the system's trusted certificates, with `verify-full` |
    /// | `sslcrl` | `~/.postgresql/root.crl` | revoked certificates |
    /// | `sslcert`, `sslkey`, `sslpassword` | `~/.postgresql/postgresql.crt`, `….key` | the client's certificate; its key is refused when others may read it |
    /// | `sslsni` | 1 | tell the server the host's name |
    /// | `ssl_min_protocol_version`, `ssl_max_protocol_version` | TLSv1.2, TLSv1.3 | |
    /// | `channel_binding` | prefer | `disable`, `require`: SCRAM bound to the TLS connection |
    /// | `require_auth` | all | what the server may ask for: `scram-sha-256`, `md5`, `password`, `none`, each with `!` for all but these |
    /// | `allow_cleartext_password` | 0 | 1: send the password as it is to a server that has proven nothing; without it the server needs a verified certificate, or is reached over a Unix socket |
    /// | `scram_min_iterations`, `scram_max_iterations` | 4096, 100000 | rounds of key derivation that the server may ask for |
    /// | `application_name`, `fallback_application_name`, `options` | | settings of the session |
    /// | `min_protocol_version`, `max_protocol_version` | 3.0 | `3.2` or `latest`: long cancel keys, where the server has them |
    /// | `client_encoding` | UTF8 | nothing else |
    /// | `gssencmode` | disable | `prefer` is the same; encryption by GSSAPI is not here |
    /// | `statement_cache_size` | 256 | statements that each connection keeps prepared; 0: none |
    ///
    /// # Errors
    /// `Interface` for a malformed text, a value that a parameter does not have or an unknown parameter (the error lists
    /// the known ones); `Unsupported` for what is known and not here. They name the part, and never quote what could be
    /// the password.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, &|name| std::env::var(name).ok())
    }

    /// The same with an environment of the caller's own.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let parameters = Parameters { given: parameters::parse(text)?, environment };
        check_encoding(parameters.find("client_encoding"))?;
        check_gss(parameters.find("gssencmode"))?;
        let user = parameters.find("user").or_else(|| whoami::fallible::username().ok());
        let user =
            user.ok_or_else(|| Error::interface("no database user given, and the system's has no name"))?;
        let mut config = Self {
            places: hosts::places(&parameters)?,
            balance: parameters.choose(
                "load_balance_hosts",
                &[("disable", false), ("random", true)],
                false,
            )?,
            database: parameters.find("dbname").unwrap_or_else(|| user.clone()),
            user,
            password_note: None,
            settings: Vec::new(),
            connect_timeout: connect_timeout(parameters.find("connect_timeout"))?,
            statement_cache_size: parameters
                .number("statement_cache_size")?
                .map_or(DEFAULT_STATEMENTS, |size| size as usize),
            tls: TlsPolicy::read(&parameters)?,
            auth: AuthPolicy::read(&parameters)?,
            tcp: tcp_options(&parameters)?,
            target: parameters.choose("target_session_attrs", &TARGETS, TargetSession::Any)?,
            minor_versions: minor_versions(&parameters)?,
        };
        config.find_passwords(&parameters);
        let name =
            parameters.find("application_name").or_else(|| parameters.find("fallback_application_name"));
        if let Some(name) = name {
            config = config.with_setting("application_name", &name)?;
        }
        if let Some(options) = parameters.find("options") {
            config = config.with_setting("options", &options)?;
        }
        config.refuse_nul_in_parts()?;
        Ok(config)
    }

    /// The parameters that a text gives, by libpq's names, before the environment and the defaults are asked.
    ///
    /// # Errors
    /// `Interface` for a malformed text or an unknown parameter.
    pub fn parameters(text: &str) -> Result<Vec<(String, String)>> {
        parameters::parse(text)
    }

    /// True when `text` is a keyword/value text and no URL.
    pub fn is_keyword_text(text: &str) -> bool {
        parameters::is_dsn(text)
    }

    /// The password that was given, or each server's from the password file.
    fn find_passwords(&mut self, parameters: &Parameters<'_>) {
        if let Some(password) = parameters.find("password") {
            self.places.iter_mut().for_each(|place| place.password = Some(password.clone()));
            return;
        }
        let named = parameters.find("passfile").map(PathBuf::from);
        let Some(file) = named.or_else(|| parameters.file_at_home(".pgpass")) else { return };
        for place in &mut self.places {
            let host = match &place.address {
                Address::Unix(_) if place.host.is_empty() || SOCKET_FOLDERS.contains(&&*place.host) => {
                    "localhost"
                }
                Address::Tcp { host, .. } if place.host.is_empty() => host,
                _ => &place.host,
            };
            let (password, note) =
                passfile::find(&file, [host, &place.port.to_string(), &self.database, &self.user]);
            place.password = password;
            self.password_note = note;
        }
    }

    fn refuse_nul_in_parts(&self) -> Result<()> {
        for (part, text) in [("user", &self.user), ("database", &self.database)] {
            refuse_nul(part, text)?;
        }
        for place in &self.places {
            refuse_nul("host", &place.host)?;
            refuse_nul("password", place.password.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    /// Sets a setting of the session, as `SET name = value` would; the last one of a name counts.
    ///
    /// # Errors
    /// A NUL in name or value, an empty name, or a setting that the driver depends on.
    pub fn with_setting(mut self, name: &str, value: &str) -> Result<Self> {
        refuse_nul("setting", name)?;
        refuse_nul(name, value)?;
        let fixed = ["user", "database", "client_encoding", "datestyle", "replication"];
        if name.is_empty() || fixed.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(Error::interface(format!(
                "the setting `{name}` cannot be changed: the driver depends on it"
            )));
        }
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.into(), value.into()));
        Ok(self)
    }

    /// The longest time from the first look-up of a name until the server is ready; None waits without limit.
    #[must_use]
    pub fn with_connect_timeout(mut self, time: Option<Duration>) -> Self {
        self.connect_timeout = time;
        self
    }

    /// How many statements each connection keeps prepared. 0: none, as some connection poolers need.
    #[must_use]
    pub fn with_statement_cache_size(mut self, statements: usize) -> Self {
        self.statement_cache_size = statements;
        self
    }

    /// The addresses, in the order in which they were given.
    pub fn addresses(&self) -> Vec<Address> {
        self.places.iter().map(|place| place.address.clone()).collect()
    }

    /// The servers, in the order in which they are to be tried now.
    pub(crate) fn places(&self) -> Vec<&Place> {
        let mut places: Vec<&Place> = self.places.iter().collect();
        if self.balance {
            // A key of chance for each; without random bytes the order stays.
            places.sort_by_cached_key(|_| {
                let mut key = [0; 8];
                let _ = getrandom::fill(&mut key);
                key
            });
        }
        places
    }

    /// The database user.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The longest time for connecting.
    pub fn connect_timeout(&self) -> Option<Duration> {
        self.connect_timeout
    }

    /// How many statements each connection keeps prepared.
    pub fn statement_cache_size(&self) -> usize {
        self.statement_cache_size
    }

    /// Why the password file was not looked at, for the error about a missing password.
    pub(crate) fn password_note(&self) -> Option<&str> {
        self.password_note.as_deref()
    }

    /// What the StartupMessage says.
    pub(crate) fn startup_parameters(&self) -> Vec<(&str, &str)> {
        let fixed = [
            ("user", &*self.user),
            ("database", &*self.database),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO"),
        ];
        fixed.into_iter().chain(self.settings.iter().map(|(name, value)| (&**name, &**value))).collect()
    }
}

fn check_encoding(encoding: Option<String>) -> Result<()> {
    match encoding.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("auto" | "utf8" | "utf-8" | "unicode") => Ok(()),
        Some(_) => {
            Err(Error::unsupported("a client_encoding other than UTF8", "the server converts by itself"))
        }
    }
}

fn check_gss(mode: Option<String>) -> Result<()> {
    match mode.as_deref() {
        None | Some("disable" | "prefer") => Ok(()),
        Some("require") => Err(Error::unsupported("encryption by GSSAPI", "TLS encrypts: sslmode=require")),
        Some(_) => Err(Error::interface("gssencmode is one of disable, prefer and require")),
    }
}

/// Keepalive probes in seconds, the user timeout in milliseconds; 0 is the system's own value, as in libpq.
fn tcp_options(parameters: &Parameters<'_>) -> Result<TcpOptions> {
    let usual = TcpOptions::default();
    let number = |name: &str| parameters.number(name);
    let seconds = |name: &str, usual: Option<Duration>| {
        Ok::<_, Error>(match number(name)? {
            None => usual,
            Some(0) => None,
            Some(seconds) => Some(Duration::from_secs(seconds.into())),
        })
    };
    let usual = usual.keepalive.unwrap_or(Keepalive { idle: None, interval: None, count: None });
    let keepalive = Keepalive {
        idle: seconds("keepalives_idle", usual.idle)?,
        interval: seconds("keepalives_interval", usual.interval)?,
        count: number("keepalives_count")?.filter(|count| *count > 0),
    };
    let wanted = number("keepalives")?.is_none_or(|wanted| wanted != 0);
    let user_timeout = number("tcp_user_timeout")?.filter(|time| *time > 0);
    Ok(TcpOptions {
        keepalive: wanted.then_some(keepalive),
        user_timeout: user_timeout.map(|time| Duration::from_millis(time.into())),
    })
}

fn minor_versions(parameters: &Parameters<'_>) -> Result<(u16, u16)> {
    let versions = [("3.0", 0), ("3.2", 2), ("latest", 2)];
    let least = parameters.choose("min_protocol_version", &versions, 0)?;
    let most = parameters.choose("max_protocol_version", &versions, least)?;
    if least > most {
        return Err(Error::interface("min_protocol_version is above max_protocol_version"));
    }
    Ok((least, most))
}

fn connect_timeout(seconds: Option<String>) -> Result<Option<Duration>> {
    let Some(text) = seconds else { return Ok(Some(DEFAULT_TIMEOUT)) };
    let time = text.parse().ok().and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    let time = time.ok_or_else(|| Error::interface("connect_timeout is a number of seconds from 0 on"))?;
    Ok((!time.is_zero()).then_some(time))
}

fn refuse_nul(part: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::interface(format!("the {} must not contain NUL", part.escape_debug())));
    }
    Ok(())
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("addresses", &self.addresses())
            .field("user", &self.user)
            .field("database", &self.database)
            .field("settings", &self.settings)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// The URL without password and parameters.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = self.addresses().iter().map(crate::connection::route::describe).collect();
        let places = places.join(",").replace('/', "%2F");
        write!(f, "postgresql://{}@{places}/{}", self.user, self.database)
    }
}

#[cfg(test)]
mod tests {
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
            error.contains("`colour`")
                && error.contains("application_name, channel_binding, client_encoding"),
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
        let orders =
            (0..200).map(|_| config.places().iter().map(|place| place.host.clone()).collect::<String>());
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
}
