//! Comparisons and arithmetic.

use super::super::SqlWriter;
use super::{Comparison, Level, Render, comparable, operand, require_order};
use crate::query::{Arithmetic, ArithmeticOp, Between, Compare, CompareOp, Distinct};

impl Render for Compare {
    fn render(&self, out: &mut SqlWriter<'_>) {
        if !matches!(self.op, CompareOp::Eq | CompareOp::Ne) {
            require_order(out, &[&self.left, &self.right]);
        }
        let comparison = Comparison::of(out, &[&self.left, &self.right]);
        comparable(out, &self.left, comparison);
        out.push(self.op.text());
        comparable(out, &self.right, comparison);
    }
}

impl Render for Distinct {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let comparison = Comparison::of(out, &[&self.left, &self.right]);
        comparable(out, &self.left, comparison);
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
        out.push(if self.negated { " NOT BETWEEN " } else { " BETWEEN " });
        comparable(out, &self.low, comparison);
        out.push(" AND ");
        comparable(out, &self.high, comparison);
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
