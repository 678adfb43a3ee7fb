//! The schema model: tables, types and views as a database has them.
//!
//! Names are as they are stored, without quotes. Types and expressions are texts in the database's own words: what it
//! would print for them, not what somebody has typed. Equal things are equal values.

pub use crate::model::Timing;

use crate::model::TableName;

/// What there is in a database, as far as a [`Scope`](crate::driver::Scope) reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The name of the default schema, which the names of tables in it leave out. None where none of `search_path` exists,
    /// and of temporary tables.
    pub default_schema: Option<String>,
    /// Schemas beside the default one.
    pub schemas: Vec<String>,
    /// Enum types (PostgreSQL).
    pub enums: Vec<Enum>,
    /// Sequences that belong to no column (PostgreSQL).
    pub sequences: Vec<NamedSequence>,
    /// Tables, by name.
    pub tables: Vec<Table>,
    /// Views, by name.
    pub views: Vec<View>,
}

impl Catalog {
    /// The table of a name.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == *name)
    }

    /// True where a sequence of the name is there, that of a `SERIAL` among them.
    pub fn has_sequence(&self, name: &TableName) -> bool {
        let is_of_column = |table: &Table| {
            let serials = table.columns.iter().filter(|column| {
                column.numbering.as_ref().is_some_and(|numbering| numbering.kind == NumberingKind::Serial)
            });
            let names = serials.map(|column| format!("{}_{}_seq", table.name.name, column.name));
            table.name.schema == name.schema && names.into_iter().any(|own| own == name.name)
        };
        self.sequences.iter().any(|sequence| sequence.name == *name) || self.tables.iter().any(is_of_column)
    }

    /// The same, to be changed.
    pub(super) fn table_mut(&mut self, name: &TableName) -> Option<&mut Table> {
        self.tables.iter_mut().find(|table| table.name == *name)
    }
}

/// An enum type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enum {
    /// Its name.
    pub name: TableName,
    /// Its labels, in order.
    pub labels: Vec<String>,
}

/// A sequence that belongs to no column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSequence {
    /// Its name.
    pub name: TableName,
    /// Its options, in PostgreSQL's words: `START WITH 100`. Those of a sequence that was found are not read.
    pub options: Vec<String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name; the schema is None in the default one.
    pub name: TableName,
    /// Columns in their order.
    pub columns: Vec<Column>,
    /// PRIMARY KEY.
    pub primary_key: Option<PrimaryKey>,
    /// UNIQUE constraints.
    pub uniques: Vec<Unique>,
    /// CHECK constraints.
    pub checks: Vec<Check>,
    /// FOREIGN KEY constraints.
    pub foreign_keys: Vec<ForeignKey>,
    /// EXCLUDE constraints (PostgreSQL).
    pub exclusions: Vec<Exclusion>,
    /// Indexes that are not part of a constraint.
    pub indexes: Vec<Index>,
    /// The comment on it (PostgreSQL).
    pub comment: Option<String>,
    /// SQLite: its rows have no row number, `WITHOUT ROWID`.
    pub without_rowid: bool,
    /// SQLite: values are of their column's type, `STRICT`.
    pub strict: bool,
    /// PostgreSQL: its rows are in partitions, `PARTITION BY`.
    pub partitioned: bool,
    /// What it has beside all this, in SQL's words: `UNLOGGED`, `INHERITS (a)`. No model says it, and no difference is made of it.
    pub unsaid: Vec<String>,
}

impl Table {
    /// A table without columns.
    pub fn new(name: TableName) -> Self {
        Self {
            name,
            columns: Vec::new(),
            primary_key: None,
            uniques: Vec::new(),
            checks: Vec::new(),
            foreign_keys: Vec::new(),
            exclusions: Vec::new(),
            indexes: Vec::new(),
            comment: None,
            without_rowid: false,
            strict: false,
            partitioned: false,
            unsaid: Vec::new(),
        }
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The same, to be changed.
    pub(super) fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        self.columns.iter_mut().find(|column| column.name == name)
    }

    /// True for (a part of) the primary key.
    pub fn is_key(&self, column: &str) -> bool {
        self.primary_key.as_ref().is_some_and(|key| key.columns.iter().any(|name| name == column))
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, with length or precision: `character varying(100)`; SQLite: as it was declared.
    pub data_type: String,
    /// NULL is allowed.
    pub nullable: bool,
    /// DEFAULT: an expression, without the parentheses around it.
    pub default: Option<String>,
    /// The database numbers it.
    pub numbering: Option<Numbering>,
    /// The database computes it.
    pub computed: Option<Computed>,
    /// COLLATE, where it is not that of the type.
    pub collation: Option<String>,
    /// The comment on it (PostgreSQL).
    pub comment: Option<String>,
    /// SQLite: what a NULL does where none is allowed, `ON CONFLICT`.
    pub on_null: Option<String>,
}

impl Column {
    /// A nullable column without any option.
    pub fn new(name: impl Into<String>, data_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            data_type: data_type.into(),
            nullable: true,
            default: None,
            numbering: None,
            computed: None,
            collation: None,
            comment: None,
            on_null: None,
        }
    }
}

