//! Reading through a session: by key, by statement, by fluent query.

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::host::Host;
use ormkit_core::load::Item;
use ormkit_core::model::{FieldId, ModelId};
use ormkit_core::session::Key;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use smallvec::{SmallVec, smallvec};

use super::sync::mapped;
use super::{AsyncSession, nothing, on_session, raise};
use crate::bridge::Operation;
use crate::convert;
use crate::host::PyHost;
use crate::model::schema;
use crate::query::{Query, loads_of, model_of};

#[pymethods]
impl AsyncSession {
    /// The object of a primary key, or None. An object that the session holds is answered without a statement.
    ///
    /// Args:
    ///     model: A mapped class.
    ///     key: The key's value; a tuple for a key of several columns, in the order of their declaration.
    ///     options: Loader options, such as `selectinload(User.posts)`.
    ///
    /// Raises:
    ///     DataError: The key's value does not fit its column.
    #[pyo3(signature = (model, key, /, *, options = None))]
    fn get(
        &self,
        py: Python<'_>,
        model: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        self.fetch_by_key(py, model, key, options, false)
    }

    /// As `get`, but a missing row raises `NoResultFound`.
    #[pyo3(signature = (model, key, /, *, options = None))]
    fn get_one(
        &self,
        py: Python<'_>,
        model: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        self.fetch_by_key(py, model, key, options, true)
    }

    /// As `get_one`.
    #[pyo3(signature = (model, key, /, *, options = None))]
    fn get_or_raise(
        &self,
        py: Python<'_>,
        model: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        self.fetch_by_key(py, model, key, options, true)
    }

    /// Read an object's row again and overwrite attributes: all columns, or those named. Their unsaved changes are
    /// dropped.
    ///
    /// Raises:
    ///     InvalidRequestError: The object is not of this session, or its row is gone.
    ///     FieldError: The model has no such attribute.
    #[pyo3(signature = (object, attributes = None))]
    fn refresh(
        &self,
        py: Python<'_>,
        object: &Bound<'_, PyAny>,
        attributes: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let object = mapped(object)?;
        let schema = schema(py)?;
        let model = schema.model(PyHost.model(&object));
        let names = attributes.map(names_of).transpose()?.unwrap_or_default();
        let fields: Vec<FieldId> =
            names.iter().map(|name| model.field_named(name)).collect::<Result<_, _>>().map_err(raise)?;
        on_session!(py, self.link, "AsyncSession.refresh", |session| {
            session.refresh(&object, &fields).await.map_err(raise)?;
            Ok(nothing())
        })
    }

    /// A fluent query of a model.
    fn query(slf: PyRef<'_, Self>, model: &Bound<'_, PyAny>) -> PyResult<Query> {
        let session: Py<Self> = slf.into();
        Query::of_session(session.into_any(), model)
    }
}

impl AsyncSession {
    fn fetch_by_key(
        &self,
        py: Python<'_>,
        model: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyAny>>,
        required: bool,
    ) -> PyResult<Py<Operation>> {
        let id = model_of(model)?;
        let key = key_of(py, id, key)?;
        let loads = loads_of(py, id, options)?;
        on_session!(py, self.link, "AsyncSession.get", |session| {
            let found = session.get(id, &key, &loads).await.map_err(raise)?;
            match found {
                None if required => Err(raise(no_such(&session.schema().model(id).def.name))),
                None => Ok(nothing()),
                Some(object) => Ok(object),
            }
        })
    }
}

/// Names of attributes, from a list of them.
fn names_of(names: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let wrong = || {
        let given = names.repr().map_or_else(|_| "something else".to_owned(), |text| text.to_string());
        PyTypeError::new_err(format!(
            "refresh() takes a list of attribute names, such as [\"name\"], not {given}"
        ))
    };
    if names.is_instance_of::<PyString>() {
        return Err(wrong());
    }
    names.try_iter().map_err(|_| wrong())?.map(|name| name?.extract().map_err(|_| wrong())).collect()
}

fn no_such(model: &str) -> Error {
    Error::new(ErrorKind::NoResult(format!("no {model} has this key")))
}

/// The values of a key, checked against its columns.
fn key_of(py: Python<'_>, model: ModelId, key: &Bound<'_, PyAny>) -> PyResult<Key> {
    let schema = schema(py)?;
    let model = schema.model(model);
    let parts: SmallVec<[Bound<'_, PyAny>; 2]> = match key.cast::<PyTuple>() {
        Ok(parts) => parts.iter().collect(),
        Err(_) => smallvec![key.clone()],
    };
    if parts.len() != model.key.len() {
        let names: Vec<_> = model.key.iter().map(|field| model.field(*field).name.as_str()).collect();
        let text = format!(
            "the key of {} is ({}): {} value(s) were given",
            model.name(),
            names.join(", "),
            parts.len()
        );
        return Err(raise(Error::invalid_request(text)));
    }
    let part = |(field, part): (&FieldId, &Bound<'_, PyAny>)| {
        convert::to_value(part, &model.field(*field).column_type, &|| model.place(*field))
    };
    model.key.iter().zip(&parts).map(part).collect()
}

/// One item as Python sees it.
pub(crate) fn value_of(py: Python<'_>, item: Item<PyHost>) -> Py<PyAny> {
    match item {
        Item::Object(Some(object)) => object,
        Item::Object(None) => py.None(),
        Item::Value(value) => value,
    }
}
