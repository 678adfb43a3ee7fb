//! The query AST: what to read or write, without text and without IO.

mod alike;
mod bound;
mod derived;
mod expr;
mod keyset;
mod load;
pub mod lookup;
mod named;
mod notes;
mod order;
mod param;
mod select;
mod set;
mod source;
mod walk;
mod write;

pub(crate) use alike::{Pattern as NumberPattern, by_shape, hash_of};
pub use bound::Bound;
pub(crate) use bound::{fits_one_parameter, json_carries};
pub use derived::{Cte, CteBody, Derived, DerivedColumn, Part, Rows};
pub use expr::{
    Arithmetic, ArithmeticOp, Arrays, ArraysOp, Between, Call, Case, Cast, Column, ColumnTypes, Compare,
    CompareOp, Distinct, Exists, Expr, Form, Frame, FrameEnd, FrameUnit, HostType, InList, InParam, InRows,
    InSelect, IsNull, IsTrue, JsonKeys, JsonRead, JsonStep, Labelled, Like, Operation, OperationKind, Origin,
    Pattern, TimePart, Whose,
};
pub use keyset::{Bookmark, Keyset};
pub use load::{Criterion, Load, Strategy};
pub(crate) use load::{Reach, fields_read, strategy_of};
pub use notes::Notes;
pub use order::{Nulls, Order};
pub use param::{Arguments, Param};
pub use select::{Correlation, Deleted, Item, Join, JoinKind, Lock, On, Select};
pub use set::{SetOp, SetOperation};
pub use source::{FromItem, Source};
pub use walk::Wanted;
pub(crate) use walk::{Child, Met, Walk};
pub(crate) use write::wider;
pub use write::{Conflict, ConflictTarget, Delete, IndexFilter, Insert, Update, Write};

use crate::value::SqlType;

/// What is known of a column of a result that is not part of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Its type.
    pub sql_type: SqlType,
    /// The column whose values it has, where they are those of one: hosts look up their own type there (an enum's class).
    pub origin: Option<Origin>,
}

impl Shape {
    /// Of a type, and no field.
    pub fn of(sql_type: SqlType) -> Self {
        Self { sql_type, origin: None }
    }
}
