//! The same expression over another table of the same model.

use std::sync::Arc;

use super::super::{FromItem, Item, On, Order, Select, Source};
use super::{Column, Exists, Expr};

impl Expr {
    /// The expression with columns of `from` read from `to`. SELECTs inside it keep the tables that they read themselves.
    #[must_use]
    pub fn renamed(&self, from: Source, to: Source) -> Self {
        let of = |expr: &Self| expr.renamed(from, to);
        let all = |parts: &[Self]| parts.iter().map(of).collect::<Vec<_>>();
        match self {
            Self::Column(column) if column.source == from => Self::Column(Column { source: to, ..*column }),
            Self::Compare(node) => Self::Compare(changed(node, |node| {
                node.left = of(&node.left);
                node.right = of(&node.right);
            })),
            Self::Distinct(node) => Self::Distinct(changed(node, |node| {
                node.left = of(&node.left);
                node.right = of(&node.right);
            })),
            Self::Arrays(node) => Self::Arrays(changed(node, |node| {
                node.left = of(&node.left);
                node.right = of(&node.right);
            })),
            Self::And(parts) => Self::And(all(parts).into()),
            Self::Or(parts) => Self::Or(all(parts).into()),
            Self::Not(inner) => Self::Not(Arc::new(of(inner))),
            Self::Negative(inner) => Self::Negative(Arc::new(of(inner))),
            Self::IsNull(node) => Self::IsNull(changed(node, |node| node.expr = of(&node.expr))),
            Self::IsTrue(node) => Self::IsTrue(changed(node, |node| node.expr = of(&node.expr))),
            Self::Between(node) => Self::Between(changed(node, |node| {
                node.expr = of(&node.expr);
                node.low = of(&node.low);
                node.high = of(&node.high);
            })),
            Self::Like(node) => Self::Like(changed(node, |node| {
                node.expr = of(&node.expr);
                node.part = of(&node.part);
            })),
            Self::InList(node) => Self::InList(changed(node, |node| node.expr = of(&node.expr))),
            Self::InParam(node) => Self::InParam(changed(node, |node| node.expr = of(&node.expr))),
            Self::InRows(node) => Self::InRows(changed(node, |node| node.exprs = all(&node.exprs))),
            Self::InSelect(node) => Self::InSelect(changed(node, |node| {
                node.expr = of(&node.expr);
                node.select.rename(from, to);
            })),
            Self::Exists(node) => Self::Exists(changed(node, |node| match node {
                Exists::Related { parent, target, condition, .. } => {
                    if *parent == from {
                        *parent = to;
                    }
                    if *target != from {
                        *condition = condition.as_ref().map(of);
                    }
                }
                Exists::Select(select) => *select = changed(select, |select| select.rename(from, to)),
            })),
            Self::Scalar(select) => Self::Scalar(changed(select, |select| select.rename(from, to))),
            Self::Arithmetic(node) => Self::Arithmetic(changed(node, |node| {
                node.left = of(&node.left);
                node.right = of(&node.right);
            })),
            Self::Call(node) => Self::Call(changed(node, |node| {
                node.args = all(&node.args);
                node.filter = node.filter.as_ref().map(of);
                let terms = |order: &[Order]| {
                    order.iter().map(|term| Order { expr: of(&term.expr), ..term.clone() }).collect()
                };
                node.over = node.over.as_ref().map(|(partition, order)| (all(partition), terms(order)));
                node.order_by = terms(&node.order_by);
                node.within_group = terms(&node.within_group);
            })),
            Self::Operation(node) => Self::Operation(changed(node, |node| node.args = all(&node.args))),
            Self::Cast(node) => Self::Cast(changed(node, |node| node.expr = of(&node.expr))),
            Self::Labelled(node) => Self::Labelled(changed(node, |node| node.expr = of(&node.expr))),
            Self::Case(node) => Self::Case(changed(node, |node| {
                node.whens = node.whens.iter().map(|(condition, value)| (of(condition), of(value))).collect();
                node.otherwise = node.otherwise.as_ref().map(of);
            })),
            Self::Column(_)
            | Self::Part(_)
            | Self::Excluded(..)
            | Self::Value(_)
            | Self::Param(_)
            | Self::Bool(_)
            | Self::Null
            | Self::Text(_) => self.clone(),
        }
    }
}

impl Select {
    /// Columns of `from` that an enclosing statement has are read from `to`.
    fn rename(&mut self, from: Source, to: Source) {
        if self.reads(from, to) {
            return;
        }
        let of = |expr: &mut Expr| *expr = expr.renamed(from, to);
        for join in &mut self.joins {
            match &mut join.on {
                On::Relation { parent, .. } if *parent == from => *parent = to,
                On::Relation { .. } => {}
                On::Condition(condition) => of(condition),
            }
        }
        self.filter.iter_mut().chain(&mut self.group_by).chain(&mut self.having).for_each(of);
        self.order_by.iter_mut().for_each(|term| of(&mut term.expr));
        for item in &mut self.items {
            if let Item::Value { expr, .. } = item {
                of(expr);
            }
        }
    }

    /// True when `source` is a table of its own.
    fn reads(&self, source: Source, other: Source) -> bool {
        let selects = |item: &Item| match item {
            Item::Entity { source: entity, .. } => *entity == source,
            Item::Mapped { .. } => false,
            Item::Value { expr, .. } => expr.renamed(source, other) != *expr,
        };
        self.from.contains(&FromItem::Table(source))
            || self.joins.iter().any(|join| join.target == FromItem::Table(source))
            || (self.from.is_empty() && self.items.iter().any(selects))
    }
}

fn changed<T: Clone>(node: &Arc<T>, change: impl FnOnce(&mut T)) -> Arc<T> {
    let mut node = T::clone(node);
    change(&mut node);
    Arc::new(node)
}
