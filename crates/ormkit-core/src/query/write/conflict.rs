//! ON CONFLICT.

use super::super::Expr;
use crate::model::{FieldId, Model};

/// What INSERT does when a row exists already.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conflict {
    /// Which uniqueness is meant.
    pub target: ConflictTarget,
    /// What is set in the existing row; none: it is left as it is.
    pub set: Vec<(FieldId, Expr)>,
    /// The existing row is changed only where these hold.
    pub filter: Vec<Expr>,
}

/// Which uniqueness a conflict is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConflictTarget {
    /// Any.
    Any,
    /// That of these columns; where the index is partial, with its condition.
    Columns(Vec<FieldId>, Option<IndexFilter>),
    /// A constraint by name (PostgreSQL).
    Constraint(String),
}

/// The condition of a partial index, as text of both dialects. Its values are written out: the database finds the index by
/// comparing the two conditions, and a parameter is equal to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IndexFilter {
    /// None: PostgreSQL cannot say it.
    pub(crate) postgres: Option<Box<str>>,
    /// None: SQLite cannot say it.
    pub(crate) sqlite: Option<Box<str>>,
}

impl Conflict {
    /// ON CONFLICT DO NOTHING.
    pub fn nothing(target: ConflictTarget) -> Self {
        Self { target, set: Vec::new(), filter: Vec::new() }
    }

    /// ON CONFLICT DO UPDATE.
    pub fn update(target: ConflictTarget, set: Vec<(FieldId, Expr)>) -> Self {
        Self { target, set, filter: Vec::new() }
    }

    /// ON CONFLICT DO UPDATE of every inserted column outside the key and the target, to the value that was to be
    /// inserted.
    pub fn update_inserted(model: &Model, inserted: &[FieldId], target: ConflictTarget) -> Self {
        let is_target = |field: &FieldId| matches!(&target, ConflictTarget::Columns(columns, _) if columns.contains(field));
        let columns = || inserted.iter().filter(|field| !model.key.contains(field));
        let mut set: Vec<&FieldId> = columns().filter(|field| !is_target(field)).collect();
        if set.is_empty() {
            // Nothing but the target: it is written as it is, so that the statement answers the row that was there.
            set = columns().collect();
        }
        let set = set.into_iter().map(|field| (*field, Expr::Excluded(model.id, *field))).collect();
        Self::update(target, set)
    }
}
