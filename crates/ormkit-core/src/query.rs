//! The query AST: what to read or write, without text and without IO.

use crate::model::{FieldId, ModelId};
use crate::value::SqlType;

/// What is known of a column of a result that is not part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Its type.
    pub sql_type: SqlType,
    /// The field it shows unchanged, where it does: hosts look up their own type there (an enum's class).
    pub field: Option<(ModelId, FieldId)>,
}
