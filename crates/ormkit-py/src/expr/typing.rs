//! What is known of the type of an expression: what values beside it are converted to.
//!
//! Whose values they are is the core's rule ([`CoreExpr::origin`]); where a column's values are converted by more than its
//! type, so are those beside whatever has its values. Of anything else the type alone is known.

use ormkit_core::model::{ColumnType, FieldId, ModelId};
use ormkit_core::query::{ColumnTypes, Expr as CoreExpr, Form, Item, JsonRead, OperationKind, Origin, Whose};
use ormkit_core::value::SqlType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString, PyTime,
};
use std::sync::Arc;

use super::open::is_open;
use super::told::Told;
use crate::convert::{Conversion, User};
use crate::fields::is_json_null;
use crate::model::{any_conversion, conversion, with_def};
use crate::query::F;
use crate::range::Range;

/// What is known of the type of an expression.
#[derive(Clone)]
pub(super) struct Typing {
    pub(super) column_type: ColumnType,
    /// The column whose type it is.
    pub(super) field: Option<(ModelId, FieldId)>,
    /// How its values are converted, beside what the type says.
    pub(super) own: Option<Arc<Conversion>>,
}

impl Typing {
    /// A type of no column.
    pub(super) fn plain(column_type: ColumnType) -> Self {
        Self { column_type, field: None, own: None }
    }

    /// That of a column, with its size: what it stores.
    pub(super) fn stored(py: Python<'_>, model: ModelId, field: FieldId) -> Self {
        let column_type = with_def(model, |def| def.fields[field.index()].column_type.clone());
        Self { column_type, field: Some((model, field)), own: conversion(py, model, field) }
    }

    /// That of a column: it is compared with any number, for only what it stores has its size.
    fn of_field(py: Python<'_>, model: ModelId, field: FieldId) -> Self {
        let stored = Self::stored(py, model, field);
        match stored.column_type {
            ColumnType::Numeric(_) => Self { column_type: ColumnType::Numeric(None), ..stored },
            _ => stored,
        }
    }

    /// That of a type which the statement says.
    pub(super) fn of_told(told: &Told) -> Self {
        Self { column_type: told.column_type.clone(), field: None, own: told.conversion.clone() }
    }

    /// A class of the user's makes the values.
    pub(super) fn has_user(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.user.is_some())
    }

    /// The values are others than those that the type has by itself: no other type's may stand for them.
    pub(super) fn is_converted(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.user.is_some() || own.members.is_some())
    }

    /// The name of the class that makes the values, where they are computed with.
    pub(super) fn decorator(&self) -> Option<String> {
        match self.own.as_ref()?.user.as_deref()? {
            User::Decorator(decorator) => Some(Python::attach(|py| decorator.name(py))),
            _ => None,
        }
    }

    /// True where a class of the user's makes database values of those that are bound.
    pub(super) fn binds(&self) -> bool {
        match self.own.as_ref().and_then(|own| own.user.as_deref()) {
            Some(User::Decorator(decorator)) => decorator.binds(),
            _ => false,
        }
    }

    /// `Model.attr`, for messages.
    pub(super) fn place(&self) -> String {
        match self.field {
            Some((model, field)) => {
                with_def(model, |def| format!("{}.{}", def.name, def.fields[field.index()].name))
            }
            None => "a value of the statement".to_owned(),
        }
    }
}

/// The columns of what was declared so far.
pub(crate) struct DeclaredColumns;

impl ColumnTypes for DeclaredColumns {
    fn column_type(&self, model: ModelId, field: FieldId) -> ColumnType {
        with_def(model, |def| def.fields[field.index()].column_type.clone())
    }

    fn is_decorated(&self, model: ModelId, field: FieldId) -> bool {
        with_def(model, |def| def.fields[field.index()].decorated)
    }
}

/// The column type of an expression, where it is known.
pub(crate) fn column_type_of(expr: &CoreExpr) -> Option<ColumnType> {
    typing_of(expr).map(|typing| typing.column_type)
}

/// That of the column whose values an expression has, where they are converted by more than their type.
pub(super) fn converted_typing(expr: &CoreExpr) -> Option<Typing> {
    if !any_conversion() {
        return None;
    }
    let Origin { whose, form } = expr.origin(&DeclaredColumns)?;
    Python::attach(|py| {
        let typing = match whose {
            Whose::Column(model, field) => Typing::of_field(py, model, field),
            Whose::Type(of) => Typing::of_told(of.host()?),
        };
        let own = typing.own.clone()?;
        Some(match form {
            Form::Column | Form::Value | Form::Computed => typing,
            Form::List => Typing {
                column_type: ColumnType::Array(Arc::new(typing.column_type)),
                field: None,
                own: Some(own.of_list()),
            },
        })
    })
}

