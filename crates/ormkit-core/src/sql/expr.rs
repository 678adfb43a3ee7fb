//! Expressions as text.

mod along;
mod arrays;
mod comparison;
mod decimal;
mod function;
mod json;
mod made;
mod operation;
mod operator;
mod param;
mod pattern;
mod set;
mod spelling;
mod temporal;

pub(crate) use along::{FULL, INNER, join_along};
pub(crate) use decimal::{alike, assigned, decimal_text, fitting, is_decimal_key, is_decimal_text};

use super::{Dialect, SqlWriter};
use crate::model::{ColumnType, EnumType, NativeType, Schema};
use crate::query::{Case, Cast, Expr, IsNull, IsTrue, Nulls, Order, TimePart};
use crate::value::{Params, SqlType};
use comparison::{Comparison, comparable, order_of, require_order};
use decimal::told_apart;

/// A node that can write itself.
pub(crate) trait Render {
    /// Writes the node.
    fn render(&self, out: &mut SqlWriter<'_>);
}

/// How tightly an expression holds together, loosest first: an operand that holds less tightly than its place asks is
/// put in parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Or,
    And,
    Not,
    Compare,
    /// Operands of comparisons, BETWEEN, IN, LIKE and IS.
    Operand,
    Sum,
    Product,
    Atom,
}

impl Render for Expr {
    fn render(&self, out: &mut SqlWriter<'_>) {
        match self {
            Self::Column(column) => out.column(column.source, column.field),
            Self::Part(part) => out.part(part),
            Self::Excluded(model, field) => {
                let schema = out.schema();
                out.push("EXCLUDED.");
                out.name(&schema.model(*model).field(*field).column);
            }
            Self::Value(bound) => out.bind(bound),
            Self::Bool(true) => out.push("TRUE"),
            Self::Bool(false) => out.push("FALSE"),
            Self::Null => out.push("NULL"),
            Self::Compare(node) => node.render(out),
            Self::Distinct(node) => node.render(out),
            Self::Arrays(node) => node.render(out),
            Self::And(parts) => out.separated(parts, " AND ", |out, part| operand(out, part, Level::Not)),
            Self::Or(parts) => out.separated(parts, " OR ", |out, part| operand(out, part, Level::And)),
            Self::Not(inner) => {
                out.push("NOT ");
                operand(out, inner, Level::Compare);
            }
            Self::IsNull(node) => node.render(out),
            Self::IsTrue(node) => node.render(out),
            Self::Between(node) => node.render(out),
            Self::Like(node) => node.render(out),
            Self::InList(node) => node.render(out),
            Self::InRows(node) => node.render(out),
            Self::InSelect(node) => node.render(out),
            Self::Exists(node) => node.render(out),
            Self::Arithmetic(node) => node.render(out),
            Self::Negative(inner) if decimal::negative(out, inner) => {}
            Self::Negative(inner) => {
                out.push("-");
                operand(out, inner, Level::Atom);
            }
            Self::Call(node) => node.render(out),
            Self::Cast(node) => node.render(out),
            Self::Operation(node) => node.render(out),
            Self::Case(node) => node.render(out),
            Self::Scalar(select) => {
                out.push("(");
                super::select::subquery(out, select);
                out.push(")");
            }
            Self::Text(text) => param::text(out, text),
            Self::Param(param) => param.render(out),
            Self::InParam(node) => node.render(out),
            Self::Labelled(node) => node.expr.render(out),
        }
    }
}

/// How tightly `expr` holds together. SQL text of the program's own is taken for the loosest.
fn level(expr: &Expr) -> Level {
    match expr {
        Expr::Or(_) | Expr::Text(_) => Level::Or,
        Expr::And(_) => Level::And,
        Expr::Not(_) => Level::Not,
        Expr::Compare(_)
        | Expr::Distinct(_)
        | Expr::Arrays(_)
        | Expr::IsNull(_)
        | Expr::IsTrue(_)
        | Expr::Between(_)
        | Expr::Like(_)
        | Expr::InList(_)
        | Expr::InParam(_)
        | Expr::InRows(_)
        | Expr::InSelect(_) => Level::Compare,
        Expr::Arithmetic(node) => operator::level_of(node.op),
        Expr::Operation(node) => operation::level_of(node),
        Expr::Negative(_) => Level::Product,
        Expr::Labelled(node) => level(&node.expr),
        Expr::Cast(node) if !node.written => level(&node.expr),
        _ => Level::Atom,
    }
}

