//! `copy_from` and `copy_to`, of an engine and of a connection.

mod carrier;
mod decode;
mod encode;
mod pump;
mod request;
mod sink;
mod source;
mod steps;

use std::sync::Arc;

use ormkit_pg::{CopyFormat, copy_in, copy_out};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

pub(crate) use decode::CopyOut;

use super::{Connection, Engine};
use crate::bridge::Operation;
use crate::errors::to_py;
use carrier::Place;
use pump::pump;
use request::Request;
use source::Source;

/// # Errors
/// As [`Engine::copy_from`].
fn copy_from<'py>(
    place: Place,
    target: &Bound<'py, PyAny>,
    source: &Bound<'py, PyAny>,
    request: &Request,
) -> PyResult<Bound<'py, PyAny>> {
    let py = target.py();
    let engine = place.engine();
    let target = request.target(target, engine.spelling())?;
    let statement = copy_in(&target, request.format, &request.options).map_err(|error| to_py(py, error))?;
    let rows = request.format == CopyFormat::Rows;
    if source.hasattr(intern!(py, "__aiter__"))? {
        return steps::start(py, place, statement, source, rows);
    }
    let source = Source::new(source, rows)?;
    let operation = Operation::start(py, "ConnectionPool.copy_from", async move {
        let mut carrier = place.open(&statement.text).await?;
        let moved = pump(&mut carrier, &statement, source).await;
        carrier.end_counted(moved)
    })?;
    Ok(operation.into_bound(py).into_any())
}

/// # Errors
/// As [`Engine::copy_to`].
fn copy_to(
    place: Place,
    target: &Bound<'_, PyAny>,
    sink: Option<&Bound<'_, PyAny>>,
    request: &Request,
) -> PyResult<CopyOut> {
    let py = target.py();
    let target = request.target(target, place.engine().spelling())?;
    let statement = copy_out(&target, request.format, &request.options).map_err(|error| to_py(py, error))?;
    if sink.is_some() && request.format == CopyFormat::Rows {
        let text = "a sink takes bytes: copy_to() with format \"binary\", \"text\" or \"csv\"";
        return Err(PyTypeError::new_err(text));
    }
    Ok(CopyOut::new(place, statement, sink.map(|sink| sink.clone().unbind())))
}

