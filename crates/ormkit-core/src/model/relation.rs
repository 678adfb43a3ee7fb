//! Relations between models.

use super::{FieldId, FieldIds, ModelId, RelationId};

/// A relation as a binding declares it.
#[derive(Clone, Debug)]
pub struct RelationDef {
    /// The attribute's name.
    pub name: String,
    /// The model at the other end.
    pub target: Target,
    /// True: a list; false: one object; None: a list unless this model holds the foreign key.
    pub many: Option<bool>,
    /// Names of the columns that hold the key, own or the target's, where there is a choice: `author_id`, or
    /// `Post.author_id` where both ends have a column of that name.
    pub foreign_keys: Vec<String>,
    /// The relation of the target that shows the other direction.
    pub back_populates: Option<String>,
    /// Attribute names of the target to sort a list by; a leading `-` sorts downwards.
    pub order_by: Vec<String>,
    /// What passes on from an object to its relatives.
    pub cascade: Cascade,
    /// What a query does that says nothing of the relation.
    pub lazy: Lazy,
    /// For references of a model to itself: names of the columns at the far end.
    pub remote_side: Vec<String>,
    /// Deleting a parent leaves its children to the database's ON DELETE.
    pub passive_deletes: bool,
    /// Never written.
    pub view_only: bool,
    /// The foreign key is written by an UPDATE of its own, behind the INSERTs and before the DELETEs of a flush: rows may
    /// refer to each other.
    pub post_update: bool,
}

impl RelationDef {
    /// A relation with every option at its default.
    pub fn new(name: impl Into<String>, target: Target) -> Self {
        Self {
            name: name.into(),
            target,
            many: None,
            foreign_keys: Vec::new(),
            back_populates: None,
            order_by: Vec::new(),
            cascade: Cascade::default(),
            lazy: Lazy::Select,
            remote_side: Vec::new(),
            passive_deletes: false,
            view_only: false,
            post_update: false,
        }
    }
}

/// How the other end is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A class's name, looked up in the declaring module first.
    Name(String),
    /// A model.
    Model(ModelId),
}

/// What passes on from an object to its relatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cascade {
    /// `add` takes the relatives along.
    pub save_update: bool,
    /// `merge` does.
    pub merge: bool,
    /// `delete` does.
    pub delete: bool,
    /// A child that has lost its parent is deleted.
    pub delete_orphan: bool,
    /// `refresh` and `expire` do.
    pub refresh_expire: bool,
    /// `expunge` does.
    pub expunge: bool,
}

impl Default for Cascade {
    /// `save-update, merge`.
    fn default() -> Self {
        Self {
            save_update: true,
            merge: true,
            delete: false,
            delete_orphan: false,
            refresh_expire: false,
            expunge: false,
        }
    }
}

/// What a query does that says nothing of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lazy {
    /// Leaves it unloaded.
    Select,
    /// Leaves it unloaded.
    Raise,
    /// Loads it by a second statement.
    SelectIn,
    /// Loads it by a join.
    Joined,
}

/// Which side holds the foreign key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// This model does: at most one object.
    ManyToOne,
    /// The target does: a list, or one object where the relation says so.
    OneToMany,
}

/// A resolved relation.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its number.
    pub id: RelationId,
    /// The attribute's name.
    pub name: String,
    /// The model at the other end.
    pub target: ModelId,
    /// Which side holds the foreign key.
    pub kind: RelationKind,
    /// The attribute is a list.
    pub many: bool,
    /// Own fields of the join: the foreign key (many-to-one), or what it refers to (one-to-many).
    pub local: FieldIds,
    /// The target's fields of the join, in the same order.
    pub remote: FieldIds,
    /// The target's relation that shows the other direction.
    pub back: Option<RelationId>,
    /// The order of a list: field of the target, true for descending.
    pub order_by: Vec<(FieldId, bool)>,
    /// What passes on.
    pub cascade: Cascade,
    /// What a query does that says nothing of it.
    pub lazy: Lazy,
    /// Deleting a parent leaves its children to the database.
    pub passive_deletes: bool,
    /// Never written.
    pub view_only: bool,
    /// The foreign key is written by an UPDATE of its own, behind the INSERTs and before the DELETEs of a flush: rows may
    /// refer to each other.
    pub post_update: bool,
}
