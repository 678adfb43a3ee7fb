//! The second statement of a select-in load.

use crate::model::{FieldId, Model, Relation, Schema};
use crate::query::{
    Criterion, Deleted, Expr, Item, JoinKind, Load, Order, Select, Source, fits_one_parameter, json_carries,
};
use crate::sql::Dialect;
use crate::value::Value;

/// The SELECT of the rows at the other end of a relation whose join fields, or those of the junction, are among `keys`.
///
/// `keys` holds one list per column of [`Relation::local`](crate::model::Relation::local), all of one length: at most
/// [`keys_at_once`] keys, none of them NULL, better without repetition. Lists come in the load's order, or in the
/// relation's. The rows carry the join fields, so that each finds its parents.
pub fn select_in(
    schema: &Schema,
    relation: &Relation,
    keys: Vec<Vec<Value>>,
    load: &Load,
    criteria: &[Criterion],
) -> Select {
    let target = schema.model(relation.target);
    let column = |field: &FieldId| Expr::column(target.id, *field);
    let place = Place::of(schema, relation);
    let mut select = Select::entity(target.id);
    let own = if relation.junction.is_some() { &[][..] } else { place.fields };
    if let Some(junction) = &relation.junction {
        let links = Expr::matching(place.source, &junction.far, Source::plain(target.id), &relation.remote);
        select = select.select_from(target.id).join_on(JoinKind::Inner, place.source, links);
        select.parents = place.columns();
    }
    select = select.filter(keys_among(place.model, place.source, place.fields, keys));
    select.filter.extend(relation.condition_on(Source::plain(target.id)));
    let is_deferred = |field: &FieldId| target.field(*field).deferred;
    let chosen = match &load.fields {
        None if own.iter().any(is_deferred) => {
            Some(target.field_ids().filter(|field| !is_deferred(field)).collect())
        }
        chosen => chosen.clone(),
    };
    select.reads_below = load.below;
    let fields = chosen.map(|fields: Vec<FieldId>| fields.into_iter().chain(own.iter().copied()).collect());
    select.items = vec![Item::Entity { source: Source::plain(target.id), fields }];
    for condition in &load.filter {
        select = select.filter(condition.clone());
    }
    select.order_by = match load.order_by.is_empty() {
        false => load.order_by.clone(),
        true => {
            let term = |(field, descending): &(FieldId, bool)| Order {
                expr: column(field),
                descending: *descending,
                nulls: None,
            };
            relation.order_by.iter().map(term).collect()
        }
    };
    if load.limit.is_some() || load.offset.is_some() {
        (select.limit, select.offset) = (load.limit, load.offset);
        select.limit_per = place.columns();
    }
    select.loads = load.then.clone();
    select.criteria = criteria.to_vec();
    select
}

/// Where the rows of a relation have the keys of their parents.
pub(crate) struct Place<'a> {
    /// The target's, or that of the junction.
    pub(crate) model: &'a Model,
    /// Its table in the statement.
    pub(crate) source: Source,
    /// The fields that refer to [`Relation::local`].
    pub(crate) fields: &'a [FieldId],
}

/// The number of the junction: its own number is a program's to speak of.
const LINK_ALIAS: u32 = 1;

impl<'a> Place<'a> {
    pub(crate) fn of(schema: &'a Schema, relation: &'a Relation) -> Self {
        match &relation.junction {
            None => Self {
                model: schema.model(relation.target),
                source: Source::plain(relation.target),
                fields: &relation.remote,
            },
            Some(junction) => Self {
                model: schema.model(junction.model),
                source: Source { model: junction.model, alias: LINK_ALIAS },
                fields: &junction.near,
            },
        }
    }

    fn columns(&self) -> Vec<(Source, FieldId)> {
        self.fields.iter().map(|field| (self.source, *field)).collect()
    }
}

/// The SELECT of `fields` of the objects with these primary keys, deleted ones included: one list per column of the key.
pub fn select_fields(model: &Model, fields: Vec<FieldId>, keys: Vec<Vec<Value>>) -> Select {
    let source = Source::plain(model.id);
    let mut select = Select::entity(model.id).filter(keys_among(model, source, &model.key, keys));
    select.items = vec![Item::Entity { source: Source::plain(model.id), fields: Some(fields) }];
    select.deleted = Deleted::Included;
    select
}

/// `fields` are among `keys`: one list per field.
fn keys_among(model: &Model, source: Source, fields: &[FieldId], keys: Vec<Vec<Value>>) -> Expr {
    let column = |field: &FieldId| Expr::column(source, *field);
    let element = |field: &FieldId| model.field(*field).column_type.sql_type();
    let mut lists = keys.into_iter();
    match (fields, lists.len()) {
        ([field], 1) => {
            let (mut list, element) = (lists.next().unwrap_or_default(), element(field));
            if !fits_one_parameter(element) {
                pad(&mut list);
            }
            column(field).in_values(list, element)
        }
        (fields, _) => {
            let lists = lists.map(|mut list| {
                pad(&mut list);
                list
            });
            Expr::in_rows(
                fields.iter().map(column).collect(),
                fields.iter().map(element).zip(lists).collect(),
            )
        }
    }
}

/// Repeats the last value up to a power of two: the number of values is part of the statement's shape, and there are to be
/// few of them.
fn pad(list: &mut Vec<Value>) {
    if let Some(last) = list.last().cloned() {
        list.resize(list.len().next_power_of_two(), last);
    }
}

/// How many keys a statement can take: all there are where each column's values are one parameter.
pub fn keys_at_once(dialect: &Dialect, model: &Model, fields: &[FieldId]) -> usize {
    let bound_as_one = |field: &FieldId| {
        let element = model.field(*field).column_type.sql_type();
        if dialect.arrays { element.has_array_parameter() } else { json_carries(element) }
    };
    if fields.iter().all(bound_as_one) {
        return usize::MAX;
    }
    // A power of two, which padding does not exceed; conditions of the load's own have room beside it.
    let most = dialect.max_params / fields.len().max(1);
    (most / 2 + 1).next_power_of_two()
}
