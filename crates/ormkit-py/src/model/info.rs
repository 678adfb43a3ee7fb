//! What tools read of a model: `__columns__`, `__relationships__`, `__table__`.
use super::raise::to_python;
use super::registry::{find_secondary, mapped_class, schema, with_def};
use crate::fields::{ClientDefault, ForeignKey, Notes};
use crate::inspection::Mapper;
use ormkit_core::model::{ColumnType, Field, FieldDefault, ModelId, Secondary};
use ormkit_core::sql::{Dialect, type_name};
use ormkit_core::value::SqlType;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A column of a model.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct ColumnInfo {
    field: Field,
    default: ClientDefault,
    notes: Notes,
}

impl ColumnInfo {
    pub(super) fn new(field: Field, default: ClientDefault, notes: Notes) -> Self {
        Self { field, default, notes }
    }

    /// What the declaration of a class's column says to its readers.
    pub(super) fn notes_of(class: &Bound<'_, PyAny>, name: &str) -> PyResult<Notes> {
        let known = class.getattr("__columns__")?.cast_into::<PyDict>()?.get_item(name)?;
        let known = known.and_then(|known| known.cast_into::<Self>().ok());
        Ok(known.map_or_else(Notes::default, |known| known.get().notes.clone_ref(class.py())))
    }
}

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl ColumnInfo {
    /// The column's name.
    #[getter]
    #[allow(clippy::misnamed_getters, reason = "the attribute's name is `key`")]
    pub(super) fn name(&self) -> &str {
        &self.field.column
    }

    /// The attribute's name.
    #[getter]
    fn key(&self) -> &str {
        &self.field.name
    }

    /// Part of the primary key.
    #[getter]
    fn primary_key(&self) -> bool {
        self.field.primary_key
    }

    /// NULL is allowed.
    #[getter]
    fn nullable(&self) -> bool {
        self.field.nullable
    }

    /// A UNIQUE constraint of its own.
    #[getter]
    fn unique(&self) -> bool {
        self.field.unique
    }

    /// An index of its own.
    #[getter]
    fn index(&self) -> bool {
        self.field.index
    }

    /// The value, or the callable that makes it, of a new object that was not given one.
    #[getter]
    fn default<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, PyAny>> {
        self.default.object().map(|object| object.bind(py))
    }

    /// The SQL text of the default that the database gives, as PostgreSQL reads it.
    #[getter]
    fn server_default(&self) -> Option<&str> {
        match &self.field.default {
            FieldDefault::Server(sql) => Some(&sql.postgres),
            _ => None,
        }
    }

    /// The greatest length, in characters.
    #[getter]
    fn max_length(&self) -> Option<u32> {
        match self.field.column_type {
            ColumnType::VarChar(length) => Some(length),
            _ => None,
        }
    }

    /// The reference to another table.
    #[getter]
    fn foreign_key(&self) -> Option<ForeignKey> {
        self.field.foreign_key.clone().map(ForeignKey)
    }

    /// The database numbers new rows.
    #[getter]
    fn autoincrement(&self) -> bool {
        self.field.autoincrement
    }

    /// Holds JSON.
    #[getter]
    fn is_json(&self) -> bool {
        self.field.column_type == ColumnType::Json
    }

    /// The comment on the column.
    #[getter]
    fn comment(&self) -> Option<&str> {
        self.field.comment.as_deref()
    }

    /// What was said to readers: the dict of `info=`, an empty one without it.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.notes.info(py).into_any()
    }

    /// The text of `doc=`.
    #[getter]
    fn doc(&self) -> Option<&str> {
        self.notes.doc()
    }

    /// The SQL type.
    ///
    /// Args:
    ///     dialect: `"postgresql"` or `"sqlite"`.
    #[pyo3(signature = (dialect = "postgresql"))]
    fn sql_type(&self, dialect: &str) -> PyResult<String> {
        match dialect {
            "postgresql" => Ok(postgresql_type(&self.field)),
            "sqlite" => Ok(sqlite_type(&self.field.column_type).to_owned()),
            other => Err(pyo3::exceptions::PyValueError::new_err(format!(
                "sql_type({other:?}): expected \"postgresql\" or \"sqlite\""
            ))),
        }
    }

    fn __repr__(&self) -> String {
        format!("ColumnInfo({} {})", self.field.column, postgresql_type(&self.field))
    }
}

