//! Defaults of columns in an INSERT that does not name them.

use ormkit_core::model::{FieldId, Model, Version};
use ormkit_core::query::{Expr as CoreExpr, Insert};
use pyo3::prelude::*;

use crate::errors::to_py;
use crate::expr::assigned;
use crate::fields::ClientDefault;
use crate::host::class_info;
use crate::instance::{Initial, class_table};
use crate::model::{find_class, schema, unsupported};

/// What makes a value that is not given.
enum Maker<'a> {
    Initial(&'a Initial),
    /// Versions that the program makes, here the first one of a row.
    Version(Py<PyAny>),
}

impl Maker<'_> {
    fn make<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Initial(initial) => initial.make(py),
            Self::Version(generator) => generator.bind(py).call1((py.None(),)),
        }
    }
}

/// Adds the columns that have a default in Python and are not given, and versions that the program makes. Callables are
/// called row by row; for the rows of a SELECT once. Without any row it is one of defaults.
///
/// # Errors
/// What a default raises; `DataError` where its value does not fit.
pub(super) fn fill(py: Python<'_>, insert: &mut Insert) -> PyResult<()> {
    let Some(mapped) = find_class(py, insert.model) else { return Ok(()) };
    let slots = &class_table(mapped.class.bind(py))?.slots;
    let schema = schema(py)?;
    let model = schema.model(insert.model);
    let version = version_maker(py, model);
    if let Some((field, generator)) = &version {
        renew_existing(insert, *field, generator.bind(py))?;
    }
    let mut missing = Vec::new();
    for (at, slot) in (0..).zip(slots.iter().take(model.fields().len())) {
        if !matches!(slot.initial, Initial::None) && !insert.columns.contains(&FieldId(at)) {
            missing.push((FieldId(at), Maker::Initial(&slot.initial)));
        }
    }
    if let Some((field, generator)) = version
        && !insert.columns.contains(&field)
    {
        missing.push((field, Maker::Version(generator)));
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
        for ((field, maker), values) in missing.iter().zip(&mut values) {
            values.push(assigned(&maker.make(py)?, insert.model, *field)?);
        }
    }
    for ((field, _), values) in missing.into_iter().zip(values) {
        insert.column(model, field, values).map_err(|error| to_py(py, error))?;
    }
    Ok(())
}

/// The version of rows of a model and the function of the program's that makes it; None where there is none.
fn version_maker(py: Python<'_>, model: &Model) -> Option<(FieldId, Py<PyAny>)> {
    let (field, Version::Client) = model.upkeep.version? else { return None };
    match &class_info(py, model.id).fields[field.index()].renewal {
        Some(ClientDefault::Callable(generator)) => Some((field, generator.clone_ref(py))),
        _ => None,
    }
}

/// A row that exists gets the version of the one that was to be inserted, where the program has not said another one.
///
/// # Errors
/// `NotSupportedError` where the program makes a version from the one before, which nobody has read.
fn renew_existing(insert: &mut Insert, field: FieldId, generator: &Bound<'_, PyAny>) -> PyResult<()> {
    let is_given = insert.columns.contains(&field);
    let Some(conflict) = insert.conflict.as_mut().filter(|conflict| !conflict.set.is_empty()) else {
        return Ok(());
    };
    if conflict.set.iter().any(|(known, _)| *known == field) {
        return Ok(());
    }
    let none = generator.py().None();
    if !is_given && generator.call1((&none,))?.eq(generator.call1((&none,))?)? {
        let schema = schema(generator.py())?;
        let model = schema.model(insert.model);
        return Err(unsupported(
            format!(
                "an upsert of rows of {}, whose versions the program makes from the ones before",
                model.name()
            ),
            format!("set {} as well", model.place(field)),
        ));
    }
    conflict.set.push((field, CoreExpr::Excluded(insert.model, field)));
    Ok(())
}
