//! What a call of `copy_from` or `copy_to` asks for.

use ormkit_core::error::Error;
use ormkit_core::sql::Spelling;
use ormkit_pg::{CopyFormat, CopyOptions, CopyTarget};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::errors::to_py;
use crate::expr::Expr;
use crate::keywords::Keywords;
use crate::query::shown_statement;

/// The keywords of a call.
pub(super) struct Request {
    pub(super) format: CopyFormat,
    pub(super) options: CopyOptions,
    columns: Option<Vec<String>>,
    schema: Option<String>,
}

impl Request {
    /// # Errors
    /// `ValueError` for another format, `TypeError` for an unknown option.
    pub(super) fn new(
        py: Python<'_>,
        function: &'static str,
        columns: Option<Vec<String>>,
        schema: Option<String>,
        format: &str,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let format = match format {
            "rows" => CopyFormat::Rows,
            "binary" => CopyFormat::Binary,
            "text" => CopyFormat::Text,
            "csv" => CopyFormat::Csv,
            other => {
                let text = format!("format is \"rows\", \"binary\", \"text\" or \"csv\", not {other:?}");
                return Err(PyValueError::new_err(text));
            }
        };
        let given = Keywords::new(function, py, options)?;
        let options = CopyOptions {
            delimiter: given.take_or("delimiter", None)?,
            null: given.take_or("null", None)?,
            header: given.take_or("header", None)?,
            quote: given.take_or("quote", None)?,
            escape: given.take_or("escape", None)?,
            encoding: given.take_or("encoding", None)?,
        };
        given.finish()?;
        if columns.as_ref().is_some_and(Vec::is_empty) {
            return Err(PyValueError::new_err("columns has no name: leave it out for all"));
        }
        Ok(Self { format, options, columns, schema })
    }

    /// What is copied.
    ///
    /// # Errors
    /// `TypeError` for what is no table or query, and for columns or a schema beside one that has its own; `Unsupported` for
    /// a query with values.
    pub(super) fn target(&self, target: &Bound<'_, PyAny>, spelling: Spelling<'_>) -> PyResult<CopyTarget> {
        let py = target.py();
        let columns = self.columns.clone().unwrap_or_default();
        if let Ok(name) = target.cast::<PyString>() {
            let surrogate = |_| to_py(py, Error::data(None, "the name of a table holds a lone surrogate"));
            let name = name.to_str().map_err(surrogate)?.to_owned();
            return Ok(CopyTarget::Table { schema: self.schema.clone(), name, columns });
        }
        if self.schema.is_some() {
            return Err(PyTypeError::new_err("schema is for the name of a table"));
        }
        if let Some(table) = target.getattr_opt("__table__")? {
            let (schema, name) = (table.getattr("schema")?.extract()?, table.getattr("name")?.extract()?);
            let schema = spelling.schemas.of(&schema).map(str::to_owned);
            return Ok(CopyTarget::Table { schema, name, columns });
        }
        if self.columns.is_some() {
            return Err(PyTypeError::new_err("columns are for a table: a query has its own"));
        }
        if let Ok(expr) = target.cast::<Expr>()
            && let Some(sql) = expr.get().raw_text()
        {
            return Ok(CopyTarget::Query(sql));
        }
        let Some((sql, values)) = shown_statement(target, spelling)? else {
            let found = target.get_type().name()?;
            let text = format!("a table, a mapped class, text() or select() is copied, not {found}");
            return Err(PyTypeError::new_err(text));
        };
        if !values.is_empty() {
            let instead = "write text() with its values, or read it by execute()";
            return Err(to_py(py, Error::unsupported("COPY of a query with values", instead)));
        }
        Ok(CopyTarget::Query(sql))
    }
}
