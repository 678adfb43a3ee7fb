//! `ormkit.migrations.autogen`: what leads from the database to the models, and the revision file that does it; and the models
//! for Alembic itself.

mod recorded;

use std::sync::Arc;

use ormkit_core::error::Error;
use ormkit_core::model::{ModelId, TableName};
use ormkit_core::schema::alembic::{RevisionBody, RevisionFile, metadata};
use ormkit_core::schema::{Catalog, Compare, Operation as Step, Part, Recorded, Renames, declared};
use ormkit_core::session::Link;
use ormkit_core::sql::{Dialect, DialectName};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

pub(crate) use self::recorded::RecordedSchema;
use crate::bridge::Operation;
use crate::dialect::dialect_of;
use crate::engine::{Engine, EngineHandle};
use crate::model::{find_class, metadata_of, schema, table_model};
use crate::session::raise;

/// A step from the database to the models, as `AutogenContext.diff` finds it.
#[pyclass(frozen, module = "ormkit.migrations")]
pub(crate) struct SchemaStep {
    step: Step,
    found: Arc<Found>,
}

/// What a `diff` found in a database: a step is written down in the light of it.
#[derive(Default, PartialEq)]
struct Found {
    catalog: Catalog,
    dialect: Option<DialectName>,
}

#[pymethods]
impl SchemaStep {
    /// The name of Alembic's function for it: `"create_table"`, `"alter_column"`; `"execute"` where there is none.
    #[getter]
    fn operation_type(&self) -> &'static str {
        self.step.kind()
    }

    /// The table's name, with its schema where that is not the default one; None for an enum.
    #[getter]
    fn table_name(&self) -> Option<String> {
        self.step.table().map(TableName::to_string)
    }

    /// The column's name, of a step that is about a column.
    #[getter]
    fn column_name(&self) -> Option<&str> {
        self.step.column()
    }

    /// The constraint, index or type that it is about, or what becomes of the column; None where the kind, the table and the column
    /// say all.
    #[getter]
    fn detail(&self) -> Option<String> {
        self.step.detail()
    }

    /// The type of a column that is added or dropped, in the database's words; None of every other step.
    #[getter]
    fn column_type(&self) -> Option<&str> {
        match &self.step {
            Step::Add { part: Part::Column(column), .. } | Step::Drop { part: Part::Column(column), .. } => {
                Some(&column.data_type)
            }
            _ => None,
        }
    }

    /// The types of the columns of a table that is made or dropped, by name, in the database's words; empty of every other step.
    #[getter]
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let columns = PyDict::new(py);
        if let Step::CreateTable(table) | Step::DropTable(table) = &self.step {
            table.columns.iter().try_for_each(|column| columns.set_item(&column.name, &column.data_type))?;
        }
        Ok(columns)
    }

    /// Rows, values, or parts of values are lost.
    #[getter]
    fn loses_data(&self) -> bool {
        self.step.loses_data()
    }

    /// The statement, without a semicolon.
    ///
    /// Args:
    ///     dialect: `"postgresql"` or `"sqlite"`.
    ///
    /// Raises:
    ///     NotSupportedError: On SQLite only a rebuild of the table does it, which is several statements.
    #[pyo3(signature = (dialect = "postgresql"))]
    fn to_sql(&self, dialect: &str) -> PyResult<String> {
        self.step.sql(dialect_of(dialect)?).map_err(raise)
    }

    fn __repr__(&self) -> String {
        let table = self.step.table().map_or_else(String::new, |table| format!(" {table}"));
        let column = self.step.column().map_or_else(String::new, |column| format!(".{column}"));
        format!("<SchemaStep {}{table}{column}>", self.step.kind())
    }
}

/// What models are compared with.
#[derive(FromPyObject)]
pub(crate) enum Against<'py> {
    Engine(Bound<'py, Engine>),
    Recorded(Bound<'py, RecordedSchema>),
}

impl Against<'_> {
    fn side(&self) -> Side {
        match self {
            Self::Engine(engine) => Side::Database(engine.get().handle()),
            Self::Recorded(schema) => Side::Recorded(Box::new(schema.get().now())),
        }
    }
}

#[derive(Clone)]
enum Side {
    Database(EngineHandle),
    Recorded(Box<Recorded>),
}

impl Side {
    fn dialect(&self) -> &'static Dialect {
        match self {
            Self::Database(engine) => engine.dialect(),
            Self::Recorded(_) => &Dialect::POSTGRES,
        }
    }
}

