//! The words of a statement, one after the other.

use std::borrow::Cow;

use crate::schema::token::{Token, TokenKind, tokens};
use crate::sql::Dialect;

/// A place in a statement.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(statement: &'a str, dialect: &Dialect) -> Self {
        Self { tokens: tokens(statement, dialect), at: 0 }
    }

    /// Goes behind these words, where they are next.
    pub(super) fn take(&mut self, words: &str) -> bool {
        let mut at = self.at;
        for word in words.split(' ') {
            if !self.tokens.get(at).is_some_and(|token| token.is(word)) {
                return false;
            }
            at += 1;
        }
        self.at = at;
        true
    }

    /// True where these words are anywhere in the rest, one behind the other.
    pub(super) fn has(&self, words: &str) -> bool {
        (self.at..self.tokens.len()).any(|at| Self { tokens: self.tokens.clone(), at }.take(words))
    }

    /// Goes behind a character, where it is next.
    pub(super) fn take_sign(&mut self, sign: char) -> bool {
        let is_next = self.tokens.get(self.at).is_some_and(|token| token.is_sign(sign));
        self.at += usize::from(is_next);
        is_next
    }

    /// A name, as it is stored: its last part, where it has a schema.
    pub(super) fn name(&mut self) -> Option<String> {
        let mut name = self.part()?;
        while self.take_sign('.') {
            name = self.part()?;
        }
        Some(name)
    }

    fn part(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at)?;
        let name: Cow<'a, str> = token.name()?;
        self.at += 1;
        Some(match token.kind {
            TokenKind::Word => name.to_lowercase(),
            _ => name.into_owned(),
        })
    }

    /// The rest in pieces, at the commas that stand in no parentheses.
    pub(super) fn pieces(&self) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut piece = Vec::new();
        let mut depth = 0_i32;
        for token in &self.tokens[self.at..] {
            depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
            if depth == 0 && token.is_sign(',') {
                pieces.push(Self { tokens: std::mem::take(&mut piece), at: 0 });
            } else {
                piece.push(*token);
            }
        }
        pieces.push(Self { tokens: piece, at: 0 });
        pieces
    }

    /// The words of the rest that stand in no parentheses.
    pub(super) fn outside(&self) -> Self {
        let mut depth = 0_i32;
        let mut tokens = Vec::new();
        for token in &self.tokens[self.at..] {
            depth -= i32::from(token.is_sign(')'));
            if depth == 0 {
                tokens.push(*token);
            }
            depth += i32::from(token.is_sign('('));
        }
        Self { tokens, at: 0 }
    }

    /// True before the word that a statement begins with, and at the end.
    pub(super) fn at_statement(&self) -> bool {
        let begin = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "REPLACE", "TABLE"];
        self.tokens
            .get(self.at)
            .is_none_or(|token| token.is_sign('(') || begin.iter().any(|word| token.is(word)))
    }

    /// Goes behind what stands in parentheses next; the words in them.
    pub(super) fn group(&mut self) -> Option<Self> {
        if !self.tokens.get(self.at)?.is_sign('(') {
            return None;
        }
        let mut depth = 0_i32;
        let length = self.tokens[self.at..].iter().position(|token| {
            depth += i32::from(token.is_sign('(')) - i32::from(token.is_sign(')'));
            depth == 0
        })?;
        let tokens = self.tokens[self.at + 1..self.at + length].to_vec();
        self.at += length + 1;
        Some(Self { tokens, at: 0 })
    }

    /// The rest's words that are called as functions, in lower case.
    pub(super) fn calls(&self) -> Vec<String> {
        self.tokens[self.at..]
            .windows(2)
            .filter(|pair| pair[1].is_sign('(') && pair[0].kind == TokenKind::Word)
            .map(|pair| pair[0].text.to_lowercase())
            .collect()
    }

    /// The next token's text.
    pub(super) fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).map(|token| token.text)
    }

    /// Goes one token on.
    pub(super) fn skip(&mut self) {
        self.at += 1;
    }

    /// Goes behind the first of these words in the rest.
    pub(super) fn skip_to(&mut self, words: &str) -> bool {
        let found = (self.at..self.tokens.len()).find_map(|at| {
            let mut there = Self { tokens: self.tokens.clone(), at };
            there.take(words).then_some(there.at)
        });
        self.at = found.unwrap_or(self.at);
        found.is_some()
    }
}
