//! EXCLUDE as PostgreSQL prints it, read part by part.

use super::token::{Token, TokenKind, bare, tokens};
use super::{IndexPart, IndexTerm, Timing};
use crate::sql::Dialect;

const POSTGRES: &Dialect = &Dialect::POSTGRES;

/// What the definition of an EXCLUDE says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) method: String,
    /// What is compared, and by which operator.
    pub(super) parts: Vec<(IndexPart, String)>,
    /// WHERE.
    pub(super) predicate: Option<String>,
    pub(super) timing: Timing,
}

impl Definition {
    /// None where it says more than there is a place for here: storage parameters, collations.
    pub(super) fn of(text: &str) -> Option<Self> {
        let all = tokens(text, POSTGRES);
        let mut left = all.as_slice();
        take(&mut left, "EXCLUDE")?;
        take(&mut left, "USING")?;
        let (method, others) = left.split_first()?;
        let method = method.name()?.into_owned();
        left = others;
        let parts = group(&mut left)?;
        let parts = split(parts, ',').into_iter().map(|part| part_of(text, part)).collect::<Option<_>>()?;
        let predicate = match take(&mut left, "WHERE") {
            Some(()) => Some(bare(slice(text, group(&mut left)?)?, POSTGRES).to_owned()),
            None => None,
        };
        let words: Vec<String> = left.iter().map(|token| token.text.to_ascii_uppercase()).collect();
        let timing = match words.join(" ").as_str() {
            "" => Timing::Immediate,
            "DEFERRABLE" => Timing::Deferrable,
            "DEFERRABLE INITIALLY DEFERRED" => Timing::Deferred,
            _ => return None,
        };
        Some(Self { method, parts, predicate, timing })
    }
}

/// `room WITH =`, `int4range(a, b) WITH &&`, `room gist_int4_ops WITH =`
fn part_of(text: &str, part: &[Token<'_>]) -> Option<(IndexPart, String)> {
    let at = part.iter().rposition(|token| token.is("WITH"))?;
    let (mut left, operator) = (&part[..at], slice(text, &part[at + 1..])?.to_owned());
    let start = left.first()?;
    let term = match left {
        [_, sign, ..] if start.kind == TokenKind::Word && sign.is_sign('(') => {
            left = &left[1..];
            let end = group_end(left)?;
            let whole = &text[start.start..left[end].end()];
            left = &left[end + 1..];
            IndexTerm::Expression(whole.to_owned())
        }
        _ if start.is_sign('(') => {
            IndexTerm::Expression(bare(slice(text, group(&mut left)?)?, POSTGRES).to_owned())
        }
        _ => {
            left = &left[1..];
            IndexTerm::Column(start.name()?.into_owned())
        }
    };
    let class = match left {
        [] => None,
        [class] => Some(class.name()?.into_owned()),
        _ => return None,
    };
    Some((IndexPart { term, collation: None, class, descending: false, nulls_first: false }, operator))
}

fn take(left: &mut &[Token<'_>], word: &str) -> Option<()> {
    let (first, others) = left.split_first()?;
    first.is(word).then(|| *left = others)
}

/// What is in the parentheses that come next.
fn group<'a, 't>(left: &mut &'a [Token<'t>]) -> Option<&'a [Token<'t>]> {
    let end = group_end(left)?;
    let inside = &left[1..end];
    *left = &left[end + 1..];
    Some(inside)
}

/// The place of the parenthesis that closes the first one.
fn group_end(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_i32;
    tokens.iter().position(|token| {
        depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
        depth == 0
    })
}

/// Parts between signs that are in no parentheses.
fn split<'a, 't>(tokens: &'a [Token<'t>], sign: char) -> Vec<&'a [Token<'t>]> {
    let mut depth = 0_i32;
    tokens
        .split(|token| {
            depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
            depth == 0 && token.is_sign(sign)
        })
        .collect()
}

fn slice<'a>(text: &'a str, tokens: &[Token<'_>]) -> Option<&'a str> {
    Some(&text[tokens.first()?.start..tokens.last()?.end()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definition_is_read_part_by_part() {
        let text = "EXCLUDE USING gist (room gist_int4_ops WITH =, int4range(a, b) WITH &&, ((a + b)) WITH OPERATOR(x.=)) \
                    WHERE ((room > 0)) DEFERRABLE INITIALLY DEFERRED";
        let read = Definition::of(text).unwrap();
        assert_eq!((&*read.method, read.predicate.as_deref()), ("gist", Some("room > 0")));
        assert_eq!(read.timing, Timing::Deferred);
        let said: Vec<_> =
            read.parts.iter().map(|(part, by)| (part.term.clone(), part.class.as_deref(), &**by)).collect();
        assert_eq!(said[0], (IndexTerm::Column("room".into()), Some("gist_int4_ops"), "="));
        assert_eq!(said[1], (IndexTerm::Expression("int4range(a, b)".into()), None, "&&"));
        assert_eq!(said[2], (IndexTerm::Expression("a + b".into()), None, "OPERATOR(x.=)"));
        assert_eq!(Definition::of("EXCLUDE USING gist (c WITH =) WITH (fillfactor='70')"), None);
    }
}
