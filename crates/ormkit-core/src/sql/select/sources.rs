//! What a SELECT reads from.

use super::super::SqlWriter;
use super::Eager;
use crate::model::Schema;
use crate::query::{Child, Exists, Expr, FromItem, Item, On, Select, Source};

/// Where a SELECT stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Alone, or in an expression: tables of the statement around it are that one's.
    Nested,
    /// In FROM: its tables are its own.
    From,
}

/// All that a SELECT reads from in the order of its first mention: what it starts from, what is joined, and what only
/// its conditions mention unless an enclosing statement has it. Nothing while only values of tables are collected.
///
/// Inside another statement a table that is neither joined nor the only one is the outer one's, if the statement right
/// around it has it; [`Select::correlate`] says it in its place.
pub(super) fn all(out: &SqlWriter<'_>, select: &Select, eager: &Eager, place: Place) -> Vec<FromItem> {
    if !out.resolves() {
        return Vec::new();
    }
    let mut items: Vec<FromItem> = Vec::new();
    let schema = out.schema();
    if select.from.is_empty() {
        for item in &select.items {
            match item {
                Item::Entity { source, .. } => add(&mut items, (*source).into()),
                Item::Mapped { of, .. } => add(&mut items, of.clone().into()),
                Item::Value { expr, .. } => {
                    mentioned(expr, &mut |item| add_mentioned(schema, &mut items, item))
                }
            }
        }
    }
    select.from.iter().for_each(|item| add(&mut items, item.clone()));
    for join in &select.joins {
        if let On::Relation { parent, .. } = join.on
            && !out.sees(&parent.into())
        {
            add_mentioned(schema, &mut items, parent.into());
        }
        add(&mut items, join.target.clone());
    }
    let selected = items.len();
    conditions(select).for_each(|expr| mentioned(expr, &mut |item| add_mentioned(schema, &mut items, item)));
    correlate(out, select, place, &mut items, selected);
    for join in &eager.joins {
        let target = join.target.into();
        if !items.contains(&target) {
            items.push(target);
        }
    }
    items
}

/// All that says which rows there are, and in which order.
fn conditions(select: &Select) -> impl Iterator<Item = &Expr> {
    let conditions = select.filter.iter().chain(&select.group_by).chain(&select.having);
    conditions.chain(&select.distinct_on).chain(select.order_by.iter().map(|term| &term.expr))
}

fn add(items: &mut Vec<FromItem>, item: FromItem) {
    if !items.contains(&item) {
        items.push(item);
    }
}

/// Adds what is mentioned alone, unless a class above it in its family stands there under the same name: its rows have the
/// columns, too.
fn add_mentioned(schema: &Schema, items: &mut Vec<FromItem>, item: FromItem) {
    let is_there = item
        .table()
        .is_some_and(|source| above(schema, source).any(|above| items.iter().any(|known| *known == above)));
    if !is_there {
        add(items, item);
    }
}

/// The classes above that of a source, under the same name, the nearest first.
pub(in crate::sql) fn above(schema: &Schema, source: Source) -> impl Iterator<Item = Source> {
    let family = schema.model(source.model).family.iter();
    family.flat_map(|family| &family.above).map(move |model| Source { model: *model, alias: source.alias })
}

/// Has classes read with the tables of those below them of which conditions speak.
pub(super) fn widen(out: &mut SqlWriter<'_>, select: &Select) {
    if !out.writes_text() {
        return;
    }
    let on = select.joins.iter().filter_map(|join| match &join.on {
        On::Condition(condition) => Some(condition),
        On::Relation { also, .. } => also.as_ref(),
    });
    let mut mentions = Vec::new();
    conditions(select).chain(on).for_each(|expr| {
        mentioned(expr, &mut |item| mentions.extend(item.table()));
    });
    mentions.into_iter().for_each(|source| out.widen(source));
}

/// Leaves out what is the enclosing statement's; the first `selected` ones are more than mentioned.
fn correlate(out: &SqlWriter<'_>, select: &Select, place: Place, items: &mut Vec<FromItem>, selected: usize) {
    if let Some(correlated) = &select.correlate {
        return items.retain(|item| !(correlated.takes(item) && out.sees(item)));
    }
    let anchored = |item: &FromItem| {
        select.joins.iter().any(|join| {
            join.target == *item
                || match &join.on {
                    On::Relation { parent, also, .. } => {
                        *item == *parent || also.as_ref().is_some_and(|also| mentions(also, item))
                    }
                    On::Condition(condition) => mentions(condition, item),
                }
        })
    };
    let is_outer = |at: usize, item: &FromItem| {
        if at >= selected {
            out.sees(item)
        } else {
            place == Place::Nested && out.sees_beside(item) && !anchored(item)
        }
    };
    let own: Vec<FromItem> = items
        .iter()
        .enumerate()
        .filter(|(at, item)| !is_outer(*at, item))
        .map(|(_, item)| item.clone())
        .collect();
    // The only table of a SELECT is its own, whatever stands around it.
    if !own.is_empty() || selected == 0 {
        *items = own;
    } else {
        items.truncate(1);
    }
}

fn mentions(expr: &Expr, item: &FromItem) -> bool {
    let mut found = false;
    mentioned(expr, &mut |known| found |= known == *item);
    found
}

/// Shows what every column of `expr` is read from to `visit`; not what SELECTs inside it read from.
pub(in crate::sql) fn mentioned(expr: &Expr, visit: &mut dyn FnMut(FromItem)) {
    match expr {
        Expr::Column(column) => visit(column.source.into()),
        Expr::Part(part) => visit(part.of.clone().into()),
        Expr::Exists(node) => {
            if let Exists::Related { parent, target, condition, .. } = &**node {
                visit((*parent).into());
                if let Some(condition) = condition {
                    mentioned(condition, &mut |item| {
                        if item != *target {
                            visit(item);
                        }
                    });
                }
            }
        }
        other => other.children(&mut |child| {
            if let Child::Expr(expr) = child {
                mentioned(expr, visit);
            }
        }),
    }
}
