//! The rows that a relation of one object leads to, by the values of that object.

use super::super::{Deleted, Expr, FromItem, Item, Select, Source};
use super::path::LINK_ALIAS;
use crate::model::{FieldId, Relation};

/// True of the rows of `target` that an object leads to by `relation`; `values` are the object's of
/// [`Relation::local`], in the same order. Its own row is not read.
pub fn owned_by(relation: &Relation, target: Source, values: Vec<Expr>) -> Expr {
    let equal = |source: Source, fields: &[FieldId]| {
        let pairs = fields.iter().zip(values);
        Expr::all(pairs.map(|(field, value)| Expr::column(source, *field).eq(value)))
    };
    let belongs = match &relation.junction {
        None => equal(target, &relation.remote),
        Some(junction) => {
            let link = Source { model: junction.model, alias: LINK_ALIAS };
            let mut links = Select { deleted: Deleted::AsAround, ..Select::default() };
            links.from.push(FromItem::Table(link));
            links.items.push(Item::Value { expr: Expr::Bool(true), label: None });
            let links = links.filter(equal(link, &junction.near)).filter(Expr::matching(
                link,
                &junction.far,
                target,
                &relation.remote,
            ));
            Expr::exists(links)
        }
    };
    Expr::all([belongs].into_iter().chain(relation.condition_on(target)))
}
