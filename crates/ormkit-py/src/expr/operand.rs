//! Python values as operands.

use ormkit_core::model::{ColumnType, FieldId, ModelId};
use ormkit_core::query::{Bound as BoundValue, Expr as CoreExpr, Item, JsonRead, OperationKind, Param};
use ormkit_core::value::{SqlType, Value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString, PyTime,
};

use super::Expr;
use super::late::column_value;
use crate::fields::is_json_null;
use crate::model::{conversion, with_def};
use crate::query::{F, Select};
use crate::range::Range;

/// What is known of the type of an expression.
#[derive(Clone)]
struct Typing {
    column_type: ColumnType,
    field: Option<(ModelId, FieldId)>,
}

/// `value` as an operand beside `beside`: an expression as it is, a `select` as a value, anything else bound with the
/// type of `beside`, or its own where that has none.
///
/// # Errors
/// `DataError` naming `Model.attr` when the value does not fit; `TypeError` for a value that no column can hold.
pub(crate) fn operand(value: &Bound<'_, PyAny>, beside: Option<&CoreExpr>) -> PyResult<CoreExpr> {
    let typing = beside.and_then(typing_of);
    if let Some(expr) = expression_beside(value, typing.as_ref())? {
        return Ok(expr);
    }
    let typing = match typing {
        Some(typing) => typing,
        None => Typing { column_type: own_type(value)?, field: None },
    };
    Ok(CoreExpr::value(converted(value, &typing)?, typing.column_type.sql_type()))
}

/// `value` as what a field is set to: as [`operand`], and it has to fit the column's size.
pub(crate) fn assigned(value: &Bound<'_, PyAny>, model: ModelId, field: FieldId) -> PyResult<CoreExpr> {
    let own = conversion(value.py(), model, field);
    let hears_none = value.is_none() && own.is_some_and(|own| own.user.is_some());
    let column_type = with_def(model, |def| def.fields[field.index()].column_type.clone());
    let typing = Typing { column_type, field: Some((model, field)) };
    if !hears_none && let Some(expr) = expression_beside(value, Some(&typing))? {
        return Ok(expr);
    }
    Ok(CoreExpr::value(converted(value, &typing)?, typing.column_type.sql_type()))
}

/// `value` as one of the type that `of` has; None is NULL of that type.
pub(crate) fn assigned_as(value: &Bound<'_, PyAny>, of: &CoreExpr) -> PyResult<CoreExpr> {
    match (operand(value, Some(of))?, of) {
        (CoreExpr::Null, CoreExpr::Cast(node)) => Ok(CoreExpr::Null.cast(node.to.clone())),
        (given, _) => Ok(given),
    }
}

/// The same where the value says its own type: a number added to a column need not fit the column.
pub(crate) fn free_operand(value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    operand(value, None)
}

/// `value` beside an operator that does not say what its other side is: with the type of `beside` where that is of the
/// same kind (numbers, texts, times, arrays), with its own otherwise.
pub(crate) fn kindred_operand(value: &Bound<'_, PyAny>, beside: &CoreExpr) -> PyResult<CoreExpr> {
    if let Some(expr) = expression_beside(value, typing_of(beside).as_ref())? {
        return Ok(expr);
    }
    let own = match typing_of(beside) {
        Some(Typing { column_type: ColumnType::Array(_), .. }) if value.is_instance_of::<PyList>() => None,
        Some(Typing { column_type: ColumnType::Range(_), .. }) if value.is_instance_of::<Range>() => None,
        Some(Typing { column_type: ColumnType::Hstore, .. }) if value.is_instance_of::<PyDict>() => None,
        Some(typing) => {
            let own = own_type(value)?;
            if kind_of(&own) == kind_of(&typing.column_type) { None } else { Some(own) }
        }
        None => None,
    };
    match own {
        None => operand(value, Some(beside)),
        Some(column_type) => typed_operand(value, column_type),
    }
}