/// Compares models with a database, and writes the revision that makes them the same.
///
/// Args:
///     pool: An engine, or a schema that was put on record, which is compared without a database.
///     models: The classes and tables, exactly: a table that is none of theirs is to be dropped. Junctions between them that are
///         tables without a class come along.
///     exclude: Tables that are let be, `"table"` or `"schema.table"`.
///     version_table: The table of the migrations, which is let be too; its schema is taken for there.
///     include_schemas: Compare all schemas of PostgreSQL, not the default one and those that the models name.
///     rename_tables: Names of tables so far, with their new ones, beside what the classes say by `renamed_from`.
///     rename_columns: `"table.column"`, the table under its new name and the column's name so far, with the new one.
#[pyclass(frozen, module = "ormkit.migrations.autogen")]
pub(crate) struct AutogenContext {
    side: Side,
    models: Vec<ModelId>,
    compare: Compare,
}

#[pymethods]
impl AutogenContext {
    #[new]
    #[pyo3(signature = (pool, models, *, exclude = Vec::new(), version_table = "alembic_version".to_owned(),
        include_schemas = false, rename_tables = None, rename_columns = None))]
    fn new(
        pool: Against<'_>,
        models: &Bound<'_, PyAny>,
        exclude: Vec<String>,
        version_table: String,
        include_schemas: bool,
        rename_tables: Option<Bound<'_, PyDict>>,
        rename_columns: Option<Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let renames = Renames {
            tables: pairs(rename_tables)?.into_iter().map(|(from, to)| (table_name(&from), to)).collect(),
            columns: pairs(rename_columns)?
                .into_iter()
                .map(|(from, to)| column_name(&from).map(|(table, from)| (table, from, to)))
                .collect::<PyResult<_>>()?,
        };
        let models: Vec<ModelId> =
            models.try_iter()?.map(|one| table_model(&one?)).collect::<PyResult<_>>()?;
        let version_table = Some(table_name(&version_table));
        let compare = Compare { renames, exclude, version_table, all_schemas: include_schemas };
        Ok(Self { side: pool.side(), models, compare })
    }

    /// The steps from the database to the models, in the order in which they can be done: an empty list where both are the
    /// same. Nothing is changed; on PostgreSQL the models' tables are made as temporary ones, and rolled back.
    ///
    /// Raises:
    ///     NotSupportedError: The database lacks a type or an option of a model.
    ///     InvalidRequestError: A rename of what is not there, or to a name that nobody wants or that is there already.
    fn diff(&self, py: Python<'_>) -> PyResult<Py<Operation>> {
        let compared = self.compared(py)?;
        Operation::start(py, "AutogenContext.diff", async move {
            let (found, steps) = compared.await?;
            let found = Arc::new(found);
            let step = |step| SchemaStep { step, found: Arc::clone(&found) };
            Ok(steps.into_iter().map(step).collect::<Vec<_>>())
        })
    }

    /// The text of a revision file that does `operations`, and undoes them: a plain file of Alembic.
    ///
    /// Args:
    ///     message: What it does, in words.
    ///     operations: Steps of one `diff()`, of this context or another.
    ///     down_revision: The revision before it; a tuple of them merges.
    ///     revision: Its id; None: a new one.
    ///
    /// Raises:
    ///     InvalidRequestError: The steps are of several diffs, or of another kind of database.
    ///     NotSupportedError: Alembic cannot do a step on SQLite.
    #[pyo3(signature = (message, operations, down_revision = None, *, revision = None))]
    fn render_migration(
        &self,
        py: Python<'_>,
        message: &str,
        operations: Vec<Bound<'_, SchemaStep>>,
        down_revision: Option<&Bound<'_, PyAny>>,
        revision: Option<String>,
    ) -> PyResult<String> {
        let dialect = self.side.dialect();
        let found = found_by(&operations, dialect)?;
        let steps: Vec<Step> = operations.iter().map(|step| step.get().step.clone()).collect();
        let before = match down_revision {
            Some(one) => one.extract::<String>().map(|one| vec![one]).or_else(|_| one.extract())?,
            None => Vec::new(),
        };
        render(py, dialect, &found.catalog, &steps, message, &before, revision)
    }
}

impl AutogenContext {
    /// What is there, and the steps.
    fn compared(
        &self,
        py: Python<'_>,
    ) -> PyResult<impl Future<Output = PyResult<(Found, Vec<Step>)>> + use<>> {
        let (side, compare) = (self.side.clone(), self.compare.clone());
        let (mut models, schema) = (self.models.clone(), schema(py)?);
        // Nobody can list a junction that is a table without a class where only classes are listed.
        let declared = schema.junctions(&models).into_iter().filter(|junction| !junction.implied);
        let tables = declared.map(|junction| junction.id);
        let tables: Vec<ModelId> = tables.filter(|id| find_class(py, *id).is_none()).collect();
        models.extend(tables);
        Ok(async move {
            let compared = match &side {
                Side::Database(engine) => {
                    let mut link = Link::new(Python::attach(|py| engine.pool(py))?);
                    let compared = compare.run(&mut link, &schema, &models).await;
                    compared.map_err(|error| engine.explained(error))?
                }
                Side::Recorded(recorded) => compare.beside(recorded, &schema, &models).map_err(raise)?,
            };
            let found = Found { catalog: compared.found, dialect: Some(side.dialect().name) };
            Ok((found, compared.operations))
        })
    }
}

