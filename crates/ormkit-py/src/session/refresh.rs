//! Reading rows again, and comparing with them: `expire`, `refresh`, `merge`.

use std::sync::Arc;

use ormkit_core::error::Error;
use ormkit_core::host::Host;
use ormkit_core::model::{FieldId, RelationId};
use ormkit_core::query::Lock;
use ormkit_core::session::Attributes;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};

use super::sync::mapped;
use super::{AsyncSession, nothing, on_session, raise};
use crate::bridge::Operation;
use crate::event;
use crate::host::PyHost;
use crate::model::schema;
use crate::query::{check_loaded, relations_of};

#[pymethods]
impl AsyncSession {
    /// Unload attributes, so that they are read again: reading one raises until `get`, `refresh`, a load or any query that
    /// returns the row has filled it. Their unsaved changes are dropped; the key stays. Sends nothing.
    ///
    /// Args:
    ///     object: A stored object of this session.
    ///     attribute_names, attributes: Names of columns and relations. None: all of them; then it passes on to the objects of relations
    ///         with the refresh-expire cascade (`cascade="all"` has it), and new ones among these are let go.
    ///
    /// The other side of a relation keeps what it was told: a list that holds an object still writes its reference.
    ///
    /// Raises:
    ///     InvalidRequestError: The object is not a stored one of this session.
    ///     FieldError: The model has no such attribute.
    #[pyo3(signature = (object, attributes = None))]
    fn expire(
        &self,
        py: Python<'_>,
        object: &Bound<'_, PyAny>,
        attributes: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let object = mapped(object)?;
        let named = Named::read(py, &object, "expire", attributes)?;
        self.link.lease(py)?.expire(&object, named.attributes()).map_err(raise)
    }

    /// Expire all stored objects of the session.
    fn expire_all(&self, py: Python<'_>) -> PyResult<()> {
        self.link.lease(py)?.expire_all().map_err(raise)?;
        Ok(())
    }

    /// Read an object's row again and overwrite attributes. Their unsaved changes are dropped; what else is unsaved is
    /// written first, unless `autoflush` is off.
    ///
    /// Args:
    ///     object: A stored object of this session.
    ///     attributes: Names of columns and relations. None: all columns, the relations that the class always loads, and those
    ///         loaded ones that have the refresh-expire cascade (`cascade="all"` has it), with their objects.
    ///     with_for_update: True, or a dict of `nowait`, `read`, `key_share`, `skip_locked`: the row is locked until the
    ///         transaction ends, which is opened where none is.
    ///
    /// Raises:
    ///     InvalidRequestError: The object is not of this session, or its row is gone.
    ///     FieldError: The model has no such attribute.
    #[pyo3(signature = (object, attribute_names = None, with_for_update = None, *, attributes = None))]
    fn refresh(
        &self,
        py: Python<'_>,
        object: &Bound<'_, PyAny>,
        attribute_names: Option<&Bound<'_, PyAny>>,
        with_for_update: Option<&Bound<'_, PyAny>>,
        attributes: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        if attribute_names.is_some() && attributes.is_some() {
            return Err(PyTypeError::new_err("refresh() takes one of attribute_names and attributes"));
        }
        let object = mapped(object)?;
        let named = Named::read(py, &object, "refresh", attribute_names.or(attributes))?;
        let lock = lock_of(with_for_update)?;
        let link = Arc::clone(&self.link);
        Operation::start(py, "AsyncSession.refresh", async move {
            let begun = Python::attach(|py| link.lease(py))?.begin_refresh(&object, named.attributes());
            let begun = begun.map_err(raise)?;
            // Boxed: an operation that nobody listens to has no room for it.
            if event::any_session() {
                Box::pin(link.autoflush_told()).await?;
            }
            let mut session = Python::attach(|py| link.lease(py))?;
            session.finish_refresh(&object, named.attributes(), begun, lock).await.map_err(raise)?;
            Ok(nothing())
        })
    }

