//! Finds the columns and relations of a class body, a mixin or an abstract base.
use super::annotation::inside_mapped;
use super::names::Names;
use super::raise::mapping;
use crate::derived::HybridProperty;
use crate::fields::{ColumnProperty, MappedColumn, RelationshipDecl};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

/// One attribute that is to be mapped.
pub(super) struct Declared<'py> {
    /// The attribute's name.
    pub(super) name: String,
    /// What stands inside `Mapped[...]`.
    pub(super) annotation: Option<Bound<'py, PyAny>>,
    /// The annotation was text.
    pub(super) textual: bool,
    /// What it was assigned.
    pub(super) value: Value<'py>,
    /// Where its annotation's names are looked up.
    pub(super) names: Bound<'py, Names>,
}

/// What an attribute was assigned.
pub(super) enum Value<'py> {
    /// Nothing, or a plain value: the default of a column.
    Bare(Option<Bound<'py, PyAny>>),
    /// `mapped_column(..)`
    Column(Bound<'py, MappedColumn>),
    /// `relationship(..)`
    Relation(Bound<'py, RelationshipDecl>),
    /// `column_property(..)`
    Property(Bound<'py, ColumnProperty>),
}

impl Value<'_> {
    fn is_declared(&self) -> bool {
        !matches!(self, Self::Bare(_))
    }
}

/// The declarations of a namespace, in the order of their declaration.
///
/// # Errors
/// An annotation beside `mapped_column` or `relationship` that cannot be evaluated.
pub(super) fn declarations<'py>(
    class: &str,
    namespace: &Bound<'py, PyDict>,
    names: &Bound<'py, Names>,
) -> PyResult<Vec<Declared<'py>>> {
    let mut found = Vec::new();
    if let Some(annotations) = namespace.get_item("__annotations__")? {
        for (name, annotation) in annotations.cast_into::<PyDict>()? {
            let name: String = name.extract()?;
            let assigned = namespace.get_item(&name)?;
            // `login: Mapped[str] = synonym("email")` is no column.
            if assigned.as_ref().is_some_and(|value| value.is_instance_of::<HybridProperty>()) {
                continue;
            }
            let value = value_of(assigned);
            let textual = annotation.is_instance_of::<PyString>();
            let Some(annotation) = mapped_content(class, &name, annotation, &value, names)? else { continue };
            found.push(Declared { name, annotation: Some(annotation), textual, value, names: names.clone() });
        }
    }
    for (name, assigned) in namespace {
        let value = value_of(Some(assigned));
        let (true, Ok(name)) = (value.is_declared(), name.extract::<String>()) else { continue };
        if found.iter().any(|declared| declared.name == name) {
            continue;
        }
        let before = next_in(namespace, &name, |other| found.iter().position(|known| known.name == other));
        let declared = Declared { name, annotation: None, textual: false, value, names: names.clone() };
        found.insert(before.unwrap_or(found.len()), declared);
    }
    Ok(found)
}

/// Where the first name that stands behind `name` in a body is found: Python keeps annotations and assignments apart, and
/// what has both says where others stood.
pub(super) fn next_in<T>(
    namespace: &Bound<'_, PyDict>,
    name: &str,
    find: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let names: Vec<String> = namespace.keys().iter().filter_map(|key| key.extract().ok()).collect();
    let behind = names.iter().skip_while(|other| *other != name).skip(1);
    behind.into_iter().find_map(|other| find(other))
}

fn value_of(assigned: Option<Bound<'_, PyAny>>) -> Value<'_> {
    let Some(assigned) = assigned else { return Value::Bare(None) };
    match assigned.cast_into::<MappedColumn>() {
        Ok(column) => Value::Column(column),
        Err(other) => match other.into_inner().cast_into::<RelationshipDecl>() {
            Ok(relation) => Value::Relation(relation),
            Err(other) => match other.into_inner().cast_into::<ColumnProperty>() {
                Ok(property) => Value::Property(property),
                Err(other) => Value::Bare(Some(other.into_inner())),
            },
        },
    }
}

/// What an annotation says of a mapped attribute; None where the attribute is not mapped.
fn mapped_content<'py>(
    class: &str,
    name: &str,
    annotation: Bound<'py, PyAny>,
    value: &Value<'py>,
    names: &Bound<'py, Names>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let declared = !matches!(value, Value::Bare(_));
    let evaluated = match annotation.cast::<PyString>() {
        Ok(text) => match Names::evaluate(names, text.to_str()?) {
            Ok(evaluated) => evaluated,
            // somebody else's annotation may be anything
            Err(_) if !declared && !text.to_str()?.contains("Mapped") => return Ok(None),
            Err(error) => {
                return Err(mapping(format!(
                    "{class}.{name}: the annotation `{text}` cannot be read: {}",
                    error.value(names.py())
                )));
            }
        },
        Err(_) => annotation,
    };
    match inside_mapped(&evaluated).map_err(|error| place(class, name, error, names.py()))? {
        Some(content) => Ok(Some(content)),
        // `id: int = mapped_column(..)` without Mapped
        None if declared => Ok(Some(evaluated)),
        None => Ok(None),
    }
}

/// Puts `Model.attr` in front of a mistake of ours; an exception of the user's code stays as it is.
pub(super) fn place(class: &str, name: &str, error: PyErr, py: Python<'_>) -> PyErr {
    match is_mapping(py, &error) {
        true => mapping(format!("{class}.{name}: {}", error.value(py))),
        false => error,
    }
}

/// True for what [`mapping`] made.
fn is_mapping(py: Python<'_>, error: &PyErr) -> bool {
    error.get_type(py).is(mapping("").get_type(py))
}

/// The names that the annotations of a class may use.
///
/// # Errors
/// None of ours.
pub(super) fn names_of<'py>(
    namespace: &Bound<'py, PyDict>,
    locals: Option<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, Names>> {
    let py = namespace.py();
    let mut spaces = vec![namespace.clone().unbind()];
    spaces.extend(locals.map(Bound::unbind));
    if let Some(module) = namespace.get_item("__module__")?
        && let Ok(module) = py.import("sys")?.getattr("modules")?.get_item(module)
        && let Ok(dict) = module.getattr("__dict__").and_then(|dict| Ok(dict.cast_into::<PyDict>()?))
    {
        spaces.push(dict.unbind());
    }
    Bound::new(py, Names::new(spaces))
}

/// The classes that `bases` bring along, in about the order that Python will search them: each once, ancestors last.
///
/// # Errors
/// None of ours.
pub(super) fn ancestors<'py>(bases: &[Bound<'py, PyType>]) -> PyResult<Vec<Bound<'py, PyType>>> {
    let mut all: Vec<Bound<'py, PyType>> = Vec::new();
    for base in bases {
        for class in base.mro() {
            let class = class.cast_into::<PyType>()?;
            all.retain(|seen| !seen.is(&class));
            all.push(class);
        }
    }
    Ok(all)
}

/// A copy of a class's own namespace.
///
/// # Errors
/// None of ours.
pub(super) fn namespace_of<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    let copy = PyDict::new(class.py());
    copy.call_method1("update", (class.getattr("__dict__")?,))?;
    Ok(copy)
}
