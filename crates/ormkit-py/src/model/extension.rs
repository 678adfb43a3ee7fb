//! Classes that extend a mapped one share its table.
use super::body::metadata_of;
use super::collect::ancestors;
use super::plan::Plan;
use super::raise::unsupported;
use super::registry;
use crate::instance;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Refuses a class that would take columns out of the table that it shares: a table has the columns of the class that was
/// declared last, so that classes that extend one class side by side need their columns in it.
///
/// # Errors
/// `Unsupported` naming both classes and the columns.
pub(super) fn check(plan: &Plan, parent: &Bound<'_, PyType>) -> PyResult<()> {
    let py = parent.py();
    let mut top = parent.clone();
    for class in ancestors(std::slice::from_ref(parent))? {
        if instance::class_table(&class).is_ok() {
            top = class;
        }
    }
    let space = metadata_of(parent)?.get().space();
    let Some(last) = registry::find_table(py, space, &plan.def.table) else { return Ok(()) };
    let extends_it = match registry::find_class(py, last) {
        Some(mapped) => mapped.class.bind(py).is_subclass(&top)?,
        None => false,
    };
    let kept = |column: &str| plan.columns.iter().any(|own| own.field.column == column);
    let (other, module, lost) = registry::with_def(last, |def| {
        let lost: Vec<String> =
            def.fields.iter().map(|field| field.column.clone()).filter(|column| !kept(column)).collect();
        (def.name.clone(), def.module.clone(), lost)
    });
    let is_again = other == plan.def.name && module == plan.def.module;
    if !extends_it || is_again || lost.is_empty() {
        return Ok(());
    }
    Err(unsupported(
        format!(
            "{} beside {other}, which shares the table `{}` and has columns of its own there ({})",
            plan.def.name,
            plan.def.table,
            lost.join(", ")
        ),
        "declare the columns of both in the class that they extend",
    ))
}
