//! The settings that the server reports by itself (PostgreSQL manual, section 55.2.7).

use std::collections::BTreeMap;

use ormkit_core::error::{Error, Result};

/// Servers report some fifteen; a server that makes up names without end is none.
const MOST: usize = 100;

/// Settings as the server last said them.
#[derive(Debug, Default)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Takes a ParameterStatus.
    ///
    /// # Errors
    /// `Unsupported` for a value that this driver does not go with, `Protocol` for too many names.
    pub(crate) fn note(&mut self, name: &str, value: &str) -> Result<()> {
        check(name, value)?;
        if self.0.len() == MOST && !self.0.contains_key(name) {
            return Err(Error::protocol(format!("the server reports more than {MOST} settings")));
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// The value of a setting, None where the server does not report it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The settings that the wire format and the quoting of literals depend on.
fn check(name: &str, value: &str) -> Result<()> {
    let (needed, right) = match name {
        "client_encoding" => ("UTF8", value.eq_ignore_ascii_case("utf8")),
        "integer_datetimes" => ("on", value == "on"),
        // With it off a backslash in a literal hides the quote behind it: what was quoted as text becomes SQL.
        "standard_conforming_strings" => ("on", value == "on"),
        _ => return Ok(()),
    };
    if right {
        return Ok(());
    }
    Err(Error::unsupported(
        format!("the setting {name} = '{value}'"),
        format!("this connection needs {name} = '{needed}'"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_value_counts_and_names_are_bounded() {
        let mut settings = Settings::default();
        settings.note("TimeZone", "UTC").unwrap();
        settings.note("TimeZone", "Europe/Vienna").unwrap();
        assert_eq!((settings.get("TimeZone"), settings.get("other")), (Some("Europe/Vienna"), None));
        assert!(settings.note("client_encoding", "LATIN1").is_err());
        assert!(settings.note("standard_conforming_strings", "off").is_err());
        let outcomes: Vec<bool> = (0..MOST).map(|n| settings.note(&n.to_string(), "x").is_ok()).collect();
        assert_eq!(outcomes.iter().filter(|taken| **taken).count(), MOST - 1);
    }
}
