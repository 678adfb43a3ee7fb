//! Tables that no condition links.
//!
//! Every row of one would be combined with every row of the other: nearly always a forgotten condition, and always rows
//! that nobody counts on. Who wants them says so: `join_on(.., Expr::Bool(true))`.

use std::sync::Arc;

use super::super::SqlWriter;
use crate::error::{Error, ErrorKind};
use crate::query::{Child, Expr, FromItem, Join, Met, On, Rows, Select, Walk};

/// Notes an error when the `tables` of FROM and what is joined to them fall apart into groups that nothing links.
pub(super) fn require_all(out: &mut SqlWriter<'_>, select: &Select, tables: &[&FromItem]) {
    if tables.len() < 2 || !out.writes_text() {
        return;
    }
    let tables: Vec<FromItem> = tables.iter().map(|item| (*item).clone()).collect();
    check(out, &select.filter, &select.joins, &tables);
}

/// The same of an UPDATE or DELETE: without a condition each row would take any row of the other table.
pub(in crate::sql) fn require(out: &mut SqlWriter<'_>, filter: &[Expr], tables: &[FromItem]) {
    if out.writes_text() {
        check(out, filter, &[], tables);
    }
}

fn check(out: &mut SqlWriter<'_>, filter: &[Expr], joins: &[Join], tables: &[FromItem]) {
    let mut items = tables.to_vec();
    items.extend(joins.iter().map(|join| join.target.clone()));
    let mut groups = Groups { of: (0..items.len()).collect(), items };
    for condition in filter {
        // What a text of the program's own says is not known.
        if holds_text(condition) {
            return;
        }
        each_part(condition, &mut |part| groups.link(Some(part), &[]));
    }
    for join in joins {
        match &join.on {
            On::Relation { parent, .. } => {
                groups.link(None, &[(*parent).into(), join.target.clone()]);
            }
            On::Condition(condition) => {
                groups.link(Some(condition), std::slice::from_ref(&join.target));
                // `ON TRUE` is said on purpose.
                if matches!(condition, Expr::Bool(true)) || holds_text(condition) {
                    groups.link(None, &[tables[0].clone(), join.target.clone()]);
                }
            }
        }
    }
    for item in tables.iter().filter(|item| follows(item)) {
        groups.link(None, &[tables[0].clone(), item.clone()]);
    }
    if let Some(apart) = groups.apart() {
        let name = |item: &FromItem| match item {
            FromItem::Table(source) => out.schema().model(source.model).name().to_owned(),
            FromItem::Derived(derived) => derived.name.as_deref().unwrap_or("a subquery").to_owned(),
        };
        let (one, other) = (name(&groups.items[0]), name(apart));
        out.fail(Error::new(ErrorKind::Programming(format!(
            "no condition links {one} and {other}: every row of one would be combined with every row of the other; \
             join them or add a condition, or ask for it with join(.., true())"
        ))));
    }
}

/// Functions and what is LATERAL are read for each row of what stands before them; what a text says is not known.
fn follows(item: &FromItem) -> bool {
    match item {
        FromItem::Table(_) => false,
        FromItem::Derived(derived) => {
            derived.lateral || matches!(derived.rows, Rows::Function(_) | Rows::Raw(_))
        }
    }
}

fn each_part<'a>(condition: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match condition {
        Expr::And(parts) => parts.iter().for_each(|part| each_part(part, visit)),
        other => visit(other),
    }
}

fn holds_text(expr: &Expr) -> bool {
    let mut found = matches!(expr, Expr::Text(_));
    expr.children(&mut |child| {
        found |= match child {
            Child::Expr(expr) => holds_text(expr),
            Child::Select(_) => false,
        };
    });
    found
}

/// Tables, each with the number of its group.
struct Groups {
    items: Vec<FromItem>,
    of: Vec<usize>,
}

impl Groups {
    /// Makes one group of all that an expression mentions, and of `known`.
    fn link(&mut self, expr: Option<&Expr>, known: &[FromItem]) {
        let mut met: Vec<FromItem> = known.to_vec();
        let mut note = |seen: Met<'_>| {
            met.push(match seen {
                Met::Source(source) => source.into(),
                Met::Derived(derived) => Arc::clone(derived).into(),
                Met::Param(_) | Met::Text(_) => return false,
            });
            false
        };
        if let Some(expr) = expr {
            Walk::new(&mut note).expr(expr);
        }
        let mut places = met.iter().filter_map(|item| self.items.iter().position(|known| known == item));
        let Some(first) = places.next() else { return };
        let group = self.of[first];
        for place in places.collect::<Vec<_>>() {
            let other = self.of[place];
            self.of.iter_mut().filter(|known| **known == other).for_each(|known| *known = group);
        }
    }

    /// One that is not in the group of the first.
    fn apart(&self) -> Option<&FromItem> {
        self.of.iter().position(|group| *group != self.of[0]).map(|at| &self.items[at])
    }
}
