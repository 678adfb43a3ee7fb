//! Which statements make, change and drop what a schema holds, and which do not.

use super::super::cursor::Cursor;
use super::super::token::{Token, TokenKind};
use super::super::{Change, Enum, NamedSequence, Operation, Table};
use super::{POSTGRES, Recorded, naming};
use crate::error::{Error, Result};
use crate::model::TableName;

/// They are about rows, rights, or the session.
const PASSED_OVER: [&str; 38] = [
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "TRUNCATE",
    "COPY",
    "VALUES",
    "TABLE",
    "EXPLAIN",
    "ANALYZE",
    "ANALYSE",
    "VACUUM",
    "REINDEX",
    "CLUSTER",
    "REFRESH",
    "GRANT",
    "REVOKE",
    "RESET",
    "SHOW",
    "BEGIN",
    "START",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
    "LOCK",
    "NOTIFY",
    "LISTEN",
    "UNLISTEN",
    "CHECKPOINT",
    "SECURITY",
    "REASSIGN",
    "LOAD",
    "IMPORT",
    "DISCARD",
    "DEALLOCATE",
];

/// Neither has rows of a table that models could have.
const RELATIONS: [&str; 5] = ["VIEW", "MATERIALIZED VIEW", "RECURSIVE VIEW", "FOREIGN TABLE", "SEQUENCE"];

/// What is no part of a table.
const OBJECTS: [&str; 29] = [
    "TRIGGER",
    "CONSTRAINT TRIGGER",
    "EVENT TRIGGER",
    "FUNCTION",
    "PROCEDURE",
    "ROUTINE",
    "EXTENSION",
    "RULE",
    "POLICY",
    "ROLE",
    "USER",
    "GROUP",
    "DOMAIN",
    "AGGREGATE",
    "OPERATOR",
    "COLLATION",
    "CONVERSION",
    "CAST",
    "TRANSFORM",
    "PUBLICATION",
    "SUBSCRIPTION",
    "STATISTICS",
    "SERVER",
    "LANGUAGE",
    "TEXT",
    "DATABASE",
    "TABLESPACE",
    "ACCESS",
    "DEFAULT",
];

impl Recorded {
    pub(super) fn statement(&mut self, sql: &str) -> Result<()> {
        let cursor = &mut Cursor::new(sql, POSTGRES);
        if cursor.is_at_end() || PASSED_OVER.iter().any(|word| cursor.take(word)) {
            return Ok(());
        }
        if cursor.take("CREATE") {
            return self.create(cursor);
        }
        if cursor.take("ALTER") {
            return self.alter(cursor);
        }
        if cursor.take("DROP") {
            return self.drop(cursor);
        }
        if cursor.take("COMMENT ON") {
            return self.comment(cursor);
        }
        if cursor.take("SET") {
            return set(cursor);
        }
        if cursor.take("SELECT") || cursor.take("WITH") {
            // A dump empties the path, and names every schema.
            let spaceless: String = sql.to_ascii_lowercase().split_whitespace().collect();
            let moves_path = has(sql, "set_config") && spaceless.contains("'search_path',");
            if moves_path && !spaceless.contains("'search_path','',") {
                return Err(moved_path());
            }
            cursor.until(|token| token.is("INTO"));
            // An INSERT in a WITH has the word, too, behind its own.
            let makes_table = cursor.take("INTO") && !has(sql, "INSERT") && !has(sql, "MERGE");
            let text = "SELECT INTO makes a table of columns that are not said";
            return if makes_table { Err(Error::invalid_request(text)) } else { Ok(()) };
        }
        let word = cursor.peek().map_or("", |token| token.text).to_uppercase();
        Err(Error::invalid_request(format!("what {word} does to tables is not to be seen in the statement")))
    }

    fn create(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        cursor.take("OR REPLACE");
        let _ = cursor.take("GLOBAL") || cursor.take("LOCAL");
        let temporary = cursor.take("TEMPORARY") || cursor.take("TEMP");
        cursor.take("UNLOGGED");
        if cursor.take("TABLE") {
            return self.create_table(cursor, temporary);
        }
        let unique = cursor.take("UNIQUE");
        if cursor.take("INDEX") {
            return self.create_index(cursor, unique);
        }
        if cursor.take("SCHEMA") {
            return self.create_schema(cursor);
        }
        if cursor.take("TYPE") {
            return self.create_type(cursor);
        }
        if cursor.take("SEQUENCE") {
            return self.create_sequence(cursor);
        }
        if RELATIONS.iter().any(|words| cursor.take(words)) {
            cursor.take("IF NOT EXISTS");
            let name = self.place(cursor)?;
            self.others.insert(name);
            return Ok(());
        }
        passed_over(cursor)
    }

