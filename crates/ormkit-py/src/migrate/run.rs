//! `MigrationRun`: one run of revisions, driven step by step.

use std::sync::Arc;
use std::time::Duration;

use ormkit_core::driver::{Batch, Scope, Statement};
use ormkit_core::error::{Error, ErrorClass};
use ormkit_core::migrate::{Goal, Graph, Run, RunOptions, VersionTable, in_the_way};
use ormkit_core::model::TableName;
use ormkit_core::schema;
use ormkit_core::session::{Lease, Link, Shared};
use ormkit_core::sql::DialectName;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::graph::{Moved, RevisionGraph, to_move};
use super::spec::{self, Spec};
use super::{direction, steps};
use crate::bridge::{Caller, LoopRuntime, Operation};
use crate::engine::{Engine, EngineHandle, bind_values};
use crate::errors::{from_py, name_of, to_py};
use crate::result::Kept;
use crate::session::{nothing, raise};

/// A run of revisions on one connection, which others wait for.
///
/// `start`, then for each revision `next`, its statements, and `done`; `again` or `failed` where it could not be done; `end`
/// however it went.
#[pyclass(frozen, module = "ormkit.migrations")]
pub(crate) struct MigrationRun {
    engine: EngineHandle,
    graph: Arc<Graph>,
    options: RunOptions,
    seat: Arc<Shared<Seat, Caller>>,
}

struct Seat {
    link: Option<Link>,
    run: Option<Run>,
}

impl Seat {
    fn link(&mut self) -> PyResult<&mut Link> {
        self.link.as_mut().ok_or_else(not_started)
    }

    fn both(&mut self) -> PyResult<(&mut Link, &mut Run)> {
        self.link.as_mut().zip(self.run.as_mut()).ok_or_else(not_started)
    }
}

fn not_started() -> PyErr {
    raise(Error::invalid_request("this run has not started, or has ended"))
}

impl MigrationRun {
    fn lease(seat: &Arc<Shared<Seat, Caller>>) -> PyResult<Lease<Seat, Caller>> {
        Python::attach(|py| {
            let busy = |_| to_py(py, Error::invalid_request("two tasks use one run of migrations"));
            seat.lease(Caller::current(py)?).map_err(busy)
        })
    }
}

