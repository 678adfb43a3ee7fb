//! Model metadata: declared once, resolved once, read by everybody.
//!
//! A binding declares [`ModelDef`]s in a [`Registry`]; [`Registry::freeze`] checks every cross-reference once and answers
//! a [`Schema`] of [`Model`]s. Afterwards no layer re-checks a name.

mod exclude;
mod explain;
mod family;
mod field_set;
mod fitting;
mod generated;
mod index;
mod naming;
mod property;
mod registry;
mod relation;
mod types;

pub use exclude::{Exclude, Timing};
pub use family::{Family, Kinship, Mark, OwnTable, Part};
pub use field_set::FieldSet;
pub use generated::{Computed, Identity, OnUpdate, Sequence, Upkeep, Version};
pub use index::{Index, IndexPart, IndexTerm};
pub use naming::{Naming, Templates};
pub use property::Property;
pub use registry::{Registry, Schema, Space};
pub use relation::{Cascade, Junction, Lazy, Pairs, Relation, RelationDef, RelationKind, Secondary, Target};
pub use types::{ColumnType, EnumType, NativeType, RangeType};

use smallvec::SmallVec;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// A model's number in its registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(pub u32);

/// A field's number in its model, in declaration order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u16);

/// A relation's number in its model, in declaration order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationId(pub u16);

impl FieldId {
    /// As an index.
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl RelationId {
    /// As an index.
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl ModelId {
    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The fields of a key: one, as a rule.
pub type FieldIds = SmallVec<[FieldId; 2]>;

/// A table's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema; None: the database's default.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A model as a binding declares it.
#[derive(Clone, Debug)]
pub struct ModelDef {
    /// The class's name.
    pub name: String,
    /// The module that declares it: where string targets are looked up first.
    pub module: String,
    /// The table.
    pub table: TableName,
    /// Columns and properties in declaration order.
    pub fields: Vec<Field>,
    /// Relations in declaration order.
    pub relations: Vec<RelationDef>,
    /// Constraints over several columns, and named ones.
    pub constraints: Vec<Constraint>,
    /// Indexes beyond `index=True`.
    pub indexes: Vec<Index>,
    /// A comment on the table.
    pub comment: Option<String>,
    /// The table's name so far, in the same schema: a database that still has it under that name is to rename it.
    pub renamed_from: Option<String>,
}

impl ModelDef {
    /// A class and its table in the database's default schema, with nothing but columns. Its module has no name.
    pub fn new(name: impl Into<String>, table: impl Into<String>, fields: Vec<Field>) -> Self {
        Self {
            name: name.into(),
            module: String::new(),
            table: TableName { schema: None, name: table.into() },
            fields,
            relations: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            comment: None,
            renamed_from: None,
        }
    }
}

/// A column, or a property, and the attribute that shows it.
#[derive(Clone, Debug)]
pub struct Field {
    /// The attribute's name.
    pub name: String,
    /// The column's name.
    pub column: String,
    /// The column's type.
    pub column_type: ColumnType,
    /// NULL is allowed.
    pub nullable: bool,
    /// Part of the primary key.
    pub primary_key: bool,
    /// A UNIQUE constraint of its own.
    pub unique: bool,
    /// An index of its own.
    pub index: bool,
    /// The database numbers new rows: an integer key alone, unless it has a default or a foreign key.
    pub autoincrement: bool,
    /// Where a value comes from that is not given.
    pub default: FieldDefault,
    /// The column it refers to.
    pub foreign_key: Option<ForeignKey>,
    /// A comment on the column.
    pub comment: Option<String>,
    /// The column's name so far: a database that still has it under that name is to rename it.
    pub renamed_from: Option<String>,
    /// Left out of queries unless asked for.
    pub deferred: bool,
    /// The names of its own constraints and of its index, where they are not the usual ones.
    pub names: FieldNames,
    /// The database computes it.
    pub computed: Option<Computed>,
    /// The database numbers it, with options.
    pub identity: Option<Identity>,
    /// What UPDATE does with it.
    pub on_update: OnUpdate,
    /// It counts the versions of the row.
    pub version: Option<Version>,
    /// Its name together with others that are asked for at once.
    pub deferred_group: Option<String>,
    /// A row in which it is not NULL counts as deleted: statements leave it out. One field of a model at most.
    pub tombstone: bool,
    /// No column: an expression that is computed where it is read.
    pub property: Option<Arc<Property>>,
    /// A class of the program's makes its values out of those of the database: what SQL computes of them is such a value,
    /// too.
    pub decorated: bool,
}

/// Names of what a field asks for itself; None: the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldNames {
    /// Of `unique`: `uq_<table>_<column>`.
    pub unique: Option<String>,
    /// Of `index`: `ix_<table>_<column>`.
    pub index: Option<String>,
}

impl Field {
    /// A nullable column named like its attribute, without any option.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        let name = name.into();
        Self {
            column: name.clone(),
            name,
            column_type,
            nullable: true,
            primary_key: false,
            unique: false,
            index: false,
            autoincrement: false,
            default: FieldDefault::None,
            foreign_key: None,
            comment: None,
            renamed_from: None,
            deferred: false,
            names: FieldNames::default(),
            computed: None,
            identity: None,
            on_update: OnUpdate::Keep,
            version: None,
            deferred_group: None,
            tombstone: false,
            property: None,
            decorated: false,
        }
    }

    /// The same as (part of) the primary key.
    #[must_use]
    pub fn key(mut self) -> Self {
        self.primary_key = true;
        self.nullable = false;
        self
    }

    /// The same, numbered by the database.
    #[must_use]
    pub fn numbered(mut self) -> Self {
        self.autoincrement = true;
        self
    }

    /// The same as NOT NULL.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// The same with a foreign key on `table.column`.
    #[must_use]
    pub fn references(mut self, table: &str, column: &str) -> Self {
        self.foreign_key = Some(ForeignKey::new(table, column));
        self
    }
}

/// Where a value comes from that is not given.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldDefault {
    /// Nowhere: NULL.
    None,
    /// The host makes it when the object is made.
    Client,
    /// The database, by this SQL expression.
    Server(ServerDefault),
    /// INSERT, which writes this SQL expression; the value is read back.
    Expression(ServerDefault),
    /// INSERT, which asks this sequence; the value is read back. SQLite numbers a key that is an integer alone by itself.
    Sequence(Arc<Sequence>),
    /// The database, in a way of its own such as a trigger.
    Fetched,
}

