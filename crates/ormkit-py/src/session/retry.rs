//! `run`: a whole function in a transaction, tried again when the database says that it can be.

use std::sync::Arc;
use std::time::Duration;

use ormkit_core::error::Error;
use ormkit_core::runtime::Runtime;
use ormkit_core::sql::TransactionMode;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::arguments::mode;
use super::{AsyncSession, SessionLink, raise};
use crate::bridge::{self, LoopRuntime, Operation};
use crate::event;

/// Before the first retry; it doubles with each one.
const BACK_OFF: Duration = Duration::from_millis(10);

/// The longest wait before a retry.
const LONGEST: Duration = Duration::from_secs(1);

#[pymethods]
impl AsyncSession {
    /// Call `function(session)` in a transaction of its own, await it, and commit. When the database refuses the transaction
    /// for what others did at the same time (serialization failures, deadlocks, SQLite's BUSY_SNAPSHOT), all of it is undone,
    /// the session lets its objects go, and after a pause the function is called again: it reads everything anew.
    ///
    /// Args:
    ///     function: An async function of one argument. What it does beside the database may happen several times.
    ///     retry: How many times it is called again, 0 or more. The pauses are 10 ms, then twice the last one, up to 1 s,
    ///         with up to half as much again by chance.
    ///     isolation: What the transaction sees of others, as for `begin()`.
    ///
    /// Returns what the function returned.
    ///
    /// Raises:
    ///     InvalidRequestError: A transaction is open, or objects are pending: they could not be given back.
    ///     SerializationFailure, DeadlockDetected: The last try failed as well.
    ///     OutcomeUnknown: The connection was lost during COMMIT: nobody knows whether it was kept, so it is not tried again.
    ///
    /// Any other exception rolls back and comes out. Cancelling the task leaves the transaction to `rollback()` or the end of
    /// the session.
    #[pyo3(signature = (function, *, retry = 3, isolation = None))]
    fn run(
        slf: PyRef<'_, Self>,
        py: Python<'_>,
        function: &Bound<'_, PyAny>,
        retry: i64,
        isolation: Option<&str>,
    ) -> PyResult<Py<Operation>> {
        if !function.is_callable() {
            let text = format!("run() takes an async function, not {}", function.get_type().name()?);
            return Err(PyTypeError::new_err(text));
        }
        let Ok(retries) = u32::try_from(retry) else {
            return Err(PyValueError::new_err(format!(
                "retry is a number of retries, 0 or more, not {retry}"
            )));
        };
        slf.link.outside_block(py, "run")?;
        let own = slf.link.options.mode;
        let asked = mode(isolation, own.read_only, false)?;
        let mode = TransactionMode { isolation: asked.isolation.or(own.isolation), ..asked };
        let link = Arc::clone(&slf.link);
        let session: Py<Self> = slf.into();
        let function = function.clone().unbind();
        Operation::start(py, "AsyncSession.run", async move {
            refuse_work(&link)?;
            let mut tried = 0;
            loop {
                match attempt(&link, &session, &function, mode).await {
                    Err(error) if tried < retries && can_be_retried(&error) => {
                        pause(tried).await?;
                        tried += 1;
                    }
                    answer => return answer,
                }
            }
        })
    }
}

/// # Errors
/// `InvalidRequestError`: there is something that a retry would lose.
fn refuse_work(link: &Arc<SessionLink>) -> PyResult<()> {
    let mut session = Python::attach(|py| link.lease(py))?;
    let pending = session.pending().map_err(raise)?;
    if session.in_transaction() || pending.iter().any(|objects| !objects.is_empty()) {
        return Err(raise(Error::invalid_request(
            "run() needs a session without a transaction and without pending objects: a retry could not give them back",
        )));
    }
    Ok(())
}

/// A block of the session: while it is there, `commit()` and `rollback()` are refused.
struct Block<'a>(&'a SessionLink);

impl<'a> Block<'a> {
    fn open(link: &'a SessionLink) -> Self {
        *link.blocks() += 1;
        Self(link)
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        *self.0.blocks() -= 1;
    }
}

/// One try: committed, or rolled back with everything that the session holds let go.
async fn attempt(
    link: &Arc<SessionLink>,
    session: &Py<AsyncSession>,
    function: &Py<PyAny>,
    mode: TransactionMode,
) -> PyResult<Py<PyAny>> {
    Python::attach(|py| link.lease(py))?.begin_as(mode).map_err(raise)?;
    let answer = {
        let _block = Block::open(link);
        bridge::call(|py| function.bind(py).call1((session,))).await
    };
    let answer = match answer {
        Ok(answer) if event::any_session() => Box::pin(link.commit_told()).await.map(|()| answer),
        answer => answer,
    };
    let mut core = Python::attach(|py| link.lease(py))?;
    let outcome = match answer {
        Ok(answer) => core.commit().await.map(|()| answer).map_err(raise),
        Err(error) => Err(error),
    };
    if outcome.is_ok() {
        drop(core);
        link.kept().await?;
        return outcome;
    }
    link.on_commit.forget_from(0);
    core.rollback().await.map_err(raise)?;
    if outcome.as_ref().is_err_and(can_be_retried) {
        core.let_go();
    }
    drop(core);
    link.undone().await?;
    outcome
}

/// True for what the database says of a transaction that may succeed when it is tried again: SQLSTATE 40001 and 40P01. An
/// unknown outcome of COMMIT has neither.
fn can_be_retried(error: &PyErr) -> bool {
    Python::attach(|py| {
        let state = error.value(py).getattr("sqlstate").and_then(|state| state.extract::<String>());
        matches!(state.as_deref(), Ok("40001" | "40P01"))
    })
}

async fn pause(tried: u32) -> PyResult<()> {
    let time = BACK_OFF.saturating_mul(1 << tried.min(16)).min(LONGEST);
    let runtime = Python::attach(LoopRuntime::current)?;
    let share: f64 = Python::attach(|py| py.import("random")?.call_method0("random")?.extract())?;
    runtime.sleep(time.mul_f64(1.0 + share / 2.0)).await;
    Ok(())
}
