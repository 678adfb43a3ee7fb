//! Function calls, aggregates and windows.

use super::super::{SqlWriter, clock};
use super::{Comparison, Render, comparable, decimal, grouped, is_decimal_text, order_of, require_order};
use crate::error::{Error, ErrorKind};
use crate::query::{Call, Expr, Frame, FrameEnd, FrameUnit, Order};
use crate::value::SqlType;

impl Render for Call {
    fn render(&self, out: &mut SqlWriter<'_>) {
        if let Some(clock) = clock::read(self).filter(|_| !out.is_postgres()) {
            return out.push(clock);
        }
        if is_keyword(&self.name) {
            return out.push(&self.name);
        }
        if self.name.contains('.') && !out.is_postgres() {
            return out.unsupported("a function of a schema", "name the function alone");
        }
        if !out.is_postgres() && is_of_groups(&self.name) {
            return out.unsupported(
                &format!("{}()", self.name),
                "join one SELECT for each grouping by union_all(..)",
            );
        }
        self.refuse_sum(out);
        let is_span = !out.is_postgres()
            && self.name.eq_ignore_ascii_case("avg")
            && self.sql_type(out.schema()) == SqlType::Interval;
        out.push(if is_span { "CAST(" } else { "" });
        let name = match decimal::function_of(out, self) {
            Some(name) => name,
            None if is_span => "ormkit_avg_span",
            None => self.spelled(out),
        };
        out.push(name);
        out.push("(");
        if self.star {
            out.push("*");
        }
        if self.distinct {
            out.push("DISTINCT ");
        }
        self.arguments(out);
        match (name, &self.args[..]) {
            ("min" | "max", [arg]) => {
                require_order(out, &[arg]);
                out.push(order_of(out, &[arg]));
            }
            ("min" | "max", several) if several.iter().any(|arg| is_decimal_text(out, arg)) => {
                out.unsupported(
                    "min() and max() of several decimals",
                    "func.least(..) and func.greatest(..)",
                );
            }
            _ => {}
        }
        if self.name.eq_ignore_ascii_case("group_concat") && self.args.len() == 1 && out.is_postgres() {
            out.push(", ','");
        }
        sorted(out, " ORDER BY ", &self.order_by);
        out.push(")");
        if !self.within_group.is_empty() {
            if !out.is_postgres() {
                out.unsupported("within_group()", "sort and pick the value in Python");
            }
            sorted(out, " WITHIN GROUP (ORDER BY ", &self.within_group);
            out.push(")");
        }
        if let Some(filter) = &self.filter {
            out.push(" FILTER (WHERE ");
            filter.render(out);
            out.push(")");
        }
        if let Some((partition, order)) = &self.over {
            out.push(" OVER (");
            if !partition.is_empty() {
                out.push("PARTITION BY ");
                out.list(partition, grouped);
            }
            sorted(out, if partition.is_empty() { "ORDER BY " } else { " ORDER BY " }, order);
            if let Some(frame) = self.frame {
                out.push(if partition.is_empty() && order.is_empty() { "" } else { " " });
                frame.render(out);
            }
            out.push(")");
        }
        out.push(if is_span { " AS INTEGER)" } else { "" });
    }
}

impl Call {
    fn arguments(&self, out: &mut SqlWriter<'_>) {
        let all: Vec<&Expr> = self.args.iter().collect();
        let sql_type = self.sql_type(out.schema());
        let is_of_uuids =
            matches!(sql_type, SqlType::Array(of) if of.sql_type() == SqlType::Uuid) && !out.is_postgres();
        if let ([arg], true) = (&self.args[..], is_of_uuids) {
            // JSON holds no bytes: the elements are spelled as those of array columns are.
            out.push("nullif(lower(hex(");
            arg.render(out);
            return out.push(")), '')");
        }
        match Comparison::of(out, &all) {
            comparison @ (Comparison::Number | Comparison::Float)
                if self.name.eq_ignore_ascii_case("nullif") =>
            {
                out.list(&self.args, |out, arg| {
                    comparable(out, arg, comparison);
                    out.push(comparison.equality());
                });
            }
            _ if self.distinct => out.list(&self.args, grouped),
            _ if decimal::chooses(self) => {
                out.list(&self.args, |out, arg| decimal::branch(out, arg, sql_type))
            }
            _ => out.list(&self.args, |out, arg| arg.render(out)),
        }
    }

    /// Sums and averages are those of numbers and spans: SQLite would take anything for a number.
    fn refuse_sum(&self, out: &mut SqlWriter<'_>) {
        use SqlType as S;
        let is_sum = ["sum", "avg"].iter().any(|name| self.name.eq_ignore_ascii_case(name));
        let ([arg], true) = (&self.args[..], is_sum) else { return };
        let sql_type = arg.sql_type(out.schema());
        match sql_type {
            S::SmallInt | S::Integer | S::BigInt | S::Numeric | S::Real | S::Double => {}
            S::Interval | S::Unknown | S::Literal => {}
            S::Time if out.is_postgres() => {}
            _ => out.fail(Error::new(ErrorKind::Programming(format!(
                "{}() adds numbers and spans of time, its argument is of type {}",
                self.name,
                sql_type.name()
            )))),
        }
    }

    /// The name that the dialect has for it.
    fn spelled(&self, out: &SqlWriter<'_>) -> &str {
        match (self.name.to_ascii_lowercase().as_str(), out.is_postgres()) {
            ("group_concat" | "aggregate_strings", true) => "string_agg",
            ("aggregate_strings", false) => "group_concat",
            ("grouping_sets", true) => "GROUPING SETS",
            ("array_agg" | "json_agg" | "jsonb_agg", false) => "json_group_array",
            ("json_object_agg" | "jsonb_object_agg", false) => "json_group_object",
            ("json_build_array" | "jsonb_build_array", false) => "json_array",
            ("json_build_object" | "jsonb_build_object", false) => "json_object",
            ("char_length", false) => "length",
            _ => &self.name,
        }
    }
}

fn sorted(out: &mut SqlWriter<'_>, before: &str, order: &[Order]) {
    if !order.is_empty() {
        out.push(before);
        out.list(order, |out, term| term.render(out));
    }
}

impl Render for Frame {
    fn render(&self, out: &mut SqlWriter<'_>) {
        out.push(match self.unit {
            FrameUnit::Rows => "ROWS BETWEEN ",
            FrameUnit::Range => "RANGE BETWEEN ",
            FrameUnit::Groups => "GROUPS BETWEEN ",
        });
        frame_end(out, self.start, "UNBOUNDED PRECEDING");
        out.push(" AND ");
        frame_end(out, self.end, "UNBOUNDED FOLLOWING");
    }
}

fn frame_end(out: &mut SqlWriter<'_>, end: FrameEnd, unbounded: &str) {
    match end {
        FrameEnd::Unbounded => out.push(unbounded),
        FrameEnd::At(0) => out.push("CURRENT ROW"),
        FrameEnd::At(distance) => {
            out.number(distance.unsigned_abs());
            out.push(if distance < 0 { " PRECEDING" } else { " FOLLOWING" });
        }
    }
}

/// True for what says of GROUP BY that rows are grouped several times.
fn is_of_groups(name: &str) -> bool {
    ["rollup", "cube", "grouping_sets", "grouping"].iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// SQL's functions that are written without parentheses.
fn is_keyword(name: &str) -> bool {
    ["current_timestamp", "current_date", "current_time"].iter().any(|word| name.eq_ignore_ascii_case(word))
}