/// An SQL expression without parameters, as each dialect writes it; see
/// [`server_default`](crate::sql::server_default).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerDefault {
    /// For PostgreSQL.
    pub postgres: String,
    /// For SQLite.
    pub sqlite: String,
    /// Why no column of SQLite can hold it; None: it can.
    pub unfit: Option<String>,
}

/// A reference to a column of another table, as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// The table referred to.
    pub table: TableName,
    /// The column referred to.
    pub column: String,
    /// ON DELETE: `CASCADE`, `SET NULL`, `SET DEFAULT`, `RESTRICT`, `NO ACTION`.
    pub on_delete: Option<&'static str>,
    /// ON UPDATE, the same words.
    pub on_update: Option<&'static str>,
    /// The constraint's name; None: `fk_<table>_<column>_<referred table>`.
    pub name: Option<String>,
    /// When and how it is checked.
    pub check: KeyCheck,
}

/// When and how a foreign key is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCheck {
    /// `DEFERRABLE`, `NOT DEFERRABLE`; None says neither.
    pub deferrable: Option<bool>,
    /// `INITIALLY DEFERRED`, `INITIALLY IMMEDIATE`; None says neither.
    pub deferred: Option<bool>,
    /// `MATCH FULL`: several columns are NULL together or not at all.
    pub full: bool,
    /// Added by ALTER TABLE when all tables are there, where a constraint can be added later.
    pub alter: bool,
}

