//! Tables as the database has them, and making and dropping those of models.

pub mod alembic;
mod apply;
mod aside;
mod catalog;
mod compare;
mod culprit;
pub mod cursor;
mod declared;
mod detail;
mod diff;
mod exclusion;
mod introspect;
mod length;
mod line;
mod made_of;
mod migrate;
pub mod models;
mod named;
mod operation;
mod order;
mod orphans;
mod python;
mod rebuild;
mod recorded;
mod renames;
mod retype;
mod sequence;
mod spelling;
pub mod token;
mod wanted;
mod write;

pub use catalog::{
    Catalog, Check, Column, Computed, Enum, Exclusion, ForeignKey, Index, IndexPart, IndexTerm,
    NamedSequence, Numbering, NumberingKind, PrimaryKey, Table, Timing, Unique, View,
};
pub use compare::{Compare, Comparison};
pub use culprit::in_table;
pub use declared::declared;
pub use diff::diff;
pub use introspect::introspect;
pub use line::Line;
pub use migrate::{migrate, migrate_in};
pub use operation::{Change, Operation, Part};
pub use order::index_part;
pub use orphans::{Orphans, check_foreign_keys};
pub use recorded::Recorded;
pub use renames::Renames;
pub use retype::{conversion, keeps_stored_form, loses_parts};
pub use sequence::{Sequence, usual_bounds};
pub use wanted::wanted;

use std::sync::Arc;

use crate::driver::{Batch, Effect, Row, RowSink, Statement, StatementText};
use crate::error::{Error, Result};
use crate::model::{Model, ModelId, Schema};
use crate::pool::Pool;
use crate::session::Link;
use crate::sql::Spelling;
use crate::sql::ddl::{self, DdlStep};
use crate::value::{Params, SqlType, ValueRef};

/// Creates what does not exist yet of the models' tables, types and indexes, in one transaction.
///
/// # Errors
/// `Unsupported`: a column has a type that the database lacks; nothing is sent then. What the database says; nothing is
/// kept then.
///
/// # Cancelling
/// The transaction is rolled back.
pub async fn create_all(pool: &Pool, schema: &Schema, models: &[ModelId]) -> Result<()> {
    let steps = ddl::placed(schema, models, pool.dialect().into())?;
    let mut link = Link::new(pool.clone());
    link.begin()?;
    run(&mut link, steps).await?;
    link.commit().await
}

/// Drops the models' tables and types where they exist, in one transaction.
///
/// # Errors
/// As [`create_all`].
pub async fn drop_all(pool: &Pool, schema: &Schema, models: &[ModelId]) -> Result<()> {
    let mut link = Link::new(pool.clone());
    link.begin()?;
    run(&mut link, unplaced(ddl::drop_all(schema, models, pool.dialect()))).await?;
    link.commit().await
}

fn unplaced(steps: Vec<DdlStep>) -> Vec<(DdlStep, Option<&'static Model>)> {
    steps.into_iter().map(|step| (step, None)).collect()
}

/// Creates what does not exist yet of the models' tables, inside of the link's transaction, which the caller ends; one
/// is begun where none is open. `spelling` is the link's dialect, or the same with what it calls the schemas of models.
///
/// # Errors
/// As [`create_all`]; after an error of the database the transaction has failed then.
pub async fn create_all_in<'a>(
    link: &mut Link,
    schema: &Schema,
    models: &[ModelId],
    spelling: impl Into<Spelling<'a>>,
) -> Result<()> {
    let steps = ddl::placed(schema, models, spelling.into())?;
    run_in(link, steps).await
}

/// Drops the models' tables where they exist, as [`create_all_in`] creates them; enum types that `kept` ones have as well stay.
///
/// # Errors
/// As [`create_all_in`].
pub async fn drop_all_in<'a>(
    link: &mut Link,
    schema: &Schema,
    models: &[ModelId],
    kept: &[ModelId],
    spelling: impl Into<Spelling<'a>>,
) -> Result<()> {
    run_in(link, unplaced(ddl::drop_some(schema, models, kept, spelling))).await
}

async fn run_in(link: &mut Link, steps: Vec<(DdlStep, Option<&Model>)>) -> Result<()> {
    if !link.in_transaction() {
        link.begin()?;
    }
    run(link, steps).await
}

async fn run(link: &mut Link, steps: Vec<(DdlStep, Option<&Model>)>) -> Result<()> {
    for (step, model) in steps {
        let statement = match step {
            DdlStep::Run(statement) => statement,
            DdlStep::Unless { exists, then } => {
                if holds(link, exists).await? {
                    continue;
                }
                then
            }
        };
        let statements = [Statement::command(statement, Effect::Unknown)];
        let ran = link.run(Batch { before: &[], statements: &statements }, &mut Answer(false)).await;
        ran.map_err(|error| culprit::of_model(with_extension(error), model))?;
    }
    Ok(())
}

/// The types of extensions that columns have, with the extension's name.
const OF_EXTENSIONS: [&str; 2] = ["citext", "vector"];

/// Adds which extension has the type that the database does not know.
fn with_extension(mut error: Error) -> Error {
    if let Some(said) = error.diagnostics_mut()
        && said.sqlstate.as_str() == "42704"
        && let Some(name) = OF_EXTENSIONS.iter().find(|name| said.message.contains(&format!("\"{name}\"")))
    {
        let cure = format!("CREATE EXTENSION {name}");
        said.message.push_str(&format!(": run {cure} first"));
        said.hint = Some(cure);
    }
    error
}

/// Asks a query of one boolean.
async fn holds(link: &mut Link, query: String) -> Result<bool> {
    let text = StatementText::new(query, Vec::new(), Some(vec![SqlType::Bool]), Effect::Read);
    let statements = [Statement::new(Arc::new(text), Params::new())];
    let mut answer = Answer(false);
    link.run(Batch { before: &[], statements: &statements }, &mut answer).await?;
    Ok(answer.0)
}

struct Answer(bool);

impl RowSink for Answer {
    fn row(&mut self, _statement: usize, row: &Row<'_>) -> Result<()> {
        self.0 = row.cell(0)? == ValueRef::Bool(true);
        Ok(())
    }

    fn restart(&mut self, _statement: usize) {
        self.0 = false;
    }
}
