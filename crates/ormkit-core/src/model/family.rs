//! Classes that extend one class and share its rows: which of them a row is of, and where their columns are.
//!
//! The classes of a family are one class to the identity map, to relations and to foreign keys. A class begins with the
//! fields and the relations of the class that it extends, under the same numbers. Its columns stand in the same table
//! (single-table inheritance) or in one of their own that refers to it by its key (joined-table inheritance; P of EAA,
//! "Single Table Inheritance" and "Class Table Inheritance").

use crate::query::Expr;
use crate::value::Value;

use super::{FieldId, FieldIds, FieldSet, Model, ModelId};

/// What the discriminator of a row holds for a class.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// A text; of a native enum its label.
    Text(String),
    /// A number.
    Int(i64),
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Int(number) => write!(f, "{number}"),
        }
    }
}

/// What a binding says of a class of a family beside its [definition](super::ModelDef).
#[derive(Clone, Debug, Default)]
pub struct Kinship {
    /// The class that it extends; None: the family begins with it.
    pub parent: Option<ModelId>,
    /// The field that tells of which class a row is: said by the first class.
    pub discriminator: Option<FieldId>,
    /// What it holds for this class; None: no row is of this class itself.
    pub mark: Option<Mark>,
    /// Its own columns stand in a table of their own.
    pub joined: Option<OwnTable>,
}

/// The table of a class whose columns do not stand in that of the class it extends.
#[derive(Clone, Debug)]
pub struct OwnTable {
    /// The table: the key first, which refers to the table of the class that is extended.
    pub def: super::ModelDef,
    /// The fields of the class that its key holds, in the order of the key.
    pub key: Vec<FieldId>,
}

/// A resolved class of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The class that the family begins with.
    pub root: ModelId,
    /// The classes that this one extends, the nearest first.
    pub above: Vec<ModelId>,
    /// The field that tells of which class a row is.
    pub discriminator: FieldId,
    /// What it holds for this class.
    pub mark: Option<Mark>,
    /// The classes that extend this one, at any depth, each after the one that it extends.
    pub below: Vec<ModelId>,
    /// The first field that it does not have from the class that it extends.
    pub own: usize,
    /// The table of this class has rows of other classes, too, that do not extend it.
    pub is_filtered: bool,
    /// The tables of the class, the first class's first, where it has more than one.
    pub parts: Vec<Part>,
    /// What stands for each of its tables, with the columns of all classes that share it.
    pub tables: Vec<ModelId>,
}

/// One of several tables of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What stands for the table.
    pub model: ModelId,
    /// The fields of the class, and those of the table that hold them. The key comes first.
    pub fields: Vec<(FieldId, FieldId)>,
    /// Fields of the class that have the value of its key: the table calls its key otherwise.
    pub mirrors: FieldIds,
}

impl Part {
    /// Which of `fields` of the class are written into the table, which is the `at`th. The key is written first and found
    /// by it afterwards; where it changes, the other tables follow the first one's by themselves.
    pub(crate) fn written(&self, at: usize, is_insert: bool, key: usize, fields: &FieldSet) -> FieldSet {
        let first = if at == 0 { 0 } else { key };
        let key = self.fields.iter().take(key).filter(|_| is_insert && at > 0);
        let rest = self.fields.iter().skip(first).filter(|(field, _)| fields.contains(*field));
        key.chain(rest).map(|(field, _)| *field).collect()
    }
}

impl Mark {
    /// The value of the discriminator.
    pub fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::Text(text.as_str().into()),
            Self::Int(number) => Value::Int(*number),
        }
    }
}

impl Model {
    /// The condition that a row is of this class itself, and the discriminator; None where the class shares no rows, or has
    /// none of its own.
    pub(crate) fn of_class_itself(&self) -> Option<(FieldId, Expr)> {
        let family = self.family.as_ref()?;
        let field = family.discriminator;
        let mark = Expr::value(family.mark.as_ref()?.value(), self.field(field).column_type.sql_type());
        Some((field, Expr::column(self.id, field).eq(mark)))
    }

    /// The class whose identity its objects have.
    pub fn root(&self) -> ModelId {
        self.family.as_ref().map_or(self.id, |family| family.root)
    }

    /// The tables of the class where it has more than one.
    pub fn parts(&self) -> &[Part] {
        self.family.as_ref().map_or(&[], |family| &family.parts)
    }

    /// True for `of` itself and for a class that extends it.
    pub fn is_a(&self, of: ModelId) -> bool {
        self.id == of || self.family.as_ref().is_some_and(|family| family.above.contains(&of))
    }
}
