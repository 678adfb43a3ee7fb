//! Values in the form of another type, where SQLite keeps several types alike: casts, texts that are put together, keys and
//! values of JSON. The driver's functions spell them as PostgreSQL does; they know a type by a word.

use super::super::SqlWriter;
use super::{Level, Render, operand};
use crate::error::{Error, ErrorKind};
use crate::model::ColumnType;
use crate::query::{Cast, Expr};
use crate::value::SqlType;

/// The word for a type; None for one that SQLite does not have.
pub(super) fn word(sql_type: SqlType) -> Option<&'static str> {
    use SqlType as S;
    Some(match sql_type {
        S::Bool => "bool",
        S::SmallInt | S::Integer | S::BigInt => "int",
        S::Real | S::Double => "float",
        S::Numeric => "numeric",
        S::Text | S::Enum => "text",
        S::Bytes => "bytes",
        S::Date => "date",
        S::Time => "time",
        S::Timestamp => "timestamp",
        S::TimestampTz => "timestamptz",
        S::Interval => "interval",
        S::Uuid => "uuid",
        S::Json | S::Jsonb => "json",
        S::Array(_) => "array",
        S::TimeTz | S::Inet | S::Cidr | S::Literal | S::Unknown => return None,
    })
}

/// A cast that SQLite's own would not make as PostgreSQL does. False where its own does.
pub(super) fn cast(out: &mut SqlWriter<'_>, node: &Cast) -> bool {
    let from_type = node.expr.sql_type(out.schema());
    let (Some(from), Some(to)) = (word(from_type), word(node.to.sql_type())) else { return false };
    if !is_cast(from, to) {
        let text = format!("{} cannot be cast to {}", from_type.name(), node.to.sql_type().name());
        out.fail(Error::new(ErrorKind::Programming(text)));
        return true;
    }
    match (from, to, &node.to) {
        (_, "text", ColumnType::VarChar(length)) => {
            out.push("substr(");
            text(out, &node.expr);
            out.push(", 1, ");
            out.number((*length).into());
            out.push(")");
        }
        (from, "text", _) if is_spelled(from) => text(out, &node.expr),
        ("text" | "time", "interval", _) | ("interval", "time", _) => {
            out.unsupported(&format!("a cast from {from} to {to}"), "compute it in Python");
        }
        (
            "text",
            "bool" | "int" | "float" | "uuid" | "json" | "date" | "time" | "timestamp" | "timestamptz",
            _,
        )
        | ("int", "bool", _)
        | ("float", "int", _)
        | ("json", "bool" | "int" | "float", _)
        | ("date", "timestamp" | "timestamptz", _)
        | ("timestamp", "timestamptz", _)
        | ("timestamptz", "timestamp", _) => {
            out.push("ormkit_cast(");
            node.expr.render(out);
            for word in [from, to] {
                out.push(", '");
                out.push(word);
                out.push("'");
            }
            out.push(")");
        }
        _ => return false,
    }
    true
}

/// True where PostgreSQL knows such a cast.
fn is_cast(from: &str, to: &str) -> bool {
    from == to
        || from == "text"
        || to == "text"
        || matches!(
            (from, to),
            ("int", "bool" | "float" | "numeric")
                | ("bool", "int")
                | ("float" | "numeric", "int" | "float" | "numeric")
                | ("date", "timestamp" | "timestamptz")
                | ("timestamp" | "timestamptz", "date" | "time" | "timestamp" | "timestamptz")
                | ("time", "interval")
                | ("interval", "time")
                | ("json", "bool" | "int" | "float" | "numeric")
        )
}

/// True for types whose values stand in SQLite otherwise than PostgreSQL writes them.
fn is_spelled(word: &str) -> bool {
    matches!(
        word,
        "bool"
            | "float"
            | "bytes"
            | "time"
            | "timestamp"
            | "timestamptz"
            | "interval"
            | "uuid"
            | "json"
            | "array"
    )
}

/// Writes a value as text.
fn text(out: &mut SqlWriter<'_>, expr: &Expr) {
    let sql_type = expr.sql_type(out.schema());
    match word(sql_type) {
        Some("interval" | "array") => {
            out.unsupported(
                &format!("the text of a value of type {}", sql_type.name()),
                "write the text in Python",
            );
        }
        Some(word) if is_spelled(word) => call(out, "ormkit_text(", expr, word, ""),
        _ => {
            out.push("CAST(");
            expr.render(out);
            out.push(" AS TEXT)");
        }
    }
}

/// Writes one of several values that `concat()` puts together: a truth value is one letter there.
pub(super) fn part_of_text(out: &mut SqlWriter<'_>, expr: &Expr) {
    match word(expr.sql_type(out.schema())) {
        Some("bool") => {
            out.push("substr(");
            text(out, expr);
            out.push(", 1, 1)");
        }
        Some(word) if is_spelled(word) => text(out, expr),
        _ => expr.render(out),
    }
}

/// Writes an operand of `||` beside `other`: what stands beside a text becomes one.
pub(super) fn beside_text(out: &mut SqlWriter<'_>, expr: &Expr, other: &Expr, at_least: Level) {
    let types = [other, expr].map(|expr| word(expr.sql_type(out.schema())));
    match types {
        [Some("text"), Some(word)] if is_spelled(word) && !out.is_postgres() => text(out, expr),
        _ => operand(out, expr, at_least),
    }
}

/// Writes a call of one of the driver's functions, which takes a value and the word for its type.
pub(super) fn call(out: &mut SqlWriter<'_>, function: &str, expr: &Expr, word: &str, dimensions: &str) {
    out.push(function);
    expr.render(out);
    out.push(", '");
    out.push(word);
    out.push(dimensions);
    out.push("')");
}