fn postgresql_type(field: &Field) -> String {
    match (&field.column_type, field.autoincrement) {
        (ColumnType::SmallInt, true) => "SMALLSERIAL".to_owned(),
        (ColumnType::Integer, true) => "SERIAL".to_owned(),
        (ColumnType::BigInt, true) => "BIGSERIAL".to_owned(),
        (ColumnType::VarChar(length), _) => format!("VARCHAR({length})"),
        (ColumnType::Numeric(Some((precision, scale))), _) => format!("NUMERIC({precision}, {scale})"),
        (ColumnType::Enum(labels), _) => labels.name.clone(),
        (column_type, _) if column_type.sql_type() == SqlType::Unknown => {
            type_name(column_type, &Dialect::POSTGRES)
        }
        (ColumnType::Array(_) | ColumnType::Native(_), _) => {
            type_name(&field.column_type, &Dialect::POSTGRES)
        }
        (other, _) => other.sql_type().name().to_owned(),
    }
}

fn sqlite_type(column_type: &ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool | ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt => "INTEGER",
        ColumnType::Interval => "INTEGER",
        ColumnType::Double => "REAL",
        ColumnType::Bytes | ColumnType::Uuid => "BLOB",
        _ => "TEXT",
    }
}

/// A relation of a model.
#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pyclass(module = "ormkit._ormkit"))]
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct RelationshipInfo {
    /// The attribute's name.
    #[pyo3(get)]
    pub(crate) key: String,
    /// The name of the class at the other end.
    #[pyo3(get)]
    pub(crate) target: String,
    /// What links both ends; None without a junction.
    pub(crate) junction: Option<Secondary>,
    /// The class that has the relation.
    pub(crate) model: ModelId,
    /// Many objects are at the other end, in a list.
    #[pyo3(get)]
    pub(crate) uselist: bool,
    /// The target's relation that shows the other direction.
    #[pyo3(get)]
    pub(crate) back_populates: Option<String>,
    /// The cascade, as declared.
    #[pyo3(get)]
    pub(crate) cascade: String,
    pub(crate) notes: Notes,
}

impl RelationshipInfo {
    /// What the declaration of a class's relation says to its readers.
    pub(super) fn notes_of(class: &Bound<'_, PyAny>, name: &str) -> PyResult<Notes> {
        let known = class.getattr("__relationships__")?.cast_into::<PyDict>()?.get_item(name)?;
        let known = known.and_then(|known| known.cast_into::<Self>().ok());
        Ok(known.map_or_else(Notes::default, |known| known.get().notes.clone_ref(class.py())))
    }
}

#[cfg_attr(feature = "stub-gen", pyo3_stub_gen::derive::gen_stub_pymethods)]
#[pymethods]
impl RelationshipInfo {
    /// What was said to readers: the dict of `info=`, an empty one without it.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.notes.info(py).into_any()
    }

    /// The text of `doc=`.
    #[getter]
    fn doc(&self) -> Option<&str> {
        self.notes.doc()
    }

    /// The junction's table; None without one.
    #[getter]
    fn secondary(&self, py: Python<'_>) -> Option<String> {
        let named = |model| with_def(model, |def| def.table.to_string());
        match self.junction.as_ref()? {
            Secondary::Model(model) => Some(named(*model)),
            // A class that was named before it was there is known by its table.
            Secondary::Table(table) => {
                Some(find_secondary(py, self.model, table).map_or_else(|| table.to_string(), named))
            }
        }
    }

    /// What the class at the other end maps: `.mapper.class_` is the class.
    ///
    /// Raises:
    ///     InvalidRequestError: No such class was declared.
    #[getter]
    fn mapper<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let schema = schema(py)?;
        schema.check(&[self.model]).map_err(to_python)?;
        let relation = schema.model(self.model).relations.iter().find(|relation| relation.name == self.key);
        let target = relation.map_or(self.model, |relation| relation.target);
        Ok(Bound::new(py, Mapper::of(mapped_class(py, target).class.bind(py)))?.into_any())
    }

    /// Through a junction.
    #[getter]
    fn is_many_to_many(&self) -> bool {
        self.junction.is_some()
    }

    fn __repr__(&self) -> String {
        format!("RelationshipInfo({} -> {}{})", self.key, self.target, if self.uselist { "[]" } else { "" })
    }
}