/// `value` as one of a type.
pub(crate) fn typed_operand(value: &Bound<'_, PyAny>, column_type: ColumnType) -> PyResult<CoreExpr> {
    let typing = Typing { column_type, field: None };
    if let Some(expr) = expression_beside(value, Some(&typing))? {
        return Ok(expr);
    }
    Ok(CoreExpr::value(converted(value, &typing)?, typing.column_type.sql_type()))
}

/// `value` as JSON: None is JSON's null.
pub(crate) fn json_operand(value: &Bound<'_, PyAny>) -> PyResult<CoreExpr> {
    if value.is_none() {
        let sql_type = ColumnType::Json.sql_type();
        return Ok(CoreExpr::value(Value::Json("null".into()), sql_type));
    }
    typed_operand(value, ColumnType::Json)
}

/// Types whose values may stand for each other.
fn kind_of(column_type: &ColumnType) -> u8 {
    use ColumnType as C;
    match column_type {
        C::SmallInt | C::Integer | C::BigInt | C::Double | C::Numeric(_) => 1,
        C::Text | C::VarChar(_) | C::Enum(_) | C::Uuid | C::Inet | C::Cidr | C::Native(_) => 2,
        C::Timestamp | C::TimestampTz | C::Date => 3,
        C::Bool => 4,
        C::Bytes => 5,
        C::Time | C::TimeTz => 6,
        C::Interval => 7,
        C::Json => 8,
        C::Array(_) => 9,
        C::Range(_) => 10,
        C::MultiRange(_) => 11,
        C::Hstore => 12,
    }
}

/// The operands of IN beside `beside`, each of them a constant or an expression, and the type of the constants.
pub(crate) fn element_list(
    values: &Bound<'_, PyAny>,
    beside: &CoreExpr,
) -> PyResult<(Vec<CoreExpr>, SqlType)> {
    if values.is_instance_of::<PyString>() || values.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err("in_() takes a list of values, not one text"));
    }
    if values.is_none() {
        return Err(PyTypeError::new_err(
            "in_() takes a list of values, not None: is_(None) finds rows without one",
        ));
    }
    let mut typing = typing_of(beside);
    let mut list = Vec::new();
    for value in values.try_iter()? {
        let value = value?;
        if let Some(expr) = expression_beside(&value, typing.as_ref())? {
            list.push(expr);
            continue;
        }
        if typing.is_none() && !value.is_none() {
            let column_type = match own_type(&value)? {
                ColumnType::Integer => ColumnType::BigInt,
                other => other,
            };
            typing = Some(Typing { column_type, field: None });
        }
        list.push(match &typing {
            Some(typing) => CoreExpr::value(converted(&value, typing)?, typing.column_type.sql_type()),
            None => CoreExpr::Null,
        });
    }
    let element = typing.map_or(SqlType::Text, |typing| typing.column_type.sql_type());
    Ok((list, element))
}

/// The expression that `value` already is; a parameter takes the type of what it stands beside.
fn expression_beside(value: &Bound<'_, PyAny>, beside: Option<&Typing>) -> PyResult<Option<CoreExpr>> {
    let column_type = beside.map(|typing| typing.column_type.clone());
    match Expr::param_beside(value, column_type, beside.and_then(|typing| typing.field), false)? {
        Some(param) => Ok(Some(CoreExpr::param(param))),
        None => expression_of(value),
    }
}

/// A parameter as the list of IN beside `beside`; None for any other value.
pub(super) fn list_param(value: &Bound<'_, PyAny>, beside: &CoreExpr) -> PyResult<Option<Param>> {
    let typing = typing_of(beside);
    let field = typing.as_ref().and_then(|typing| typing.field);
    Expr::param_beside(value, typing.map(|typing| typing.column_type), field, true)
}

/// A value of a type that is given when the statement runs.
pub(super) fn constant(
    value: &Bound<'_, PyAny>,
    column_type: &ColumnType,
    field: Option<(ModelId, FieldId)>,
) -> PyResult<BoundValue> {
    refuse_expression(value)?;
    let hears_none = field
        .and_then(|(model, field)| conversion(value.py(), model, field))
        .is_some_and(|own| own.user.is_some());
    if value.is_none() && !hears_none {
        return Ok(BoundValue::new(Value::Null, column_type.sql_type()));
    }
    let typing = Typing { column_type: column_type.clone(), field };
    Ok(BoundValue::new(converted(value, &typing)?, column_type.sql_type()))
}

