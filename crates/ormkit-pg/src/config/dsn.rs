//! A keyword/value text (PostgreSQL manual, section 34.1.1.1) as a list of parameters.

use ormkit_core::error::{Error, Result};

/// The parameters of `name = value …`, in their order.
///
/// A value stands in single quotes where it is empty or holds spaces; a backslash takes the next character as it is.
///
/// # Errors
/// A name without `=`, a quote that is not closed. Values are never quoted in the text: one could be the password.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let mut given = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = rest.find(|c| c == '=' || is_space(c)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let value = behind.trim_start_matches(is_space).strip_prefix('=').ok_or_else(|| {
            Error::interface(
                "a word in the connection text is not followed by `=`: values with spaces are quoted",
            )
        })?;
        let value = value.trim_start_matches(is_space);
        let (value, behind) = match value.strip_prefix('\'') {
            Some(quoted) => take(quoted, |c| c == '\'')
                .ok_or_else(|| Error::interface("a quote in the connection text is not closed"))?,
            None => take(value, is_space).unwrap_or_else(|| (unescape(value), "")),
        };
        given.push((name.to_owned(), value));
        rest = behind.trim_start_matches(is_space);
    }
    Ok(given)
}

/// The text up to an end that no backslash protects, and what comes behind it; None without an end.
fn take(text: &str, is_end: impl Fn(char) -> bool) -> Option<(String, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if is_end(c) => return Some((unescape(&text[..at]), &text[at + c.len_utf8()..])),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    plain
}

/// What C's `isspace` calls a space.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    #[test]
    fn values_are_unquoted_and_unescaped() {
        let given = pairs("host=h  port = 5433 password='it\\'s \\\\ me' dbname=a\\ b user=''");
        let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (&**name, &**value)).collect();
        let wanted =
            [("host", "h"), ("port", "5433"), ("password", "it's \\ me"), ("dbname", "a b"), ("user", "")];
        assert_eq!(given, wanted);
    }

    #[test]
    fn malformed_texts_are_refused_without_showing_a_value() {
        for text in ["host", "host h", "password='s3cret", "password=a s3cret", "password='s3cret\\'"] {
            let error = parse(text).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
