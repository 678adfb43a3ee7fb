//! Constraints, as CREATE TABLE and ALTER TABLE say them.

use super::super::cursor::Cursor;
use super::super::token::bare;
use super::super::{Check, Exclusion, ForeignKey, Part, PrimaryKey, Unique};
use super::{POSTGRES, Recorded};
use crate::error::{Error, Result};
use crate::model::Timing;

/// True where a constraint begins and no column.
pub(super) fn begins(item: &Cursor<'_>) -> bool {
    ["CONSTRAINT", "PRIMARY KEY", "UNIQUE", "CHECK", "FOREIGN KEY", "EXCLUDE"]
        .iter()
        .any(|words| item.clone().take(words))
}

impl Recorded {
    /// A constraint of a table, by the name that it was given.
    pub(super) fn constraint(&self, cursor: &mut Cursor<'_>) -> Result<Part> {
        let name = if cursor.take("CONSTRAINT") { Some(cursor.name()?) } else { None };
        if cursor.take("PRIMARY KEY") {
            let key = PrimaryKey {
                name,
                columns: columns(cursor)?,
                include: Vec::new(),
                timing: Timing::Immediate,
                written: None,
                on_conflict: None,
            };
            return finished(Part::PrimaryKey(key), cursor);
        }
        if cursor.take("UNIQUE") {
            let nulls_not_distinct = nulls_not_distinct(cursor);
            let unique = Unique {
                name,
                columns: columns(cursor)?,
                include: Vec::new(),
                nulls_not_distinct,
                timing: Timing::Immediate,
                written: None,
                on_conflict: None,
            };
            return finished(Part::Unique(unique), cursor);
        }
        if cursor.take("CHECK") {
            let expression = bare(cursor.enclosed()?, POSTGRES).to_owned();
            return Ok(Part::Check(Check { name, expression }));
        }
        if cursor.take("FOREIGN KEY") {
            let own = columns(cursor)?;
            if !cursor.take("REFERENCES") {
                return Err(cursor.unreadable("REFERENCES"));
            }
            return Ok(Part::ForeignKey(self.references(cursor, name, own)?));
        }
        if cursor.peek().is_some_and(|token| token.is("EXCLUDE")) {
            let definition = cursor.until(|_| false).to_owned();
            return Ok(Part::Exclusion(Exclusion { name: name.unwrap_or_default(), definition }));
        }
        Err(cursor.unreadable("a constraint"))
    }

    /// Behind REFERENCES.
    pub(super) fn references(
        &self,
        cursor: &mut Cursor<'_>,
        name: Option<String>,
        own: Vec<String>,
    ) -> Result<ForeignKey> {
        let table = self.place(cursor)?;
        let referred = match cursor.peek().is_some_and(|token| token.is_sign('(')) {
            true => columns(cursor)?,
            false => self.key_of(&table, &own)?,
        };
        let (mut on_delete, mut on_update, mut match_full) = (None, None, false);
        loop {
            if cursor.take("ON DELETE") {
                on_delete = action(cursor)?;
            } else if cursor.take("ON UPDATE") {
                on_update = action(cursor)?;
            } else if cursor.take("MATCH FULL") {
                // It is forgotten where there is one column, which is NULL or not.
                match_full = true;
            } else if !cursor.take("MATCH SIMPLE") {
                break;
            }
        }
        let timing = timing(cursor);
        Ok(ForeignKey { name, columns: own, table, referred, on_delete, on_update, match_full, timing })
    }

    /// The columns that a foreign key means where it says none. Those of the table itself come with its own key.
    fn key_of(&self, table: &crate::model::TableName, own: &[String]) -> Result<Vec<String>> {
        let key = self.catalog.table(table).and_then(|known| known.primary_key.as_ref());
        let unknown = || {
            let own = own.join(", ");
            Error::invalid_request(format!(
                "the foreign key of {own} says no columns of `{table}`, whose key is not known"
            ))
        };
        key.map(|key| key.columns.clone()).ok_or_else(unknown)
    }
}

/// What stands behind the columns of a key.
pub(super) fn finished(mut part: Part, cursor: &mut Cursor<'_>) -> Result<Part> {
    let kept = if cursor.take("INCLUDE") { columns(cursor)? } else { Vec::new() };
    if cursor.take("WITH") {
        cursor.enclosed()?;
    }
    if cursor.take("USING INDEX TABLESPACE") {
        cursor.skip();
    }
    let when = timing(cursor);
    match &mut part {
        Part::PrimaryKey(key) => (key.include, key.timing) = (kept, when),
        Part::Unique(unique) => (unique.include, unique.timing) = (kept, when),
        _ => {}
    }
    Ok(part)
}

pub(super) fn nulls_not_distinct(cursor: &mut Cursor<'_>) -> bool {
    let found = cursor.take("NULLS NOT DISTINCT");
    cursor.take("NULLS DISTINCT");
    found
}

/// Names in parentheses.
pub(super) fn columns(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    cursor.items(|item| {
        names.push(item.name()?);
        Ok(())
    })?;
    Ok(names)
}

fn timing(cursor: &mut Cursor<'_>) -> Timing {
    let mut timing = Timing::Immediate;
    loop {
        if cursor.take("INITIALLY DEFERRED") {
            timing = Timing::Deferred;
        } else if cursor.take("DEFERRABLE") && timing == Timing::Immediate {
            timing = Timing::Deferrable;
        } else if !(cursor.take("NOT DEFERRABLE") || cursor.take("INITIALLY IMMEDIATE")) {
            return timing;
        }
    }
}

/// What a foreign key does; None: nothing.
fn action(cursor: &mut Cursor<'_>) -> Result<Option<String>> {
    for words in ["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT"] {
        if cursor.take(words) {
            if words.starts_with("SET") && cursor.peek().is_some_and(|token| token.is_sign('(')) {
                cursor.enclosed()?;
            }
            return Ok(Some(words.to_owned()));
        }
    }
    match cursor.take("NO ACTION") {
        true => Ok(None),
        false => Err(cursor.unreadable("what a foreign key does")),
    }
}
