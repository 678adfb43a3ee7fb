//! CREATE TABLE, and the definition of a column.

use super::super::cursor::Cursor;
use super::super::sequence::{Sequence, usual_bounds};
use super::super::token::{Token, bare};
use super::super::{
    Check, Column, Computed, ForeignKey, Numbering, NumberingKind, Operation, Part, PrimaryKey, Table, Unique,
};
use super::types::data_type;
use super::{POSTGRES, Recorded, constraint};
use crate::error::{Error, Result};
use crate::model::Timing;

/// What ends the expression of a DEFAULT.
const OPTIONS: [&str; 14] = [
    "CONSTRAINT",
    "NOT",
    "NULL",
    "DEFAULT",
    "GENERATED",
    "PRIMARY",
    "UNIQUE",
    "CHECK",
    "REFERENCES",
    "COLLATE",
    "DEFERRABLE",
    "INITIALLY",
    "STORAGE",
    "COMPRESSION",
];

impl Recorded {
    /// Behind CREATE TABLE.
    pub(super) fn create_table(&mut self, cursor: &mut Cursor<'_>, temporary: bool) -> Result<()> {
        let if_not_exists = cursor.take("IF NOT EXISTS");
        let name = self.place(cursor)?;
        if temporary || cursor.take("PARTITION OF") {
            self.others.insert(name);
            return Ok(());
        }
        if self.catalog.table(&name).is_some() {
            let taken = || Error::invalid_request(format!("there is a table `{name}` already"));
            return if if_not_exists { Ok(()) } else { Err(taken()) };
        }
        let (mut table, mut parts) = (Table::new(name.clone()), Vec::new());
        if !cursor.peek().is_some_and(|token| token.is_sign('(')) {
            return Err(Error::invalid_request("the columns of this table are not said in the statement"));
        }
        cursor.items(|item| {
            if item.is_at_end() {
                return Ok(());
            }
            if item.take("LIKE") {
                return Err(Error::invalid_request("LIKE takes columns from a table, which is not followed"));
            }
            match constraint::begins(item) {
                true => parts.push(self.constraint(item)?),
                false => {
                    let (column, own) = self.column(item)?;
                    table.columns.push(column);
                    parts.extend(own);
                }
            }
            Ok(())
        })?;
        if cursor.take("INHERITS") || cursor.take("AS") {
            return Err(Error::invalid_request("not all columns of this table are said in the statement"));
        }
        self.apply(&Operation::CreateTable(table));
        parts.into_iter().for_each(|part| self.add(&name, part));
        Ok(())
    }

    /// A column and the constraints that stand with it.
    pub(super) fn column(&self, cursor: &mut Cursor<'_>) -> Result<(Column, Vec<Part>)> {
        let name = cursor.name()?;
        let kind = data_type(cursor, &self.default_schema)?;
        let mut column = Column::new(name, kind.name);
        if kind.serial {
            column.numbering = Some(Numbering { kind: NumberingKind::Serial, options: Vec::new() });
            column.nullable = false;
        }
        let mut parts = Vec::new();
        while !cursor.is_at_end() {
            let name = if cursor.take("CONSTRAINT") { Some(cursor.name()?) } else { None };
            self.option(cursor, &mut column, &mut parts, name)?;
        }
        Ok((column, parts))
    }

    fn option(
        &self,
        cursor: &mut Cursor<'_>,
        column: &mut Column,
        parts: &mut Vec<Part>,
        name: Option<String>,
    ) -> Result<()> {
        let columns = || vec![column.name.clone()];
        if cursor.take("NOT NULL") {
            column.nullable = false;
        } else if cursor.take("NULL") {
            // It is what it is anyway.
        } else if cursor.take("DEFAULT") {
            column.default = default(cursor);
        } else if cursor.take("COLLATE") {
            column.collation = Some(self.place(cursor)?.name).filter(|name| name != "default");
        } else if cursor.take("PRIMARY KEY") {
            let key = PrimaryKey {
                name,
                columns: columns(),
                include: Vec::new(),
                timing: Timing::Immediate,
                written: None,
                on_conflict: None,
            };
            parts.push(constraint::finished(Part::PrimaryKey(key), cursor)?);
        } else if cursor.take("UNIQUE") {
            let unique = Unique {
                name,
                columns: columns(),
                include: Vec::new(),
                nulls_not_distinct: constraint::nulls_not_distinct(cursor),
                timing: Timing::Immediate,
                written: None,
                on_conflict: None,
            };
            parts.push(constraint::finished(Part::Unique(unique), cursor)?);
        } else if cursor.take("CHECK") {
            let expression = bare(cursor.enclosed()?, POSTGRES).to_owned();
            cursor.take("NO INHERIT");
            parts.push(Part::Check(Check { name, expression }));
        } else if cursor.take("REFERENCES") {
            let key: ForeignKey = self.references(cursor, name, columns())?;
            parts.push(Part::ForeignKey(key));
        } else if cursor.take("GENERATED") {
            self.generated(cursor, column)?;
        } else if cursor.take("STORAGE") || cursor.take("COMPRESSION") {
            cursor.skip();
        } else {
            return Err(cursor.unreadable("an option of the column"));
        }
        Ok(())
    }