/// The same of the value's own type.
pub(super) fn own_constant(value: &Bound<'_, PyAny>) -> PyResult<BoundValue> {
    refuse_expression(value)?;
    match value.is_none() {
        true => Ok(BoundValue::new(Value::Null, SqlType::Unknown)),
        false => constant(value, &own_type(value)?, None),
    }
}

/// The values of a list that is given when the statement runs.
pub(super) fn listed<'py>(value: &Bound<'py, PyAny>, name: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() || value.try_iter().is_err() {
        return Err(PyTypeError::new_err(format!("the parameter {name:?} of in_() takes a list of values")));
    }
    value.try_iter()?.collect()
}

/// True for what SQL computes.
pub(crate) fn is_expression(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<Expr>() || value.is_instance_of::<Select>() || value.is_instance_of::<F>()
}

fn refuse_expression(value: &Bound<'_, PyAny>) -> PyResult<()> {
    match is_expression(value) {
        true => Err(PyTypeError::new_err(
            "values beside a statement are plain ones: write expressions into the statement, values(..) or where(..)",
        )),
        false => Ok(()),
    }
}

/// The expression that `value` already is.
fn expression_of(value: &Bound<'_, PyAny>) -> PyResult<Option<CoreExpr>> {
    if value.is_none() {
        return Ok(Some(CoreExpr::Null));
    }
    if let Ok(expr) = value.cast::<Expr>() {
        return expr.get().core().cloned().map(Some);
    }
    if let Ok(select) = value.cast::<Select>() {
        return Ok(Some(CoreExpr::Scalar(select.get().shared())));
    }
    Ok(None)
}

fn converted(value: &Bound<'_, PyAny>, typing: &Typing) -> PyResult<Value> {
    let place = || match typing.field {
        Some((model, field)) => {
            with_def(model, |def| format!("{}.{}", def.name, def.fields[field.index()].name))
        }
        None => "a value of the statement".to_owned(),
    };
    column_value(value, &typing.column_type, typing.field, &place)
}

/// The column type of an expression, where it is known.
pub(crate) fn column_type_of(expr: &CoreExpr) -> Option<ColumnType> {
    typing_of(expr).map(|typing| typing.column_type)
}

/// What a value beside `expr` is converted to.
fn typing_of(expr: &CoreExpr) -> Option<Typing> {
    let plain = |column_type| Some(Typing { column_type, field: None });
    match expr {
        CoreExpr::Column(column) => of_field(column.source.model, column.field),
        CoreExpr::Part(part) => typing_of(&part.shown().of),
        CoreExpr::Excluded(model, field) => of_field(*model, *field),
        CoreExpr::Value(bound) if bound.sql_type == ColumnType::Json.sql_type() => plain(ColumnType::Json),
        CoreExpr::Cast(node) => plain(node.to.clone()),
        CoreExpr::Param(param) => {
            param.column_type.clone().map(|column_type| Typing { column_type, field: param.field })
        }
        CoreExpr::Labelled(node) => typing_of(&node.expr),
        CoreExpr::Scalar(select) => match select.items.first() {
            Some(Item::Value { expr, .. }) => typing_of(expr),
            _ => None,
        },
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
    let column_type = match with_def(model, |def| def.fields[field.index()].column_type.clone()) {
        // A column is compared with any number: only what it stores has its size.
        ColumnType::Numeric(_) => ColumnType::Numeric(None),
        other => other,
    };
    Some(Typing { column_type, field: Some((model, field)) })
}

/// The type that a Python value has by itself.
fn own_type(value: &Bound<'_, PyAny>) -> PyResult<ColumnType> {
    let py = value.py();
    let is = |module: &str, name: &str| value.is_instance(&py.import(module)?.getattr(name)?);
    Ok(if value.is_instance_of::<PyBool>() {
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
    } else if let Some(column_type) = crate::convert::net_type(value)? {
        column_type
    } else {
        let found = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!("a value of type {found} has no place in a statement")));
    })
}
