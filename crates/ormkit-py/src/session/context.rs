//! The end of a session, and sessions for a block.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use ormkit_core::host::Host;
use ormkit_core::model::FieldId;
use ormkit_core::session::Session;
use pyo3::prelude::*;

use super::maker::SessionPlan;
use super::{AsyncSession, SessionLink, nothing, raise};
use crate::bridge::{Operation, Started, at_drop};
use crate::errors::uncommitted_warning;
use crate::event;
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

/// `async with session_context(engine) as session`.
#[pyclass(frozen, name = "SessionContext", module = "ormkit")]
pub(crate) struct SessionContext {
    plan: Arc<SessionPlan>,
    opened: Mutex<Option<Py<AsyncSession>>>,
}

impl SessionContext {
    pub(super) fn new(plan: Arc<SessionPlan>) -> Self {
        Self { plan, opened: Mutex::default() }
    }
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
