//! JSON values: ways into them, containment and keys. PostgreSQL has operators, SQLite functions of the driver's.

use super::super::SqlWriter;
use super::{Level, Render, operand};
use crate::query::{Expr, JsonKeys, JsonRead};
use crate::value::{SqlType, Value};

/// What lies at the end of a path, as `read` says.
pub(super) fn read(out: &mut SqlWriter<'_>, value: &Expr, path: &[Expr], read: JsonRead) {
    if !out.is_postgres() {
        out.push(match read {
            JsonRead::Json => "ormkit_json_get(",
            JsonRead::Text => "ormkit_json_text(",
            JsonRead::String => "ormkit_json_string(",
            JsonRead::Numeric => "ormkit_json_numeric(",
            JsonRead::Integer => "ormkit_json_integer(",
            JsonRead::Float => "ormkit_json_float(",
            JsonRead::Bool => "ormkit_json_bool(",
        });
        value.render(out);
        for step in path {
            out.push(", ");
            step.render(out);
        }
        return out.push(")");
    }
    let (kind, to) = match read {
        JsonRead::Json => return walk(out, value, path, " -> "),
        JsonRead::Text => return text(out, value, path),
        JsonRead::String => ("string", None),
        JsonRead::Numeric => ("number", Some("NUMERIC")),
        JsonRead::Integer => ("number", Some("BIGINT")),
        JsonRead::Float => ("number", Some("DOUBLE PRECISION")),
        JsonRead::Bool => ("boolean", Some("BOOLEAN")),
    };
    out.push("CASE WHEN jsonb_typeof(");
    walk(out, value, path, " -> ");
    out.push(") = '");
    out.push(kind);
    out.push("' THEN ");
    match to {
        None => text(out, value, path),
        Some(to) => {
            out.push("CAST(");
            walk(out, value, path, " -> ");
            out.push(" AS ");
            out.push(to);
            out.push(")");
        }
    }
    out.push(" END");
}

/// `value -> $1 -> $2`, with another operator before the last step.
fn walk(out: &mut SqlWriter<'_>, value: &Expr, path: &[Expr], last: &str) {
    operand(out, value, if path.is_empty() { Level::Or } else { Level::Atom });
    for (index, step) in path.iter().enumerate() {
        out.push(if index + 1 == path.len() { last } else { " -> " });
        step.render(out);
    }
}

fn text(out: &mut SqlWriter<'_>, value: &Expr, path: &[Expr]) {
    match path {
        [] => {
            operand(out, value, Level::Atom);
            out.push(" #>> '{}'");
        }
        _ => walk(out, value, path, " ->> "),
    }
}

/// `value @> part`.
pub(super) fn contains(out: &mut SqlWriter<'_>, value: &Expr, part: &Expr) {
    if out.is_postgres() {
        operand(out, value, Level::Atom);
        out.push(" @> ");
        return operand(out, part, Level::Atom);
    }
    call(out, "ormkit_json_contains(", value, |out| part.render(out));
}

/// `value ? key`, `value ?| keys`, `value ?& keys`.
pub(super) fn has(out: &mut SqlWriter<'_>, value: &Expr, key: &Expr, keys: JsonKeys) {
    if out.is_postgres() {
        operand(out, value, Level::Atom);
        out.push(match keys {
            JsonKeys::One => " ? ",
            JsonKeys::Any => " ?| ",
            JsonKeys::All => " ?& ",
        });
        return key_list(out, key);
    }
    let function = match keys {
        JsonKeys::One => "ormkit_json_has(",
        JsonKeys::Any => "ormkit_json_has_any(",
        JsonKeys::All => "ormkit_json_has_all(",
    };
    call(out, function, value, |out| key_list(out, key));
}

fn call(out: &mut SqlWriter<'_>, function: &str, value: &Expr, other: impl FnOnce(&mut SqlWriter<'_>)) {
    out.push(function);
    value.render(out);
    out.push(", ");
    other(out);
    out.push(")");
}

/// One key, or a list of them as one parameter; element by element where it is shown.
fn key_list(out: &mut SqlWriter<'_>, key: &Expr) {
    let Expr::Value(bound) = key else { return operand(out, key, Level::Atom) };
    let Value::Array(_, keys) = &bound.value else { return out.bind(bound) };
    if !out.spreads_lists() || keys.is_empty() {
        return out.bind_list(bound);
    }
    let (before, after) = if out.is_postgres() { ("ARRAY[", "]") } else { ("json_array(", ")") };
    out.push(before);
    out.list(keys, |out, key| Expr::value(key.clone(), SqlType::Text).render(out));
    out.push(after);
}
