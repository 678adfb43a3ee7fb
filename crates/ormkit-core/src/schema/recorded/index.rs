//! Indexes.

use super::super::cursor::Cursor;
use super::super::token::{Token, TokenKind, bare, tokens};
use super::super::{Index, IndexPart, IndexTerm, Operation, Part};
use super::{POSTGRES, Recorded, constraint};
use crate::error::{Error, Result};
use crate::model::TableName;

impl Recorded {
    /// Behind CREATE INDEX.
    pub(super) fn create_index(&mut self, cursor: &mut Cursor<'_>, unique: bool) -> Result<()> {
        cursor.take("CONCURRENTLY");
        let if_not_exists = cursor.take("IF NOT EXISTS");
        let name = match cursor.peek().is_some_and(|token| token.is("ON")) {
            true => String::new(),
            false => cursor.name()?,
        };
        if !cursor.take("ON") {
            return Err(cursor.unreadable("ON"));
        }
        cursor.take("ONLY");
        let table = self.place(cursor)?;
        let Some(known) = self.known(&table, false)? else { return Ok(()) };
        if known.indexes.iter().any(|index| index.name == name) {
            let taken = || Error::invalid_request(format!("there is an index `{name}` already"));
            return if if_not_exists { Ok(()) } else { Err(taken()) };
        }
        let method = if cursor.take("USING") { Some(cursor.name()?) } else { None };
        let mut parts = Vec::new();
        cursor.items(|item| {
            parts.push(part(item)?);
            Ok(())
        })?;
        let include = if cursor.take("INCLUDE") { constraint::columns(cursor)? } else { Vec::new() };
        let nulls_not_distinct = constraint::nulls_not_distinct(cursor);
        let mut storage = Vec::new();
        if cursor.take("WITH") {
            cursor.items(|item| {
                let said = tokens(item.until(|_| false), POSTGRES);
                storage.push(said.iter().map(|token| token.text.trim_matches('\'')).collect::<String>());
                Ok(())
            })?;
        }
        if cursor.take("TABLESPACE") {
            cursor.skip();
        }
        let predicate = cursor.take("WHERE").then(|| bare(cursor.until(|_| false), POSTGRES).to_owned());
        let method = method.filter(|method| method != "btree");
        let index = Index { name, unique, parts, include, method, predicate, nulls_not_distinct, storage };
        self.add(&table, Part::Index(index));
        Ok(())
    }

    /// Behind DROP INDEX.
    pub(super) fn drop_index(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        cursor.take("CONCURRENTLY");
        let if_exists = cursor.take("IF EXISTS");
        for mut item in cursor.pieces() {
            let name = self.place(&mut item)?;
            match self.index(&name) {
                Some((table, index)) => self.apply(&Operation::Drop { table, part: Part::Index(index) }),
                None if if_exists || !self.others.is_empty() => {}
                None => return Err(Error::invalid_request(format!("there is no index `{name}`"))),
            }
        }
        Ok(())
    }

    /// The index of a name, and its table.
    pub(super) fn index(&self, name: &TableName) -> Option<(TableName, Index)> {
        self.catalog.tables.iter().filter(|table| table.name.schema == name.schema).find_map(|table| {
            let found = table.indexes.iter().find(|index| index.name == name.name);
            found.map(|index| (table.name.clone(), index.clone()))
        })
    }
}

fn part(item: &mut Cursor<'_>) -> Result<IndexPart> {
    let is_call = {
        let mut ahead = item.clone();
        ahead.skip();
        ahead.peek().is_some_and(|token| token.is_sign('(') || token.is_sign('.'))
    };
    let is_name = item.peek().is_some_and(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted));
    let term = if item.peek().is_some_and(|token| token.is_sign('(')) {
        IndexTerm::Expression(bare(item.enclosed()?, POSTGRES).to_owned())
    } else if is_name && !is_call {
        IndexTerm::Column(item.name()?)
    } else {
        // A call of a function needs no parentheses around it.
        let mut called = false;
        let ends = |token: &Token<'_>| token.kind == TokenKind::Word;
        let text = item.until(|token| {
            called |= token.is_sign('(');
            called && ends(token)
        });
        IndexTerm::Expression(bare(text, POSTGRES).to_owned())
    };
    let collation = if item.take("COLLATE") { Some(item.name()?) } else { None };
    let mut class = None;
    let (mut descending, mut nulls_first) = (false, None);
    while !item.is_at_end() {
        if item.take("ASC") {
            descending = false;
        } else if item.take("DESC") {
            descending = true;
        } else if item.take("NULLS FIRST") {
            nulls_first = Some(true);
        } else if item.take("NULLS LAST") {
            nulls_first = Some(false);
        } else {
            class = Some(item.name()?);
        }
    }
    let nulls_first = nulls_first.unwrap_or(descending);
    Ok(IndexPart { term, collation, class, descending, nulls_first })
}
