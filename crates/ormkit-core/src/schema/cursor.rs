//! A statement, read token by token.

use std::rc::Rc;

use super::token::{Token, TokenKind, tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::sql::{Dialect, DialectName};

/// Where the reading stands.
#[derive(Clone)]
pub struct Cursor<'a> {
    sql: &'a str,
    dialect: &'static Dialect,
    tokens: Rc<[Token<'a>]>,
    at: usize,
    /// One past the last token that belongs to it.
    end: usize,
}

impl<'a> Cursor<'a> {
    /// At its beginning.
    pub fn new(sql: &'a str, dialect: &'static Dialect) -> Self {
        let tokens: Rc<[_]> = tokens(sql, dialect).into();
        let end = tokens.len();
        Self { sql, dialect, tokens, at: 0, end }
    }

    /// The next token.
    pub fn peek(&self) -> Option<Token<'a>> {
        self.tokens[..self.end].get(self.at).copied()
    }

    /// True when nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    /// Goes behind the next token.
    pub fn skip(&mut self) {
        self.at += 1;
    }

    /// Takes `words` when they stand here, and nothing otherwise.
    pub fn take(&mut self, words: &str) -> bool {
        let count = words.split(' ').count();
        let here = self.tokens[self.at..self.end].get(..count);
        let found =
            here.is_some_and(|here| here.iter().zip(words.split(' ')).all(|(token, word)| token.is(word)));
        self.at += if found { count } else { 0 };
        found
    }

    /// Takes a character when it stands here.
    pub fn take_sign(&mut self, sign: char) -> bool {
        let found = self.peek().is_some_and(|token| token.is_sign(sign));
        self.at += usize::from(found);
        found
    }

    /// Takes one word of any kind, in capitals.
    pub fn word(&mut self) -> Result<String> {
        let word = self.name()?;
        Ok(word.to_ascii_uppercase())
    }

    /// Takes a name, as the database stores it: PostgreSQL one without quotes in lower case.
    pub fn name(&mut self) -> Result<String> {
        let is_name = |token: &Token<'_>| match self.dialect.name {
            DialectName::Postgres => token.kind != TokenKind::Literal,
            DialectName::Sqlite => true,
        };
        let token = self.peek().filter(is_name);
        let name = token.and_then(|token| token.name()).ok_or_else(|| self.unreadable("a name"))?;
        let folds = self.dialect.name == DialectName::Postgres
            && token.is_some_and(|token| token.kind == TokenKind::Word);
        self.skip();
        Ok(if folds { name.to_lowercase() } else { name.into_owned() })
    }

    /// What is left, at the commas outside of parentheses.
    pub fn pieces(&self) -> Vec<Self> {
        self.split(self.at, self.end)
    }

    /// Takes what stands between parentheses.
    pub fn enclosed(&mut self) -> Result<&'a str> {
        let (from, to) = self.parentheses()?;
        Ok(self.sql[self.tokens[from].end()..self.tokens[to].start].trim())
    }

    /// Takes a list in parentheses and reads each of its items by a cursor of its own.
    pub fn items(&mut self, mut each: impl FnMut(&mut Cursor<'a>) -> Result<()>) -> Result<()> {
        let (from, to) = self.parentheses()?;
        self.split(from + 1, to).iter_mut().try_for_each(&mut each)
    }

    fn split(&self, from: usize, to: usize) -> Vec<Self> {
        let piece = |at, end| Self { tokens: Rc::clone(&self.tokens), at, end, ..*self };
        let (mut pieces, mut start, mut depth) = (Vec::new(), from, 0_i32);
        for at in from..to {
            let token = self.tokens[at];
            if depth == 0 && token.is_sign(',') {
                pieces.push(piece(start, at));
                start = at + 1;
            }
            depth += i32::from(token.is_sign('(') || token.is_sign('['))
                - i32::from(token.is_sign(')') || token.is_sign(']'));
        }
        pieces.push(piece(start, to));
        pieces
    }

    /// The text from here up to the token at which `stop` says so, outside of parentheses.
    pub fn until(&mut self, mut stop: impl FnMut(&Token<'a>) -> bool) -> &'a str {
        let from = self.at;
        let mut depth = 0_i32;
        while let Some(token) = self.peek() {
            if depth == 0 && self.at > from && stop(&token) {
                break;
            }
            depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
            self.skip();
        }
        match self.tokens[..self.end].get(from).zip(self.tokens[..self.at].last()) {
            Some((first, last)) if self.at > from => &self.sql[first.start..last.end()],
            _ => "",
        }
    }

    /// Takes a group in parentheses: the places of the two.
    fn parentheses(&mut self) -> Result<(usize, usize)> {
        let from = self.at;
        if !self.take_sign('(') {
            return Err(self.unreadable("an opening parenthesis"));
        }
        let mut depth = 1;
        while let Some(token) = self.peek() {
            depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
            self.skip();
            if depth == 0 {
                return Ok((from, self.at - 1));
            }
        }
        Err(self.unreadable("a closing parenthesis"))
    }

    /// The error of what stands here instead of `expected`.
    pub fn unreadable(&self, expected: &str) -> Error {
        let found = self.peek().map_or("the end", |token| token.text);
        let problem = format!("expected {expected}, found {found} in the definition");
        Error::new(ErrorKind::Protocol(problem)).in_statement(self.sql)
    }
}
