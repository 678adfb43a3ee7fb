//! The class's own options: `__tablename__`, `__table_args__`.
use super::collect::{Declared, Value};
use super::raise::{mapping, to_python, unsupported};
use crate::fields::{
    CheckConstraint, ExcludeConstraint, ForeignKeyConstraint, Index, MappedColumn, Named, Notes,
    PrimaryKeyConstraint, UniqueConstraint,
};
use ormkit_core::error::{Error, near_matches};
use ormkit_core::model::{Constraint, Index as IndexDef};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// `__table_args__`, read.
#[derive(Default)]
pub(super) struct TableArgs {
    pub(super) schema: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) renamed_from: Option<String>,
    pub(super) constraints: Vec<Constraint>,
    pub(super) indexes: Vec<IndexDef>,
    /// Columns named by a `PrimaryKeyConstraint`.
    pub(super) key: Vec<String>,
    pub(super) notes: Notes,
}

/// Finds the column of a declaration that stands in the class body.
pub(super) fn column_named<'a>(
    class: &'a str,
    declared: &'a [Declared<'_>],
) -> impl Fn(&Bound<'_, MappedColumn>) -> PyResult<String> + 'a {
    move |column| {
        let found = declared.iter().find_map(|declared| match &declared.value {
            Value::Column(own) if own.is(column) => {
                Some(own.get().name.clone().unwrap_or_else(|| declared.name.clone()))
            }
            _ => None,
        });
        found.ok_or_else(|| mapping(format!("{class}: __table_args__ names a column of another class")))
    }
}

/// Reads `__table_args__`: a tuple of constraints and indexes, with a dict of options at its end, or the dict alone.
///
/// # Errors
/// Anything else, and options that are not implemented, by name.
pub(super) fn table_args(class: &str, given: &Bound<'_, PyAny>, named: &Named<'_>) -> PyResult<TableArgs> {
    let mut args = TableArgs::default();
    if let Ok(options) = given.cast::<PyDict>() {
        take_options(class, options, &mut args)?;
        return Ok(args);
    }
    let items = given
        .cast::<PyTuple>()
        .map_err(|_| mapping(format!("{class}: __table_args__ is a tuple or a dict")))?;
    for (at, item) in items.iter().enumerate() {
        match item.cast::<PyDict>() {
            Ok(options) if at + 1 == items.len() => take_options(class, options, &mut args)?,
            _ => take_item(class, &item, named, &mut args)?,
        }
    }
    Ok(args)
}

pub(super) fn take_item(
    class: &str,
    item: &Bound<'_, PyAny>,
    named: &Named<'_>,
    args: &mut TableArgs,
) -> PyResult<()> {
    if let Ok(unique) = item.cast::<UniqueConstraint>() {
        args.constraints.push(unique.get().def(named)?);
    } else if let Ok(check) = item.cast::<CheckConstraint>() {
        args.constraints.push(check.get().def());
    } else if let Ok(exclude) = item.cast::<ExcludeConstraint>() {
        args.constraints.push(exclude.get().def(named)?);
    } else if let Ok(key) = item.cast::<ForeignKeyConstraint>() {
        args.constraints.push(key.get().def());
    } else if let Ok(index) = item.cast::<Index>() {
        args.indexes.push(index.get().def(named)?);
    } else if let Ok(key) = item.cast::<PrimaryKeyConstraint>() {
        args.key.extend(key.get().columns(named)?);
        args.constraints.extend(key.get().name.clone().map(|name| Constraint::PrimaryKey { name }));
    } else {
        return Err(mapping(format!("{class}: __table_args__ does not take {}", item.repr()?)));
    }
    Ok(())
}

fn take_options(class: &str, options: &Bound<'_, PyDict>, args: &mut TableArgs) -> PyResult<()> {
    for (option, value) in options {
        let option: String = option.extract()?;
        match option.as_str() {
            "schema" => args.schema = value.extract()?,
            "comment" => args.comment = value.extract()?,
            "info" => args.notes = Notes::new(&format!("{class}.__table_args__"), Some(value), None)?,
            "renamed_from" => args.renamed_from = value.extract()?,
            "extend_existing" | "keep_existing" => {} // a class may be declared again anyway
            other => {
                const KNOWN: [&str; 4] = ["schema", "comment", "info", "renamed_from"];
                if !near_matches(other, KNOWN).is_empty() {
                    return Err(to_python(Error::unknown_name("option", other, "__table_args__", KNOWN)));
                }
                return Err(unsupported(
                    format!("{class}.__table_args__[{other:?}]"),
                    "write it in a migration",
                ));
            }
        }
    }
    Ok(())
}
