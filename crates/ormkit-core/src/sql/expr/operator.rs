//! Comparisons and arithmetic.

use super::super::SqlWriter;
use super::{Level, Render, comparable, is_decimal_text, operand};
use crate::query::{Arithmetic, ArithmeticOp, Between, Compare, Distinct};

impl Render for Compare {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let as_number = is_decimal_text(out, &self.left) || is_decimal_text(out, &self.right);
        comparable(out, &self.left, as_number);
        out.push(self.op.text());
        comparable(out, &self.right, as_number);
    }
}

impl Render for Distinct {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let as_number = is_decimal_text(out, &self.left) || is_decimal_text(out, &self.right);
        comparable(out, &self.left, as_number);
        let dialect = out.dialect();
        out.push(if self.negated { dialect.not_distinct_from } else { dialect.distinct_from });
        comparable(out, &self.right, as_number);
    }
}

impl Render for Between {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let as_number =
            [&self.expr, &self.low, &self.high].into_iter().any(|expr| is_decimal_text(out, expr));
        comparable(out, &self.expr, as_number);
        out.push(if self.negated { " NOT BETWEEN " } else { " BETWEEN " });
        comparable(out, &self.low, as_number);
        out.push(" AND ");
        comparable(out, &self.high, as_number);
    }
}

/// `||` stands apart from the others: the databases rank it differently, so that every mixture is put in parentheses.
pub(super) fn level_of(op: ArithmeticOp) -> Level {
    match op {
        ArithmeticOp::Add | ArithmeticOp::Subtract => Level::Sum,
        ArithmeticOp::Multiply | ArithmeticOp::Divide | ArithmeticOp::Modulo => Level::Product,
        ArithmeticOp::Concat => Level::Operand,
    }
}

impl Render for Arithmetic {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let is_chain = |expr: &crate::query::Expr| matches!(expr, crate::query::Expr::Arithmetic(node) if node.op == self.op);
        let (left, right) = match level_of(self.op) {
            Level::Sum => (Level::Sum, Level::Product),
            Level::Product => (Level::Product, Level::Atom),
            _ => (if is_chain(&self.left) { Level::Operand } else { Level::Atom }, Level::Atom),
        };
        operand(out, &self.left, left);
        out.push(self.op.text());
        operand(out, &self.right, right);
    }
}
