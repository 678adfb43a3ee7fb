//! Function calls, aggregates and windows.

use super::super::SqlWriter;
use super::Render;
use crate::query::Call;

impl Render for Call {
    fn render(&self, out: &mut SqlWriter<'_>) {
        if self.args.is_empty() && self.name.eq_ignore_ascii_case("now") && !out.is_postgres() {
            return out.push("CURRENT_TIMESTAMP");
        }
        if is_keyword(&self.name) {
            return out.push(&self.name);
        }
        out.push(&self.name);
        out.push("(");
        if self.star {
            out.push("*");
        }
        if self.distinct {
            out.push("DISTINCT ");
        }
        out.list(&self.args, |out, arg| arg.render(out));
        out.push(")");
        if let Some(filter) = &self.filter {
            out.push(" FILTER (WHERE ");
            filter.render(out);
            out.push(")");
        }
        if let Some((partition, order)) = &self.over {
            out.push(" OVER (");
            if !partition.is_empty() {
                out.push("PARTITION BY ");
                out.list(partition, |out, expr| expr.render(out));
            }
            if !order.is_empty() {
                out.push(if partition.is_empty() { "ORDER BY " } else { " ORDER BY " });
                out.list(order, |out, term| term.render(out));
            }
            out.push(")");
        }
    }
}

/// SQL's functions that are written without parentheses.
fn is_keyword(name: &str) -> bool {
    ["current_timestamp", "current_date", "current_time"].iter().any(|word| name.eq_ignore_ascii_case(word))
}
