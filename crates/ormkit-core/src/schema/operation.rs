//! The steps from one schema to another.

use super::{
    Check, Column, Enum, Exclusion, ForeignKey, Index, NamedSequence, Numbering, PrimaryKey, Table, Unique,
};
use crate::model::TableName;

/// One step. Each can be written as one statement, except those that SQLite cannot do but by a rebuild of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// CREATE SCHEMA, where there is none of the name.
    CreateSchema(String),
    /// DROP SCHEMA: PostgreSQL drops none that holds anything.
    DropSchema(String),
    /// CREATE TYPE.
    CreateEnum(Enum),
    /// DROP TYPE.
    DropEnum(Enum),
    /// ALTER TYPE … ADD VALUE: PostgreSQL lets nobody use the label before the transaction has committed.
    AddEnumValue {
        /// The type.
        name: TableName,
        /// The new label.
        label: String,
        /// The label that it comes before; None: it is the last.
        before: Option<String>,
    },
    /// ALTER TYPE … RENAME.
    RenameEnum {
        /// Its name so far.
        from: TableName,
        /// Its new name, without a schema.
        to: String,
    },
    /// CREATE SEQUENCE.
    CreateSequence(NamedSequence),
    /// DROP SEQUENCE.
    DropSequence(NamedSequence),
    /// CREATE TABLE, without its indexes and comments, which are steps of their own.
    CreateTable(Table),
    /// DROP TABLE.
    DropTable(Table),
    /// ALTER TABLE … RENAME.
    RenameTable {
        /// Its name so far.
        from: TableName,
        /// Its new name, without a schema.
        to: String,
    },
    /// ALTER TABLE … RENAME COLUMN.
    RenameColumn {
        /// The table.
        table: TableName,
        /// The column's name so far.
        from: String,
        /// Its new name.
        to: String,
    },
    /// ALTER TABLE … ADD, CREATE INDEX.
    Add {
        /// The table.
        table: TableName,
        /// What is added.
        part: Part,
    },
    /// ALTER TABLE … DROP, DROP INDEX.
    Drop {
        /// The table.
        table: TableName,
        /// What is dropped.
        part: Part,
    },
    /// ALTER TABLE … ALTER COLUMN.
    Alter {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// What becomes of it.
        change: Change,
    },
    /// Numbering goes on behind the highest number there is.
    Renumber {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// COMMENT ON TABLE.
    Comment {
        /// The table.
        table: TableName,
        /// The comment so far.
        from: Option<String>,
        /// The new one.
        to: Option<String>,
    },
}

/// A part of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A column.
    Column(Column),
    /// PRIMARY KEY.
    PrimaryKey(PrimaryKey),
    /// UNIQUE.
    Unique(Unique),
    /// CHECK.
    Check(Check),
    /// FOREIGN KEY.
    ForeignKey(ForeignKey),
    /// EXCLUDE.
    Exclusion(Exclusion),
    /// An index.
    Index(Index),
}

/// A change of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its type and COLLATE; values are cast.
    Type {
        /// So far.
        from: (String, Option<String>),
        /// From now on.
        to: (String, Option<String>),
    },
    /// Whether NULL is allowed.
    Nullable(bool),
    /// DEFAULT.
    Default {
        /// So far.
        from: Option<String>,
        /// From now on.
        to: Option<String>,
    },
    /// How the database numbers it.
    Numbering {
        /// So far.
        from: Option<Numbering>,
        /// From now on.
        to: Option<Numbering>,
    },
    /// COMMENT ON COLUMN.
    Comment {
        /// So far.
        from: Option<String>,
        /// From now on.
        to: Option<String>,
    },
}

impl Part {
    /// What it is, in SQL's words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Column(_) => "a column",
            Self::PrimaryKey(_) => "a PRIMARY KEY",
            Self::Unique(_) => "a UNIQUE",
            Self::Check(_) => "a CHECK",
            Self::ForeignKey(_) => "a FOREIGN KEY",
            Self::Exclusion(_) => "an EXCLUDE",
            Self::Index(_) => "an index",
        }
    }
}

impl Operation {
    /// The steps back; None where there are none: a label cannot be taken away from an enum. What a dropped column or table
    /// held does not come back.
    pub fn reverse(&self) -> Option<Vec<Self>> {
        Some(vec![match self.clone() {
            Self::AddEnumValue { .. } => return None,
            Self::DropTable(mut table) => {
                let comments = comments(&mut table);
                return Some([vec![Self::CreateTable(table)], comments].concat());
            }
            Self::Drop { table, part: Part::Column(mut column) } => {
                let comment = column_comment(&table, &mut column);
                let added = Self::Add { table, part: Part::Column(column) };
                return Some(std::iter::once(added).chain(comment).collect());
            }
            Self::CreateSchema(name) => Self::DropSchema(name),
            Self::DropSchema(name) => Self::CreateSchema(name),
            Self::CreateEnum(kind) => Self::DropEnum(kind),
            Self::DropEnum(kind) => Self::CreateEnum(kind),
            Self::CreateSequence(sequence) => Self::DropSequence(sequence),
            Self::DropSequence(sequence) => Self::CreateSequence(sequence),
            Self::RenameEnum { from: TableName { schema, name }, to } => {
                Self::RenameEnum { from: TableName { schema, name: to }, to: name }
            }
            Self::CreateTable(table) => Self::DropTable(table),
            Self::RenameTable { from: TableName { schema, name }, to } => {
                Self::RenameTable { from: TableName { schema, name: to }, to: name }
            }
            Self::RenameColumn { table, from, to } => Self::RenameColumn { table, from: to, to: from },
            Self::Add { table, part } => Self::Drop { table, part },
            Self::Drop { table, part } => Self::Add { table, part },
            Self::Alter { table, column, change } => {
                let change = change.reverse();
                // Rows have numbers: what numbers them again goes on behind the highest.
                let numbers = matches!(change, Change::Numbering { to: Some(_), .. });
                let renumber = Self::Renumber { table: table.clone(), column: column.clone() };
                let altered = Self::Alter { table, column, change };
                return Some(std::iter::once(altered).chain(numbers.then_some(renumber)).collect());
            }
            Self::Renumber { .. } => return Some(Vec::new()),
            Self::Comment { table, from, to } => Self::Comment { table, from: to, to: from },
        }])
    }

