//! Relations between models.

use std::sync::Arc;

use super::{FieldId, FieldIds, ModelId, Property, RelationId, TableName};
use crate::query::{Expr, Source};

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
    /// Each object has one at the other end: joins that load it may leave out those without, where the key is NOT NULL.
    pub inner_join: bool,
    /// For references of a model to itself: names of the columns at the far end.
    pub remote_side: Vec<String>,
    /// Deleting a parent leaves its children to the database's ON DELETE.
    pub passive_deletes: bool,
    /// Never written.
    pub view_only: bool,
    /// The foreign key is written by an UPDATE of its own, behind the INSERTs and before the DELETEs of a flush: rows may
    /// refer to each other.
    pub post_update: bool,
    /// An object has one parent: where this model holds the key, something has to keep it from a second one.
    pub single_parent: bool,
    /// The table that links both ends of a many-to-many relation; None: one of them holds the foreign key.
    pub secondary: Option<Secondary>,
    /// Names of the junction's columns that refer to this model, where there is a choice.
    pub near_keys: Vec<String>,
    /// Names of the junction's columns that refer to the target, where there is a choice.
    pub far_keys: Vec<String>,
    /// The columns that it goes by, where they are said: no foreign key need say the same.
    pub pairs: Option<Pairs>,
    /// What else holds of the objects of the target that it leads to.
    pub condition: Option<Arc<Property>>,
}

/// The columns that a relation without a junction goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// Names of own columns and of those of the target that equal them.
    pub columns: Vec<(String, String)>,
    /// The own ones refer to the target's; otherwise it is the other way round.
    pub own: bool,
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
            inner_join: false,
            remote_side: Vec::new(),
            passive_deletes: false,
            view_only: false,
            post_update: false,
            single_parent: false,
            secondary: None,
            near_keys: Vec::new(),
            far_keys: Vec::new(),
            pairs: None,
            condition: None,
        }
    }
}

/// The junction of a many-to-many relation: the table whose rows link two objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secondary {
    /// A table. One that nobody declares is made: a column `<class>_id` for each end, in snake case (`<class>_<column>`
    /// for keys of several columns), together the key, both ON DELETE CASCADE; ON UPDATE CASCADE as well to a key that the
    /// database does not number.
    Table(TableName),
    /// A model.
    Model(ModelId),
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
    /// Leaves it unloaded. A list of very many: objects are added and taken out without reading the others, and a host
    /// refuses to load it. Deleting its owner reads it all the same, unless the database sees to its members.
    WriteOnly,
}

impl Lazy {
    /// True where the relation is loaded without being asked for.
    pub fn is_eager(self) -> bool {
        matches!(self, Self::SelectIn | Self::Joined)
    }
}

/// Which side holds the foreign key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// This model does: at most one object.
    ManyToOne,
    /// The target does: a list, or one object where the relation says so.
    OneToMany,
    /// Rows of a [junction](Relation::junction) do: a list.
    ManyToMany,
}

/// The table whose rows link the two ends of a many-to-many relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Junction {
    /// Its model.
    pub model: ModelId,
    /// Its fields that refer to [`Relation::local`], in the same order.
    pub near: FieldIds,
    /// Its fields that refer to [`Relation::remote`], in the same order.
    pub far: FieldIds,
}

impl Junction {
    /// All fields of a link: those of this side, then those of the other one.
    pub fn fields(&self) -> Vec<FieldId> {
        self.near.iter().chain(&self.far).copied().collect()
    }

    /// True when `other` is the same junction, seen from the other end.
    pub fn is_reverse_of(&self, other: &Self) -> bool {
        self.model == other.model && self.near == other.far && self.far == other.near
    }
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
    /// Own fields of the join: the foreign key (many-to-one), or what a foreign key refers to.
    pub local: FieldIds,
    /// The target's fields of the join, in the same order; of a many-to-many relation what the junction refers to.
    pub remote: FieldIds,
    /// What links the two ends of a many-to-many relation; None for the other kinds.
    pub junction: Option<Junction>,
    /// The target's relation that shows the other direction.
    pub back: Option<RelationId>,
    /// The order of a list: field of the target, true for descending.
    pub order_by: Vec<(FieldId, bool)>,
    /// What passes on.
    pub cascade: Cascade,
    /// What a query does that says nothing of it.
    pub lazy: Lazy,
    /// Each object has one at the other end: joins that load it leave out those without.
    pub inner_join: bool,
    /// Deleting a parent leaves its children to the database.
    pub passive_deletes: bool,
    /// Never written.
    pub view_only: bool,
    /// The foreign key is written by an UPDATE of its own, behind the INSERTs and before the DELETEs of a flush: rows may
    /// refer to each other.
    pub post_update: bool,
    /// No foreign key says so: the columns are those that were said.
    pub keyless: bool,
    /// What else holds of the objects that it leads to.
    pub condition: Option<Arc<Property>>,
}

impl Relation {
    /// What else holds of a row of `target`.
    pub fn condition_on(&self, target: Source) -> Option<Expr> {
        self.condition.as_ref().map(|condition| condition.of(target))
    }
}
