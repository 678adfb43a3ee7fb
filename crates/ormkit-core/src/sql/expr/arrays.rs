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

/// Writes the argument of `json_tree`. A column is qualified: the function's own columns have names such as `value` and
/// `path`.
pub(super) fn elements_of(out: &mut SqlWriter<'_>, array: &Expr) {
    out.open_scope(&[]);
    array.render(out);
    out.close_scope();
}
