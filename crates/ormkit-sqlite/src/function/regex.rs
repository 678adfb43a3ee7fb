//! `REGEXP`: a part of a text matches a regular expression of the crate `regex`.
//!
//! As in PostgreSQL a dot matches every character, and `^` and `$` the ends of the text only. Look-around and
//! back-references are not there: their patterns are refused, since a match takes time linear in the text.

use regex::{Regex, RegexBuilder};
use rusqlite::{Connection, Result};

use super::{define, text, utf8, wrong};

pub(super) fn install(connection: &Connection) -> Result<()> {
    define(connection, "regexp", 2, |context| {
        let (Some(_), Some(subject)) = (text(context, 0)?, text(context, 1)?) else { return Ok(None) };
        let pattern = context.get_or_create_aux(0, |pattern| -> Result<Regex> {
            match pattern.as_bytes_or_null() {
                Ok(Some(bytes)) => compiled(utf8(bytes)?),
                _ => compiled(""),
            }
        })?;
        Ok(Some(pattern.is_match(&subject)))
    })
}

fn compiled(pattern: &str) -> Result<Regex> {
    RegexBuilder::new(pattern).dot_matches_new_line(true).build().map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        wrong(format!("invalid regular expression: {last}"))
    })
}
