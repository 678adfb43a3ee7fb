//! `bindparam`: values that are given when the statement runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ormkit_core::model::{ColumnType, FieldId, ModelId};
use ormkit_core::query::{Bound as BoundValue, Expr as CoreExpr, Param};
use ormkit_core::value::Value;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::operand::{constant, listed, own_constant};
use super::told::Told;
use super::{Expr, Kind};
use crate::fields::Given;
use crate::model::unsupported;

/// A parameter that takes the type of what it stands beside, unless it has one.
pub(super) struct Parameter {
    /// As it is by itself.
    pub(super) core: CoreExpr,
    param: Param,
    default: Option<Py<PyAny>>,
}

/// True once there was any: only then statements are looked through for them.
static MADE: AtomicBool = AtomicBool::new(false);

/// True where statements may have parameters.
pub(crate) fn any_parameters() -> bool {
    MADE.load(Ordering::Relaxed)
}

/// A value that is given when the statement runs, beside it:
/// `execute(select(User).where(User.id == bindparam("id")), {"id": 7})`.
///
/// Args:
///     key: Its name.
///     value: What it is where none is given; without it one has to be given.
///     type_: A column type; None: that of what it is compared with or assigned to, else that of the value.
///     required: False: NULL where none is given.
///     expanding: A list, for `in_`, which takes any parameter for one.
///
/// Raises:
///     NotSupportedError: A word of SQLAlchemy's that has no meaning here.
#[pyfunction]
#[pyo3(signature = (
    key, value = Given(None), type_ = None, *, required = None, expanding = false, unique = false, callable_ = None,
    literal_execute = false
), text_signature = "(key, value=..., type_=None, *, required=None, expanding=False, unique=False, callable_=None, literal_execute=False)")]
#[expect(clippy::too_many_arguments, reason = "the words of SQLAlchemy")]
pub(crate) fn bindparam<'py>(
    py: Python<'py>,
    key: &str,
    value: Given<'py>,
    type_: Option<&Bound<'py, PyAny>>,
    required: Option<bool>,
    #[expect(unused_variables, reason = "in_() takes any parameter for a list")] expanding: bool,
    unique: bool,
    callable_: Option<&Bound<'py, PyAny>>,
    literal_execute: bool,
) -> PyResult<Bound<'py, Expr>> {
    if unique {
        return Err(unsupported("bindparam(unique=True)", "give each parameter a name of its own"));
    }
    if literal_execute {
        return Err(unsupported("bindparam(literal_execute=True)", "values are bound, never written"));
    }
    if callable_.is_some() {
        return Err(unsupported("bindparam(callable_=..)", "give the value beside the statement"));
    }
    let default = match (value.0, required) {
        (Some(_), Some(true)) => {
            return Err(PyTypeError::new_err("bindparam(): a required parameter has no value of its own"));
        }
        (None, Some(false)) => Some(py.None()),
        (value, _) => value.map(Bound::unbind),
    };
    let told = type_.map(|given| Told::of(given, "bindparam()")).transpose()?;
    if told.as_ref().and_then(Told::conversion).is_some_and(|own| own.user.is_some()) {
        return Err(unsupported(
            "bindparam(type_=..) of a TypeDecorator",
            "put the parameter beside a column of that type, which converts it",
        ));
    }
    let column_type = told.map(|told| told.column_type);
    let made = Parameter::new(py, Param { column_type, ..Param::untyped(key) }, default)?;
    MADE.store(true, Ordering::Relaxed);
    Bound::new(py, Expr { kind: Kind::Param(Arc::new(made)), label: None, order: None, truth: None })
}

impl Parameter {
    fn new(py: Python<'_>, param: Param, default: Option<Py<PyAny>>) -> PyResult<Self> {
        let bound = default.as_ref().map(|value| argument(value.bind(py), &param)).transpose()?;
        let core = CoreExpr::param(Param { default: bound, ..param.clone() });
        Ok(Self { core, param, default })
    }

    fn beside(
        &self,
        py: Python<'_>,
        column_type: Option<ColumnType>,
        field: Option<(ModelId, FieldId)>,
        is_list: bool,
    ) -> PyResult<Param> {
        let mut param = Param { is_list, ..self.param.clone() };
        if param.column_type.is_none() {
            (param.column_type, param.field) = (column_type, field);
        }
        let default = self.default.as_ref().map(|value| argument(value.bind(py), &param));
        Ok(Param { default: default.transpose()?, ..param })
    }
}

impl Expr {
    /// A column of a class that is not made yet: a parameter called `name` until it is.
    ///
    /// # Errors
    /// None of ours.
    pub(crate) fn unmade(py: Python<'_>, name: &str, column_type: Option<ColumnType>) -> PyResult<Self> {
        let made = Parameter::new(py, Param { column_type, ..Param::untyped(name) }, None)?;
        Ok(Self { kind: Kind::Param(Arc::new(made)), label: None, order: None, truth: None })
    }

    /// A parameter by its name, as it is by itself.
    ///
    /// # Errors
    /// `TypeError` for anything else.
    pub(super) fn named_param(given: &Bound<'_, PyAny>) -> PyResult<(String, CoreExpr)> {
        if let Ok(expr) = given.cast::<Self>()
            && let Kind::Param(param) = &expr.get().kind
        {
            return Ok((param.param.name.to_string(), param.core.clone()));
        }
        Err(PyTypeError::new_err("bindparams() takes bindparam(..), or values by name: bindparams(age=18)"))
    }

    /// A parameter beside something of a type; None for any other value.
    ///
    /// # Errors
    /// `DataError` where its own value does not fit the type.
    pub(super) fn param_beside(
        value: &Bound<'_, PyAny>,
        column_type: Option<ColumnType>,
        field: Option<(ModelId, FieldId)>,
        is_list: bool,
    ) -> PyResult<Option<Param>> {
        match value.cast::<Self>() {
            Ok(expr) => match &expr.get().kind {
                Kind::Param(param) => param.beside(value.py(), column_type, field, is_list).map(Some),
                _ => Ok(None),
            },
            Err(_) => Ok(None),
        }
    }
}

/// The value that is given for a parameter.
///
/// # Errors
/// `DataError` where it does not fit; `TypeError` for an expression, and for what is no list where one is asked for.
pub(crate) fn argument(value: &Bound<'_, PyAny>, param: &Param) -> PyResult<BoundValue> {
    let one = |value: &Bound<'_, PyAny>| match &param.column_type {
        Some(column_type) => constant(value, column_type, param.field),
        None => own_constant(value),
    };
    if !param.is_list {
        return one(value);
    }
    let elements = listed(value, &param.name)?;
    let mut sql_type = param.sql_type();
    let mut values = Vec::with_capacity(elements.len());
    for element in &elements {
        let element = one(element)?;
        if param.column_type.is_none() && !element.value.is_null() {
            sql_type = element.sql_type;
        }
        values.push(element.value);
    }
    Ok(BoundValue::new(Value::Array(sql_type, values), sql_type))
}
