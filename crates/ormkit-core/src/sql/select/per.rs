//! LIMIT and OFFSET of each group of rows: the first objects of every parent.

use super::super::SqlWriter;
use super::super::expr::Render;
use super::sources::Place;
use super::{
    Eager, Layout, ROW_NUMBER, columns_for, entity_fields, from_where, items, kinds, sources, widens,
};
use crate::error::Error;
use crate::query::{Expr, FromItem, Item, Order, Select};

/// Writes a SELECT of one entity of which each group of rows, equal in [`Select::limit_per`], is limited. Rows are numbered in
/// a subquery under the table's own name, in their order and then by key, so that it is always the same ones that stay.
pub(super) fn limited(out: &mut SqlWriter<'_>, select: &Select, eager: &Eager, layout: &mut Layout) {
    let [Item::Entity { source, .. }] = select.items[..] else {
        return out.fail(Error::unsupported(
            "a limit for each group of a SELECT of several things",
            "select one class",
        ));
    };
    let model = out.schema().model(source.model);
    let fields = entity_fields(model, &select.items[0], &select.loads);
    let column = |field: &_| Expr::column(source, *field);

    let mut outer_sources: Vec<FromItem> = vec![source.into()];
    outer_sources.extend(eager.joins.iter().map(|join| join.target.into()));
    out.open_scope(&outer_sources);
    items(out, select, eager, layout);
    out.push(" FROM (");
    let outer = out.leave_scopes();
    let inner_sources = sources::all(out, select, &Eager::default(), Place::Nested);
    out.open_scope(&inner_sources);
    out.push("SELECT ");
    out.list(&columns_for(model, &fields), |out, field| out.column(source, *field));
    let is_whole = select.reads_below || matches!(select.items[0], Item::Entity { fields: None, .. });
    kinds::columns(out, source, (is_whole, widens(out, select)));
    for (at, (parent, field)) in select.parents.iter().enumerate() {
        out.push(", ");
        out.column(*parent, *field);
        out.push(" AS ");
        out.name(&carried_name(at));
    }
    out.push(", row_number() OVER (PARTITION BY ");
    out.list(&select.limit_per, |out, (source, field)| out.column(*source, *field));
    out.push(" ORDER BY ");
    let by_key = model.key.iter().map(|field| Order::asc(column(field)));
    let terms: Vec<Order> = select.order_by.iter().cloned().chain(by_key).collect();
    out.list(&terms, |out, term| term.render(out));
    out.push(") AS ");
    out.name(ROW_NUMBER);
    from_where(out, select, &inner_sources, &Eager::default());
    out.close_scope();
    out.return_to(outer);
    out.push(") AS ");
    out.item_name(&source.into());
    eager.joined(out);
    let first = select.offset.unwrap_or(0);
    out.push(" WHERE ");
    row_number(out, source);
    out.push(" > ");
    out.number(first);
    if let Some(limit) = select.limit {
        out.push(" AND ");
        row_number(out, source);
        out.push(" <= ");
        out.number(first.saturating_add(limit));
    }
    out.push(" ORDER BY ");
    row_number(out, source);
    for term in &eager.order {
        out.push(", ");
        term.render(out);
    }
    out.close_scope();
}

/// Writes one of the columns beside the items, as the subquery calls it.
pub(super) fn carried(out: &mut SqlWriter<'_>, select: &Select, at: usize) {
    if let Some(source) = select.root() {
        out.item_name(&source.into());
        out.push(".");
    }
    out.name(&carried_name(at));
}

fn carried_name(at: usize) -> String {
    format!("ormkit_parent_{at}")
}

fn row_number(out: &mut SqlWriter<'_>, source: crate::query::Source) {
    out.item_name(&source.into());
    out.push(".");
    out.name(ROW_NUMBER);
}
