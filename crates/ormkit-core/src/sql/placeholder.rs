//! `:name` placeholders in SQL of the caller's own.

use super::scan::opaque;
use super::{Dialect, Placeholder};

/// Rewrites `:name` to the dialect's placeholders and answers the names in the order of the values to bind.
///
/// Quoted text, quoted identifiers, comments, dollar-quoted text and casts (`::`) are left alone. A name that occurs
/// twice is bound once where placeholders are numbered.
pub fn named(sql: &str, dialect: &Dialect) -> (String, Vec<String>) {
    let mut out = String::with_capacity(sql.len());
    let mut names: Vec<String> = Vec::new();
    let (pieces, found) = pieces(sql);
    for (index, piece) in pieces.into_iter().enumerate() {
        out.push_str(piece);
        let Some(name) = found.get(index).copied() else { continue };
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

/// The text around the `:name` placeholders, and the names between: one less than pieces of text.
pub fn pieces(sql: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut pieces, mut names) = (Vec::new(), Vec::new());
    let (mut start, mut at) = (0, 0);
    while at < sql.len() {
        let rest = &sql[at..];
        let name = name_of(rest);
        match opaque(rest) {
            0 if name.is_empty() => at += rest.chars().next().map_or(rest.len(), char::len_utf8),
            0 => {
                pieces.push(&sql[start..at]);
                names.push(name);
                at += 1 + name.len();
                start = at;
            }
            length => at += length,
        }
    }
    pieces.push(&sql[start..]);
    (pieces, names)
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
            "E'it\\'s :x'",
            "e'\\\\' || E'\\' :x'",
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
