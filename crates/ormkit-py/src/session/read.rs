//! Reading through a session: by key, by statement, by fluent query.

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::load::Item;
use ormkit_core::model::{FieldId, ModelId};
use ormkit_core::query::{Deleted, Lock};
use ormkit_core::session::Key;
use ormkit_core::value::Value;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::refresh::lock_of;
use super::{AsyncSession, nothing, on_session, raise};
use crate::bridge::Operation;
use crate::convert::Border;
use crate::expr::Expr;
use crate::host::{PyHost, class_info};
use crate::model::{any_conversion, schema};
use crate::query::{Query, key_parts, loads_of, model_of, relations_of};

#[pymethods]
impl AsyncSession {
    /// The object of a primary key, or None. An object that the session holds is answered without a statement.
    ///
    /// Args:
    ///     model: A mapped class.
    ///     key: The key's value; for a key of several columns a tuple in the order of their declaration, or a dict.
    ///     options: Loader options, such as `selectinload(User.posts)`.
    ///     with_for_update: True, or a dict of `nowait`, `read`, `key_share`, `skip_locked`: the row is locked until the
    ///         transaction ends, which is opened where none is, and read as with `populate_existing`. SQLite locks the
    ///         database for writing instead.
    ///     populate_existing: The row is read also where the session holds the object, and its columns are overwritten.
    ///         Pending changes are written first, unless `autoflush` is off: then they are lost.
    ///     include_deleted: Also an object whose row counts as deleted (`soft_delete`), and such ones among what `options`
    ///         load.
    ///
    /// An object that was expired is read. Whatever reads flushes first, where the session does that.
    ///
    /// Raises:
    ///     DataError: The key's value does not fit its column.
    #[allow(clippy::too_many_arguments, reason = "the options of a get")]
    #[pyo3(signature = (entity, ident, *, options = None, with_for_update = None, populate_existing = false,
        include_deleted = false))]
    fn get(
        &self,
        py: Python<'_>,
        entity: &Bound<'_, PyAny>,
        ident: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyAny>>,
        with_for_update: Option<&Bound<'_, PyAny>>,
        populate_existing: bool,
        include_deleted: bool,
    ) -> PyResult<Py<Operation>> {
        let asked = Asked {
            options,
            lock: lock_of(with_for_update)?,
            populate_existing,
            include_deleted,
            required: false,
        };
        self.fetch_by_key(py, entity, ident, &asked)
    }

    /// As `get`, but a missing row raises `NoResultFound`.
    #[allow(clippy::too_many_arguments, reason = "the options of a get")]
    #[pyo3(signature = (entity, ident, *, options = None, with_for_update = None, populate_existing = false,
        include_deleted = false))]
    fn get_one(
        &self,
        py: Python<'_>,
        entity: &Bound<'_, PyAny>,
        ident: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyAny>>,
        with_for_update: Option<&Bound<'_, PyAny>>,
        populate_existing: bool,
        include_deleted: bool,
    ) -> PyResult<Py<Operation>> {
        let asked = Asked {
            options,
            lock: lock_of(with_for_update)?,
            populate_existing,
            include_deleted,
            required: true,
        };
        self.fetch_by_key(py, entity, ident, &asked)
    }

    /// As `get_one`.
    #[allow(clippy::too_many_arguments, reason = "the options of a get")]
    #[pyo3(signature = (entity, ident, *, options = None, with_for_update = None, populate_existing = false,
        include_deleted = false))]
    fn get_or_raise(
        &self,
        py: Python<'_>,
        entity: &Bound<'_, PyAny>,
        ident: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyAny>>,
        with_for_update: Option<&Bound<'_, PyAny>>,
        populate_existing: bool,
        include_deleted: bool,
    ) -> PyResult<Py<Operation>> {
        let asked = Asked {
            options,
            lock: lock_of(with_for_update)?,
            populate_existing,
            include_deleted,
            required: true,
        };
        self.fetch_by_key(py, entity, ident, &asked)
    }

    /// A fluent query of a model.
    #[pyo3(signature = (model, /, *more))]
    fn query(slf: PyRef<'_, Self>, model: &Bound<'_, PyAny>, more: &Bound<'_, PyTuple>) -> PyResult<Query> {
        if !more.is_empty() || model.is_instance_of::<Expr>() {
            return Err(PyTypeError::new_err(
                "query() takes a mapped class: session.query(User).values_list(\"id\", \"name\") reads columns of it, session.execute(select(User.id, ..)) whatever there is",
            ));
        }
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
        asked: &Asked<'_, '_>,
    ) -> PyResult<Py<Operation>> {
        let id = model_of(model)?;
        let key = key_of(py, self.link.bind.engine.border(), id, key)?;
        let required = asked.required;
        if asked.populate_existing || asked.lock.is_some() {
            let (lock, loads) = (asked.lock, relations_of(py, id, asked.options)?);
            let deleted = if asked.include_deleted { Deleted::Included } else { Deleted::LeftOut };
            return on_session!(py, self.link, "AsyncSession.get", first autoflush_told, |session| {
                let found = session.get_again(id, &key, &loads, lock, deleted).await.map_err(raise)?;
                match found {
                    None if required => Err(raise(no_such(&session.schema().model(id).def.name))),
                    None => Ok(nothing()),
                    Some(object) => Ok(object),
                }
            });
        }
        let (fields, loads) = loads_of(py, id, asked.options)?;
        let deleted = asked.include_deleted;
        on_session!(py, self.link, "AsyncSession.get", first autoflush_told, |session| {
            let found = match fields {
                fields if deleted => {
                    Box::pin(session.get_with_deleted(id, &key, fields.as_deref(), &loads)).await
                }
                // Boxed where it is rare: what a future may await at most is what every call of it moves around.
                Some(fields) => Box::pin(session.get_partly(id, &key, &fields, &loads)).await,
                None => session.get(id, &key, &loads).await,
            };
            let found = found.map_err(raise)?;
            match found {
                None if required => Err(raise(no_such(&session.schema().model(id).def.name))),
                None => Ok(nothing()),
                Some(object) => Ok(object),
            }
        })
    }
}

/// What is asked of a get beside its key.
struct Asked<'a, 'py> {
    options: Option<&'a Bound<'py, PyAny>>,
    lock: Option<Lock>,
    populate_existing: bool,
    include_deleted: bool,
    /// A missing row raises.
    required: bool,
}

fn no_such(model: &str) -> Error {
    Error::new(ErrorKind::NoResult(format!("no {model} has this key")))
}

/// The values of a key, checked against its columns.
fn key_of(py: Python<'_>, border: &Border, model: ModelId, key: &Bound<'_, PyAny>) -> PyResult<Key> {
    let schema = schema(py)?;
    let model = schema.model(model);
    let parts = key_parts(model, key)?;
    let part = |(field, part): (&FieldId, &Bound<'_, PyAny>)| {
        let own = match any_conversion() {
            true => class_info(py, model.id).fields[field.index()].conversion.as_deref(),
            false => None,
        };
        let mut made = Value::Null;
        let column_type = &model.field(*field).column_type;
        let bound = border.bind(part, column_type, own, &|| model.place(*field), &mut |value| {
            made = Value::from(value);
            Ok(())
        });
        bound.map(|()| made).map_err(raise)
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
