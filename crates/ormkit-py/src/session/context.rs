//! The life of a session: how it ends, and how it is made.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use ormkit_core::error::Error;
use ormkit_core::host::Host;
use ormkit_core::model::FieldId;
use ormkit_core::session::{Session, SessionOptions};
use ormkit_core::sql::{Isolation, TransactionMode};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use super::bind::Bind;
use super::{AsyncSession, SessionLink, nothing, raise};
use crate::bridge::{Operation, Started, at_drop};
use crate::errors::uncommitted_warning;
use crate::event::{self, Listeners};
use crate::host::PyHost;
use crate::instance;
use crate::model::schema;

/// Ends a session. `how` it ends is said in the warning of work that is lost; None: an exception is on its way.
pub(super) fn close(
    py: Python<'_>,
    link: &Arc<SessionLink>,
    how: Option<&'static str>,
) -> PyResult<Py<Operation>> {
    let link = Arc::clone(link);
    Operation::attempt(py, "AsyncSession.close", move |py| {
        if link.open.get().is_none() {
            return Ok(Started::Done(py.None()));
        }
        let mut session = link.lease(py)?;
        link.on_commit.forget_from(0);
        let lost = how.and_then(|how| lost(py, &mut session, how));
        if session.in_transaction() {
            return Ok(Started::going(async move {
                session.close().await.map_err(raise)?;
                Python::attach(|py| told(py, lost))
            }));
        }
        session.let_go();
        drop(session);
        told(py, lost).map(Started::Done)
    })
}

/// Warns of what was lost at the end of a block.
fn told(py: Python<'_>, lost: Option<String>) -> PyResult<Py<PyAny>> {
    if let Some(lost) = lost {
        uncommitted_warning(py, &lost, 2)?;
    }
    Ok(py.None())
}

/// Ends a session that was dropped unclosed, and warns of what is lost with it. In a forked child (not `ours`) nothing is
/// lost: the parent has the session still.
pub(super) fn abandon(mut session: Box<Session<PyHost>>, ours: bool) {
    at_drop(|py| {
        let lost = if ours { lost(py, &mut session, DROPPED) } else { None };
        let abandoned = session.abandon().map_err(raise);
        let warned = lost.map_or(Ok(()), |lost| uncommitted_warning(py, &lost, 1));
        abandoned.and(warned)
    });
}

const DROPPED: &str = "dropped without close(): use `async with`";

/// What a session that ends now loses, in words. `how`: the way in which it ended.
fn lost(py: Python<'_>, session: &mut Session<PyHost>, how: &str) -> Option<String> {
    let mut lost = Vec::new();
    match session.pending() {
        Ok(pending) => {
            let unflushed: Vec<String> = ["new", "changed", "deleted"]
                .iter()
                .zip(&pending)
                .flat_map(|(what, objects)| {
                    objects.iter().map(move |object| format!("{what} {}", name(py, object)))
                })
                .collect();
            if !unflushed.is_empty() {
                let count = unflushed.len();
                lost.push(format!("{count} unflushed object(s) were dropped ({})", listed(&unflushed)));
            }
        }
        Err(error) => lost.push(format!("unflushed changes were dropped ({error})")),
    }
    if session.in_transaction() {
        let written: Vec<String> = session.written().iter().map(|object| name(py, object)).collect();
        if !written.is_empty() {
            lost.push(format!("flushed changes were rolled back ({})", listed(&written)));
        }
        let tables: Vec<String> = session
            .written_tables()
            .into_iter()
            .map(|table| table.unwrap_or_else(|| "SQL of the program".to_owned()))
            .collect();
        if !tables.is_empty() {
            lost.push(format!("writes of statements were rolled back ({})", listed(&tables)));
        }
        if lost.is_empty() && how == DROPPED {
            lost.push("an open transaction was rolled back".to_owned());
        }
    }
    (!lost.is_empty()).then(|| format!("{}: the session was {how}", lost.join(" and ")))
}

/// A class with its key: `Book 7`, `Shelf (1, 2)`; without one where it has none yet.
fn name(py: Python<'_>, object: &Py<PyAny>) -> String {
    let object = object.bind(py);
    let model = PyHost::BARE.model(object.as_unbound());
    let Ok(schema) = schema(py) else { return "object".to_owned() };
    let model = schema.model(model);
    let part = |field: &FieldId| {
        let value = instance::slot(object, field.index()).ok()??;
        (!value.is_none()).then(|| value.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string()))
    };
    match model.key.iter().map(part).collect::<Option<Vec<String>>>().as_deref() {
        Some([one]) => format!("{} {one}", model.name()),
        Some(parts) => format!("{} ({})", model.name(), parts.join(", ")),
        None => model.name().to_owned(),
    }
}

