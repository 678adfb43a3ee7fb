//! What to load along with the objects of a query.

use crate::model::RelationId;

/// How a relation is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// By a second statement with the keys of all parents.
    SelectIn,
    /// By an outer join in the same statement.
    Joined,
    /// Not at all: it is explicitly empty and never written.
    NoLoad,
    /// Not at all: reading it raises, whatever the relation says itself.
    Raise,
    /// As the relation says itself.
    Default,
}

/// A relation to load, and what to load with its objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Load {
    /// The relation, of the model of the objects that have it.
    pub relation: RelationId,
    /// How.
    pub strategy: Strategy,
    /// Relations of the loaded objects.
    pub then: Vec<Load>,
}

impl Load {
    /// A relation alone.
    pub fn new(relation: RelationId, strategy: Strategy) -> Self {
        Self { relation, strategy, then: Vec::new() }
    }

    /// Adds `load` to `loads`; a relation named again takes the newer strategy and keeps what both say of its objects.
    pub fn add(loads: &mut Vec<Self>, load: Self) {
        match loads.iter_mut().find(|known| known.relation == load.relation) {
            Some(known) => {
                if load.strategy != Strategy::Default {
                    known.strategy = load.strategy;
                }
                for then in load.then {
                    Self::add(&mut known.then, then);
                }
            }
            None => loads.push(load),
        }
    }
}