    fn create_schema(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let if_not_exists = cursor.take("IF NOT EXISTS");
        let name = cursor.name()?;
        let is_there = name == self.default_schema || self.catalog.schemas.contains(&name);
        if is_there && !if_not_exists {
            return Err(Error::invalid_request(format!("there is a schema `{name}` already")));
        }
        if !is_there {
            self.apply(&Operation::CreateSchema(name));
            self.catalog.schemas.sort();
        }
        Ok(())
    }

    fn create_sequence(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        cursor.take("IF NOT EXISTS");
        let name = self.place(cursor)?;
        self.others.insert(name.clone());
        if !self.catalog.sequences.iter().any(|known| known.name == name) {
            self.apply(&Operation::CreateSequence(NamedSequence { name, options: Vec::new() }));
        }
        Ok(())
    }

    fn create_type(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let name = self.kind(cursor)?;
        if !cursor.take("AS ENUM") {
            return Ok(());
        }
        if self.catalog.enums.iter().any(|known| known.name == name) {
            return Err(Error::invalid_request(format!("there is a type `{name}` already")));
        }
        let mut labels = Vec::new();
        cursor.items(|item| {
            labels.extend(literal(item));
            Ok(())
        })?;
        self.apply(&Operation::CreateEnum(Enum { name, labels }));
        Ok(())
    }

    fn alter(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        if cursor.take("TABLE") {
            return self.alter_table(cursor);
        }
        if cursor.take("TYPE") {
            return self.alter_type(cursor);
        }
        if cursor.take("INDEX") {
            cursor.take("IF EXISTS");
            let name = self.place(cursor)?;
            if cursor.take("RENAME TO") {
                let to = cursor.name()?;
                let near = self.catalog.tables.iter_mut().filter(|table| table.name.schema == name.schema);
                let _ = near.into_iter().any(|table| naming::rename(table, &name.name, &to));
            }
            return Ok(());
        }
        if cursor.take("SCHEMA") {
            if let Ok((from, to)) = renamed_schema(cursor) {
                self.catalog.rename_schema(&from, &to);
            }
            return Ok(());
        }
        if cursor.take("SEQUENCE") {
            return self.own_sequence(cursor);
        }
        RELATIONS.iter().any(|words| cursor.take(words)).then_some(()).map_or_else(|| passed_over(cursor), Ok)
    }

    /// `OWNED BY` makes a column with a default that asks the sequence a numbered one.
    fn own_sequence(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        cursor.until(|token| token.is("OWNED"));
        if !cursor.take("OWNED BY") || cursor.take("NONE") {
            return Ok(());
        }
        let (table, column) = self.column_place(cursor)?;
        let found = self.catalog.table_mut(&table).and_then(|table| table.column_mut(&column));
        if let Some(column) = found.filter(|column| {
            column.default.as_ref().is_some_and(|default| default.to_lowercase().starts_with("nextval("))
        }) {
            column.default = None;
            let kind = super::super::NumberingKind::Serial;
            column.numbering = Some(super::super::Numbering { kind, options: Vec::new() });
        }
        Ok(())
    }

    fn alter_type(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let name = self.kind(cursor)?;
        let Some(kind) = self.catalog.enums.iter_mut().find(|known| known.name == name) else {
            return Ok(());
        };
        if cursor.take("ADD VALUE") {
            let if_not_exists = cursor.take("IF NOT EXISTS");
            let Some(label) = literal(cursor) else { return Err(cursor.unreadable("a label")) };
            if kind.labels.contains(&label) {
                let taken = || Error::invalid_request(format!("`{name}` has a label `{label}` already"));
                return if if_not_exists { Ok(()) } else { Err(taken()) };
            }
            let behind = cursor.take("AFTER");
            let near = if behind || cursor.take("BEFORE") { literal(cursor) } else { None };
            let place = near.and_then(|near| kind.labels.iter().position(|known| *known == near));
            let place = place.map_or(kind.labels.len(), |place| place + usize::from(behind));
            kind.labels.insert(place, label);
        } else if cursor.take("RENAME VALUE") {
            let from = literal(cursor);
            cursor.take("TO");
            let to = literal(cursor);
            for (label, to) in kind.labels.iter_mut().filter(|label| Some(&**label) == from.as_ref()).zip(to)
            {
                *label = to;
            }
        } else if cursor.take("RENAME TO") {
            let to = cursor.name()?;
            self.apply(&Operation::RenameEnum { from: name, to });
        } else if cursor.take("SET SCHEMA") {
            return Err(Error::invalid_request("a type that moves to another schema is not followed"));
        }
        Ok(())
    }

