//! Parts of days and times. Timestamps with time zone are seen in UTC, whatever zone the connection is set to.

use super::super::SqlWriter;
use super::{Level, Render, operand};
use crate::query::{Arithmetic, ArithmeticOp, Expr, TimePart};
use crate::value::SqlType;

/// A part of `expr`.
pub(super) fn extract(out: &mut SqlWriter<'_>, part: TimePart, expr: &Expr) {
    use TimePart as P;
    if !out.is_postgres() {
        return on_sqlite(out, part, expr);
    }
    let (before, after) = match part {
        P::Date => ("CAST(", " AS DATE)"),
        P::Time => ("CAST(", " AS TIME)"),
        P::Year => ("CAST(EXTRACT(YEAR FROM ", ") AS INTEGER)"),
        P::Quarter => ("CAST(EXTRACT(QUARTER FROM ", ") AS INTEGER)"),
        P::Month => ("CAST(EXTRACT(MONTH FROM ", ") AS INTEGER)"),
        P::Week => ("CAST(EXTRACT(WEEK FROM ", ") AS INTEGER)"),
        P::IsoYear => ("CAST(EXTRACT(ISOYEAR FROM ", ") AS INTEGER)"),
        P::Day => ("CAST(EXTRACT(DAY FROM ", ") AS INTEGER)"),
        P::DayOfYear => ("CAST(EXTRACT(DOY FROM ", ") AS INTEGER)"),
        P::DayOfWeek => ("CAST(EXTRACT(DOW FROM ", ") AS INTEGER)"),
        P::WeekDay => ("CAST(EXTRACT(DOW FROM ", ") AS INTEGER) + 1"),
        P::IsoDayOfWeek => ("CAST(EXTRACT(ISODOW FROM ", ") AS INTEGER)"),
        P::Hour => ("CAST(EXTRACT(HOUR FROM ", ") AS INTEGER)"),
        P::Minute => ("CAST(EXTRACT(MINUTE FROM ", ") AS INTEGER)"),
        P::Second => ("CAST(floor(EXTRACT(SECOND FROM ", ")) AS INTEGER)"),
        P::Microseconds => ("CAST(EXTRACT(MICROSECONDS FROM ", ") AS INTEGER)"),
        P::Epoch => ("CAST(EXTRACT(EPOCH FROM ", ") AS DOUBLE PRECISION)"),
    };
    out.push(before);
    if expr.sql_type(out.schema()) == SqlType::TimestampTz && part != P::Epoch {
        operand(out, expr, Level::Atom);
        out.push(" AT TIME ZONE 'UTC'");
    } else {
        expr.render(out);
    }
    out.push(after);
}

/// Functions of the driver's, which read what stands in the database as rows are read.
fn on_sqlite(out: &mut SqlWriter<'_>, part: TimePart, expr: &Expr) {
    if expr.sql_type(out.schema()) == SqlType::Interval {
        return out.unsupported("a part of an interval", "compute it from its microseconds");
    }
    out.push("ormkit_extract('");
    out.push(part.name());
    out.push("', ");
    expr.render(out);
    out.push(")");
}

/// Arithmetic of days and times on SQLite, whose own would take their texts for numbers. False where it is of others.
pub(super) fn arithmetic(out: &mut SqlWriter<'_>, node: &Arithmetic) -> bool {
    use SqlType as S;
    if out.is_postgres() {
        return false;
    }
    let types = [&node.left, &node.right].map(|expr| expr.sql_type(out.schema()));
    let divides = node.op == ArithmeticOp::Divide;
    if divides || node.op == ArithmeticOp::Multiply {
        if types.contains(&S::Interval) {
            scaled(out, node, divides);
            return true;
        }
        return false;
    }
    if !matches!(node.op, ArithmeticOp::Add | ArithmeticOp::Subtract) {
        return false;
    }
    let is_time = |sql_type| matches!(sql_type, S::Timestamp | S::TimestampTz | S::Date | S::Time);
    let is_days = |sql_type| matches!(sql_type, S::SmallInt | S::Integer);
    let minus = node.op == ArithmeticOp::Subtract;
    match types {
        [left, right] if minus && left == right && is_time(left) && left != S::Time => {
            out.push(if left == S::Date { "(ormkit_span(" } else { "ormkit_span(" });
            node.left.render(out);
            out.push(", ");
            node.right.render(out);
            out.push(if left == S::Date { ") / 86400000000)" } else { ")" });
        }
        // A day is its midnight, that of UTC.
        [S::Timestamp | S::TimestampTz, S::Date] | [S::Date, S::Timestamp | S::TimestampTz] if minus => {
            out.push("ormkit_span(");
            node.left.render(out);
            out.push(", ");
            node.right.render(out);
            out.push(")");
        }
        [S::Timestamp, S::Interval] => shift(out, "timestamp", &node.left, minus, &node.right, ""),
        [S::TimestampTz, S::Interval] => shift(out, "timestamptz", &node.left, minus, &node.right, ""),
        [S::Date, S::Interval] => shift(out, "timestamp", &node.left, minus, &node.right, ""),
        [S::Date, days] if is_days(days) => {
            shift(out, "date", &node.left, minus, &node.right, " * 86400000000");
        }
        [S::Interval, S::Timestamp | S::Date] if !minus => {
            shift(out, "timestamp", &node.right, false, &node.left, "")
        }
        [S::Interval, S::TimestampTz] if !minus => {
            shift(out, "timestamptz", &node.right, false, &node.left, "");
        }
        [left, right] if is_time(left) || is_time(right) => {
            out.unsupported("this arithmetic of times", "add or subtract a timedelta");
        }
        _ => return false,
    }
    true
}

/// A span times or by a number: whole microseconds, as PostgreSQL rounds them.
fn scaled(out: &mut SqlWriter<'_>, node: &Arithmetic, divides: bool) {
    out.push("CAST(round(");
    operand(out, &node.left, Level::Atom);
    out.push(if divides { " / CAST(" } else { " * " });
    operand(out, &node.right, Level::Atom);
    out.push(if divides { " AS REAL)) AS INTEGER)" } else { ") AS INTEGER)" });
}

fn shift(out: &mut SqlWriter<'_>, kind: &str, time: &Expr, minus: bool, by: &Expr, unit: &str) {
    out.push("ormkit_shift('");
    out.push(kind);
    out.push("', ");
    time.render(out);
    out.push(if minus { ", -" } else { ", " });
    operand(out, by, Level::Atom);
    out.push(unit);
    out.push(")");
}
