//! UNION, INTERSECT and EXCEPT as text.

use super::super::SqlWriter;
use super::super::expr::alike;
use super::{Layout, derived, kinds, limit, sql_name};
use crate::error::{Error, ErrorKind};
use crate::plan::Output;
use crate::query::{DerivedColumn, Expr, Item, Order, Origin, Select, SetOp, SetOperation};
use crate::value::SqlType;

/// Writes a set operation and says what its rows hold.
pub(super) fn set(
    out: &mut SqlWriter<'_>,
    select: &Select,
    set: &SetOperation,
    layout: &mut Layout,
    names: Option<&[DerivedColumn]>,
) {
    let all = matches!(set.op, SetOp::IntersectAll | SetOp::ExceptAll);
    if all && !out.is_postgres() {
        out.unsupported(set.op.text().trim(), "number equal rows with func.row_number().over(..)");
    }
    let columns = match set.parts[0].columns(out.schema()) {
        Ok(columns) => columns,
        Err(error) => return out.fail(error),
    };
    for (at, part) in set.parts.iter().enumerate() {
        if at > 0 {
            out.push(set.op.text());
        }
        let names = names.filter(|_| at == 0);
        if set.parts.len() == 1 || is_simple(part) {
            // SQLite compares rows as the first SELECT says, and with DISTINCT it does.
            match at == 0 && !out.is_postgres() && set.op != SetOp::UnionAll && !part.distinct {
                true if has_decimals(out, part) => {
                    derived::part(out, &Select { distinct: true, ..Select::clone(part) }, names);
                }
                _ => derived::part(out, part, names),
            }
            continue;
        }
        out.push(if out.is_postgres() { "(" } else { "SELECT * FROM (" });
        derived::part(out, part, names);
        out.push(")");
    }
    if !select.order_by.is_empty() {
        out.push(" ORDER BY ");
        out.list(&select.order_by, |out, term| order(out, term, names.unwrap_or(&columns), names.is_some()));
    }
    limit(out, select);
    shown(out, select, columns, layout);
}

fn has_decimals(out: &SqlWriter<'_>, part: &Select) -> bool {
    let decimal = |item: &Item| matches!(item, Item::Value { expr, .. } if expr.sql_type(out.schema()) == SqlType::Numeric);
    part.items.iter().any(decimal)
}

/// True for what an operator may stand beside without parentheses.
fn is_simple(part: &Select) -> bool {
    part.set.is_none()
        && part.order_by.is_empty()
        && part.limit.is_none()
        && part.offset.is_none()
        && part.lock.is_none()
}

/// The rows of a set operation are sorted by its columns alone: by their names where they have some, else by number.
fn order(out: &mut SqlWriter<'_>, term: &Order, columns: &[DerivedColumn], named: bool) {
    let Some(at) = place_of(&term.expr, columns) else {
        return out.fail(Error::new(ErrorKind::Programming(
            "a set operation is sorted by its own columns: select what it is to be sorted by, or sort its subquery"
                .into(),
        )));
    };
    let column = &columns[at];
    let sql_type = column.of.sql_type(out.schema());
    if !out.is_postgres() && matches!(sql_type, SqlType::Array(_)) {
        out.unsupported("the order of arrays of a set operation", "sort its subquery");
    }
    let own = sql_name(out, &column.of).map(|name| *name == *column.column);
    if named || own == Some(true) {
        out.name(&column.column);
    } else {
        out.number(at as u64 + 1);
    }
    out.push(alike(out, &column.of));
    term.direction(out);
}

/// The column that a term names by its number, or is; columns of one expression are told apart by number alone.
fn place_of(expr: &Expr, columns: &[DerivedColumn]) -> Option<usize> {
    if let Expr::Labelled(node) = expr {
        let named = columns.iter().position(|column| *column.name == *node.label);
        return named.or_else(|| place_of(&node.expr, columns));
    }
    if let Expr::Text(text) = expr {
        let number = text.parse::<usize>().ok().filter(|number| (1..=columns.len()).contains(number));
        return number.map(|number| number - 1);
    }
    // A column of another type than that of the other parts is selected as theirs.
    fn bare(expr: &Expr) -> &Expr {
        match expr {
            Expr::Cast(node) => &node.expr,
            other => other,
        }
    }
    let field = |expr: &Expr| match expr {
        Expr::Column(column) => Some((column.source.model, column.field)),
        _ => None,
    };
    let same = |column: &DerivedColumn| column.of == *expr || *bare(&column.of) == *expr;
    let shows = |column: &DerivedColumn| field(expr).is_some() && field(bare(&column.of)) == field(expr);
    columns.iter().position(same).or_else(|| columns.iter().position(shows))
}

/// The columns of the first SELECT, or objects out of them.
fn shown(out: &mut SqlWriter<'_>, select: &Select, columns: Vec<DerivedColumn>, layout: &mut Layout) {
    if !out.writes_text() {
        return;
    }
    let schema = out.schema();
    layout.types = columns.iter().map(|column| column.of.sql_type(schema)).collect();
    layout.outputs = match &select.items[..] {
        [] => {
            let value = |(at, column): (usize, DerivedColumn)| Output::Value {
                name: column.name.to_string(),
                shape: column.of.shape(schema),
                at,
            };
            columns.into_iter().enumerate().map(value).collect()
        }
        [Item::Entity { source, .. }] => {
            let model = schema.model(source.model);
            let field = |column: &DerivedColumn| match column.of.origin(schema).and_then(Origin::shown) {
                Some((shown, field)) if shown == model.id => Ok(field),
                _ => Err(Error::new(ErrorKind::Programming(format!(
                    "objects of {} cannot be read from a statement with the column `{}`: select its own columns",
                    model.name(),
                    column.name
                )))),
            };
            match columns.iter().map(field).collect::<Result<Vec<_>, _>>() {
                Ok(fields) => {
                    let kinds = kinds::told(out, model, &fields, 0);
                    vec![Output::Entity { model: model.id, fields, from: 0, kinds }]
                }
                Err(error) => return out.fail(error),
            }
        }
        _ => {
            return out.fail(Error::new(ErrorKind::Programming(
                "a set operation answers its own columns, or objects of one class".into(),
            )));
        }
    };
    layout.visible = layout.outputs.len();
}
