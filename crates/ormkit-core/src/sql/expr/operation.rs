//! Operations that need nothing but their operands.

use super::super::SqlWriter;
use super::{Comparison, Level, Render, comparable, operand, order_of, require_order, told_apart};
use crate::query::{CompareOp, Expr, Operation, OperationKind};
use crate::value::{SqlType, Value};

impl Render for Operation {
    fn render(&self, out: &mut SqlWriter<'_>) {
        use OperationKind as K;
        match (&self.kind, &self.args[..]) {
            (K::Infix { text, .. }, [left, right]) => infix(out, left, text, right),
            (K::Collate(name), [expr]) => {
                operand(out, expr, Level::Atom);
                out.push(" COLLATE ");
                out.name(name);
            }
            (K::Regex { any_case, negated }, [expr, pattern]) => {
                regex(out, expr, pattern, *any_case, *negated);
            }
            (K::Row, exprs) => {
                out.push("(");
                out.list(exprs, told_apart);
                out.push(")");
            }
            (K::Quantified { op, all }, [value, array]) => quantified(out, value, *op, array, *all),
            (K::Json(read), [value, path @ ..]) => super::json::read(out, value, path, *read),
            (K::JsonContains, [value, part]) => super::json::contains(out, value, part),
            (K::JsonHas(keys), [value, key]) => super::json::has(out, value, key, *keys),
            (K::Extract(part), [expr]) => super::temporal::extract(out, *part, expr),
            (K::Length, [expr]) => length(out, expr),
            (K::Element(places), [array]) => super::arrays::element(out, array, places),
            (K::Slice(first, last), [array]) => super::arrays::slice(out, array, *first, *last),
            (K::BitNot, [expr]) => {
                out.push("~");
                operand(out, expr, Level::Atom);
            }
            (K::Template(pieces), values) => {
                for (index, piece) in pieces.iter().enumerate() {
                    out.push(piece);
                    if let Some(value) = values.get(index) {
                        operand(out, value, Level::Atom);
                    }
                }
            }
            (K::Greatest, exprs) => extreme(out, exprs, "GREATEST(", "max"),
            (K::Least, exprs) => extreme(out, exprs, "LEAST(", "min"),
            // The constructors of Expr give each kind its operands.
            _ => out.unsupported("an operation without its operands", "make it with a constructor of Expr"),
        }
    }
}

/// How tightly an operation holds together.
pub(super) fn level_of(operation: &Operation) -> Level {
    match operation.kind {
        OperationKind::Template(_) => Level::Or,
        OperationKind::Infix { .. }
        | OperationKind::Regex { .. }
        | OperationKind::Quantified { .. }
        | OperationKind::JsonContains
        | OperationKind::JsonHas(_) => Level::Compare,
        OperationKind::Json(_) | OperationKind::BitNot => Level::Operand,
        OperationKind::Extract(_) => Level::Sum,
        _ => Level::Atom,
    }
}

fn infix(out: &mut SqlWriter<'_>, left: &Expr, text: &str, right: &Expr) {
    if !out.is_postgres() && text.contains('?') {
        return out.unsupported("an operator with a question mark", "it is a placeholder there");
    }
    operand(out, left, Level::Atom);
    out.push(" ");
    out.push(text);
    out.push(" ");
    operand(out, right, Level::Atom);
}

/// SQLite has the operator, and the driver its function; flags stand in the pattern there.
fn regex(out: &mut SqlWriter<'_>, expr: &Expr, pattern: &Expr, any_case: bool, negated: bool) {
    operand(out, expr, Level::Atom);
    if out.is_postgres() {
        out.push(match (any_case, negated) {
            (false, false) => " ~ ",
            (false, true) => " !~ ",
            (true, false) => " ~* ",
            (true, true) => " !~* ",
        });
        return operand(out, pattern, Level::Atom);
    }
    out.push(if negated { " NOT REGEXP " } else { " REGEXP " });
    match pattern {
        _ if !any_case => operand(out, pattern, Level::Atom),
        Expr::Value(bound) if matches!(bound.value, Value::Text(_)) => {
            let Value::Text(text) = &bound.value else { return };
            out.bind_text(&format!("(?i){text}"));
        }
        _ => {
            out.push("('(?i)' || ");
            operand(out, pattern, Level::Atom);
            out.push(")");
        }
    }
}

