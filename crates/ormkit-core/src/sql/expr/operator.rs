//! Comparisons and arithmetic.

use super::super::SqlWriter;
use super::spelling::beside_text;
use super::{Comparison, Level, Render, comparable, operand, require_order};
use crate::error::{Error, ErrorKind};
use crate::query::{Arithmetic, ArithmeticOp, Between, Compare, CompareOp, Distinct, Expr};
use crate::value::SqlType;

impl Render for Compare {
    fn render(&self, out: &mut SqlWriter<'_>) {
        if !matches!(self.op, CompareOp::Eq | CompareOp::Ne) {
            require_order(out, &[&self.left, &self.right]);
        }
        let comparison = Comparison::of(out, &[&self.left, &self.right]);
        comparable(out, &self.left, comparison);
        out.push(match self.op {
            CompareOp::Eq | CompareOp::Ne => comparison.equality(),
            _ => comparison.order(),
        });
        out.push(self.op.text());
        comparable(out, &self.right, comparison);
    }
}

impl Render for Distinct {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let comparison = Comparison::of(out, &[&self.left, &self.right]);
        comparable(out, &self.left, comparison);
        out.push(comparison.equality());
        let dialect = out.dialect();
        out.push(if self.negated { dialect.not_distinct_from } else { dialect.distinct_from });
        comparable(out, &self.right, comparison);
    }
}

impl Render for Between {
    fn render(&self, out: &mut SqlWriter<'_>) {
        require_order(out, &[&self.expr, &self.low, &self.high]);
        let comparison = Comparison::of(out, &[&self.expr, &self.low, &self.high]);
        comparable(out, &self.expr, comparison);
        out.push(comparison.order());
        out.push(if self.negated { " NOT BETWEEN " } else { " BETWEEN " });
        if !self.symmetric || out.is_postgres() {
            out.push(if self.symmetric { "SYMMETRIC " } else { "" });
            comparable(out, &self.low, comparison);
            out.push(" AND ");
            return comparable(out, &self.high, comparison);
        }
        for (function, after) in [("min(", ") AND "), ("max(", ")")] {
            out.push(function);
            comparable(out, &self.low, comparison);
            out.push(comparison.order());
            out.push(", ");
            comparable(out, &self.high, comparison);
            out.push(after);
        }
    }
}

/// `||` and the operators of bits stand apart from the others: the databases rank it differently, so that every mixture is put in parentheses.
pub(super) fn level_of(op: ArithmeticOp) -> Level {
    match op {
        ArithmeticOp::Add | ArithmeticOp::Subtract => Level::Sum,
        ArithmeticOp::Multiply | ArithmeticOp::Divide | ArithmeticOp::DivideWhole | ArithmeticOp::Modulo => {
            Level::Product
        }
        ArithmeticOp::Concat
        | ArithmeticOp::BitAnd
        | ArithmeticOp::BitOr
        | ArithmeticOp::BitXor
        | ArithmeticOp::ShiftLeft
        | ArithmeticOp::ShiftRight => Level::Operand,
    }
}

impl Render for Arithmetic {
    fn render(&self, out: &mut SqlWriter<'_>) {
        use ArithmeticOp as A;
        if super::temporal::arithmetic(out, self) || super::decimal::arithmetic(out, self) {
            return;
        }
        if !out.is_postgres() {
            self.refuse_no_numbers(out);
        }
        let kinds = [&self.left, &self.right].map(|expr| Kind::of(out, expr));
        let both = |kind| kinds == [kind; 2];
        let whole = both(Kind::Int);
        let known = !kinds.contains(&Kind::Other);
        match self.op {
            A::Divide if known && (whole || !out.is_postgres()) => self.divide_float(out),
            A::DivideWhole if known && !whole => {
                out.push("floor(");
                if out.is_postgres() {
                    self.plain(out)
                } else {
                    self.divide_float(out)
                }
                out.push(")");
            }
            A::Modulo if known && !whole => self.modulo(out, kinds.contains(&Kind::Float)),
            A::BitXor if !out.is_postgres() => self.bit_xor(out),
            _ => self.plain(out),
        }
    }
}

/// What is known of an operand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int,
    Decimal,
    Float,
    Other,
}

impl Kind {
    fn of(out: &SqlWriter<'_>, expr: &Expr) -> Self {
        match expr.sql_type(out.schema()) {
            SqlType::SmallInt | SqlType::Integer | SqlType::BigInt => Self::Int,
            SqlType::Numeric => Self::Decimal,
            SqlType::Real | SqlType::Double => Self::Float,
            _ => Self::Other,
        }
    }
}

impl Arithmetic {
    /// SQLite would take anything for a number, mostly for 0.
    fn refuse_no_numbers(&self, out: &mut SqlWriter<'_>) {
        use ArithmeticOp as A;
        use SqlType as S;
        if !matches!(self.op, A::Add | A::Subtract | A::Multiply | A::Divide | A::DivideWhole | A::Modulo) {
            return;
        }
        let types = [&self.left, &self.right].map(|expr| expr.sql_type(out.schema()));
        let is_none =
            |of: &&S| matches!(of, S::Text | S::Bytes | S::Uuid | S::Json | S::Jsonb | S::Enum | S::Array(_));
        if let Some(none) = types.iter().find(is_none) {
            out.fail(Error::new(ErrorKind::Programming(format!(
                "`{}` computes with numbers and times, and not with a value of type {}",
                self.op.text().trim(),
                none.name()
            ))));
        }
    }

    fn plain(&self, out: &mut SqlWriter<'_>) {
        let is_chain = |expr: &Expr| matches!(expr, Expr::Arithmetic(node) if node.op == self.op);
        let (left, right) = match level_of(self.op) {
            Level::Sum => (Level::Sum, Level::Product),
            Level::Product => (Level::Product, Level::Atom),
            _ => (if is_chain(&self.left) { Level::Operand } else { Level::Atom }, Level::Atom),
        };
        if self.op == ArithmeticOp::Concat {
            beside_text(out, &self.left, &self.right, left);
            out.push(self.op.text());
            return beside_text(out, &self.right, &self.left, right);
        }
        operand(out, &self.left, left);
        out.push(self.op.text());
        operand(out, &self.right, right);
    }

    /// Division that keeps the fraction: both databases divide integers without it, SQLite also decimals that are whole.
    fn divide_float(&self, out: &mut SqlWriter<'_>) {
        out.push("CAST(");
        self.left.render(out);
        out.push(if out.is_postgres() { " AS DOUBLE PRECISION) / " } else { " AS REAL) / " });
        operand(out, &self.right, Level::Atom);
    }

    /// PostgreSQL has no `%` of floats, SQLite's takes its operands for integers.
    fn modulo(&self, out: &mut SqlWriter<'_>, floats: bool) {
        let (before, between, after) = match (out.is_postgres(), floats) {
            (true, false) => return self.plain(out),
            (true, true) => ("CAST(CAST(", " AS NUMERIC) % CAST(", " AS NUMERIC) AS DOUBLE PRECISION)"),
            (false, _) => ("mod(", ", ", ")"),
        };
        out.push(before);
        self.left.render(out);
        out.push(between);
        self.right.render(out);
        out.push(after);
    }

    fn bit_xor(&self, out: &mut SqlWriter<'_>) {
        for (before, op, after) in [("((", " | ", ")"), (" - (", " & ", "))")] {
            out.push(before);
            operand(out, &self.left, Level::Atom);
            out.push(op);
            operand(out, &self.right, Level::Atom);
            out.push(after);
        }
    }
}
