//! UNION, INTERSECT and EXCEPT.

use std::sync::Arc;

use super::{DerivedColumn, Expr, Item, Select};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ColumnType, Schema};
use crate::value::SqlType;

/// How the rows of several SELECTs become one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetOp {
    /// UNION
    Union,
    /// UNION ALL
    UnionAll,
    /// INTERSECT
    Intersect,
    /// INTERSECT ALL
    IntersectAll,
    /// EXCEPT
    Except,
    /// EXCEPT ALL
    ExceptAll,
}

impl SetOp {
    /// The operator with a space on both sides.
    pub fn text(self) -> &'static str {
        match self {
            Self::Union => " UNION ",
            Self::UnionAll => " UNION ALL ",
            Self::Intersect => " INTERSECT ",
            Self::IntersectAll => " INTERSECT ALL ",
            Self::Except => " EXCEPT ",
            Self::ExceptAll => " EXCEPT ALL ",
        }
    }
}

/// Several SELECTs as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetOperation {
    /// How.
    pub op: SetOp,
    /// The SELECTs, from left to right. A single one is taken as it is.
    pub parts: Vec<Arc<Select>>,
}

impl Select {
    /// Several SELECTs as one. ORDER BY, LIMIT and OFFSET added to it are those of the whole.
    ///
    /// # Errors
    /// There are none, or they have different numbers of columns.
    pub fn set(schema: &Schema, op: SetOp, parts: Vec<Arc<Self>>) -> Result<Self> {
        let widths = parts.iter().map(|part| part.columns(schema).map(|columns| columns.len()));
        let widths = widths.collect::<Result<Vec<_>>>()?;
        match widths.first() {
            None => Err(Error::new(ErrorKind::Programming("a set operation needs a SELECT".into()))),
            Some(first) => match widths.iter().find(|width| *width != first) {
                Some(other) => Err(Error::new(ErrorKind::Programming(format!(
                    "all SELECTs of a{} have as many columns as the first: {first} and not {other}",
                    op.text().trim_end()
                )))),
                None => Ok(Self { set: Some(SetOperation { op, parts }), ..Self::default() }),
            },
        }
    }

    /// The same, its columns those of one type: numbers of several types are converted to the widest of them.
    ///
    /// # Errors
    /// As [`set`](Self::set), or a column holds values of types that do not mix.
    pub fn set_of_one_type(schema: &Schema, op: SetOp, parts: Vec<Arc<Self>>) -> Result<Self> {
        let columns = parts.iter().map(|part| part.columns(schema)).collect::<Result<Vec<_>>>()?;
        let width = columns.iter().map(Vec::len).min().unwrap_or(0);
        if columns.iter().any(|columns| columns.len() != width) {
            return Self::set(schema, op, parts);
        }
        let mut targets = Vec::with_capacity(width);
        for at in 0..width {
            let mut of_column = columns.iter().map(|columns| columns[at].of.sql_type(schema));
            let common = of_column.try_fold(SqlType::Unknown, mixed).map_err(|(one, other)| {
                Error::new(ErrorKind::Programming(format!(
                    "column `{}` of a{} is {} in one SELECT and {} in another: cast(..) one of them",
                    columns[0][at].name,
                    op.text().trim_end(),
                    one.name(),
                    other.name()
                )))
            })?;
            targets.push(common);
        }
        let typed = |(at, part): (usize, Arc<Self>)| part.with_types(schema, &targets, at == 0);
        let parts = parts.into_iter().enumerate().map(typed).collect();
        Self::set(schema, op, parts)
    }

    /// The same with the columns that are of another type converted. The `first` SELECT says what the columns are called
    /// and of which type they are, where it has NULL as well.
    fn with_types(self: Arc<Self>, schema: &Schema, targets: &[SqlType], first: bool) -> Arc<Self> {
        let Ok(columns) = self.columns(schema) else { return self };
        let target = |column: &DerivedColumn, target: SqlType| {
            let own = column.of.sql_type(schema);
            match target.plain_column() {
                Some(to)
                    if (first && column.of == Expr::Null)
                        || (own != target && own.number_rank().is_some()) =>
                {
                    Some(to)
                }
                _ => None,
            }
        };
        let casts: Vec<_> = columns.iter().zip(targets).map(|(column, to)| target(column, *to)).collect();
        if casts.iter().all(Option::is_none) {
            return self;
        }
        let mut select = Arc::unwrap_or_clone(self);
        match &mut select.set {
            Some(set) if select.items.is_empty() => {
                let typed =
                    |(at, part): (usize, Arc<Self>)| part.with_types(schema, targets, first && at == 0);
                let parts = set.parts.drain(..).enumerate().map(typed).collect();
                set.parts = parts;
            }
            _ => {
                let value = |(column, cast): (DerivedColumn, Option<ColumnType>)| {
                    let name = first.then(|| column.name.to_string());
                    let label = name.filter(|name| !name.starts_with("anon_"));
                    match cast {
                        Some(to) => Item::Value { expr: column.of.cast(to), label },
                        None => Item::Value { expr: column.of, label },
                    }
                };
                select.items = columns.into_iter().zip(casts).map(value).collect();
            }
        }
        Arc::new(select)
    }
}

/// The type that values of both have together; the types that do not mix otherwise. What is not known, and what only the
/// server can tell, mixes with anything.
fn mixed(one: SqlType, other: SqlType) -> std::result::Result<SqlType, (SqlType, SqlType)> {
    match (one, other) {
        (one, other) if one == other => Ok(one),
        (known, SqlType::Unknown) | (SqlType::Unknown, known) => Ok(known),
        (one, other) => match (one.number_rank(), other.number_rank()) {
            (Some(rank), Some(than)) => Ok(if rank > than { one } else { other }),
            _ if one.plain_column().is_none() || other.plain_column().is_none() => Ok(one),
            _ => Err((one, other)),
        },
    }
}

impl SqlType {
    /// How much a type of numbers holds, as databases convert one to another; None for others.
    pub(super) fn number_rank(self) -> Option<u8> {
        match self {
            Self::SmallInt => Some(1),
            Self::Integer => Some(2),
            Self::BigInt => Some(3),
            Self::Numeric => Some(4),
            Self::Real => Some(5),
            Self::Double => Some(6),
            _ => None,
        }
    }

    /// The type of a column with such values, where the values alone tell.
    fn plain_column(self) -> Option<ColumnType> {
        Some(match self {
            Self::Bool => ColumnType::Bool,
            Self::SmallInt => ColumnType::SmallInt,
            Self::Integer => ColumnType::Integer,
            Self::BigInt => ColumnType::BigInt,
            Self::Real | Self::Double => ColumnType::Double,
            Self::Numeric => ColumnType::Numeric(None),
            Self::Text => ColumnType::Text,
            Self::Bytes => ColumnType::Bytes,
            Self::Date => ColumnType::Date,
            Self::Time => ColumnType::Time,
            Self::Timestamp => ColumnType::Timestamp,
            Self::TimestampTz => ColumnType::TimestampTz,
            Self::Interval => ColumnType::Interval,
            Self::Uuid => ColumnType::Uuid,
            Self::Jsonb => ColumnType::Json,
            _ => return None,
        })
    }
}
