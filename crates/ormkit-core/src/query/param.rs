//! Values that are given when a statement runs.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Bound;
use crate::model::{ColumnType, FieldId, ModelId};
use crate::value::SqlType;

/// A value of a statement that is given when it runs, by name: one statement serves many values.
///
/// Equality is that of the shape: the value that stands in for one that is not given does not count.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Arc<str>,
    /// Its type, of a list that of each element; None: that of the value.
    pub column_type: Option<ColumnType>,
    /// The field whose values it takes, where it stands beside one.
    pub field: Option<(ModelId, FieldId)>,
    /// A list of values.
    pub is_list: bool,
    /// What it is where none is given.
    pub default: Option<Bound>,
}

impl Param {
    /// Of no type but its value's.
    pub fn untyped(name: &str) -> Self {
        Self { name: name.into(), column_type: None, field: None, is_list: false, default: None }
    }

    /// Its type; of a list, that of each element.
    pub fn sql_type(&self) -> SqlType {
        self.column_type.as_ref().map_or(SqlType::Unknown, ColumnType::sql_type)
    }
}

impl PartialEq for Param {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.column_type == other.column_type
            && self.field == other.field
            && self.is_list == other.is_list
            && self.default == other.default
    }
}

impl Eq for Param {}

impl Hash for Param {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.sql_type().hash(state);
        self.field.hash(state);
        self.is_list.hash(state);
        self.default.hash(state);
    }
}

/// What was given for the parameters of a statement.
///
/// Equality is that of the shape: which are given, and what of a list shows in the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Arguments(Option<Arc<[(Param, Bound)]>>);

impl Arguments {
    /// These values.
    pub fn new(values: Vec<(Param, Bound)>) -> Self {
        Self((!values.is_empty()).then(|| values.into()))
    }

    /// True where none is given.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// These and more.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        let all = [self.0, more.0].into_iter().flatten();
        Self::new(all.flat_map(|values| values.to_vec()).collect())
    }

    /// The value of a parameter.
    pub fn of(&self, param: &Param) -> Option<&Bound> {
        self.0.as_deref()?.iter().find(|(known, _)| known == param).map(|(_, value)| value)
    }

    /// The value of a placeholder of SQL text, which has no type but its value's.
    pub fn named(&self, name: &str) -> Option<&Bound> {
        let placeholder =
            |param: &Param| *param.name == *name && param.column_type.is_none() && !param.is_list;
        self.0.as_deref()?.iter().find(|(known, _)| placeholder(known)).map(|(_, value)| value)
    }
}
