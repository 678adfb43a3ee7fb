//! The second statement of a select-in load.

use crate::model::{Model, RelationId, Schema};
use crate::query::{Expr, Load, Order, Select};
use crate::value::Value;

/// The most keys of one statement: every dialect takes them, whatever their types, for keys of up to three columns.
pub const KEYS_AT_ONCE: usize = 10_000;

/// The SELECT of the rows at the other end of a relation whose join fields are among `keys`.
///
/// `keys` holds one list per column of [`Relation::local`](crate::model::Relation::local), all of one length: at most
/// [`KEYS_AT_ONCE`] keys, none of them NULL, better without repetition. Lists come in the relation's order. The rows
/// carry the join fields themselves, so that each finds its parents.
pub fn select_in(
    schema: &Schema,
    model: &Model,
    relation: RelationId,
    keys: Vec<Vec<Value>>,
    then: &[Load],
) -> Select {
    let relation = model.relation(relation);
    let target = schema.model(relation.target);
    let column = |field| Expr::column(target.id, field);
    let element = |field| target.field(field).column_type.sql_type();
    let mut lists = keys.into_iter();
    let condition = match (&relation.remote[..], lists.len()) {
        ([field], 1) => column(*field).in_values(lists.next().unwrap_or_default(), element(*field)),
        (fields, _) => Expr::in_rows(
            fields.iter().map(|field| column(*field)).collect(),
            fields.iter().map(|field| element(*field)).zip(lists).collect(),
        ),
    };
    let mut select = Select::entity(target.id);
    select.filter.push(condition);
    select.order_by.extend(relation.order_by.iter().map(|(field, descending)| Order {
        expr: column(*field),
        descending: *descending,
        nulls: None,
    }));
    select.loads = then.to_vec();
    select
}
