//! IN and EXISTS.

use super::super::{SqlWriter, select, tombstone};
use super::along::from_along;
use super::{Comparison, Level, Render, comparable, operand, told_apart};
use crate::query::{Bound, Exists, Expr, InList, InRows, InSelect, Select, json_carries};
use crate::value::{SqlType, Value};

impl Render for InList {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let comparison = match self.list.sql_type {
            SqlType::Numeric => Comparison::with(out, &self.expr, SqlType::Numeric),
            _ => Comparison::of(out, &[&self.expr]),
        };
        comparable(out, &self.expr, comparison);
        out.push(comparison.equality());
        if is_spread(out, &self.list) {
            out.push(if self.negated { " NOT IN (" } else { " IN (" });
            spread(out, &self.list, comparison);
            return out.push(")");
        }
        let (before, after) = match (out.dialect().arrays, self.negated) {
            (true, false) => (" = ANY(", ")"),
            (true, true) => (" != ALL(", ")"),
            (false, false) => (" IN (", "))"),
            (false, true) => (" NOT IN (", "))"),
        };
        out.push(before);
        if !out.dialect().arrays {
            out.push("SELECT ");
            from_json(out, "value", self.list.sql_type);
            out.push(" FROM json_each(");
        }
        out.bind_list(&self.list);
        out.push(after);
    }
}

/// True where the elements of a list are parameters of their own.
pub(super) fn is_spread(out: &SqlWriter<'_>, list: &Bound) -> bool {
    let one_parameter = match out.dialect().arrays {
        true => list.sql_type.has_array_parameter(),
        false => json_carries(list.sql_type),
    };
    out.spreads_lists() || !one_parameter
}

/// What JSON carries, as the database stores it, or as comparisons have it.
fn from_json(out: &mut SqlWriter<'_>, json: &str, sql_type: SqlType) {
    let (before, after) = match sql_type {
        SqlType::Bytes | SqlType::Uuid => ("unhex(", ")"),
        _ => ("", ""),
    };
    out.push(before);
    out.push(json);
    out.push(after);
}

/// Each element as a parameter of its own.
fn spread(out: &mut SqlWriter<'_>, list: &Bound, comparison: Comparison) {
    out.list(values_of(list), |out, value| {
        comparable(out, &Expr::value(value.clone(), list.sql_type), comparison);
    });
}

impl Render for InRows {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let as_arrays = out.dialect().arrays
            && !out.spreads_lists()
            && self.columns.iter().all(|column| column.sql_type.has_array_parameter());
        if as_arrays {
            out.push("(");
            out.list(&self.exprs, |out, expr| expr.render(out));
            out.push(") IN (SELECT * FROM unnest(");
            out.list(&self.columns, |out, column| out.bind_list(column));
            return out.push("))");
        }
        if !out.is_postgres() {
            if !out.spreads_lists() && self.columns.iter().all(|column| json_carries(column.sql_type)) {
                return self.render_json(out);
            }
            out.push("(");
            out.list(&self.exprs, told_apart);
            out.push(") IN (VALUES ");
            self.each_row(out, ", ", |row, out| {
                out.push("(");
                self.each_column(out, row, ", ", |_, value, out| value.render(out));
                out.push(")");
            });
            return out.push(")");
        }
        // Comparisons tell the server the type of each value, which a list of rows would not.
        out.push("(");
        self.each_row(out, " OR ", |row, out| {
            self.each_column(out, row, " AND ", |expr, value, out| expr.clone().eq(value).render(out));
        });
        out.push(")");
    }
}

impl InRows {
    /// The rows as one parameter: a list of lists in JSON.
    fn render_json(&self, out: &mut SqlWriter<'_>) {
        out.push("(");
        out.list(&self.exprs, told_apart);
        out.push(") IN (SELECT ");
        for (index, column) in self.columns.iter().enumerate() {
            out.push(if index > 0 { ", " } else { "" });
            from_json(out, &format!("value ->> {index}"), column.sql_type);
        }
        out.push(" FROM json_each(");
        let cell = |column: &Bound, row: usize| values_of(column).get(row).cloned().unwrap_or(Value::Null);
        let row = |row| {
            let cells = self.columns.iter().map(|column| cell(column, row)).collect();
            Value::Array(SqlType::Unknown, cells)
        };
        let rows = Value::Array(SqlType::Unknown, (0..self.rows).map(row).collect());
        out.bind_list(&Bound::new(rows, SqlType::Unknown));
        out.push("))");
    }

    fn each_row(&self, out: &mut SqlWriter<'_>, separator: &str, write: impl Fn(usize, &mut SqlWriter<'_>)) {
        for row in 0..self.rows {
            if row > 0 {
                out.push(separator);
            }
            write(row, out);
        }
    }

    fn each_column(
        &self,
        out: &mut SqlWriter<'_>,
        row: usize,
        separator: &str,
        write: impl Fn(&Expr, Expr, &mut SqlWriter<'_>),
    ) {
        for (index, (expr, column)) in self.exprs.iter().zip(&self.columns).enumerate() {
            if index > 0 {
                out.push(separator);
            }
            let value = values_of(column).get(row).cloned().unwrap_or(Value::Null);
            write(expr, Expr::value(value, column.sql_type), out);
        }
    }
}

fn values_of(list: &Bound) -> &[Value] {
    match &list.value {
        Value::Array(_, values) => values,
        _ => &[],
    }
}

impl Render for InSelect {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let others = self.select.first_type(out.schema());
        let comparison = Comparison::with(out, &self.expr, others);
        comparable(out, &self.expr, comparison);
        out.push(comparison.equality());
        out.push(if self.negated { " NOT IN (" } else { " IN (" });
        match comparison == Comparison::Number && others != SqlType::Numeric {
            true => rows_as_text(out, &self.select),
            false => select::subquery(out, &self.select),
        }
        out.push(")");
    }
}

/// The rows of a column that are compared with decimals.
fn rows_as_text(out: &mut SqlWriter<'_>, rows: &Select) {
    out.push(
        "SELECT CAST(ormkit_v AS TEXT) FROM (SELECT NULL AS ormkit_v WHERE FALSE UNION ALL SELECT * FROM (",
    );
    select::subquery(out, rows);
    out.push("))");
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
                out.open_scope(&[(*target).into()]);
                from_along(out, *parent, *relation, *target);
                tombstone::and_living(out, *target);
                if let Some(condition) = condition {
                    out.push(" AND ");
                    operand(out, condition, Level::And);
                }
                out.close_scope();
                out.push(")");
            }
        }
    }
}
