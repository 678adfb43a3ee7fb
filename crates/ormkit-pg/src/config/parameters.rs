//! The parameters of a connection, by libpq's names (PostgreSQL manual, section 34.1.2), and where each comes from: the
//! URL or the keyword/value text, then the environment.

use ormkit_core::error::{Error, Result};

use super::{dsn, url};

/// The parameters that are known, and their variables in the environment.
const KNOWN: [(&str, &str); 39] = [
    ("allow_cleartext_password", ""),
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("client_encoding", "PGCLIENTENCODING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("fallback_application_name", ""),
    ("gssencmode", "PGGSSENCMODE"),
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("keepalives", ""),
    ("keepalives_count", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("max_protocol_version", "PGMAXPROTOCOLVERSION"),
    ("min_protocol_version", "PGMINPROTOCOLVERSION"),
    ("options", "PGOPTIONS"),
    ("passfile", "PGPASSFILE"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("prepared", ""),
    ("require_auth", "PGREQUIREAUTH"),
    ("scram_max_iterations", ""),
    ("scram_min_iterations", ""),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("sslcert", "PGSSLCERT"),
    ("sslcrl", "PGSSLCRL"),
    ("sslkey", "PGSSLKEY"),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslpassword", ""),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslsni", "PGSSLSNI"),
    ("statement_cache_size", ""),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("tcp_user_timeout", ""),
    ("user", "PGUSER"),
];

/// Reads a URL or a keyword/value text; the last value of a name counts. Nothing is added to what the text says.
///
/// # Errors
/// `Interface` for a malformed text and for an unknown parameter, which lists the known ones. They never quote a value.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let given = if text.contains("://") && !is_dsn(text) { url::parse(text)? } else { dsn::parse(text)? };
    let mut parameters: Vec<(String, String)> = Vec::new();
    for (name, value) in given {
        // An old name that libpq still reads.
        let (name, value) = match &*name {
            "requiressl" if value.starts_with('1') => ("sslmode".to_owned(), "require".to_owned()),
            "requiressl" => ("sslmode".to_owned(), "prefer".to_owned()),
            _ => (name, value),
        };
        if KNOWN.iter().all(|(known, _)| *known != name) {
            return Err(unknown(&name));
        }
        if value.contains('\0') {
            return Err(Error::interface(format!("the {name} must not contain NUL")));
        }
        parameters.retain(|(before, _)| *before != name);
        parameters.push((name, value));
    }
    Ok(parameters)
}

/// True for `name = value …`: what stands before the first `=` is one word.
pub(super) fn is_dsn(text: &str) -> bool {
    let name = text.split_once('=').map(|(name, _)| name.trim());
    name.is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    })
}

fn unknown(name: &str) -> Error {
    let known: Vec<&str> = KNOWN.iter().map(|(known, _)| *known).collect();
    Error::interface(format!(
        "unknown parameter `{}` in the database URL; known are {}",
        name.escape_debug(),
        known.join(", ")
    ))
}

/// What is given, and the environment behind it.
pub(super) struct Parameters<'a> {
    pub(super) given: Vec<(String, String)>,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Parameters<'_> {
    /// The value of a parameter; an empty one counts as none.
    pub(super) fn find(&self, name: &str) -> Option<String> {
        let given = self.given.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let found = given.or_else(|| {
            let (_, variable) = KNOWN.iter().find(|(known, _)| *known == name)?;
            (self.environment)(variable).filter(|_| !variable.is_empty())
        });
        found.filter(|value| !value.is_empty())
    }

    /// One of `choices`, by its name.
    pub(super) fn choose<T: Copy>(&self, name: &str, choices: &[(&str, T)], default: T) -> Result<T> {
        let Some(value) = self.find(name) else { return Ok(default) };
        choices.iter().find(|(known, _)| *known == value).map(|(_, choice)| *choice).ok_or_else(|| {
            let known: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
            Error::interface(format!("{name} is one of {}", known.join(", ")))
        })
    }

    /// A whole number from 0 on.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>> {
        let Some(value) = self.find(name) else { return Ok(None) };
        let number = value.trim().parse().map(Some);
        number.map_err(|_| Error::interface(format!("{name} is a number from 0 on")))
    }

    /// 1 or 0.
    pub(super) fn switch(&self, name: &str, default: bool) -> Result<bool> {
        self.choose(name, &[("0", false), ("1", true)], default)
    }

    /// A file in the user's folder for PostgreSQL.
    pub(super) fn file_at_home(&self, name: &str) -> Option<std::path::PathBuf> {
        let home = (self.environment)("HOME").filter(|home| !home.is_empty())?;
        Some(std::path::Path::new(&home).join(name))
    }
}
