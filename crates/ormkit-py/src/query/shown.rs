//! The text of a statement, without a connection.

use ormkit_core::error::Result;
use ormkit_core::model::Schema;
use ormkit_core::sql::Spelling;
use ormkit_core::value::Params;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert;
use crate::errors::to_py;
use crate::model::schema;
use crate::query::{Delete, Insert, Query, Select, Update};

/// Text and values of a statement that `write` gives.
pub(crate) fn shown<'py>(
    py: Python<'py>,
    spelling: Spelling<'_>,
    write: impl for<'a> FnOnce(&'a Schema, Spelling<'a>) -> Result<(String, Params)>,
) -> PyResult<(String, Bound<'py, PyList>)> {
    let (sql, params) = write(&*schema(py)?, spelling).map_err(|error| to_py(py, error))?;
    let values = params.iter().map(|value| convert::read(py, value, None).map_err(|error| to_py(py, error)));
    Ok((sql, PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?))
}

/// Text and values of a statement of the program's; None for what is none.
pub(crate) fn shown_statement<'py>(
    statement: &Bound<'py, PyAny>,
    spelling: Spelling<'_>,
) -> PyResult<Option<(String, Bound<'py, PyList>)>> {
    let py = statement.py();
    let core = if let Ok(select) = statement.cast::<Select>() {
        return shown(py, spelling, |schema, spelling| select.get().core().to_sql(schema, spelling))
            .map(Some);
    } else if let Ok(query) = statement.cast::<Query>() {
        return shown(py, spelling, |schema, spelling| query.get().core().to_sql(schema, spelling)).map(Some);
    } else if let Ok(insert) = statement.cast::<Insert>() {
        insert.get().core(py)?
    } else if let Ok(update) = statement.cast::<Update>() {
        update.get().core()
    } else if let Ok(delete) = statement.cast::<Delete>() {
        delete.get().core()
    } else {
        return Ok(None);
    };
    shown(py, spelling, |schema, spelling| core.to_sql(schema, spelling)).map(Some)
}
