//! A statement, read token by token.

use std::rc::Rc;

use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::schema::token::{Token, tokens};
use ormkit_core::sql::Dialect;

/// Where the reading stands.
pub(super) struct Cursor<'a> {
    sql: &'a str,
    tokens: Rc<[Token<'a>]>,
    at: usize,
    /// One past the last token that belongs to it.
    end: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        let tokens: Rc<[_]> = tokens(sql, &Dialect::SQLITE).into();
        let end = tokens.len();
        Self { sql, tokens, at: 0, end }
    }

    pub(super) fn peek(&self) -> Option<Token<'a>> {
        self.tokens[..self.end].get(self.at).copied()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    pub(super) fn skip(&mut self) {
        self.at += 1;
    }

    /// Takes `words` when they stand here, and nothing otherwise.
    pub(super) fn take(&mut self, words: &str) -> bool {
        let count = words.split(' ').count();
        let here = self.tokens[self.at..self.end].get(..count);
        let found =
            here.is_some_and(|here| here.iter().zip(words.split(' ')).all(|(token, word)| token.is(word)));
        self.at += if found { count } else { 0 };
        found
    }

    pub(super) fn take_sign(&mut self, sign: char) -> bool {
        let found = self.peek().is_some_and(|token| token.is_sign(sign));
        self.at += usize::from(found);
        found
    }

    /// Takes one word of any kind, in capitals.
    pub(super) fn word(&mut self) -> Result<String> {
        let word = self.name()?;
        Ok(word.to_ascii_uppercase())
    }

    /// Takes a name.
    pub(super) fn name(&mut self) -> Result<String> {
        let name = self.peek().and_then(|token| token.name());
        let name = name.ok_or_else(|| self.unreadable("a name"))?.into_owned();
        self.skip();
        Ok(name)
    }

    /// Takes what stands between parentheses.
    pub(super) fn enclosed(&mut self) -> Result<&'a str> {
        let (from, to) = self.parentheses()?;
        Ok(self.sql[self.tokens[from].end()..self.tokens[to].start].trim())
    }

    /// Takes a list in parentheses and reads each of its items by a cursor of its own.
    pub(super) fn items(&mut self, mut each: impl FnMut(&mut Cursor<'a>) -> Result<()>) -> Result<()> {
        let (from, to) = self.parentheses()?;
        let mut start = from + 1;
        let mut depth = 0_i32;
        for at in from + 1..=to {
            let token = self.tokens[at];
            if at == to || (depth == 0 && token.is_sign(',')) {
                let mut item = Cursor { sql: self.sql, tokens: Rc::clone(&self.tokens), at: start, end: at };
                each(&mut item)?;
                start = at + 1;
            }
            depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
        }
        Ok(())
    }

    /// The text from here up to the token at which `stop` says so, outside of parentheses.
    pub(super) fn until(&mut self, stop: impl Fn(&Token<'a>) -> bool) -> &'a str {
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

    pub(super) fn unreadable(&self, expected: &str) -> Error {
        let found = self.peek().map_or("the end", |token| token.text);
        let problem = format!("expected {expected}, found {found} in the definition");
        Error::new(ErrorKind::Protocol(problem)).in_statement(self.sql)
    }
}