impl KeyCheck {
    /// When it is checked.
    pub fn timing(self) -> Timing {
        match (self.deferrable, self.deferred) {
            (Some(false), _) | (None, None | Some(false)) => Timing::Immediate,
            (_, Some(true)) => Timing::Deferred,
            (Some(true), _) => Timing::Deferrable,
        }
    }
}

impl ForeignKey {
    /// A reference without options.
    pub fn new(table: &str, column: &str) -> Self {
        Self {
            table: TableName { schema: None, name: table.to_owned() },
            column: column.to_owned(),
            on_delete: None,
            on_update: None,
            name: None,
            check: KeyCheck::default(),
        }
    }

    /// Reads a referential action, in any case.
    ///
    /// # Errors
    /// The word is not one of SQL's five.
    pub fn action(word: &str) -> Result<&'static str> {
        const ACTIONS: [&str; 5] = ["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"];
        ACTIONS
            .into_iter()
            .find(|action| action.eq_ignore_ascii_case(word.trim()))
            .ok_or_else(|| Error::unknown_name("referential action", word, "SQL", ACTIONS))
    }
}

/// A constraint of the table.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// UNIQUE over these columns.
    Unique {
        /// Its name; None: `uq_<table>_<columns>`.
        name: Option<String>,
        /// Column names.
        columns: Vec<String>,
        /// Two rows with NULL in the same place are equal.
        nulls_not_distinct: bool,
        /// When it is checked (PostgreSQL).
        timing: Timing,
    },
    /// EXCLUDE (PostgreSQL).
    Exclude(Exclude),
    /// PRIMARY KEY over the fields that say so: its name.
    PrimaryKey {
        /// The name.
        name: String,
    },
    /// CHECK.
    Check {
        /// Its name; None: the database chooses.
        name: Option<String>,
        /// SQL text.
        condition: String,
    },
    /// FOREIGN KEY over several columns.
    ForeignKey {
        /// Its name; None: `fk_<table>_<columns>_<referred table>`.
        name: Option<String>,
        /// Own columns.
        columns: Vec<String>,
        /// The table referred to.
        table: TableName,
        /// Its columns, in the same order.
        referred: Vec<String>,
        /// ON DELETE.
        on_delete: Option<&'static str>,
        /// ON UPDATE.
        on_update: Option<&'static str>,
        /// When and how it is checked.
        check: KeyCheck,
    },
}

/// A resolved foreign key of a model: own fields and what they refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Own fields.
    pub fields: FieldIds,
    /// The model referred to.
    pub target: ModelId,
    /// Its fields, in the same order.
    pub target_fields: FieldIds,
}

/// A model with everything resolved.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its number.
    pub id: ModelId,
    /// What was declared.
    pub def: ModelDef,
    /// The primary key's fields, in declaration order. Empty only for a table that has no objects.
    pub key: FieldIds,
    /// Relations, resolved.
    pub relations: Vec<Relation>,
    /// Foreign keys whose target is a model, resolved.
    pub references: Vec<Reference>,
    /// Rows of a lower rank are written first (and deleted last).
    pub rank: u32,
    /// The model is on a cycle of foreign keys, its own included: its objects need an order of their own.
    pub cyclic: bool,
    /// The field that says of a row that it counts as deleted.
    pub tombstone: Option<FieldId>,
    /// A table without a class: it has no objects.
    pub bare: bool,
    /// A junction that nobody declares: it is made and dropped with the models that have lists through it.
    pub implied: bool,
    /// Fields that need care when a row is written.
    pub upkeep: Upkeep,
    /// A table of a family: the class that brings it.
    pub table_of: Option<ModelId>,
    /// The classes that it shares rows with.
    pub family: Option<Arc<Family>>,
    /// Why it cannot be used: its own mistakes, and those of models to which its relations or its family lead.
    pub mistake: Option<Arc<str>>,
}

