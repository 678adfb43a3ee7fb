//! The table that says where a database is: `alembic_version`, a row for each head.

use std::sync::Arc;

use super::{MigrationProblem, Move};
use crate::driver::{Batch, Effect, Row, RowSink, Statement, StatementText};
use crate::error::{Error, Result};
use crate::model::TableName;
use crate::session::Link;
use crate::sql::ddl::written;
use crate::sql::{Dialect, DialectName};
use crate::value::{Params, SqlType, ValueRef};

/// The version table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionTable {
    /// Its name; the usual one is `alembic_version`.
    pub name: TableName,
    /// It has a primary key.
    pub primary_key: bool,
}

impl Default for VersionTable {
    fn default() -> Self {
        Self { name: TableName { schema: None, name: "alembic_version".into() }, primary_key: true }
    }
}

impl VersionTable {
    /// The statement that makes it, as Alembic does.
    pub fn create(&self, dialect: &'static Dialect) -> String {
        written(dialect, |out| {
            out.push("CREATE TABLE ");
            out.table(&self.name);
            out.push(" (\n    version_num VARCHAR(32) NOT NULL");
            if self.primary_key {
                out.push(",\n    CONSTRAINT ");
                out.name(&format!("{}_pkc", self.name.name));
                out.push(" PRIMARY KEY (version_num)");
            }
            out.push("\n)");
        })
    }

    /// The statement that makes its schema where there is none (PostgreSQL).
    pub fn create_schema(&self, dialect: &'static Dialect) -> Option<String> {
        let schema = self.name.schema.as_ref().filter(|_| dialect.name == DialectName::Postgres)?;
        Some(format!("CREATE SCHEMA IF NOT EXISTS {}", dialect.quoted(schema)))
    }

    /// True when the database has it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn exists(&self, link: &mut Link) -> Result<bool> {
        let dialect = link.dialect();
        let sql = match dialect.name {
            DialectName::Postgres => {
                let name = written(dialect, |out| out.table(&self.name));
                format!("SELECT to_regclass({}) IS NOT NULL", written(dialect, |out| out.literal(&name)))
            }
            DialectName::Sqlite => {
                let schema = self.name.schema.as_deref().unwrap_or("main");
                self.require_attached(link, schema).await?;
                format!(
                    "SELECT count(*) > 0 FROM {}.sqlite_schema WHERE type = 'table' AND name = {} COLLATE NOCASE",
                    dialect.quoted(schema),
                    written(dialect, |out| out.literal(&self.name.name))
                )
            }
        };
        holds(link, sql).await
    }

    /// Refuses a schema that an SQLite file does not have: there are `main` and what is attached.
    async fn require_attached(&self, link: &mut Link, schema: &str) -> Result<()> {
        let name = written(link.dialect(), |out| out.literal(schema));
        let known =
            format!("SELECT count(*) > 0 FROM pragma_database_list WHERE name = {name} COLLATE NOCASE");
        if schema == "main" || holds(link, known).await? {
            return Ok(());
        }
        let problem =
            format!("SQLite has no schemas, and `version_table_schema` puts `{}` into one", self.name);
        let next = "leave `version_table_schema` out of the file, or say `main`";
        Err(MigrationProblem::new(problem).next(next).error())
    }

    /// The heads, in order; none where the table is not there.
    ///
    /// # Errors
    /// What the database says.
    pub async fn heads(&self, link: &mut Link) -> Result<Vec<String>> {
        if !self.exists(link).await? {
            return Ok(Vec::new());
        }
        let table = written(link.dialect(), |out| out.table(&self.name));
        let sql = format!("SELECT version_num FROM {table} ORDER BY version_num");
        let text = StatementText::new(sql, Vec::new(), Some(vec![SqlType::Text]), Effect::Read);
        let mut found = Texts(Vec::new());
        link.run(Batch::of(&Statement::new(Arc::new(text), Params::new())), &mut found).await?;
        found.0.sort();
        Ok(found.0)
    }

    /// Makes it where it is not there, and its schema.
    ///
    /// # Errors
    /// What the database says.
    pub async fn ensure(&self, link: &mut Link) -> Result<()> {
        if self.exists(link).await? {
            return Ok(());
        }
        let dialect = link.dialect();
        let mut create = vec![Statement::command(self.create(dialect), Effect::Unknown)];
        if let (Some(schema), Some(sql)) = (&self.name.schema, self.create_schema(dialect)) {
            // IF NOT EXISTS wants the right to make one even where it is there.
            let name = written(dialect, |out| out.literal(schema));
            let query = format!("SELECT NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = {name})");
            if holds(link, query).await? {
                create.insert(0, Statement::command(sql, Effect::Unknown));
            }
        }
        link.run(Batch { before: &[], statements: &create }, &mut Count(0)).await
    }

    /// Moves its rows, inside of the open transaction.
    ///
    /// # Errors
    /// What the database says. `Migration`: a row is not there, since somebody else has moved it meanwhile.
    pub async fn apply(&self, link: &mut Link, moves: &[Move]) -> Result<()> {
        for step in moves {
            let sql = step.sql(&self.name, link.dialect());
            let statement = Statement::command(sql, Effect::Write { bounded: true });
            let mut touched = Count(0);
            link.run(Batch::of(&statement), &mut touched).await.map_err(too_long)?;
            if touched.0 != 1 && *step != Move::Clear {
                let problem = format!(
                    "`{}` does not say any more what it said: {} row(s) instead of one were touched by {}",
                    self.name, touched.0, statement.text.sql
                );
                let next = "somebody else moves it; look with `ormkit migrate current`, and try again";
                return Err(MigrationProblem::new(problem).next(next).error());
            }
        }
        Ok(())
    }
}

/// PostgreSQL keeps ids of 32 characters, as Alembic does.
fn too_long(error: Error) -> Error {
    match error.diagnostics() {
        Some(said) if said.sqlstate.as_str() == "22001" => error.with_note(
            "the id has more characters than the column `version_num` takes: give the revision a shorter one",
        ),
        _ => error,
    }
}

/// Asks a query of one boolean.
async fn holds(link: &mut Link, sql: String) -> Result<bool> {
    let text = StatementText::new(sql, Vec::new(), Some(vec![SqlType::Bool]), Effect::Read);
    let mut found = Flag(false);
    link.run(Batch::of(&Statement::new(Arc::new(text), Params::new())), &mut found).await?;
    Ok(found.0)
}

struct Flag(bool);

impl RowSink for Flag {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        self.0 = row.cell(0)? == ValueRef::Bool(true);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0 = false;
    }
}

struct Texts(Vec<String>);

impl RowSink for Texts {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        if let ValueRef::Text(text) = row.cell(0)? {
            self.0.push(text.to_owned());
        }
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0.clear();
    }
}

struct Count(u64);

impl RowSink for Count {
    fn row(&mut self, _statement: usize, _row: &Row<'_>) -> Result<()> {
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {}

    fn done(&mut self, _statement: usize, affected: u64) -> Result<()> {
        self.0 = affected;
        Ok(())
    }
}
