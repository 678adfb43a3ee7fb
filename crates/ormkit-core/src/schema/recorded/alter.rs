//! ALTER TABLE.

use super::super::cursor::Cursor;
use super::super::token::mentions;
use super::super::{Change, Numbering, NumberingKind, Operation, Part, PrimaryKey, Table, Unique};
use super::column::{default, generation, options};
use super::types::data_type;
use super::{POSTGRES, Recorded, constraint, naming};
use crate::error::{Error, Result};
use crate::model::{TableName, Timing};

/// What changes nothing that models could say.
const PASSED_OVER: [&str; 17] = [
    "OWNER TO",
    "ENABLE",
    "DISABLE",
    "FORCE",
    "NO FORCE",
    "VALIDATE CONSTRAINT",
    "CLUSTER ON",
    "SET WITHOUT",
    "SET LOGGED",
    "SET UNLOGGED",
    "SET TABLESPACE",
    "SET ACCESS",
    "SET (",
    "RESET",
    "REPLICA IDENTITY",
    "ALTER CONSTRAINT",
    "DETACH PARTITION",
];

impl Recorded {
    /// Behind ALTER TABLE.
    pub(super) fn alter_table(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let if_exists = cursor.take("IF EXISTS");
        cursor.take("ONLY");
        let name = self.place(cursor)?;
        cursor.take_sign('*');
        if self.known(&name, if_exists)?.is_none() {
            return Ok(());
        }
        for mut action in cursor.pieces() {
            self.action(&name, &mut action)?;
        }
        Ok(())
    }

    fn action(&mut self, table: &TableName, cursor: &mut Cursor<'_>) -> Result<()> {
        let passed_over = |words: &&str| match words.strip_suffix(" (") {
            Some(word) => {
                let mut ahead = cursor.clone();
                ahead.take(word) && ahead.take_sign('(')
            }
            None => cursor.clone().take(words),
        };
        if PASSED_OVER.iter().any(passed_over) {
            return Ok(());
        }
        if cursor.take("RENAME") {
            return self.rename(table, cursor);
        }
        if cursor.take("SET SCHEMA") {
            let schema = Some(cursor.name()?).filter(|schema| *schema != self.default_schema);
            return self.rename_to(table, &TableName { schema, name: table.name.clone() });
        }
        if cursor.take("ATTACH PARTITION") {
            // What it holds is seen as a part of the table that it is attached to.
            let part = self.place(cursor)?;
            self.apply(&Operation::DropTable(Table::new(part.clone())));
            self.others.insert(part);
            return Ok(());
        }
        if cursor.take("ADD") {
            return self.add_to(table, cursor);
        }
        if cursor.take("DROP CONSTRAINT") {
            return self.drop_constraint(table, cursor);
        }
        if cursor.take("DROP") {
            return self.drop_column(table, cursor);
        }
        if cursor.take("ALTER") {
            cursor.take("COLUMN");
            return self.alter_column(table, cursor);
        }
        Err(cursor.unreadable("a change of a table"))
    }

    fn add_to(&mut self, table: &TableName, cursor: &mut Cursor<'_>) -> Result<()> {
        if constraint::begins(cursor) {
            let part = match self.of_index(table, cursor.clone())? {
                Some(part) => part,
                None => self.constraint(cursor)?,
            };
            self.add(table, part);
            return Ok(());
        }
        cursor.take("COLUMN");
        let if_not_exists = cursor.take("IF NOT EXISTS");
        let (column, parts) = self.column(cursor)?;
        if self.catalog.table(table).is_some_and(|known| known.column(&column.name).is_some()) {
            let text = format!("`{table}` has a column `{}` already", column.name);
            return if if_not_exists { Ok(()) } else { Err(Error::invalid_request(text)) };
        }
        let added = std::iter::once(Part::Column(column)).chain(parts);
        added.for_each(|part| self.add(table, part));
        Ok(())
    }

