//! `Enum(..)`: the type of columns that hold members of an enum, or one of a few words.

use std::sync::Arc;

use ormkit_core::model::{ColumnType, EnumType};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::types::{Members, TypeEngine, derived};
use crate::convert::Conversion;
use crate::keywords::Keywords;
use crate::model::unsupported;

/// A native enum, in the default schema or in `schema`; text with a CHECK on SQLite. Stores the members' values, or their names
/// with `by="name"`.
///
/// Args:
///     members: A class of enum's, or the words themselves, which need a name.
///     by: `"value"` or `"name"`.
///     name: The name of the type in the database; by default that of the class in lower case.
///     schema: The schema of the type.
///     native_enum: False stores text: VARCHAR(length), by default as long as the longest word, without a CHECK.
///     values_callable: A function of the class whose list says what is stored: all values, or all names.
///     length: With `native_enum=False`, the length of the column.
///
/// Raises:
///     TypeError, ValueError: No enum, no members, words without a name, a length that is too short.
///     NotSupportedError: `values_callable` answers something else than values or names; `inherit_schema=True`.
#[pyclass(extends = TypeEngine, subclass, frozen, module = "ormkit.types", name = "Enum")]
pub(crate) struct EnumColumn;

/// SQLAlchemy's options that change nothing here.
const WITHOUT_EFFECT: [&str; 6] =
    ["create_constraint", "validate_strings", "create_type", "omit_aliases", "metadata", "sort_key_function"];

#[pymethods]
impl EnumColumn {
    #[new]
    #[pyo3(
        signature = (*members, **options),
        text_signature = "(*members, by='value', name=None, schema=None, native_enum=True, values_callable=None, length=None)"
    )]
    fn new(
        members: &Bound<'_, PyTuple>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let keywords = Keywords::new("Enum", members.py(), options)?;
        let mut by: Option<String> = keywords.take_or("by", None)?;
        let name: Option<String> = keywords.take_or("name", None)?;
        let schema: Option<String> = keywords.take_or("schema", None)?;
        let callable = keywords.take("values_callable")?.filter(|callable| !callable.is_none());
        let native = keywords.take_or("native_enum", true)?;
        let length: Option<u32> = keywords.take_or("length", None)?;
        if keywords.take_or("inherit_schema", false)? {
            return Err(unsupported("Enum(inherit_schema=True)", "write schema=.., the type's own"));
        }
        for word in WITHOUT_EFFECT {
            keywords.take(word)?;
        }
        keywords.finish()?;
        let engine = match members.as_slice() {
            [class] if class.cast::<PyString>().is_err() => {
                let class = class.cast::<PyType>()?;
                if let Some(callable) = callable {
                    if by.is_some() {
                        return Err(PyTypeError::new_err("Enum() got both by and values_callable"));
                    }
                    by = Some(way_of(class, &callable)?.to_owned());
                }
                enum_type(class, by.as_deref().unwrap_or("value"), name, schema)?
            }
            words => of_words(words, name, schema)?,
        };
        Ok(derived(if native { engine } else { as_text(engine, length)? }, Self))
    }

    /// `from ormkit import *` hides the `Enum` that members are declared by.
    #[classmethod]
    #[pyo3(signature = (**_options))]
    fn __init_subclass__(class: &Bound<'_, PyType>, _options: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        Err(PyTypeError::new_err(format!(
            "{} derives from ormkit's Enum, the type of a column: a class of members derives from enum.Enum",
            class.name()?
        )))
    }
}

/// What a function says that is stored: `"value"` or `"name"`.
fn way_of(class: &Bound<'_, PyType>, callable: &Bound<'_, PyAny>) -> PyResult<&'static str> {
    let said: Vec<Bound<'_, PyAny>> = callable.call1((class,))?.try_iter()?.collect::<PyResult<_>>()?;
    for way in ["value", "name"] {
        let mut all = class.try_iter()?.zip(&said);
        let is_that = all.try_fold(true, |so_far, (member, said)| {
            Ok::<_, PyErr>(so_far && member?.getattr(way)?.eq(said)?)
        })?;
        if is_that && class.len()? == said.len() {
            return Ok(way);
        }
    }
    Err(unsupported(
        "Enum(values_callable=..) with words that are neither the values nor the names",
        "give the members these values",
    ))
}