    fn drop(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        if cursor.take("INDEX") {
            return self.drop_index(cursor);
        }
        let relation = RELATIONS.iter().any(|words| cursor.take(words));
        if relation || cursor.take("TABLE") {
            let if_exists = cursor.take("IF EXISTS");
            for mut item in cursor.pieces() {
                let name = self.place(&mut item)?;
                self.catalog.sequences.retain(|known| known.name != name);
                if !self.others.remove(&name) && !relation && self.known(&name, if_exists)?.is_some() {
                    self.drop_table(&name);
                }
            }
            return Ok(());
        }
        if cursor.take("SCHEMA") {
            cursor.take("IF EXISTS");
            let names: Vec<String> = cursor.pieces().iter_mut().map(Cursor::name).collect::<Result<_>>()?;
            names.into_iter().for_each(|name| self.drop_schema(name));
            return Ok(());
        }
        if cursor.take("TYPE") {
            cursor.take("IF EXISTS");
            for mut item in cursor.pieces() {
                let name = self.kind(&mut item)?;
                self.apply(&Operation::DropEnum(Enum { name, labels: Vec::new() }));
            }
            return Ok(());
        }
        passed_over(cursor)
    }

    /// Foreign keys that point to it go along, as CASCADE has it: without the word they were not there.
    fn drop_table(&mut self, name: &TableName) {
        for table in &mut self.catalog.tables {
            table.foreign_keys.retain(|key| key.table != *name);
        }
        self.apply(&Operation::DropTable(Table::new(name.clone())));
    }

    fn drop_schema(&mut self, name: String) {
        let within = |place: &TableName| place.schema.as_ref() == Some(&name);
        let tables: Vec<TableName> =
            self.catalog.tables.iter().map(|table| table.name.clone()).filter(within).collect();
        tables.iter().for_each(|table| self.drop_table(table));
        self.catalog.enums.retain(|kind| !within(&kind.name));
        self.catalog.sequences.retain(|sequence| !within(&sequence.name));
        self.others.retain(|other| !within(other));
        self.apply(&Operation::DropSchema(name));
    }

    fn comment(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        if cursor.take("TABLE") {
            let table = self.place(cursor)?;
            if self.known(&table, false)?.is_some() {
                self.apply(&Operation::Comment { table, from: None, to: said(cursor)? });
            }
        } else if cursor.take("COLUMN") {
            let (table, column) = self.column_place(cursor)?;
            if self.known(&table, false)?.is_some() {
                let change = Change::Comment { from: None, to: said(cursor)? };
                self.apply(&Operation::Alter { table, column, change });
            }
        }
        Ok(())
    }

    /// A type: one of the default schema never says its name.
    fn kind(&self, cursor: &mut Cursor<'_>) -> Result<TableName> {
        let TableName { schema, name } = self.place(cursor)?;
        Ok(TableName { schema: schema.filter(|schema| *schema != self.default_schema), name })
    }

    /// `table.column`, `schema.table.column`
    fn column_place(&self, cursor: &mut Cursor<'_>) -> Result<(TableName, String)> {
        let mut parts = vec![cursor.name()?];
        while cursor.take_sign('.') {
            parts.push(cursor.name()?);
        }
        let column = parts.pop().unwrap_or_default();
        let name = parts.pop().ok_or_else(|| cursor.unreadable("the column of a table"))?;
        let schema = parts.pop().filter(|schema| self.spells || *schema != self.default_schema);
        Ok((TableName { schema, name }, column))
    }
}

/// Behind COMMENT ON …: the text, None for NULL.
fn said(cursor: &mut Cursor<'_>) -> Result<Option<String>> {
    match cursor.take("IS") {
        true => Ok(literal(cursor)),
        false => Err(cursor.unreadable("IS")),
    }
}

/// A string that stands here.
fn literal(cursor: &mut Cursor<'_>) -> Option<String> {
    let token = cursor.peek().filter(|token| token.kind == TokenKind::Literal)?;
    cursor.skip();
    Some(token.name()?.into_owned())
}

fn renamed_schema(cursor: &mut Cursor<'_>) -> Result<(String, String)> {
    let from = cursor.name()?;
    match cursor.take("RENAME TO") {
        true => Ok((from, cursor.name()?)),
        false => Err(cursor.unreadable("RENAME TO")),
    }
}

/// Where tables are looked for is what every name behind it depends on.
fn set(cursor: &mut Cursor<'_>) -> Result<()> {
    let _ = cursor.take("LOCAL") || cursor.take("SESSION");
    match cursor.take("search_path") {
        true => Err(moved_path()),
        false => Ok(()),
    }
}

fn moved_path() -> Error {
    Error::invalid_request("`search_path` says where tables are: write schema= instead")
}

fn has(sql: &str, word: &str) -> bool {
    let all: Vec<Token<'_>> = super::super::token::tokens(sql, POSTGRES);
    all.iter().any(|token| token.is(word))
}

/// What is no part of a table.
fn passed_over(cursor: &mut Cursor<'_>) -> Result<()> {
    cursor.take("PROCEDURAL");
    cursor.take("TRUSTED");
    match OBJECTS.iter().any(|words| cursor.take(words)) {
        true => Ok(()),
        false => Err(cursor.unreadable("something that is made")),
    }
}
