//! Values of statements that wait for their engine: what writes them is only known when the statement is bound.
use crate::convert::{Beyond, Border, Conversion, JsonCodec};
use ormkit_core::error::Result;
use ormkit_core::model::ColumnType;
use ormkit_core::value::{Destination, Object, Value};
use pyo3::prelude::*;
use std::sync::Arc;

/// A Python value for a column.
struct Waiting {
    value: Py<PyAny>,
    column_type: ColumnType,
    own: Option<Arc<Conversion>>,
    place: String,
}

/// True where a value of the type cannot be converted before its engine is known: a class of the user's asks for the dialect,
/// and an engine may have functions for JSON.
pub(crate) fn waits(column_type: &ColumnType, own: Option<&Conversion>) -> bool {
    own.is_some_and(|own| own.user.is_some() || own.beyond == Beyond::Sentinel)
        || (*column_type == ColumnType::Json && JsonCodec::any_dumps())
}

/// A value that waits.
pub(crate) fn waiting(
    value: &Bound<'_, PyAny>,
    column_type: &ColumnType,
    own: Option<Arc<Conversion>>,
    place: String,
) -> Value {
    let value = value.clone().unbind();
    Value::Object(Object::late(Waiting { value, column_type: column_type.clone(), own, place }, late))
}

fn late(object: &Object, to: &Destination<'_>) -> Result<Value> {
    let Some(waiting) = object.host::<Waiting>() else { return Err(object.refused()) };
    let engine = to.host.and_then(|host| host.downcast_ref::<Border>());
    Python::attach(|py| {
        let value = waiting.value.bind(py);
        let own = waiting.own.as_deref();
        if engine.is_none() && waiting.column_type == ColumnType::Json && own.is_none() {
            // Shown, or on its way to a connection that converts it: as it is.
            return Ok(Value::Object(Object::new(waiting.value.clone_ref(py), "a value of JSON")));
        }
        let mut made = Value::Null;
        let border = engine.unwrap_or_else(|| Border::plain(to.dialect));
        border.bind(value, &waiting.column_type, own, &|| waiting.place.clone(), &mut |value| {
            made = Value::from(value);
            Ok(())
        })?;
        Ok(made)
    })
}

/// `value` as one of a type whose values `own` converts as well, at once or when its engine is known.
///
/// # Errors
/// `DataError` naming the column.
pub(crate) fn column_value(
    value: &Bound<'_, PyAny>,
    column_type: &ColumnType,
    own: Option<Arc<Conversion>>,
    place: &dyn Fn() -> String,
) -> PyResult<Value> {
    let py = value.py();
    if waits(column_type, own.as_deref()) {
        return Ok(waiting(value, column_type, own, place()));
    }
    let mut bound = Value::Null;
    crate::convert::bind(value, column_type, own.as_deref(), place, &mut |value| {
        bound = Value::from(value);
        Ok(())
    })
    .map_err(|error| crate::errors::to_py(py, error))?;
    Ok(bound)
}