/// What a value beside `expr` is converted to.
pub(super) fn typing_of(expr: &CoreExpr) -> Option<Typing> {
    match expr {
        CoreExpr::Column(column) => of_field(column.source.model, column.field),
        CoreExpr::Excluded(model, field) => of_field(*model, *field),
        expr => converted_typing(expr).or_else(|| plain_typing(expr)),
    }
}

fn plain_typing(expr: &CoreExpr) -> Option<Typing> {
    let plain = |column_type| Some(Typing::plain(column_type));
    match expr {
        CoreExpr::Part(part) => typing_of(&part.shown().of),
        CoreExpr::Value(bound) if bound.sql_type == ColumnType::Json.sql_type() && !is_open(bound) => {
            plain(ColumnType::Json)
        }
        CoreExpr::Cast(node) => plain(node.to.clone()),
        CoreExpr::Param(param) => param
            .column_type
            .clone()
            .map(|column_type| Typing { field: param.field, ..Typing::plain(column_type) }),
        CoreExpr::Labelled(node) => typing_of(&node.expr),
        CoreExpr::Scalar(select) => match select.items.first() {
            Some(Item::Value { expr, .. }) => typing_of(expr),
            _ => None,
        },
        CoreExpr::Case(node) => agreed(node.whens.iter().map(|(_, then)| then).chain(&node.otherwise)),
        CoreExpr::Call(node) => match node.name.to_ascii_lowercase().as_str() {
            "count" | "row_number" | "rank" | "dense_rank" => plain(ColumnType::BigInt),
            "length" | "char_length" | "ntile" => plain(ColumnType::Integer),
            "min" | "max" | "lag" | "lead" | "first_value" | "last_value" => {
                node.args.first().and_then(typing_of)
            }
            "coalesce" | "nullif" => node.args.iter().find_map(typing_of),
            "lower" | "upper" => match node.args.first().and_then(column_type_of) {
                Some(ColumnType::Range(of) | ColumnType::MultiRange(of)) => plain(of.bound()),
                _ => plain(ColumnType::Text),
            },
            "trim" | "ltrim" | "rtrim" | "replace" | "substr" | "substring" | "concat" => {
                plain(ColumnType::Text)
            }
            "now" | "current_timestamp" => plain(ColumnType::TimestampTz),
            "current_date" => plain(ColumnType::Date),
            _ => None,
        },
        CoreExpr::Operation(node) => match &node.kind {
            OperationKind::Json(read) => plain(json_type(*read)),
            OperationKind::Extract(part) => plain(match part.sql_type() {
                SqlType::Date => ColumnType::Date,
                SqlType::Time => ColumnType::Time,
                SqlType::Double => ColumnType::Double,
                _ => ColumnType::Integer,
            }),
            OperationKind::Length => plain(ColumnType::Integer),
            OperationKind::Element(_) => match node.args.first().and_then(column_type_of) {
                Some(ColumnType::Array(element)) => plain(ColumnType::clone(&element)),
                _ => None,
            },
            OperationKind::Slice(..) => node.args.first().and_then(typing_of).map(anywhere),
            OperationKind::Collate(_)
            | OperationKind::BitNot
            | OperationKind::Greatest
            | OperationKind::Least => node.args.iter().find_map(typing_of).map(anywhere),
            _ => None,
        },
        CoreExpr::Bool(_) | CoreExpr::Compare(_) | CoreExpr::And(_) | CoreExpr::Or(_) | CoreExpr::Not(_) => {
            plain(ColumnType::Bool)
        }
        _ => None,
    }
}

/// The type of several expressions, where all whose type is known are of one.
fn agreed<'a>(exprs: impl Iterator<Item = &'a CoreExpr>) -> Option<Typing> {
    let mut known = exprs.filter_map(typing_of);
    let first = known.next()?;
    known.all(|other| other.column_type == first.column_type).then(|| anywhere(first))
}

/// The same type, of no field: a value beside an expression need not be one of the field's.
fn anywhere(typing: Typing) -> Typing {
    Typing { field: None, ..typing }
}

fn json_type(read: JsonRead) -> ColumnType {
    match read {
        JsonRead::Json => ColumnType::Json,
        JsonRead::Text | JsonRead::String => ColumnType::Text,
        JsonRead::Numeric => ColumnType::Numeric(None),
        JsonRead::Integer => ColumnType::BigInt,
        JsonRead::Float => ColumnType::Double,
        JsonRead::Bool => ColumnType::Bool,
    }
}

fn of_field(model: ModelId, field: FieldId) -> Option<Typing> {
    Some(Python::attach(|py| Typing::of_field(py, model, field)))
}

/// Types whose values may stand for each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Day,
    Bool,
    Bytes,
    Time,
    Interval,
    Json,
    Array,
    Range,
    MultiRange,
    Hstore,
}

