//! Function calls, aggregates and windows.

use super::super::{SqlWriter, clock};
use super::{
    Comparison, Render, comparable, decimal, grouped, is_decimal_text, made, order_of, require_order,
    spelling,
};
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
        if !out.is_postgres() && made::render(out, self) {
            return;
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
        self.order_of_values(out);
        out.push(")");
        self.rows_of(out);
        out.push(if is_span { " AS INTEGER)" } else { "" });
    }
}

impl Call {
    /// Writes the order in which an aggregate sees its values.
    pub(super) fn order_of_values(&self, out: &mut SqlWriter<'_>) {
        sorted(out, " ORDER BY ", &self.order_by);
    }

    /// Writes which rows it sees: what stands behind the parentheses.
    pub(super) fn rows_of(&self, out: &mut SqlWriter<'_>) {
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
    }

    fn arguments(&self, out: &mut SqlWriter<'_>) {
        let all: Vec<&Expr> = self.args.iter().collect();
        let sql_type = self.sql_type(out.schema());
        let puts_together = ["concat", "concat_ws"].iter().any(|name| self.name.eq_ignore_ascii_case(name));
        if puts_together && !out.is_postgres() {
            return out.list(&self.args, spelling::part_of_text);
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

    fn is_of_float(&self, out: &SqlWriter<'_>) -> bool {
        let types = self.args.iter().map(|arg| arg.sql_type(out.schema()));
        types.into_iter().all(|of| matches!(of, SqlType::Real | SqlType::Double))
    }

    /// The name that the dialect has for it.
    fn spelled(&self, out: &SqlWriter<'_>) -> &str {
        match (self.name.to_ascii_lowercase().as_str(), out.is_postgres()) {
            ("group_concat" | "aggregate_strings", true) => "string_agg",
            ("aggregate_strings", false) => "group_concat",
            ("grouping_sets", true) => "GROUPING SETS",
            ("char_length", false) => "length",
            // Truth values are 0 and 1.
            ("bool_and" | "every", false) => "min",
            ("bool_or", false) => "max",
            ("round", false) if self.args.len() == 1 && self.is_of_float(out) => "ormkit_rint",
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
