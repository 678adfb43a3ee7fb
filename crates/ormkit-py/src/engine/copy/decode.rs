//! `CopyOut`: what `copy_to` answers, to be iterated or awaited.

use std::collections::VecDeque;
use std::sync::Arc;

use ormkit_core::driver::{CopyStatement, Row, RowSink};
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::session::{Lease, Shared};
use pyo3::exceptions::{PyStopAsyncIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::carrier::{Carrier, Place};
use super::sink::{File, drain};
use crate::bridge::{Caller, Operation, Started};
use crate::convert::{self, Border};
use crate::errors::{from_py, to_py};
use crate::session::{nothing, raise};

/// A table or query that is read by COPY: `async for` over its rows or blocks, or `await` into a sink.
#[pyclass(frozen, weakref, name = "CopyOut", module = "ormkit")]
pub(crate) struct CopyOut {
    shared: Arc<Shared<Reading, Caller>>,
    has_sink: bool,
}

/// What one operation at a time has of it.
struct Reading {
    place: Place,
    statement: CopyStatement,
    sink: Option<Py<PyAny>>,
    stage: Stage,
    /// Rows or blocks that are here.
    items: VecDeque<Py<PyAny>>,
}

enum Stage {
    New,
    Going(Box<Carrier>),
    Over,
    /// A read is under way, or was cancelled.
    GivenUp,
    /// Its transaction has ended first.
    Recalled,
}

impl CopyOut {
    pub(super) fn new(place: Place, statement: CopyStatement, sink: Option<Py<PyAny>>) -> Self {
        let has_sink = sink.is_some();
        let reading = Reading { place, statement, sink, stage: Stage::New, items: VecDeque::new() };
        Self { shared: Shared::new(reading), has_sink }
    }
}

/// # Errors
/// `ConcurrentSessionUse` with both tasks' names.
fn lease(py: Python<'_>, shared: &Arc<Shared<Reading, Caller>>) -> PyResult<Lease<Reading, Caller>> {
    let caller = Caller::current(py)?;
    shared.lease(caller.clone()).map_err(|holder| {
        let (holder, second) = (holder.name(py), caller.name(py));
        to_py(py, Error::new(ErrorKind::ConcurrentUse { what: "copy", holder, second }))
    })
}

impl Reading {
    /// The next row or block; None at the end.
    async fn next(&mut self) -> PyResult<Option<Py<PyAny>>> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Ok(Some(item));
            }
            match std::mem::replace(&mut self.stage, Stage::GivenUp) {
                Stage::Over => {
                    self.stage = Stage::Over;
                    return Ok(None);
                }
                Stage::GivenUp => {
                    return Err(raise(Error::interface(
                        "the copy was given up with a read that was cancelled",
                    )));
                }
                Stage::Recalled => {
                    self.stage = Stage::Recalled;
                    return Err(raise(Error::invalid_request("the transaction of this copy has ended")));
                }
                Stage::New => {
                    self.stage = Stage::New;
                    let mut carrier = Box::new(self.place.open(&self.statement.text).await?);
                    let begun = begin(&mut carrier, &self.statement).await;
                    match begun {
                        Ok(()) => self.stage = Stage::Going(carrier),
                        Err(error) => {
                            self.stage = Stage::Over;
                            return carrier.end(Err(error));
                        }
                    }
                }
                Stage::Going(mut carrier) => match fetch(&mut carrier, self.statement.rows.is_some()).await {
                    Ok(Some(items)) => {
                        self.items.extend(items);
                        self.stage = Stage::Going(carrier);
                    }
                    outcome => {
                        self.stage = Stage::Over;
                        carrier.end(outcome.map(drop))?;
                    }
                },
            }
        }
    }

    /// The transaction ends: the connection goes with it.
    fn recall(&mut self) {
        if matches!(self.stage, Stage::Going(_)) {
            self.items.clear();
            self.stage = Stage::Recalled;
        }
    }

    /// Ends it. A transaction keeps its connection; a borrowed one is cleaned in the background.
    async fn close(&mut self) -> PyResult<()> {
        self.items.clear();
        let Stage::Going(mut carrier) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Ok(());
        };
        if !carrier.is_transaction() {
            return Ok(());
        }
        let given_up = give_up(&mut carrier).await;
        carrier.note_given_up();
        carrier.end(given_up)
    }
}

