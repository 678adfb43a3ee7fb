//! JSON and arrays that are made of values, on SQLite: `json_build_object`, `json_agg`, `array_agg` and their like. Values
//! are spelled as PostgreSQL spells them; of no rows the aggregates answer NULL, as there.

use super::super::SqlWriter;
use super::arrays::elements_of;
use super::decimal::told_apart;
use super::spelling::{call, word};
use super::{Level, Render, grouped, operand};
use crate::query::{Call, Expr};
use crate::value::SqlType;

/// Writes a call of a function that makes JSON or an array of values. False for others.
pub(super) fn render(out: &mut SqlWriter<'_>, node: &Call) -> bool {
    match (node.name.to_ascii_lowercase().as_str(), &node.args[..]) {
        ("to_json" | "to_jsonb" | "array_to_json", [arg]) => spelled(out, "ormkit_to_json(", arg),
        ("json_build_array" | "jsonb_build_array", values) => {
            out.push("json_array(");
            out.list(values, value);
            out.push(")");
        }
        ("json_build_object" | "jsonb_build_object", pairs) if pairs.len() % 2 == 0 => {
            out.push("json_object(");
            for (index, part) in pairs.iter().enumerate() {
                out.push(if index > 0 { ", " } else { "" });
                if index % 2 == 0 { key(out, part) } else { value(out, part) }
            }
            out.push(")");
        }
        ("cardinality", [arg]) if matches!(arg.sql_type(out.schema()), SqlType::Array(_)) => {
            out.push("CASE WHEN ");
            operand(out, arg, Level::Operand);
            out.push(" IS NOT NULL THEN (SELECT count(*) FROM json_tree(");
            elements_of(out, arg);
            out.push(") AS ormkit_t WHERE ormkit_t.type <> 'array') END");
        }
        ("json_agg" | "jsonb_agg", [arg]) => {
            aggregate(out, node, "json_group_array(", "'[]'", |out| match node.distinct {
                true => distinct(out, arg),
                false => value(out, arg),
            })
        }
        ("array_agg", [arg]) => {
            aggregate(out, node, "json_group_array(", "'[]'", |out| element(out, arg, node.distinct));
        }
        ("json_object_agg" | "jsonb_object_agg", [name, arg]) => {
            aggregate(out, node, "json_group_object(", "'{}'", |out| {
                key(out, name);
                out.push(", ");
                value(out, arg);
            });
        }
        _ => return false,
    }
    true
}

/// Writes an aggregate that is NULL without rows, where SQLite's is `empty`.
fn aggregate(
    out: &mut SqlWriter<'_>,
    node: &Call,
    function: &str,
    empty: &str,
    arguments: impl FnOnce(&mut SqlWriter<'_>),
) {
    out.push("nullif(");
    out.push(function);
    out.push(if node.distinct { "DISTINCT " } else { "" });
    arguments(out);
    node.order_of_values(out);
    out.push(")");
    node.rows_of(out);
    out.push(", ");
    out.push(empty);
    out.push(")");
}

/// Writes a value of JSON.
fn value(out: &mut SqlWriter<'_>, expr: &Expr) {
    match expr.sql_type(out.schema()) {
        SqlType::Json | SqlType::Jsonb if is_made(expr) => expr.render(out),
        // Numbers without a fraction, and texts, are what they are to SQLite, too.
        SqlType::SmallInt | SqlType::Integer | SqlType::BigInt => expr.render(out),
        SqlType::Text | SqlType::Enum | SqlType::Date => expr.render(out),
        SqlType::Unknown | SqlType::Literal => expr.render(out),
        SqlType::Json | SqlType::Jsonb => {
            out.push("json(");
            expr.render(out);
            out.push(")");
        }
        _ => {
            out.push("json(");
            spelled(out, "ormkit_to_json(", expr);
            out.push(")");
        }
    }
}

/// True for a function of SQLite's own that makes JSON: its result is known for JSON where it is an argument.
fn is_made(expr: &Expr) -> bool {
    match expr {
        Expr::Call(node) => {
            let name = node.name.to_ascii_lowercase();
            name.starts_with("json_build_") || name.starts_with("jsonb_build_")
        }
        Expr::Labelled(node) => is_made(&node.expr),
        _ => false,
    }
}

/// Writes each value of JSON once.
fn distinct(out: &mut SqlWriter<'_>, expr: &Expr) {
    match expr.sql_type(out.schema()) {
        SqlType::Numeric => {
            out.push("json(ormkit_to_json(");
            told_apart(out, expr);
            out.push(", 'numeric'))");
        }
        _ => value(out, expr),
    }
}

/// Writes a key of JSON. A constant text is one; NULL is none.
fn key(out: &mut SqlWriter<'_>, expr: &Expr) {
    match (expr.sql_type(out.schema()), expr) {
        (SqlType::Text, Expr::Value(_)) | (SqlType::Unknown | SqlType::Literal, _) => expr.render(out),
        _ => spelled(out, "ormkit_json_key(", expr),
    }
}

/// Writes an element of an array in the form in which array columns keep it.
fn element(out: &mut SqlWriter<'_>, expr: &Expr, distinct: bool) {
    match expr.sql_type(out.schema()) {
        // JSON holds no bytes.
        SqlType::Uuid | SqlType::Bytes => {
            out.push("ormkit_hex(");
            expr.render(out);
            out.push(")");
        }
        SqlType::Array(_) => out.unsupported("array_agg() of arrays", "func.json_agg(..)"),
        SqlType::Json | SqlType::Jsonb => out.unsupported("array_agg() of JSON", "func.json_agg(..)"),
        _ if distinct => grouped(out, expr),
        _ => expr.render(out),
    }
}

/// Writes a call of a function that takes the word for the type of its argument.
fn spelled(out: &mut SqlWriter<'_>, function: &str, expr: &Expr) {
    let sql_type = expr.sql_type(out.schema());
    let (of, dimensions) = match sql_type {
        SqlType::Array(element) => (element.sql_type(), "[]"),
        other => (other, ""),
    };
    match word(of) {
        Some("interval") => {
            out.unsupported("an interval in JSON", "extract(\"epoch\", ..), its seconds");
        }
        Some(word) => call(out, function, expr, word, dimensions),
        None => call(out, function, expr, "text", dimensions),
    }
}
