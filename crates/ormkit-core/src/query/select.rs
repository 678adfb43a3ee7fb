//! SELECT.

use super::{Arguments, Criterion, Derived, Expr, FromItem, Load, Notes, Order, SetOperation, Source};
use crate::model::{FieldId, Model, ModelId, RelationId};
use std::sync::Arc;

/// What a SELECT returns in one place of its rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// An object.
    Entity {
        /// Its table.
        source: Source,
        /// Its columns; None: all but deferred ones. The key is always read.
        fields: Option<Vec<FieldId>>,
    },
    /// An object out of derived rows.
    Mapped {
        /// The rows.
        of: Arc<Derived>,
        /// The object's model.
        model: ModelId,
        /// Where its columns are: those of the key among them.
        columns: Vec<(FieldId, u16)>,
    },
    /// A value.
    Value {
        /// The value.
        expr: Expr,
        /// Its name in the result where it was given one.
        label: Option<String>,
    },
}

/// How a table is joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// JOIN
    Inner,
    /// LEFT OUTER JOIN
    Left,
    /// FULL OUTER JOIN
    Full,
}

/// A joined table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Join {
    /// What is joined.
    pub target: FromItem,
    /// How.
    pub kind: JoinKind,
    /// The condition.
    pub on: On,
}

/// What joins two tables.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum On {
    /// The keys of a relation of `parent`.
    Relation {
        /// Whose relation it is.
        parent: Source,
        /// The relation, of the parent's model.
        relation: RelationId,
        /// What holds besides.
        also: Option<Expr>,
    },
    /// A condition.
    Condition(Expr),
}

/// SELECT … FOR UPDATE and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Lock {
    /// FOR SHARE instead of FOR UPDATE.
    pub read: bool,
    /// FOR NO KEY UPDATE, or FOR KEY SHARE.
    pub key_share: bool,
    /// NOWAIT.
    pub nowait: bool,
    /// SKIP LOCKED.
    pub skip_locked: bool,
}

/// A SELECT.
///
/// Equality is that of the shape: bound values do not count; LIMIT and OFFSET are written as numbers and do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Select {
    /// What it returns, in order. Of a set operation: none for the columns of its first SELECT, or one
    /// [`Item::Entity`] for objects out of them.
    pub items: Vec<Item>,
    /// A set operation in place of tables: only ORDER BY, LIMIT and OFFSET are said of it.
    pub set: Option<SetOperation>,
    /// What to start from; empty: the tables of the items.
    pub from: Vec<FromItem>,
    /// Joined tables.
    pub joins: Vec<Join>,
    /// Conditions that all hold.
    pub filter: Vec<Expr>,
    /// GROUP BY.
    pub group_by: Vec<Expr>,
    /// Conditions on groups that all hold.
    pub having: Vec<Expr>,
    /// ORDER BY.
    pub order_by: Vec<Order>,
    /// LIMIT.
    pub limit: Option<u64>,
    /// OFFSET.
    pub offset: Option<u64>,
    /// DISTINCT.
    pub distinct: bool,
    /// DISTINCT ON (PostgreSQL).
    pub distinct_on: Vec<Expr>,
    /// FOR UPDATE.
    pub lock: Option<Lock>,
    /// FOR UPDATE OF these; empty: of the first object's.
    pub lock_of: Vec<FromItem>,
    /// Inside another statement: which tables are that one's. None: those that the statement right around it reads
    /// from, as long as one of its own is left.
    pub correlate: Option<Correlation>,
    /// Where the columns of its objects are chosen, those that only classes below have are read all the same.
    pub reads_below: bool,
    /// What to load along with the first object of a row.
    pub loads: Vec<Load>,
    /// What to load along with further objects of a row, by the places of their items: by statements of their own.
    pub loads_beside: Vec<(usize, Vec<Load>)>,
    /// Conditions on the rows of classes, wherever their tables stand: selected, joined, loaded along, in statements
    /// inside of it. Behind a filter of those that are selected, and behind the condition of a join.
    pub criteria: Vec<Criterion>,
    /// LIMIT and OFFSET are of each group of rows that are equal in these columns; empty: of all rows.
    pub limit_per: Vec<(Source, FieldId)>,
    /// What is done with rows that count as deleted.
    pub deleted: Deleted,
    /// Objects that are held already take what their rows say, and load again what is loaded along.
    pub again: bool,
    /// What was given for its parameters, and for those of statements inside of it.
    pub arguments: Arguments,
    /// Columns that rows carry beside their items: whom a row is loaded for, where its object does not tell.
    pub parents: Vec<(Source, FieldId)>,
    /// What the program says of it to itself.
    pub notes: Notes,
}

