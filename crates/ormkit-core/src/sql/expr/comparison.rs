//! What databases compare otherwise than the values are: decimals and arrays that are kept as text.

use super::super::SqlWriter;
use super::arrays::elements_of;
use super::decimal::{DECIMAL_ORDER, as_text};
use super::{Level, Render, operand};
use crate::query::Expr;
use crate::value::SqlType;

/// What the operands of a comparison are converted to, so that equal values are equal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Nothing.
    Plain,
    /// Text: decimals, which the database keeps as such, are put in order by a collation.
    Number,
    /// A float, as decimals beside floats are.
    Float,
    /// JSON in one form: equal values have equal texts.
    Json,
    /// The places and values of an array that the database keeps as JSON text, which others space differently.
    Array {
        /// An element in one form: numbers may be written differently, too.
        atom: &'static str,
    },
}

impl Comparison {
    /// For the operands `exprs`.
    pub(super) fn of(out: &SqlWriter<'_>, exprs: &[&Expr]) -> Self {
        if out.is_postgres() {
            return Self::Plain;
        }
        Self::of_types(exprs.iter().map(|expr| expr.sql_type(out.schema())))
    }

    /// For `expr` and values of another type: numbers alone are converted.
    pub(super) fn with(out: &SqlWriter<'_>, expr: &Expr, others: SqlType) -> Self {
        let types = [expr.sql_type(out.schema()), others];
        match !out.is_postgres() && types.contains(&SqlType::Numeric) {
            true => Self::of_types(types.into_iter()),
            false => Self::Plain,
        }
    }

    fn of_types(types: impl Iterator<Item = SqlType> + Clone) -> Self {
        let is_float = |sql_type: SqlType| matches!(sql_type, SqlType::Real | SqlType::Double);
        let with_floats = types.clone().any(is_float);
        types.fold(Self::Plain, |known, sql_type| match sql_type {
            SqlType::Numeric if with_floats => Self::Float,
            SqlType::Numeric => Self::Number,
            SqlType::Json | SqlType::Jsonb => Self::Json,
            SqlType::Array(element) => {
                let element = element.sql_type();
                match element {
                    SqlType::Numeric => Self::Array { atom: "ormkit_decimal(atom)" },
                    // -0.0 + 0 is 0.0
                    element if is_float(element) => Self::Array { atom: "CAST(atom AS NUMERIC) + 0" },
                    _ => Self::Array { atom: "atom" },
                }
            }
            _ => known,
        })
    }

    /// What follows an operand, so that values are put in order as PostgreSQL does: a collation of the driver's.
    pub(super) fn order(self) -> &'static str {
        match self {
            Self::Number => DECIMAL_ORDER,
            Self::Json => JSON_ORDER,
            _ => "",
        }
    }

    /// The same, where values are only told apart: JSON has one form.
    pub(super) fn equality(self) -> &'static str {
        if self == Self::Number { DECIMAL_ORDER } else { "" }
    }
}

/// What follows JSON that is put in order.
const JSON_ORDER: &str = " COLLATE ormkit_json";

/// What follows the argument of max and min, whose order is not that of the texts that SQLite keeps: a collation of the
/// driver's, so that the greatest and the least come back as they are stored.
pub(super) fn order_of(out: &SqlWriter<'_>, exprs: &[&Expr]) -> &'static str {
    Comparison::of(out, exprs).order()
}

/// Writes an operand of a comparison.
pub(super) fn comparable(out: &mut SqlWriter<'_>, expr: &Expr, comparison: Comparison) {
    let (before, after) = match comparison {
        Comparison::Plain => return operand(out, expr, Level::Operand),
        Comparison::Number => return as_text(out, expr),
        Comparison::Float => ("CAST(", " AS REAL)"),
        Comparison::Json => ("ormkit_json(", ")"),
        Comparison::Array { atom } => {
            out.push("(SELECT group_concat(fullkey || quote(");
            out.push(atom);
            out.push(")) FROM json_tree(");
            elements_of(out, expr);
            return out.push("))");
        }
    };
    out.push(before);
    expr.render(out);
    out.push(after);
}

/// Refuses arrays where values are put in order and arrays are text, which has another one.
pub(super) fn require_order(out: &mut SqlWriter<'_>, exprs: &[&Expr]) {
    let is_array = |expr: &&&Expr| matches!(expr.sql_type(out.schema()), SqlType::Array(_));
    if !out.is_postgres() && out.writes_text() && exprs.iter().any(|expr| is_array(&expr)) {
        out.unsupported("the order of arrays", "compare them for equality");
    }
}
