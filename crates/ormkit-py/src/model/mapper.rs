//! `__mapper_args__`: which column counts the versions of a row, and of which family a class is.
use super::collect::Declared;
use super::making::Making;
use super::options::column_named;
use super::plan::Plan;
use super::raise::{mapping, to_python, unsupported};
use crate::fields::{ClientDefault, MappedColumn};
use crate::model::Attribute;
use ormkit_core::error::Error;
use ormkit_core::model::Version;
use pyo3::prelude::*;
use pyo3::types::PyDict;

const KNOWN: [&str; 8] = [
    "version_id_col",
    "version_id_generator",
    "eager_defaults",
    "polymorphic_on",
    "polymorphic_identity",
    "polymorphic_abstract",
    "polymorphic_load",
    "with_polymorphic",
];

/// What is said of families.
#[derive(Default)]
pub(super) struct Options<'py> {
    /// `polymorphic_on`
    pub(super) on: Option<Bound<'py, PyAny>>,
    /// `polymorphic_identity`
    pub(super) identity: Option<Bound<'py, PyAny>>,
    /// `polymorphic_abstract`
    pub(super) is_abstract: bool,
}

/// Reads those of a class's own `__mapper_args__` that speak of families.
///
/// # Errors
/// `__mapper_args__` is no dict.
pub(super) fn options<'py>(plan: &Plan, making: &Bound<'py, Making>) -> PyResult<Options<'py>> {
    let Some(given) = Making::find(making, "__mapper_args__")? else { return Ok(Options::default()) };
    let given = given.cast::<PyDict>().map_err(|_| no_dict(&plan.def.name))?;
    let find = |name: &str| Ok::<_, PyErr>(given.get_item(name)?.filter(|given| !given.is_none()));
    Ok(Options {
        on: find("polymorphic_on")?,
        identity: find("polymorphic_identity")?,
        is_abstract: find("polymorphic_abstract")?.map_or(Ok(false), |given| given.extract())?,
    })
}

fn no_dict(class: &str) -> PyErr {
    mapping(format!("{class}: __mapper_args__ is a dict"))
}

/// Reads `__mapper_args__` into the plan.
///
/// # Errors
/// An option that is not known, with the near one, or not implemented, by name; a version column that is no column of
/// the class, or that cannot count.
pub(super) fn apply(plan: &mut Plan, making: &Bound<'_, Making>, declared: &[Declared<'_>]) -> PyResult<()> {
    let Some(given) = Making::find(making, "__mapper_args__")? else { return Ok(()) };
    let class = plan.def.name.clone();
    let options = given.cast::<PyDict>().map_err(|_| no_dict(&class))?;
    for (option, value) in options {
        let option: String = option.extract()?;
        match option.as_str() {
            "version_id_col" | "version_id_generator" => {}
            "eager_defaults" if value.extract::<bool>().unwrap_or(true) => {} // always: nothing is stale here
            "eager_defaults" => {
                let instead = "leave it out: what the database fills in is read back by RETURNING";
                return Err(unsupported(
                    format!("{class}.__mapper_args__[\"eager_defaults\"] = False"),
                    instead,
                ));
            }
            "polymorphic_on" | "polymorphic_identity" | "polymorphic_abstract" => {}
            "polymorphic_load" | "with_polymorphic" => {} // always: rows are read with the columns of their class
            "inherit_condition" => {
                return Err(unsupported(
                    format!("{class}.__mapper_args__[{option:?}]"),
                    "the key of the class's own table refers to that of the class it extends",
                ));
            }
            "concrete" => {
                return Err(unsupported(
                    format!("{class}.__mapper_args__[{option:?}]"),
                    "make the common part a mixin or __abstract__",
                ));
            }
            other => return Err(to_python(Error::unknown_name("option", other, "__mapper_args__", KNOWN))),
        }
    }
    match options.get_item("version_id_col")? {
        Some(column) => set_version(plan, &column, options, declared),
        None if options.contains("version_id_generator")? => {
            Err(mapping(format!("{class}: version_id_generator needs a version_id_col")))
        }
        None => Ok(()),
    }
}

fn set_version(
    plan: &mut Plan,
    given: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
    declared: &[Declared<'_>],
) -> PyResult<()> {
    let class = plan.def.name.clone();
    let name = if let Ok(column) = given.cast::<MappedColumn>() {
        column_named(&class, declared)(column)?
    } else if let Ok(attribute) = given.cast::<Attribute>() {
        attribute.get().name().to_owned()
    } else {
        given.extract().map_err(|_| mapping(format!("{class}: version_id_col is a column of the class")))?
    };
    let generator = options.get_item("version_id_generator")?.filter(|generator| !generator.is_none());
    let known: Vec<String> = plan.columns.iter().map(|column| column.field.name.clone()).collect();
    let is_it = |field: &ormkit_core::model::Field| field.name == name || field.column == name;
    let Some(column) = plan.columns.iter_mut().find(|column| is_it(&column.field)) else {
        return Err(to_python(Error::unknown_name("column", &name, class, known.iter().map(String::as_str))));
    };
    let (version, renewal) = match generator {
        None if column.field.column_type.is_integer() => (Version::Counted, None),
        None => {
            return Err(mapping(format!(
                "{class}.{}: a version that is counted needs an integer column; give a version_id_generator",
                column.field.name
            )));
        }
        Some(generator) if generator.is_callable() => {
            (Version::Client, Some(ClientDefault::Callable(generator.unbind())))
        }
        Some(generator) if !generator.is_truthy()? => (Version::Server, None),
        Some(_) => return Err(mapping(format!("{class}: version_id_generator is a callable, or False"))),
    };
    if column.field.primary_key || column.field.is_generated() || column.renewal.is_some() {
        return Err(mapping(format!(
            "{class}.{}: the version is a plain column, without onupdate",
            column.field.name
        )));
    }
    column.field.version = Some(version);
    column.renewal = renewal;
    Ok(())
}