/// The first few of a list, and how many more there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}

/// `async_sessionmaker`: calling it makes a session.
#[pyclass(frozen, name = "async_sessionmaker", module = "ormkit")]
pub(crate) struct SessionMaker {
    pub(crate) plan: Arc<SessionPlan>,
}

/// What sessions are made of.
pub(crate) struct SessionPlan {
    bind: Bind,
    /// Who listens to the sessions.
    pub(crate) listeners: Arc<Listeners>,
    options: SessionOptions,
    /// A subclass of `AsyncSession`.
    class: Option<Py<PyType>>,
    /// The arguments once more, for the subclass.
    arguments: Py<PyDict>,
}

impl SessionPlan {
    /// From the arguments of a call.
    fn new(
        py: Python<'_>,
        engine: Option<&Bound<'_, PyAny>>,
        bind: Option<&Bound<'_, PyAny>>,
        asked: &Asked<'_>,
        class: Option<&Bound<'_, PyType>>,
    ) -> PyResult<Self> {
        let given = engine.or(bind);
        let place = Bind::of(engine, bind)?;
        let options = asked.options()?;
        place.check(&options)?;
        let base = py.get_type::<AsyncSession>();
        if let Some(other) = class
            && !other.is_subclass(&base)?
        {
            let text = format!("class_ takes AsyncSession or a subclass of it, not {}", other.name()?);
            return Err(PyTypeError::new_err(text));
        }
        let arguments = PyDict::new(py);
        arguments.set_item("bind", given)?;
        arguments.set_item("autoflush", asked.autoflush)?;
        arguments.set_item("read_only", asked.read_only)?;
        arguments.set_item("isolation", asked.isolation)?;
        let class = class.filter(|class| !class.is(&base)).map(|class| class.clone().unbind());
        let listeners = Arc::default();
        Ok(Self { bind: place, listeners, options, class, arguments: arguments.unbind() })
    }

    fn make(&self, py: Python<'_>) -> PyResult<Py<AsyncSession>> {
        let made = self.make_one(py)?;
        made.get().link.maker.get_or_init(|| Arc::clone(&self.listeners));
        Ok(made)
    }

    fn make_one(&self, py: Python<'_>) -> PyResult<Py<AsyncSession>> {
        match &self.class {
            None => {
                let link = SessionLink::open(self.bind.clone(), self.options.clone());
                let made = Bound::new(py, AsyncSession::of(link))?;
                AsyncSession::show(&made)?;
                Ok(made.unbind())
            }
            Some(class) => {
                let made = class.bind(py).call((), Some(self.arguments.bind(py)))?;
                Ok(made.cast_into::<AsyncSession>()?.unbind())
            }
        }
    }
}

/// What a caller may choose of a session.
pub(super) struct Asked<'a> {
    pub(super) autoflush: bool,
    pub(super) expire_on_commit: bool,
    pub(super) read_only: bool,
    pub(super) isolation: Option<&'a str>,
}

impl Asked<'_> {
    /// # Errors
    /// `NotSupportedError`: objects never expire by themselves here. `InvalidRequestError`: there is no such isolation.
    pub(super) fn options(&self) -> PyResult<SessionOptions> {
        if self.expire_on_commit {
            return Err(raise(Error::unsupported(
                "expire_on_commit=True",
                "objects stay loaded after commit; refresh(obj) reads a row again",
            )));
        }
        let mode = mode(self.isolation, self.read_only, false)?;
        Ok(SessionOptions { autoflush: self.autoflush, mode })
    }
}

/// The mode of a transaction, from a caller's words.
///
/// # Errors
/// `InvalidRequestError`: there is no such level, or the words contradict one another.
pub(super) fn mode(isolation: Option<&str>, read_only: bool, deferrable: bool) -> PyResult<TransactionMode> {
    let isolation = isolation.map(Isolation::parse).transpose().map_err(raise)?;
    TransactionMode { isolation, read_only, deferrable, ..TransactionMode::default() }
        .checked()
        .map_err(raise)
}

