//! What there is in a database: tables, columns, indexes and constraints, as records.

use std::sync::Arc;

use ormkit_core::driver::Scope;
use ormkit_core::error::{Error, Result};
use ormkit_core::model::TableName;
use ormkit_core::schema::{self, Catalog, NumberingKind, Table};
use ormkit_core::session::Link;
use pyo3::prelude::*;

use super::pinned::open_transaction;
use super::{Connection, Engine};
use crate::bridge::Operation;
use crate::session::raise;

/// A column of a table, as the database has it.
#[pyclass(frozen, get_all, eq, name = "RustColumnInfo", module = "ormkit")]
#[derive(Clone, PartialEq)]
pub(crate) struct FoundColumn {
    /// Its name.
    name: String,
    /// Its type in the database's own words: `character varying(100)`; SQLite: as it was declared.
    data_type: String,
    /// NULL is allowed.
    nullable: bool,
    /// The expression of its DEFAULT; None without one.
    default: Option<String>,
    /// (A part of) the primary key.
    is_primary_key: bool,
    /// The database numbers it: `"always"` and `"by default"` for an identity, `"serial"`, `"autoincrement"`; None otherwise.
    numbering: Option<&'static str>,
    /// The expression that the database computes it from; None otherwise.
    computed: Option<String>,
    /// COLLATE, where it is not that of the type.
    collation: Option<String>,
    /// The comment on it, on PostgreSQL.
    comment: Option<String>,
}

/// An index of a table that is not part of a constraint.
#[pyclass(frozen, eq, name = "RustIndexInfo", module = "ormkit")]
#[derive(Clone, PartialEq)]
pub(crate) struct FoundIndex {
    index: schema::Index,
}

#[pymethods]
impl FoundIndex {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        &self.index.name
    }

    /// The names of its columns; the text of a part that is an expression.
    #[getter]
    fn columns(&self) -> Vec<String> {
        let text = |part: &schema::IndexPart| match &part.term {
            schema::IndexTerm::Column(text) | schema::IndexTerm::Expression(text) => text.clone(),
        };
        self.index.parts.iter().map(text).collect()
    }

    /// Two rows cannot have the same values.
    #[getter]
    fn unique(&self) -> bool {
        self.index.unique
    }

    /// The condition of the rows that it holds; None: all.
    #[getter]
    #[pyo3(name = "where")]
    fn predicate(&self) -> Option<&str> {
        self.index.predicate.as_deref()
    }

    /// The access method, `"btree"` as a rule.
    #[getter]
    fn method(&self) -> &str {
        self.index.method.as_deref().unwrap_or("btree")
    }

    /// Columns that are kept with it. `INCLUDE`.
    #[getter]
    fn include(&self) -> Vec<String> {
        self.index.include.clone()
    }

    fn __repr__(&self) -> String {
        format!("<RustIndexInfo {} ({})>", self.index.name, self.columns().join(", "))
    }
}

/// A constraint of a table.
#[pyclass(frozen, get_all, eq, name = "RustConstraintInfo", module = "ormkit")]
#[derive(Clone, PartialEq)]
pub(crate) struct FoundConstraint {
    /// Its name; None for one that SQLite knows without.
    name: Option<String>,
    /// `"PRIMARY KEY"`, `"UNIQUE"`, `"CHECK"`, `"FOREIGN KEY"` or `"EXCLUDE"`.
    constraint_type: &'static str,
    /// Its columns; none of a CHECK or EXCLUDE.
    columns: Vec<String>,
    /// A CHECK's condition, an EXCLUDE's definition; None otherwise.
    expression: Option<String>,
    /// The table that a foreign key refers to.
    references_table: Option<String>,
    /// The first column that it refers to; None on SQLite where it was not said: the primary key.
    references_column: Option<String>,
    /// All columns that it refers to.
    references_columns: Vec<String>,
    /// ON DELETE; None: `NO ACTION`.
    on_delete: Option<String>,
    /// ON UPDATE; None: `NO ACTION`.
    on_update: Option<String>,
    /// It can be checked at the end of the transaction.
    deferrable: bool,
}

/// A table.
#[pyclass(frozen, get_all, eq, name = "RustTableInfo", module = "ormkit")]
#[derive(Clone, PartialEq)]
pub(crate) struct FoundTable {
    /// Its name.
    name: String,
    /// Its schema; None in the default one.
    schema: Option<String>,
    /// Its columns in their order.
    columns: Vec<FoundColumn>,
    /// Its indexes that are not part of a constraint.
    indexes: Vec<FoundIndex>,
    /// Its constraints.
    constraints: Vec<FoundConstraint>,
    /// The comment on it, on PostgreSQL.
    comment: Option<String>,
}

