//! What two arrays have in common.

use super::super::SqlWriter;
use super::{Level, Render, operand};
use crate::query::{Arrays, ArraysOp, Expr};
use crate::value::SqlType;

impl Render for Arrays {
    fn render(&self, out: &mut SqlWriter<'_>) {
        if !out.is_postgres() {
            return self.render_json(out);
        }
        operand(out, &self.left, Level::Atom);
        out.push(match self.op {
            ArraysOp::Contains => " @> ",
            ArraysOp::Overlaps => " && ",
        });
        operand(out, &self.right, Level::Atom);
    }
}

impl Arrays {
    /// Of JSON texts: by the leaves of their trees.
    fn render_json(&self, out: &mut SqlWriter<'_>) {
        let leaf = match self.left.sql_type(out.schema()) {
            SqlType::Array(element) if element.sql_type() == SqlType::Numeric => {
                ["ormkit_decimal(ormkit_l.atom)", "ormkit_decimal(ormkit_r.atom)"]
            }
            _ => ["ormkit_l.atom", "ormkit_r.atom"],
        };
        out.push("CASE WHEN ");
        operand(out, &self.left, Level::Operand);
        out.push(" IS NULL OR ");
        operand(out, &self.right, Level::Operand);
        out.push(" IS NULL THEN NULL ELSE ");
        match self.op {
            ArraysOp::Contains => {
                out.push("NOT EXISTS (SELECT 1 FROM json_tree(");
                elements_of(out, &self.right);
                out.push(") AS ormkit_r WHERE ormkit_r.type <> 'array' AND (ormkit_r.atom IS NULL OR ");
                out.push(leaf[1]);
                out.push(" NOT IN (SELECT ");
                out.push(leaf[0]);
                out.push(" FROM json_tree(");
                elements_of(out, &self.left);
                out.push(") AS ormkit_l WHERE ormkit_l.atom IS NOT NULL)))");
            }
            ArraysOp::Overlaps => {
                out.push("EXISTS (SELECT 1 FROM json_tree(");
                elements_of(out, &self.left);
                out.push(") AS ormkit_l JOIN json_tree(");
                elements_of(out, &self.right);
                out.push(") AS ormkit_r ON ");
                out.push(leaf[0]);
                out.push(" = ");
                out.push(leaf[1]);
                out.push(")");
            }
        }
        out.push(" END");
    }
}

/// Writes an element of an array. Of a JSON text it is the value at its place, as far as JSON has such values.
pub(super) fn element(out: &mut SqlWriter<'_>, array: &Expr, places: &[i64]) {
    if out.is_postgres() {
        subscripted(out, array);
        return places.iter().for_each(|place| out.push(&format!("[{place}]")));
    }
    let kept = match array.sql_type(out.schema()) {
        SqlType::Array(element) => element.sql_type(),
        other => other,
    };
    let is_plain = matches!(
        kept,
        SqlType::Bool
            | SqlType::SmallInt
            | SqlType::Integer
            | SqlType::BigInt
            | SqlType::Double
            | SqlType::Text
    );
    if !is_plain {
        return out
            .unsupported("an element of an array of this type", "read the array and take it in Python");
    }
    if places.iter().any(|place| *place < 1) {
        return out.push("NULL");
    }
    out.push("json_extract(");
    array.render(out);
    let way: String = places.iter().map(|place| format!("[{}]", place - 1)).collect();
    out.push(&format!(", '${way}')"));
}

/// Writes a part of an array.
pub(super) fn slice(out: &mut SqlWriter<'_>, array: &Expr, first: Option<i64>, last: Option<i64>) {
    if !out.is_postgres() {
        return out.unsupported("a slice of an array", "read the array and slice it in Python");
    }
    let end = |place: Option<i64>| place.map_or_else(String::new, |place| place.to_string());
    subscripted(out, array);
    out.push(&format!("[{}:{}]", end(first), end(last)));
}

/// Writes an array in front of brackets.
fn subscripted(out: &mut SqlWriter<'_>, array: &Expr) {
    if matches!(array, Expr::Column(_) | Expr::Part(_)) {
        return array.render(out);
    }
    out.push("(");
    array.render(out);
    out.push(")");
}

/// Writes the argument of `json_tree`. A column is qualified: the function's own columns have names such as `value` and
/// `path`.
pub(super) fn elements_of(out: &mut SqlWriter<'_>, array: &Expr) {
    out.open_scope(&[]);
    array.render(out);
    out.close_scope();
}
