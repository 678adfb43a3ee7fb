//! Lookups on a value that a query computes: `annotate(n=Count("books")).filter(n__gt=3)`.

use super::super::{CompareOp, Expr, Pattern};
use super::Operator;
use super::condition::{among, is_true};
use crate::error::{Error, Result};
use crate::model::Schema;

/// How the values of a lookup on a computed value are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One value; None is NULL.
    Value,
    /// A list of values.
    List,
    /// Two values.
    Pair,
    /// A text.
    Text,
    /// True or false.
    Bool,
}

/// The operator of a lookup on the computed value `name`, and what it takes.
///
/// # Errors
/// [`ErrorKind::UnknownName`](crate::error::ErrorKind::UnknownName) with near matches.
pub fn computed_operator(name: &str, rest: Option<&str>) -> Result<(Operator, Takes)> {
    use Operator as O;
    let operator = match rest {
        None => O::Exact,
        Some(word) => Operator::of(word)
            .ok_or_else(|| Error::unknown_name("lookup", word, name, Operator::NAMES.iter().copied()))?,
    };
    Ok((operator, operator.takes()))
}

impl Operator {
    /// What stands beside a value of no particular kind.
    pub(super) fn takes(self) -> Takes {
        match self {
            Self::In | Self::NotIn => Takes::List,
            Self::Between => Takes::Pair,
            Self::IsNull | Self::IsNotNull => Takes::Bool,
            other if other.is_of_text() => Takes::Text,
            _ => Takes::Value,
        }
    }
}

/// The condition on a computed value; `values` are as [`computed_operator`] says.
pub fn computed(schema: &Schema, expr: &Expr, operator: Operator, values: &[Expr]) -> Result<Expr> {
    use Operator as O;
    if let Some(denied) = operator.denied() {
        return Ok(computed(schema, expr, denied, values)?.not_true(schema));
    }
    let first = || values.first().cloned().unwrap_or(Expr::Null);
    let compare = |op| Expr::compare(expr.clone(), op, first());
    let text = |pattern, any_case| expr.clone().like(pattern, first(), any_case);
    Ok(match operator {
        O::Exact => compare(CompareOp::Eq),
        O::Gt => compare(CompareOp::Gt),
        O::Gte => compare(CompareOp::Ge),
        O::Lt => compare(CompareOp::Lt),
        O::Lte => compare(CompareOp::Le),
        O::In => among(expr.clone(), values, expr.sql_type(schema)),
        O::IsNull | O::IsNotNull => match is_true(&first()) == (operator == O::IsNull) {
            true => expr.clone().is_null(),
            false => expr.clone().is_not_null(),
        },
        O::Between => expr.clone().between(first(), values.get(1).cloned().unwrap_or(Expr::Null)),
        O::IExact => text(Pattern::Exact, true),
        O::Like => text(Pattern::Like, false),
        O::ILike => text(Pattern::Like, true),
        O::Contains => text(Pattern::Contains, false),
        O::IContains => text(Pattern::Contains, true),
        O::StartsWith => text(Pattern::StartsWith, false),
        O::IStartsWith => text(Pattern::StartsWith, true),
        O::EndsWith => text(Pattern::EndsWith, false),
        O::IEndsWith => text(Pattern::EndsWith, true),
        other => {
            return Err(Error::unsupported(
                format!("`{}` on a computed value", other.name()),
                "compare it with a value",
            ));
        }
    })
}
