//! INSERT, UPDATE and DELETE as a program writes them.

mod conflict;

pub use conflict::{Conflict, ConflictTarget, IndexFilter};

use super::{Arguments, Child, Deleted, Expr, Item, Notes, Select, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{FieldId, Model, ModelId, Schema};
use std::sync::Arc;

/// A statement that writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    /// INSERT
    Insert(Insert),
    /// UPDATE
    Update(Update),
    /// DELETE
    Delete(Delete),
}

impl Write {
    /// The model whose rows are written.
    pub fn model(&self) -> ModelId {
        match self {
            Self::Insert(insert) => insert.model,
            Self::Update(update) => update.model,
            Self::Delete(delete) => delete.model,
        }
    }

    /// What the program says of it to itself.
    pub fn notes_mut(&mut self) -> &mut Notes {
        match self {
            Self::Insert(insert) => &mut insert.notes,
            Self::Update(update) => &mut update.notes,
            Self::Delete(delete) => &mut delete.notes,
        }
    }

    /// What was given for its parameters.
    pub fn arguments(&self) -> &Arguments {
        match self {
            Self::Insert(insert) => &insert.arguments,
            Self::Update(update) => &update.arguments,
            Self::Delete(delete) => &delete.arguments,
        }
    }

    /// The same, to say what is given.
    pub fn arguments_mut(&mut self) -> &mut Arguments {
        match self {
            Self::Insert(insert) => &mut insert.arguments,
            Self::Update(update) => &mut update.arguments,
            Self::Delete(delete) => &mut delete.arguments,
        }
    }

    /// What it does with rows that count as deleted. What an INSERT meets is a row like any other.
    pub fn deleted(&self) -> Deleted {
        match self {
            Self::Insert(_) => Deleted::LeftOut,
            Self::Update(update) => update.deleted,
            Self::Delete(delete) => delete.deleted,
        }
    }

    /// What it answers.
    pub fn returning(&self) -> &[Item] {
        match self {
            Self::Insert(insert) => &insert.returning,
            Self::Update(update) => &update.returning,
            Self::Delete(delete) => &delete.returning,
        }
    }

    /// The same, to add to.
    pub fn returning_mut(&mut self) -> &mut Vec<Item> {
        match self {
            Self::Insert(insert) => &mut insert.returning,
            Self::Update(update) => &mut update.returning,
            Self::Delete(delete) => &mut delete.returning,
        }
    }
}

/// INSERT … VALUES, or INSERT … SELECT.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Insert {
    /// The model.
    pub model: ModelId,
    /// Its columns that are given; none: a row of defaults.
    pub columns: Vec<FieldId>,
    /// The rows, each with one value per column. More than one row needs columns.
    pub rows: Vec<Vec<Expr>>,
    /// The rows, where a SELECT gives them.
    pub select: Option<Arc<Select>>,
    /// What to do when a row exists already.
    pub conflict: Option<Conflict>,
    /// RETURNING.
    pub returning: Vec<Item>,
    /// Columns that are not given take what the model says in SQL: an expression, the first version.
    pub fills: bool,
    /// What was given for its parameters.
    pub arguments: Arguments,
    /// What the program says of it to itself.
    pub notes: Notes,
}

impl Insert {
    /// Without rows.
    pub fn new(model: ModelId) -> Self {
        Self {
            model,
            columns: Vec::new(),
            rows: Vec::new(),
            select: None,
            conflict: None,
            returning: Vec::new(),
            fills: true,
            arguments: Arguments::default(),
            notes: Notes::default(),
        }
    }

    /// Adds a column with a value for each row; of a SELECT with one value for all of its rows.
    ///
    /// # Errors
    /// The rows are those of a set operation, which has no place for one more value.
    pub fn column(&mut self, model: &Model, field: FieldId, values: Vec<Expr>) -> Result<()> {
        if let Some(select) = &mut self.select {
            *select = Arc::new(wider(select, model, field, values)?);
        } else {
            for (row, value) in self.rows.iter_mut().zip(values) {
                row.push(value);
            }
        }
        self.columns.push(field);
        Ok(())
    }

    /// The rows of a SELECT, column by column.
    ///
    /// # Errors
    /// There are rows already, or the SELECT has another number of columns.
    pub fn from_select(
        mut self,
        schema: &Schema,
        columns: Vec<FieldId>,
        select: Arc<Select>,
    ) -> Result<Self> {
        let width = select.columns(schema)?.len();
        if !self.rows.is_empty() || width != columns.len() {
            return Err(Error::new(ErrorKind::Programming(format!(
                "INSERT INTO {}: {} column(s) are named, the SELECT has {width}{}",
                schema.model(self.model).table(),
                columns.len(),
                if self.rows.is_empty() { "" } else { ", and values() has given rows already" }
            ))));
        }
        self.columns = columns;
        self.select = Some(select);
        Ok(self)
    }

    /// Adds a row. All rows give the same columns, in any order.
    ///
    /// # Errors
    /// A row that gives other columns than the first.
    pub fn row(mut self, model: &Model, values: Vec<(FieldId, Expr)>) -> Result<Self> {
        if self.rows.is_empty() {
            self.columns = values.iter().map(|(field, _)| *field).collect();
        }
        let mut row = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            match values.iter().find(|(field, _)| field == column) {
                Some((_, value)) => row.push(value.clone()),
                None => return Err(uneven(model, *column)),
            }
        }
        if let Some((field, _)) = values.iter().find(|(field, _)| !self.columns.contains(field)) {
            return Err(uneven(model, *field));
        }
        self.rows.push(row);
        Ok(self)
    }
}

