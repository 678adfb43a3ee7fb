//! `__soft_delete__`: which column says of a row that it counts as deleted.
use super::making::Making;
use super::plan::Plan;
use super::raise::{mapping, to_python};
use ormkit_core::error::Error;
use ormkit_core::model::ColumnType;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Reads `__soft_delete__` into the plan: the name of an attribute, or None.
///
/// # Errors
/// A name that is no column of the class, with the near one; a column that holds no time with a zone, or that does not
/// allow NULL, which says that a row is not deleted.
pub(super) fn apply(plan: &mut Plan, making: &Bound<'_, Making>) -> PyResult<()> {
    let Some(given) = Making::find(making, "__soft_delete__")?.filter(|given| !given.is_none()) else {
        return Ok(());
    };
    let class = plan.def.name.clone();
    let name = given.cast::<PyString>().map_err(|_| {
        mapping(format!("{class}.__soft_delete__ is the name of a column, such as \"deleted_at\", or None"))
    })?;
    let name = name.to_str()?;
    let known: Vec<String> = plan.columns.iter().map(|column| column.field.name.clone()).collect();
    let Some(column) = plan.columns.iter_mut().find(|column| column.field.name == name) else {
        return Err(to_python(Error::unknown_name("column", name, class, known.iter().map(String::as_str))));
    };
    if !column.field.nullable || column.field.primary_key || column.field.is_generated() {
        return Err(mapping(format!(
            "{class}.{name} marks deleted rows: it is a plain column that allows NULL, which says that a row is not deleted"
        )));
    }
    if column.field.column_type != ColumnType::TimestampTz {
        return Err(mapping(format!("{class}.{name} marks deleted rows: it is a DateTime(timezone=True)")));
    }
    column.field.tombstone = true;
    Ok(())
}
