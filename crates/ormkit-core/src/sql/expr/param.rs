//! Parameters, and SQL text with placeholders, as their values.

use super::super::{SqlWriter, placeholder};
use super::{Level, Render, operand, set};
use crate::error::{Error, ErrorKind};
use crate::query::{Bound, Expr, InList, InParam, Param};
use crate::value::Value;

/// The value of a parameter: what was given, or what stands in for it. A statement that is shown has NULL in the place of
/// one that is not given.
fn value_of(out: &mut SqlWriter<'_>, param: &Param) -> Option<Bound> {
    if let Some(value) = out.arguments().of(param).or(param.default.as_ref()) {
        return Some(value.clone());
    }
    if out.spreads_lists() {
        let value =
            if param.is_list { Value::Array(param.sql_type(), vec![Value::Null]) } else { Value::Null };
        return Some(Bound::new(value, param.sql_type()));
    }
    out.fail(Error::new(ErrorKind::Programming(format!(
        "bindparam({:?}) has no value: give it beside the statement, execute(statement, {{{:?}: ..}})",
        param.name, param.name
    ))));
    None
}

impl Render for Param {
    fn render(&self, out: &mut SqlWriter<'_>) {
        if let Some(value) = value_of(out, self) {
            out.bind(&value);
        }
    }
}

impl Render for InParam {
    fn render(&self, out: &mut SqlWriter<'_>) {
        let Some(list) = value_of(out, &self.param) else { return };
        // An empty array has the text of any other.
        if matches!(&list.value, Value::Array(_, values) if values.is_empty()) && set::is_spread(out, &list) {
            return out.push(if self.negated { "TRUE" } else { "FALSE" });
        }
        InList { expr: self.expr.clone(), list, negated: self.negated }.render(out);
    }
}

/// Writes SQL text of the program's own: its placeholders are those of the statement's arguments.
pub(super) fn text(out: &mut SqlWriter<'_>, text: &str) {
    if out.arguments().is_empty() {
        return out.push(text);
    }
    let (pieces, names) = placeholder::pieces(text);
    for (index, piece) in pieces.iter().enumerate() {
        out.push(piece);
        let Some(name) = names.get(index) else { continue };
        match out.arguments().named(name).cloned() {
            Some(value) => operand(out, &Expr::Value(value), Level::Atom),
            None => out.push(&format!(":{name}")),
        }
    }
}
