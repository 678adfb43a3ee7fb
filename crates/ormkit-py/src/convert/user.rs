//! What classes of the user's make of a column's values: a `TypeDecorator`, or the class of a typed JSON document.
mod document;

pub(crate) use document::Document;

use super::conversion::Conversion;
use super::json::failed;
use super::type_name;
use crate::errors::from_py;
use crate::fields::decorator::DialectObject;
use crate::fields::is_json_null;
use ormkit_core::error::Result;
use ormkit_core::sql::DialectName;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyListMethods};
use std::sync::Arc;

/// What stands between the values that a program sees and those that the column's type has.
pub(crate) enum User {
    /// An object of a subclass of `TypeDecorator`.
    Decorator(Decorator),
    /// The class of a JSON column's documents.
    Document(Document),
    /// What one of these makes of each value of a list.
    Each(Arc<Conversion>),
}

/// A `TypeDecorator`.
pub(crate) struct Decorator {
    object: Py<PyAny>,
    /// True where the class has the method.
    binds: bool,
    results: bool,
    is_json: bool,
    /// How the values of the type below are converted.
    inner: Option<Arc<Conversion>>,
}

impl Decorator {
    /// An object whose class has these methods, over a type with this conversion.
    pub(crate) fn new(
        object: Py<PyAny>,
        [binds, results]: [bool; 2],
        is_json: bool,
        inner: Option<Arc<Conversion>>,
    ) -> Self {
        Self { object, binds, results, is_json, inner }
    }

    /// The name of the class.
    pub(crate) fn name(&self, py: Python<'_>) -> String {
        type_name(self.object.bind(py))
    }

    /// True where the class makes other values of those that are bound.
    pub(crate) fn binds(&self) -> bool {
        self.binds
    }

    fn call<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        value: &Bound<'py, PyAny>,
        dialect: DialectName,
    ) -> Result<Bound<'py, PyAny>> {
        let object = self.object.bind(py);
        let name = match method {
            "process_bind_param" => intern!(py, "process_bind_param"),
            _ => intern!(py, "process_result_value"),
        };
        let called =
            DialectObject::of(py, dialect).and_then(|dialect| object.call_method1(name, (value, dialect)));
        called.map_err(|raised| failed(py, &format!("{method} of {}", type_name(object)), raised))
    }
}

impl User {
    /// The value that the column's type takes, of one of the program's.
    ///
    /// # Errors
    /// `DataError` without a place, caused by what the class raises.
    pub(super) fn bind<'py>(
        &self,
        value: &Bound<'py, PyAny>,
        dialect: DialectName,
    ) -> Result<Bound<'py, PyAny>> {
        match self {
            Self::Decorator(decorator) if decorator.binds => {
                decorator.call(value.py(), "process_bind_param", value, dialect)
            }
            Self::Decorator(_) => Ok(value.clone()),
            Self::Document(_) if is_json_null(value) => Ok(value.clone()),
            Self::Document(document) => document.dump(value),
            Self::Each(of) => each(value, |value| match of.user.as_deref() {
                Some(user) => user.bind(&value, dialect),
                None => Ok(value),
            }),
        }
    }

    /// The value that the program sees.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub(super) fn result<'py>(
        &self,
        value: Bound<'py, PyAny>,
        dialect: DialectName,
    ) -> Result<Bound<'py, PyAny>> {
        match self {
            Self::Decorator(decorator) if decorator.results => {
                decorator.call(value.py(), "process_result_value", &value, dialect)
            }
            Self::Decorator(_) => Ok(value),
            Self::Document(document) => document.validate(value),
            Self::Each(of) => each(&value, |value| match of.user.as_deref() {
                Some(user) => user.result(value, dialect),
                None => Ok(value),
            }),
        }
    }

    /// How the values of the type below are converted.
    pub(super) fn inner(&self) -> Option<&Conversion> {
        match self {
            Self::Decorator(decorator) => decorator.inner.as_deref(),
            Self::Document(_) => None,
            Self::Each(of) => of.user.as_deref().and_then(Self::inner),
        }
    }

    /// True over JSON.
    pub(super) fn is_json(&self) -> bool {
        match self {
            Self::Decorator(decorator) => decorator.is_json,
            Self::Document(_) => true,
            Self::Each(_) => false,
        }
    }
}

/// A list of what is made of each value of a list; None, and what is no list, stays as it is.
fn each<'py>(
    values: &Bound<'py, PyAny>,
    make: impl Fn(Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>> {
    let Ok(list) = values.cast::<PyList>() else { return Ok(values.clone()) };
    let made = list.to_tuple().iter().map(make).collect::<Result<Vec<_>>>()?;
    PyList::new(values.py(), made).map(Bound::into_any).map_err(from_py)
}
