//! `execute`: statements of every kind, `text()` included.

use std::sync::Arc;

use ormkit_core::driver::{Statement as CoreStatement, StatementText};
use ormkit_core::error::{Error, ErrorKind};
use ormkit_core::query::{Select as CoreSelect, Write};
use ormkit_core::session::{Rows, Session, Written};
use ormkit_core::value::Params;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::{AsyncSession, on_session, raise, value_of};
use crate::bridge::Operation;
use crate::engine::{bind_texts, bind_values, only_reads};
use crate::expr::Expr;
use crate::host::PyHost;
use crate::model::schema;
use crate::query::{Query, Select, model_of, select_with, update_of, with_options, writes_with, yield_per};
use crate::result::{ExecuteResult, Kept};

/// What `execute` runs.
enum Statement {
    Select(Box<CoreSelect>),
    Writes(Vec<Write>),
    /// Once for each set of values.
    Text(Vec<(Arc<StatementText>, Params)>),
}

#[pymethods]
impl AsyncSession {
    /// Run a statement. Pending changes are written first, so that it sees them (`autoflush`). `insert(..)`, `update(..)`,
    /// `delete(..)` and `text(..)` run inside the open transaction, and open one where none is open: `commit()` keeps it.
    ///
    /// Objects that the session holds take the new values of an `update(..)`, and leave the session when `delete(..)` has
    /// deleted their rows. `text(..)` is not looked into: objects keep what they have.
    ///
    /// Args:
    ///     statement: `select(..)`, `insert(..)`, `update(..)`, `delete(..)` or `text(..)`.
    ///     params: Values of `bindparam(..)` and of `:name` in a text: a dict; of `text(..)` alone also a list for native
    ///         placeholders. Rows of `insert(..)`, values of `update(..)`: a dict, or a list of them. Beside `update(..)`,
    ///         `delete(..)` and a text with `:name` a list of dicts runs the statement once for each; without a condition
    ///         `update(..)` finds each row by its key.
    ///     execution_options: What the statement's method of this name takes.
    ///
    /// Returns the rows, read and complete: iterate without await. What RETURNING answers as objects are those of the session.
    ///
    /// Raises:
    ///     IntegrityError, DataError: What the database or a value says; the transaction waits for its rollback.
    ///     ProgrammingError: A parameter has no value; before anything is sent.
    ///     FieldError: A name that the statement does not ask for.
    ///     NotSupportedError: An UPDATE of the primary key.
    #[pyo3(signature = (statement, params = None, *, execution_options = None))]
    fn execute(
        &self,
        py: Python<'_>,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
        execution_options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        let statement = self.read(&with_options(statement, execution_options)?, params)?;
        on_session!(py, self.link, "AsyncSession.execute", first autoflush_told, |session| {
            let result = run(&mut session, statement).await?;
            Python::attach(|py| Ok(Py::new(py, result)?.into_any()))
        })
    }

    /// Run a statement and answer the first column of its rows: `execute(..)` and `.scalars()`.
    #[pyo3(signature = (statement, params = None, *, execution_options = None))]
    fn scalars(
        &self,
        py: Python<'_>,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
        execution_options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        let statement = self.read(&with_options(statement, execution_options)?, params)?;
        on_session!(py, self.link, "AsyncSession.scalars", first autoflush_told, |session| {
            let result = run(&mut session, statement).await?;
            Python::attach(|py| Ok(Py::new(py, result.scalars(py))?.into_any()))
        })
    }

    /// The first column of the first row, or None.
    #[pyo3(signature = (statement, params = None, *, execution_options = None))]
    fn scalar(
        &self,
        py: Python<'_>,
        statement: &Bound<'_, PyAny>,
        params: Option<&Bound<'_, PyAny>>,
        execution_options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        let statement = self.read(&with_options(statement, execution_options)?, params)?;
        on_session!(py, self.link, "AsyncSession.scalar", first autoflush_told, |session| {
            let result = run(&mut session, statement).await?;
            Python::attach(|py| Ok(result.scalar(py).unwrap_or_else(|| py.None())))
        })
    }