/// How a column is numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// By what.
    pub kind: NumberingKind,
    /// The options of its sequence, where they are not the usual ones, in PostgreSQL's words: `START WITH 100`.
    pub options: Vec<String>,
}

/// What numbers a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberingKind {
    /// `GENERATED ALWAYS AS IDENTITY`.
    Always,
    /// `GENERATED BY DEFAULT AS IDENTITY`.
    ByDefault,
    /// `SERIAL`: a default that asks a sequence of the column's own.
    Serial,
    /// SQLite's `AUTOINCREMENT`: numbers are never given twice.
    Autoincrement,
}

/// How a column is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computed {
    /// The expression, without the parentheses around it.
    pub expression: String,
    /// The value is kept in the row.
    pub stored: bool,
}

/// PRIMARY KEY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryKey {
    /// Its name; on SQLite it may have none.
    pub name: Option<String>,
    /// Its columns.
    pub columns: Vec<String>,
    /// PostgreSQL: columns that are kept with it. `INCLUDE`.
    pub include: Vec<String>,
    /// When it is checked.
    pub timing: Timing,
    /// SQLite: the list of columns as it was written, where it says more than their names.
    pub written: Option<String>,
    /// SQLite: what a second row does, `ON CONFLICT`.
    pub on_conflict: Option<String>,
}

/// UNIQUE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unique {
    /// Its name; on SQLite it may have none.
    pub name: Option<String>,
    /// Its columns.
    pub columns: Vec<String>,
    /// PostgreSQL: columns that are kept with it. `INCLUDE`.
    pub include: Vec<String>,
    /// Two rows with NULL in the same place are equal.
    pub nulls_not_distinct: bool,
    /// When it is checked.
    pub timing: Timing,
    /// SQLite: the list of columns as it was written, where it says more than their names.
    pub written: Option<String>,
    /// SQLite: what a second row does, `ON CONFLICT`.
    pub on_conflict: Option<String>,
}

/// CHECK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name; on SQLite it may have none.
    pub name: Option<String>,
    /// The condition, without the parentheses around it.
    pub expression: String,
}

/// FOREIGN KEY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Its name; on SQLite it may have none.
    pub name: Option<String>,
    /// Own columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub table: TableName,
    /// Its columns, in the same order. Empty on SQLite where none were said: its primary key.
    pub referred: Vec<String>,
    /// ON DELETE; None: `NO ACTION`.
    pub on_delete: Option<String>,
    /// ON UPDATE; None: `NO ACTION`.
    pub on_update: Option<String>,
    /// `MATCH FULL`.
    pub match_full: bool,
    /// When it is checked.
    pub timing: Timing,
}

/// EXCLUDE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Its name.
    pub name: String,
    /// What follows the name: `EXCLUDE USING gist (…)`.
    pub definition: String,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// UNIQUE.
    pub unique: bool,
    /// What it is sorted by.
    pub parts: Vec<IndexPart>,
    /// PostgreSQL: columns that are kept with it. `INCLUDE`.
    pub include: Vec<String>,
    /// The access method; None: `btree`.
    pub method: Option<String>,
    /// WHERE.
    pub predicate: Option<String>,
    /// Two rows with NULL in the same place are equal.
    pub nulls_not_distinct: bool,
    /// PostgreSQL: its storage parameters, `fillfactor=70`.
    pub storage: Vec<String>,
}

impl Index {
    /// The names of its columns; None for a part that is an expression.
    pub fn columns(&self) -> Vec<Option<&str>> {
        self.parts.iter().map(|part| part.term.column()).collect()
    }
}

/// A part of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPart {
    /// A column or an expression.
    pub term: IndexTerm,
    /// COLLATE, where it is not that of the column.
    pub collation: Option<String>,
    /// The operator class, where it is not that of the type.
    pub class: Option<String>,
    /// DESC.
    pub descending: bool,
    /// NULLs come first: with DESC they do unless something else is said, on PostgreSQL.
    pub nulls_first: bool,
}

/// What an index is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexTerm {
    /// A column.
    Column(String),
    /// An expression, without the parentheses around it.
    Expression(String),
}

impl IndexTerm {
    /// The column's name.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Column(name) => Some(name),
            Self::Expression(_) => None,
        }
    }
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: TableName,
    /// Its query; SQLite: the whole statement that made it.
    pub definition: String,
    /// PostgreSQL: its rows are kept.
    pub materialized: bool,
}
