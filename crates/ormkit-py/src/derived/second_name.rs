//! `synonym("name")`: another name of an attribute.
use super::HybridProperty;
use crate::model::unsupported;
use pyo3::prelude::*;

/// Declare another name of an attribute of the class: `login = synonym("email")`. On the class it is the attribute itself, on
/// objects its value; the constructor, conditions, lookups, ORDER BY and UPDATE take it as well.
///
/// Args:
///     name: The attribute.
///
/// Raises:
///     NotSupportedError: An option of SQLAlchemy's that has another form here, by name.
#[pyfunction]
#[pyo3(signature = (name, *, map_column = None, descriptor = None, comparator_factory = None, info = None, doc = None))]
pub(crate) fn synonym(
    name: String,
    map_column: Option<Bound<'_, PyAny>>,
    descriptor: Option<Bound<'_, PyAny>>,
    comparator_factory: Option<Bound<'_, PyAny>>,
    info: Option<Bound<'_, PyAny>>,
    doc: Option<Bound<'_, PyAny>>,
) -> PyResult<HybridProperty> {
    let hybrid = "a hybrid_property with a getter, a setter and a comparator";
    let options = [
        ("map_column", map_column.is_some(), "a column by its attribute's name"),
        ("descriptor", descriptor.is_some(), hybrid),
        ("comparator_factory", comparator_factory.is_some(), hybrid),
        ("info", info.is_some(), "info= of the attribute itself"),
        ("doc", doc.is_some(), "doc= of the attribute itself"),
    ];
    match options.into_iter().find(|(_, given, _)| *given) {
        Some((option, _, instead)) => Err(unsupported(format!("synonym({option}=..)"), instead)),
        None => Ok(HybridProperty::standing_for(name)),
    }
}
