//! What to load along with the objects of a query.

use std::sync::Arc;

use super::{Deleted, Expr, Order, Source};
use crate::host::Fill;
use crate::model::{FieldId, Lazy, Model, ModelId, Relation, RelationId};

/// How a relation is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// By a second statement with the keys of all parents.
    SelectIn,
    /// By an outer join in the same statement.
    Joined,
    /// From the rows of a join that the statement makes itself.
    Contained,
    /// Not at all: it is explicitly empty and never written.
    NoLoad,
    /// Not at all: reading it raises, whatever the relation says itself.
    Raise,
    /// As the relation says itself.
    Default,
}

/// A relation to load, and what to load with its objects.
///
/// A list that is loaded with a filter or a limit is what was loaded: rows beyond it are neither written nor deleted when
/// it changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Load {
    /// The relation, of the model of the objects that have it.
    pub relation: RelationId,
    /// The class below that model, in its family, that has the relation; None: the model itself does.
    pub of: Option<ModelId>,
    /// How.
    pub strategy: Strategy,
    /// Columns of the loaded objects; None: all but deferred ones. Keys are always read.
    pub fields: Option<Vec<FieldId>>,
    /// Where they are chosen, those that only classes below have are read all the same; select-in alone.
    pub below: bool,
    /// Conditions on the loaded rows, whose table goes by its own name.
    pub filter: Vec<Expr>,
    /// The order of a list; empty: the relation's own.
    pub order_by: Vec<Order>,
    /// At most so many objects for each parent, select-in alone.
    pub limit: Option<u64>,
    /// Leaves out so many objects of each parent, select-in alone.
    pub offset: Option<u64>,
    /// Joins by an INNER JOIN: parents without a relative are left out. Below an outer join it is an outer one. None: as the
    /// relation says, where that leaves out none.
    pub inner: Option<bool>,
    /// How many levels of a relation of a model to itself are loaded, select-in alone; `u32::MAX`: all there are.
    pub depth: u32,
    /// The table that a [contained](Strategy::Contained) relation is read from; None: that of the join along it.
    pub source: Option<Source>,
    /// Sets what is found beside the object, under this name, and leaves the relation as it is; select-in alone.
    pub aside: Option<Arc<str>>,
    /// Relations of the loaded objects.
    pub then: Vec<Load>,
}

impl Load {
    /// A relation alone.
    pub fn new(relation: RelationId, strategy: Strategy) -> Self {
        Self {
            relation,
            of: None,
            strategy,
            fields: None,
            below: false,
            filter: Vec::new(),
            order_by: Vec::new(),
            limit: None,
            offset: None,
            inner: None,
            depth: 1,
            source: None,
            aside: None,
            then: Vec::new(),
        }
    }

    /// Adds `load` to `loads`; a relation named again takes what the newer one says, and keeps what that leaves open.
    pub fn add(loads: &mut Vec<Self>, load: Self) {
        match loads.iter_mut().find(|known| known.is_like(&load)) {
            Some(known) => known.take(load),
            None => loads.push(load),
        }
    }

    /// True when both load the same relation to the same place.
    pub fn is_like(&self, other: &Self) -> bool {
        self.relation == other.relation && self.of == other.of && self.aside == other.aside
    }

    fn take(&mut self, newer: Self) {
        if newer.strategy != Strategy::Default {
            self.strategy = newer.strategy;
            self.inner = newer.inner;
            self.source = newer.source.or(self.source);
        }
        if !newer.filter.is_empty() {
            self.filter = newer.filter;
        }
        if !newer.order_by.is_empty() {
            self.order_by = newer.order_by;
        }
        if newer.fields.is_some() {
            (self.fields, self.below) = (newer.fields, newer.below);
        }
        self.limit = newer.limit.or(self.limit);
        self.offset = newer.offset.or(self.offset);
        if newer.depth != 1 {
            self.depth = newer.depth;
        }
        for then in newer.then {
            Self::add(&mut self.then, then);
        }
    }

    /// True when it loads a part of a relation alone.
    pub fn is_partial(&self) -> bool {
        !self.filter.is_empty()
            || self.limit.is_some()
            || self.offset.is_some()
            || self.strategy == Strategy::Contained
    }
}

/// A condition on every row of a model that a statement selects, joins or loads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Criterion {
    /// The model.
    pub model: ModelId,
    /// The condition; the model's table goes by its own name.
    pub condition: Expr,
}

/// Which rows are loaded along.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach<'a> {
    /// What holds for all of them.
    pub(crate) criteria: &'a [Criterion],
    /// Rows that count as deleted are among them.
    pub(crate) deleted: bool,
    /// Objects that are held already take what their rows say, and load again what is loaded along.
    pub(crate) again: bool,
}

impl<'a> Reach<'a> {
    /// What a statement says of them.
    pub(crate) fn of(criteria: &'a [Criterion], deleted: Deleted) -> Self {
        Self { criteria, deleted: deleted == Deleted::Included, again: false }
    }

    /// The same, for objects that are read again.
    pub(crate) fn again(self, again: bool) -> Self {
        Self { again, ..self }
    }

    /// Which attributes of objects that are held take what is read.
    pub(crate) fn fill(self) -> Fill {
        if self.again { Fill::All } else { Fill::Missing }
    }

    /// What a statement says that loads them.
    pub(crate) fn deleted(self) -> Deleted {
        if self.deleted { Deleted::Included } else { Deleted::LeftOut }
    }

    /// True where a list of `target` may lack rows that count as deleted.
    pub(crate) fn leaves_out(self, target: &Model) -> bool {
        target.tombstone.is_some() && !self.deleted
    }
}

/// How a relation is loaded: as a load says, or as it says itself.
pub(crate) fn strategy_of(relation: &Relation, load: Option<&Load>) -> Strategy {
    match (load.map_or(Strategy::Default, |load| load.strategy), relation.lazy) {
        (Strategy::Default, Lazy::SelectIn) => Strategy::SelectIn,
        (Strategy::Default, Lazy::Joined) => Strategy::Joined,
        (strategy, _) => strategy,
    }
}

/// The columns that are read of a model, in declaration order: `chosen` ones or all but deferred ones, the key, and what
/// select-in loads of its relations look for.
pub(crate) fn fields_read(model: &Model, chosen: Option<&[FieldId]>, loads: &[Load]) -> Vec<FieldId> {
    let by_default = |field: &FieldId| !model.field(*field).deferred;
    let linking = |field: &FieldId| {
        model.relations.iter().any(|relation| {
            let own = loads.iter().find(|load| load.relation == relation.id && load.aside.is_none());
            let aside = loads.iter().any(|load| load.relation == relation.id && load.aside.is_some());
            (aside || strategy_of(relation, own) == Strategy::SelectIn) && relation.local.contains(field)
        })
    };
    let wanted = |field: &FieldId| {
        chosen.map_or_else(|| by_default(field), |chosen| chosen.contains(field))
            || model.key.contains(field)
            || model.family.as_ref().is_some_and(|family| family.discriminator == *field)
            || linking(field)
    };
    model.field_ids().filter(wanted).collect()
}