impl Write {
    /// The statements that do the same where this one binds more values than a database takes in one: an INSERT of many rows
    /// goes in parts, in order. All of them belong into one transaction.
    pub fn in_parts(self) -> Vec<Self> {
        match self {
            Self::Insert(insert) if insert.rows.len() > 1 => {
                insert.in_parts().into_iter().map(Self::Insert).collect()
            }
            other => vec![other],
        }
    }
}

impl Insert {
    /// The most values of one statement: SQLite takes 32,766, some of which may stand elsewhere in it.
    const MOST_VALUES: usize = 30_000;

    fn in_parts(mut self) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut rows = std::mem::take(&mut self.rows).into_iter().peekable();
        while rows.peek().is_some() {
            let (mut taken, mut bound) = (Vec::new(), 0);
            while let Some(row) =
                rows.next_if(|row| taken.is_empty() || bound + values_in(row) <= Self::MOST_VALUES)
            {
                bound += values_in(&row);
                taken.push(row);
            }
            parts.push(Self { rows: taken, ..self.clone() });
        }
        parts
    }
}

/// The values that a row binds, or a few more.
fn values_in(row: &[Expr]) -> usize {
    fn of(expr: &Expr) -> usize {
        let mut inside = 1;
        expr.children(&mut |child| match child {
            Child::Expr(expr) => inside += of(expr),
            Child::Select(_) => inside += 16,
        });
        inside
    }
    row.iter().map(of).sum()
}

/// `select` with more values in each row, which are for `field`.
///
/// # Errors
/// It is a set operation.
pub(crate) fn wider(select: &Select, model: &Model, field: FieldId, values: Vec<Expr>) -> Result<Select> {
    if select.set.is_some() {
        return Err(Error::new(ErrorKind::Programming(format!(
            "the rows of a set operation take no value for {}: read from it as a subquery, or leave defaults out by \
             include_defaults=False",
            model.place(field)
        ))));
    }
    let mut select = select.clone();
    select.items.extend(values.into_iter().map(|expr| Item::Value { expr, label: None }));
    Ok(select)
}

fn uneven(model: &Model, field: FieldId) -> Error {
    Error::new(ErrorKind::Programming(format!(
        "rows of one INSERT give the same columns: {} is in some of them only",
        model.place(field)
    )))
}

/// UPDATE.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Update {
    /// The model.
    pub model: ModelId,
    /// What is set, in order.
    pub set: Vec<(FieldId, Expr)>,
    /// Conditions that all hold; none: every row.
    pub filter: Vec<Expr>,
    /// Which rows are left out as deleted, of all its tables.
    pub deleted: Deleted,
    /// RETURNING.
    pub returning: Vec<Item>,
    /// What was given for its parameters.
    pub arguments: Arguments,
    /// What the program says of it to itself.
    pub notes: Notes,
}

impl Update {
    /// Of every row.
    pub fn new(model: ModelId, set: Vec<(FieldId, Expr)>) -> Self {
        Self {
            model,
            set,
            filter: Vec::new(),
            deleted: Deleted::LeftOut,
            returning: Vec::new(),
            arguments: Arguments::default(),
            notes: Notes::default(),
        }
    }
}

/// DELETE.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delete {
    /// The model.
    pub model: ModelId,
    /// Conditions that all hold; none: every row.
    pub filter: Vec<Expr>,
    /// Which rows are left out as deleted, of all its tables.
    pub deleted: Deleted,
    /// RETURNING.
    pub returning: Vec<Item>,
    /// What was given for its parameters.
    pub arguments: Arguments,
    /// What the program says of it to itself.
    pub notes: Notes,
}

impl Delete {
    /// Of every row.
    pub fn new(model: ModelId) -> Self {
        Self {
            model,
            filter: Vec::new(),
            deleted: Deleted::LeftOut,
            returning: Vec::new(),
            arguments: Arguments::default(),
            notes: Notes::default(),
        }
    }
}

impl Select {
    /// The conditions of an UPDATE or DELETE of just the rows of `model` that this SELECT reads: its own, or "the key is
    /// among those selected" when it joins, limits or groups. The statement takes over [`Select::deleted`] beside them.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when that is needed and the key has several columns.
    pub fn as_filter(&self, model: &Model) -> Result<Vec<Expr>> {
        let plain = self.joins.is_empty()
            && self.from.is_empty()
            && self.limit.is_none()
            && self.offset.is_none()
            && self.group_by.is_empty()
            && self.having.is_empty()
            && self.distinct_on.is_empty()
            && self.set.is_none()
            && self.criteria.is_empty();
        if plain {
            return Ok(self.filter.clone());
        }
        let [key] = model.key[..] else {
            return Err(Error::new(ErrorKind::Unsupported {
                feature: format!("update or delete of limited or joined rows of {}", model.name()),
                instead: "its key has several columns: say the rows by conditions alone".into(),
            }));
        };
        let source = self.root().unwrap_or_else(|| Source::plain(model.id));
        let key_of = |source| Expr::column(source, key);
        let inner = Select {
            items: vec![Item::Value { expr: key_of(source), label: None }],
            loads: Vec::new(),
            lock: None,
            ..self.clone()
        };
        Ok(vec![key_of(Source::plain(model.id)).in_select(inner)])
    }
}