macro_rules! repr_as_name {
    ($($class:ident),+) => {$(
        #[pymethods]
        impl $class {
            fn __repr__(&self) -> String {
                self.shown()
            }
        }
    )+};
}

repr_as_name!(FoundColumn, FoundConstraint, FoundTable);

impl FoundColumn {
    fn shown(&self) -> String {
        format!("<RustColumnInfo {} {}>", self.name, self.data_type)
    }

    fn of(table: &Table, column: &schema::Column) -> Self {
        let numbering = column.numbering.as_ref().map(|numbering| match numbering.kind {
            NumberingKind::Always => "always",
            NumberingKind::ByDefault => "by default",
            NumberingKind::Serial => "serial",
            NumberingKind::Autoincrement => "autoincrement",
        });
        Self {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            nullable: column.nullable,
            default: column.default.clone(),
            is_primary_key: table.is_key(&column.name),
            numbering,
            computed: column.computed.as_ref().map(|computed| computed.expression.clone()),
            collation: column.collation.clone(),
            comment: column.comment.clone(),
        }
    }
}

impl FoundConstraint {
    fn shown(&self) -> String {
        let name = self.name.as_deref().unwrap_or("unnamed");
        format!("<RustConstraintInfo {} {name}>", self.constraint_type)
    }

    fn new(name: Option<&String>, constraint_type: &'static str, columns: &[String]) -> Self {
        Self {
            name: name.cloned(),
            constraint_type,
            columns: columns.to_vec(),
            expression: None,
            references_table: None,
            references_column: None,
            references_columns: Vec::new(),
            on_delete: None,
            on_update: None,
            deferrable: false,
        }
    }

    fn all(table: &Table) -> Vec<Self> {
        let is_deferrable = |timing| timing != schema::Timing::Immediate;
        let keys = table.primary_key.iter().map(|key| Self {
            deferrable: is_deferrable(key.timing),
            ..Self::new(key.name.as_ref(), "PRIMARY KEY", &key.columns)
        });
        let uniques = table.uniques.iter().map(|unique| Self {
            deferrable: is_deferrable(unique.timing),
            ..Self::new(unique.name.as_ref(), "UNIQUE", &unique.columns)
        });
        let checks = table.checks.iter().map(|check| Self {
            expression: Some(check.expression.clone()),
            ..Self::new(check.name.as_ref(), "CHECK", &[])
        });
        let foreign_keys = table.foreign_keys.iter().map(|key| Self {
            references_table: Some(key.table.to_string()),
            references_column: key.referred.first().cloned(),
            references_columns: key.referred.clone(),
            on_delete: key.on_delete.clone(),
            on_update: key.on_update.clone(),
            deferrable: is_deferrable(key.timing),
            ..Self::new(key.name.as_ref(), "FOREIGN KEY", &key.columns)
        });
        let exclusions = table.exclusions.iter().map(|exclusion| Self {
            expression: Some(exclusion.definition.clone()),
            ..Self::new(Some(&exclusion.name), "EXCLUDE", &[])
        });
        keys.chain(uniques).chain(checks).chain(foreign_keys).chain(exclusions).collect()
    }
}

impl FoundTable {
    fn shown(&self) -> String {
        format!("<RustTableInfo {} ({} columns)>", self.name, self.columns.len())
    }

    fn of(table: &Table) -> Self {
        Self {
            name: table.name.name.clone(),
            schema: table.name.schema.clone(),
            columns: table.columns.iter().map(|column| FoundColumn::of(table, column)).collect(),
            indexes: table.indexes.iter().map(|index| FoundIndex { index: index.clone() }).collect(),
            constraints: FoundConstraint::all(table),
            comment: table.comment.clone(),
        }
    }
}

/// What is asked.
#[derive(Clone, Copy)]
enum Question {
    Tables,
    Columns,
    Indexes,
    Constraints,
    TableInfo,
}

impl Question {
    fn answer(
        self,
        py: Python<'_>,
        catalog: &Catalog,
        table: &str,
        schema: Option<&str>,
    ) -> PyResult<Py<PyAny>> {
        let schema = schema.filter(|schema| catalog.default_schema.as_deref() != Some(schema));
        if let Self::Tables = self {
            let inside = catalog.tables.iter().filter(|table| table.name.schema.as_deref() == schema);
            let names: Vec<&str> = inside.map(|table| table.name.name.as_str()).collect();
            return Ok(names.into_pyobject(py)?.unbind());
        }
        let found = find(catalog, table, schema).map_err(raise)?;
        let info = FoundTable::of(found);
        Ok(match self {
            Self::Tables | Self::TableInfo => Py::new(py, info)?.into_any(),
            Self::Columns => info.columns.into_pyobject(py)?.unbind(),
            Self::Indexes => info.indexes.into_pyobject(py)?.unbind(),
            Self::Constraints => info.constraints.into_pyobject(py)?.unbind(),
        })
    }
}

