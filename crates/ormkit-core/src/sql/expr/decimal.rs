//! Decimals where the database keeps them as text: SQLite would compare the texts and compute with floats. A collation of
//! the driver's puts them in order, its functions compute what PostgreSQL's NUMERIC is.

use super::super::{SqlWriter, clock};
use super::{Level, Render, operand};
use crate::model::{ColumnType, FieldId, Model};
use crate::query::{Arithmetic, ArithmeticOp, Call, Cast, Expr, JsonRead, OperationKind};
use crate::value::SqlType;

/// What follows decimals that are compared, sorted or told apart: by their numbers.
pub(super) const DECIMAL_ORDER: &str = " COLLATE ormkit_decimal";

/// True where values of `expr` are decimals that the database keeps as text.
pub(crate) fn is_decimal_text(out: &SqlWriter<'_>, expr: &Expr) -> bool {
    !out.is_postgres() && expr.sql_type(out.schema()) == SqlType::Numeric
}

/// What makes decimals of one number equal where the database keeps them as texts.
pub(crate) fn alike(out: &SqlWriter<'_>, expr: &Expr) -> &'static str {
    if is_decimal_text(out, expr) { DECIMAL_ORDER } else { "" }
}

/// Writes an expression; a decimal as the text that the database keeps of it.
pub(crate) fn decimal_text(out: &mut SqlWriter<'_>, expr: &Expr) {
    if is_decimal_text(out, expr) {
        as_text(out, expr);
    } else {
        operand(out, expr, Level::Or);
    }
}

/// Writes a value that others are told apart from.
pub(super) fn told_apart(out: &mut SqlWriter<'_>, expr: &Expr) {
    decimal_text(out, expr);
    out.push(alike(out, expr));
}

/// Writes what is compared with decimals, or answered in their place, as text.
pub(super) fn as_text(out: &mut SqlWriter<'_>, expr: &Expr) {
    if is_decimal_text(out, expr) && is_text(out, expr) {
        return expr.render(out); // a name, a parameter or a function
    }
    out.push("CAST(");
    expr.render(out);
    out.push(" AS TEXT)");
}

/// True for decimals that are text as they are written.
fn is_text(out: &SqlWriter<'_>, expr: &Expr) -> bool {
    match expr {
        Expr::Column(column) => out.schema().model(column.source.model).property(column.field).is_none(),
        Expr::Part(_) | Expr::Value(_) | Expr::Param(_) | Expr::Excluded(..) => true,
        Expr::Arithmetic(_) | Expr::Negative(_) | Expr::Cast(_) | Expr::Case(_) => true,
        Expr::Call(node) => function(node).is_some() || chooses(node),
        Expr::Operation(node) => matches!(node.kind, OperationKind::Json(JsonRead::Numeric)),
        Expr::Labelled(node) => is_text(out, &node.expr),
        _ => false,
    }
}

/// Arithmetic with a decimal. False where there is none, or the database computes with decimals itself.
pub(super) fn arithmetic(out: &mut SqlWriter<'_>, node: &Arithmetic) -> bool {
    use ArithmeticOp as A;
    if out.is_postgres() || !computes(out, [&node.left, &node.right]) {
        return false;
    }
    let (before, after) = match node.op {
        A::Add => ("ormkit_add(", ")"),
        A::Subtract => ("ormkit_subtract(", ")"),
        A::Multiply => ("ormkit_multiply(", ")"),
        A::Divide => ("ormkit_divide(", ")"),
        A::DivideWhole => ("ormkit_floor(ormkit_divide(", "))"),
        A::Modulo => ("ormkit_mod(", ")"),
        _ => return false,
    };
    out.push(before);
    node.left.render(out);
    out.push(", ");
    node.right.render(out);
    out.push(after);
    true
}

/// True for a decimal and a decimal or an integer. What nothing is known of is refused beside a decimal: SQLite's own
/// arithmetic is that of floats.
fn computes(out: &mut SqlWriter<'_>, operands: [&Expr; 2]) -> bool {
    use SqlType as S;
    let types = operands.map(|expr| expr.sql_type(out.schema()));
    let is_unknown = |at: usize| types[at] == S::Unknown && !matches!(operands[at], Expr::Null);
    if types.contains(&S::Numeric) && (is_unknown(0) || is_unknown(1)) {
        out.unsupported(
            "arithmetic of a decimal and a value of unknown type",
            "say its type: cast(.., Numeric)",
        );
    }
    let fits = |sql_type| matches!(sql_type, S::Numeric | S::SmallInt | S::Integer | S::BigInt);
    types.contains(&S::Numeric) && types.into_iter().all(fits)
}

/// Writes one of several values of which one is the result, as that of `sql_type`: beside decimals, which are text, an
/// integer is one; beside floats a decimal is one.
pub(super) fn branch(out: &mut SqlWriter<'_>, expr: &Expr, sql_type: SqlType) {
    let is_null = matches!(expr, Expr::Null);
    match sql_type {
        SqlType::Numeric if !out.is_postgres() && !is_null => as_text(out, expr),
        SqlType::Real | SqlType::Double if is_decimal_text(out, expr) => {
            out.push("CAST(");
            expr.render(out);
            out.push(" AS REAL)");
        }
        _ => expr.render(out),
    }
}

/// The opposite of a decimal. False where it is none.
pub(super) fn negative(out: &mut SqlWriter<'_>, inner: &Expr) -> bool {
    if !is_decimal_text(out, inner) {
        return false;
    }
    out.push("ormkit_negative(");
    inner.render(out);
    out.push(")");
    true
}

/// The driver's function in the place of one that answers a decimal.
pub(super) fn function_of(out: &SqlWriter<'_>, node: &Call) -> Option<&'static str> {
    let is_decimal = !out.is_postgres() && node.sql_type(out.schema()) == SqlType::Numeric;
    if is_decimal { function(node) } else { None }
}

/// True for what answers the first of its arguments that counts.
pub(super) fn chooses(node: &Call) -> bool {
    ["coalesce", "ifnull"].iter().any(|name| node.name.eq_ignore_ascii_case(name))
}

fn function(node: &Call) -> Option<&'static str> {
    Some(match (node.name.to_ascii_lowercase().as_str(), node.args.len()) {
        ("sum", 1) => "ormkit_sum",
        ("avg", 1) => "ormkit_avg",
        ("abs", 1) => "ormkit_abs",
        ("sign", 1) => "ormkit_sign",
        ("ceil" | "ceiling", 1) => "ormkit_ceil",
        ("floor", 1) => "ormkit_floor",
        ("round", 1 | 2) => "ormkit_round",
        ("trunc", 1 | 2) => "ormkit_trunc",
        ("mod", 2) => "ormkit_mod",
        ("div", 2) => "ormkit_div",
        _ => return None,
    })
}

/// A cast to a decimal, or of one to an integer. False for others.
pub(super) fn cast(out: &mut SqlWriter<'_>, node: &Cast) -> bool {
    if out.is_postgres() {
        return false;
    }
    match &node.to {
        ColumnType::Numeric(size) => {
            out.push("ormkit_numeric(");
            node.expr.render(out);
            end(out, *size);
        }
        ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt
            if is_decimal_text(out, &node.expr) =>
        {
            out.push("ormkit_integer(");
            node.expr.render(out);
            out.push(")");
        }
        _ => return false,
    }
    true
}

/// True for a column of a key, where the database compares the texts of decimals: those of equal ones have to be one. A
/// column with a scale gets such texts from the host.
pub(crate) fn is_decimal_key(out: &SqlWriter<'_>, model: &Model, field: FieldId) -> bool {
    !out.is_postgres()
        && model.field(field).column_type == ColumnType::Numeric(None)
        && model.is_of_key(field)
}

/// Writes what a column is set to. A decimal that the database has computed gets the digits that the column has, as on
/// PostgreSQL; in a key it has the one text of its value.
pub(crate) fn assigned(out: &mut SqlWriter<'_>, model: &Model, field: FieldId, expr: &Expr) {
    if !out.is_postgres()
        && let Some(now) = clock::assigned(expr, &model.field(field).column_type)
    {
        return out.push(now);
    }
    let is_ready = match expr {
        Expr::Null => true,
        Expr::Value(_) => !is_decimal_key(out, model, field),
        _ => false,
    };
    match is_ready {
        true => expr.render(out),
        false => fitting(out, model, field, |out| expr.render(out)),
    }
}

/// Writes a value of the database's making as a column holds it.
pub(crate) fn fitting(
    out: &mut SqlWriter<'_>,
    model: &Model,
    field: FieldId,
    value: impl FnOnce(&mut SqlWriter<'_>),
) {
    let ColumnType::Numeric(size) = model.field(field).column_type else { return value(out) };
    if out.is_postgres() {
        return value(out);
    }
    let is_key = is_decimal_key(out, model, field);
    out.push(if is_key { "ormkit_decimal(" } else { "ormkit_numeric(" });
    value(out);
    end(out, size);
}

/// The end of a call of `ormkit_numeric`.
fn end(out: &mut SqlWriter<'_>, size: Option<(u32, u32)>) {
    if let Some((precision, scale)) = size {
        out.push(", ");
        out.number(precision.into());
        out.push(", ");
        out.number(scale.into());
    }
    out.push(")");
}
