//! `:name` placeholders in SQL of the caller's own.

use super::{Dialect, Placeholder};

/// Rewrites `:name` to the dialect's placeholders and answers the names in the order of the values to bind.
///
/// Quoted text, quoted identifiers, comments, dollar-quoted text and casts (`::`) are left alone. A name that occurs
/// twice is bound once where placeholders are numbered.
pub fn named(sql: &str, dialect: &Dialect) -> (String, Vec<String>) {
    let mut out = String::with_capacity(sql.len());
    let mut names: Vec<String> = Vec::new();
    let mut rest = sql;
    while !rest.is_empty() {
        let opaque = opaque(rest);
        if opaque > 0 {
            out.push_str(&rest[..opaque]);
            rest = &rest[opaque..];
            continue;
        }
        let name = name_of(rest);
        if name.is_empty() {
            let next = rest.chars().next().map_or(rest.len(), char::len_utf8);
            out.push_str(&rest[..next]);
            rest = &rest[next..];
            continue;
        }
        rest = &rest[1 + name.len()..];
        match dialect.placeholder {
            Placeholder::Question => {
                names.push(name.to_owned());
                out.push('?');
            }
            Placeholder::Numbered => {
                let at = names.iter().position(|known| known == name).unwrap_or_else(|| {
                    names.push(name.to_owned());
                    names.len() - 1
                });
                out.push('$');
                out.push_str(&(at + 1).to_string());
            }
        }
    }
    (out, names)
}

/// The name behind a colon at the start of `rest`; empty where there is none.
fn name_of(rest: &str) -> &str {
    let Some(after) = rest.strip_prefix(':') else { return "" };
    if !after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return "";
    }
    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
    &after[..end]
}

/// Length of what stands at the start of `rest` and holds no placeholder; 0 where something may.
fn opaque(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    match bytes[0] {
        quote @ (b'\'' | b'"') => quoted(bytes, quote),
        b'-' if bytes.get(1) == Some(&b'-') => rest.find('\n').unwrap_or(rest.len()),
        b'/' if bytes.get(1) == Some(&b'*') => block_comment(bytes),
        b':' if bytes.get(1) == Some(&b':') => 2,
        b'$' => dollar_quoted(rest),
        byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
        }
        _ => 0,
    }
}

/// Up to the closing quote; a doubled quote is two runs.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    bytes[1..].iter().position(|byte| *byte == quote).map_or(bytes.len(), |at| at + 2)
}

/// Block comments nest (SQL:2016 part 2, section 5.2).
fn block_comment(bytes: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// `$tag$ … $tag$`.
fn dollar_quoted(rest: &str) -> usize {
    let Some(end) = rest[1..].find('$') else { return 1 };
    let tag = &rest[..end + 2];
    let inner = &tag[1..tag.len() - 1];
    if inner.starts_with(|c: char| c.is_ascii_digit())
        || inner.contains(|c: char| !c.is_alphanumeric() && c != '_')
    {
        return 1;
    }
    rest[tag.len()..].find(tag).map_or(rest.len(), |at| tag.len() + at + tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_bound_once_where_placeholders_are_numbered() {
        let (sql, names) = named("a = :x AND b = :y OR c = :x", &Dialect::POSTGRES);
        assert_eq!((sql.as_str(), names.join(",").as_str()), ("a = $1 AND b = $2 OR c = $1", "x,y"));
        let (sql, names) = named("a = :x AND b = :x", &Dialect::SQLITE);
        assert_eq!((sql.as_str(), names.join(",").as_str()), ("a = ? AND b = ?", "x,x"));
    }

    #[test]
    fn what_only_looks_like_a_name_is_left_alone() {
        for sql in [
            "':x'",
            "\":x\"",
            "a::text",
            "-- :x\n",
            "/* :x /* :y */ */",
            "$$ :x $$",
            "$t$ :x $t$",
            "a[1:2]",
            "'it''s :x'",
        ] {
            assert_eq!(named(sql, &Dialect::POSTGRES), (sql.to_owned(), vec![]), "{sql}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_through(sql in "\\PC{0,60}") {
            let (out, names) = named(&sql, &Dialect::SQLITE);
            prop_assert_eq!(out.matches('?').count(), sql.matches('?').count() + names.len());
        }
    }
}
