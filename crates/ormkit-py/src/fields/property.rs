//! `column_property(...)`.
use super::{DataclassOptions, Notes, refuse};
use crate::expr::Expr;
use crate::query::Select;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::MappedColumn;

/// What `column_property` returns: an expression on the row, until its class is mapped.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct ColumnProperty {
    /// An expression, a SELECT of one value, or a callable that answers one when all classes are there.
    pub(crate) expression: Py<PyAny>,
    pub(crate) deferred: bool,
    pub(crate) deferred_group: Option<String>,
    pub(crate) dataclass: DataclassOptions,
    pub(crate) notes: Notes,
}

/// Declare an attribute that SQL computes from the row when it is read: `column_property(first + " " + last)`.
///
/// It is loaded with the columns, and stands for its expression in conditions, ORDER BY and SELECT. It cannot be assigned. A
/// flush that writes its object makes it unloaded.
///
/// Args:
///     column: An expression on columns of the class body, a `select` of one value, or a callable without arguments that
///         answers one of them when all classes are there: `lambda: select(func.count(Post.id)).where(..)`.
///     group: A name under which `undefer_group` asks for several deferred ones.
///     deferred: Left out of queries unless asked for.
///     info, doc: A dict and a text for those who read the declaration.
///     repr, compare: As in `dataclasses.field`, for classes with `MappedAsDataclass`.
///
/// Raises:
///     NotSupportedError: An option of SQLAlchemy's without meaning here, by name.
///     TypeError: Something else than an expression.
#[pyfunction]
#[pyo3(signature = (column, *, group = None, deferred = false, repr = None, compare = None, raiseload = None,
    comparator_factory = None, expire_on_flush = None, active_history = None, info = None, doc = None))]
#[allow(clippy::too_many_arguments, reason = "the options of a property")]
pub(crate) fn column_property(
    column: Bound<'_, PyAny>,
    group: Option<String>,
    deferred: bool,
    repr: Option<bool>,
    compare: Option<bool>,
    raiseload: Option<bool>,
    comparator_factory: Option<Bound<'_, PyAny>>,
    expire_on_flush: Option<bool>,
    active_history: Option<bool>,
    info: Option<Bound<'_, PyAny>>,
    doc: Option<String>,
) -> PyResult<ColumnProperty> {
    let refuse = |option, given, instead| refuse("column_property", option, given, instead);
    let notes = Notes::new("column_property", info, doc)?;
    refuse("raiseload", raiseload == Some(false), "what is not loaded raises: await session.load(it, ..)")?;
    refuse("comparator_factory", comparator_factory.is_some(), "hybrid_property with a comparator")?;
    refuse("expire_on_flush", expire_on_flush == Some(false), "keep the value in an attribute of your own")?;
    refuse("active_history", active_history == Some(true), "nothing: it cannot be assigned")?;
    if column.is_instance_of::<MappedColumn>() {
        return Err(PyTypeError::new_err(
            "column_property() takes an expression: a column alone is declared by mapped_column(), with deferred=True \
             where it is left out of queries",
        ));
    }
    let is_expression = column.is_instance_of::<Expr>() || column.is_instance_of::<Select>();
    if !is_expression && !column.is_callable() {
        return Err(PyTypeError::new_err(format!(
            "column_property() takes an expression, a select(..) of one value, or a callable that answers one, not {}",
            column.repr()?
        )));
    }
    Ok(ColumnProperty {
        expression: column.unbind(),
        deferred: deferred || group.is_some(),
        deferred_group: group,
        dataclass: DataclassOptions { repr, compare, ..DataclassOptions::default() },
        notes,
    })
}