    /// `ADD CONSTRAINT … UNIQUE USING INDEX …`: the index becomes the constraint.
    fn of_index(&mut self, table: &TableName, mut cursor: Cursor<'_>) -> Result<Option<Part>> {
        let said = if cursor.take("CONSTRAINT") { Some(cursor.name()?) } else { None };
        let is_key = cursor.take("PRIMARY KEY");
        if !(is_key || cursor.take("UNIQUE")) || !cursor.take("USING INDEX") {
            return Ok(None);
        }
        let name = cursor.name()?;
        let place = TableName { schema: table.schema.clone(), name: name.clone() };
        let unknown = || Error::invalid_request(format!("there is no index `{name}`"));
        let (of, index) = self.index(&place).ok_or_else(unknown)?;
        let columns = index.columns().into_iter().flatten().map(str::to_owned).collect();
        let (include, nulls_not_distinct) = (index.include.clone(), index.nulls_not_distinct);
        self.apply(&Operation::Drop { table: of, part: Part::Index(index) });
        let (name, timing) = (said.or(Some(name)), Timing::Immediate);
        let (written, on_conflict) = (None, None);
        Ok(Some(match is_key {
            true => Part::PrimaryKey(PrimaryKey { name, columns, include, timing, written, on_conflict }),
            false => Part::Unique(Unique {
                name,
                columns,
                include,
                nulls_not_distinct,
                timing,
                written,
                on_conflict,
            }),
        }))
    }

    fn drop_constraint(&mut self, table: &TableName, cursor: &mut Cursor<'_>) -> Result<()> {
        let if_exists = cursor.take("IF EXISTS");
        let name = cursor.name()?;
        let found = self.catalog.table(table).and_then(|known| naming::constraint(known, &name));
        match found {
            Some(part) => self.apply(&Operation::Drop { table: table.clone(), part }),
            None if if_exists => {}
            None => {
                let text = format!("`{table}` has no constraint `{name}`");
                return Err(Error::invalid_request(text));
            }
        }
        Ok(())
    }

    /// Constraints and indexes that are made of a column go with it, and foreign keys that point to it.
    fn drop_column(&mut self, table: &TableName, cursor: &mut Cursor<'_>) -> Result<()> {
        cursor.take("COLUMN");
        let if_exists = cursor.take("IF EXISTS");
        let name = cursor.name()?;
        let Some(known) = self.catalog.table(table) else { return Ok(()) };
        let Some(column) = known.column(&name).cloned() else {
            return if if_exists { Ok(()) } else { Err(no_column(table, &name)) };
        };
        let own = known.made_of(&name, POSTGRES).into_iter().map(|part| (table.clone(), part));
        let computed = known.columns.iter().filter(|other| {
            other.computed.as_ref().is_some_and(|computed| mentions(&computed.expression, &name, POSTGRES))
        });
        let computed = computed.cloned().map(|other| (table.clone(), Part::Column(other)));
        let pointing = self.catalog.tables.iter().flat_map(|other| {
            let keys =
                other.foreign_keys.iter().filter(|key| key.table == *table && key.referred.contains(&name));
            keys.map(|key| (other.name.clone(), Part::ForeignKey(key.clone())))
        });
        let gone: Vec<(TableName, Part)> = own.chain(computed).chain(pointing).collect();
        for (table, part) in gone.into_iter().chain([(table.clone(), Part::Column(column))]) {
            self.apply(&Operation::Drop { table, part });
        }
        Ok(())
    }