    /// Take over what an object knows into the session's object of its key, and answer that one. The given object stays
    /// what it was; one of this session is answered as it is.
    ///
    /// Without a row of the key (or without a key) the answer is a new object, which the next flush inserts. Relations with
    /// the merge cascade (the default) that the given object has loaded are taken over with their objects; a new object's
    /// relations that were never set are left alone.
    ///
    /// Args:
    ///     object: A new object, a detached one, or one of another session.
    ///     load: Always True: rows are read. False raises `NotSupportedError`.
    ///     options: Loader options for the answer.
    ///
    /// Raises:
    ///     InvalidRequestError: The object was deleted, or the session's object is marked for deletion.
    #[pyo3(signature = (object, *, load = true, options = None))]
    fn merge(
        &self,
        py: Python<'_>,
        object: &Bound<'_, PyAny>,
        load: bool,
        options: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        if !load {
            return Err(raise(Error::unsupported(
                "merge(load=False)",
                "objects are compared with their rows; add() takes a detached object in without reading",
            )));
        }
        let given = mapped(object)?;
        let loads = relations_of(py, PyHost::BARE.model(&given), options)?;
        on_session!(py, self.link, "AsyncSession.merge", first autoflush_told, |session| {
            session.merge(&given, &loads).await.map_err(raise)
        })
    }
}

/// Attributes by name; None: all.
struct Named(Option<(Vec<FieldId>, Vec<RelationId>)>);

impl Named {
    /// From a list of names.
    fn read(
        py: Python<'_>,
        object: &Py<PyAny>,
        verb: &str,
        names: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let Some(names) = names else { return Ok(Self(None)) };
        let schema = schema(py)?;
        let model = schema.model(PyHost::BARE.model(object));
        let (mut fields, mut relations) = (Vec::new(), Vec::new());
        for name in names_of(verb, names)? {
            match (model.find_field(&name), model.find_relation(&name)) {
                (Some(field), _) => fields.push(field),
                (None, Some(relation)) => {
                    if verb == "refresh" {
                        check_loaded(model, model.relation(relation)).map_err(raise)?;
                    }
                    relations.push(relation);
                }
                (None, None) => return Err(raise(model.unknown("attribute", &name))),
            }
        }
        Ok(Self(Some((fields, relations))))
    }

    fn attributes(&self) -> Attributes<'_> {
        match &self.0 {
            None => Attributes::All,
            Some((fields, relations)) if fields.is_empty() && relations.is_empty() => Attributes::All,
            Some((fields, relations)) => Attributes::Named(fields, relations),
        }
    }
}

/// Names of attributes, from a list of them.
fn names_of(verb: &str, names: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let wrong = || {
        let given = names.repr().map_or_else(|_| "something else".to_owned(), |text| text.to_string());
        PyTypeError::new_err(format!(
            "{verb}() takes a list of attribute names, such as [\"name\"], not {given}"
        ))
    };
    if names.is_instance_of::<PyString>() {
        return Err(wrong());
    }
    names.try_iter().map_err(|_| wrong())?.map(|name| name?.extract().map_err(|_| wrong())).collect()
}

/// `with_for_update=`: True, or a dict of the lock's words.
///
/// # Errors
/// `TypeError` for anything else, and for a word that is none; `InvalidRequestError` for words that contradict one
/// another.
pub(super) fn lock_of(asked: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Lock>> {
    let Some(asked) = asked else { return Ok(None) };
    if let Ok(asked) = asked.cast::<PyBool>() {
        return Ok(asked.is_true().then(Lock::default));
    }
    let Ok(words) = asked.cast::<PyDict>() else {
        let text = format!(
            "with_for_update= takes True or a dict such as {{\"nowait\": True}}, not {}",
            asked.repr()?
        );
        return Err(PyTypeError::new_err(text));
    };
    let mut lock = Lock::default();
    for (word, value) in words {
        let word: String = word.extract()?;
        let place = match word.as_str() {
            "read" => &mut lock.read,
            "key_share" => &mut lock.key_share,
            "nowait" => &mut lock.nowait,
            "skip_locked" => &mut lock.skip_locked,
            _ => {
                return Err(PyTypeError::new_err(format!(
                    "with_for_update= knows nowait, read, key_share and skip_locked, not {word:?}"
                )));
            }
        };
        *place = value.extract()?;
    }
    if lock.nowait && lock.skip_locked {
        let text = "with_for_update=: nowait and skip_locked contradict one another";
        return Err(raise(Error::invalid_request(text)));
    }
    Ok(Some(lock))
}
