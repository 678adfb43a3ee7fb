//! Through a statement, to every table that it mentions.

use std::sync::Arc;

use super::derived::{CteBody, Rows};
use super::{Derived, Exists, Expr, FromItem, Item, On, Param, Select, Source, Write};
use crate::sql::placeholder;

/// What an expression is made of.
pub(crate) enum Child<'a> {
    /// An expression.
    Expr(&'a Expr),
    /// A SELECT.
    Select(&'a Select),
}

impl Expr {
    /// The tables whose columns it reads itself, each once: not those that SELECTs inside of it read.
    pub fn read_from(&self) -> Vec<Source> {
        let mut found = Vec::new();
        self.note_sources(&mut found);
        found
    }

    fn note_sources(&self, found: &mut Vec<Source>) {
        if let Self::Column(column) = self
            && !found.contains(&column.source)
        {
            found.push(column.source);
        }
        self.children(&mut |child| {
            if let Child::Expr(expr) = child {
                expr.note_sources(found);
            }
        });
    }

    /// Shows the expressions and SELECTs right inside it, in the order in which they are written.
    pub(crate) fn children<'a>(&'a self, visit: &mut dyn FnMut(Child<'a>)) {
        let mut each = |exprs: &[&'a Self]| exprs.iter().for_each(|expr| visit(Child::Expr(expr)));
        match self {
            Self::Column(_)
            | Self::Part(_)
            | Self::Excluded(..)
            | Self::Value(_)
            | Self::Param(_)
            | Self::Bool(_)
            | Self::Null
            | Self::Text(_) => {}
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| each(&[part])),
            Self::Not(inner) | Self::Negative(inner) => each(&[inner]),
            Self::Compare(node) => each(&[&node.left, &node.right]),
            Self::Distinct(node) => each(&[&node.left, &node.right]),
            Self::Arrays(node) => each(&[&node.left, &node.right]),
            Self::Arithmetic(node) => each(&[&node.left, &node.right]),
            Self::IsNull(node) => each(&[&node.expr]),
            Self::IsTrue(node) => each(&[&node.expr]),
            Self::Cast(node) => each(&[&node.expr]),
            Self::Labelled(node) => each(&[&node.expr]),
            Self::Operation(node) => node.args.iter().for_each(|arg| each(&[arg])),
            Self::InList(node) => each(&[&node.expr]),
            Self::InParam(node) => each(&[&node.expr]),
            Self::InRows(node) => node.exprs.iter().for_each(|expr| each(&[expr])),
            Self::Like(node) => each(&[&node.expr, &node.part]),
            Self::Between(node) => each(&[&node.expr, &node.low, &node.high]),
            Self::Case(node) => {
                node.whens.iter().for_each(|(condition, value)| each(&[condition, value]));
                node.otherwise.iter().for_each(|expr| each(&[expr]));
            }
            Self::Call(node) => {
                node.args.iter().for_each(|arg| each(&[arg]));
                let ordered = node.order_by.iter().chain(&node.within_group);
                ordered.for_each(|term| each(&[&term.expr]));
                node.filter.iter().for_each(|arg| each(&[arg]));
                if let Some((partition, order)) = &node.over {
                    partition.iter().for_each(|expr| each(&[expr]));
                    order.iter().for_each(|term| each(&[&term.expr]));
                }
            }
            Self::InSelect(node) => {
                visit(Child::Expr(&node.expr));
                visit(Child::Select(&node.select));
            }
            Self::Scalar(select) => visit(Child::Select(select)),
            Self::Exists(node) => match &**node {
                Exists::Select(select) => visit(Child::Select(select)),
                Exists::Related { condition, .. } => {
                    condition.iter().for_each(|condition| visit(Child::Expr(condition)));
                }
            },
        }
    }
}

/// What a walk comes by.
pub(crate) enum Met<'a> {
    /// A table.
    Source(Source),
    /// Derived rows.
    Derived(&'a Arc<Derived>),
    /// A value that is given when the statement runs.
    Param(&'a Param),
    /// SQL text of the program's own.
    Text(&'a str),
}

/// A walk: `met` is shown every mention, and says whether to go into derived rows.
pub(crate) struct Walk<'a, 'f> {
    met: &'f mut dyn FnMut(Met<'a>) -> bool,
}

impl<'a, 'f> Walk<'a, 'f> {
    pub(crate) fn new(met: &'f mut dyn FnMut(Met<'a>) -> bool) -> Self {
        Self { met }
    }

    pub(crate) fn expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Column(column) => self.source(column.source),
            Expr::Part(part) => self.derived(&part.of),
            Expr::Param(param) => self.meets(Met::Param(param)),
            Expr::InParam(node) => self.meets(Met::Param(&node.param)),
            Expr::Text(text) => self.meets(Met::Text(text)),
            Expr::Exists(node) => {
                if let Exists::Related { parent, target, .. } = &**node {
                    self.source(*parent);
                    self.source(*target);
                }
            }
            _ => {}
        }
        expr.children(&mut |child| match child {
            Child::Expr(expr) => self.expr(expr),
            Child::Select(select) => self.select(select),
        });
    }

    pub(crate) fn select(&mut self, select: &'a Select) {
        self.items(&select.items);
        if let Some(set) = &select.set {
            set.parts.iter().for_each(|part| self.select(part));
        }
        select.from.iter().for_each(|item| self.item(item));
        for join in &select.joins {
            self.item(&join.target);
            match &join.on {
                On::Relation { parent, also, .. } => {
                    self.source(*parent);
                    also.iter().for_each(|also| self.expr(also));
                }
                On::Condition(condition) => self.expr(condition),
            }
        }
        let conditions = select.filter.iter().chain(&select.group_by).chain(&select.having);
        conditions.chain(&select.distinct_on).for_each(|expr| self.expr(expr));
        select.criteria.iter().for_each(|criterion| self.expr(&criterion.condition));
        select.order_by.iter().for_each(|term| self.expr(&term.expr));
        select.lock_of.iter().for_each(|item| self.item(item));
        if let Some(correlated) = &select.correlate {
            correlated.items().iter().for_each(|item| self.item(item));
        }
    }

    pub(crate) fn write(&mut self, write: &'a Write) {
        match write {
            Write::Insert(node) => {
                node.rows.iter().flatten().for_each(|expr| self.expr(expr));
                node.select.iter().for_each(|select| self.select(select));
                if let Some(conflict) = &node.conflict {
                    conflict.set.iter().for_each(|(_, expr)| self.expr(expr));
                    conflict.filter.iter().for_each(|expr| self.expr(expr));
                }
            }
            Write::Update(node) => {
                node.set.iter().for_each(|(_, expr)| self.expr(expr));
                node.filter.iter().for_each(|expr| self.expr(expr));
            }
            Write::Delete(node) => node.filter.iter().for_each(|expr| self.expr(expr)),
        }
        self.items(write.returning());
    }

    fn items(&mut self, items: &'a [Item]) {
        for item in items {
            match item {
                Item::Entity { source, .. } => self.source(*source),
                Item::Mapped { of, .. } => self.derived(of),
                Item::Value { expr, .. } => self.expr(expr),
            }
        }
    }

    fn item(&mut self, item: &'a FromItem) {
        match item {
            FromItem::Table(source) => self.source(*source),
            FromItem::Derived(derived) => self.derived(derived),
        }
    }

    fn source(&mut self, source: Source) {
        self.meets(Met::Source(source));
    }

    fn meets(&mut self, met: Met<'a>) {
        (self.met)(met);
    }

    fn derived(&mut self, derived: &'a Arc<Derived>) {
        if !(self.met)(Met::Derived(derived)) {
            return;
        }
        match &derived.rows {
            Rows::Select(select) => self.select(select),
            Rows::Cte(cte) => match &cte.body {
                CteBody::Select(select) => self.select(select),
                CteBody::Write(write) => self.write(write),
            },
            Rows::Function(rows) | Rows::Text(rows) | Rows::Raw(rows) => self.expr(rows),
            Rows::Named(_) => {}
            Rows::Values(rows) => rows.iter().flatten().for_each(|expr| self.expr(expr)),
        }
    }
}

