//! Rows in FROM that are no table's: subqueries, CTEs, functions, lists of rows.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::source::fresh;
use super::{Expr, Item, Select, Write, alike};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{FieldId, Model, ModelId, Schema, TableName};

/// Rows that a statement reads from beside tables, under one name.
///
/// Two of them are the same only when they were made by one call, as two appearances of a table are. Equality is that
/// of the shape while shapes are compared.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The rows.
    pub rows: Rows,
    /// Its name; None: `anon_1`, `anon_2` in the order in which they appear.
    pub name: Option<Arc<str>>,
    /// Its columns.
    pub columns: Box<[DerivedColumn]>,
    /// It may read from what stands before it in FROM.
    pub lateral: bool,
    number: u32,
    fingerprint: u64,
}

/// A column of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DerivedColumn {
    /// What a program calls it: the attribute's name or the label.
    pub name: Arc<str>,
    /// What SQL calls it.
    pub column: Arc<str>,
    /// What it shows: of what type it is. Of a SELECT the very expression.
    pub of: Expr,
}

/// Where the rows come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rows {
    /// A SELECT in parentheses.
    Select(Arc<Select>),
    /// A common table expression.
    Cte(Arc<Cte>),
    /// A function that answers rows: [`Expr::Call`].
    Function(Expr),
    /// A list of rows, each with one value per column.
    Values(Vec<Vec<Expr>>),
    /// A table of which nothing is known but its name and columns.
    Named(TableName),
    /// SQL text of the program's own, as it stands in FROM: [`Expr::Text`], or a template that binds values.
    Raw(Expr),
    /// SQL text of the program's own, a SELECT: [`Expr::Text`], or a template that binds values.
    Text(Expr),
}

/// A common table expression: written once, in front of the statement, however often it is read.
#[derive(Clone, Debug)]
pub struct Cte {
    /// Its name; None: `anon_1` and so on.
    pub name: Option<Arc<str>>,
    /// Its rows.
    pub body: CteBody,
    /// It may read from itself.
    pub recursive: bool,
    /// MATERIALIZED or NOT MATERIALIZED.
    pub materialized: Option<bool>,
    /// Its columns.
    pub columns: Box<[DerivedColumn]>,
    /// How many parts were added: the part of a recursive one that reads from it knows it with fewer.
    pub(crate) added: u32,
    pub(crate) number: u32,
}

/// What a common table expression does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CteBody {
    /// SELECT
    Select(Arc<Select>),
    /// INSERT, UPDATE or DELETE with RETURNING.
    Write(Arc<Write>),
}

/// A column of [`Derived`] rows in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The rows.
    pub of: Arc<Derived>,
    /// Which of their columns.
    pub column: u16,
}

impl Derived {
    /// Rows under a name.
    pub fn new(rows: Rows, name: Option<&str>, columns: Vec<DerivedColumn>) -> Self {
        let fingerprint = FxBuildHasher.hash_one((&rows, name, columns.len()));
        let (name, columns) = (name.map(Into::into), columns.into());
        Self { rows, name, columns, lateral: false, number: fresh(), fingerprint }
    }

    /// A SELECT as rows to read from. Columns of one name are told apart as `id`, `id_1`.
    ///
    /// # Errors
    /// It has no columns.
    pub fn select(schema: &Schema, select: Arc<Select>, name: Option<&str>) -> Result<Self> {
        let columns = select.columns(schema)?;
        Ok(Self::new(Rows::Select(select), name, columns))
    }

    /// A common table expression, to read from.
    pub fn cte(cte: Arc<Cte>) -> Self {
        let (name, columns) = (cte.name.clone(), cte.columns.to_vec());
        let number = cte.number;
        Self { number, ..Self::new(Rows::Cte(cte), name.as_deref(), columns) }
    }

    /// The same rows once more, under another name.
    #[must_use]
    pub fn alias(&self, name: Option<&str>) -> Self {
        let lateral = self.lateral;
        Self { lateral, ..Self::new(self.rows.clone(), name, self.columns.to_vec()) }
    }