/// Which tables of a statement inside another one are that one's, as long as it reads from them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Correlation {
    /// These.
    With(Vec<FromItem>),
    /// All but these.
    Except(Vec<FromItem>),
}

impl Correlation {
    /// True for a table that may be the enclosing statement's.
    pub(crate) fn takes(&self, item: &FromItem) -> bool {
        match self {
            Self::With(items) => items.contains(item),
            Self::Except(items) => !items.contains(item),
        }
    }

    /// The tables that are named.
    pub(crate) fn items(&self) -> &[FromItem] {
        match self {
            Self::With(items) | Self::Except(items) => items,
        }
    }

    /// The same, to be changed.
    pub(crate) fn items_mut(&mut self) -> &mut Vec<FromItem> {
        match self {
            Self::With(items) | Self::Except(items) => items,
        }
    }
}

/// What a statement does with rows that count as deleted: those whose [tombstone](crate::model::Field::tombstone) is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Deleted {
    /// They are not there: in its tables, its joins, in lookups across relations, and in what is loaded along.
    #[default]
    LeftOut,
    /// They are rows like others in all of these.
    Included,
    /// Of the first table only they are there; of the others none.
    Only,
    /// As the statement around it says of what is not its first table.
    AsAround,
}

impl Select {
    /// Objects of `model`.
    pub fn entity(model: ModelId) -> Self {
        Self::default().item(Item::Entity { source: Source::plain(model), fields: None })
    }

    /// Values.
    pub fn values(exprs: impl IntoIterator<Item = Expr>) -> Self {
        let items = exprs.into_iter().map(|expr| Item::Value { expr, label: None }).collect();
        Self { items, ..Self::default() }
    }

    /// The object with a key: one bound value per key field, in order.
    pub fn by_key(model: &Model, key: impl IntoIterator<Item = crate::value::Value>) -> Self {
        let mut select = Self::entity(model.id);
        for (field, value) in model.key.iter().zip(key) {
            let sql_type = model.field(*field).column_type.sql_type();
            select.filter.push(Expr::column(model.id, *field).eq(Expr::value(value, sql_type)));
        }
        select
    }

    /// Adds an item.
    #[must_use]
    pub fn item(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    /// Adds a condition.
    #[must_use]
    pub fn filter(mut self, condition: Expr) -> Self {
        match condition {
            Expr::And(parts) => self.filter.extend(parts.iter().cloned()),
            Expr::Bool(true) => {}
            other => self.filter.push(other),
        }
        self
    }

    /// Adds a term of ORDER BY.
    #[must_use]
    pub fn order_by(mut self, order: impl Into<Order>) -> Self {
        self.order_by.push(order.into());
        self
    }

    /// At most so many rows.
    #[must_use]
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Leaves out so many rows.
    #[must_use]
    pub fn offset(mut self, rows: u64) -> Self {
        self.offset = Some(rows);
        self
    }

    /// Each row once.
    #[must_use]
    pub fn distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    /// Joins along a relation of `parent`; `target` names the joined table.
    #[must_use]
    pub fn join(mut self, kind: JoinKind, parent: Source, relation: RelationId, target: Source) -> Self {
        self.joins.push(Join {
            target: target.into(),
            kind,
            on: On::Relation { parent, relation, also: None },
        });
        self
    }

    /// Joins on a condition.
    #[must_use]
    pub fn join_on(mut self, kind: JoinKind, target: impl Into<FromItem>, condition: Expr) -> Self {
        self.joins.push(Join { target: target.into(), kind, on: On::Condition(condition) });
        self
    }

    /// Starts from a table or derived rows.
    #[must_use]
    pub fn select_from(mut self, item: impl Into<FromItem>) -> Self {
        self.from.push(item.into());
        self
    }

    /// Groups.
    #[must_use]
    pub fn group_by(mut self, expr: Expr) -> Self {
        self.group_by.push(expr);
        self
    }

    /// Adds a condition on groups.
    #[must_use]
    pub fn having(mut self, condition: Expr) -> Self {
        self.having.push(condition);
        self
    }

    /// Locks the rows.
    #[must_use]
    pub fn with_for_update(mut self, lock: Lock) -> Self {
        self.lock = Some(lock);
        self
    }

    /// Loads a relation along.
    #[must_use]
    pub fn load(mut self, load: Load) -> Self {
        Load::add(&mut self.loads, load);
        self
    }

    /// The table of the first object of a row, if it is out of one: whose relations [`loads`](Self::loads) names.
    pub fn root(&self) -> Option<Source> {
        match self.items.iter().find(|item| item.model().is_some())? {
            Item::Entity { source, .. } => Some(*source),
            _ => None,
        }
    }

    /// The model of the first object of a row.
    pub fn root_model(&self) -> Option<ModelId> {
        self.items.iter().find_map(Item::model)
    }
}
