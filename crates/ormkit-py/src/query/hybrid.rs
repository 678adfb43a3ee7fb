//! Hybrids in lookups and UPDATEs by name.

use ormkit_core::model::Schema;
use ormkit_core::query::{Expr as CoreExpr, Source};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::derived::HybridProperty;
use crate::expr::{Expr, condition_of, expression};
use crate::model::find_class;

/// The method of an expression behind each lookup of a hybrid.
const METHODS: [(&str, &str); 12] = [
    ("exact", "__eq__"),
    ("ne", "__ne__"),
    ("gt", "__gt__"),
    ("gte", "__ge__"),
    ("lt", "__lt__"),
    ("lte", "__le__"),
    ("in", "in_"),
    ("contains", "contains"),
    ("icontains", "icontains"),
    ("startswith", "startswith"),
    ("endswith", "endswith"),
    ("like", "like"),
];

/// The hybrid of a class that has this name, if there is one.
pub(super) fn hybrid_named<'py>(
    class: &Bound<'py, PyType>,
    name: &str,
) -> PyResult<Option<Bound<'py, HybridProperty>>> {
    for ancestor in class.mro() {
        if let Ok(found) = ancestor.getattr("__dict__")?.get_item(name) {
            return Ok(found.cast_into().ok());
        }
    }
    Ok(None)
}

/// The condition of a lookup that names a hybrid; None where it names something else.
pub(super) fn hybrid_condition(
    schema: &Schema,
    source: Source,
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<Option<CoreExpr>> {
    let py = value.py();
    let (head, lookup) = name.split_once("__").unwrap_or((name, "exact"));
    let model = schema.model(source.model);
    if model.find_field(head).is_some() || model.find_relation(head).is_some() || head == "pk" {
        return Ok(None);
    }
    let Some(class) = find_class(py, source.model) else { return Ok(None) };
    let class = class.class.bind(py);
    if hybrid_named(class, head)?.is_none() {
        return Ok(None);
    }
    let made = class.getattr(head)?;
    let of_source = match made.cast::<Expr>() {
        Ok(expr) => {
            let renamed = expr.get().core()?.renamed(Source::plain(source.model), source);
            expression(py, renamed)?.into_any()
        }
        Err(_) => made,
    };
    if lookup == "isnull" {
        let method = if value.extract()? { "is_" } else { "is_not" };
        return condition_of(&of_source.call_method1(method, (py.None(),))?).map(Some);
    }
    let Some((_, method)) = METHODS.iter().find(|(word, _)| *word == lookup) else {
        let known: Vec<&str> = METHODS.iter().map(|(word, _)| *word).collect();
        return Err(PyTypeError::new_err(format!(
            "{name}: a hybrid is looked up with isnull, {}",
            known.join(", ")
        )));
    };
    condition_of(&of_source.call_method1(*method, (value,))?).map(Some)
}
