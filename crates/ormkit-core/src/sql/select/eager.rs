//! Loads by outer join.

use super::super::SqlWriter;
use super::super::expr::joins;
use crate::model::{Lazy, ModelId, RelationId, Schema};
use crate::query::{Expr, Item, Load, Order, Select, Source, Strategy};

/// The joins that load relations along with the objects of a SELECT.
#[derive(Default)]
pub(super) struct Eager {
    pub(super) joins: Vec<EagerJoin>,
    /// The order of loaded lists, behind the order of the parents.
    pub(super) order: Vec<Order>,
    /// One of them is a list: rows are multiplied.
    pub(super) many: bool,
    /// The item whose relations are loaded.
    pub(super) root: usize,
}

/// One of them.
pub(super) struct EagerJoin {
    pub(super) parent: Source,
    pub(super) relation: RelationId,
    pub(super) target: Source,
    /// The join that brought the parent; None: the root.
    pub(super) parent_join: Option<usize>,
}

/// Sources of eager loads are numbered from here, where no program's own aliases are.
const FIRST_ALIAS: u32 = 1 << 31;

impl Eager {
    /// The joins that `select` asks for, and those that relations ask for by themselves.
    pub(super) fn of(schema: &Schema, select: &Select) -> Self {
        let mut eager = Self::default();
        let root = select.items.iter().enumerate().find(|(_, item)| item.model().is_some());
        // Relatives of objects out of derived rows are loaded by a second statement.
        if let Some((index, Item::Entity { source, .. })) = root {
            let source = *source;
            eager.root = index;
            eager.add(schema, source, None, &select.loads, &mut vec![source.model]);
        }
        eager
    }

    fn add(
        &mut self,
        schema: &Schema,
        parent: Source,
        parent_join: Option<usize>,
        loads: &[Load],
        path: &mut Vec<ModelId>,
    ) {
        for relation in &schema.model(parent.model).relations {
            let load = loads.iter().find(|load| load.relation == relation.id);
            let asked = load.map_or(Strategy::Default, |load| load.strategy);
            // A relation that joins by itself stops where it would come back to a model it has passed.
            let by_itself = asked == Strategy::Default
                && relation.lazy == Lazy::Joined
                && !path.contains(&relation.target);
            if asked != Strategy::Joined && !by_itself {
                continue;
            }
            let target = Source { model: relation.target, alias: FIRST_ALIAS + self.joins.len() as u32 };
            let index = self.joins.len();
            self.joins.push(EagerJoin { parent, relation: relation.id, target, parent_join });
            self.many |= relation.many;
            self.order.extend(relation.order_by.iter().map(|(field, descending)| Order {
                expr: Expr::column(target, *field),
                descending: *descending,
                nulls: None,
            }));
            path.push(relation.target);
            self.add(schema, target, Some(index), load.map_or(&[], |load| &load.then), path);
            path.pop();
        }
    }

    /// Writes the joins.
    pub(super) fn joined(&self, out: &mut SqlWriter<'_>) {
        for join in &self.joins {
            out.push(" LEFT OUTER JOIN ");
            out.source(join.target);
            out.push(" ON ");
            joins(out, join.parent, join.relation, join.target);
        }
    }
}