#[pymethods]
impl MigrationRun {
    #[new]
    #[pyo3(signature = (engine, graph, *, version_table, version_table_schema, version_table_pk, lock_timeout, attempts, wait))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn new(
        engine: &Bound<'_, Engine>,
        graph: &Bound<'_, RevisionGraph>,
        version_table: String,
        version_table_schema: Option<String>,
        version_table_pk: bool,
        lock_timeout: Option<f64>,
        attempts: u32,
        wait: Option<f64>,
    ) -> PyResult<Self> {
        let seconds = |time: Option<f64>| {
            let wrong =
                |error| pyo3::exceptions::PyValueError::new_err(format!("a time in seconds: {error}"));
            time.map(|time| Duration::try_from_secs_f64(time).map_err(wrong)).transpose()
        };
        let table = VersionTable {
            name: TableName { schema: version_table_schema, name: version_table },
            primary_key: version_table_pk,
        };
        let options =
            RunOptions { table, lock_timeout: seconds(lock_timeout)?, attempts, wait: seconds(wait)? };
        Ok(Self {
            engine: engine.get().handle(),
            graph: Arc::clone(&graph.get().graph),
            options,
            seat: Shared::new(Seat { link: None, run: None }),
        })
    }

    /// The dialect of the database.
    #[getter]
    fn dialect(&self) -> &'static str {
        self.engine.dialect().name.as_str()
    }

    /// The heads that the database says, in order; nothing is locked.
    fn heads(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (engine, table) = (self.engine.clone(), self.options.table.clone());
        Operation::start(py, "MigrationRun.heads", async move {
            let mut link = Link::new(Python::attach(|py| engine.pool(py))?);
            table.heads(&mut link).await.map_err(|error| engine.explained(error))
        })
    }

    /// Do moves of the version table and nothing else, in one transaction.
    fn stamp(&self, py: Python<'_>, moves: Vec<Moved>) -> PyResult<Py<Operation>> {
        let (engine, table) = (self.engine.clone(), self.options.table.clone());
        Operation::start(py, "MigrationRun.stamp", async move {
            let mut link = Link::new(Python::attach(|py| engine.pool(py))?);
            let moves: Vec<_> = moves.into_iter().map(to_move).collect();
            link.begin().map_err(raise)?;
            let mut stamped = table.ensure(&mut link).await;
            if stamped.is_ok() {
                stamped = table.apply(&mut link, &moves).await;
            }
            match stamped {
                Ok(()) => link.commit().await.map_err(|error| engine.explained(error))?,
                Err(error) => {
                    link.rollback().await;
                    return Err(engine.explained(error));
                }
            }
            Ok(nothing())
        })
    }

    /// Wait for other runs, and plan; the ids that are to be run.
    ///
    /// Args:
    ///     up: True for an upgrade.
    ///     target: Where to; an id where `single`.
    ///     single: This revision alone.
    fn start(&self, py: Python<'_>, up: bool, target: String, single: bool) -> PyResult<Py<Operation>> {
        let (engine, graph) = (self.engine.clone(), Arc::clone(&self.graph));
        let (options, seat) = (self.options.clone(), Arc::clone(&self.seat));
        let goal = match (single, up) {
            (true, up) => Goal::Single(target, direction(up)),
            (false, true) => Goal::Up(target),
            (false, false) => Goal::Down(target),
        };
        Operation::start(py, "MigrationRun.start", async move {
            let mut seat = Self::lease(&seat)?;
            let (pool, runtime) =
                Python::attach(|py| Ok::<_, PyErr>((engine.pool(py)?, LoopRuntime::current(py)?)))?;
            let link = seat.link.insert(Link::new(pool));
            let run = Run::start(link, &*runtime, graph, &goal, options).await;
            let run = seat.run.insert(run.map_err(|error| engine.explained(error))?);
            Ok(run.left().map(|step| step.revision.id.clone()).collect::<Vec<_>>())
        })
    }

    /// Begin the transaction of the next revision; its id, or None when all have run.
    fn next(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (engine, seat) = (self.engine.clone(), Arc::clone(&self.seat));
        Operation::start(py, "MigrationRun.next", async move {
            let mut seat = Self::lease(&seat)?;
            let runtime = Python::attach(LoopRuntime::current)?;
            let (link, run) = seat.both()?;
            let step = run.next(link, &*runtime).await.map_err(|error| engine.explained(error))?;
            Ok(step.map(|step| step.revision.id))
        })
    }

    /// Move the rows of the version table and commit.
    fn done(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (engine, seat) = (self.engine.clone(), Arc::clone(&self.seat));
        Operation::start(py, "MigrationRun.done", async move {
            let mut seat = Self::lease(&seat)?;
            let (link, run) = seat.both()?;
            run.done(link).await.map_err(|error| engine.explained(error))?;
            Ok(nothing())
        })
    }

    /// Undo the revision and say whether `next` is to begin it once more: somebody held a lock.
    fn again(&self, py: Python<'_>, raised: &Bound<'_, PyAny>) -> PyResult<Py<Operation>> {
        let classes = [ErrorClass::LockNotAvailable, ErrorClass::DeadlockDetected];
        let errors = py.import("ormkit.exc")?;
        let mut is_lock = false;
        for class in classes.into_iter().filter(|class| Run::is_lock(*class)) {
            is_lock |= raised.is_instance(&errors.getattr(name_of(class))?)?;
        }
        let seat = Arc::clone(&self.seat);
        Operation::start(py, "MigrationRun.again", async move {
            let mut seat = Self::lease(&seat)?;
            let runtime = Python::attach(LoopRuntime::current)?;
            let (link, run) = seat.both()?;
            Ok(is_lock && run.again(link, &*runtime).await)
        })
    }

    /// Undo the revision; the error that says which it was.
    #[pyo3(signature = (raised, line, statement))]
    fn failed(
        &self,
        py: Python<'_>,
        raised: &Bound<'_, PyAny>,
        line: Option<u32>,
        statement: Option<String>,
    ) -> PyResult<Py<Operation>> {
        let error = from_py(PyErr::from_value(raised.clone()));
        let error = match statement {
            Some(sql) => error.in_statement(&sql),
            None => error,
        };
        let said = |name: &str| raised.getattr(name).ok()?.extract::<String>().ok();
        let detail = said("sqlstate").zip(said("detail"));
        let error = match detail.and_then(|(sqlstate, detail)| in_the_way(&sqlstate, &detail)) {
            Some(detail) => error.with_note(detail),
            None => error,
        };
        let seat = Arc::clone(&self.seat);
        Operation::start(py, "MigrationRun.failed", async move {
            let mut seat = Self::lease(&seat)?;
            let (link, run) = seat.both()?;
            let error = run.failed(link, error, line).await;
            Python::attach(|py| Ok(to_py(py, error).into_value(py).into_any()))
        })
    }

    /// Commit what the revision has done so far: what comes until `resume` commits by itself.
    fn pause(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (engine, seat) = (self.engine.clone(), Arc::clone(&self.seat));
        Operation::start(py, "MigrationRun.pause", async move {
            let mut seat = Self::lease(&seat)?;
            let (link, run) = seat.both()?;
            run.pause(link).await.map_err(|error| engine.explained(error))?;
            Ok(nothing())
        })
    }

    /// Begin a transaction for the rest of the revision.
    fn resume(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let seat = Arc::clone(&self.seat);
        Operation::start(py, "MigrationRun.resume", async move {
            let mut seat = Self::lease(&seat)?;
            let (link, run) = seat.both()?;
            run.resume(link).map_err(raise)?;
            Ok(nothing())
        })
    }

    /// Let other runs go on, and give the connection back.
    fn end(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let (engine, seat) = (self.engine.clone(), Arc::clone(&self.seat));
        Operation::start(py, "MigrationRun.end", async move {
            let mut seat = Self::lease(&seat)?;
            let (link, run) = (seat.link.take(), seat.run.take());
            if let (Some(mut link), Some(mut run)) = (link, run) {
                run.end(&mut link).await.map_err(|error| engine.explained(error))?;
            }
            Ok(nothing())
        })
    }

    /// Run a statement; its rows.
    #[pyo3(signature = (sql, params = None))]
    fn execute(
        &self,
        py: Python<'_>,
        sql: &str,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let (text, params) = bind_values(sql, params, self.engine.border())?;
        let (engine, seat) = (self.engine.clone(), Arc::clone(&self.seat));
        Operation::start(py, "MigrationRun.execute", async move {
            let mut seat = Self::lease(&seat)?;
            let link = seat.link()?;
            let mut sink = Kept::default();
            let ran = link.run(Batch::of(&Statement::new(text, params)), &mut sink).await;
            ran.map_err(|error| engine.explained(error))?;
            Python::attach(|py| Ok(Py::new(py, sink.into_result(engine.border()))?.into_any()))
        })
    }

    /// Run several statements, separated by semicolons.
    fn execute_script(&self, py: Python<'_>, script: String) -> PyResult<Py<Operation>> {
        let (engine, seat) = (self.engine.clone(), Arc::clone(&self.seat));
        Operation::start(py, "MigrationRun.execute_script", async move {
            let mut seat = Self::lease(&seat)?;
            let link = seat.link()?;
            link.run_script(&script).await.map_err(|error| engine.explained(error))?;
            Ok(nothing())
        })
    }

    /// A savepoint: `"begin"`, `"release"` or `"rollback"`.
    fn savepoint(&self, py: Python<'_>, what: String) -> PyResult<Py<Operation>> {
        let (engine, seat) = (self.engine.clone(), Arc::clone(&self.seat));
        Operation::start(py, "MigrationRun.savepoint", async move {
            let mut seat = Self::lease(&seat)?;
            let link = seat.link()?;
            let done = match &*what {
                "begin" => link.savepoint().map(drop),
                "release" => link.release(),
                _ => link.rollback_savepoint().await,
            };
            done.map_err(|error| engine.explained(error))?;
            Ok(nothing())
        })
    }

    /// Do operations of the schema, described by dicts; what SQLite cannot alter is done by one rebuild of each table.
    fn apply(&self, py: Python<'_>, operations: Vec<Bound<'_, PyDict>>) -> PyResult<Py<Operation>> {
        let specs = operations.iter().map(spec::parse).collect::<PyResult<Vec<_>>>()?;
        let (engine, seat) = (self.engine.clone(), Arc::clone(&self.seat));
        Operation::start(py, "MigrationRun.apply", async move {
            let mut seat = Self::lease(&seat)?;
            let (link, run) = seat.both()?;
            apply(link, run, &specs).await.map_err(|error| engine.explained(error))?;
            Ok(nothing())
        })
    }
}

async fn apply(link: &mut Link, run: &mut Run, specs: &[Spec]) -> Result<(), Error> {
    let dialect = link.dialect();
    let is_sqlite = dialect.name == DialectName::Sqlite;
    let renames = specs.iter().any(|spec| matches!(spec, Spec::RenameTable { .. }));
    if is_sqlite && (renames || specs.iter().any(Spec::rebuilds)) {
        let mut found = schema::introspect(link, &Scope::Default).await?;
        let before = found.clone();
        let mut all = Vec::new();
        for spec in specs {
            let operations = steps::operations(spec, &found, &before)?;
            operations.iter().for_each(|operation| found.apply(operation, dialect));
            all.extend(operations);
        }
        return run.migrate(link, &before, &all).await;
    }
    for spec in specs {
        for sql in steps::statements(spec, dialect)? {
            let statement = Statement::command(sql, ormkit_core::driver::Effect::Unknown);
            let ran = link.run(Batch::of(&statement), &mut ormkit_core::driver::NoRows).await;
            ran.map_err(|error| match spec.table() {
                Some(table) => schema::in_table(error, table),
                None => error,
            })?;
        }
    }
    Ok(())
}
