//! What makes sessions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arguments::Arguments;
use super::{AsyncSession, SessionContext, SessionLink};
use crate::event::Listeners;

/// What sessions are made of.
pub(super) struct SessionPlan {
    arguments: Arguments,
    /// The same as it was given, for a subclass of `AsyncSession`.
    words: Py<PyDict>,
    /// Who listens to the sessions.
    listeners: Arc<Listeners>,
}

impl SessionPlan {
    fn new(
        py: Python<'_>,
        function: &'static str,
        engine: Option<&Bound<'_, PyAny>>,
        more: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let words = words(py, engine, more)?;
        Self::of(py, function, words, Arc::default())
    }

    fn of(
        py: Python<'_>,
        function: &'static str,
        words: Bound<'_, PyDict>,
        listeners: Arc<Listeners>,
    ) -> PyResult<Self> {
        let arguments = Arguments::read(function, None, Some(&words), py)?;
        Ok(Self { arguments, words: words.unbind(), listeners })
    }

    /// The same, of which a session can be made.
    fn checked(self) -> PyResult<Self> {
        self.arguments.bind()?;
        Ok(self)
    }

    pub(super) fn make(&self, py: Python<'_>) -> PyResult<Py<AsyncSession>> {
        let made = match &self.arguments.class {
            None => {
                let link = SessionLink::open(self.arguments.bind()?.clone(), self.arguments.options.clone());
                let made = Bound::new(py, AsyncSession::of(link))?;
                if let Some(info) = &self.arguments.info {
                    made.get().note(info.bind(py))?;
                }
                AsyncSession::show(&made)?;
                made.unbind()
            }
            Some(class) => {
                let words = self.words.bind(py).copy()?;
                words.del_item("class_")?;
                class.bind(py).call((), Some(&words))?.cast_into::<AsyncSession>()?.unbind()
            }
        };
        made.get().link.maker.get_or_init(|| Arc::clone(&self.listeners));
        Ok(made)
    }
}

/// The arguments of a call by name. A place and a name for the engine are one too many.
fn words<'py>(
    py: Python<'py>,
    engine: Option<&Bound<'py, PyAny>>,
    more: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    let words = more.map_or_else(|| Ok(PyDict::new(py)), |more| more.copy())?;
    if let Some(engine) = engine.filter(|engine| !engine.is_none()) {
        if let Some(bind) = words.get_item("bind")? {
            super::bind::Bind::of(Some(engine), Some(&bind))?;
        }
        words.set_item("bind", engine)?;
    }
    Ok(words)
}

/// `async_sessionmaker`: calling it makes a session.
#[pyclass(frozen, name = "async_sessionmaker", module = "ormkit")]
pub(crate) struct SessionMaker {
    /// Who listens to its sessions.
    pub(crate) listeners: Arc<Listeners>,
    plan: Mutex<Arc<SessionPlan>>,
}

const MAKER: &str = "async_sessionmaker";

impl SessionMaker {
    fn plan(&self) -> MutexGuard<'_, Arc<SessionPlan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan with other arguments.
    fn with(&self, more: Option<&Bound<'_, PyDict>>) -> PyResult<Arc<SessionPlan>> {
        let plan = Arc::clone(&self.plan());
        let Some(more) = more.filter(|more| !more.is_empty()) else { return Ok(plan) };
        let py = more.py();
        let words = plan.words.bind(py).copy()?;
        words.update(more.as_mapping())?;
        SessionPlan::of(py, MAKER, words, Arc::clone(&self.listeners)).map(Arc::new)
    }
}

#[pymethods]
impl SessionMaker {
    /// Arguments are those of `AsyncSession`, and `class_`, a subclass of it. The engine may be said later, by `configure`.
    #[new]
    #[pyo3(
        signature = (engine = None, **options),
        text_signature = "(engine=None, *, bind=None, autoflush=True, expire_on_commit=False, read_only=False, isolation=None, \
                          info=None, class_=None)"
    )]
    fn new(
        py: Python<'_>,
        engine: Option<&Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let plan = SessionPlan::new(py, MAKER, engine, options)?;
        Ok(Self { listeners: Arc::clone(&plan.listeners), plan: Mutex::new(Arc::new(plan)) })
    }

    /// A session; `options` are said for it alone.
    #[pyo3(signature = (**options))]
    fn __call__(&self, py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<AsyncSession>> {
        self.with(options)?.make(py)
    }

    /// A session inside `begin()`: `async with maker.begin() as session`.
    fn begin(&self) -> SessionContext {
        SessionContext::new(Arc::clone(&self.plan()))
    }

    /// Say more of the sessions that are made from now on.
    #[pyo3(signature = (**options))]
    fn configure(&self, options: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let plan = self.with(options)?;
        *self.plan() = plan;
        Ok(())
    }

    /// The arguments of its sessions, by name.
    #[getter]
    fn kw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.plan().words.bind(py).copy()
    }
}

/// A session for `engine`, as `AsyncSession(engine)`.
#[pyfunction]
#[pyo3(
    signature = (engine = None, **options),
    text_signature = "(engine=None, *, bind=None, autoflush=True, expire_on_commit=False, read_only=False, isolation=None, info=None)"
)]
pub(crate) fn create_session(
    py: Python<'_>,
    engine: Option<&Bound<'_, PyAny>>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<AsyncSession>> {
    SessionPlan::new(py, "create_session", engine, options)?.make(py)
}

/// A session inside a transaction: the end of the block commits, an exception undoes everything since the last `commit()`,
/// after which the next transaction begins. Blocks of `begin()` are savepoints.
#[pyfunction]
#[pyo3(
    signature = (engine = None, **options),
    text_signature = "(engine=None, *, bind=None, autoflush=True, expire_on_commit=False, read_only=False, isolation=None, info=None)"
)]
pub(crate) fn session_context(
    py: Python<'_>,
    engine: Option<&Bound<'_, PyAny>>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<SessionContext> {
    let plan = SessionPlan::new(py, "session_context", engine, options)?.checked()?;
    Ok(SessionContext::new(Arc::new(plan)))
}
