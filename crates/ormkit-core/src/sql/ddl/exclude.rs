//! EXCLUDE constraints.

use super::super::SqlWriter;
use super::super::expr::Render;
use super::{index, names};
use crate::model::{Exclude, Model};
use crate::query::Source;

/// Its name.
pub(crate) fn name(model: &Model, exclude: &Exclude) -> String {
    exclude.name.clone().unwrap_or_else(|| names::exclude(model.table(), &exclude.words()))
}

/// `EXCLUDE USING gist (…)`
pub(crate) fn definition(out: &mut SqlWriter<'_>, model: &Model, exclude: &Exclude) {
    if !out.is_postgres() {
        return out.unsupported("EXCLUDE", "write a trigger, or check the rows in the transaction");
    }
    out.push("EXCLUDE USING ");
    out.name(&exclude.method);
    out.open_scope(&[Source::plain(model.id).into()]);
    out.push(" (");
    out.list(&exclude.parts, |out, (part, operator)| {
        index::part(out, part);
        out.push(" WITH ");
        out.push(operator);
    });
    out.push(")");
    if let Some(condition) = &exclude.condition {
        out.push(" WHERE (");
        condition.render(out);
        out.push(")");
    }
    out.close_scope();
    out.push(exclude.timing.sql());
}