/// Writes `expr` where `at_least` is asked for.
pub(crate) fn operand(out: &mut SqlWriter<'_>, expr: &Expr, at_least: Level) {
    if level(expr) >= at_least {
        return expr.render(out);
    }
    out.push("(");
    expr.render(out);
    out.push(")");
}

/// Writes conditions that all hold, behind ` WHERE `, ` ON ` or ` HAVING `; nothing when there are none.
pub(crate) fn all_of(out: &mut SqlWriter<'_>, clause: &str, conditions: &[Expr]) {
    match conditions {
        [] => {}
        [one] => {
            out.push(clause);
            one.render(out);
        }
        several => {
            out.push(clause);
            out.separated(several, " AND ", |out, part| operand(out, part, Level::Not));
        }
    }
}

impl Render for IsNull {
    fn render(&self, out: &mut SqlWriter<'_>) {
        operand(out, &self.expr, Level::Operand);
        out.push(if self.negated { " IS NOT NULL" } else { " IS NULL" });
    }
}

impl Render for IsTrue {
    fn render(&self, out: &mut SqlWriter<'_>) {
        operand(out, &self.expr, Level::Operand);
        out.push(if self.negated { " IS NOT TRUE" } else { " IS TRUE" });
    }
}

impl Render for Cast {
    fn render(&self, out: &mut SqlWriter<'_>) {
        if !self.written {
            return self.expr.render(out);
        }
        let part = match self.to {
            ColumnType::Date => Some(TimePart::Date),
            ColumnType::Time => Some(TimePart::Time),
            _ => None,
        };
        let from = self.expr.sql_type(out.schema());
        // SQLite's types for them are TEXT: a cast would change nothing.
        if let Some(part) = part
            && !out.is_postgres()
            && matches!(from, SqlType::Timestamp | SqlType::TimestampTz)
        {
            return temporal::extract(out, part, &self.expr);
        }
        if !out.is_postgres() && spelling::cast(out, self) {
            return;
        }
        if decimal::cast(out, self) {
            return;
        }
        out.push("CAST(");
        self.expr.render(out);
        out.push(" AS ");
        out.column_type(&self.to);
        out.push(")");
    }
}

impl Render for Case {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let sql_type = self.sql_type(out.schema());
        out.push("CASE");
        for (condition, value) in &self.whens {
            out.push(" WHEN ");
            condition.render(out);
            out.push(" THEN ");
            decimal::branch(out, value, sql_type);
        }
        if let Some(otherwise) = &self.otherwise {
            out.push(" ELSE ");
            decimal::branch(out, otherwise, sql_type);
        }
        out.push(" END");
    }
}

impl Render for Order {
    fn render(&self, out: &mut SqlWriter<'_>) {
        require_order(out, &[&self.expr]);
        match Comparison::of(out, &[&self.expr]) {
            comparison @ (Comparison::Number | Comparison::Json) => {
                comparable(out, &self.expr, comparison);
                out.push(comparison.order());
            }
            _ => term(out, &self.expr),
        }
        // A text may say it itself.
        if self.descending || self.nulls.is_some() || !matches!(self.expr, Expr::Text(_)) {
            self.direction(out);
        }
    }
}

/// True where values of `expr` are sorted as the database keeps them.
pub(super) fn is_sorted_as_it_is(out: &SqlWriter<'_>, expr: &Expr) -> bool {
    Comparison::of(out, &[expr]) == Comparison::Plain
}

/// Writes what is sorted or grouped by: PostgreSQL refuses a constant there, which the empty list of an IN is.
pub(super) fn term(out: &mut SqlWriter<'_>, expr: &Expr) {
    expr.render(out);
    if matches!(expr, Expr::Bool(_) | Expr::Null) {
        out.push(" IS TRUE");
    }
}

/// Writes what rows are grouped by.
pub(super) fn grouped(out: &mut SqlWriter<'_>, expr: &Expr) {
    if is_decimal_text(out, expr) {
        return told_apart(out, expr);
    }
    term(out, expr);
}

