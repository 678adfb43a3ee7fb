//! What databases compare otherwise than the values are: decimals and arrays that are kept as text.

use super::super::SqlWriter;
use super::arrays::elements_of;
use super::{Level, Render, operand};
use crate::query::Expr;
use crate::value::SqlType;

/// What the operands of a comparison are converted to, so that equal values are equal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Nothing.
    Plain,
    /// A number: they are decimals that the database keeps as text.
    Number,
    /// JSON in one form: equal values have equal texts.
    Json,
    /// The places and values of an array that the database keeps as JSON text, which others space differently. Its
    /// numbers may be written differently, too.
    Array {
        /// The elements are compared as numbers.
        numbers: bool,
    },
}

impl Comparison {
    /// For the operands `exprs`.
    pub(super) fn of(out: &SqlWriter<'_>, exprs: &[&Expr]) -> Self {
        if out.is_postgres() {
            return Self::Plain;
        }
        let types = exprs.iter().map(|expr| expr.sql_type(out.schema()));
        types.fold(Self::Plain, |known, sql_type| match sql_type {
            SqlType::Numeric => Self::Number,
            SqlType::Json | SqlType::Jsonb => Self::Json,
            SqlType::Array(element) => {
                let element = element.sql_type();
                Self::Array { numbers: matches!(element, SqlType::Numeric | SqlType::Real | SqlType::Double) }
            }
            _ => known,
        })
    }
}

/// What follows JSON that is put in order: the driver's collation sorts as PostgreSQL does.
pub(super) const JSON_ORDER: &str = " COLLATE ormkit_json";

/// What follows the argument of max and min, whose order is not that of the texts that SQLite keeps: a collation of the
/// driver's, so that the greatest and the least come back as they are stored.
pub(super) fn order_of(out: &SqlWriter<'_>, exprs: &[&Expr]) -> &'static str {
    match Comparison::of(out, exprs) {
        Comparison::Number => " COLLATE ormkit_decimal",
        Comparison::Json => JSON_ORDER,
        _ => "",
    }
}

/// Writes an operand of a comparison.
pub(super) fn comparable(out: &mut SqlWriter<'_>, expr: &Expr, comparison: Comparison) {
    let (before, after) = match comparison {
        Comparison::Plain => return operand(out, expr, Level::Operand),
        Comparison::Number => ("CAST(", " AS NUMERIC)"),
        Comparison::Json => ("ormkit_json(", ")"),
        Comparison::Array { numbers: false } => {
            ("(SELECT group_concat(fullkey || quote(atom)) FROM json_tree(", "))")
        }
        // -0.0 + 0 is 0.0
        Comparison::Array { numbers: true } => {
            ("(SELECT group_concat(fullkey || quote(CAST(atom AS NUMERIC) + 0)) FROM json_tree(", "))")
        }
    };
    out.push(before);
    match comparison {
        Comparison::Array { .. } => elements_of(out, expr),
        _ => expr.render(out),
    }
    out.push(after);
}

/// Refuses arrays where values are put in order and arrays are text, which has another one.
pub(super) fn require_order(out: &mut SqlWriter<'_>, exprs: &[&Expr]) {
    let is_array = |expr: &&&Expr| matches!(expr.sql_type(out.schema()), SqlType::Array(_));
    if !out.is_postgres() && out.writes_text() && exprs.iter().any(|expr| is_array(&expr)) {
        out.unsupported("the order of arrays", "compare them for equality");
    }
}