    /// The name of Alembic's function for it: `create_table`, `alter_column`; `execute` where there is none.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CreateSchema(_)
            | Self::DropSchema(_)
            | Self::CreateEnum(_)
            | Self::DropEnum(_)
            | Self::AddEnumValue { .. }
            | Self::RenameEnum { .. }
            | Self::CreateSequence(_)
            | Self::DropSequence(_)
            | Self::Renumber { .. } => "execute",
            Self::CreateTable(_) => "create_table",
            Self::DropTable(_) => "drop_table",
            Self::RenameTable { .. } => "rename_table",
            Self::RenameColumn { .. } | Self::Alter { .. } => "alter_column",
            Self::Add { part, .. } => match part {
                Part::Column(_) => "add_column",
                Part::PrimaryKey(_) => "create_primary_key",
                Part::Unique(_) => "create_unique_constraint",
                Part::Check(_) => "create_check_constraint",
                Part::ForeignKey(_) => "create_foreign_key",
                Part::Exclusion(_) => "create_exclude_constraint",
                Part::Index(_) => "create_index",
            },
            Self::Drop { part, .. } => match part {
                Part::Column(_) => "drop_column",
                Part::Index(_) => "drop_index",
                _ => "drop_constraint",
            },
            Self::Comment { to: Some(_), .. } => "create_table_comment",
            Self::Comment { to: None, .. } => "drop_table_comment",
        }
    }

    /// The column that it is about.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::RenameColumn { from: column, .. }
            | Self::Alter { column, .. }
            | Self::Renumber { column, .. }
            | Self::Add { part: Part::Column(Column { name: column, .. }), .. }
            | Self::Drop { part: Part::Column(Column { name: column, .. }), .. } => Some(column),
            _ => None,
        }
    }

    /// The table that it is about.
    pub fn table(&self) -> Option<&TableName> {
        match self {
            Self::CreateSchema(_) | Self::DropSchema(_) | Self::CreateSequence(_) | Self::DropSequence(_) => {
                None
            }
            Self::CreateEnum(_) | Self::DropEnum(_) | Self::AddEnumValue { .. } | Self::RenameEnum { .. } => {
                None
            }
            Self::CreateTable(table) | Self::DropTable(table) => Some(&table.name),
            Self::RenameTable { from: table, .. }
            | Self::RenameColumn { table, .. }
            | Self::Add { table, .. }
            | Self::Drop { table, .. }
            | Self::Alter { table, .. }
            | Self::Renumber { table, .. }
            | Self::Comment { table, .. } => Some(table),
        }
    }

    /// True when rows, values or parts of values are lost.
    pub fn loses_data(&self) -> bool {
        match self {
            Self::DropTable(_) => true,
            Self::Drop { part: Part::Column(column), .. } => column.computed.is_none(),
            Self::Alter { change: Change::Type { from, to }, .. } => super::loses_parts(&from.0, &to.0),
            _ => false,
        }
    }
}

impl Change {
    fn reverse(self) -> Self {
        match self {
            Self::Type { from, to } => Self::Type { from: to, to: from },
            Self::Nullable(allowed) => Self::Nullable(!allowed),
            Self::Default { from, to } => Self::Default { from: to, to: from },
            Self::Numbering { from, to } => Self::Numbering { from: to, to: from },
            Self::Comment { from, to } => Self::Comment { from: to, to: from },
        }
    }
}

/// Takes the comments out of a table: they are steps of their own.
pub(super) fn comments(table: &mut Table) -> Vec<Operation> {
    let name = table.name.clone();
    let on_table = table.comment.take();
    let on_table = on_table.map(|to| Operation::Comment { table: name.clone(), from: None, to: Some(to) });
    let on_columns = table.columns.iter_mut().filter_map(|column| column_comment(&name, column));
    on_table.into_iter().chain(on_columns).collect()
}

/// The same for a column.
pub(super) fn column_comment(table: &TableName, column: &mut Column) -> Option<Operation> {
    let change = Change::Comment { from: None, to: Some(column.comment.take()?) };
    Some(Operation::Alter { table: table.clone(), column: column.name.clone(), change })
}