impl Order {
    /// Writes what stands behind the expression.
    pub(super) fn direction(&self, out: &mut SqlWriter<'_>) {
        out.push(if self.descending { " DESC" } else { " ASC" });
        match self.nulls {
            Some(Nulls::First) => out.push(" NULLS FIRST"),
            Some(Nulls::Last) => out.push(" NULLS LAST"),
            None => {}
        }
    }
}

/// A type as the dialect names it.
pub fn type_name(column_type: &ColumnType, dialect: &'static Dialect) -> String {
    let (schema, mut params) = (Schema::default(), Params::new());
    let mut out = SqlWriter::new(dialect, &schema, &mut params);
    out.column_type(column_type);
    out.into_parts().0
}

impl SqlWriter<'_> {
    fn native_type(&mut self, native: NativeType) {
        let (name, size) = match native {
            NativeType::MacAddr => ("MACADDR", None),
            NativeType::MacAddr8 => ("MACADDR8", None),
            NativeType::Bit(length) => ("BIT", Some(length)),
            NativeType::VarBit(length) => ("BIT VARYING", length),
            NativeType::Citext => ("CITEXT", None),
            NativeType::Tsvector => ("TSVECTOR", None),
            NativeType::Vector(length) => ("VECTOR", length),
        };
        self.push(name);
        if let Some(size) = size {
            self.push("(");
            self.number(size.into());
            self.push(")");
        }
    }

    /// Appends the name of an enum type.
    pub(crate) fn enumeration(&mut self, enumeration: &EnumType) {
        self.in_schema(&enumeration.schema, &enumeration.name);
    }

    /// Appends a type as the dialect names it.
    pub(crate) fn column_type(&mut self, column_type: &ColumnType) {
        use ColumnType as C;
        let postgres = self.is_postgres();
        let pick = |on_postgres: &'static str, on_sqlite: &'static str| {
            if postgres { on_postgres } else { on_sqlite }
        };
        match column_type {
            C::Bool => self.push(pick("BOOLEAN", "INTEGER")),
            C::SmallInt => self.push(pick("SMALLINT", "INTEGER")),
            C::Integer => self.push("INTEGER"),
            C::BigInt => self.push(pick("BIGINT", "INTEGER")),
            C::Double => self.push(pick("DOUBLE PRECISION", "REAL")),
            C::Text => self.push("TEXT"),
            C::VarChar(length) if postgres => {
                self.push("VARCHAR(");
                self.number((*length).into());
                self.push(")");
            }
            C::VarChar(_) => self.push("TEXT"),
            C::Bytes => self.push(pick("BYTEA", "BLOB")),
            C::Numeric(Some((precision, scale))) if postgres => {
                self.push("NUMERIC(");
                self.number((*precision).into());
                self.push(", ");
                self.number((*scale).into());
                self.push(")");
            }
            C::Numeric(_) => self.push(pick("NUMERIC", "TEXT")),
            C::Date => self.push(pick("DATE", "TEXT")),
            C::Time => self.push(pick("TIME", "TEXT")),
            C::Timestamp => self.push(pick("TIMESTAMP", "TEXT")),
            C::TimestampTz => self.push(pick("TIMESTAMP WITH TIME ZONE", "TEXT")),
            C::Interval => self.push(pick("INTERVAL", "INTEGER")),
            C::Uuid => self.push(pick("UUID", "BLOB")),
            C::Json => self.push(pick("JSONB", "TEXT")),
            C::Array(element) if postgres => {
                self.column_type(element);
                self.push("[]");
            }
            C::Array(_) => self.push("TEXT"),
            C::Native(native) => self.native_type(*native),
            C::Range(range) => self.push(&range.name().to_uppercase()),
            C::MultiRange(range) => self.push(&range.multirange_name().to_uppercase()),
            C::Hstore => self.push("HSTORE"),
            C::TimeTz => self.push("TIME WITH TIME ZONE"),
            C::Inet => self.push("INET"),
            C::Cidr => self.push("CIDR"),
            C::Enum(enumeration) if postgres => self.enumeration(enumeration),
            C::Enum(_) => self.push("TEXT"),
        }
    }
}

#[cfg(test)]
mod tests;
