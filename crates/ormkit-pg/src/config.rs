//! Where and how to connect: a URL or a keyword/value text by libpq's rules (PostgreSQL manual, section 34.1), completed by
//! the environment and the password file.

pub(crate) mod auth;
mod dsn;
pub(crate) mod hosts;
mod parameters;
mod passfile;
mod password;
#[cfg(test)]
mod tests;
pub(crate) mod tls;
mod url;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ormkit_core::error::{Error, Result};
use ormkit_core::runtime::{Address, Keepalive, TcpOptions};

use self::auth::AuthPolicy;
use self::hosts::{Place, SOCKET_FOLDERS};
use self::parameters::Parameters;
use self::tls::TlsPolicy;

pub use self::password::PasswordSource;

/// Where and how to connect. Its `Debug` and `Display` never show a password.
#[derive(Clone)]
pub struct Config {
    places: Vec<Place>,
    /// Try the servers in an order of chance.
    balance: bool,
    user: String,
    database: String,
    password_source: Option<PasswordSource>,
    /// Why the password file was not looked at.
    password_note: Option<String>,
    /// Settings of the session, by name.
    settings: Vec<(String, String)>,
    connect_timeout: Option<Duration>,
    statement_cache_size: usize,
    prepare_mode: PrepareMode,
    pub(crate) tls: Arc<TlsPolicy>,
    pub(crate) auth: AuthPolicy,
    pub(crate) tcp: TcpOptions,
    pub(crate) target: TargetSession,
    /// The oldest and the newest minor version of protocol 3.
    pub(crate) minor_versions: (u16, u16),
}

/// How statements are prepared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrepareMode {
    /// [`Named`](Self::Named), and [`Unnamed`](Self::Unnamed) where a pooler stands between: a
    /// connection finds out before its second flight, by asking for the number of the process that serves it (one round
    /// trip for a driver). Until then nothing has a name.
    #[default]
    Auto,
    /// Statements stay prepared, by names that no other connection uses: for servers themselves, and for poolers that
    /// know prepared statements (PgBouncer 1.21 and later with `max_prepared_statements`).
    Named,
    /// Each statement is prepared anew, without a name and in one flight with its execution, by the types that it had
    /// before: for poolers that give each transaction another server.
    Unnamed,
    /// As `Unnamed`, and nothing is remembered: SQL of the caller's own is described each time, in a round trip of its
    /// own.
    Never,
}

const PREPARE_MODES: [(&str, PrepareMode); 4] = [
    ("auto", PrepareMode::Auto),
    ("named", PrepareMode::Named),
    ("unnamed", PrepareMode::Unnamed),
    ("never", PrepareMode::Never),
];

impl PrepareMode {
    /// The mode of this name: `auto`, `named`, `unnamed` or `never`.
    pub fn parse(name: &str) -> Option<Self> {
        PREPARE_MODES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }
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
    /// Both are read as libpq reads them, with two exceptions: a URL with an `@` behind its first `/` or `?`, or a second
    /// one, is refused, because what libpq would take for a host could be a piece of a password; and what is decoded must be
    /// UTF-8. `postgres://` is the same as `postgresql://`, and a driver part such as `+asyncpg` is ignored. What is left
    /// out comes from the variables of the environment that libpq knows (`PGHOST`, `PGUSER`, …), then from these defaults:
    ///
    /// | parameter | default | meaning |
    /// |---|---|---|
    /// | `host`, `hostaddr`, `port` | the usual Unix sockets, then localhost; 5432 | lists, tried in order; a host that begins with `/` is the folder of a Unix socket, with `@` one in the abstract namespace; `hostaddr` saves the look-up of the name |
    /// | `user`, `dbname` | the system's user; the user's name | |
    /// | `password`, `passfile` | `~/.pgpass` | the file is ignored, and an error about a missing password says so, when others may read it |
    /// | `connect_timeout` | 10 | seconds for looking up, TCP, TLS and authentication of all hosts together, of which each address has an equal share of what is left; 0: no limit |
    /// | `target_session_attrs` | any | `read-write`, `read-only`, `primary`, `standby`, `prefer-standby`: the first server that is so |
    /// | `load_balance_hosts` | disable | `random`: the hosts, and the addresses of each, in an order of chance |
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
    /// | `prepared` | auto | how statements are prepared ([`PrepareMode`]): `named`, `unnamed`, `never` |
    /// | `statement_cache_size` | 256 | statements that each connection keeps prepared, or keeps the types of; 0: none |
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
            password_source: None,
            password_note: None,
            settings: Vec::new(),
            connect_timeout: connect_timeout(parameters.find("connect_timeout"))?,
            statement_cache_size: parameters
                .number("statement_cache_size")?
                .map_or(DEFAULT_STATEMENTS, |size| size as usize),
            prepare_mode: parameters.choose("prepared", &PREPARE_MODES, PrepareMode::Auto)?,
            tls: TlsPolicy::read(&parameters)?.into(),
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

    /// How long a statement may run until the server stops it (SQLSTATE 57014): the setting `statement_timeout`, in whole
    /// milliseconds from 1 on. Some poolers refuse it as a parameter of the connection.
    ///
    /// # Errors
    /// `Interface` for a time over 2,147,483,647 ms.
    pub fn with_statement_timeout(self, time: Duration) -> Result<Self> {
        let millis = i32::try_from(time.as_millis().max(1))
            .map_err(|_| Error::interface("the statement_timeout is limited to 2,147,483,647 ms"))?;
        self.with_setting("statement_timeout", &millis.to_string())
    }

    /// How statements are prepared.
    #[must_use]
    pub fn with_prepare_mode(mut self, mode: PrepareMode) -> Self {
        self.prepare_mode = mode;
        self
    }

    /// How many statements each connection keeps prepared, or keeps the types of. 0: none.
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
        self.balanced(self.places.iter().collect())
    }

    /// The order in which servers, or the addresses of one, are to be tried now.
    pub(crate) fn balanced<T>(&self, mut items: Vec<T>) -> Vec<T> {
        if self.balance {
            // A key of chance for each; without random bytes the order stays.
            items.sort_by_cached_key(|_| {
                let mut key = [0; 8];
                let _ = getrandom::fill(&mut key);
                key
            });
        }
        items
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

    /// How statements are prepared.
    pub fn prepare_mode(&self) -> PrepareMode {
        self.prepare_mode
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