/// What the end of the transaction calls.
fn recall(shared: &Arc<Shared<Reading, Caller>>) -> impl Fn(Python<'_>) + Send + Sync + 'static {
    let shared = Arc::downgrade(shared);
    move |py| {
        if let Some(shared) = shared.upgrade()
            && let Ok(mut reading) = lease(py, &shared)
        {
            reading.recall();
        }
    }
}

async fn begin(carrier: &mut Carrier, statement: &CopyStatement) -> Result<()> {
    carrier.copy()?.begin(statement).await
}

async fn give_up(carrier: &mut Carrier) -> Result<()> {
    carrier.copy()?.give_up().await
}

/// What has come: rows, or a block. None at the end.
async fn fetch(carrier: &mut Carrier, rows: bool) -> Result<Option<Vec<Py<PyAny>>>> {
    let border = Arc::clone(carrier.border());
    let copy = carrier.copy()?;
    if !copy.receive().await? {
        let moved = copy.finish().await?;
        carrier.note_moved(moved);
        return Ok(None);
    }
    let mut items = Items { rows: Vec::new(), border };
    if rows {
        copy.take_rows(&mut items)?;
    } else {
        copy.take_bytes(&mut |bytes| {
            items.rows.push(Python::attach(|py| PyBytes::new(py, bytes).into_any().unbind()));
            Ok(())
        })?;
    }
    Ok(Some(items.rows))
}

/// Rows as tuples.
struct Items {
    rows: Vec<Py<PyAny>>,
    border: Arc<Border>,
}

impl RowSink for Items {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        Python::attach(|py| {
            let cells =
                (0..row.len()).map(|index| convert::read(py, row.cell(index)?, self.border.conversion()));
            let cells = cells.collect::<Result<Vec<_>>>()?;
            self.rows.push(PyTuple::new(py, cells).map_err(from_py)?.into_any().unbind());
            Ok(())
        })
    }

    fn restart(&mut self, _statement: usize) {
        self.rows.clear();
    }
}

#[pymethods]
impl CopyOut {
    fn __aiter__(slf: PyRef<'_, Self>) -> PyResult<PyRef<'_, Self>> {
        if slf.has_sink {
            return Err(PyTypeError::new_err("copy_to() with a sink is awaited, not iterated"));
        }
        Ok(slf)
    }

    fn __anext__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let shared = Arc::clone(&self.shared);
        Operation::attempt(py, "CopyOut.__anext__", move |py| {
            if let Some(item) = lease(py, &shared)?.items.pop_front() {
                return Ok(Started::Done(item));
            }
            Ok(Started::going(async move {
                let mut reading = Python::attach(|py| lease(py, &shared))?;
                if let (Stage::New, Place::Connection(pinned)) = (&reading.stage, &reading.place) {
                    pinned.lend(recall(&shared));
                }
                reading.next().await?.ok_or_else(|| PyStopAsyncIteration::new_err(()))
            }))
        })
    }

    fn __await__(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        if !self.has_sink {
            return Err(PyTypeError::new_err(
                "copy_to() without a sink is iterated by `async for`, not awaited",
            ));
        }
        let shared = Arc::clone(&self.shared);
        Operation::start(py, "ConnectionPool.copy_to", async move {
            let (file, place, statement) = Python::attach(|py| {
                let mut reading = lease(py, &shared)?;
                let Some(sink) = reading.sink.take() else {
                    return Err(raise(Error::invalid_request(
                        "this copy was awaited before: call copy_to() again",
                    )));
                };
                Ok((File::open(sink.bind(py))?, reading.place.clone(), reading.statement.clone()))
            })?;
            let mut carrier = place.open(&statement.text).await?;
            let moved = drain(&mut carrier, &statement, &file).await;
            carrier.end_counted(moved)
        })
    }

    /// End an iteration before its end.
    fn aclose(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let shared = Arc::clone(&self.shared);
        Operation::start(py, "CopyOut.aclose", async move {
            Python::attach(|py| lease(py, &shared))?.close().await?;
            Ok(nothing())
        })
    }
}
