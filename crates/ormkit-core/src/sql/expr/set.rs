//! IN and EXISTS.

use super::super::{SqlWriter, select};
use super::{Level, Render, all_of, comparable, is_decimal_text, operand};
use crate::query::{Bound, Exists, Expr, InList, InSelect, Source, fits_one_parameter};
use crate::value::Value;

impl Render for InList {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let as_number = is_decimal_text(out, &self.expr);
        comparable(out, &self.expr, as_number);
        if out.spreads_lists() || !fits_one_parameter(self.list.sql_type) {
            out.push(if self.negated { " NOT IN (" } else { " IN (" });
            spread(out, &self.list, as_number);
            return out.push(")");
        }
        let (before, after) = match (out.dialect().arrays, self.negated) {
            (true, false) => (" = ANY(", ")"),
            (true, true) => (" != ALL(", ")"),
            (false, false) => (" IN (SELECT value FROM json_each(", "))"),
            (false, true) => (" NOT IN (SELECT value FROM json_each(", "))"),
        };
        out.push(before);
        out.bind_list(&self.list);
        out.push(after);
    }
}

/// Each element as a parameter of its own.
fn spread(out: &mut SqlWriter<'_>, list: &Bound, as_number: bool) {
    let Value::Array(_, values) = &list.value else { return };
    out.list(values, |out, value| {
        comparable(out, &Expr::value(value.clone(), list.sql_type), as_number);
    });
}

impl Render for InSelect {
    fn render(&self, out: &mut SqlWriter<'_>) {
        operand(out, &self.expr, Level::Operand);
        out.push(if self.negated { " NOT IN (" } else { " IN (" });
        select::subquery(out, &self.select);
        out.push(")");
    }
}

impl Render for Exists {
    fn render(&self, out: &mut SqlWriter<'_>) {
        match self {
            Self::Select(inner) => {
                out.push("EXISTS (");
                select::subquery(out, inner);
                out.push(")");
            }
            Self::Related { parent, relation, target, condition } => {
                out.push("EXISTS (SELECT 1 FROM ");
                out.open_scope(std::slice::from_ref(target));
                out.source(*target);
                out.push(" WHERE ");
                joins(out, *parent, *relation, *target);
                if let Some(condition) = condition {
                    all_of(out, " AND ", std::slice::from_ref(condition));
                }
                out.close_scope();
                out.push(")");
            }
        }
    }
}

/// `posts.author_id = users.id`: the keys of a relation.
pub(crate) fn joins(
    out: &mut SqlWriter<'_>,
    parent: Source,
    relation: crate::model::RelationId,
    target: Source,
) {
    if !out.writes_text() {
        return;
    }
    let schema = out.schema();
    let relation = schema.model(parent.model).relation(relation);
    for (index, (local, remote)) in relation.local.iter().zip(&relation.remote).enumerate() {
        if index > 0 {
            out.push(" AND ");
        }
        out.column(target, *remote);
        out.push(" = ");
        out.column(parent, *local);
    }
}
