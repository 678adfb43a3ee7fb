//! `Identity(..)`, `Computed(..)`, `Sequence(..)` and `FetchedValue()`.
use crate::expr::Expr;
use ormkit_core::model::{self, ServerDefault, TableName};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Arc;

/// `GENERATED … AS IDENTITY`: the database numbers the rows. On SQLite it numbers a key that is an integer alone, from
/// 1 on; the options are PostgreSQL's.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Identity(pub(crate) model::Identity);

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Identity {
    /// Args:
    ///     always: No other number is taken: giving one is an error before anything is sent.
    ///     start, increment, minvalue, maxvalue: Which numbers.
    ///     cycle: Begin anew after the greatest.
    ///     cache: How many numbers a connection takes at once.
    #[new]
    #[pyo3(signature = (always = false, start = None, increment = None, minvalue = None, maxvalue = None,
        cycle = false, cache = None))]
    fn new(
        always: bool,
        start: Option<i64>,
        increment: Option<i64>,
        minvalue: Option<i64>,
        maxvalue: Option<i64>,
        cycle: bool,
        cache: Option<i64>,
    ) -> PyResult<Self> {
        if increment == Some(0) {
            return Err(PyValueError::new_err("Identity(increment=0) would number every row the same"));
        }
        Ok(Self(model::Identity { always, start, increment, min: minvalue, max: maxvalue, cycle, cache }))
    }
}

/// `GENERATED ALWAYS AS (sqltext)`: the database computes the column from others of its row; it is read back after each
/// write, and never written.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Computed(pub(crate) model::Computed);

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Computed {
    /// Args:
    ///     sqltext: The expression, as text.
    ///     persisted: Kept in the row (True), or computed when it is read (False, SQLite alone); None: kept on PostgreSQL
    ///         and computed on SQLite.
    #[new]
    #[pyo3(signature = (sqltext, persisted = None))]
    fn new(sqltext: &Bound<'_, PyAny>, persisted: Option<bool>) -> PyResult<Self> {
        let sql = match sqltext.cast::<Expr>() {
            Ok(expr) => expr.get().raw_text(),
            Err(_) => sqltext.extract().ok(),
        };
        let Some(sql) = sql else {
            return Err(PyTypeError::new_err("Computed() takes the SQL of the expression as text"));
        };
        if sql.contains('\0') {
            return Err(PyValueError::new_err("Computed() with a NUL character"));
        }
        Ok(Self(model::Computed {
            sql: ServerDefault { postgres: sql.clone(), sqlite: sql, unfit: None },
            persisted,
        }))
    }
}

/// A sequence of PostgreSQL that numbers a column: `mapped_column(Sequence("tickets"))`. INSERT asks it where no value is given,
/// and the number is read back; `create_all` makes it, unless there is one of the name, and migrations do. SQLite has none: there
/// it stands for the numbers of a key that is an integer alone, and a column beside the key is refused.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct Sequence(pub(crate) Arc<model::Sequence>);

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl Sequence {
    /// Args:
    ///     name: Its name, without a schema.
    ///     start, increment, minvalue, maxvalue: Which numbers.
    ///     cycle: Begin anew after the greatest.
    ///     cache: How many numbers a connection takes at once.
    ///     schema: The schema that it is in.
    ///     optional: Accepted: where the database numbers a key by itself it does so in any case.
    #[new]
    #[pyo3(signature = (name, start = None, increment = None, minvalue = None, maxvalue = None, *, cycle = false,
        cache = None, schema = None, optional = false))]
    #[allow(clippy::too_many_arguments, reason = "the options of a sequence")]
    fn new(
        name: String,
        start: Option<i64>,
        increment: Option<i64>,
        minvalue: Option<i64>,
        maxvalue: Option<i64>,
        cycle: bool,
        cache: Option<i64>,
        schema: Option<String>,
        #[expect(unused_variables, reason = "SQLite has no other way")] optional: bool,
    ) -> PyResult<Self> {
        if [Some(&name), schema.as_ref()]
            .into_iter()
            .flatten()
            .any(|name| name.is_empty() || name.contains('\0'))
        {
            return Err(PyValueError::new_err("Sequence() needs a name, without NUL characters"));
        }
        if increment == Some(0) {
            return Err(PyValueError::new_err("Sequence(increment=0) would number every row the same"));
        }
        let options =
            model::Identity { always: false, start, increment, min: minvalue, max: maxvalue, cycle, cache };
        Ok(Self(Arc::new(model::Sequence { name: TableName { schema, name }, options })))
    }

    /// The sequence's name.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name.name
    }

    /// The schema that it is in.
    #[getter]
    fn schema(&self) -> Option<&str> {
        self.0.name.schema.as_deref()
    }

    fn __repr__(&self) -> String {
        format!("Sequence('{}')", self.0.name)
    }
}

/// What the database fills in by itself, by a trigger: `server_default=FetchedValue()` is read back after INSERT,
/// `server_onupdate=FetchedValue()` after UPDATE.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct FetchedValue;

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl FetchedValue {
    #[new]
    fn new() -> Self {
        Self
    }
}