fn kind_of(column_type: &ColumnType) -> Kind {
    use ColumnType as C;
    match column_type {
        C::SmallInt | C::Integer | C::BigInt | C::Double | C::Numeric(_) => Kind::Number,
        C::Text | C::VarChar(_) | C::Enum(_) | C::Uuid | C::Inet | C::Cidr | C::Native(_) => Kind::Text,
        C::Timestamp | C::TimestampTz | C::Date => Kind::Day,
        C::Bool => Kind::Bool,
        C::Bytes => Kind::Bytes,
        C::Time | C::TimeTz => Kind::Time,
        C::Interval => Kind::Interval,
        C::Json => Kind::Json,
        C::Array(_) => Kind::Array,
        C::Range(_) => Kind::Range,
        C::MultiRange(_) => Kind::MultiRange,
        C::Hstore => Kind::Hstore,
    }
}

/// True where `value`, whose own type is `own`, is bound as one of `typing` beside it: there is no other type for it, or it
/// is of the same kind.
pub(super) fn is_kindred(value: &Bound<'_, PyAny>, own: Option<&ColumnType>, typing: &Typing) -> bool {
    let Some(own) = own else { return true };
    match &typing.column_type {
        _ if typing.is_converted() => true,
        ColumnType::Array(_) => value.is_instance_of::<PyList>(),
        ColumnType::Range(_) => value.is_instance_of::<Range>(),
        ColumnType::Hstore => value.is_instance_of::<PyDict>(),
        other => kind_of(own) == kind_of(other),
    }
}

/// True for a number beside numbers of a type that it need not fit: beside integers, and a float that is compared.
pub(super) fn is_other_number(own: Option<&ColumnType>, typing: &Typing, compared: bool) -> bool {
    let is_number = |column_type: &ColumnType| kind_of(column_type) == Kind::Number;
    let is_double = |column_type: &ColumnType| matches!(column_type, ColumnType::Double);
    !typing.is_converted()
        && own.is_some_and(|own| {
            is_number(own)
                && (typing.column_type.is_integer()
                    || (compared && is_double(own) && is_number(&typing.column_type)))
        })
}

/// True for a span beside a time, and for days beside a date: no value of that type.
pub(super) fn is_span(value: &Bound<'_, PyAny>, typing: &Typing) -> bool {
    match typing.column_type {
        ColumnType::Date => value.is_instance_of::<PyDelta>() || value.is_instance_of::<PyInt>(),
        ColumnType::Timestamp | ColumnType::TimestampTz | ColumnType::Time | ColumnType::TimeTz => {
            value.is_instance_of::<PyDelta>()
        }
        _ => false,
    }
}

/// The type that a Python value has by itself.
///
/// # Errors
/// `TypeError` for a value that has none.
pub(super) fn own_type(value: &Bound<'_, PyAny>) -> PyResult<ColumnType> {
    match find_type(value)? {
        Some(column_type) => Ok(column_type),
        None => {
            let found = value.get_type().name()?;
            let cure = match value.cast::<F>() {
                Ok(_) => ": F(..) is for the names of a query, elsewhere it is Model.attribute",
                Err(_) => "",
            };
            Err(PyTypeError::new_err(format!("a value of type {found} has no place in a statement{cure}")))
        }
    }
}

/// The type that a Python value has by itself; None for one that has none.
pub(super) fn find_type(value: &Bound<'_, PyAny>) -> PyResult<Option<ColumnType>> {
    let py = value.py();
    let is = |module: &str, name: &str| value.is_instance(&py.import(module)?.getattr(name)?);
    Ok(Some(if value.is_instance_of::<PyBool>() {
        ColumnType::Bool
    } else if value.is_instance_of::<PyInt>() {
        if value.extract::<i32>().is_ok() { ColumnType::Integer } else { ColumnType::BigInt }
    } else if value.is_instance_of::<PyFloat>() {
        ColumnType::Double
    } else if value.is_instance_of::<PyString>() {
        ColumnType::Text
    } else if value.is_instance_of::<PyBytes>() {
        ColumnType::Bytes
    } else if value.is_instance_of::<PyDateTime>() {
        if value.getattr("tzinfo")?.is_none() { ColumnType::Timestamp } else { ColumnType::TimestampTz }
    } else if value.is_instance_of::<PyDate>() {
        ColumnType::Date
    } else if value.is_instance_of::<PyTime>() {
        if value.getattr("tzinfo")?.is_none() { ColumnType::Time } else { ColumnType::TimeTz }
    } else if value.is_instance_of::<PyDelta>() {
        ColumnType::Interval
    } else if value.is_instance_of::<PyDict>() || value.is_instance_of::<PyList>() || is_json_null(value) {
        ColumnType::Json
    } else if is("decimal", "Decimal")? {
        ColumnType::Numeric(None)
    } else if is("uuid", "UUID")? {
        ColumnType::Uuid
    } else {
        return crate::convert::net_type(value);
    }))
}