    /// Run SQL of your own at once: inside the open transaction, else by itself. Pending changes are written first.
    ///
    /// Args:
    ///     sql: The text, with native placeholders (`$1` on PostgreSQL, `?` on SQLite) or `:name`.
    ///     params: A list or tuple for native placeholders, a dict for `:name`.
    ///
    /// Returns:
    ///     QueryResult: The rows, and `rowcount`. Objects keep what they have: `refresh` those that the SQL changes.
    #[pyo3(signature = (sql, params = None))]
    fn execute_raw(
        &self,
        py: Python<'_>,
        sql: &Bound<'_, PyString>,
        params: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Operation>> {
        let (text, params) = bind_values(sql.to_str()?, params, self.link.bind.engine.border())?;
        on_session!(py, self.link, "AsyncSession.execute_raw", first autoflush_told, |session| {
            let kept = run_text(&mut session, text, params, false).await?;
            let result = kept.into_result(session.host().border().map_err(raise)?);
            Python::attach(|py| Ok(Py::new(py, result)?.into_any()))
        })
    }

    /// Set attributes of all rows of a model that meet conditions and lookups, at once. Held objects take the new values.
    ///
    /// Args:
    ///     model: A mapped class.
    ///     values: Attributes by name: values, expressions or `F`.
    ///
    /// Returns:
    ///     int: The number of rows.
    #[pyo3(signature = (model, values, *conditions, **lookups))]
    fn bulk_update(
        slf: &Bound<'_, Self>,
        model: &Bound<'_, PyAny>,
        values: &Bound<'_, PyDict>,
        conditions: &Bound<'_, PyTuple>,
        lookups: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Operation>> {
        let py = slf.py();
        let id = model_of(model)?;
        let query = Bound::new(py, Query::of_session(slf.clone().into_any().unbind(), model)?)?;
        let query = query.call_method("filter", conditions, lookups)?.cast_into::<Query>()?;
        let write = update_of(schema(py)?.model(id), values, query.get().core())?;
        on_session!(py, slf.get().link, "AsyncSession.bulk_update", first autoflush_told, |session| {
            let written = session.write_at_once(&write).await.map_err(raise)?;
            Python::attach(|py| Ok(written.affected.into_pyobject(py)?.into_any().unbind()))
        })
    }
}

impl AsyncSession {
    fn read(&self, statement: &Bound<'_, PyAny>, params: Option<&Bound<'_, PyAny>>) -> PyResult<Statement> {
        let params = params.filter(|params| !params.is_none());
        if let Ok(expr) = statement.cast::<Expr>()
            && let Some(text) = expr.get().written()
        {
            let bound = bind_texts(statement.py(), text, params, self.link.bind.engine.border())?;
            return Ok(Statement::Text(bound));
        }
        if let Ok(select) = statement.cast::<Select>() {
            return select_with(statement.py(), select.get().core(), params)
                .map(|select| Statement::Select(Box::new(select)));
        }
        if let Some(writes) = writes_with(statement, params)? {
            return Ok(Statement::Writes(writes));
        }
        let found = statement.get_type().name()?;
        let text = format!("execute() takes a statement such as select(..) or text(..), not {found}");
        Err(raise(Error::new(ErrorKind::Programming(text))))
    }
}

async fn run(session: &mut Session<PyHost>, statement: Statement) -> PyResult<ExecuteResult> {
    match statement {
        Statement::Select(select) => {
            let rows = session.select(&select).await.map_err(raise)?;
            Python::attach(|py| {
                let result = of_rows(py, rows)?;
                let piece = yield_per(py, &select.notes)?.and_then(|rows| usize::try_from(rows).ok());
                Ok(result.in_pieces(piece.unwrap_or(usize::MAX)))
            })
        }
        Statement::Writes(writes) => {
            if let [write] = &writes[..] {
                let written = session.write_in_transaction(write).await.map_err(raise)?;
                return Python::attach(|py| of_written(py, written));
            }
            let mut all = Written { items: Vec::new(), names: Vec::new(), affected: 0, key: None };
            for write in &writes {
                let written = session.write_in_transaction(write).await.map_err(raise)?;
                all.items.extend(written.items);
                all.names = written.names;
                all.affected += written.affected;
            }
            Python::attach(|py| of_written(py, all))
        }
        Statement::Text(mut bound) => {
            let Some((text, params)) = bound.pop() else {
                return Python::attach(|py| ExecuteResult::new(py, Vec::new(), Vec::new()));
            };
            let mut before = 0;
            let is_one = bound.is_empty();
            for (text, params) in bound {
                before += run_text(session, text, params, true).await?.affected();
            }
            let kept = run_text(session, text, params, true).await?;
            if !is_one {
                let affected = before + kept.affected();
                return Python::attach(|py| {
                    Ok(ExecuteResult::new(py, Vec::new(), Vec::new())?.written(affected, None))
                });
            }
            let (names, result) =
                (kept.names().to_vec(), kept.into_result(session.host().border().map_err(raise)?));
            Python::attach(|py| ExecuteResult::of_query(py, names, &result))
        }
    }
}

async fn run_text(
    session: &mut Session<PyHost>,
    text: Arc<StatementText>,
    params: Params,
    opens: bool,
) -> PyResult<Kept> {
    let writes = !only_reads(&text.sql);
    let statement = CoreStatement::new(text, params);
    let mut kept = Kept::default();
    session.run_text(&statement, &mut kept, opens, writes).await.map_err(raise)?;
    Ok(kept)
}

/// The rows of a query.
///
/// # Errors
/// What Python raises when the class of the rows cannot be made.
pub(super) fn of_rows(py: Python<'_>, rows: Rows<PyHost>) -> PyResult<ExecuteResult> {
    let names = rows.names(&*schema(py)?);
    let values = rows.items.into_iter().map(|item| value_of(py, item)).collect();
    ExecuteResult::new(py, names, values)
}

fn of_written(py: Python<'_>, written: Written<PyHost>) -> PyResult<ExecuteResult> {
    let values = written.items.into_iter().map(|item| value_of(py, item)).collect();
    let result = ExecuteResult::new(py, written.names, values)?;
    Ok(result.written(written.affected, written.key))
}
