//! Loads by outer join.

use super::super::expr::{INNER, join_along};
use super::super::{SqlWriter, tombstone};
use super::on;
use crate::error::Error;
use crate::model::{FieldId, Lazy, ModelId, Relation, RelationId, RelationKind, Schema};
use crate::query::{
    Expr, FromItem, Item, Join, JoinKind, Load, On, Order, Select, Source, Strategy, fields_read,
};

/// The joins that load relations along with the objects of a SELECT.
#[derive(Default)]
pub(super) struct Eager {
    pub(super) joins: Vec<EagerJoin>,
    /// The order of loaded lists, behind the order of the parents.
    pub(super) order: Vec<Order>,
    /// One of those that are written here is a list: rows are multiplied.
    pub(super) many: bool,
    /// The item whose relations are loaded.
    pub(super) root: usize,
    /// What cannot be done.
    pub(super) refused: Option<Error>,
}

/// One of them.
pub(super) struct EagerJoin {
    pub(super) parent: Source,
    pub(super) relation: RelationId,
    pub(super) target: Source,
    /// The join that brought the parent; None: the root.
    pub(super) parent_join: Option<usize>,
    pub(super) fields: Vec<FieldId>,
    inner: bool,
    /// The statement joins the table itself.
    contained: bool,
    filter: Vec<Expr>,
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
            eager.add(schema, select, source, None, &select.loads, &mut vec![source.model]);
        }
        eager
    }

    fn add(
        &mut self,
        schema: &Schema,
        select: &Select,
        parent: Source,
        parent_join: Option<usize>,
        loads: &[Load],
        path: &mut Vec<ModelId>,
    ) {
        for relation in &schema.model(parent.model).relations {
            let load = loads.iter().find(|load| load.relation == relation.id && load.aside.is_none());
            let asked = load.map_or(Strategy::Default, |load| load.strategy);
            // A relation that joins by itself stops where it would come back to a model it has passed.
            let by_itself = asked == Strategy::Default
                && relation.lazy == Lazy::Joined
                && !path.contains(&relation.target);
            let contained = asked == Strategy::Contained;
            if asked != Strategy::Joined && !contained && !by_itself {
                continue;
            }
            let target = match load.filter(|_| contained) {
                Some(load) => match self.contained(schema, select, parent, relation, load) {
                    Some(target) => target,
                    None => return,
                },
                None => Source { model: relation.target, alias: FIRST_ALIAS + self.joins.len() as u32 },
            };
            let index = self.joins.len();
            let then = load.map_or(&[][..], |load| &load.then);
            let join = EagerJoin {
                parent,
                relation: relation.id,
                target,
                parent_join,
                fields: fields_read(
                    schema.model(relation.target),
                    load.and_then(|load| load.fields.as_deref()),
                    then,
                ),
                inner: load
                    .and_then(|load| load.inner)
                    .unwrap_or_else(|| keeps_all(schema, select, parent, relation, load))
                    && parent_join.is_none_or(|parent| self.joins[parent].inner),
                contained,
                filter: self.filter(relation, load, target),
            };
            self.joins.push(join);
            if !contained {
                self.many |= relation.many;
                self.order.extend(order_of(relation, load, target));
            }
            path.push(relation.target);
            self.add(schema, select, target, Some(index), then, path);
            path.pop();
        }
    }

    /// The table of the statement's own that a relation is read from.
    fn contained(
        &mut self,
        schema: &Schema,
        select: &Select,
        parent: Source,
        relation: &Relation,
        load: &Load,
    ) -> Option<Source> {
        let meant = |join: &&Join| match (load.source, &join.on) {
            (Some(source), _) => join.target == FromItem::Table(source),
            (None, On::Relation { parent: of, relation: by, .. }) => *of == parent && *by == relation.id,
            (None, On::Condition(_)) => join.target == FromItem::Table(Source::plain(relation.target)),
        };
        let found = select.joins.iter().find(meant).and_then(|join| match join.target {
            FromItem::Table(target) => Some(target),
            FromItem::Derived(_) => None,
        });
        if found.is_none() {
            let place = format!("{}.{}", schema.model(parent.model).name(), relation.name);
            self.refused = Some(Error::unsupported(
                format!("contains_eager({place}) in a query that does not join it"),
                format!("add .join({place}), or load it with joinedload({place})"),
            ));
        }
        found
    }

    /// The conditions of a load, said of its own table.
    fn filter(&mut self, relation: &Relation, load: Option<&Load>, target: Source) -> Vec<Expr> {
        let Some(load) = load else { return Vec::new() };
        let refused = match () {
            () if load.limit.is_some() || load.offset.is_some() => "a limit for each parent",
            () if load.depth != 1 => "recursion_depth",
            () => {
                let plain = Source::plain(relation.target);
                return load.filter.iter().map(|condition| condition.renamed(plain, target)).collect();
            }
        };
        self.refused = Some(Error::unsupported(
            format!("{refused} in a load of `{}` by join", relation.name),
            "use selectinload".to_owned(),
        ));
        Vec::new()
    }

    /// Writes the joins.
    pub(super) fn joined(&self, out: &mut SqlWriter<'_>) {
        for join in self.joins.iter().filter(|join| !join.contained) {
            let words = if join.inner { INNER } else { " LEFT OUTER JOIN " };
            join_along(out, words, join.parent, join.relation, join.target);
            tombstone::and_living(out, join.target);
            on::conditions(out, &join.filter);
        }
    }
}

/// True where a relation says that each object has a relative, and no inner join along it leaves out a row.
fn keeps_all(
    schema: &Schema,
    select: &Select,
    parent: Source,
    relation: &Relation,
    load: Option<&Load>,
) -> bool {
    let (model, target) = (schema.model(parent.model), schema.model(relation.target));
    relation.inner_join
        && relation.kind == RelationKind::ManyToOne
        && relation.local.iter().all(|field| !model.field(*field).nullable)
        && relation.condition.is_none()
        && target.tombstone.is_none()
        && target.family.is_none()
        && load.is_none_or(|load| load.filter.is_empty())
        && select.joins.iter().all(|join| join.kind == JoinKind::Inner)
        && !select.criteria.iter().any(|criterion| criterion.model == relation.target)
}

/// The order of a list, said of its own table.
fn order_of(relation: &Relation, load: Option<&Load>, target: Source) -> Vec<Order> {
    if let Some(load) = load.filter(|load| !load.order_by.is_empty()) {
        let plain = Source::plain(relation.target);
        let term = |term: &Order| Order { expr: term.expr.renamed(plain, target), ..term.clone() };
        return load.order_by.iter().map(term).collect();
    }
    let term = |(field, descending): &(FieldId, bool)| Order {
        expr: Expr::column(target, *field),
        descending: *descending,
        nulls: None,
    };
    relation.order_by.iter().map(term).collect()
}
