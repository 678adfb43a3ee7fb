//! A connection URL as a list of parameters.

use std::borrow::Cow;

use ormkit_core::error::{Error, Result};
use percent_encoding::percent_decode_str;

/// The parts of `url` as libpq's parameters, decoded; later ones override earlier ones.
///
/// # Errors
/// They name the part, and never its text: it could be the password, or a piece of it that was not encoded.
pub(super) fn parse(url: &str) -> Result<Vec<(String, String)>> {
    let rest = without_scheme(url)?;
    let mut given = Vec::new();
    let rest = match rest.find(['@', '/']).map(|end| (&rest[..end], &rest[end..])) {
        Some((credentials, rest)) if rest.starts_with('@') => {
            if credentials.contains('?') {
                return Err(stray_at());
            }
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            push(&mut given, "user", user)?;
            push(&mut given, "password", password)?;
            &rest[1..]
        }
        _ => rest,
    };
    if rest.contains('@') {
        return Err(stray_at());
    }
    let rest = parse_hosts(&mut given, rest)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    push(&mut given, "dbname", path.get(1..).unwrap_or_default())?;
    parse_query(&mut given, query)?;
    Ok(given)
}

fn parse_query(given: &mut Vec<(String, String)>, query: &str) -> Result<()> {
    // One `&` may end the last parameter.
    let query = query.strip_suffix('&').filter(|query| !query.is_empty()).unwrap_or(query);
    for parameter in query.split('&').filter(|_| !query.is_empty()) {
        let (name, value) =
            parameter.split_once('=').filter(|(_, value)| !value.contains('=')).ok_or_else(|| {
                Error::interface("a parameter in the database URL is not written as name=value")
            })?;
        let name = decode("parameter", name)?.into_owned();
        let value = decode(if name.is_ascii() { &name } else { "parameter" }, value)?.into_owned();
        // What JDBC's URLs say, and libpq understands.
        match (&*name, &*value) {
            ("ssl", "true") => given.push(("sslmode".into(), "require".into())),
            _ => given.push((name, value)),
        }
    }
    Ok(())
}

/// An `@` that does not end user and password may stand inside a password that was not encoded, and what would be taken
/// for host, database or parameters be a piece of it: nothing of the URL is shown.
fn stray_at() -> Error {
    Error::interface(
        "the user or the password in the database URL is not percent-encoded, or an `@` stands behind the host: \
         write `@` as %40, `/` as %2F, `?` as %3F and `:` as %3A",
    )
}

fn without_scheme(url: &str) -> Result<&str> {
    let scheme = url.split_once("://").filter(|(scheme, _)| {
        let name = scheme.split_once('+').map_or(*scheme, |(name, _)| name);
        matches!(name, "postgresql" | "postgres")
    });
    scheme.map(|(_, rest)| rest).ok_or_else(|| Error::interface("a database URL begins with postgresql://"))
}

/// Hosts with their ports, separated by commas, and what comes behind them.
fn parse_hosts<'a>(given: &mut Vec<(String, String)>, mut rest: &'a str) -> Result<&'a str> {
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    loop {
        let name;
        (name, rest) = split_name(rest)?;
        names.push(name);
        let (port, behind) = match rest.strip_prefix(':') {
            Some(port) => split_at(port, &['/', '?', ',']),
            None => ("", rest),
        };
        ports.push(port);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None => {
                push(given, "host", &names.join(","))?;
                push(given, "port", &ports.join(","))?;
                return Ok(behind);
            }
        }
    }
}

/// A host's name, in brackets where it is an IPv6 address.
fn split_name(text: &str) -> Result<(&str, &str)> {
    const ENDS: [char; 4] = [':', '/', '?', ','];
    let Some(address) = text.strip_prefix('[') else { return Ok(split_at(text, &ENDS)) };
    let split = address.split_once(']').filter(|(name, _)| !name.is_empty());
    split
        .filter(|(_, rest)| rest.is_empty() || rest.starts_with(ENDS))
        .ok_or_else(|| Error::interface("the IPv6 host in the database URL is not written as [address]:port"))
}

fn split_at<'a>(text: &'a str, ends: &[char]) -> (&'a str, &'a str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

fn push(given: &mut Vec<(String, String)>, name: &str, text: &str) -> Result<()> {
    if !text.is_empty() {
        given.push((name.into(), decode(name, text)?.into_owned()));
    }
    Ok(())
}

/// Percent-decoding as libpq does it: spaces around are dropped; a `%` without two digits, a NUL and a space within are
/// errors.
fn decode<'a>(part: &str, text: &'a str) -> Result<Cow<'a, str>> {
    let text = text.trim_matches(' ');
    if text.contains(' ') {
        return Err(Error::interface(format!(
            "the {} in the database URL holds a space: write it as %20",
            part.escape_debug()
        )));
    }
    let bytes = text.as_bytes();
    let mut marks = memchr::memchr_iter(b'%', bytes);
    let encoded = marks.all(|at| {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit) && digits != b"00"
    });
    let decoded = percent_decode_str(text).decode_utf8().ok().filter(|_| encoded);
    decoded.ok_or_else(|| {
        Error::interface(format!(
            "the {} in the database URL is not percent-encoded UTF-8",
            part.escape_debug()
        ))
    })
}
