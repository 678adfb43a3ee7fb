//! Defaults of columns in an INSERT that does not name them.

use ormkit_core::model::FieldId;
use ormkit_core::query::{Expr as CoreExpr, Insert};
use pyo3::prelude::*;

use crate::errors::to_py;
use crate::expr::assigned;
use crate::instance::{Initial, class_table};
use crate::model::{find_class, schema};

/// Adds the columns that have a default in Python and are not given. Callables are called row by row; for the rows of a
/// SELECT once. Without any row it is one of defaults.
///
/// # Errors
/// What a default raises; `DataError` where its value does not fit.
pub(super) fn fill(py: Python<'_>, insert: &mut Insert) -> PyResult<()> {
    let Some(mapped) = find_class(py, insert.model) else { return Ok(()) };
    let slots = &class_table(mapped.class.bind(py))?.slots;
    let schema = schema(py)?;
    let model = schema.model(insert.model);
    let mut missing = Vec::new();
    for (at, slot) in (0..).zip(slots.iter().take(model.fields().len())) {
        if !matches!(slot.initial, Initial::None) && !insert.columns.contains(&FieldId(at)) {
            missing.push((FieldId(at), &slot.initial));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    if insert.rows.is_empty() && insert.select.is_none() {
        insert.rows.push(Vec::new());
    }
    let rows = if insert.select.is_some() { 1 } else { insert.rows.len() };
    let mut values: Vec<Vec<CoreExpr>> = missing.iter().map(|_| Vec::with_capacity(rows)).collect();
    for _ in 0..rows {
        for ((field, initial), values) in missing.iter().zip(&mut values) {
            values.push(assigned(&initial.make(py)?, insert.model, *field)?);
        }
    }
    for ((field, _), values) in missing.into_iter().zip(values) {
        insert.column(model, field, values).map_err(|error| to_py(py, error))?;
    }
    Ok(())
}
