//! The tokens of SQL as a database has it: expressions that it prints, statements that it keeps.

use std::borrow::Cow;

use crate::model::TableName;
use crate::sql::{Dialect, DialectName};

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// As it is written.
    pub text: &'a str,
    /// Its first byte in the statement.
    pub start: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or a keyword without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string.
    Literal,
    /// A number.
    Number,
    /// One character of anything else.
    Sign,
}

impl<'a> Token<'a> {
    /// The byte behind it.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// True for this keyword, in any case.
    pub fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// True for this character.
    pub fn is_sign(&self, sign: char) -> bool {
        self.kind == TokenKind::Sign && self.text.starts_with(sign)
    }

    /// The name that it is, without quotes. SQLite takes strings for names too.
    pub fn name(&self) -> Option<Cow<'a, str>> {
        match self.kind {
            TokenKind::Word => Some(self.text.into()),
            TokenKind::Quoted | TokenKind::Literal => Some(unquoted(self.text)),
            TokenKind::Number | TokenKind::Sign => None,
        }
    }
}

fn unquoted(text: &str) -> Cow<'_, str> {
    let Some((quote, inner)) = text.chars().next().zip(text.get(1..text.len().saturating_sub(1))) else {
        return text.into();
    };
    match quote {
        '[' => inner.into(),
        _ if inner.contains(quote) => {
            inner.replace(&String::from_iter([quote, quote]), &String::from(quote)).into()
        }
        _ => inner.into(),
    }
}

/// The tokens of `sql`, without space and comments. What is not closed goes to the end.
pub fn tokens<'a>(sql: &'a str, dialect: &Dialect) -> Vec<Token<'a>> {
    let brackets = dialect.name == DialectName::Sqlite;
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(first) = sql[start..].chars().next() {
        let (kind, length) = piece(&sql[start..], first, brackets);
        if let Some(kind) = kind {
            found.push(Token { kind, text: &sql[start..start + length], start });
        }
        start += length;
    }
    found
}

/// What stands at the start of `rest`, and its length in bytes; None for what is no token.
fn piece(rest: &str, first: char, brackets: bool) -> (Option<TokenKind>, usize) {
    use TokenKind as K;
    let second = rest[first.len_utf8()..].chars().next();
    match (first, second) {
        _ if first.is_whitespace() => (None, first.len_utf8()),
        ('-', Some('-')) => (None, rest.find('\n').unwrap_or(rest.len())),
        ('/', Some('*')) => (None, rest[2..].find("*/").map_or(rest.len(), |at| at + 4)),
        ('\'', _) => (Some(K::Literal), quoted(rest, '\'')),
        ('"', _) => (Some(K::Quoted), quoted(rest, '"')),
        ('`', _) if brackets => (Some(K::Quoted), quoted(rest, '`')),
        ('[', _) if brackets => (Some(K::Quoted), rest.find(']').map_or(rest.len(), |at| at + 1)),
        ('e' | 'E', Some('\'')) if !brackets => (Some(K::Literal), escaped(rest)),
        ('x' | 'X', Some('\'')) => (Some(K::Literal), 1 + quoted(&rest[1..], '\'')),
        _ if first.is_ascii_digit() => (Some(K::Number), number(rest)),
        _ if first.is_alphanumeric() || first == '_' => {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
            (Some(K::Word), end.unwrap_or(rest.len()))
        }
        _ => (Some(K::Sign), first.len_utf8()),
    }
}

fn number(rest: &str) -> usize {
    let mut before = ' ';
    let end = rest.find(|c: char| {
        let goes_on =
            c.is_ascii_alphanumeric() || c == '.' || (matches!(c, '+' | '-') && matches!(before, 'e' | 'E'));
        before = c;
        !goes_on
    });
    end.unwrap_or(rest.len())
}

/// Up to the closing quote; two quotes are one of the text.
fn quoted(rest: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(found) = rest[at..].find(quote) {
        at += found + 1;
        if !rest[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    rest.len()
}

/// `E'…'`, where a backslash takes the next character along.
fn escaped(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(2);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => drop(chars.next()),
            '\'' if !rest[at + 1..].starts_with('\'') => return at + 1,
            '\'' => drop(chars.next()),
            _ => {}
        }
    }
    rest.len()
}

/// An expression without the parentheses that go around the whole of it.
pub fn bare<'a>(expression: &'a str, dialect: &Dialect) -> &'a str {
    let mut inner = expression.trim();
    while let Some(within) = enclosed(inner, dialect) {
        inner = within.trim();
    }
    inner
}

fn enclosed<'a>(expression: &'a str, dialect: &Dialect) -> Option<&'a str> {
    let within = expression.strip_prefix('(')?.strip_suffix(')')?;
    let mut depth = 0_i32;
    for token in tokens(within, dialect) {
        depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
        if depth < 0 {
            return None;
        }
    }
    (depth == 0).then_some(within)
}

/// True when one of the expression's names is `name`.
pub fn mentions(expression: &str, name: &str, dialect: &Dialect) -> bool {
    let is_name = |token: &Token<'_>| {
        token.kind != TokenKind::Literal && token.name().is_some_and(|word| same_name(&word, name, dialect))
    };
    tokens(expression, dialect).iter().any(is_name)
}