    fn alter_column(&mut self, table: &TableName, cursor: &mut Cursor<'_>) -> Result<()> {
        let name = cursor.name()?;
        let known = self.catalog.table(table).and_then(|known| known.column(&name)).cloned();
        let known = known.ok_or_else(|| no_column(table, &name))?;
        let change = if cursor.take("SET DATA TYPE") || cursor.take("TYPE") {
            let kind = data_type(cursor, &self.default_schema)?;
            let collation = if cursor.take("COLLATE") { Some(self.place(cursor)?.name) } else { None };
            let to = (kind.name, collation.filter(|name| name != "default"));
            Change::Type { from: (known.data_type, known.collation), to }
        } else if cursor.take("SET DEFAULT") {
            Change::Default { from: known.default, to: default(cursor) }
        } else if cursor.take("DROP DEFAULT") {
            let serial =
                known.numbering.as_ref().is_some_and(|numbering| numbering.kind == NumberingKind::Serial);
            match serial {
                true => Change::Numbering { from: known.numbering, to: None },
                false => Change::Default { from: known.default, to: None },
            }
        } else if cursor.take("SET NOT NULL") {
            Change::Nullable(false)
        } else if cursor.take("DROP NOT NULL") {
            Change::Nullable(true)
        } else if cursor.take("ADD GENERATED") {
            let kind = generation(cursor);
            cursor.take("AS IDENTITY");
            let to = Some(Numbering { kind, options: options(cursor, &known.data_type)? });
            Change::Numbering { from: known.numbering, to }
        } else if cursor.take("DROP IDENTITY") {
            Change::Numbering { from: known.numbering, to: None }
        } else if cursor.take("SET GENERATED") {
            let options = known.numbering.as_ref().map(|known| known.options.clone()).unwrap_or_default();
            let to = Some(Numbering { kind: generation(cursor), options });
            if !cursor.is_at_end() {
                return Err(Error::invalid_request("new options of an identity's sequence are not followed"));
            }
            Change::Numbering { from: known.numbering, to }
        } else if cursor.take("DROP EXPRESSION") {
            let columns = self.catalog.table_mut(table).and_then(|table| table.column_mut(&name));
            columns.into_iter().for_each(|column| column.computed = None);
            return Ok(());
        } else if ["SET STATISTICS", "SET STORAGE", "SET COMPRESSION", "RESET", "RESTART"]
            .iter()
            .any(|words| cursor.take(words))
            || (cursor.take("SET") && cursor.take_sign('('))
        {
            return Ok(());
        } else {
            return Err(cursor.unreadable("a change of a column"));
        };
        self.apply(&Operation::Alter { table: table.clone(), column: name, change });
        Ok(())
    }

    fn rename(&mut self, table: &TableName, cursor: &mut Cursor<'_>) -> Result<()> {
        if cursor.take("TO") {
            let to = TableName { schema: table.schema.clone(), name: cursor.name()? };
            return self.rename_to(table, &to);
        }
        if cursor.take("CONSTRAINT") {
            let (from, to) = renamed(cursor)?;
            let known = self.catalog.table_mut(table);
            let found = known.is_some_and(|table| naming::rename(table, &from, &to));
            let text = || format!("`{table}` has no constraint `{from}`");
            return if found { Ok(()) } else { Err(Error::invalid_request(text())) };
        }
        cursor.take("COLUMN");
        let (from, to) = renamed(cursor)?;
        if self.catalog.table(table).is_some_and(|known| known.column(&from).is_none()) {
            return Err(no_column(table, &from));
        }
        self.apply(&Operation::RenameColumn { table: table.clone(), from, to });
        Ok(())
    }

    /// Another name, or another schema.
    fn rename_to(&mut self, from: &TableName, to: &TableName) -> Result<()> {
        if self.catalog.table(to).is_some() {
            return Err(Error::invalid_request(format!("there is a table `{to}` already")));
        }
        self.catalog.move_table(from, to);
        Ok(())
    }
}

/// `a TO b`
fn renamed(cursor: &mut Cursor<'_>) -> Result<(String, String)> {
    let from = cursor.name()?;
    if !cursor.take("TO") {
        return Err(cursor.unreadable("TO"));
    }
    Ok((from, cursor.name()?))
}

fn no_column(table: &TableName, name: &str) -> Error {
    Error::invalid_request(format!("`{table}` has no column `{name}`"))
}
