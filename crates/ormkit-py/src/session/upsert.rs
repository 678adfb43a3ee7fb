//! Verbs that find a row or make it: `upsert`, `get_or_create`, `update_or_create`.

use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::host::Host;
use ormkit_core::model::{FieldId, Model};
use ormkit_core::query::{Lock, Select};
use ormkit_core::session::{Attributes, Session, Upsert};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString, PyTuple};

use super::sync::{mapped, mapped_all};
use super::verbs::set_all;
use super::{AsyncSession, on_session, raise};
use crate::bridge::Operation;
use crate::host::PyHost;
use crate::model::schema;
use crate::query::{Query, field_of};

#[pymethods]
impl AsyncSession {
    /// Insert an object, or write it into the row that exists already (INSERT … ON CONFLICT). It joins the open transaction;
    /// without one it runs in one of its own, committed before it returns.
    ///
    /// Args:
    ///     object: A new object.
    ///     conflict_target: The column, or the list of columns, by whose values rows are told apart; a unique index has to
    ///         cover them.
    ///     update_fields: What is written into an existing row; None: the attributes that were set (not by defaults), without
    ///         the key and the target.
    ///     do_nothing: An existing row is left as it is.
    ///
    /// Returns the session's object of that row, as it is stored now: the one given, unless the session held another. That one is
    /// answered then, and the one given stays transient.
    ///
    /// Raises:
    ///     IntegrityError, DataError: The objects are as before the call.
    ///     InvalidRequestError: The object is stored already.
    ///     NotSupportedError: It has new relatives, which would have to be inserted as well.
    #[pyo3(signature = (object, conflict_target, update_fields = None, do_nothing = false))]
    fn upsert(
        &self,
        py: Python<'_>,
        object: &Bound<'_, PyAny>,
        conflict_target: &Bound<'_, PyAny>,
        update_fields: Option<&Bound<'_, PyAny>>,
        do_nothing: bool,
    ) -> PyResult<Py<Operation>> {
        let object = mapped(object)?;
        let how = how(py, &object, conflict_target, update_fields, do_nothing)?;
        on_session!(py, self.link, "AsyncSession.upsert", |session| {
            let mut found = session.upsert(std::slice::from_ref(&object), &how).await.map_err(raise)?;
            Ok(found.pop().unwrap_or(object))
        })
    }

    /// The same of several objects of one model, in one flight. Answers the session's objects as a list in the same order.
    #[pyo3(signature = (objects, conflict_target, update_fields = None, do_nothing = false))]
    fn upsert_all(
        &self,
        py: Python<'_>,
        objects: &Bound<'_, PyAny>,
        conflict_target: &Bound<'_, PyAny>,
        update_fields: Option<&Bound<'_, PyAny>>,
        do_nothing: bool,
    ) -> PyResult<Py<Operation>> {
        let objects = mapped_all(objects)?;
        let Some(first) = objects.first() else {
            return Operation::ready(py, "AsyncSession.upsert_all", PyList::empty(py).into_any().unbind());
        };
        if objects.iter().any(|object| PyHost::BARE.model(object) != PyHost::BARE.model(first)) {
            return Err(PyTypeError::new_err("upsert_all() takes objects of one model"));
        }
        let how = how(py, first, conflict_target, update_fields, do_nothing)?;
        on_session!(py, self.link, "AsyncSession.upsert_all", |session| {
            let found = session.upsert(&objects, &how).await.map_err(raise)?;
            Python::attach(|py| Ok(PyList::new(py, found)?.into_any().unbind()))
        })
    }

    /// The object that the lookups find, or a new one, inserted at once with their values and the defaults. Two tasks that race
    /// get one row: who comes second finds the row of the first.
    ///
    /// Args:
    ///     model: A mapped class.
    ///     defaults: More values of a new object; functions are called.
    ///
    /// Returns:
    ///     tuple: The object, and whether it was made.
    ///
    /// Raises:
    ///     MultipleResultsFound: The lookups find several objects.
    ///     IntegrityError: The new row violates a constraint, and the lookups find no row that was in the way.
    #[pyo3(signature = (model, defaults = None, **lookups))]
    fn get_or_create(
        slf: &Bound<'_, Self>,
        model: &Bound<'_, PyAny>,
        defaults: Option<&Bound<'_, PyDict>>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        let py = slf.py();
        let wanted = Wanted::new(slf, model, defaults, lookups)?;
        on_session!(py, slf.get().link, "AsyncSession.get_or_create", first autoflush_told, |session| {
            let (object, created) = wanted.get_or_create(&mut session, false).await?;
            answer(object, created)
        })
    }

    /// The same, and the defaults are written into an object that is found.
    ///
    /// Returns:
    ///     tuple: The object, and whether it was made.
    #[pyo3(signature = (model, defaults = None, **lookups))]
    fn update_or_create(
        slf: &Bound<'_, Self>,
        model: &Bound<'_, PyAny>,
        defaults: Option<&Bound<'_, PyDict>>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        let py = slf.py();
        let wanted = Wanted::new(slf, model, defaults, lookups)?;
        on_session!(py, slf.get().link, "AsyncSession.update_or_create", first autoflush_told, |session| {
            let locks = session.in_transaction();
            let (object, created) = wanted.get_or_create(&mut session, locks).await?;
            if !created {
                wanted.update(&mut session, &object).await?;
            }
            answer(object, created)
        })
    }
}

fn answer(object: Py<PyAny>, created: bool) -> PyResult<Py<PyAny>> {
    Python::attach(|py| {
        let created = PyBool::new(py, created).to_owned().into_any().unbind();
        Ok(PyTuple::new(py, [object, created])?.into_any().unbind())
    })
}

