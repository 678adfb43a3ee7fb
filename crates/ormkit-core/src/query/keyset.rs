//! Pages of a SELECT that go on from a row instead of counting rows: what was inserted or deleted before it does not move
//! them, and a late page costs what the first one does.
//!
//! A row's place is its values of ORDER BY. These tell rows apart, because the key is added to them; what comes behind a
//! place is one condition, in which each term has its own direction and its own place for NULL.

mod bookmark;

pub use bookmark::Bookmark;

use std::hash::Hasher;

use super::walk::Child;
use super::{CompareOp, Expr, FromItem, Item, JoinKind, Nulls, On, Order, Select, Source};
use crate::error::{Error, Result};
use crate::model::Schema;
use crate::sql::Dialect;
use crate::value::{SqlType, Value};

/// The order of a SELECT that tells its rows apart.
pub struct Keyset {
    terms: Vec<Term>,
    /// Of the order: a bookmark of another one is refused.
    digest: u64,
}

struct Term {
    order: Order,
    sql_type: SqlType,
    may_be_null: bool,
    nulls_last: bool,
}

impl Term {
    /// What comes behind a value in this order; None: nothing does.
    fn behind(&self, value: &Value, backwards: bool) -> Option<Expr> {
        let expr = || self.order.expr.clone();
        let nulls_last = self.nulls_last != backwards;
        if value.is_null() {
            return (!nulls_last).then(|| expr().is_not_null());
        }
        let op = if self.order.descending != backwards { CompareOp::Lt } else { CompareOp::Gt };
        let beyond = Expr::compare(expr(), op, self.bound(value));
        Some(if self.may_be_null && nulls_last { beyond.or(expr().is_null()) } else { beyond })
    }

    fn same(&self, value: &Value) -> Expr {
        let expr = self.order.expr.clone();
        if value.is_null() { expr.is_null() } else { expr.eq(self.bound(value)) }
    }

    fn bound(&self, value: &Value) -> Expr {
        Expr::value(value.clone(), self.sql_type)
    }
}

impl Keyset {
    /// The order of `select`, and what tells its rows apart: the key of its objects, the columns that it groups by, all that
    /// it shows where it is DISTINCT, else the key of its first table.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::error::ErrorKind::InvalidRequest) for a SELECT with a limit or offset;
    /// `Unsupported` for set operations, for an order by a window or by a piece of SQL, and where nothing tells rows apart.
    pub fn of(schema: &Schema, select: &Select, dialect: &'static Dialect) -> Result<Self> {
        if select.limit.is_some() || select.offset.is_some() {
            return Err(Error::invalid_request(
                "page() takes the number of rows itself: leave limit(), offset() and slices out",
            ));
        }
        if select.set.is_some() || !select.distinct_on.is_empty() {
            return Err(Error::unsupported(
                "page() of a set operation or of DISTINCT ON",
                "select from it as a subquery",
            ));
        }
        let mut orders = select.order_by.clone();
        for expr in apart(schema, select)? {
            if !orders.iter().any(|order| order.expr == expr) {
                orders.push(Order::asc(expr));
            }
        }
        let mut hash = bookmark::Digest::default();
        let mut terms = Vec::with_capacity(orders.len());
        for order in orders {
            let expr = &order.expr;
            if matches!(expr, Expr::Text(_)) || has_window(expr) {
                return Err(Error::unsupported(
                    "page() in the order of a window function, of a piece of SQL or of a computed column of groups",
                    "sort by columns and aggregates, or select from a subquery",
                ));
            }
            let sql_type = expr.sql_type(schema);
            if !bookmark::has_place(sql_type) {
                return Err(bookmark::no_place());
            }
            let text = match expr {
                Expr::Column(column) => schema.model(column.source.model).place(column.field),
                expr => {
                    let items = vec![Item::Value { expr: expr.clone(), label: None }];
                    let shown = Select { items, order_by: Vec::new(), loads: Vec::new(), ..select.clone() };
                    shown.to_sql(schema, dialect)?.0
                }
            };
            let nulls_last = match order.nulls {
                Some(nulls) => nulls == Nulls::Last,
                None => dialect.nulls_greatest != order.descending,
            };
            hash.write(text.as_bytes());
            hash.write(&[u8::from(order.descending), u8::from(nulls_last), 0xff]);
            terms.push(Term { sql_type, may_be_null: may_be_null(schema, select, expr), nulls_last, order });
        }
        Ok(Self { terms, digest: hash.finish() })
    }

    /// What a row's place is made of, in order.
    pub fn exprs(&self) -> impl ExactSizeIterator<Item = &Expr> {
        self.terms.iter().map(|term| &term.order.expr)
    }

    /// The SELECT of a page of `size` rows, and one more that says whether there are more: from the first row, or from a
    /// bookmark, in its direction. The values of [`exprs`](Self::exprs) follow what it shows.
    pub fn page(&self, select: &Select, from: Option<&Bookmark>, size: u64) -> Select {
        let mut page = select.clone();
        let backwards = from.is_some_and(|from| from.backwards);
        page.order_by = self.terms.iter().map(|term| term.order.clone()).collect();
        if backwards {
            page.order_by = page.order_by.into_iter().map(Order::reversed).collect();
        }
        if let Some(from) = from {
            let condition = self.behind(from);
            match page.group_by.is_empty() {
                true => page.filter.push(condition),
                false => page.having.push(condition),
            }
        }
        page.items.extend(self.exprs().map(|expr| Item::Value { expr: expr.clone(), label: None }));
        page.limit = Some(size.saturating_add(1));
        page
    }