    /// The same, which may read from what stands before it in FROM.
    #[must_use]
    pub fn lateral(mut self) -> Self {
        self.lateral = true;
        self
    }

    /// What tells it from others in a statement.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The place of a column.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`] with near matches.
    pub fn column_named(&self, name: &str) -> Result<u16> {
        let by = |known: &dyn Fn(&DerivedColumn) -> bool| self.columns.iter().position(known);
        let found = by(&|column| *column.name == *name).or_else(|| by(&|column| *column.column == *name));
        match found.and_then(|at| u16::try_from(at).ok()) {
            Some(at) => Ok(at),
            None => {
                let known = self.columns.iter().map(|column| &*column.name);
                let within = self.name.as_deref().unwrap_or("the subquery");
                Err(Error::unknown_name("column", name, within, known))
            }
        }
    }

    /// Where the columns of `model` are, for objects out of the rows: a column that shows the field, or has its name.
    ///
    /// # Errors
    /// The key is not among them.
    pub fn fields_of(&self, model: &Model) -> Result<Vec<(FieldId, u16)>> {
        let place = |field: FieldId| {
            let shows = |column: &DerivedColumn| matches!(&column.of, Expr::Column(column) if column.source.model == model.id && column.field == field);
            let known = model.field(field);
            let named =
                |column: &DerivedColumn| *column.name == *known.name || *column.column == *known.column;
            let at = self.columns.iter().position(shows).or_else(|| self.columns.iter().position(named))?;
            Some((field, u16::try_from(at).ok()?))
        };
        let fields: Vec<_> = model.field_ids().filter_map(place).collect();
        match model.key.iter().find(|key| !fields.iter().any(|(field, _)| field == *key)) {
            None => Ok(fields),
            Some(key) => Err(Error::new(ErrorKind::Programming(format!(
                "objects of {} cannot be read from rows without {}: select it, too",
                model.name(),
                model.place(*key)
            )))),
        }
    }
}

impl Cte {
    /// A common table expression of a SELECT.
    ///
    /// # Errors
    /// It has no columns.
    pub fn select(
        schema: &Schema,
        select: Arc<Select>,
        name: Option<&str>,
        recursive: bool,
        materialized: Option<bool>,
    ) -> Result<Self> {
        let columns = select.columns(schema)?.into();
        let (name, body, number) = (name.map(Into::into), CteBody::Select(select), fresh());
        Ok(Self { name, body, recursive, materialized, columns, added: 0, number })
    }

    /// A common table expression of a statement that writes; its columns are those of RETURNING.
    ///
    /// # Errors
    /// It returns nothing.
    pub fn write(schema: &Schema, write: Arc<Write>, name: Option<&str>) -> Result<Self> {
        let columns = named_columns(schema, write.returning());
        if columns.is_empty() {
            return Err(Error::new(ErrorKind::Programming(
                "a CTE that writes needs returning(..): its columns are what can be read from it".into(),
            )));
        }
        let (name, body, columns) = (name.map(Into::into), CteBody::Write(write), columns.into());
        Ok(Self { name, body, recursive: false, materialized: None, columns, added: 0, number: fresh() })
    }

    /// The same with more rows: `select` may read from the one before, which makes it recursive.
    ///
    /// # Errors
    /// It writes, or the SELECT has another number of columns.
    pub fn add(&self, schema: &Schema, all: bool, select: Arc<Select>) -> Result<Self> {
        let CteBody::Select(first) = &self.body else {
            return Err(Error::new(ErrorKind::Programming("a CTE that writes has no union()".into())));
        };
        let op = if all { super::SetOp::UnionAll } else { super::SetOp::Union };
        let body = Select::set(schema, op, vec![Arc::clone(first), select])?;
        Ok(Self { body: CteBody::Select(Arc::new(body)), added: self.added + 1, ..self.clone() })
    }
}

impl Part {
    /// Its column.
    pub fn shown(&self) -> &DerivedColumn {
        &self.of.columns[usize::from(self.column)]
    }
}