fn how(
    py: Python<'_>,
    object: &Py<PyAny>,
    target: &Bound<'_, PyAny>,
    update: Option<&Bound<'_, PyAny>>,
    nothing: bool,
) -> PyResult<Upsert> {
    let schema = schema(py)?;
    let model = schema.model(PyHost::BARE.model(object));
    let update = update.filter(|update| !update.is_none());
    if nothing && update.is_some() {
        return Err(PyTypeError::new_err("upsert() takes update_fields or do_nothing, not both"));
    }
    let target = fields_of(model, target)?;
    if target.is_empty() {
        return Err(PyValueError::new_err("upsert() needs the columns that tell rows apart"));
    }
    Ok(Upsert { target, update: update.map(|update| fields_of(model, update)).transpose()?, nothing })
}

/// A column, its name, or a list of them.
fn fields_of(model: &Model, columns: &Bound<'_, PyAny>) -> PyResult<Vec<FieldId>> {
    if columns.is_instance_of::<PyList>() || columns.is_instance_of::<PyTuple>() {
        return columns.try_iter()?.map(|column| field_of(model, &column?)).collect();
    }
    Ok(vec![field_of(model, columns)?])
}

/// An object that is looked for, and made where there is none.
struct Wanted {
    class: Py<PyAny>,
    select: Select,
    /// Attributes of a new object.
    values: Py<PyDict>,
    defaults: Option<Py<PyDict>>,
}

impl Wanted {
    fn new(
        session: &Bound<'_, AsyncSession>,
        model: &Bound<'_, PyAny>,
        defaults: Option<&Bound<'_, PyDict>>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let py = session.py();
        let query = Bound::new(py, Query::of_session(session.clone().into_any().unbind(), model)?)?;
        let query = query.call_method("filter", (), lookups)?.cast_into::<Query>()?;
        let select = Select::clone(query.get().core()).limit(2);
        let values = PyDict::new(py);
        for (name, value) in lookups.into_iter().flatten() {
            let name = name.cast_into::<PyString>()?;
            let text = name.to_str()?;
            let bare = text.strip_suffix("__exact").unwrap_or(text);
            if !bare.contains("__") {
                values.set_item(bare, value)?;
            }
        }
        let schema = schema(py)?;
        let known = schema.model(query.get().model());
        for (name, value) in defaults.into_iter().flatten() {
            let name = name.cast_into::<PyString>()?;
            let text = name.to_str()?;
            if known.find_field(text).is_none()
                && known.find_relation(text).is_none()
                && !model.hasattr(&name)?
            {
                return Err(raise(known.unknown("attribute", text)));
            }
            values.set_item(name, value)?;
        }
        let defaults = defaults.map(|defaults| defaults.copy().map(Bound::unbind)).transpose()?;
        Ok(Self { class: model.clone().unbind(), select, values: values.unbind(), defaults })
    }

    /// With `locks` an object that is found is locked, for it is going to be written.
    async fn get_or_create(&self, session: &mut Session<PyHost>, locks: bool) -> PyResult<(Py<PyAny>, bool)> {
        if let Some(object) = self.find(session, locks).await? {
            return Ok((object, false));
        }
        let object = Python::attach(|py| {
            let values = called(self.values.bind(py))?;
            self.class.bind(py).call((), Some(&values)).map(Bound::unbind)
        })?;
        match session.insert_unless_taken(&object).await.map_err(raise)? {
            None => Ok((object, true)),
            // The row that was in the way, unless it is another one than the lookups mean.
            Some(error) => match self.find(session, locks).await? {
                Some(object) => Ok((object, false)),
                None => Err(raise(error)),
            },
        }
    }

    async fn find(&self, session: &mut Session<PyHost>, locks: bool) -> PyResult<Option<Py<PyAny>>> {
        let select = Select { lock: locks.then(Lock::default), ..self.select.clone() };
        let mut objects = session.select(&select).await.map_err(raise)?.into_objects();
        match objects.len() {
            0 | 1 => Ok(objects.pop()),
            _ => Err(raise(Error::new(ErrorKind::MultipleResults(
                "the lookups find several objects where one is meant".to_owned(),
            )))),
        }
    }

    /// Sets the defaults. Outside of a transaction nothing is locked: where another one was faster, the row is read again.
    async fn update(&self, session: &mut Session<PyHost>, object: &Py<PyAny>) -> PyResult<()> {
        let mut again = if session.in_transaction() { 0 } else { MOST_TRIES };
        loop {
            let before = PyHost::BARE.snapshot(object);
            let set = Python::attach(|py| {
                let values = self.defaults.as_ref().map(|values| called(values.bind(py))).transpose()?;
                set_all(object.bind(py), values.as_ref())
            });
            let updated = match set {
                Ok(()) => session.update(std::slice::from_ref(object)).await,
                Err(error) => {
                    PyHost::BARE.revert(object, before);
                    return Err(error);
                }
            };
            let Err(error) = updated else { return Ok(()) };
            PyHost::BARE.revert(object, before);
            if again == 0 || !matches!(error.kind(), ErrorKind::StaleRow { .. }) {
                return Err(raise(error));
            }
            again -= 1;
            session.refresh(object, Attributes::All, None).await.map_err(raise)?;
        }
    }
}

/// How often a row that others have changed meanwhile is read again.
const MOST_TRIES: u32 = 100;

/// The values, functions called.
fn called<'py>(values: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let made = PyDict::new(values.py());
    for (name, value) in values {
        let value = if value.is_callable() { value.call0()? } else { value };
        made.set_item(name, value)?;
    }
    Ok(made)
}
