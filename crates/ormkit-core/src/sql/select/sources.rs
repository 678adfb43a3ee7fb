//! Which tables a SELECT reads.

use super::super::SqlWriter;
use super::Eager;
use crate::query::{Exists, Expr, Item, On, Select, Source};

/// All tables of a SELECT in the order of their first mention: those it starts from, the joined ones, those that only
/// its conditions mention unless an enclosing statement has them. Nothing while only values are collected.
pub(super) fn all(out: &SqlWriter<'_>, select: &Select, eager: &Eager) -> Vec<Source> {
    if !out.writes_text() {
        return Vec::new();
    }
    let mut sources: Vec<Source> = select.from.clone();
    let mut add = |source: Source| {
        if !sources.contains(&source) {
            sources.push(source);
        }
    };
    if select.from.is_empty() {
        for item in &select.items {
            match item {
                Item::Entity { source, .. } => add(*source),
                Item::Value { expr, .. } => columns_of(expr, &mut add),
            }
        }
    }
    for join in &select.joins {
        if let On::Relation { parent, .. } = join.on
            && !out.sees(parent)
        {
            add(parent);
        }
        add(join.target);
    }
    let mut mentioned = |source: Source| {
        if !out.sees(source) {
            add(source);
        }
    };
    select
        .filter
        .iter()
        .chain(&select.group_by)
        .chain(&select.having)
        .for_each(|expr| columns_of(expr, &mut mentioned));
    select.order_by.iter().for_each(|term| columns_of(&term.expr, &mut mentioned));
    sources.extend(eager.joins.iter().map(|join| join.target));
    sources
}

/// Shows the source of every column of `expr` to `visit`; not those of SELECTs inside it, which have tables of their own.
pub(super) fn columns_of(expr: &Expr, visit: &mut dyn FnMut(Source)) {
    match expr {
        Expr::Column(column) => visit(column.source),
        Expr::Value(_)
        | Expr::Excluded(..)
        | Expr::Bool(_)
        | Expr::Null
        | Expr::Scalar(_)
        | Expr::Text(_) => {}
        Expr::Compare(node) => both(&node.left, &node.right, visit),
        Expr::Distinct(node) => both(&node.left, &node.right, visit),
        Expr::Arrays(node) => both(&node.left, &node.right, visit),
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| columns_of(part, visit)),
        Expr::Not(inner) | Expr::Negative(inner) => columns_of(inner, visit),
        Expr::IsNull(node) => columns_of(&node.expr, visit),
        Expr::IsTrue(node) => columns_of(&node.expr, visit),
        Expr::InRows(node) => node.exprs.iter().for_each(|expr| columns_of(expr, visit)),
        Expr::Between(node) => {
            columns_of(&node.expr, visit);
            both(&node.low, &node.high, visit);
        }
        Expr::Like(node) => both(&node.expr, &node.part, visit),
        Expr::InList(node) => columns_of(&node.expr, visit),
        Expr::InSelect(node) => columns_of(&node.expr, visit),
        Expr::Exists(node) => {
            if let Exists::Related { parent, target, condition, .. } = &**node {
                visit(*parent);
                if let Some(condition) = condition {
                    columns_of(condition, &mut |source| {
                        if source != *target {
                            visit(source);
                        }
                    });
                }
            }
        }
        Expr::Arithmetic(node) => both(&node.left, &node.right, visit),
        Expr::Call(node) => {
            node.args.iter().chain(&node.filter).for_each(|arg| columns_of(arg, visit));
            if let Some((partition, order)) = &node.over {
                partition.iter().for_each(|expr| columns_of(expr, visit));
                order.iter().for_each(|term| columns_of(&term.expr, visit));
            }
        }
        Expr::Cast(node) => columns_of(&node.expr, visit),
        Expr::Case(node) => {
            node.whens.iter().for_each(|(condition, value)| both(condition, value, visit));
            node.otherwise.iter().for_each(|expr| columns_of(expr, visit));
        }
    }
}

fn both(one: &Expr, other: &Expr, visit: &mut dyn FnMut(Source)) {
    columns_of(one, visit);
    columns_of(other, visit);
}
