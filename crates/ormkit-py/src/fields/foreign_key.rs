//! `ForeignKey("teams.id", ondelete="CASCADE")`.
use crate::model::raise::to_python;
use ormkit_core::error::Error;
use ormkit_core::model::{self, KeyCheck, TableName, Timing};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// A reference to a column of another table.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
#[derive(Clone)]
pub(crate) struct ForeignKey(pub(crate) model::ForeignKey);

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl ForeignKey {
    /// Refer to a column.
    ///
    /// Args:
    ///     target: `"table.column"`, `"schema.table.column"`, or a column such as `Team.id`.
    ///     ondelete, onupdate: CASCADE, SET NULL, SET DEFAULT, RESTRICT or NO ACTION.
    ///     name: The constraint's name.
    ///     deferrable: `DEFERRABLE`: it can be checked at the end of the transaction.
    ///     initially: DEFERRED or IMMEDIATE: when it is checked unless the transaction says otherwise.
    ///     use_alter: `create_all` adds it when all tables are there (PostgreSQL).
    ///     match: SIMPLE or FULL.
    #[new]
    #[pyo3(signature = (target, *, ondelete = None, onupdate = None, name = None, deferrable = None, initially = None,
        use_alter = false, r#match = None))]
    #[allow(clippy::too_many_arguments, reason = "the options of a foreign key")]
    fn new(
        target: &Bound<'_, PyAny>,
        ondelete: Option<&str>,
        onupdate: Option<&str>,
        name: Option<String>,
        deferrable: Option<bool>,
        initially: Option<&str>,
        use_alter: bool,
        r#match: Option<&str>,
    ) -> PyResult<Self> {
        let (table, column) = target_of(target)?;
        let action = |word: Option<&str>| word.map(model::ForeignKey::action).transpose().map_err(to_python);
        Ok(Self(model::ForeignKey {
            table,
            column,
            on_delete: action(ondelete)?,
            on_update: action(onupdate)?,
            name,
            check: key_check(deferrable, initially, r#match, use_alter)?,
        }))
    }

    /// `"teams.id"`.
    #[getter]
    fn target(&self) -> String {
        format!("{}.{}", self.0.table, self.0.column)
    }

    /// The table's name, with its schema.
    #[getter]
    fn table(&self) -> String {
        self.0.table.to_string()
    }

    /// The column's name.
    #[getter]
    fn column(&self) -> &str {
        &self.0.column
    }

    /// What happens when the row referred to is deleted.
    #[getter]
    fn ondelete(&self) -> Option<&str> {
        self.0.on_delete
    }

    /// What happens when the key referred to changes.
    #[getter]
    fn onupdate(&self) -> Option<&str> {
        self.0.on_update
    }

    /// The constraint's name.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    fn __repr__(&self) -> String {
        format!("ForeignKey({:?})", self.target())
    }
}

/// When and how a key is checked.
///
/// # Errors
/// A word that SQL does not know, with the near one; MATCH PARTIAL, which no database has.
pub(super) fn key_check(
    deferrable: Option<bool>,
    initially: Option<&str>,
    matched: Option<&str>,
    alter: bool,
) -> PyResult<KeyCheck> {
    let word = |given: &str, what: &'static str, known: [&'static str; 2]| {
        let found = known.iter().position(|word| word.eq_ignore_ascii_case(given.trim()));
        found.ok_or_else(|| to_python(Error::unknown_name(what, given, "SQL", known)))
    };
    let deferred =
        initially.map(|given| word(given, "time of checking", ["IMMEDIATE", "DEFERRED"])).transpose()?;
    let full = matched.map(|given| word(given, "MATCH", ["SIMPLE", "FULL"])).transpose()?;
    if deferrable == Some(false) && deferred == Some(1) {
        return Err(PyValueError::new_err("initially=\"DEFERRED\" needs deferrable=True"));
    }
    Ok(KeyCheck { deferrable, deferred: deferred.map(|at| at == 1), full: full == Some(1), alter })
}

/// When a constraint other than a foreign key is checked.
pub(super) fn timing(deferrable: Option<bool>, initially: Option<&str>) -> PyResult<Timing> {
    Ok(key_check(deferrable, initially, None, false)?.timing())
}

fn target_of(target: &Bound<'_, PyAny>) -> PyResult<(TableName, String)> {
    if let Ok(attribute) = target.cast::<crate::model::Attribute>() {
        return attribute.get().column_place().ok_or_else(|| {
            PyTypeError::new_err("ForeignKey() takes a column, and this attribute is a relation")
        });
    }
    let text: String = target.extract().map_err(|_| {
        PyTypeError::new_err("ForeignKey() takes \"table.column\" or a column such as Team.id")
    })?;
    place(&text)
}

/// Reads `table.column` or `schema.table.column`.
pub(crate) fn place(text: &str) -> PyResult<(TableName, String)> {
    let parts: Vec<&str> = text.split('.').map(str::trim).collect();
    let (schema, name, column) = match parts[..] {
        [table, column] => (None, table, column),
        [schema, table, column] => (Some(schema.to_owned()), table, column),
        _ => (None, "", ""),
    };
    if name.is_empty() || column.is_empty() {
        return Err(PyValueError::new_err(format!(
            "ForeignKey({text:?}) must name a table and a column: \"table.column\""
        )));
    }
    Ok((TableName { schema, name: name.to_owned() }, column.to_owned()))
}