/// True when one of the expression's columns is `name`.
pub fn names(expression: &str, name: &str, dialect: &Dialect) -> bool {
    let all = tokens(expression, dialect);
    (0..all.len()).any(|index| is_column(&all, index, name, dialect))
}

/// The expression with each name `from` as `to`.
pub fn renamed(expression: &str, from: &str, to: &str, dialect: &Dialect) -> String {
    let mut text = String::with_capacity(expression.len());
    let mut done = 0;
    let all = tokens(expression, dialect);
    for (index, token) in all.iter().enumerate() {
        if is_column(&all, index, from, dialect) {
            text.push_str(&expression[done..token.start]);
            text.push_str(&dialect.quoted(to));
            done = token.end();
        }
    }
    text.push_str(&expression[done..]);
    text
}

/// True where a token is this name, and not one of a function or a type.
fn is_column(all: &[Token<'_>], index: usize, name: &str, dialect: &Dialect) -> bool {
    let token = &all[index];
    let is_name =
        token.kind != TokenKind::Literal && token.name().is_some_and(|word| same_name(&word, name, dialect));
    let is_call = all.get(index + 1).is_some_and(|next| next.is_sign('('));
    let is_type = index > 0 && all[index - 1].is_sign(':');
    is_name && !is_call && !is_type
}

/// A name with its schema, as an expression has it.
pub fn qualified(name: &TableName, dialect: &Dialect) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", dialect.quoted(schema), dialect.quoted(&name.name)),
        None => dialect.quoted(&name.name),
    }
}

/// SQLite's names are the same in any case.
pub fn same_name(one: &str, other: &str, dialect: &Dialect) -> bool {
    match dialect.name {
        DialectName::Postgres => one == other,
        DialectName::Sqlite => one.eq_ignore_ascii_case(other),
    }
}

/// True when both are the same tokens: space, comments and the case of words aside. A name in quotes is the name.
pub fn same_tokens(one: &str, other: &str, dialect: &Dialect) -> bool {
    let (one, other) = (tokens(bare(one, dialect), dialect), tokens(bare(other, dialect), dialect));
    let same = |(one, other): (&Token<'_>, &Token<'_>)| match (one.kind, other.kind) {
        (TokenKind::Word | TokenKind::Quoted, TokenKind::Word | TokenKind::Quoted) => {
            one.name().zip(other.name()).is_some_and(|(one, other)| same_name(&one, &other, dialect))
        }
        (one_kind, other_kind) => one_kind == other_kind && one.text == other.text,
    };
    one.len() == other.len() && one.iter().zip(&other).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(sql: &'a str, dialect: &Dialect) -> Vec<&'a str> {
        tokens(sql, dialect).iter().map(|token| token.text).collect()
    }

    #[test]
    fn quotes_comments_and_numbers_are_one_piece() {
        let sqlite = "a /* ( */ \"b\"\"c\" [d e] `f` 'g''h' x'00' 1.5e-3-- end\n)";
        let expected = ["a", "\"b\"\"c\"", "[d e]", "`f`", "'g''h'", "x'00'", "1.5e-3", ")"];
        assert_eq!(texts(sqlite, &Dialect::SQLITE), expected);
        assert_eq!(texts("E'a\\'b' c[1]", &Dialect::POSTGRES), ["E'a\\'b'", "c", "[", "1", "]"]);
    }

    #[test]
    fn names_lose_their_quotes() {
        let names: Vec<_> = tokens("a \"b\"\"c\" [d e] `f`", &Dialect::SQLITE)
            .iter()
            .map(|token| token.name().unwrap().into_owned())
            .collect();
        assert_eq!(names, ["a", "b\"c", "d e", "f"]);
    }

    #[test]
    fn only_parentheses_around_the_whole_are_taken_off() {
        for (given, expected) in [
            ("((a > 0))", "a > 0"),
            ("(a) + (b)", "(a) + (b)"),
            ("('(')", "'('"),
            ("(a", "(a"),
            ("f(a)", "f(a)"),
        ] {
            assert_eq!(bare(given, &Dialect::SQLITE), expected);
        }
    }

    #[test]
    fn names_in_expressions_are_found_and_replaced() {
        let text = "lower(name) = 'name' AND name::name > \"name\"";
        assert!(mentions(text, "name", &Dialect::POSTGRES));
        assert!(!mentions("'name'", "name", &Dialect::POSTGRES));
        assert_eq!(
            renamed(text, "name", "New", &Dialect::POSTGRES),
            "lower(\"New\") = 'name' AND \"New\"::name > \"New\""
        );
    }

    #[test]
    fn spelling_makes_no_difference() {
        assert!(same_tokens("( a  >0 )", "\"a\" > 0 -- so", &Dialect::SQLITE));
        assert!(!same_tokens("a > 0", "a > 1", &Dialect::SQLITE));
        assert!(!same_tokens("'a'", "'A'", &Dialect::SQLITE));
    }
}