/// The parameters of a statement, and the placeholders of the SQL text in it, each once.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The parameters.
    pub params: Vec<Param>,
    /// The names of placeholders.
    pub placeholders: Vec<String>,
}

impl Wanted {
    /// Those of a SELECT.
    pub fn of_select(select: &Select) -> Self {
        Self::gathered(|walk| walk.select(select))
    }

    /// Those of a statement that writes.
    pub fn of_write(write: &Write) -> Self {
        Self::gathered(|walk| walk.write(write))
    }

    fn gathered<'a>(walk: impl FnOnce(&mut Walk<'a, '_>)) -> Self {
        let (mut wanted, mut seen) = (Self::default(), Vec::new());
        let mut note = |met: Met<'a>| {
            match met {
                Met::Source(_) => {}
                Met::Derived(derived) => {
                    let first = !seen.contains(&derived.number());
                    seen.push(derived.number());
                    return first;
                }
                Met::Param(param) if !wanted.params.contains(param) => wanted.params.push(param.clone()),
                Met::Param(_) => {}
                Met::Text(text) => {
                    let known: Vec<String> =
                        placeholder::pieces(text).1.into_iter().map(str::to_owned).collect();
                    wanted.placeholders.extend(known);
                }
            }
            true
        };
        walk(&mut Walk::new(&mut note));
        wanted.placeholders.sort_unstable();
        wanted.placeholders.dedup();
        wanted
    }
}
