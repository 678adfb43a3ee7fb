//! Where and how to connect: a URL by libpq's rules (PostgreSQL manual, section 34.1.1.2), completed by the environment.

mod url;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use ormkit_core::error::{Error, Result};
use ormkit_core::runtime::Address;

/// Where and how to connect. Its `Debug` and `Display` never show the password.
#[derive(Clone)]
pub struct Config {
    addresses: Vec<Address>,
    user: String,
    password: Option<String>,
    database: String,
    /// Settings of the session, by name.
    settings: Vec<(String, String)>,
    connect_timeout: Option<Duration>,
    statement_cache_size: usize,
}

/// The parameters that a URL may have, and their variables in the environment.
const PARAMETERS: [(&str, &str); 12] = [
    ("application_name", "PGAPPNAME"),
    ("client_encoding", "PGCLIENTENCODING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("fallback_application_name", ""),
    ("host", "PGHOST"),
    ("options", "PGOPTIONS"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("sslmode", "PGSSLMODE"),
    ("statement_cache_size", ""),
    ("user", "PGUSER"),
];

const DEFAULT_PORT: &str = "5432";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_STATEMENTS: usize = 256;

/// Where Debian's and the original's servers have their sockets.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

impl Config {
    /// Reads `postgresql://[user[:password]@][host[:port],…][/database][?parameter=value&…]`.
    ///
    /// `postgres://` is the same, and a driver part such as `+asyncpg` is ignored. A host that begins with `/` (in the
    /// query, or percent-encoded) is the folder of a Unix socket. What is left out comes from the variables `PGHOST`,
    /// `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`, `PGAPPNAME`, `PGOPTIONS`, `PGCONNECT_TIMEOUT`,
    /// `PGCLIENTENCODING` and `PGSSLMODE`; then host and port default to the usual Unix sockets and localhost at 5432,
    /// the user to the system's, the database to the user's name, and the connect timeout to 10 s (0: none).
    ///
    /// # Errors
    /// `Interface` for a malformed URL or an unknown parameter, `Unsupported` for an `sslmode` that asks for TLS. They
    /// name the part of the URL, and never quote what could be the password.
    pub fn parse(url: &str) -> Result<Self> {
        Self::parse_with(url, &|name| std::env::var(name).ok())
    }

    /// The same with an environment of the caller's own.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(url: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let given = url::parse(url)?;
        if let Some((name, _)) =
            given.iter().find(|(name, _)| PARAMETERS.iter().all(|(known, _)| known != name))
        {
            let known: Vec<&str> = PARAMETERS.iter().map(|(known, _)| *known).collect();
            return Err(Error::interface(format!(
                "unknown parameter `{}` in the database URL; known are {}",
                name.escape_debug(),
                known.join(", ")
            )));
        }
        let find = |name: &str| {
            let in_url = given.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            in_url.or_else(|| {
                let (_, variable) = PARAMETERS.iter().find(|(known, _)| *known == name)?;
                environment(variable).filter(|value| !value.is_empty() && !variable.is_empty())
            })
        };
        check_ssl_mode(find("sslmode"))?;
        check_encoding(find("client_encoding"))?;
        let port = find("port").unwrap_or_else(|| DEFAULT_PORT.into());
        let addresses = match find("host").filter(|hosts| !hosts.is_empty()) {
            Some(hosts) => addresses(&hosts, &port)?,
            None => addresses(&[SOCKET_FOLDERS[0], SOCKET_FOLDERS[1], "localhost"].join(","), &port)?,
        };
        let user = find("user").or_else(|| environment("USER")).or_else(|| environment("LOGNAME"));
        let user =
            user.filter(|user| !user.is_empty()).ok_or_else(|| Error::interface("no database user given"))?;
        let mut config = Self {
            addresses,
            database: find("dbname").filter(|name| !name.is_empty()).unwrap_or_else(|| user.clone()),
            user,
            password: find("password").filter(|password| !password.is_empty()),
            settings: Vec::new(),
            connect_timeout: connect_timeout(find("connect_timeout"))?,
            statement_cache_size: statement_cache_size(find("statement_cache_size"))?,
        };
        if let Some(name) = find("application_name").or_else(|| find("fallback_application_name")) {
            config = config.with_setting("application_name", &name)?;
        }
        if let Some(options) = find("options") {
            config = config.with_setting("options", &options)?;
        }
        for (part, text) in [("user", &config.user), ("database", &config.database)] {
            refuse_nul(part, text)?;
        }
        refuse_nul("password", config.password.as_deref().unwrap_or_default())?;
        Ok(config)
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

    /// The addresses, in the order in which they are tried.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
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

    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_deref()
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

/// Hosts and ports, both separated by commas; one port serves all hosts.
fn addresses(hosts: &str, ports: &str) -> Result<Vec<Address>> {
    let hosts: Vec<&str> = hosts.split(',').collect();
    let ports: Vec<&str> = ports.split(',').collect();
    if ports.len() != 1 && ports.len() != hosts.len() {
        return Err(Error::interface(format!(
            "the database URL has {} hosts and {} ports",
            hosts.len(),
            ports.len()
        )));
    }
    let ports = ports.iter().cycle();
    hosts.iter().zip(ports).map(|(host, port)| address(host, port)).collect()
}

fn address(host: &str, port: &str) -> Result<Address> {
    let port = if port.is_empty() { DEFAULT_PORT } else { port };
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
        Error::interface(
            "the port in the database URL is not a number from 1 to 65535 (`:`, `/` and `@` in a user name or a \
             password have to be percent-encoded)",
        )
    })?;
    refuse_nul("host", host)?;
    match host {
        "" => Ok(Address::Tcp { host: "localhost".into(), port }),
        path if path.starts_with('/') => Ok(Address::Unix(Path::new(path).join(format!(".s.PGSQL.{port}")))),
        name if name.starts_with('@') => Err(Error::unsupported("an abstract Unix socket", "use a path")),
        name => Ok(Address::Tcp { host: name.into(), port }),
    }
}

fn check_ssl_mode(mode: Option<String>) -> Result<()> {
    match mode.as_deref() {
        None | Some("disable" | "allow" | "prefer") => Ok(()),
        Some(mode @ ("require" | "verify-ca" | "verify-full")) => Err(Error::unsupported(
            format!("sslmode={mode}"),
            "this version has no TLS and refuses to connect in the clear; sslmode=disable says that it may",
        )),
        Some(_) => Err(Error::interface(
            "sslmode is one of disable, allow, prefer, require, verify-ca and verify-full",
        )),
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

fn connect_timeout(seconds: Option<String>) -> Result<Option<Duration>> {
    let Some(text) = seconds else { return Ok(Some(DEFAULT_TIMEOUT)) };
    let time = text.parse().ok().and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    let time = time.ok_or_else(|| Error::interface("connect_timeout is a number of seconds from 0 on"))?;
    Ok((!time.is_zero()).then_some(time))
}

fn statement_cache_size(text: Option<String>) -> Result<usize> {
    let Some(text) = text else { return Ok(DEFAULT_STATEMENTS) };
    text.parse().map_err(|_| Error::interface("statement_cache_size is a number from 0 on"))
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
            .field("addresses", &self.addresses)
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
        let places: Vec<String> = self.addresses.iter().map(crate::cancel::describe).collect();
        let places = places.join(",").replace('/', "%2F");
        write!(f, "postgresql://{}@{places}/{}", self.user, self.database)
    }
}

#[cfg(test)]
mod tests {
    use ormkit_core::error::ErrorClass;

    use super::*;

    fn parse(url: &str) -> Result<Config> {
        Config::parse_with(url, &|name| (name == "USER").then(|| "me".to_owned()))
    }

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.into(), port }
    }

    #[test]
    fn every_part_is_decoded() {
        let config =
            parse("postgresql+asyncpg://a%40b:p%3Aw@db.example:6000/my%20db?application_name=x%26y").unwrap();
        assert_eq!(config.addresses(), [tcp("db.example", 6000)]);
        assert_eq!((config.user(), config.password(), config.database()), ("a@b", Some("p:w"), "my db"));
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
        assert_eq!((config.user(), config.database(), config.password()), ("you", "you", Some("secret")));
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
        assert!(error.contains("`colour`") && error.contains("application_name, client_encoding"), "{error}");
    }

    #[test]
    fn tls_is_refused_clearly() {
        for mode in ["require", "verify-ca", "verify-full"] {
            let error = parse(&format!("postgresql://h/db?sslmode={mode}")).unwrap_err();
            assert_eq!(error.class(), ErrorClass::NotSupportedError);
        }
        assert!(parse("postgresql://h/db?sslmode=prefer").is_ok());
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
