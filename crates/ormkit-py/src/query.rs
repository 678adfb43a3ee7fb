//! Statements: `select(..)`, `insert(..)`, `update(..)`, `delete(..)` and the fluent `session.query(..)`.
//!
//! All of them are immutable: each method answers a new one that shares what did not change. They hold statements of
//! the core; a session runs them.

mod aggregate;
mod alias;
mod answer;
mod combined;
mod computed;
mod derived;
mod existing;
mod field;
mod fluent;
mod given;
mod hybrid;
mod joins;
mod key;
mod loader;
mod lookup;
mod names;
mod options;
mod page;
mod q;
mod read;
mod reading;
mod rows;
mod set;
mod shown;
mod table_valued;
mod write;

pub(crate) use aggregate::{Aggregate, Avg, Count, Max, Min, Sum};
pub(crate) use alias::{AliasedClass, aliased, mapped_item, with_polymorphic};
pub(crate) use answer::Answers;
pub(crate) use computed::RowQuery;
pub(crate) use derived::{Columns, Cte, Subquery};
pub(crate) use existing::{Exists, exists};
pub(crate) use field::F;
pub(crate) use fluent::Query;
pub(crate) use given::{select_with, writes_with};
pub(crate) use joins::{JoinedTables, join, outerjoin, relation_id};
pub(crate) use key::key_parts;
pub(crate) use loader::{
    Loader, Prefetch, RelationPart, check_loaded, contains_eager, defaultload, defer, immediateload,
    joinedload, lazyload, load_from, load_only, loads_of, noload, paths_of, raiseload, relations_of,
    selectin_polymorphic, selectinload, subqueryload, undefer, undefer_group, with_loader_criteria,
};
pub(crate) use lookup::lookup_condition;
pub(crate) use options::{elsewhere as option_elsewhere, said, with_options, yield_per};
pub(crate) use page::{Page, Places, page_size};
pub(crate) use q::Q;
pub(crate) use read::{Select, select};
pub(crate) use set::{except_, except_all, intersect, intersect_all, union, union_all};
pub(crate) use shown::{shown, shown_statement};
pub(crate) use table_valued::{ColumnSpec, Values, column, lateral, table, values};
pub(crate) use write::{
    Delete, Excluded, Insert, Update, delete, field_of, insert, set_to, update, update_of, with_keys,
};

use ormkit_core::model::ModelId;
use ormkit_core::query::{Expr as CoreExpr, FromItem, Order, Source};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyString, PyTuple, PyType};

use crate::errors::to_py;
use crate::expr::Expr;
use crate::instance;
use crate::model::schema;

/// The model of a mapped class.
///
/// # Errors
/// `TypeError` for anything else.
pub(crate) fn model_of(class: &Bound<'_, PyAny>) -> PyResult<ModelId> {
    if let Ok(class) = class.cast::<PyType>()
        && let Ok(table) = instance::class_table(class)
    {
        return Ok(table.model);
    }
    Err(PyTypeError::new_err(format!("a mapped class is expected here, not {}", class.repr()?)))
}

/// LIMIT and OFFSET are written into the text: they are numbers, and nothing else.
fn row_number(value: &Bound<'_, PyAny>, what: &str) -> PyResult<Option<u64>> {
    if value.is_none() {
        return Ok(None);
    }
    let number = if value.is_instance_of::<PyBool>() { None } else { value.extract::<i64>().ok() };
    match number {
        Some(number) => match u64::try_from(number) {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(PyValueError::new_err(format!(
                "{what}() takes a number of rows, 0 or more, not {number}"
            ))),
        },
        None if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() => {
            Err(PyValueError::new_err(format!("{what}() takes a number of rows from 0 to {}", i64::MAX)))
        }
        None => {
            let found = value.get_type().name()?;
            Err(PyTypeError::new_err(format!(
                "{what}() takes a whole number of rows, not a value of type {found}"
            )))
        }
    }
}

/// Terms of ORDER BY: expressions, or names of attributes with `-` for downwards. `desc` turns all of them downwards.
fn order_terms(source: Option<Source>, terms: &Bound<'_, PyTuple>, desc: bool) -> PyResult<Vec<Order>> {
    let term = |item: Bound<'_, PyAny>| -> PyResult<Order> {
        let order = match item.cast::<PyString>() {
            Ok(name) => {
                let name = name.to_str()?;
                let (bare, down) = name.strip_prefix('-').map_or((name, false), |bare| (bare, true));
                let column = named_column(item.py(), source, bare)?;
                if down { Order::desc(column) } else { Order::asc(column) }
            }
            Err(_) => {
                let expr = expression_of(&item)?.get();
                let order = match expr.order_name() {
                    Some(name) => expr.in_order_of(named_column(item.py(), source, name)?).as_order()?,
                    None => expr.as_order()?,
                };
                match expr.label_name() {
                    Some(label) => Order { expr: order.expr.labelled(label), ..order },
                    None => order,
                }
            }
        };
        Ok(if desc && !order.descending { order.reversed() } else { order })
    };
    terms.iter().map(term).collect()
}

/// Expressions, or names of attributes.
fn columns_of(source: Option<Source>, items: &Bound<'_, PyTuple>) -> PyResult<Vec<CoreExpr>> {
    let column = |item: Bound<'_, PyAny>| match item.cast::<PyString>() {
        Ok(name) => named_column(item.py(), source, name.to_str()?),
        Err(_) => {
            let expr = expression_of(&item)?.get();
            let core = expr.core()?.clone();
            Ok(expr.label_name().map_or(core.clone(), |label| core.labelled(label)))
        }
    };
    let mut columns = Vec::with_capacity(items.len());
    for item in items {
        match mapped_columns(&item)? {
            Some(all) => columns.extend(all),
            None => columns.push(column(item)?),
        }
    }
    Ok(columns)
}

/// The columns by which rows of a class or an alias are grouped: those of its key, on which the others depend; all of them
/// where its objects have rows of several tables.
fn mapped_columns(item: &Bound<'_, PyAny>) -> PyResult<Option<Vec<CoreExpr>>> {
    let is_mapped = item.is_instance_of::<AliasedClass>()
        || item.cast::<PyType>().is_ok_and(|class| instance::class_table(class).is_ok());
    if !is_mapped {
        return Ok(None);
    }
    let FromItem::Table(source) = mapped_item(item)?.0 else { return Ok(None) };
    let schema = schema(item.py())?;
    let model = schema.model(source.model);
    Ok(Some(match model.family {
        None => model.key.iter().map(|field| CoreExpr::column(source, *field)).collect(),
        Some(_) => model.field_ids().map(|field| CoreExpr::column(source, field)).collect(),
    }))
}

fn expression_of<'a, 'py>(item: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, Expr>> {
    item.cast::<Expr>().map_err(|_| {
        PyTypeError::new_err(format!(
            "a column or the name of one is expected here, not a value of type {}",
            item.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string())
        ))
    })
}

fn named_column(py: Python<'_>, source: Option<Source>, name: &str) -> PyResult<CoreExpr> {
    let source = source.ok_or_else(|| {
        PyTypeError::new_err(format!(
            "{name:?} names a column, but the statement has no model: give the column itself"
        ))
    })?;
    let schema = schema(py)?;
    ormkit_core::query::lookup::resolve_value(&schema, source, name).map_err(|error| to_py(py, error))
}