/// The type of words that no class has.
fn of_words(
    words: &[Bound<'_, PyAny>],
    name: Option<String>,
    schema: Option<String>,
) -> PyResult<TypeEngine> {
    let word = |word: &Bound<'_, PyAny>| {
        word.cast::<PyString>().map(|word| word.to_string()).map_err(|_| {
            let found = word.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
            PyTypeError::new_err(format!("Enum() takes an Enum class or words, not {found}"))
        })
    };
    let labels: Vec<String> = words.iter().map(word).collect::<PyResult<_>>()?;
    if labels.is_empty() {
        return Err(PyTypeError::new_err("Enum() takes an Enum class or words"));
    }
    if let Some(twice) = labels.iter().enumerate().find(|(at, label)| labels[..*at].contains(label)) {
        return Err(PyValueError::new_err(format!("Enum() names {:?} twice", twice.1)));
    }
    let Some(name) = name else {
        return Err(PyTypeError::new_err("Enum() of words needs the name of the type: name=.."));
    };
    Ok(TypeEngine {
        column_type: ColumnType::Enum(Arc::new(EnumType { schema, name, labels })),
        conversion: None,
    })
}

/// The same, stored as text.
fn as_text(engine: TypeEngine, length: Option<u32>) -> PyResult<TypeEngine> {
    let ColumnType::Enum(kind) = &engine.column_type else { return Ok(engine) };
    let longest = kind.labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let longest = u32::try_from(longest).unwrap_or(u32::MAX).max(1);
    match length {
        Some(length) if length < longest => Err(PyValueError::new_err(format!(
            "Enum(length={length}) is shorter than the longest word, of {longest} characters"
        ))),
        _ => Ok(TypeEngine { column_type: ColumnType::VarChar(length.unwrap_or(longest)), ..engine }),
    }
}

/// The column type of a Python enum.
///
/// # Errors
/// `TypeError` for a class that is no enum or has no members, `ValueError` for another `by`.
pub(crate) fn enum_type(
    class: &Bound<'_, PyType>,
    by: &str,
    name: Option<String>,
    schema: Option<String>,
) -> PyResult<TypeEngine> {
    let py = class.py();
    if !is_enum(class)? {
        return Err(PyTypeError::new_err(format!(
            "Enum() takes an Enum class or words, not {}",
            class.name()?
        )));
    }
    let by_name = match by {
        "name" => true,
        "value" => false,
        other => {
            return Err(PyValueError::new_err(format!(
                "Enum(by=..) is \"value\" or \"name\", not {other:?}"
            )));
        }
    };
    let (mut labels, by_label) = (Vec::new(), PyDict::new(py));
    for member in class.try_iter()? {
        let member = member?;
        let label: String = match by_name {
            true => member.getattr("name")?.extract()?,
            false => member.getattr("value")?.str()?.extract()?,
        };
        by_label.set_item(&label, &member)?;
        labels.push(label);
    }
    if labels.is_empty() {
        return Err(PyTypeError::new_err(format!("{} has no members", class.name()?)));
    }
    let name = match name {
        Some(name) => name,
        None => class.name()?.to_string().to_lowercase(),
    };
    Ok(TypeEngine {
        column_type: ColumnType::Enum(Arc::new(EnumType { schema, name, labels })),
        conversion: Some(Conversion::of_members(Members {
            class: class.clone().unbind(),
            by_label: by_label.unbind(),
            by_name,
        })),
    })
}

/// True for subclasses of `enum.Enum`.
pub(crate) fn is_enum(class: &Bound<'_, PyType>) -> PyResult<bool> {
    class.is_subclass(&class.py().import("enum")?.getattr("Enum")?)
}