#[pymethods]
impl SessionMaker {
    #[new]
    #[pyo3(signature = (
        engine = None, *, bind = None, autoflush = true, expire_on_commit = false, read_only = false,
        isolation = None, class_ = None
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        engine: Option<&Bound<'_, PyAny>>,
        bind: Option<&Bound<'_, PyAny>>,
        autoflush: bool,
        expire_on_commit: bool,
        read_only: bool,
        isolation: Option<&str>,
        class_: Option<&Bound<'_, PyType>>,
    ) -> PyResult<Self> {
        let asked = Asked { autoflush, expire_on_commit, read_only, isolation };
        Ok(Self { plan: SessionPlan::new(py, engine, bind, &asked, class_)?.into() })
    }

    fn __call__(&self, py: Python<'_>) -> PyResult<Py<AsyncSession>> {
        self.plan.make(py)
    }

    /// A session inside `begin()`: `async with maker.begin() as session`.
    fn begin(&self) -> SessionContext {
        SessionContext { plan: Arc::clone(&self.plan), opened: Default::default() }
    }
}

/// A session for `engine`, as `AsyncSession(engine)`.
#[pyfunction]
#[pyo3(signature = (
    engine = None, *, bind = None, autoflush = true, expire_on_commit = false, read_only = false, isolation = None
))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn create_session(
    py: Python<'_>,
    engine: Option<&Bound<'_, PyAny>>,
    bind: Option<&Bound<'_, PyAny>>,
    autoflush: bool,
    expire_on_commit: bool,
    read_only: bool,
    isolation: Option<&str>,
) -> PyResult<Py<AsyncSession>> {
    let asked = Asked { autoflush, expire_on_commit, read_only, isolation };
    SessionPlan::new(py, engine, bind, &asked, None)?.make(py)
}

/// A session inside a transaction: the end of the block commits, an exception undoes everything since the last `commit()`,
/// after which the next transaction begins. Blocks of `begin()` are savepoints.
#[pyfunction]
#[pyo3(signature = (
    engine = None, *, bind = None, autoflush = true, expire_on_commit = false, read_only = false, isolation = None
))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn session_context(
    py: Python<'_>,
    engine: Option<&Bound<'_, PyAny>>,
    bind: Option<&Bound<'_, PyAny>>,
    autoflush: bool,
    expire_on_commit: bool,
    read_only: bool,
    isolation: Option<&str>,
) -> PyResult<SessionContext> {
    let asked = Asked { autoflush, expire_on_commit, read_only, isolation };
    let plan = SessionPlan::new(py, engine, bind, &asked, None)?;
    Ok(SessionContext { plan: Arc::new(plan), opened: Default::default() })
}

/// `async with session_context(engine) as session`.
#[pyclass(frozen, name = "SessionContext", module = "ormkit")]
pub(crate) struct SessionContext {
    plan: Arc<SessionPlan>,
    opened: Mutex<Option<Py<AsyncSession>>>,
}

#[pymethods]
impl SessionContext {
    fn __aenter__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let session = self.plan.make(py)?;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone_ref(py));
        Operation::start(py, "SessionContext.__aenter__", async move {
            let link = Arc::clone(&session.get().link);
            let mut core = Python::attach(|py| link.lease(py))?;
            core.begin().map_err(raise)?;
            link.inside.store(true, Ordering::Relaxed);
            drop(core);
            Ok(session.into_any())
        })
    }

    #[pyo3(signature = (exc_type, _exc_value, _traceback, /))]
    fn __aexit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        _exc_value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Operation>> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        let keep = exc_type.is_none();
        Operation::start(py, "SessionContext.__aexit__", async move {
            let Some(session) = opened else { return Ok(nothing()) };
            let told = match keep && event::any_session() {
                true => Box::pin(session.get().link.commit_told()).await,
                false => Ok(()),
            };
            let keep = keep && told.is_ok();
            let mut core = Python::attach(|py| session.get().link.lease(py))?;
            session.get().link.inside.store(false, Ordering::Relaxed);
            let committed = if keep { core.commit().await } else { Ok(()) };
            let closed = core.close().await;
            drop(core);
            committed.and(closed).map_err(|error| {
                session.get().link.on_commit.forget_from(0);
                raise(error)
            })?;
            let link = &session.get().link;
            match keep {
                true => link.kept().await?,
                false => {
                    link.on_commit.forget_from(0);
                    link.undone().await?;
                }
            }
            told.map(|()| nothing())
        })
    }
}