/// # Errors
/// `UnknownName` with near matches.
fn find<'a>(catalog: &'a Catalog, table: &str, schema: Option<&str>) -> Result<&'a Table> {
    let name = TableName { schema: schema.map(str::to_owned), name: table.to_owned() };
    catalog.table(&name).ok_or_else(|| {
        let names: Vec<String> = catalog.tables.iter().map(|table| table.name.to_string()).collect();
        let place = schema.map_or_else(|| "the database".to_owned(), |schema| format!("the schema {schema}"));
        Error::unknown_name("table", &name.to_string(), &*place, names.iter().map(String::as_str))
    })
}

fn scope(schema: Option<&String>) -> Scope {
    schema.map_or(Scope::Default, |schema| Scope::Schemas(vec![schema.clone()]))
}

impl Engine {
    fn ask(
        &self,
        py: Python<'_>,
        name: &'static str,
        question: Question,
        table: String,
        schema: Option<String>,
    ) -> PyResult<Py<Operation>> {
        let handle = self.handle();
        Operation::start(py, name, async move {
            let mut link = Link::new(Python::attach(|py| handle.pool(py))?);
            let read = schema::introspect(&mut link, &scope(schema.as_ref())).await;
            let catalog = read.map_err(|error| handle.explained(error))?;
            Python::attach(|py| question.answer(py, &catalog, &table, schema.as_deref()))
        })
    }
}

impl Connection {
    fn ask(
        &self,
        py: Python<'_>,
        name: &'static str,
        question: Question,
        table: String,
        schema: Option<String>,
    ) -> PyResult<Py<Operation>> {
        let link = Arc::clone(self.link());
        Operation::start(py, name, async move {
            let mut core = Python::attach(|py| link.lease(py))?;
            core.check().map_err(raise)?;
            open_transaction(&mut core)?;
            let read = schema::introspect(&mut core, &scope(schema.as_ref())).await;
            let catalog = read.map_err(|error| link.engine().explained(error))?;
            Python::attach(|py| question.answer(py, &catalog, &table, schema.as_deref()))
        })
    }
}

macro_rules! inspecting {
    ($class:ident, $prefix:literal) => {
        #[pymethods]
        impl $class {
            /// The names of the tables, without the database's own and those of extensions.
            ///
            /// Args:
            ///     schema: A schema of PostgreSQL; None: the default one, the first of `search_path` that exists.
            ///
            /// Raises:
            ///     NotSupportedError: `schema` on SQLite.
            #[pyo3(signature = (*, schema = None))]
            fn get_tables(&self, py: Python<'_>, schema: Option<String>) -> PyResult<Py<Operation>> {
                self.ask(py, concat!($prefix, ".get_tables"), Question::Tables, String::new(), schema)
            }

            /// The columns of a table in their order.
            ///
            /// Args:
            ///     table: Its name, as it is stored: `Users` and `users` are two.
            ///     schema: As for `get_tables`.
            ///
            /// Raises:
            ///     FieldError: There is no such table; with near matches.
            #[pyo3(signature = (table, *, schema = None))]
            fn get_columns(
                &self,
                py: Python<'_>,
                table: String,
                schema: Option<String>,
            ) -> PyResult<Py<Operation>> {
                self.ask(py, concat!($prefix, ".get_columns"), Question::Columns, table, schema)
            }

            /// The indexes of a table that are not part of a constraint. Arguments and errors as for `get_columns`.
            #[pyo3(signature = (table, *, schema = None))]
            fn get_indexes(
                &self,
                py: Python<'_>,
                table: String,
                schema: Option<String>,
            ) -> PyResult<Py<Operation>> {
                self.ask(py, concat!($prefix, ".get_indexes"), Question::Indexes, table, schema)
            }

            /// The constraints of a table: its primary key, uniques, checks, foreign keys. Arguments and errors as for
            /// `get_columns`.
            #[pyo3(signature = (table, *, schema = None))]
            fn get_constraints(
                &self,
                py: Python<'_>,
                table: String,
                schema: Option<String>,
            ) -> PyResult<Py<Operation>> {
                self.ask(py, concat!($prefix, ".get_constraints"), Question::Constraints, table, schema)
            }

            /// A table with its columns, indexes and constraints. Arguments and errors as for `get_columns`.
            #[pyo3(signature = (table, *, schema = None))]
            fn get_table_info(
                &self,
                py: Python<'_>,
                table: String,
                schema: Option<String>,
            ) -> PyResult<Py<Operation>> {
                self.ask(py, concat!($prefix, ".get_table_info"), Question::TableInfo, table, schema)
            }
        }
    };
}

inspecting!(Engine, "ConnectionPool");
inspecting!(Connection, "Connection");
