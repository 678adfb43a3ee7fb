//! The same expression over another table of the same model.

use std::sync::Arc;

use super::super::{Correlation, FromItem, Item, Met, On, Order, Param, Select, Source, Walk};
use super::{Arithmetic, ArithmeticOp, Column, Exists, Expr};
use crate::model::Property;

impl Expr {
    /// The expression with columns of `from` read from `to`. SELECTs inside it keep the tables that they read themselves.
    #[must_use]
    pub fn renamed(&self, from: Source, to: Source) -> Self {
        self.changed(&Change::Source(from, to))
    }

    /// The expression with `fill` in the place of its parameters, as far as it answers something: what `text` is true of is
    /// joined, not added.
    #[must_use]
    pub fn filled(&self, fill: &dyn Fn(&Param) -> Option<Self>, text: &dyn Fn(&Self) -> bool) -> Self {
        self.changed(&Change::Params { fill, text })
    }

    /// The expression of which SELECTs inside see nothing of a statement around it but `source`, unless they say what.
    pub(crate) fn correlated(&self, source: Source) -> Self {
        self.changed(&Change::Correlated(source))
    }

    /// The expression with other ones in the place of its columns; None where it reads from derived rows.
    pub fn with_columns(&self, column: &dyn Fn(Column) -> Self) -> Option<Self> {
        let mut is_derived = false;
        let mut met = |met: Met<'_>| {
            is_derived |= matches!(met, Met::Derived(_));
            true
        };
        Walk::new(&mut met).expr(self);
        (!is_derived).then(|| self.changed(&Change::Columns(column)))
    }

    fn changed(&self, change: &Change<'_>) -> Self {
        let of = |expr: &Self| expr.changed(change);
        let all = |parts: &[Self]| parts.iter().map(of).collect::<Vec<_>>();
        match self {
            Self::Column(column) => match change {
                Change::Columns(made) => made(*column),
                _ => Self::Column(Column { source: change.source(column.source), ..*column }),
            },
            Self::Param(param) => change.filling(param).unwrap_or_else(|| self.clone()),
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
                node.select.change(change);
            })),
            Self::Exists(node) => Self::Exists(changed(node, |node| match node {
                Exists::Related { parent, target, condition, .. } => {
                    *parent = change.source(*parent);
                    if change.source(*target) == *target {
                        *condition = condition.as_ref().map(of);
                    }
                }
                Exists::Select(select) => *select = changed(select, |select| select.change(change)),
            })),
            Self::Scalar(select) => Self::Scalar(changed(select, |select| select.change(change))),
            Self::Arithmetic(node) => Self::Arithmetic(changed(node, |node| {
                node.left = of(&node.left);
                node.right = of(&node.right);
                change.complete(node);
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
            Self::Part(_)
            | Self::Excluded(..)
            | Self::Value(_)
            | Self::Bool(_)
            | Self::Null
            | Self::Text(_) => self.clone(),
        }
    }
}

/// What an expression is changed in.
enum Change<'a> {
    /// Columns of the one table are read from the other.
    Source(Source, Source),
    /// SELECTs see this table of the statement around them.
    Correlated(Source),
    /// Columns become expressions.
    Columns(&'a dyn Fn(Column) -> Expr),
    /// Parameters become expressions.
    Params { fill: &'a dyn Fn(&Param) -> Option<Expr>, text: &'a dyn Fn(&Expr) -> bool },
}

impl Change<'_> {
    fn source(&self, known: Source) -> Source {
        match self {
            Self::Source(from, to) if known == *from => *to,
            _ => known,
        }
    }

    fn filling(&self, param: &Param) -> Option<Expr> {
        match self {
            Self::Params { fill, .. } => fill(param),
            _ => None,
        }
    }

    /// Texts that were not known to be some are joined.
    fn complete(&self, node: &mut Arithmetic) {
        if let Self::Params { text, .. } = self
            && node.op == ArithmeticOp::Add
            && (text(&node.left) || text(&node.right))
        {
            node.op = ArithmeticOp::Concat;
        }
    }
}

impl Select {
    /// Changes what is said of the rows; columns of a table that it reads itself stay.
    fn change(&mut self, change: &Change<'_>) {
        if let Change::Source(from, to) = change
            && *from != Property::ROW
            && self.reads(*from, *to)
        {
            return;
        }
        if let Change::Correlated(source) = change {
            self.correlate.get_or_insert_with(|| Correlation::With(vec![FromItem::Table(*source)]));
            return;
        }
        let of = |expr: &mut Expr| *expr = expr.changed(change);
        for join in &mut self.joins {
            match &mut join.on {
                On::Relation { parent, also, .. } => {
                    *parent = change.source(*parent);
                    also.iter_mut().for_each(of);
                }
                On::Condition(condition) => of(condition),
            }
        }
        let conditions = self.filter.iter_mut().chain(&mut self.group_by).chain(&mut self.having);
        conditions.chain(&mut self.distinct_on).for_each(of);
        self.order_by.iter_mut().for_each(|term| of(&mut term.expr));
        for item in &mut self.items {
            if let Item::Value { expr, .. } = item {
                of(expr);
            }
        }
        for item in self.correlate.iter_mut().flat_map(Correlation::items_mut) {
            if let FromItem::Table(source) = item {
                *source = change.source(*source);
            }
        }
        if let Some(set) = &mut self.set {
            set.parts.iter_mut().for_each(|part| *part = changed(part, |part| part.change(change)));
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