#[pymethods]
impl Engine {
    /// Write rows into a table in bulk, by COPY, in a transaction of its own. PostgreSQL only.
    ///
    /// Args:
    ///     target: The name of a table, as it is (no quotes, no dots), or a mapped class.
    ///     source: Rows: an iterable or asynchronous iterable of tuples or lists. For the other formats bytes, an iterable
    ///         or asynchronous iterable of bytes, a file opened in binary mode, or a path.
    ///     columns: The columns that the rows have, in this order. None: all that are not generated, in the table's order.
    ///     schema: The schema of the table.
    ///     format: "rows" encodes values by the types of the columns; "binary", "text" and "csv" are PostgreSQL's formats,
    ///         and the source's bytes are passed on as they are.
    ///     options: Of the formats "text" and "csv": `delimiter`, `null`, `header`, `encoding`; of "csv" `quote` and `escape`
    ///         as well.
    ///
    /// Returns:
    ///     The number of rows.
    ///
    /// Raises:
    ///     DataError: A value does not fit its column; the column and the number of the row are named.
    ///     NotSupportedError: SQLite, or a column whose type has no binary form here.
    ///     ProgrammingError: An option that the format does not have.
    ///     DatabaseError: What the database says; nothing was written.
    ///
    /// What the source raises is raised, and nothing was written. Cancelling the task undoes it as well; the connection is
    /// cleaned in the background.
    #[pyo3(signature = (target, source, *, columns = None, schema = None, format = "rows", **options))]
    #[expect(clippy::too_many_arguments, reason = "the public face takes them by keyword")]
    fn copy_from<'py>(
        &self,
        py: Python<'py>,
        target: &Bound<'py, PyAny>,
        source: &Bound<'py, PyAny>,
        columns: Option<Vec<String>>,
        schema: Option<String>,
        format: &str,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let place = Place::Engine(self.handle());
        place.require(py, "copy_from()")?;
        copy_from(
            place,
            target,
            source,
            &Request::new(target.py(), "copy_from", columns, schema, format, options)?,
        )
    }

    /// Read a table or the rows of a query in bulk, by COPY. PostgreSQL only.
    ///
    /// Args:
    ///     target: The name of a table, as it is (no quotes, no dots), a mapped class, a `text()`, or a `select()` without
    ///         values: COPY takes no parameters.
    ///     sink: A file opened in binary mode, or a path that is written anew: await the result then.
    ///     columns, schema, options: As for `copy_from`; for a table.
    ///     format: "rows" decodes values by the types of the columns; "binary", "text" and "csv" are PostgreSQL's formats.
    ///
    /// Returns:
    ///     With a sink: an awaitable of the number of rows. Without: an asynchronous iterator, of tuples for "rows" and of
    ///     blocks of bytes otherwise. Breaking off ends the copy in the background; `aclose()` does so at once. A
    ///     cancelled read gives it up.
    ///
    /// Raises:
    ///     NotSupportedError: SQLite, a column whose type has no binary form here, or a query with values.
    ///     ProgrammingError: An option that the format does not have.
    ///
    /// What the sink raises is raised; the connection stays whole.
    #[pyo3(signature = (target, sink = None, *, columns = None, schema = None, format = "rows", **options))]
    #[expect(clippy::too_many_arguments, reason = "the public face takes them by keyword")]
    fn copy_to(
        &self,
        py: Python<'_>,
        target: &Bound<'_, PyAny>,
        sink: Option<&Bound<'_, PyAny>>,
        columns: Option<Vec<String>>,
        schema: Option<String>,
        format: &str,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<CopyOut> {
        let place = Place::Engine(self.handle());
        place.require(py, "copy_to()")?;
        copy_to(place, target, sink, &Request::new(target.py(), "copy_to", columns, schema, format, options)?)
    }
}

#[pymethods]
impl Connection {
    /// As `ConnectionPool.copy_from`, inside of the transaction, which is begun where none is open. An error makes it fail:
    /// `rollback()` first.
    #[pyo3(signature = (target, source, *, columns = None, schema = None, format = "rows", **options))]
    #[expect(clippy::too_many_arguments, reason = "the public face takes them by keyword")]
    fn copy_from<'py>(
        &self,
        py: Python<'py>,
        target: &Bound<'py, PyAny>,
        source: &Bound<'py, PyAny>,
        columns: Option<Vec<String>>,
        schema: Option<String>,
        format: &str,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let place = Place::Connection(Arc::clone(self.link()));
        place.require(py, "copy_from()")?;
        copy_from(
            place,
            target,
            source,
            &Request::new(target.py(), "copy_from", columns, schema, format, options)?,
        )
    }

    /// As `ConnectionPool.copy_to`, inside of the transaction, which is begun where none is open. Breaking off an iteration
    /// gives the connection up; `aclose()` reads the rest and keeps it.
    #[pyo3(signature = (target, sink = None, *, columns = None, schema = None, format = "rows", **options))]
    #[expect(clippy::too_many_arguments, reason = "the public face takes them by keyword")]
    fn copy_to(
        &self,
        py: Python<'_>,
        target: &Bound<'_, PyAny>,
        sink: Option<&Bound<'_, PyAny>>,
        columns: Option<Vec<String>>,
        schema: Option<String>,
        format: &str,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<CopyOut> {
        let place = Place::Connection(Arc::clone(self.link()));
        place.require(py, "copy_to()")?;
        copy_to(place, target, sink, &Request::new(target.py(), "copy_to", columns, schema, format, options)?)
    }
}
