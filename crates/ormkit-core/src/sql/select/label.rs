//! Values of ORDER BY and GROUP BY that the statement has selected under a label.

use super::super::SqlWriter;
use super::super::expr::{self, Render, is_sorted_as_it_is};
use super::{entity_fields, sql_name};
use crate::query::{Expr, Item, Labelled, Order, Select};
use smallvec::SmallVec;

/// Writes a term of ORDER BY: by its label where the value has one, so that its values are not bound twice.
pub(super) fn ordered(out: &mut SqlWriter<'_>, select: &Select, term: &Order) {
    let Expr::Labelled(node) = &term.expr else { return by_number(out, select, term) };
    match place(out, select, node).filter(|_| is_sorted_as_it_is(out, &node.expr)) {
        None => return term.render(out),
        Some(Place { number, alone: false }) => out.number(number),
        Some(_) => out.name(&node.label),
    }
    term.direction(out);
}

/// Writes a term without a label: by its number where rows are grouped, or told apart, by the values that are selected.
fn by_number(out: &mut SqlWriter<'_>, select: &Select, term: &Order) {
    let of_groups = !select.group_by.is_empty() || select.distinct;
    // As for groups: what PostgreSQL is to find among the selected values may bind none again.
    if of_groups && out.is_postgres() && binds(out, &term.expr) && is_sorted_as_it_is(out, &term.expr) {
        let numbers = numbers(out, select, &term.expr);
        if let [number] = numbers[..] {
            out.number(number);
            return term.direction(out);
        }
    }
    term.render(out);
}

/// Writes what rows are grouped by: a value that binds some by its number, because GROUP BY knows columns of tables before
/// labels.
pub(super) fn grouped(out: &mut SqlWriter<'_>, select: &Select, by: &Expr) {
    if let Expr::Labelled(node) = by
        && node.expr.binds_values()
        && is_sorted_as_it_is(out, &node.expr)
        && let Some(place) = place(out, select, node)
    {
        return out.number(place.number);
    }
    // PostgreSQL takes two equal values that are bound for two different ones.
    if out.is_postgres() && binds(out, by) {
        // Values of one shape stand for one another in their order: groups are the same in any.
        let before = select.group_by.iter().take_while(|term| !std::ptr::eq(*term, by));
        let nth = before.filter(|term| *term == by).count();
        if let Some(number) = numbers(out, select, by).get(nth) {
            return out.number(*number);
        }
    }
    expr::grouped(out, by);
}

/// True where values are bound in it, or may be in the property that it is.
fn binds(out: &SqlWriter<'_>, by: &Expr) -> bool {
    match by {
        Expr::Column(column) => out.schema().model(column.source.model).property(column.field).is_some(),
        other => other.binds_values(),
    }
}

/// The numbers, from 1, of the values of this shape that the statement selects as they are.
fn numbers(out: &SqlWriter<'_>, select: &Select, by: &Expr) -> SmallVec<[u64; 2]> {
    let (mut found, mut before) = (SmallVec::new(), 0);
    for item in &select.items {
        if matches!(item, Item::Value { expr, .. } if expr == by) {
            found.push(before + 1);
        }
        before += names(out, item, select).len() as u64;
    }
    found
}

/// Where a labelled value stands in the result.
struct Place {
    /// From 1.
    number: u64,
    /// No other column goes by its name.
    alone: bool,
}

fn place(out: &SqlWriter<'_>, select: &Select, node: &Labelled) -> Option<Place> {
    let (mut found, mut before, mut of_the_name) = (None, 0, 0);
    for item in &select.items {
        let names = names(out, item, select);
        of_the_name += names.iter().filter(|name| **name == Some(&*node.label)).count();
        if let Item::Value { expr, label: Some(label) } = item
            && **label == *node.label
            && *expr == node.expr
        {
            found.get_or_insert(before + 1);
        }
        before += names.len() as u64;
    }
    found.map(|number| Place { number, alone: of_the_name == 1 })
}

/// What SQL calls the columns of an item.
fn names<'a>(out: &SqlWriter<'a>, item: &'a Item, select: &'a Select) -> Vec<Option<&'a str>> {
    match item {
        Item::Entity { source, .. } => {
            let model = out.schema().model(source.model);
            let loads = if select.root() == Some(*source) { &select.loads[..] } else { &[] };
            let fields = entity_fields(model, item, loads);
            fields.into_iter().map(|field| Some(&*model.field(field).column)).collect()
        }
        Item::Mapped { of, columns, .. } => {
            columns.iter().map(|(_, at)| Some(&*of.columns[usize::from(*at)].column)).collect()
        }
        Item::Value { label: Some(label), .. } => vec![Some(label)],
        Item::Value { expr, label: None } => vec![sql_name(out, expr)],
    }
}