impl Model {
    /// Refuses a model that cannot be used.
    ///
    /// # Errors
    /// [`ErrorKind::Mapping`] with the mistakes.
    pub fn check(&self) -> Result<()> {
        match &self.mistake {
            Some(text) => Err(Error::new(ErrorKind::Mapping(text.to_string()))),
            None => Ok(()),
        }
    }

    /// The same model, declared a little differently: no field or key is another.
    pub(crate) fn with_def(&self, def: ModelDef) -> Self {
        Self { def, ..self.clone() }
    }

    /// The class's name.
    pub fn name(&self) -> &str {
        &self.def.name
    }

    /// The table.
    pub fn table(&self) -> &TableName {
        &self.def.table
    }

    /// All fields in declaration order.
    pub fn fields(&self) -> &[Field] {
        &self.def.fields
    }

    /// The fields that are columns, in declaration order.
    pub fn columns(&self) -> impl Iterator<Item = &Field> {
        self.def.fields.iter().filter(|field| field.property.is_none())
    }

    /// The property that a field is; None for a column.
    pub fn property(&self, id: FieldId) -> Option<&Property> {
        self.field(id).property.as_deref()
    }

    /// A field.
    ///
    /// # Panics
    /// When the number is another model's.
    pub fn field(&self, id: FieldId) -> &Field {
        &self.def.fields[id.index()]
    }

    /// A relation.
    ///
    /// # Panics
    /// When the number is another model's.
    pub fn relation(&self, id: RelationId) -> &Relation {
        &self.relations[id.index()]
    }

    /// All field numbers.
    pub fn field_ids(&self) -> impl DoubleEndedIterator<Item = FieldId> + use<> {
        (0..self.def.fields.len() as u16).map(FieldId)
    }

    /// `Model.attr`, for messages.
    pub fn place(&self, field: FieldId) -> String {
        format!("{}.{}", self.name(), self.field(field).name)
    }

    /// The field of an attribute's name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`] with near matches.
    pub fn field_named(&self, name: &str) -> Result<FieldId> {
        self.find_field(name).ok_or_else(|| self.unknown("attribute", name))
    }

    /// The relation of an attribute's name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`] with near matches.
    pub fn relation_named(&self, name: &str) -> Result<RelationId> {
        self.find_relation(name).ok_or_else(|| self.unknown("relation", name))
    }

    /// The field of an attribute's name, if there is one.
    pub fn find_field(&self, name: &str) -> Option<FieldId> {
        self.def.fields.iter().position(|field| field.name == name).map(|index| FieldId(index as u16))
    }

    /// The relation of an attribute's name, if there is one.
    pub fn find_relation(&self, name: &str) -> Option<RelationId> {
        self.relations.iter().position(|relation| relation.name == name).map(|index| RelationId(index as u16))
    }

    /// The field of a column's name, if there is one.
    pub fn find_column(&self, column: &str) -> Option<FieldId> {
        self.def.fields.iter().position(|field| field.column == column).map(|index| FieldId(index as u16))
    }

    /// The error for a name that is neither, or is the other of both.
    pub fn unknown(&self, what: &'static str, name: &str) -> Error {
        // Relations of such a model are not all there.
        if let Err(error) = self.check() {
            return error;
        }
        let place = || format!("{}.{name}", self.name());
        if let Some(field) = self.find_field(name) {
            let kind = ErrorKind::OtherKind {
                place: self.place(field),
                is: "a column",
                instead: "a relation is needed here".into(),
            };
            return Error::new(kind);
        }
        if self.find_relation(name).is_some() {
            let kind = ErrorKind::OtherKind {
                place: place(),
                is: "a relation",
                instead: format!("a column is needed here; selectinload({}) loads the relation", place()),
            };
            return Error::new(kind);
        }
        let fields = self.def.fields.iter().map(|field| field.name.as_str());
        let relations = self.def.relations.iter().map(|relation| relation.name.as_str());
        Error::unknown_name(what, name, self.name(), fields.chain(relations))
    }
}
