//! UNION, INTERSECT and EXCEPT.

use std::sync::Arc;

use super::Select;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Schema;

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
}