impl Select {
    /// Its columns as those of a table: objects are the columns of their tables.
    ///
    /// # Errors
    /// It has none.
    pub fn columns(&self, schema: &Schema) -> Result<Vec<DerivedColumn>> {
        let columns = match (&self.set, self.items.is_empty()) {
            (Some(set), true) => return set.parts[0].columns(schema),
            _ => named_columns(schema, &self.items),
        };
        if columns.is_empty() {
            return Err(Error::new(ErrorKind::Programming(
                "a SELECT without columns has no rows to read".into(),
            )));
        }
        Ok(columns)
    }
}

/// The columns behind SELECT or RETURNING under names that differ.
fn named_columns(schema: &Schema, items: &[Item]) -> Vec<DerivedColumn> {
    let mut columns: Vec<DerivedColumn> = Vec::with_capacity(items.len());
    let mut add = |name: &str, column: &str, of: Expr| {
        let taken = |name: &str| columns.iter().any(|known| *known.column == *name || *known.name == *name);
        let (name, column) = if taken(name) || taken(column) {
            // There are fewer columns than numbers.
            let free = (1_u32..).map(|number| format!("{column}_{number}")).find(|free| !taken(free));
            let free: Arc<str> = free.unwrap_or_default().into();
            (Arc::clone(&free), free)
        } else {
            (name.into(), column.into())
        };
        columns.push(DerivedColumn { name, column, of });
    };
    for item in items {
        match item {
            Item::Entity { source, .. } => {
                let model = schema.model(source.model);
                for field in crate::sql::select::entity_fields(model, item, &[]) {
                    let known = model.field(field);
                    add(&known.name, &known.column, Expr::column(*source, field));
                }
            }
            Item::Mapped { of, columns, .. } => {
                for (_, at) in columns {
                    let known = &of.columns[usize::from(*at)];
                    add(&known.name, &known.column, Expr::part(of, *at));
                }
            }
            Item::Value { expr, label: Some(label) } => add(label, label, expr.clone()),
            Item::Value { expr, label: None } => match expr {
                Expr::Column(column) => {
                    let known = schema.model(column.source.model).field(column.field);
                    add(&known.name, &known.column, expr.clone());
                }
                Expr::Part(part) => add(&part.shown().name, &part.shown().column, expr.clone()),
                Expr::Call(call) => add(&call.name, &call.name, expr.clone()),
                _ => add("anon_1", "anon_1", expr.clone()),
            },
        }
    }
    columns
}

impl Expr {
    /// A column of rows in FROM.
    pub fn part(of: &Arc<Derived>, column: u16) -> Self {
        Self::Part(Part { of: Arc::clone(of), column })
    }
}

impl Item {
    /// The model of the objects that it shows.
    pub fn model(&self) -> Option<ModelId> {
        match self {
            Self::Entity { source, .. } => Some(source.model),
            Self::Mapped { model, .. } => Some(*model),
            Self::Value { .. } => None,
        }
    }
}

impl PartialEq for Derived {
    fn eq(&self, other: &Self) -> bool {
        alike::known(self.number, other.number).unwrap_or_else(|| {
            self.fingerprint == other.fingerprint
                && self.name == other.name
                && self.lateral == other.lateral
                && self.columns == other.columns
                && self.rows == other.rows
        })
    }
}

impl Eq for Derived {}

impl Hash for Derived {
    fn hash<H: Hasher>(&self, state: &mut H) {
        alike::hashed(self.number);
        self.fingerprint.hash(state);
    }
}

impl Hash for Part {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.of.hash(state);
        self.column.hash(state);
    }
}

impl PartialEq for Cte {
    fn eq(&self, other: &Self) -> bool {
        // Its number stands for the name: what reads from it compares that.
        self.added == other.added
            && self.name == other.name
            && self.recursive == other.recursive
            && self.materialized == other.materialized
            && self.columns == other.columns
            && alike::same(self.number, other.number)
            && self.body == other.body
    }
}

impl Eq for Cte {}

impl Hash for Cte {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.recursive.hash(state);
        self.materialized.hash(state);
        self.added.hash(state);
        self.body.hash(state);
    }
}
