//! `copy_from` with an asynchronous iterable: a coroutine that awaits the source and the connection in turn.

use std::sync::{Arc, Mutex, PoisonError};

use ormkit_core::driver::CopyStatement;
use ormkit_core::error::{Error, Result};
use pyo3::exceptions::{PyException, PyStopAsyncIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;

use super::carrier::{Carrier, Place};
use super::encode::Encoder;
use super::pump::BLOCK;
use super::source::as_bytes;
use crate::bridge::{Coroutine, Next, Operation, Steps};
use crate::errors::{from_py, to_py};
use crate::session::nothing;

/// A copy that has begun. An operation that is dropped takes it along, which cancels it.
struct Work {
    carrier: Carrier,
    encoder: Encoder,
}

type Desk = Arc<Mutex<Option<Work>>>;

/// What the step that is awaited is for.
enum Stage {
    /// The connection: begun, or sent to.
    Connection,
    /// The next item of the source.
    Source,
    /// The end.
    End,
    /// The server is told that the source has failed.
    Failing(PyErr),
    Over,
}

struct Feeding {
    desk: Desk,
    source: Py<PyAny>,
    rows: bool,
    stage: Stage,
}

/// The coroutine.
pub(super) fn start<'py>(
    py: Python<'py>,
    place: Place,
    statement: CopyStatement,
    source: &Bound<'py, PyAny>,
    rows: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let source = source.call_method0(intern!(py, "__aiter__"))?.unbind();
    let desk = Desk::default();
    let on_desk = Arc::clone(&desk);
    let open = Operation::start(py, "ConnectionPool.copy_from", async move {
        let mut carrier = place.open(&statement.text).await?;
        match begin(&mut carrier, &statement).await {
            Ok(encoder) => put(&on_desk, Work { carrier, encoder }),
            Err(error) => carrier.end(Err(error))?,
        }
        Ok(nothing())
    })?;
    let feeding = Feeding { desk, source, rows, stage: Stage::Connection };
    let coroutine = Coroutine::start(py, "ConnectionPool.copy_from", open.bind(py), feeding)?;
    Ok(coroutine.into_bound(py).into_any())
}

async fn begin(carrier: &mut Carrier, statement: &CopyStatement) -> Result<Encoder> {
    let border = Arc::clone(carrier.border());
    let copy = carrier.copy()?;
    copy.begin(statement).await?;
    Ok(Encoder::new(copy.columns(), &border))
}

fn put(desk: &Desk, work: Work) {
    *desk.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
}

fn take(desk: &Desk) -> Option<Work> {
    desk.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn lost() -> PyErr {
    crate::session::raise(Error::invalid_request("the copy was cancelled"))
}

impl Feeding {
    fn pull(&mut self, py: Python<'_>) -> PyResult<Next> {
        self.stage = Stage::Source;
        match self
            .source
            .bind(py)
            .call_method0(intern!(py, "__anext__"))
            .and_then(|next| Next::awaiting(&next))
        {
            Ok(next) => Ok(next),
            Err(error) => self.source_ended(py, error),
        }
    }

    /// An item of the source.
    fn push(&mut self, item: &Bound<'_, PyAny>) -> PyResult<Next> {
        let py = item.py();
        let Some(mut work) = take(&self.desk) else { return Err(lost()) };
        let pushed = push(&mut work, item, self.rows);
        put(&self.desk, work);
        match pushed {
            Ok(buffered) if buffered < BLOCK => self.pull(py),
            Ok(_) => {
                self.stage = Stage::Connection;
                self.operate(py, |mut work, desk| async move {
                    match send(&mut work).await {
                        Ok(()) => put(&desk, work),
                        Err(error) => work.carrier.end(Err(error))?,
                    }
                    Ok(nothing())
                })
            }
            Err(error) => self.fail(py, to_py(py, error)),
        }
    }

    fn source_ended(&mut self, py: Python<'_>, error: PyErr) -> PyResult<Next> {
        if !error.is_instance_of::<PyStopAsyncIteration>(py) {
            return self.fail(py, error);
        }
        self.stage = Stage::End;
        self.operate(py, |mut work, _| async move {
            let moved = finish(&mut work).await;
            let moved = work.carrier.end_counted(moved)?;
            Python::attach(|py| Ok(moved.into_pyobject(py)?.into_any().unbind()))
        })
    }

    /// The source has failed. A cancelled task waits for nothing more.
    fn fail(&mut self, py: Python<'_>, error: PyErr) -> PyResult<Next> {
        if !error.is_instance_of::<PyException>(py) {
            drop(take(&self.desk));
            return Err(error);
        }
        self.stage = Stage::Failing(error.clone_ref(py));
        self.operate(py, |mut work, _| async move {
            let given_up = give_up(&mut work).await;
            work.carrier.end(given_up.and_then(|()| Err::<(), _>(from_py(error))))?;
            Ok(nothing())
        })
    }

    fn operate<F>(&self, py: Python<'_>, run: impl FnOnce(Work, Desk) -> F + Send + 'static) -> PyResult<Next>
    where
        F: Future<Output = PyResult<Py<PyAny>>> + Send + 'static,
    {
        let desk = Arc::clone(&self.desk);
        let operation = Operation::start(py, "ConnectionPool.copy_from", async move {
            match take(&desk) {
                Some(work) => run(work, desk).await,
                None => Err(lost()),
            }
        })?;
        Next::awaiting(operation.bind(py))
    }
}

fn push(work: &mut Work, item: &Bound<'_, PyAny>, rows: bool) -> Result<usize> {
    let copy = work.carrier.copy()?;
    if rows {
        work.encoder.push(item, copy)?;
    } else {
        copy.push_bytes(as_bytes(item).map_err(from_py)?.as_bytes())?;
    }
    Ok(copy.buffered())
}

async fn send(work: &mut Work) -> Result<()> {
    work.carrier.copy()?.send().await
}

async fn finish(work: &mut Work) -> Result<u64> {
    work.carrier.copy()?.finish().await
}

async fn give_up(work: &mut Work) -> Result<()> {
    work.carrier.copy()?.give_up().await
}

impl Steps for Feeding {
    fn next(&mut self, py: Python<'_>, outcome: PyResult<Bound<'_, PyAny>>) -> PyResult<Next> {
        match (std::mem::replace(&mut self.stage, Stage::Over), outcome) {
            (Stage::Connection, Ok(_)) => self.pull(py),
            (Stage::Source, Ok(item)) => self.push(&item),
            (Stage::Source, Err(error)) => self.source_ended(py, error),
            (Stage::End, Ok(moved)) => Ok(Next::Return(moved.unbind())),
            (Stage::Failing(error), Ok(_)) => Err(error),
            (Stage::Connection | Stage::End | Stage::Failing(_) | Stage::Over, Err(error)) => Err(error),
            (Stage::Over, Ok(_)) => Err(lost()),
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.source)
    }
}