/// On SQLite by the elements of the JSON array: true where one answers true, NULL where none does and one answers NULL.
fn quantified(out: &mut SqlWriter<'_>, value: &Expr, op: CompareOp, array: &Expr, all: bool) {
    if out.is_postgres() {
        operand(out, value, Level::Operand);
        out.push(op.text());
        out.push(if all { "ALL (" } else { "ANY (" });
        array.render(out);
        return out.push(")");
    }
    let element = match array.sql_type(out.schema()) {
        SqlType::Array(element) => element.sql_type(),
        _ => SqlType::Unknown,
    };
    if matches!(element, SqlType::Bytes | SqlType::Uuid) {
        return out.unsupported("ANY and ALL with an array of bytes or UUIDs", "use contains() of the array");
    }
    let (fold, decided, otherwise) = if all { ("min", "0", "1") } else { ("max", "1", "0") };
    out.push("CASE WHEN ");
    operand(out, array, Level::Operand);
    out.push(" IS NOT NULL THEN (SELECT CASE WHEN ");
    out.push(fold);
    out.push("(ormkit_e.holds) = ");
    out.push(decided);
    out.push(" THEN ");
    out.push(decided);
    out.push(" WHEN count(*) > count(ormkit_e.holds) THEN NULL ELSE ");
    out.push(otherwise);
    out.push(" END FROM (SELECT ");
    let comparison = if element == SqlType::Numeric { Comparison::Number } else { Comparison::Plain };
    out.open_scope(&[]);
    comparable(out, value, comparison);
    out.close_scope();
    out.push(comparison.order());
    out.push(op.text());
    out.push(match comparison {
        Comparison::Number => "CAST(ormkit_t.atom AS TEXT)",
        _ => "ormkit_t.atom",
    });
    out.push(" AS holds FROM json_tree(");
    super::arrays::elements_of(out, array);
    out.push(") AS ormkit_t WHERE ormkit_t.type <> 'array') AS ormkit_e) END");
}

/// Of a text its characters, of an array the elements of its first dimension.
fn length(out: &mut SqlWriter<'_>, expr: &Expr) {
    let parts: &[&str] = match (expr.sql_type(out.schema()), out.is_postgres()) {
        (SqlType::Array(_), true) => &["COALESCE(array_length(", ", 1), cardinality(", "))"],
        (SqlType::Array(_), false) => &["json_array_length(", ")"],
        (SqlType::Json | SqlType::Jsonb, true) => {
            &["CASE WHEN jsonb_typeof(", ") = 'array' THEN jsonb_array_length(", ") END"]
        }
        (SqlType::Json | SqlType::Jsonb, false) => {
            &["CASE WHEN json_type(", ") = 'array' THEN json_array_length(", ") END"]
        }
        _ => &["length(", ")"],
    };
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            expr.render(out);
        }
        out.push(part);
    }
}

/// SQLite's max and min of several values are NULL where one of them is; the aggregates leave NULLs out.
fn extreme(out: &mut SqlWriter<'_>, exprs: &[Expr], postgres: &str, sqlite: &str) {
    let all: Vec<&Expr> = exprs.iter().collect();
    require_order(out, &all);
    if out.is_postgres() {
        out.push(postgres);
        out.list(exprs, |out, expr| expr.render(out));
        return out.push(")");
    }
    let (order, comparison) = (order_of(out, &all), Comparison::of(out, &all));
    out.push("(SELECT ");
    out.push(sqlite);
    out.push("(ormkit_v");
    out.push(order);
    out.push(") FROM (SELECT ");
    out.separated(exprs, " UNION ALL SELECT ", |out, expr| {
        out.open_scope(&[]);
        match comparison {
            Comparison::Number | Comparison::Float => comparable(out, expr, comparison),
            _ => expr.render(out),
        }
        out.close_scope();
        out.push(" AS ormkit_v");
    });
    out.push("))");
}