    fn generated(&self, cursor: &mut Cursor<'_>, column: &mut Column) -> Result<()> {
        let kind = generation(cursor);
        if cursor.take("AS IDENTITY") {
            column.numbering = Some(Numbering { kind, options: options(cursor, &column.data_type)? });
            column.nullable = false;
            return Ok(());
        }
        if !cursor.take("AS") {
            return Err(cursor.unreadable("AS"));
        }
        let expression = bare(cursor.enclosed()?, POSTGRES).to_owned();
        let stored = cursor.take("STORED") || !cursor.take("VIRTUAL");
        column.computed = Some(Computed { expression, stored });
        Ok(())
    }
}

/// ALWAYS or BY DEFAULT.
pub(super) fn generation(cursor: &mut Cursor<'_>) -> NumberingKind {
    match cursor.take("BY DEFAULT") {
        true => NumberingKind::ByDefault,
        false => {
            cursor.take("ALWAYS");
            NumberingKind::Always
        }
    }
}

/// The expression of a DEFAULT. NULL is none.
pub(super) fn default(cursor: &mut Cursor<'_>) -> Option<String> {
    let ends = |token: &Token<'_>| OPTIONS.iter().any(|word| token.is(word));
    let text = bare(cursor.until(ends), POSTGRES);
    let is_null = Cursor::new(text, POSTGRES).take("NULL");
    (!is_null).then(|| text.to_owned())
}

/// The options of an identity's sequence, in parentheses, that are not the usual ones.
pub(super) fn options(cursor: &mut Cursor<'_>, data_type: &str) -> Result<Vec<String>> {
    if !cursor.peek().is_some_and(|token| token.is_sign('(')) {
        return Ok(Vec::new());
    }
    let text = cursor.enclosed()?;
    let mut cursor = Cursor::new(text, POSTGRES);
    let mut said = Sequence::default();
    let mut range = usual_bounds(data_type);
    while !cursor.is_at_end() {
        if cursor.take("NO MINVALUE") {
            said.min = None;
        } else if cursor.take("NO MAXVALUE") {
            said.max = None;
        } else if cursor.take("NO CYCLE") {
            said.cycle = false;
        } else if cursor.take("CYCLE") {
            said.cycle = true;
        } else if cursor.take("START") {
            cursor.take("WITH");
            said.start = Some(number(&mut cursor)?);
        } else if cursor.take("INCREMENT") {
            cursor.take("BY");
            said.increment = number(&mut cursor)?;
        } else if cursor.take("MINVALUE") {
            said.min = Some(number(&mut cursor)?);
        } else if cursor.take("MAXVALUE") {
            said.max = Some(number(&mut cursor)?);
        } else if cursor.take("CACHE") {
            said.cache = number(&mut cursor)?;
        } else if cursor.take("AS") {
            range = usual_bounds(&data_type_of(&mut cursor)?);
        } else if cursor.take("SEQUENCE NAME") {
            cursor.until(|token| token.is("START"));
        } else {
            return Err(cursor.unreadable("an option of a sequence"));
        }
    }
    Ok(said.unusual(range))
}

fn data_type_of(cursor: &mut Cursor<'_>) -> Result<String> {
    data_type(cursor, "public").map(|kind| kind.name)
}

fn number(cursor: &mut Cursor<'_>) -> Result<i64> {
    let sign = if cursor.take_sign('-') { "-" } else { "" };
    let digits = cursor.peek().map(|token| token.text).unwrap_or_default();
    let number = format!("{sign}{digits}").parse().map_err(|_| cursor.unreadable("a number"))?;
    cursor.skip();
    Ok(number)
}