    /// The text of a place: a row's values of [`exprs`](Self::exprs), and where to go on from there.
    ///
    /// # Errors
    /// `Unsupported` for values that have no order of their own, as JSON and arrays.
    pub fn bookmark(&self, bookmark: &Bookmark) -> Result<String> {
        bookmark.write(self.digest)
    }

    /// A bookmark out of its text.
    ///
    /// # Errors
    /// [`ErrorKind::Bookmark`](crate::error::ErrorKind::Bookmark) for a text that is no bookmark of this order, or was changed.
    pub fn read(&self, text: &str) -> Result<Bookmark> {
        let bookmark = Bookmark::read(text, self.digest)?;
        let fits = |(term, value): (&Term, &Value)| match value.is_null() {
            true => term.may_be_null,
            false => bookmark::fits(value, term.sql_type),
        };
        match bookmark.values.len() == self.terms.len() && self.terms.iter().zip(&bookmark.values).all(fits) {
            true => Ok(bookmark),
            false => Err(bookmark::foreign()),
        }
    }

    /// What comes behind a bookmark, in its direction.
    fn behind(&self, from: &Bookmark) -> Expr {
        let mut condition = Expr::Bool(from.inclusive);
        for (term, value) in self.terms.iter().zip(&from.values).rev() {
            let further = match condition {
                Expr::Bool(false) => None,
                Expr::Bool(true) => Some(term.same(value)),
                inner => Some(term.same(value).and(inner)),
            };
            condition = Expr::any([term.behind(value, from.backwards), further].into_iter().flatten());
        }
        // What an index of the first column can begin with.
        match (self.terms.first(), from.values.first()) {
            (Some(first), Some(value)) if self.terms.len() > 1 && !first.may_be_null => {
                let backwards = first.order.descending != from.backwards;
                let op = if backwards { CompareOp::Le } else { CompareOp::Ge };
                Expr::compare(first.order.expr.clone(), op, first.bound(value)).and(condition)
            }
            _ => condition,
        }
    }
}

/// What tells the rows of a SELECT apart.
fn apart(schema: &Schema, select: &Select) -> Result<Vec<Expr>> {
    let key = |source: Source| {
        let model = schema.model(source.model);
        model.key.iter().map(move |field| Expr::column(source, *field))
    };
    if !select.group_by.is_empty() {
        return Ok(select.group_by.clone());
    }
    let shown: Option<Vec<Expr>> = select
        .items
        .iter()
        .map(|item| match item {
            Item::Value { expr, .. } => Some(vec![expr.clone()]),
            Item::Entity { source, .. } => Some(key(*source).collect()),
            Item::Mapped { .. } => None,
        })
        .collect::<Option<Vec<_>>>()
        .map(|items| items.concat());
    let of_tables: Option<Vec<Expr>> = match select.distinct {
        true => shown,
        false => {
            let is_one = |on: &On| match on {
                On::Relation { parent, relation, .. } => !schema.model(parent.model).relation(*relation).many,
                On::Condition(_) => false,
            };
            let joined = select.joins.iter().filter(|join| !is_one(&join.on)).map(|join| join.target.clone());
            let sources: Vec<FromItem> = tables(select).into_iter().chain(joined).collect();
            let keys = sources.iter().map(|item| item.table().map(|source| key(source).collect::<Vec<_>>()));
            keys.collect::<Option<Vec<_>>>().map(|keys| keys.concat())
        }
    };
    of_tables.filter(|exprs| !exprs.is_empty()).ok_or_else(|| {
        Error::unsupported(
            "page() of rows that nothing tells apart",
            "select from a mapped class, or DISTINCT",
        )
    })
}

/// The tables that a SELECT starts from.
fn tables(select: &Select) -> Vec<FromItem> {
    if !select.from.is_empty() {
        return select.from.clone();
    }
    let mut found: Vec<FromItem> = Vec::new();
    let mut add = |item: FromItem| {
        let is_joined = select.joins.iter().any(|join| join.target == item);
        if !is_joined && !found.contains(&item) {
            found.push(item);
        }
    };
    for item in &select.items {
        match item {
            Item::Entity { source, .. } => add((*source).into()),
            Item::Mapped { of, .. } => add(FromItem::Derived(of.clone())),
            Item::Value { expr: Expr::Column(column), .. } => add(column.source.into()),
            Item::Value { expr: Expr::Part(part), .. } => add(FromItem::Derived(part.of.clone())),
            Item::Value { .. } => {}
        }
    }
    found
}

/// An outer join makes any column NULL.
fn may_be_null(schema: &Schema, select: &Select, expr: &Expr) -> bool {
    let is_of_first = || {
        matches!(expr, Expr::Column(column) if tables(select).contains(&column.source.into()))
            && select.joins.iter().all(|join| join.kind != JoinKind::Full)
    };
    expr.may_be_null(schema)
        || (select.joins.iter().any(|join| join.kind != JoinKind::Inner) && !is_of_first())
}

fn has_window(expr: &Expr) -> bool {
    let mut found = matches!(expr, Expr::Call(call) if call.over.is_some());
    expr.children(&mut |child| {
        if let Child::Expr(inner) = child {
            found |= has_window(inner);
        }
    });
    found
}

#[cfg(test)]
mod tests;