/// What was found by the diff that all steps are of.
fn found_by(steps: &[Bound<'_, SchemaStep>], dialect: &Dialect) -> PyResult<Arc<Found>> {
    let Some((first, others)) = steps.split_first() else { return Ok(Arc::default()) };
    let found = &first.get().found;
    let same =
        |step: &Bound<'_, SchemaStep>| Arc::ptr_eq(&step.get().found, found) || step.get().found == *found;
    if !others.iter().all(same) {
        let text = "render_migration: the steps are of several diffs, between which the database has changed: \
            await diff() once more";
        return Err(raise(Error::invalid_request(text)));
    }
    match found.dialect {
        Some(other) if other != dialect.name => Err(raise(Error::invalid_request(format!(
            "render_migration: the steps are of a diff on {}, this context is on {}",
            other.as_str(),
            dialect.name.as_str()
        )))),
        _ => Ok(Arc::clone(found)),
    }
}

/// The text of the revision file that leads from a database to models.
///
/// Args:
///     pool: An engine, or a schema that was put on record.
///     models: The classes, exactly: a table that none of them maps is to be dropped.
///     message: What it does, in words.
///     down_revision: The revision before it; a tuple of them merges.
///
/// Raises:
///     NotSupportedError: The database lacks a type or an option of a model; Alembic cannot do a step on SQLite.
#[pyfunction]
#[pyo3(signature = (pool, models, message, down_revision = None))]
pub(crate) fn generate_migration(
    py: Python<'_>,
    pool: Against<'_>,
    models: &Bound<'_, PyAny>,
    message: String,
    down_revision: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<Operation>> {
    let before = match down_revision {
        Some(one) => one.extract::<String>().map(|one| vec![one]).or_else(|_| one.extract())?,
        None => Vec::new(),
    };
    let version_table = "alembic_version".to_owned();
    let context = AutogenContext::new(pool, models, Vec::new(), version_table, false, None, None)?;
    let compared = context.compared(py)?;
    Operation::start(py, "generate_migration", async move {
        let (found, steps) = compared.await?;
        let dialect = context.side.dialect();
        Python::attach(|py| render(py, dialect, &found.catalog, &steps, &message, &before, None))
    })
}

fn render(
    py: Python<'_>,
    dialect: &'static Dialect,
    found: &Catalog,
    steps: &[Step],
    message: &str,
    before: &[String],
    revision: Option<String>,
) -> PyResult<String> {
    let body = RevisionBody::new(found, steps, dialect).map_err(raise)?;
    let revision = match revision {
        Some(revision) => revision,
        None => new_revision(py)?,
    };
    let file = RevisionFile {
        revision: &revision,
        down_revisions: before,
        branch_labels: &[],
        depends_on: &[],
        message,
        created: &now(py)?,
    };
    Ok(file.render(&body))
}

/// An id as Alembic makes them: twelve hexadecimal digits.
fn new_revision(py: Python<'_>) -> PyResult<String> {
    let uuid: String = py.import("uuid")?.call_method0("uuid4")?.getattr("hex")?.extract()?;
    Ok(uuid[uuid.len() - 12..].to_owned())
}

/// The time as a revision file says when it was made.
pub(crate) fn now(py: Python<'_>) -> PyResult<String> {
    let now = py.import("datetime")?.getattr("datetime")?.call_method0("now")?;
    now.str()?.extract()
}

fn pairs(given: Option<Bound<'_, PyDict>>) -> PyResult<Vec<(String, String)>> {
    let Some(given) = given else { return Ok(Vec::new()) };
    given.iter().map(|(from, to)| Ok((from.extract()?, to.extract()?))).collect()
}

/// `table` or `schema.table`.
pub(crate) fn table_name(text: &str) -> TableName {
    match text.split_once('.') {
        Some((schema, name)) => TableName { schema: Some(schema.to_owned()), name: name.to_owned() },
        None => TableName { schema: None, name: text.to_owned() },
    }
}

fn column_name(text: &str) -> PyResult<(TableName, String)> {
    let (table, column) = text
        .rsplit_once('.')
        .ok_or_else(|| PyValueError::new_err(format!("rename_columns: {text:?} is no \"table.column\"")))?;
    Ok((table_name(table), column.to_owned()))
}

/// Python that makes SQLAlchemy's tables of the models under a base: for `ormkit.alembic`, which gives it its names.
#[pyfunction]
pub(crate) fn sqlalchemy_tables(py: Python<'_>, base: &Bound<'_, PyType>, dialect: &str) -> PyResult<String> {
    let models = metadata_of(base)?.get().newest(py);
    let dialect = dialect_of(dialect)?;
    let declared = declared(&*schema(py)?, &models, dialect).map_err(raise)?;
    metadata(&declared, dialect).map_err(raise)
}
